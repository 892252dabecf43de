"""Fixtures of whole OSCAR training steps: loss, every gradient, and every parameter after three optimizer steps."""

import torch
from peft import LoraConfig
from torch.nn import functional

from decoders import SIZES
from lora import attach, save
from oscar_batch import compressor_inputs, generator_inputs, raw, records
from oscar_models import Adapter, Decoder, ModernBert, NLayers, generator_logits, load_generator, randomize_own_parts
from recording import FIXTURES, IGNORED, well_conditioned, write

LAMBDA = 0.05
CLIP = 1.0
WEIGHT_DECAY = 0.1
LR_GENERATOR = torch.tensor([1e-3, 7.5e-4, 5e-4])
LR_COMPRESSOR = LR_GENERATOR / 2
# Each with a seed at which the step is well-conditioned; see ROUNDING.
COMPRESSORS = {
    "oscar-n-layers": (NLayers, 307),
    "oscar-modernbert": (ModernBert, 304),
    "oscar-decoder": (Decoder, 300),
    "oscar-adapter": (Adapter, 301),
}
# B of the adapter is this much smaller than A, so that the update has half the size of the weight: larger than that, it makes
# gradients whose norm is 20 to 200, and of which f32 has lost the fourth digit.
ADAPTER_GAIN = 0.3
# The most that rounding may change. AdamW's first steps are as long as the rate whatever the gradient's size: where an element of a
# gradient is a rounding error away from 0, two right implementations take steps that differ by the whole rate. A fixture with such
# an element would compare rounding, and the tests' bar of 1e-4 would mean nothing.
ROUNDING = 1e-5
ROUNDINGS = 4


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
    own = ((name, parameter) for name, parameter in compressor.named_parameters() if parameter.requires_grad)
    below = lambda name: "adapter." if isinstance(compressor, Adapter) and name.startswith("model.") else ""
    named = {f"compressor.{below(name)}{name.replace('.default', '')}": parameter for name, parameter in own}
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
    elsewhere = ("generator.",) if isinstance(compressor, Adapter) else ("compressor.model.", "generator.")
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


def models(kind, seed, rounding=None):
    """Compressor and generator; with `rounding`, a seed, each trainable element is off by about one unit in its last place."""
    base = load_generator()
    compressor = randomize_own_parts(kind(base), seed)
    config = LoraConfig(r=2, lora_alpha=4, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    generator = attach(base, config, seed, ADAPTER_GAIN)
    if rounding is not None:
        noise = torch.Generator().manual_seed(rounding)
        with torch.no_grad():
            for parameter in trainable(compressor, generator).values():
                parameter.mul_(1 + torch.finfo(torch.float32).eps * torch.randn(parameter.shape, generator=noise))
    return compressor, generator


def sensitivity(recorded, disturbed):
    """The greatest difference of any gradient, loss or parameter, and of the gradients' norms (relative), and where it is."""
    scale = lambda name: recorded[name].item() if name.startswith("norm.") else 1.0
    compared = [name for name in recorded if not name.startswith("initial.")]
    return max(((recorded[name] - disturbed[name]).abs().max().item() / scale(name), name) for name in compared)


def first_step(kind, seed, batch, dtype=torch.float32):
    """What the first step computes with the models in `dtype`, and its gradients by name."""
    compressor, generator = (model.to(dtype) for model in models(kind, seed))
    loss, parts = loss_of(compressor, generator, batch)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in trainable(compressor, generator).items()}
    return parts | {"loss": loss}, gradients


def rounded_step(name, kind, seed, batch):
    """The first step in bf16. Its gradients, all in one vector in the order of their names: one by one, PyTorch's own are less like those
    in f32 than the tests' bar asks for, whatever the seed."""
    joined = lambda gradients: torch.cat([gradients[name].flatten() for name in sorted(gradients)])
    (values, gradients), (exact, exact_gradients) = (first_step(kind, seed, batch, dtype) for dtype in (torch.bfloat16, torch.float32))
    recorded = values | {"grad.all": joined(gradients)}
    return well_conditioned(recorded, exact | {"grad.all": joined(exact_gradients)}, name)


def normed_step(seed, batch):
    """The first step of an `n-layers` compressor with the final norm: what it computes, and the gradients of its vectors."""
    values, gradients = first_step(lambda base: NLayers(base, final_norm=True), seed, batch)
    return values | {f"grad.{name}": grad for name, grad in gradients.items() if name.startswith("compressor.") and 1 in (grad.dim(), len(grad))}


def make():
    """Writes a directory for each compressor: `adapter/` (PEFT) and `step.safetensors`; for `n-layers` its variants too."""
    for name, (kind, seed) in COMPRESSORS.items():
        compressor, generator = models(kind, seed)
        save(generator, FIXTURES / name / "adapter", "llama2")
        sample = records(SIZES["vocab_size"], seed)
        batch = compressor_inputs(sample, kind.text) | generator_inputs(sample)
        batch["in.scores"] = torch.randn(len(batch["in.compressor.rr_positions"]), generator=torch.Generator().manual_seed(seed))
        batch |= {"in.lr.generator": LR_GENERATOR, "in.lr.compressor": LR_COMPRESSOR}
        recorded = three_steps(compressor, generator, batch)
        for rounding in range(ROUNDINGS):
            worst, where = sensitivity(recorded, three_steps(*models(kind, seed, rounding), batch))
            if worst > ROUNDING:
                raise SystemExit(f"oscar: rounding changes {where} of {name} by {worst:.1e}; choose another seed")
        write(FIXTURES / name / "step.safetensors", raw(sample) | batch | recorded)
        if kind is NLayers:
            write(FIXTURES / name / "bf16.safetensors", rounded_step(name, kind, seed, batch))
            write(FIXTURES / name / "final_norm.safetensors", normed_step(seed, batch))
