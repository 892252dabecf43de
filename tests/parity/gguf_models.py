"""A fixture of a GGUF file: the generator of `published` with its weights in several formats, and its greedy answer with the same weights
as numbers."""

import json

import gguf
import numpy
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from published import DOCUMENTS, FOLDER as PUBLISHED, QUERY
from recording import FIXTURES, write_json

FOLDER = FIXTURES / "gguf"
NEW_TOKENS = 10
MARGIN = 1e-3
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight", "model.norm.weight": "output_norm.weight"}
Type = gguf.GGMLQuantizationType


def gguf_name(name):
    """A weight's name in the file."""
    if name in TOP:
        return TOP[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def format_of(name, values):
    """Some weights in each format; rows that are not made of whole blocks in f16."""
    if values.ndim == 1:
        return Type.F32
    if values.shape[-1] % 32:
        return Type.F16
    kinds = {"attn_k": Type.Q4_0, "attn_v": Type.Q4_1, "ffn_up": Type.Q5_0, "output": Type.BF16}
    return next((kind for part, kind in kinds.items() if part in name.split(".")), Type.Q8_0)


def permuted(values, heads):
    """Rows of queries or keys as llama.cpp's rotary embedding wants them: both halves of a head in turn."""
    return values.reshape(heads, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)


def make():
    """Writes `gguf/generator.gguf` and `gguf/expected.json`."""
    FOLDER.mkdir(exist_ok=True)
    model = AutoModelForCausalLM.from_pretrained(PUBLISHED / "generator", dtype=torch.float32, attn_implementation="eager").eval()
    tokens = PreTrainedTokenizerFast.from_pretrained(PUBLISHED / "generator")
    config = model.config
    writer = gguf.GGUFWriter(FOLDER / "generator.gguf", "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    described = json.loads((PUBLISHED / "generator" / "tokenizer.json").read_text())
    vocabulary = sorted(described["model"]["vocab"].items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token in ("<s>", "</s>") else 1 for token, _ in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in described["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template(tokens.chat_template)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = parameter.numpy().astype(numpy.float32)
            heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
            stored = permuted(values, heads) if heads else values
            own = gguf_name(name)
            kind = format_of(own, stored)
            data = gguf.quants.quantize(stored, kind)
            writer.add_tensor(own, data, raw_dtype=kind)
            back = gguf.quants.dequantize(data, kind).reshape(stored.shape)
            back = back.reshape(heads, -1, 2, back.shape[-1]).swapaxes(1, 2).reshape(back.shape) if heads else back
            parameter.copy_(torch.from_numpy(back.copy()))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        prompt = f"{DOCUMENTS[0]}\n\n{QUERY}"
        ids = tokens(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        output = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS, eos_token_id=None, pad_token_id=0,
            output_logits=True, return_dict_in_generate=True,
        )
    best = torch.stack(output.logits, 1).topk(2, -1).values
    if (best[..., 0] - best[..., 1]).min() < MARGIN:
        raise SystemExit("gguf: a choice is too close")
    chat = tokens.apply_chat_template(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUERY}], tokenize=True, add_generation_prompt=True,
        return_dict=False,
    )
    write_json(
        FOLDER / "expected.json",
        {"prompt": prompt, "ids": ids[0].tolist(), "tokens": output.sequences[0, ids.shape[1] :].tolist(), "query": QUERY, "chat": chat},
    )
