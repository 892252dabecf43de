"""Fixtures of whole OSCAR training steps: loss, every gradient, and every parameter after three optimizer steps."""

import torch
from peft import LoraConfig
from torch.nn import functional

from decoders import SIZES
from lora import attach, save
from oscar_batch import compressor_inputs, generator_inputs, raw, records
from oscar_models import ModernBert, NLayers, generator_logits, load_generator, randomize_own_parts
from recording import FIXTURES, IGNORED, write

LAMBDA = 0.05
CLIP = 1.0
WEIGHT_DECAY = 0.1
LR_GENERATOR = torch.tensor([1e-3, 7.5e-4, 5e-4])
LR_COMPRESSOR = LR_GENERATOR / 2
COMPRESSORS = {"oscar-n-layers": NLayers, "oscar-modernbert": ModernBert}


def loss_of(compressor, generator, batch):
    """`mean cross-entropy over all answer tokens + LAMBDA * mean over records of (sum over documents of squared error)`."""
    memory, scores = compressor(batch)
    logits = generator_logits(generator, batch, memory)
    cross_entropy = functional.cross_entropy(logits.flatten(0, 1), batch["in.generator.targets"].flatten(), ignore_index=IGNORED)
    errors = (scores - batch["in.scores"]) ** 2
    relevance = errors.sum() / len(batch["in.generator.targets"])
    parts = {"memory": memory, "scores": scores, "logits": logits, "cross_entropy": cross_entropy, "relevance": relevance}
    return cross_entropy + LAMBDA * relevance, parts


def trainable(compressor, generator):
    """All trainable parameters by name: `compressor.NAME`, and `generator.NAME` with the names of PEFT's files."""
    named = {f"compressor.{name}": parameter for name, parameter in compressor.named_parameters()}
    for name, parameter in generator.named_parameters():
        if parameter.requires_grad:
            named[f"generator.{name.replace('.default', '')}"] = parameter
    return named


def make_optimizer(compressor, parameters):
    """AdamW with a rate for each of the two models; weight decay on every parameter."""
    own = list(compressor.parameters())
    other = [p for name, p in parameters.items() if name.startswith("generator.")]
    return torch.optim.AdamW([{"params": own}, {"params": other}], betas=(0.9, 0.999), eps=1e-8, weight_decay=WEIGHT_DECAY)


def three_steps(compressor, generator, batch):
    """Everything that is recorded of three steps on one batch."""
    parameters = trainable(compressor, generator)
    elsewhere = ("compressor.model.", "generator.")
    recorded = {f"initial.{n}": p.detach().clone() for n, p in parameters.items() if not n.startswith(elsewhere)}
    optimizer = make_optimizer(compressor, parameters)
    for step, rates in enumerate(zip(LR_COMPRESSOR, LR_GENERATOR), start=1):
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate.item()
        optimizer.zero_grad()
        loss, parts = loss_of(compressor, generator, batch)
        loss.backward()
        if step == 1:
            recorded |= parts | {f"grad.{name}": p.grad.clone() for name, p in parameters.items()}
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP)
        optimizer.step()
        recorded |= {f"loss.{step}": loss, f"norm.{step}": norm}
    return recorded | {f"after.{name}": parameter for name, parameter in parameters.items()}


def make():
    """Writes a directory for each compressor: `adapter/` (PEFT) and `step.safetensors`."""
    for seed, (name, kind) in enumerate(COMPRESSORS.items(), start=300):
        base = load_generator()
        compressor = randomize_own_parts(kind(base), seed)
        config = LoraConfig(r=2, lora_alpha=4, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        generator = attach(base, config, seed)
        save(generator, FIXTURES / name / "adapter", "llama2")
        sample = records(SIZES["vocab_size"], seed)
        batch = compressor_inputs(sample, kind.text) | generator_inputs(sample)
        batch["in.scores"] = torch.randn(len(batch["in.compressor.rr_positions"]), generator=torch.Generator().manual_seed(seed))
        batch |= {"in.lr.generator": LR_GENERATOR, "in.lr.compressor": LR_COMPRESSOR}
        write(FIXTURES / name / "step.safetensors", raw(sample) | batch | three_steps(compressor, generator, batch))
