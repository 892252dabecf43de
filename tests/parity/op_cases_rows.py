"""Cases of products, embeddings, normalisation, softmax, cross-entropy and dropout."""

import torch
from torch.nn import functional

from op_cases import Case, integers, random

PRODUCTS = {
    "plain": ((3, 4), (4, 5)),
    "batch": ((2, 3, 4), (2, 4, 5)),
    "broadcast_left": ((3, 4), (2, 4, 5)),
    "broadcast_right": ((2, 3, 4), (4, 5)),
    "broadcast_both": ((2, 1, 3, 4), (1, 3, 4, 2)),
    "row": ((1, 4), (4, 5)),
    "column": ((3, 4), (4, 1)),
    "inner_one": ((3, 1), (1, 5)),
}


def products():
    """Matrix products with and without transposed storage, and linear maps."""
    for kind, (a, b) in PRODUCTS.items():
        for ta in (False, True):
            for tb in (False, True):
                x, y = random(*a, seed=1), random(*b, seed=2)
                inputs = [x.mT.contiguous() if ta else x, y.mT.contiguous() if tb else y]
                op = {"MatMul": {"transpose_a": ta, "transpose_b": tb}}
                call = lambda x, y, ta=ta, tb=tb: (x.mT if ta else x) @ (y.mT if tb else y)
                yield Case(f"matmul.{kind}{'.ta' * ta}{'.tb' * tb}", op, inputs, call, (0, 1))
    weight, bias = random(5, 4, seed=1), random(5, seed=2)
    for shape in ((3, 4), (2, 3, 4), (1, 4), (4,)):
        name = "x".join(map(str, shape))
        yield Case(f"linear.{name}", "Linear", [random(*shape), weight], functional.linear, (0, 1))
        yield Case(f"linear.bias.{name}", "Linear", [random(*shape), weight, bias], functional.linear, (0, 1, 2))


def rows():
    """Look-ups with repeated rows."""
    look_up = lambda table, ids: functional.embedding(ids, table)
    yield Case("embedding", "Embedding", [random(6, 4), integers(6, 2, 5)], look_up, (0,))
    yield Case("embedding.one", "Embedding", [random(1, 1), integers(1, 3)], look_up, (0,))


def norms():
    """RMS norm and layer norm, also of rows of one element and of large rows with a large mean."""
    for shape in ((2, 3, 8), (4, 1), (1, 40)):
        name, d = "x".join(map(str, shape)), shape[-1]
        x, weight, bias = random(*shape, shift=0.5), random(d, seed=1, shift=1.0), random(d, seed=2)
        rms = lambda x, w, d=d: functional.rms_norm(x, (d,), w, eps=1e-5)
        layer = lambda x, w, b=None, d=d: functional.layer_norm(x, (d,), w, b, eps=1e-5)
        yield Case(f"rms_norm.{name}", {"RmsNorm": {"eps": 1e-5}}, [x, weight], rms, (0, 1))
        yield Case(f"layer_norm.{name}", {"LayerNorm": {"eps": 1e-5}}, [x, weight], layer, (0, 1))
        yield Case(f"layer_norm.bias.{name}", {"LayerNorm": {"eps": 1e-5}}, [x, weight, bias], layer, (0, 1, 2))


def softmaxes():
    """Softmax and cross-entropy, with large values and ignored targets."""
    softmax = lambda x: functional.softmax(x, -1)
    yield Case("softmax", "Softmax", [random(2, 3, 7)], softmax, (0,))
    yield Case("softmax.one", "Softmax", [random(3, 1)], softmax, (0,))
    yield Case("softmax.large", "Softmax", [100 * random(2, 5)], softmax, (0,))
    targets = torch.tensor([3, -100, 0, 6, -1])
    yield Case("cross_entropy", "CrossEntropy", [random(5, 7), targets], cross_entropy, (0,))
    yield Case("cross_entropy.large", "CrossEntropy", [50 * random(5, 7), targets], cross_entropy, (0,))
    yield Case("cross_entropy.ignored", "CrossEntropy", [random(2, 3), torch.tensor([-100, -100])], cross_entropy, (0,))


def cross_entropy(logits, targets):
    """Loss and log-sum-exp of each row."""
    wanted = targets.masked_fill(targets < 0, -100)
    return functional.cross_entropy(logits, wanted, reduction="none", ignore_index=-100), logits.logsumexp(-1)


def uniform(seed, count):
    """The numbers that `Op::Uniform` documents."""
    mask = 2**64 - 1
    values = []
    for i in range(count):
        z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        values.append(((z ^ (z >> 31)) >> 40) / 2**24)
    return torch.tensor(values)


def dropout():
    """Dropout with the mask that its seed gives."""
    seed = 12345
    noise = uniform(seed, 24).reshape(4, 6)
    yield Case("uniform", {"Uniform": {"shape": [4, 6], "seed": seed}}, [], lambda: noise)
    drop = lambda x: x * (noise >= 0.3) / (1 - 0.3)
    yield Case("dropout", {"Dropout": {"p": 0.3, "seed": seed}}, [random(4, 6)], drop, (0,))
    squares = lambda *xs: sum(x.square().sum() for x in xs)
    yield Case("sum_squares", "SumSquares", [random(4, 6), random(3, seed=1), random(1)], squares)


def cases():
    """All of them."""
    return [*products(), *rows(), *norms(), *softmaxes(), *dropout()]
