"""Timing of one function, and the JSON that every twin prints (README.md lists its keys)."""

import argparse
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

SHAPES = json.loads((Path(__file__).parent / "shapes.json").read_text())


def arguments(description):
    """The command line that all twins share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads that PyTorch may use")
    parser.add_argument("--runs", type=int, default=5, help="timed runs")
    parser.add_argument("--warmup", type=int, default=1, help="runs before them")
    return parser


def prepare(options):
    """Fixes threads and seed."""
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)


def gemm_gflops(size=1536, runs=5):
    """The machine's rate at a square f32 matrix product, the best of several runs."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return max(2 * size**3 / seconds(lambda: a @ b) for _ in range(runs)) / 1e9


def seconds(function):
    """The time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(name, function, options, shape, tokens):
    """Times `function`, which handles `tokens` tokens."""
    with FlopCounterMode(display=False) as counter:
        function()
    for _ in range(options.warmup - 1):
        function()
    runs = [1000 * seconds(function) for _ in range(options.runs)]
    median = statistics.median(runs)
    rate = gemm_gflops()
    return {
        "name": name,
        "shape": shape,
        "dtype": "f32",
        "threads": options.threads,
        "median_ms": median,
        "runs_ms": runs,
        "tokens_per_second": 1000 * tokens / median,
        "flops": counter.get_total_flops(),
        "gemm_gflops": rate,
        "gemm_fraction": counter.get_total_flops() / (median / 1000) / (rate * 1e9),
        # ru_maxrss counts KiB on Linux; it is the whole process, PyTorch's own libraries included.
        "peak_memory_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def print_measurements(measurements):
    """What `compare.py` reads."""
    json.dump({"implementation": f"torch {torch.__version__}", "measurements": measurements}, sys.stdout, indent=2)
    print()
