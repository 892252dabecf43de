"""Fixtures of ModernBERT, with sequences longer than the local window."""

import torch
from transformers import ModernBertConfig, ModernBertForMaskedLM

from batches import BOS, EOS, PAD, pad, sequences
from recording import FIXTURES, IGNORED, prefixed, record, well_conditioned, write, write_json
from weights import randomize

SIZES = {
    "vocab_size": 48,
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_attention_heads": 3,
    "max_position_embeddings": 64,
    "global_attn_every_n_layers": 3,
    "local_attention": 8,
    "pad_token_id": PAD,
    "bos_token_id": BOS,
    "cls_token_id": BOS,
    "eos_token_id": EOS,
    "sep_token_id": EOS,
    "rope_parameters": {
        "full_attention": {"rope_type": "default", "rope_theta": 160000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    },
}

MODELS = {
    # Layers 0 and 3 attend globally, 1 and 2 within 4 tokens on either side.
    "modernbert": ModernBertConfig(**SIZES, num_hidden_layers=4),
    "modernbert-bias": ModernBertConfig(
        **SIZES,
        num_hidden_layers=2,
        attention_bias=True,
        mlp_bias=True,
        norm_bias=True,
        classifier_bias=True,
        decoder_bias=True,
        tie_word_embeddings=False,
    ),
}

LENGTHS = [21, 13, 1]


def older_style(config):
    """The configuration as transformers 4 wrote it, and as the checkpoints on the hub have it."""
    older = config.to_dict()
    parameters = older.pop("rope_parameters")
    older.pop("layer_types")
    older["global_attn_every_n_layers"] = SIZES["global_attn_every_n_layers"]
    older["global_rope_theta"] = parameters["full_attention"]["rope_theta"]
    older["local_rope_theta"] = parameters["sliding_attention"]["rope_theta"]
    older["torch_dtype"] = older.pop("dtype", None)
    older["transformers_version"] = "4.48.0"
    return older


def load(name, dtype=torch.float32):
    """The committed model, with plain attention (softmax in f32)."""
    return ModernBertForMaskedLM.from_pretrained(FIXTURES / name, dtype=dtype, attn_implementation="eager").train()


def make_model(name, config, seed):
    """Writes `config.json` (both styles) and `model.safetensors`."""
    # The output weights are the embeddings; of spread 1 they would make a softmax so sharp that bf16 cannot hold its gradient.
    model = randomize(ModernBertForMaskedLM(config).to(torch.bfloat16), seed, gain=0.9, embedding=0.25)
    model.save_pretrained(FIXTURES / name)
    write_json(FIXTURES / name / "config.v4.json", older_style(model.config))


def masked_targets(ids, mask):
    """Every second real token is to be predicted."""
    targets = torch.where(mask.bool(), ids, IGNORED)
    targets[:, 1::2] = IGNORED
    return targets


def cases(name):
    """Every case of one model: right and left padding, input by embeddings, bf16."""
    model = load(name)
    rows = sequences(LENGTHS, SIZES["vocab_size"], seed=5)
    ids, mask = pad(rows, "right")
    inputs = {"input_ids": ids, "attention_mask": mask}
    targets = masked_targets(ids, mask)
    exact = record(model, inputs, targets)
    recorded = prefixed("right", exact)
    recorded |= prefixed("bf16", well_conditioned(record(load(name, torch.bfloat16), inputs, targets), exact, name))
    noise = torch.randn((*ids.shape, SIZES["hidden_size"]), generator=torch.Generator().manual_seed(7))
    inputs = {"inputs_embeds": noise, "attention_mask": mask}
    recorded |= prefixed("embeds", record(model, inputs, targets, parameters=False, hidden=False))
    ids, mask = pad(rows, "left")
    return recorded | prefixed("left", record(model, {"input_ids": ids, "attention_mask": mask}))


def make():
    """Writes the directories of all encoders."""
    for seed, (name, config) in enumerate(MODELS.items(), start=100):
        make_model(name, config, seed)
        write(FIXTURES / name / "expected.safetensors", cases(name))
