"""Compares `scaledown inspect forward` with transformers on any supported checkpoint.

    python compare_forward.py DIR                     # a random batch, padded on the right and, where the model may, on the left
    python compare_forward.py DIR --tokens FILE.json  # {"input_ids": [[..]], "attention_mask": [[..]]}

Prints cosine and greatest difference of the logits and of every hidden state, at real tokens only, and fails if one is out of
bounds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from batches import pad, positions

# They count positions from the beginning of a row, so that padding stands at its end.
ABSOLUTE = ("bert", "distilbert", "deberta-v2")
BINARY = Path(__file__).parents[2] / "target" / "release" / "scaledown"


def random_batch(vocabulary, seed, side):
    """Three sequences of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randint(0, vocabulary, (length,), generator=generator) for length in (24, 17, 5)]
    ids, mask = pad(rows, side)
    return {"input_ids": ids.tolist(), "attention_mask": mask.tolist()}


def theirs(directory, batch):
    """What transformers computes in f32."""
    (architecture,) = AutoConfig.from_pretrained(directory).architectures
    kind = AutoModelForCausalLM if architecture.endswith("CausalLM") else getattr(transformers, architecture)
    model = kind.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    inputs = {name: torch.tensor(rows) for name, rows in batch.items()}
    if kind is AutoModelForCausalLM:
        inputs["position_ids"] = positions(inputs["attention_mask"])
    with torch.no_grad():
        output = model(**inputs, output_hidden_states=True)
    logits = {"logits": output.logits} if "logits" in output else {}
    return logits | {f"hidden.{i}": state for i, state in enumerate(output.hidden_states)}


def ours(binary, directory, batch):
    """What ScaleDown computes."""
    with tempfile.TemporaryDirectory() as folder:
        tokens, out = Path(folder) / "tokens.json", Path(folder) / "out.safetensors"
        tokens.write_text(json.dumps(batch))
        command = [binary, "inspect", "forward", "--model", directory, "--tokens", tokens, "--out", out]
        subprocess.run(command, check=True)
        return load_file(out)


def compare(name, ours, theirs, mask, options):
    """Prints one line; true if the two are near enough."""
    if name not in ours:
        print(f"{name:12} missing")
        return False
    if ours[name].shape != theirs.shape:
        print(f"{name:12} shape {tuple(ours[name].shape)}, expected {tuple(theirs.shape)}")
        return False
    # A classifier's logits belong to whole rows.
    each = mask if theirs.shape[:2] == mask.shape else slice(None)
    a, b = ours[name].double()[each], theirs.double()[each]
    cosine = torch.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()
    difference = (a - b).abs().max().item()
    near = cosine >= options.cosine and difference <= options.absolute
    print(f"{name:12} cosine {cosine:.8f}  greatest difference {difference:.2e}  {'ok' if near else 'DIFFERS'}")
    return near


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--tokens", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--binary", type=Path, default=BINARY)
    parser.add_argument("--cosine", type=float, default=0.99999)
    parser.add_argument("--absolute", type=float, default=1e-4, help="raise it for checkpoints with large activations")
    options = parser.parse_args()
    if options.tokens:
        batches = {str(options.tokens): json.loads(options.tokens.read_text())}
    else:
        config = AutoConfig.from_pretrained(options.directory)
        sides = ("right",) if config.model_type in ABSOLUTE else ("right", "left")
        batches = {f"padded on the {side}": random_batch(config.vocab_size, options.seed, side) for side in sides}
    near = []
    for name, batch in batches.items():
        print(name)
        expected, found = theirs(options.directory, batch), ours(options.binary, options.directory, batch)
        mask = torch.tensor(batch["attention_mask"]).bool()
        near += [compare(key, found, tensor, mask, options) for key, tensor in expected.items()]
        near += [not (unknown := found.keys() - expected.keys())]
        if unknown:
            print(f"transformers has no {', '.join(sorted(unknown))}")
    sys.exit(0 if all(near) else 1)


if __name__ == "__main__":
    main()
