"""Cases of instructions that are several steps in one: adapters, residual connections with a norm, biases with an activation, parts."""

import torch
from torch.nn import functional

from op_cases import Case, random
from op_cases_transformer import ACTIVATIONS


def adapters():
    """Without dropout, whose random numbers are not PyTorch's; the low-rank product is the second output."""
    for name, (rows, i, r, o) in {"2x3x4": ((2, 3), 4, 2, 5), "1": ((1,), 3, 1, 2), "9x7": ((9,), 7, 4, 3)}.items():
        inputs = [random(*rows, o), random(*rows, i, seed=1), random(r, i, seed=2), random(o, r, seed=3)]

        def call(y, x, down, up):
            low = x @ down.T
            return y + 0.75 * low @ up.T, low

        yield Case(f"adapter.{name}", {"Adapter": {"scale": 0.75, "p": 0.0, "seed": 1}}, inputs, call, (0, 1, 2, 3))


def residual_norms():
    """The sum comes first; a gradient reaches both outputs."""
    for name, shape in {"2x3x8": (2, 3, 8), "5": (5,)}.items():
        d = shape[-1]
        x, residual, weight, bias = random(*shape), random(*shape, seed=1), random(d, seed=2), random(d, seed=3)
        rms = lambda x, r, w, d=d: (x + r, functional.rms_norm(x + r, (d,), w, eps=1e-5))
        layer = lambda x, r, w, b=None, d=d: (x + r, functional.layer_norm(x + r, (d,), w, b, eps=1e-5))
        inputs = [x, residual, weight]
        yield Case(f"add_rms_norm.{name}", {"AddRmsNorm": {"eps": 1e-5}}, inputs, rms, (0, 1, 2), both=True)
        yield Case(f"add_layer_norm.{name}", {"AddLayerNorm": {"eps": 1e-5}}, inputs, layer, (0, 1, 2), both=True)
        yield Case(f"add_layer_norm.bias.{name}", {"AddLayerNorm": {"eps": 1e-5}}, [*inputs, bias], layer, (0, 1, 2, 3), both=True)


def activations():
    """Of a sum with a bias, and of gates that are one half of a tensor."""
    functions = ACTIVATIONS | {"Relu": functional.relu, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid}
    for name, function in functions.items():
        call = lambda x, bias, f=function: f(x + bias)
        yield Case(f"bias_activation.{name}", {"BiasActivation": name}, [random(2, 3, 4), random(4, seed=1)], call, (0, 1))
    for name, function in ACTIVATIONS.items():
        call = lambda both, f=function: f(both.chunk(2, -1)[0]) * both.chunk(2, -1)[1]
        yield Case(f"gated.halves.{name}", {"Gated": name}, [random(2, 3, 8)], call, (0,))


def parts():
    """Tensors in parts, and the greatest elements of rows."""
    split = lambda x: x.split([2, 4], 1)
    yield Case("split", {"Split": {"dim": 1, "sizes": [2, 4]}}, [random(3, 6, 2)], split, (0,), both=True)
    for name, (shape, k) in {"3x9": ((3, 9), 4), "5": ((5,), 5), "1": ((2, 1), 1)}.items():
        call = lambda x, k=k: tuple(torch.topk(x, k))
        yield Case(f"top_k.{name}", {"TopK": {"k": k}}, [random(*shape)], call, (0,))


def cases():
    """All of them."""
    return [*adapters(), *residual_norms(), *activations(), *parts()]
