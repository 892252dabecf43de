"""The compressors and the generator of the OSCAR step, in plain PyTorch."""

import copy

import torch
from peft import LoraConfig
from torch import nn
from torch.nn import functional

import decoders
import encoders
from batches import BOS, EOS
from lora import attach
from oscar_batch import MEMORY_TOKENS

LAYERS = 2
PROJECTION = 20
# Of the compressor's adapter; the gain as in `oscar.py`.
ADAPTER_SEED = 21
ADAPTER_GAIN = 0.3


class Compressor(nn.Module):
    """A body that reads embeddings, with memory and RR embeddings of its own and a relevance head on the RR place."""

    def __init__(self, body, embedding, size, whole=True):
        super().__init__()
        self.model = body.requires_grad_(True) if whole else body
        self.memory_embeddings = nn.Parameter(torch.zeros(MEMORY_TOKENS, size))
        self.relevance_embedding = nn.Parameter(torch.zeros(1, size))
        self.relevance_head = nn.Linear(size, 1)
        # Called as a function only: its weight is registered in the body already.
        self.embed = lambda ids: embedding(ids)

    def forward(self, batch):
        """Hidden states at the memory places `[pairs, memory, d]` and scores `[pairs]`."""
        memory, rr = batch["in.compressor.memory_positions"], batch["in.compressor.rr_positions"]
        rows = torch.arange(len(rr))
        embeds = self.embed(batch["in.compressor.input_ids"])
        embeds = embeds.index_put((rows[:, None], memory), self.memory_embeddings.expand(len(rr), -1, -1))
        embeds = embeds.index_put((rows, rr), self.relevance_embedding.expand(len(rr), -1))
        mask = batch["in.compressor.attention_mask"]
        hidden = self.model(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        return hidden[rows[:, None], memory], self.relevance_head(hidden[rows, rr]).squeeze(-1)


class NLayers(Compressor):
    """A copy of the generator's embeddings and first layers, without its final norm or with it."""

    def __init__(self, generator, final_norm=False):
        body = copy.deepcopy(generator.model)
        body.layers = body.layers[:LAYERS]
        if not final_norm:
            body.norm = nn.Identity()
        super().__init__(body, body.embed_tokens, body.config.hidden_size)

    @staticmethod
    def text(query, document):
        """`[query] [document]`."""
        return torch.cat([query, document])


class ModernBert(Compressor):
    """The ModernBERT encoder, and FC-ReLU-FC to the generator's space. The relevance head reads the encoder's space."""

    def __init__(self, generator):
        body = encoders.load("modernbert").model
        super().__init__(body, body.embeddings.tok_embeddings, body.config.hidden_size)
        self.projection = nn.Sequential(
            nn.Linear(body.config.hidden_size, PROJECTION), nn.ReLU(), nn.Linear(PROJECTION, generator.config.hidden_size)
        )

    def forward(self, batch):
        """Projected memory vectors and scores."""
        memory, scores = super().forward(batch)
        return self.projection(memory), scores

    @staticmethod
    def text(query, document):
        """`[CLS] query [SEP] document [SEP]`."""
        cls, sep = torch.tensor([BOS]), torch.tensor([EOS])
        return torch.cat([cls, query, sep, document, sep])


class Decoder(Compressor):
    """A small decoder with its final norm, and FC-ReLU-FC to the generator's space. The relevance head reads the decoder's space."""

    def __init__(self, generator):
        body = decoders.load("qwen3").model
        super().__init__(body, body.embed_tokens, body.config.hidden_size)
        self.projection = nn.Sequential(
            nn.Linear(body.config.hidden_size, PROJECTION), nn.ReLU(), nn.Linear(PROJECTION, generator.config.hidden_size)
        )

    def forward(self, batch):
        """Projected memory vectors and scores."""
        memory, scores = super().forward(batch)
        return self.projection(memory), scores

    @staticmethod
    def text(query, document):
        """`[BOS] query [BOS] document`, as Llama 3's tokenizer writes pairs."""
        bos = torch.tensor([BOS])
        return torch.cat([bos, query, bos, document])


class Adapter(Compressor):
    """The generator itself, frozen, under an adapter of its own."""

    def __init__(self, generator):
        config = LoraConfig(r=3, lora_alpha=6, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        body = attach(copy.deepcopy(generator), config, ADAPTER_SEED, ADAPTER_GAIN).base_model.model.model
        super().__init__(body, body.embed_tokens, body.config.hidden_size, whole=False)

    @staticmethod
    def text(query, document):
        """`[BOS] query document [EOS]`."""
        return torch.cat([torch.tensor([BOS]), query, document, torch.tensor([EOS])])


def randomize_own_parts(compressor, seed):
    """Random memory and RR embeddings (of the size of token embeddings), head and projection; the body keeps its weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in compressor.named_parameters():
            if not name.startswith("model."):
                spread = parameter.shape[-1] ** -0.5 if name.endswith("weight") else 1.0
                parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return compressor


def load_generator():
    """The frozen generator."""
    return decoders.load("llama2").requires_grad_(False)


def generator_logits(generator, batch, memory):
    """Logits over the prompts, with memory vectors in their slots."""
    slots = batch["in.generator.slots"]
    embeds = generator.get_input_embeddings()(batch["in.generator.input_ids"])
    vectors = functional.embedding(slots.clamp(min=0), memory.flatten(0, 1))
    embeds = torch.where((slots >= 0)[..., None], vectors, embeds)
    return generator(inputs_embeds=embeds, attention_mask=batch["in.generator.attention_mask"]).logits
