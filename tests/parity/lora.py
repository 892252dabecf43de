"""Fixtures of LoRA adapters in PEFT's layout, on the Mistral fixture."""

import json

import torch
from peft import LoraConfig, get_peft_model

from batches import pad, positions, sequences
from decoders import LENGTHS, SIZES, load
from recording import FIXTURES, next_tokens, prefixed, record, well_conditioned, write, write_json

BASE = "mistral"
ADAPTERS = {
    "lora-all-linear": LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"),
    "lora-subset": LoraConfig(r=2, lora_alpha=3, lora_dropout=0.0, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"),
}
# Seeds of token batches on which bf16 is well-conditioned. `lora-all-linear`, whose update is as large as the weights, is so on none.
BF16_BATCH_SEEDS = {"lora-subset": 4}


def randomize_adapter(model, seed, gain=1.0):
    """Random A and, unlike at the start of a training, random B, `gain` times its usual size: were it 0, A would have no gradient."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                size = gain if "lora_B" in name else 1.0
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5)
    return model


def attach(model, config, seed, gain=1.0):
    """The model with a random adapter of the model's own type (PEFT would make it f32 on a model in bf16)."""
    return randomize_adapter(get_peft_model(model, config, autocast_adapter_dtype=False), seed, gain)


def peft_names(recorded):
    """Gradients by the names that PEFT saves parameters under (without the adapter's own name)."""
    return {name.replace(".default", ""): tensor for name, tensor in recorded.items()}


def save(model, folder, base):
    """PEFT's two files, with the name of the base model's fixture, and the targets, a set, in a fixed order."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    fixed = {"base_model_name_or_path": base, "target_modules": sorted(config["target_modules"])}
    write_json(folder / "adapter_config.json", config | fixed)


def rounded(name, config, seed):
    """The case in bf16, weights, adapter and activations, on a batch of its own."""
    ids, mask = pad(sequences(LENGTHS, SIZES["vocab_size"], seed=BF16_BATCH_SEEDS[name]), "right")
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
    models = [attach(load(BASE, dtype), config, seed) for dtype in (torch.bfloat16, torch.float32)]
    bf16, exact = (peft_names(record(model, inputs, next_tokens(ids, mask), hidden=False)) for model in models)
    return well_conditioned(bf16, exact, name)


def make():
    """Writes both adapters, their outputs and gradients in f32 and bf16, and the outputs of the merged models."""
    ids, mask = pad(sequences(LENGTHS, SIZES["vocab_size"], seed=3), "right")
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
    for seed, (name, config) in enumerate(ADAPTERS.items(), start=200):
        model = attach(load(BASE), config, seed)
        exact = peft_names(record(model, inputs, next_tokens(ids, mask), hidden=False))
        recorded = prefixed("adapter", exact)
        if name in BF16_BATCH_SEEDS:
            recorded |= prefixed("bf16", rounded(name, config, seed))
        save(model, FIXTURES / name, BASE)
        recorded |= {"merged/logits": model.merge_and_unload()(**inputs).logits}
        write(FIXTURES / name / "expected.safetensors", recorded)
