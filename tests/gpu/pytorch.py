"""The measurements of `scaledown-gpu-check` in PyTorch, on the same card: `pytorch.py OUT.json [tiny]`.

Models are those of transformers with random weights, the adapter is PEFT's (or, where PEFT is not installed, the same thing in a few lines).
Each is measured as written ("eager") and after `torch.compile`.
"""

import json
import sys
import time

import torch
from torch import nn
from transformers import MistralConfig, MistralForCausalLM

TINY = len(sys.argv) > 2
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VECTORS, LAYERS = 8, 2 if TINY else 8
ROWS = []


def row(section, name, value, unit):
    print(f"{section:<12} {name:<80} {value:>12.3f} {unit}", flush=True)
    ROWS.append({"section": section, "name": name, "value": value, "unit": unit})


def shapes():
    def shape(hidden, inner, layers, heads, vocabulary):
        return MistralConfig(vocab_size=vocabulary, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
                             num_attention_heads=heads, num_key_value_heads=max(heads // 4, 1), rms_norm_eps=1e-5,
                             sliding_window=None, tie_word_embeddings=False, attn_implementation="sdpa")
    if TINY:
        return {"tiny": shape(64, 96, 3, 4, 128)}
    return {"1B": shape(2048, 8192, 16, 32, 32000), "7B": shape(4096, 14336, 32, 32, 32000)}


class Lora(nn.Module):
    def __init__(self, base, r=16, alpha=32, dropout=0.1):
        super().__init__()
        self.base, self.scale, self.dropout = base, alpha / r, nn.Dropout(dropout)
        self.down = nn.Linear(base.in_features, r, bias=False, device=base.weight.device, dtype=base.weight.dtype)
        self.up = nn.Linear(r, base.out_features, bias=False, device=base.weight.device, dtype=base.weight.dtype)
        nn.init.zeros_(self.up.weight)

    def forward(self, x):
        return self.base(x) + self.scale * self.up(self.down(self.dropout(x)))


def adapted(model):
    model.requires_grad_(False)
    try:
        from peft import LoraConfig, get_peft_model
        config = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.1, target_modules="all-linear")
        return get_peft_model(model, config).base_model.model, "PEFT"
    except ImportError:
        for module in list(model.model.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(module, name, Lora(child))
        return model, "own LoRA"


def build(config, layers=None):
    config = MistralConfig(**{**config.to_dict(), **({"num_hidden_layers": layers} if layers else {})})
    torch.manual_seed(1)
    with torch.device(DEVICE):
        return MistralForCausalLM(config).to(torch.bfloat16)


def synchronize():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def ids(rows, width, vocabulary):
    return (torch.arange(rows * width, device=DEVICE) * 7919 % vocabulary).reshape(rows, width)


def loss(model, hidden, answer):
    logits = model.lm_head(hidden[:, -answer:])
    targets = ids(hidden.shape[0], answer, logits.shape[-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def measure(section, name, tokens, step, steps=None):
    steps = steps or (1 if TINY else 3)
    try:
        step()
        step()
        synchronize()
        if DEVICE == "cuda":
            torch.cuda.reset_peak_memory_stats()
        started = time.time()
        for _ in range(steps):
            step()
        synchronize()
        seconds = (time.time() - started) / steps
        row(section, f"{name}: step", seconds, "s")
        row(section, f"{name}: rate", tokens / seconds, "tokens/s")
        if DEVICE == "cuda":
            row(section, f"{name}: memory", torch.cuda.max_memory_allocated() / 1e9, "GB")
    except torch.OutOfMemoryError as error:
        ROWS.append({"section": section, "name": name, "text": f"does not fit: {error}"})
        print(section, name, "does not fit", flush=True)


def optimize(parameters, total):
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    total.step()
    total.zero_grad(set_to_none=True)


def lora(name, config, compiled):
    rows, width = (2, 12) if TINY else (16, 512)
    for checkpointing in (True, False):
        model, kind = adapted(build(config))
        model.train()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=1e-5, fused=DEVICE == "cuda")
        run = torch.compile(model.model) if compiled else model.model
        tokens = ids(rows, width, config.vocab_size)

        def step():
            loss(model, run(tokens, use_cache=False).last_hidden_state, width // 2).backward()
            optimize(parameters, optimizer)

        how = "with" if checkpointing else "without"
        measure("lora", f"{name}, {rows} x {width}, {how} checkpointing, {kind}, {'compiled' if compiled else 'eager'}", rows * width, step)
        del model, optimizer, run
        if DEVICE == "cuda":
            torch.cuda.empty_cache()


def oscar(name, config, compiled):
    documents, length, questions, micro = (2, 10, 2, 2) if TINY else (5, 128, 128, 32)
    prompt, answer = (4, 3) if TINY else (64, 64)
    compressor = build(config, LAYERS).model
    compressor.train()
    compressor.gradient_checkpointing_enable({"use_reentrant": False})
    model, kind = adapted(build(config))
    model.train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    parameters = [p for module in (compressor, model) for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, fused=DEVICE == "cuda")
    first, second = (torch.compile(compressor), torch.compile(model.model)) if compiled else (compressor, model.model)

    def step():
        for _ in range(questions // micro):
            states = first(ids(micro * documents, length + VECTORS, config.vocab_size), use_cache=False).last_hidden_state
            vectors = states[:, length:].reshape(micro, documents * VECTORS, config.hidden_size)
            tokens = model.model.embed_tokens(ids(micro, prompt + answer, config.vocab_size))
            hidden = second(inputs_embeds=torch.cat([vectors, tokens], 1), use_cache=False).last_hidden_state
            (loss(model, hidden, answer) * micro / questions).backward()
        optimize(parameters, optimizer)

    tokens = questions * (documents * (length + VECTORS) + documents * VECTORS + prompt + answer)
    what = f"{name}, {LAYERS} layers, {documents} x {length}, batch {questions} in {micro}, {kind}, {'compiled' if compiled else 'eager'}"
    measure("training", what, tokens, step, 1)
    del compressor, model, optimizer, first, second
    if DEVICE == "cuda":
        torch.cuda.empty_cache()


@torch.no_grad()
def decoding(name, config):
    width, new = (6, 4) if TINY else (128, 128)
    model = build(config).eval()
    for rows in (1, 32):
        prompt = ids(rows, width, config.vocab_size)

        def write(new):
            output = model(prompt, use_cache=True)
            cache, token = output.past_key_values, output.logits[:, -1:].argmax(-1)
            synchronize()
            started = time.time()
            for _ in range(new - 1):
                output = model(token, past_key_values=cache, use_cache=True)
                token = output.logits[:, -1:].argmax(-1)
            synchronize()
            return time.time() - started

        write(4)
        row("decoding", f"{name}, batch {rows}, after {width} tokens, eager", rows * (new - 1) / write(new), "tokens/s")
    del model
    if DEVICE == "cuda":
        torch.cuda.empty_cache()


def main():
    if DEVICE == "cuda":
        n = 64 if TINY else 8192
        x = torch.randn(n, n, device=DEVICE, dtype=torch.bfloat16)
        for _ in range(3):
            x @ x
        synchronize()
        started = time.time()
        for _ in range(10):
            x @ x
        synchronize()
        row("peaks", f"linear [{n}, {n}] to {n}", 2 * n**3 / (time.time() - started) * 10 / 1e12, "TFLOP/s")
    for name, config in shapes().items():
        decoding(name, config)
        for compiled in (False, True):
            lora(name, config, compiled)
            oscar(name, config, compiled)
            with open(sys.argv[1], "w") as file:
                json.dump(ROWS, file, indent=1)


if __name__ == "__main__":
    main()
