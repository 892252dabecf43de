"""What a case of one instruction consists of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass
class Case:
    """`function(*inputs)` is what `op` computes; gradients are taken with respect to the inputs numbered in `gradients`, of the first output or,
    with `both`, of the first two."""

    name: str
    op: object
    inputs: list
    function: Callable
    gradients: tuple = ()
    both: bool = False


def random(*shape, seed=0, shift=0.0):
    """Normal random numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1000 * seed + sum(shape))) + shift


def positive(*shape, seed=0):
    """Numbers in 0.2 .. 2.2."""
    return 0.2 + 2 * torch.rand(shape, generator=torch.Generator().manual_seed(1000 * seed + sum(shape)))


def integers(high, *shape, seed=0):
    """Random indices in `0..high`."""
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))
