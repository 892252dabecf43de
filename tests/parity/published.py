"""Fixtures of published compressors: tiny random checkpoints in the layouts of NAVER's COCOM family and of naver/pisco, made with
`transformers` and `peft` from a description of the formats, and what they compute."""

import json

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders as token_decoders, models, pre_tokenizers, processors, trainers
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast, Qwen3Config

from recording import FIXTURES, write, write_json
from weights import randomize

FOLDER = FIXTURES / "published"
SYSTEM = (
    "You are a helpful assistant. Your task is to extract relevant information from provided documents and to answer to questions as"
    " briefly as possible."
)
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}[/{{ m['role'] }}]{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
QUERY = "Where does the river end?"
DOCUMENTS = ["The river begins in the hills and ends in the lake.", "A lake without a river.", "Hills: 12 of them stand around it."]
TEXT = " ".join([SYSTEM, QUERY, *DOCUMENTS, "Background Question Document"])
RANK = 4
MEMORY = 4
LENGTH = 32
RATE = 8
INNER = 20
NEW_TOKENS = 10
# Where the best two logits are closer than this, another order of summation could choose another token.
MARGIN = 1e-3


def tokenizer(folder, vocabulary, template):
    """A byte-level tokenizer trained on a few words; with `template`, it puts `<s>` before each text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = token_decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([TEXT], trainer)
    if template:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.token_to_id("<s>"))]
        )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", chat_template=TEMPLATE)
    wrapped.save_pretrained(folder)
    return wrapped


def add(tokens, names):
    """Adds special tokens."""
    tokens.add_special_tokens({"additional_special_tokens": names})
    return tokens


def make_bases():
    """The generator's and the small compressor's base models."""
    shape = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 1024, "bos_token_id": 0, "eos_token_id": 1}
    for name, kind, sizes, vocabulary, template in [
        ("generator", LlamaConfig, {"hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 3}, 300, False),
        ("small", Qwen3Config, {"hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 2, "head_dim": 8}, 280, True),
    ]:
        tokens = tokenizer(FOLDER / name, vocabulary, template)
        model = AutoModelForCausalLM.from_config(kind(vocab_size=len(tokens), **shape, **sizes), dtype=torch.bfloat16)
        randomize(model, seed=len(name)).save_pretrained(FOLDER / name)


def generator(tokens, adapters, seed):
    """The base generator with embeddings for all tokens, random at the added ones, and random adapters."""
    model = AutoModelForCausalLM.from_pretrained(FOLDER / "generator", dtype=torch.float32, attn_implementation="eager").eval()
    model.resize_token_embeddings(len(tokens), mean_resizing=False)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config, adapter_name=adapters[0], autocast_adapter_dtype=False).eval()
    for name in adapters[1:]:
        model.add_adapter(name, config)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                size = 0.3 if "lora_B" in name else 1.0
                parameter.copy_((size * torch.randn(parameter.shape, generator=noise) / parameter.shape[-1] ** 0.5).bfloat16())
        added = len(tokens) - 30
        for matrix in (model.get_input_embeddings().weight, model.get_output_embeddings().weight):
            matrix[added:] = torch.randn(matrix[added:].shape, generator=noise).bfloat16().float()
    return model


def adapter(model, name):
    """An adapter's tensors by the names that transformers gives them."""
    tensors = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
    return {n.removeprefix("base_model.model."): tensor for n, tensor in tensors.items()}


def as_bf16(tensors):
    """A state dictionary as it is stored."""
    return {name: tensor.detach().to(torch.bfloat16).contiguous().clone() for name, tensor in tensors.items()}


def ends(model):
    """The matrices of `decoder_first_last_layers.pth`."""
    wanted = ("embed_tokens.weight", "lm_head.weight")
    return as_bf16({n: p for n, p in model.get_base_model().named_parameters() if any(end in n for end in wanted)})


def last_states(body, ids, count):
    """The last hidden states at the last `count` ids."""
    with torch.no_grad():
        return body(input_ids=torch.tensor([ids])).last_hidden_state[0, -count:]


def answer(model, tokens, vectors, prompt, slots):
    """Greedy tokens after a prompt in which the ids `slots` are replaced by `vectors`, one after the other."""
    ids = tokens(prompt, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        embeds = model.get_input_embeddings()(torch.tensor([ids])).clone()
        places = [i for i, id in enumerate(ids) if id in slots]
        assert len(places) == len(vectors), (len(places), len(vectors))
        embeds[0, places] = vectors
        output = model.generate(
            inputs_embeds=embeds,
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            do_sample=False,
            max_new_tokens=NEW_TOKENS,
            eos_token_id=None,
            pad_token_id=0,
            output_logits=True,
            return_dict_in_generate=True,
        )
    best = torch.stack(output.logits, 1).topk(2, -1).values
    if (best[..., 0] - best[..., 1]).min() < MARGIN:
        raise SystemExit("published: a choice is too close; choose another seed")
    return output.sequences[0]


def chat(tokens, user):
    """The prompt as the chat template writes it."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]
    return tokens.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def cocom_names():
    """The tokens that the COCOM family adds, in order."""
    return [f"<MEM{i}>" for i in range(MEMORY)] + ["<AE>", "<ENC>", "<SEP>"]


def cocom_config(kind, small):
    """`config.json`."""
    return {
        "model_type": kind,
        "decoder_model_name": "made-up/generator",
        "doc_max_length": LENGTH,
        "compr_rate": RATE,
        "compr_model_name": "made-up/small" if small else None,
        "compr_use_mlp": True,
        "compr_mlp_hidden_dim": INNER,
        "lora": True,
        "lora_r": RANK,
        "lora_compressor": False,
        "training_form": "both_separately",
        "sep": True,
        "different_mem_tokens": True,
        "kbtc_training": False,
        "quantization": "no",
        "generation_top_k": 5,
    }


def save_cocom(folder, config, model, adapters):
    """The files of a COCOM checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    (folder / "README.md").write_text("---\nlicense: cc-by-4.0\n---\nA made-up checkpoint. CC BY-NC 4.0.\n")
    torch.save({name: as_bf16(adapter(model, name)) for name in adapters}, folder / "adapters.pth")
    torch.save(ends(model), folder / "decoder_first_last_layers.pth")


def record_cocom(folder, model, tokens, vectors):
    """What the checkpoint computes."""
    slots = "".join(f"<MEM{i}>" for i in range(MEMORY)) + "<SEP>"
    prompt = chat(tokens, f"Background:\n{slots * len(DOCUMENTS)}\n\nQuestion:{QUERY}")
    model.set_adapter("decoder_adapter")
    memory = [tokens.convert_tokens_to_ids(f"<MEM{i}>") for i in range(MEMORY)]
    made = answer(model, tokens, torch.cat(vectors), prompt, memory)
    finish(folder, tokens, vectors, made)


def finish(folder, tokens, vectors, made):
    """Writes the expected vectors and answer."""
    tensors = {f"vectors.{i}": v for i, v in enumerate(vectors)} | {"tokens": made}
    write(folder / "expected.safetensors", tensors)
    write_json(folder / "expected.json", {"query": QUERY, "documents": DOCUMENTS, "answer": tokens.decode(made, skip_special_tokens=True)})


def make_pisco(name, kind, seed, ships_tokenizer=False):
    """PISCO and CLaRa: the generator compresses under an adapter of its own."""
    tokens = add(PreTrainedTokenizerFast.from_pretrained(FOLDER / "generator"), cocom_names())
    adapters = ["decoder_adapter", "encoder_adapter"] + (["query_reasoner_adapter"] if ships_tokenizer else [])
    model = generator(tokens, adapters, seed)
    save_cocom(FOLDER / name, cocom_config(kind, small=False), model, adapters)
    if ships_tokenizer:
        tokens.save_pretrained(FOLDER / name)
    model.set_adapter("encoder_adapter")
    vectors = []
    for document in DOCUMENTS:
        ids = tokens(f"<ENC><s>{document}</s>", add_special_tokens=False)["input_ids"]
        memory = [tokens.convert_tokens_to_ids(f"<MEM{i}>") for i in range(MEMORY)]
        vectors.append(last_states(model.get_base_model().model, ids + memory, MEMORY))
    record_cocom(FOLDER / name, model, tokens, vectors)


def small_model(tokens, seed):
    """The small model with embeddings for its tokens, and a map FC-ReLU-FC."""
    body = AutoModel.from_pretrained(FOLDER / "small", dtype=torch.float32, attn_implementation="eager").eval()
    body.resize_token_embeddings(len(tokens), mean_resizing=False)
    noise = torch.Generator().manual_seed(seed)
    mlp = nn.Sequential(nn.Linear(24, INNER), nn.ReLU(), nn.Linear(INNER, 32))
    with torch.no_grad():
        rows = body.get_input_embeddings().weight
        rows[-MEMORY:] = torch.randn(rows[-MEMORY:].shape, generator=noise).bfloat16().float()
        for parameter in mlp.parameters():
            parameter.copy_((torch.randn(parameter.shape, generator=noise) / parameter.shape[-1] ** 0.5).bfloat16())
    return body, mlp.eval()


def make_oscar(seed):
    """OSCAR: a small model of its own compresses, and reads the question too."""
    folder = FOLDER / "oscar"
    tokens = add(PreTrainedTokenizerFast.from_pretrained(FOLDER / "generator"), cocom_names())
    model = generator(tokens, ["decoder_adapter"], seed)
    save_cocom(folder, cocom_config("COCOM", small=True), model, ["decoder_adapter"])
    names = [f"<MEM{i}>" for i in range(MEMORY)]
    own = add(PreTrainedTokenizerFast.from_pretrained(FOLDER / "small"), names)
    body, mlp = small_model(own, seed)
    (folder / "compressor").mkdir(exist_ok=True)
    torch.save(as_bf16(body.state_dict()), folder / "compressor" / "compressor.pth")
    torch.save(as_bf16(mlp.state_dict()), folder / "compressor" / "mlp.pth")
    memory = own.convert_tokens_to_ids(names)
    with torch.no_grad():
        vectors = [mlp(last_states(body, own(QUERY, document)["input_ids"] + memory, MEMORY)) for document in DOCUMENTS]
    record_cocom(folder, model, tokens, vectors)


def make_naver_pisco(seed):
    """naver/pisco's layout: as many vectors as a document's length asks for."""
    folder = FOLDER / "naver-pisco"
    tokens = add(PreTrainedTokenizerFast.from_pretrained(FOLDER / "generator"), ["<MEM>", "<AE>"])
    model = generator(tokens, ["default"], seed)
    own = add(PreTrainedTokenizerFast.from_pretrained(FOLDER / "small"), ["<MEM>"])
    body, mlp = small_model(own, seed)
    write_json(
        folder / "config.json",
        {
            "model_type": "PISCO",
            "decoder_model_name": "made-up/generator",
            "compressor_model_name": "made-up/small",
            "compr_rate": RATE,
            "compressor_mlp_hidden_dim": INNER,
            "lora_decoder": True,
            "lora_r_decoder": RANK,
        },
    )
    # PEFT's inner names: what is trained beside the adapter stands in a module of its own, beside the original.
    state = {n.replace(".weight", ".default.weight"): p for n, p in adapter(model, "default").items()}
    for name, tensor in ends(model).items():
        stem = name.removesuffix(".weight")
        state |= {f"{stem}.modules_to_save.default.weight": tensor, f"{stem}.original_module.weight": torch.zeros_like(tensor)}
    torch.save(as_bf16(state), folder / "decoder_state.pt")
    torch.save(as_bf16(mlp.state_dict()), folder / "connector.pt")
    head = AutoModelForCausalLM.from_pretrained(FOLDER / "small", dtype=torch.float32)
    head.resize_token_embeddings(len(own), mean_resizing=False)
    head.model.load_state_dict(body.state_dict())
    head.to(torch.bfloat16).save_pretrained(folder / "compressor")
    own.save_pretrained(folder / "compressor_tokenizer")
    tokens.save_pretrained(folder / "decoder_tokenizer")
    memory, vectors = own.convert_tokens_to_ids("<MEM>"), []
    for document in DOCUMENTS:
        ids = own(document)["input_ids"]
        count = len(ids) // RATE + 1
        with torch.no_grad():
            vectors.append(mlp(last_states(body, ids + [memory] * count, count)))
    slots = "".join(f"Document {j}:" + "<MEM>" * len(v) for j, v in enumerate(vectors))
    prompt = chat(tokens, f"\n\nBackground:{slots}\n Question: {QUERY}")
    finish(folder, tokens, vectors, answer(model, tokens, torch.cat(vectors), prompt, [tokens.convert_tokens_to_ids("<MEM>")]))


def make():
    """Writes the directory `published`."""
    make_bases()
    make_pisco("pisco", "COCOM", seed=501)
    make_pisco("clara", "CLaRa", seed=502, ships_tokenizer=True)
    make_oscar(seed=503)
    make_naver_pisco(seed=504)
