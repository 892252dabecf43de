"""Cases of creation, layout, element-wise instructions and reductions."""

import torch
from torch.nn import functional

from op_cases import Case, positive, random

UNARY = {
    "Neg": torch.neg,
    "Abs": torch.abs,
    "Square": torch.square,
    "Exp": torch.exp,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tanh": torch.tanh,
    "Sigmoid": torch.sigmoid,
    "Relu": torch.relu,
    "Silu": functional.silu,
    "Gelu": functional.gelu,
    "GeluTanh": lambda x: functional.gelu(x, approximate="tanh"),
    "Erf": torch.erf,
}
UNARY_POSITIVE = {"Sqrt": torch.sqrt, "Rsqrt": torch.rsqrt, "Recip": torch.reciprocal, "Log": torch.log}

BINARY = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Maximum": torch.maximum,
    "Minimum": torch.minimum,
}
BROADCASTS = {
    "same": ((2, 3), (2, 3)),
    "row": ((2, 3), (3,)),
    "column": ((2, 3), (2, 1)),
    "both": ((2, 1, 3), (4, 1)),
    "scalar": ((), (2, 3)),
    "one": ((1, 1), (1,)),
}
COMPARE = {"Eq": torch.eq, "Ne": torch.ne, "Lt": torch.lt, "Le": torch.le, "Gt": torch.gt, "Ge": torch.ge}
# 40 and -40 are where an activation written naively overflows.
EXTREMES = torch.tensor([-40.0, -9.0, -1e-3, 0.0, 1e-3, 9.0, 40.0])


def unary():
    """Functions of one element, with extreme values for the activations."""
    for name, function in UNARY.items():
        yield Case(f"unary.{name}", {"Unary": name}, [random(3, 5)], function, (0,))
    for name, function in UNARY_POSITIVE.items():
        yield Case(f"unary.{name}", {"Unary": name}, [positive(3, 5)], function, (0,))
    for name in ("Tanh", "Sigmoid", "Silu", "Gelu", "GeluTanh", "Erf"):
        yield Case(f"unary.{name}.extremes", {"Unary": name}, [EXTREMES], UNARY[name], (0,))
    yield Case("affine", {"Affine": {"mul": -1.5, "add": 0.25}}, [random(2, 3)], lambda x: x * -1.5 + 0.25, (0,))


def binary():
    """Functions of two elements with every kind of broadcasting, comparisons, and a choice."""
    for name, function in BINARY.items():
        for kind, (a, b) in BROADCASTS.items():
            inputs = [random(*a, seed=1), positive(*b, seed=2)]
            yield Case(f"binary.{name}.{kind}", {"Binary": name}, inputs, function, (0, 1))
    tied = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 5.0, 3.0])]
    for name in ("Maximum", "Minimum"):
        yield Case(f"binary.{name}.ties", {"Binary": name}, tied, BINARY[name], (0, 1))
    for name, function in COMPARE.items():
        yield Case(f"compare.{name}", {"Compare": name}, [tied[0], tied[1].reshape(3, 1)], function)
    condition = torch.tensor([[True], [False]])
    yield Case("select", "Select", [condition, random(2, 3), random(3, seed=1)], torch.where, (1, 2))


def layout():
    """Movement of elements."""
    yield Case("permute", {"Permute": {"dims": [2, 0, 1]}}, [random(2, 3, 4)], lambda x: x.permute(2, 0, 1), (0,))
    yield Case("permute.one", {"Permute": {"dims": [1, 0]}}, [random(1, 4)], lambda x: x.permute(1, 0), (0,))
    yield Case("broadcast", {"Broadcast": {"shape": [2, 3, 4]}}, [random(3, 1)], lambda x: x.expand(2, 3, 4), (0,))
    yield Case("slice", {"Slice": {"dim": 1, "start": 1, "len": 2}}, [random(2, 4, 3)], lambda x: x[:, 1:3], (0,))
    yield Case("write_slice", {"WriteSlice": {"dim": 1, "start": 2}}, [random(2, 4), random(2, 1)], write_slice, (0, 1))
    parts = [random(2, 1, seed=1), random(2, 3, seed=2), random(2, 2, seed=3)]
    yield Case("concat", {"Concat": {"dim": 1}}, parts, lambda *xs: torch.cat(xs, 1), (0, 1, 2))
    yield Case("reshape", {"Reshape": {"shape": [3, 4]}}, [random(2, 6)], lambda x: x.reshape(3, 4), (0,))


def write_slice(base, update):
    """`base` with its column 2 replaced."""
    return torch.cat([base[:, :2], update, base[:, 3:]], 1)


def reductions():
    """Sums, means and maxima, the latter with ties."""
    functions = {"Sum": torch.sum, "Mean": torch.mean, "Max": torch.amax}
    for name, function in functions.items():
        for dims, keep in (([0], False), ([2], True), ([0, 2], False), ([0, 1, 2], False)):
            op = {"Reduce": {"op": name, "dims": dims, "keep": keep}}
            call = lambda x, f=function, d=dims, k=keep: f(x, dim=d, keepdim=k)
            yield Case(f"reduce.{name}.{''.join(map(str, dims))}{'.keep' * keep}", op, [random(2, 3, 4)], call, (0,))
    ties = torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    op = {"Reduce": {"op": "Max", "dims": [1], "keep": False}}
    yield Case("reduce.Max.ties", op, [ties], lambda x: torch.amax(x, 1), (0,))
    yield Case("arg_max", "ArgMax", [ties], lambda x: x.argmax(-1))
    yield Case("arg_max.random", "ArgMax", [random(4, 7)], lambda x: x.argmax(-1))


def casts():
    """Conversions: exact ones, roundings (ties among them), and truncations; the gradient comes back in the input's type."""
    rounded = torch.tensor([1.0, 1 + 2.0**-8, 1 + 3 * 2.0**-8, -2.7, 3.9, 0.0, 65519.0, 1e-7])
    for name, dtype in {"F64": torch.float64, "BF16": torch.bfloat16, "F16": torch.float16}.items():
        yield Case(f"cast.{name}", {"Cast": {"dtype": name.lower()}}, [rounded], lambda x, d=dtype: x.to(d), (0,))
    for name, dtype in {"I64": torch.int64, "Bool": torch.bool}.items():
        yield Case(f"cast.{name}", {"Cast": {"dtype": name.lower()}}, [rounded], lambda x, d=dtype: x.to(d))
    for name, dtype in {"bf16": torch.bfloat16, "f16": torch.float16, "f64": torch.float64}.items():
        narrow = random(5).to(dtype)
        yield Case(f"cast.F32.{name}", {"Cast": {"dtype": "f32"}}, [narrow], lambda x: x.to(torch.float32), (0,))
    yield Case("cast.F32.i64", {"Cast": {"dtype": "f32"}}, [torch.tensor([-3, 0, 7])], lambda x: x.to(torch.float32))
    yield Case("cast.F32.bool", {"Cast": {"dtype": "f32"}}, [torch.tensor([True, False])], lambda x: x.to(torch.float32))


def cases():
    """All of them."""
    return [*unary(), *binary(), *layout(), *reductions()]
