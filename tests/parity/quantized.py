"""Blocks of 32 numbers as GGML's `q8_0` and `q4_0`, packed by the `gguf` package of llama.cpp."""

import numpy as np
from gguf import GGMLQuantizationType, quants

from recording import FIXTURES, write_json

FORMATS = {"q8_0": GGMLQuantizationType.Q8_0, "q4_0": GGMLQuantizationType.Q4_0}


def blocks():
    """Random blocks of several magnitudes, and those in which rounding or signs are at their ends."""
    random = np.random.default_rng(7)
    for scale in [1e-6, 0.02, 1.0, 300.0]:
        yield random.standard_normal(32) * scale
    yield random.uniform(-1.0, 0.0, 32)
    yield np.linspace(-8.0, 7.0, 32)
    yield np.arange(32) - 15.5
    yield np.zeros(32)
    # Two numbers of the greatest magnitude and opposite sign: the first decides the sign of the scale.
    yield np.where(np.arange(32) % 5 == 0, 2.0, -2.0)


def make():
    cases = []
    for numbers in blocks():
        numbers = numbers.astype(np.float32)
        packed = {name: quants.quantize(numbers, kind).tolist() for name, kind in FORMATS.items()}
        cases.append({"numbers": numbers.astype(float).tolist(), **packed})
    write_json(FIXTURES / "quantized.json", cases)
