"""Fixtures of greedy decoding: batches of different lengths, with an end token that stops some rows early."""

import torch

from batches import PAD, pad, sequences
from decoders import SIZES, load
from recording import FIXTURES, prefixed, write

MODELS = ["mistral", "llama2", "llama3", "qwen2", "qwen2-window", "qwen3", "gemma2", "gemma3", "phi3", "phi4-mini"]
LENGTHS = [9, 4, 1, 6]
NEW_TOKENS = 14
# Seeds of the batches, where that of the name's length makes a close choice.
SEEDS = {"qwen3": 0}
# Where the best two logits are closer than this, another order of summation could choose another token.
MARGIN = 1e-3


def generate(model, ids, mask, eos):
    """Greedy tokens `[rows, steps]`, PAD after a row's end, and the smallest margin of any choice."""
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        eos_token_id=eos,
        pad_token_id=PAD,
        output_logits=True,
        return_dict_in_generate=True,
    )
    tokens = output.sequences[:, ids.shape[1] :]
    best = torch.stack(output.logits, 1).topk(2, -1).values
    return tokens, (best[..., 0] - best[..., 1]).min().item()


def case(name):
    """Tokens of one model, without an end and with one: the fourth token of the first row."""
    model = load(name).eval()
    ids, mask = pad(sequences(LENGTHS, SIZES["vocab_size"], seed=SEEDS.get(name, len(name))), "left")
    free, margin = generate(model, ids, mask, eos=None)
    if margin < MARGIN:
        raise SystemExit(f"generation: {name} makes a choice by {margin:.1e}; choose another seed")
    eos = int(free[0, 3])
    stopped, _ = generate(model, ids, mask, eos)
    return {"in.input_ids": ids, "in.attention_mask": mask, "tokens": free, "eos": torch.tensor(eos), "stopped": stopped}


def make():
    """Writes `generation.safetensors`."""
    write(FIXTURES / "generation.safetensors", {k: v for name in MODELS for k, v in prefixed(name, case(name)).items()})
