"""Fixtures of architectures that run on candle: tiny random models, their greedy answers and their scores."""

import json

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    MixtralConfig,
    PhiConfig,
    PreTrainedTokenizerFast,
    Starcoder2Config,
    XLMRobertaConfig,
)

from published import QUERY, DOCUMENTS, tokenizer
from recording import FIXTURES, write_json
from weights import randomize

FOLDER = FIXTURES / "candle"
NEW_TOKENS = 8
MARGIN = 1e-3
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
DECODERS = {
    "phi": (PhiConfig, {"num_key_value_heads": 4, "resid_pdrop": 0.0, "embd_pdrop": 0.0}),
    "mixtral": (MixtralConfig, {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 512, "rope_theta": 1e4}),
    "starcoder2": (Starcoder2Config, {"sliding_window": 512, "residual_dropout": 0.0, "embedding_dropout": 0.0}),
}


def in_f32(folder):
    """The weights in f32, without what candle does not know."""
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor.float() for name, tensor in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})


def answers(model, tokens):
    """The greedy answer to a plain prompt of each document."""
    made = []
    for document in DOCUMENTS:
        ids = tokens(f"{document}\n\n{QUERY}", add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            output = model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=None,
                pad_token_id=0, output_logits=True, return_dict_in_generate=True,
            )
        best = torch.stack(output.logits, 1).topk(2, -1).values
        if (best[..., 0] - best[..., 1]).min() < MARGIN:
            raise SystemExit("candle: a choice is too close; choose another seed")
        made.append(tokens.decode(output.sequences[0, ids.shape[1] :], skip_special_tokens=True).strip())
    return made


def make_decoder(name, kind, own, seed):
    """One causal language model, with a tokenizer."""
    folder = FOLDER / name
    tokens = tokenizer(folder, 280, False)
    config = kind(vocab_size=len(tokens), **(SHAPE | own))
    model = randomize(AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager"), seed).eval()
    model.save_pretrained(folder)
    in_f32(folder)
    write_json(folder / "expected.json", {"documents": DOCUMENTS, "query": QUERY, "answers": answers(model, tokens)})


def make_reranker(seed):
    """An XLM-RoBERTa cross-encoder."""
    folder = FOLDER / "xlm-roberta"
    words = sorted({word for text in [QUERY, *DOCUMENTS] for word in text.replace("?", " ?").replace(".", " .").split()})
    vocabulary = {word: i for i, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *words])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokens = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    tokens.save_pretrained(folder)
    config = XLMRobertaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=66, type_vocab_size=1, num_labels=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32, attn_implementation="eager")
    model = randomize(model, seed).eval()
    model.save_pretrained(folder)
    with torch.no_grad():
        scores = [model(**tokens(QUERY, d, return_tensors="pt", return_token_type_ids=False)).logits.item() for d in DOCUMENTS]
    write_json(folder / "expected.json", {"documents": DOCUMENTS, "query": QUERY, "scores": scores})


def make():
    """Writes the directory `candle`."""
    for seed, (name, (kind, own)) in enumerate(DECODERS.items(), start=600):
        make_decoder(name, kind, own, seed)
    make_reranker(seed=610)
