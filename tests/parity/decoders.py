"""Fixtures of the decoder family: each architecture, with every option that its configuration has."""

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from batches import BOS, EOS, PAD, pad, positions, sequences
from recording import FIXTURES, next_tokens, prefixed, record, well_conditioned, write, write_json
from weights import randomize

SIZES = {
    "vocab_size": 48,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "pad_token_id": PAD,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
}


def rope(theta, **scaling):
    """`rope_parameters` in the style of transformers 5."""
    return {"rope_type": "default", "rope_theta": theta} | scaling


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}

LONG_ROPE = {"rope_type": "longrope", "short_factor": [1.0, 1.3, 2.0], "long_factor": [1.5, 4.0, 9.0]}
GEMMA3_PATTERN = 3

MODELS = {
    "mistral": MistralConfig(
        **SIZES, num_hidden_layers=2, num_key_value_heads=2, sliding_window=5, rope_parameters=rope(1000.0)
    ),
    # A head size that is not hidden / heads, as in Mistral Nemo; no window, as in Mistral v0.2.
    "mistral-head-dim": MistralConfig(
        **SIZES, num_hidden_layers=2, num_key_value_heads=1, head_dim=12, sliding_window=None, rope_parameters=rope(1e6)
    ),
    # Llama 1 and 2: as many key heads as query heads. This one is the generator of the OSCAR steps too.
    "llama2": LlamaConfig(**SIZES, num_hidden_layers=3, num_key_value_heads=4, rope_parameters=rope(1e4)),
    "llama3": LlamaConfig(
        **SIZES, num_hidden_layers=2, num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=rope(5e5, **LLAMA3)
    ),
    "llama-bias": LlamaConfig(
        **SIZES, num_hidden_layers=2, num_key_value_heads=2, attention_bias=True, mlp_bias=True, rope_parameters=rope(1e4)
    ),
    "qwen2": Qwen2Config(
        **SIZES, num_hidden_layers=2, num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=rope(1e6)
    ),
    "qwen2-window": Qwen2Config(
        **SIZES,
        num_hidden_layers=3,
        num_key_value_heads=2,
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=1,
        rope_parameters=rope(1e6),
    ),
    "qwen3": Qwen3Config(
        **SIZES, num_hidden_layers=2, num_key_value_heads=2, head_dim=12, tie_word_embeddings=True, rope_parameters=rope(1e6)
    ),
    # Layers 0 and 2 have the window. The bounds are so low that they bend most scores and logits.
    "gemma2": Gemma2Config(
        **SIZES,
        num_hidden_layers=3,
        num_key_value_heads=2,
        head_dim=12,
        query_pre_attn_scalar=10,
        sliding_window=5,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=6.0,
        rope_parameters=rope(1e4),
    ),
    # Layers 0 and 1 have the window and another rotary base; layer 2 is global and stretched.
    "gemma3": Gemma3TextConfig(
        **SIZES,
        num_hidden_layers=3,
        num_key_value_heads=1,
        head_dim=12,
        query_pre_attn_scalar=16,
        sliding_window=5,
        sliding_window_pattern=GEMMA3_PATTERN,
        rope_parameters={"full_attention": rope(1e6, rope_type="linear", factor=8.0), "sliding_attention": rope(100.0)},
    ),
    "phi3": Phi3Config(
        **SIZES, num_hidden_layers=2, num_key_value_heads=2, sliding_window=5, rope_parameters=rope(1e4, partial_rotary_factor=1.0)
    ),
    # As Phi-4-mini: grouped queries, six of eight elements of a head turn, LongRoPE, tied embeddings.
    "phi4-mini": Phi3Config(
        **SIZES,
        num_hidden_layers=2,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        original_max_position_embeddings=32,
        rope_parameters=rope(1e4, partial_rotary_factor=0.75, **LONG_ROPE),
    ),
}

LENGTHS = [11, 7, 1]
# Seeds of token batches on which bf16 is well-conditioned, where that of the name's length is not.
BATCH_SEEDS = {"qwen2": 3, "qwen3": 0, "gemma2": 5, "gemma3": 6, "phi3": 0, "phi4-mini": 1}


def older_style(config):
    """The configuration as transformers 4 wrote it: `rope_theta` and `rope_scaling` instead of `rope_parameters`."""
    older = config.to_dict()
    parameters = dict(older.pop("rope_parameters"))
    older.pop("layer_types", None)
    if "sliding_attention" in parameters:
        older["sliding_window_pattern"] = GEMMA3_PATTERN
        older["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        parameters = dict(parameters["full_attention"])
    for key in ("partial_rotary_factor", "original_max_position_embeddings"):
        if config.model_type == "phi3" and key in parameters:
            older[key] = parameters.pop(key)
    older["rope_theta"] = parameters.pop("rope_theta")
    older["rope_scaling"] = None if parameters["rope_type"] == "default" else parameters
    older["torch_dtype"] = older.pop("dtype", None)
    older["transformers_version"] = "4.46.0"
    return older


def load(name, dtype=torch.float32):
    """The committed model, with plain attention (softmax in f32)."""
    return AutoModelForCausalLM.from_pretrained(FIXTURES / name, dtype=dtype, attn_implementation="eager").train()


def make_model(name, config, seed):
    """Writes `config.json` (both styles) and `model.safetensors`."""
    # Tied embeddings are the output weights too; large ones would make every model repeat its input.
    embedding = 0.25 if config.tie_word_embeddings else 1.0
    # Gemma stores the weights of its norms less 1.
    norm = 0.0 if config.model_type.startswith("gemma") else 1.0
    model = randomize(AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16), seed, embedding=embedding, norm=norm)
    model.save_pretrained(FIXTURES / name)
    write_json(FIXTURES / name / "config.v4.json", older_style(model.config))


def cases(name):
    """Every case of one model: right and left padding, input by embeddings, bf16."""
    model = load(name)
    rows = sequences(LENGTHS, SIZES["vocab_size"], seed=BATCH_SEEDS.get(name, len(name)))
    recorded = {}
    for side in ("right", "left"):
        ids, mask = pad(rows, side)
        inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
        every_gradient = side == "right" or name == "mistral"
        recorded |= prefixed(side, record(model, inputs, next_tokens(ids, mask) if every_gradient else None))
    ids, mask = pad(rows, "right")
    noise = torch.randn((*ids.shape, SIZES["hidden_size"]), generator=torch.Generator().manual_seed(7))
    inputs = {"inputs_embeds": noise, "attention_mask": mask, "position_ids": positions(mask)}
    recorded |= prefixed("embeds", record(model, inputs, next_tokens(ids, mask), parameters=False, hidden=False))
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
    rounded = record(load(name, torch.bfloat16), inputs, next_tokens(ids, mask))
    exact = {key.removeprefix("right/"): value for key, value in recorded.items() if key.startswith("right/")}
    return recorded | prefixed("bf16", well_conditioned(rounded, exact, name))


def make():
    """Writes the directories of all decoders."""
    for seed, (name, config) in enumerate(MODELS.items()):
        make_model(name, config, seed)
        write(FIXTURES / name / "expected.safetensors", cases(name))
