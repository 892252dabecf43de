"""Cases of rotary embeddings, gated units and attention."""

import torch
from torch.nn import functional

from op_cases import Case, random

ACTIVATIONS = {
    "Silu": functional.silu,
    "Gelu": functional.gelu,
    "GeluTanh": lambda x: functional.gelu(x, approximate="tanh"),
}


def rope(x, cos, sin):
    """As in transformers: the halves of each head are rotated into each other."""
    cos, sin = (torch.cat([t, t], -1).unsqueeze(2) for t in (cos, sin))
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def rotations():
    """Rotary embeddings with positions of their own for each row, and with shared ones; the inverse too."""
    for name, batch in (("rows", 2), ("shared", 1)):
        angles = random(batch, 5, 3, seed=1)
        inputs = [random(2, 5, 2, 6), angles.cos(), angles.sin()]
        yield Case(f"rope.{name}", {"Rope": {"inverse": False}}, inputs, rope, (0,))
        inverse = lambda x, cos, sin: rope(x, cos, -sin)
        yield Case(f"rope.{name}.inverse", {"Rope": {"inverse": True}}, inputs, inverse, (0,))
    for name, activation in ACTIVATIONS.items():
        call = lambda gate, up, f=activation: f(gate) * up
        yield Case(f"gated.{name}", {"Gated": name}, [random(2, 3, 4), random(2, 3, 4, seed=1)], call, (0, 1))
        yield Case(f"gated.{name}.one", {"Gated": name}, [random(1, 1), random(1, 1, seed=1)], call, (0, 1))


def visible(spec, spans, q_positions, k_positions):
    """Which keys each query sees, `[b, s, t]`: the rule of `AttentionSpec`."""
    p, r = q_positions[:, :, None], k_positions[:, None, :]
    index = torch.arange(r.shape[-1])[None, None]
    seen = torch.ones_like(index, dtype=bool).expand(p.shape[0], p.shape[1], -1)
    if spans is not None:
        start, length = spans[:, 0, None, None], spans[:, 1, None, None]
        seen = (index >= start) & (index < start + length) & seen.expand(len(spans), -1, -1)
    if spec["causal"]:
        seen = seen & (r <= p)
    if spec["window"] is not None:
        seen = seen & ((p - r).abs() <= spec["window"])
    return seen


def attention(spec):
    """Scaled dot-product attention and the log-sum-exp of its scores, `out [b, s, h, d]` and `lse [b, h, s]`."""

    def run(q, k, v, *places):
        s, t, groups = q.shape[1], k.shape[1], q.shape[2] // k.shape[2]
        spans, *positions = places if spec["spans"] else (None, *places)
        if positions:
            q_positions, k_positions = positions
        else:
            first = torch.tensor([[t - s]]) if spans is None else spans[:, 2:]
            q_positions, k_positions = first + torch.arange(s)[None], torch.arange(t)[None]
        k, v = (x.repeat_interleave(groups, 2).transpose(1, 2) for x in (k, v))
        seen = visible(spec, spans, q_positions, k_positions)[:, None]
        scores = (q.transpose(1, 2) @ k.mT * spec["scale"]).masked_fill(~seen, -torch.inf)
        lse = scores.logsumexp(-1)
        # A query that sees nothing has weights 0, not NaN, and passes no gradient on.
        blind = lse.isneginf()[..., None]
        weights = functional.softmax(scores.masked_fill(blind, 0), -1).masked_fill(blind, 0)
        return (weights @ v).transpose(1, 2), lse

    return run


def spec(d, causal, window=None, spans=False, positions=False):
    """An `AttentionSpec`."""
    return {"scale": d**-0.5, "causal": causal, "window": window, "spans": spans, "positions": positions}


def attentions():
    """Heads, groups, windows, padding on either side, a cache longer than the queries, a query that sees nothing."""
    shapes = {
        "plain": (2, 5, 5, 2, 2, 4),
        "grouped": (2, 5, 5, 4, 2, 4),
        "one_key_head": (1, 4, 4, 3, 1, 2),
        "cached": (2, 2, 7, 2, 1, 4),
        "one": (1, 1, 1, 1, 1, 2),
    }
    for name, (b, s, t, h, g, d) in shapes.items():
        inputs = [random(b, s, h, d, seed=1), random(b, t, g, d, seed=2), random(b, t, g, d, seed=3)]
        for causal in (False, True):
            for window in (None, 2):
                rule = spec(d, causal, window)
                label = f"attention.{name}{'.causal' * causal}{'.window' * (window is not None)}"
                yield Case(label, {"Attention": rule}, inputs, attention(rule), (0, 1, 2))
    yield from padded_attentions()


def padded_attentions():
    """Spans as an input: padding on either side, queries on padding that see some keys or none, a cache whose slots are not all used; and
    positions of tokens that are not consecutive."""
    b, s, h, g, d = 2, 6, 4, 2, 4
    inputs = [random(b, s, h, d, seed=1), random(b, s, g, d, seed=2), random(b, s, g, d, seed=3)]
    paddings = {
        "right": [[0, 6, 0], [0, 4, 0]],
        "left": [[0, 6, 0], [3, 3, 0]],
        "blind": [[0, 6, -3], [2, 0, 0]],
        "cached": [[1, 4, -1], [0, 5, -1]],
    }
    masks = ((True, None), (True, 2), (False, 1), (False, None))
    for name, spans in paddings.items():
        for causal, window in masks:
            rule = spec(d, causal, window, spans=True)
            label = f"attention.padded.{name}{'.causal' * causal}{'.window' * (window is not None)}"
            yield Case(label, {"Attention": rule}, [*inputs, torch.tensor(spans)], attention(rule), (0, 1, 2))
    places = [torch.tensor(rows) for rows in ([[0, 2, 4, 5, 9, 3]] * 2, [[0, 1, 3, 7, 8, 2], [5, 4, 3, 2, 1, 0]])]
    for spans in (None, [[0, 6, 0], [1, 3, 0]]):
        for causal, window in masks:
            rule = spec(d, causal, window, spans=spans is not None, positions=True)
            label = f"attention.places{'.padded' * (spans is not None)}{'.causal' * causal}{'.window' * (window is not None)}"
            own = [*inputs, *([torch.tensor(spans)] if spans else []), *places]
            yield Case(label, {"Attention": rule}, own, attention(rule), (0, 1, 2))


def cases():
    """All of them."""
    return [*rotations(), *attentions()]
