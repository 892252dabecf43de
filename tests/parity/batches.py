"""Token batches of different lengths, padded on either side."""

import torch

PAD = 0
BOS = 1
EOS = 2
FIRST_WORD = 4


def sequences(lengths, vocabulary, seed):
    """Random token sequences that begin with BOS and hold no other special token."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.cat([torch.tensor([BOS]), torch.randint(FIRST_WORD, vocabulary, (n - 1,), generator=generator)]) for n in lengths
    ]


def pad(rows, side, value=PAD):
    """`(ids, mask)` `[rows, longest]`, padded on the `left` or the `right`."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), value)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        place = slice(longest - len(row), None) if side == "left" else slice(0, len(row))
        ids[i, place] = row
        mask[i, place] = 1
    return ids, mask


def positions(mask):
    """Positions that count real tokens only, 0 on padding; what `generate` passes to a model."""
    return (mask.cumsum(-1) - 1).clamp(min=0)
