"""The random models of the benchmarks in PyTorch: a decoder, an N-layers compressor, and a generator with LoRA."""

import copy

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional
from transformers import AutoModelForCausalLM, MistralConfig

from measuring import SHAPES

SEPARATOR = 3


def decoder(checkpointing=False):
    """The decoder, with PyTorch's fused attention."""
    config = MistralConfig(**SHAPES["decoder"], sliding_window=None, pad_token_id=0, eos_token_id=None)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def with_lora(model):
    """The decoder, frozen, with adapters on all linear layers."""
    lora = SHAPES["lora"]
    return get_peft_model(
        model,
        LoraConfig(
            r=lora["r"],
            lora_alpha=lora["alpha"],
            lora_dropout=lora["dropout"],
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )


class NLayers(nn.Module):
    """A trainable copy of the first layers; the memory and RR tokens stand at the end of every row (all are of one length)."""

    def __init__(self, generator):
        super().__init__()
        settings = SHAPES["compressor"]
        hidden = generator.config.hidden_size
        self.body = copy.deepcopy(generator.model)
        self.body.layers = self.body.layers[: settings["layers"]]
        self.body.norm = nn.Identity()
        self.memory_tokens = settings["memory_tokens"]
        self.own = nn.Parameter(torch.randn(self.memory_tokens + 1, hidden))
        self.relevance = nn.Linear(hidden, 1)

    def forward(self, ids):
        """Vectors `[pairs, memory, hidden]` and scores `[pairs]` of token ids `[pairs, tokens]`."""
        own = self.own.expand(len(ids), -1, -1)
        embeds = torch.cat([self.body.embed_tokens(ids), own], 1)
        hidden = self.body(inputs_embeds=embeds, use_cache=False).last_hidden_state
        ends = hidden[:, ids.shape[1] :]
        return ends[:, : self.memory_tokens], self.relevance(ends[:, -1]).squeeze(-1)


def prompt(embed, vectors, documents, tail):
    """Prompt embeddings: each record's documents as vectors with separators between them, then the tokens `tail [records, n]`."""
    records = len(tail)
    vectors = vectors.reshape(records, documents, -1, vectors.shape[-1])
    separator = embed(torch.full((records, documents, 1), SEPARATOR))
    documents = torch.cat([vectors, separator], 2).flatten(1, 2)[:, :-1]
    return torch.cat([documents, embed(tail)], 1)


def token_loss(logits, tail, answer_tokens):
    """Mean cross-entropy of the last `answer_tokens` tokens of `tail`."""
    logits = logits[:, -answer_tokens - 1 : -1]
    return functional.cross_entropy(logits.flatten(0, 1), tail[:, -answer_tokens:].flatten())


def tokens(*shape):
    """Random token ids, no special ones."""
    return torch.randint(4, SHAPES["decoder"]["vocab_size"], shape)
