"""Runs ScaleDown's benchmarks and their PyTorch twins in turn (A B A B), prints ratios of the medians, and fails if a bar is missed.

Taking turns spreads whatever else the machine does over both. Build ScaleDown first: `cargo build --release`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KINDS = ["step", "step-checkpointing", "decode", "rag"]
# The greatest time, in units of PyTorch's, that the project asks of itself.
BARS = {"step": 0.62, "decode-1": 0.35, "decode-8": 0.45, "rag-compressed": 0.48}
# The least part of the machine's matrix product rate that a step must reach.
GEMM_BAR = 0.55
# The least part of the FLOP ratio that must show as speed-up.
RAG_BAR = 0.8
# Of a step with gradient checkpointing, in units of the plain one.
CHECKPOINTING_BARS = {"memory": 0.5, "time": 1.4}


def run(command):
    """The measurements that a command prints, by name."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"compare: {' '.join(map(str, command))} failed:\n{done.stderr}")
    return {measurement["name"]: measurement for measurement in json.loads(done.stdout)["measurements"]}


def ours(binary, kind, options):
    """The command for ScaleDown's side of a comparison."""
    threads = f"device.threads={options.threads}"
    return [binary, "bench", *option(kind), "--json", "--runs", str(options.runs), "--set", threads]


def theirs(kind, options):
    """The command for PyTorch's side."""
    script, *rest = option(kind)
    return [sys.executable, HERE / f"{script}.py", *rest, "--threads", str(options.threads), "--runs", str(options.runs)]


def option(kind):
    """A kind as the arguments of either side: a benchmark and its options."""
    return ["step", "--checkpointing"] if kind == "step-checkpointing" else [kind]


def compare(options):
    """All runs of both sides by name of the measurement: `{name: {"ours": [...], "theirs": [...]}}`."""
    collected = {}
    for _ in range(options.rounds):
        for kind in options.kinds:
            sides = {"ours": ours(options.binary, kind, options), "theirs": theirs(kind, options)}
            for side, command in sides.items():
                for name, measurement in run(command).items():
                    collected.setdefault(name, {}).setdefault(side, []).append(measurement)
    return collected


def median(measurements):
    """The median of all runs of all rounds, in milliseconds."""
    return statistics.median(run for measurement in measurements for run in measurement["runs_ms"])


def check_alike(name, sides):
    """Both sides must have measured the same thing."""
    for key in ("shape", "dtype", "threads"):
        values = [sides[side][0].get(key) for side in ("ours", "theirs")]
        if values[0] != values[1]:
            print(f"compare: warning: {name}: {key} differs: {values[0]} and {values[1]}", file=sys.stderr)


def rows(collected):
    """One line a measurement that both sides have."""
    for name, sides in collected.items():
        if len(sides) < 2:
            print(f"compare: warning: only {next(iter(sides))} measured {name}", file=sys.stderr)
            continue
        check_alike(name, sides)
        mine, other = median(sides["ours"]), median(sides["theirs"])
        best = max(measurement.get("gemm_fraction") or 0 for measurement in sides["ours"])
        yield {
            "name": name,
            "ours_ms": mine,
            "torch_ms": other,
            "ratio": mine / other,
            "bar": BARS.get(name),
            "gemm_fraction": best,
            "peak_memory_bytes": max(measurement.get("peak_memory_bytes") or 0 for measurement in sides["ours"]),
        }


def speedups(collected):
    """For each side, how much of the FLOP ratio of compression its speed-up shows."""
    for side in ("ours", "theirs"):
        compressed, full = (collected[f"rag-{kind}"].get(side) for kind in ("compressed", "uncompressed"))
        if compressed and full:
            speedup = median(full) / median(compressed)
            flops = full[0]["flops"] / compressed[0]["flops"]
            yield {"side": side, "speedup": speedup, "flop_ratio": flops, "part": speedup / flops, "bar": RAG_BAR}


def checkpointing(measured):
    """What gradient checkpointing saves of ScaleDown's activation memory, and what it costs in time."""
    plain, again = (measured.get(name, {}).get("ours") for name in ("step", "step-checkpointing"))
    if plain and again:
        activations = [runs[0]["peak_memory_bytes"] - runs[0]["held_memory_bytes"] for runs in (again, plain)]
        return {"memory": activations[0] / activations[1], "time": median(again) / median(plain), "bars": CHECKPOINTING_BARS}
    return None


def misses(results, ratios, saved):
    """A line for each bar that was not reached."""
    for row in results:
        if row["bar"] and row["ratio"] > row["bar"]:
            yield f"{row['name']} takes {row['ratio']:.2f} of PyTorch's time, at most {row['bar']} is asked for"
        if row["name"] == "step" and row["gemm_fraction"] < GEMM_BAR:
            yield f"step reaches {row['gemm_fraction']:.2f} of the matrix product rate, at least {GEMM_BAR} is asked for"
    for row in ratios:
        if row["side"] == "ours" and row["part"] < RAG_BAR:
            yield f"rag shows {row['part']:.2f} of the FLOP ratio as speed-up, at least {RAG_BAR} is asked for"
    for name, bar in CHECKPOINTING_BARS.items():
        if saved and saved[name] > bar:
            yield f"gradient checkpointing takes {saved[name]:.2f} of the {name}, at most {bar} is asked for"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS, help=f"{', '.join(KINDS)} (default: all)")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "scaledown")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each side in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measured = compare(options)
    results, saved = list(rows(measured)), checkpointing(measured)
    ratios = list(speedups(measured)) if "rag" in options.kinds else []
    missed = list(misses(results, ratios, saved))
    if options.json:
        print(json.dumps({"measurements": results, "rag": ratios, "checkpointing": saved, "missed": missed}, indent=2))
        sys.exit(1 if missed else 0)
    print(f"{'':20} {'ScaleDown':>12} {'PyTorch':>12} {'ratio':>7} {'bar':>5} {'of GEMM':>8}")
    for row in results:
        bar = f"{row['bar']:.2f}" if row["bar"] else ""
        times = f"{row['ours_ms']:9.1f} ms {row['torch_ms']:9.1f} ms"
        print(f"{row['name']:20} {times} {row['ratio']:7.2f} {bar:>5} {row['gemm_fraction']:8.0%}")
    for row in ratios:
        speedup, flops = f"{row['speedup']:.2f}x faster", f"{row['flop_ratio']:.2f}x fewer FLOPs"
        print(f"rag, {row['side']}: {speedup} with {flops}: {row['part']:.2f} of it (bar {row['bar']})")
    if saved:
        bars = f"(bars {CHECKPOINTING_BARS['memory']} and {CHECKPOINTING_BARS['time']})"
        print(f"gradient checkpointing: {saved['memory']:.2f} of the activation memory, {saved['time']:.2f} of the time {bars}")
    for miss in missed:
        print(f"missed: {miss}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
