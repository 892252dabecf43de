"""The floating-point operations of a decoder's forward pass, as `FlopCounterMode` counts them."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from decoders import MODELS, load
from recording import FIXTURES, write_json

BATCH, LENGTH = 2, 13


def count(model):
    """The operations of one forward pass over `[BATCH, LENGTH]` tokens, logits at every place included.

    Rotary angles are left out: `transformers` computes them by a matrix product with one inner term, which we read from a table.
    """
    ids = torch.ones(BATCH, LENGTH, dtype=torch.long)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    by_module = counter.get_flop_counts()
    angles = sum(sum(counts.values()) for name, counts in by_module.items() if name.endswith("rotary_emb"))
    return counter.get_total_flops() - angles


def make():
    """Writes `flops.json`."""
    counts = {name: count(load(name)) for name in MODELS}
    write_json(FIXTURES / "flops.json", {"batch": BATCH, "length": LENGTH, "forward": counts})
