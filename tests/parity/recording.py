"""Runs a model on one case and records what it computed, and writes fixtures."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

FIXTURES = Path(__file__).parent / "fixtures"
IGNORED = -100
# How near PyTorch's own gradients in bf16 must be to those in f32. Where they are as near as this, another implementation whose
# rounding is as large but not the same is still within the tests' bar of 0.999: 1 - cosine adds up. On some batches PyTorch alone is
# off by more than the bar (16 of 624 gradients of `qwen2` over 24 batches, the biases' before all, which are small and sums of
# numbers of either sign); there the bar would tell nothing about who is right.
BF16_COSINE = 0.9996


def record(model, inputs, targets=None, parameters=True, hidden=True):
    """The outputs of `model(**inputs)`: `logits`, `hidden.I` (if `hidden`), and, given targets, `loss` and `grad.NAME`.

    `targets` `[batch, sequence]` belong to the logits at the same place (they are already shifted); the loss is the mean
    cross-entropy of those that are not negative. A gradient is recorded for every parameter that requires one (unless
    `parameters` is false) and for `inputs_embeds` where the input is by embeddings.
    """
    recorded = {f"in.{name}": value for name, value in inputs.items()}
    inputs = {name: value.clone().requires_grad_(name == "inputs_embeds") for name, value in inputs.items()}
    model.zero_grad(set_to_none=True)
    output = model(**inputs, output_hidden_states=hidden)
    recorded["logits"] = output.logits
    if hidden:
        recorded |= {f"hidden.{i}": state for i, state in enumerate(output.hidden_states)}
    if targets is not None:
        loss = functional.cross_entropy(output.logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        loss.backward()
        recorded |= {"in.targets": targets, "loss": loss}
        if parameters:
            recorded |= gradients(model)
        if "inputs_embeds" in inputs:
            recorded["grad.inputs_embeds"] = inputs["inputs_embeds"].grad
    return recorded


def gradients(model):
    """`grad.NAME` of every trainable parameter; one without a gradient is a mistake of the fixture."""
    return {f"grad.{name}": parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}


def well_conditioned(recorded, exact, name):
    """`recorded` in bf16, if its gradients are near enough to those of the same case in f32."""
    for key in filter(lambda key: key.startswith("grad."), exact):
        cosine = functional.cosine_similarity(recorded[key].double().flatten(), exact[key].double().flatten(), dim=0).item()
        if cosine < BF16_COSINE:
            raise SystemExit(f"{name}: {key} has a cosine of {cosine:.5f} between bf16 and f32; choose another seed")
    return recorded


def next_tokens(input_ids, attention_mask):
    """The targets of a language model: at each place the next token, where both are real."""
    targets = torch.full_like(input_ids, IGNORED)
    targets[:, :-1] = input_ids[:, 1:]
    real = attention_mask.bool()
    targets[:, :-1][~(real[:, 1:] & real[:, :-1])] = IGNORED
    return targets


def write(path, tensors):
    """One safetensors file; keys sorted, everything contiguous."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensors[name].detach().contiguous().clone() for name in sorted(tensors)}, path)


def write_json(path, value):
    """One JSON file, as a person would format it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def prefixed(case, tensors):
    """The tensors of a case under `CASE/NAME`."""
    return {f"{case}/{name}": tensor for name, tensor in tensors.items()}
