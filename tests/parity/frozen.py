"""Fixtures of the frozen encoders: masked language models as SPLADE reads them, and cross-encoders."""

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedTokenizerFast,
)
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from batches import pad
from recording import FIXTURES, prefixed, write, write_json
from weights import randomize

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "the a of river tower city king stone bridge was built in and old north who what where how long".split()
PIECES = ["##s", "##er", "##ing", *"abcdefghijklmnopqrst"]
VOCABULARY = SPECIALS + WORDS + PIECES
LENGTHS = [33, 14, 40, 2, 21]
MAX_LENGTH = 24

BERT = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 24,
    "intermediate_size": 36,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "max_position_embeddings": 48,
}
DEBERTA = BERT | {"relative_attention": True, "num_hidden_layers": 3, "layer_norm_eps": 1e-7}

MODELS = {
    "bert-mlm": BertForMaskedLM(BertConfig(**BERT)),
    "bert-mlm-untied": BertForMaskedLM(BertConfig(**BERT, hidden_act="gelu_new", tie_word_embeddings=False)),
    "distilbert-mlm": DistilBertForMaskedLM(
        DistilBertConfig(vocab_size=len(VOCABULARY), dim=24, hidden_dim=36, n_heads=3, n_layers=2, max_position_embeddings=48)
    ),
    "minilm": BertForSequenceClassification(BertConfig(**BERT, num_labels=1)),
    # As microsoft/deberta-v3-small, with buckets so few that distances share them.
    "deberta-v3": DebertaV2ForSequenceClassification(
        DebertaV2Config(
            **DEBERTA,
            num_labels=1,
            type_vocab_size=0,
            max_relative_positions=-1,
            position_buckets=8,
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            pos_att_type="p2c|c2p",
            position_biased_input=False,
        )
    ),
    # The options that version 3 leaves off.
    "deberta-v2": DebertaV2ForSequenceClassification(
        DebertaV2Config(
            **DEBERTA,
            num_labels=2,
            type_vocab_size=2,
            embedding_size=16,
            max_relative_positions=12,
            share_att_key=False,
            pos_att_type=["c2p", "p2c"],
            position_biased_input=True,
            hidden_act="gelu_new",
            pooler_hidden_act="tanh",
        )
    ),
    # Contents look at positions, and not the other way round.
    "deberta-c2p": DebertaV2ForSequenceClassification(
        DebertaV2Config(
            **DEBERTA,
            num_labels=1,
            type_vocab_size=0,
            max_relative_positions=16,
            share_att_key=True,
            pos_att_type="c2p",
            position_biased_input=False,
        )
    ),
}

# The models whose hidden states are recorded too: one of each kind.
WITH_STATES = ["bert-mlm", "distilbert-mlm", "minilm", "deberta-v3"]

TEXTS = ["the old tower was built in the north", "", "who", "rivers and bridges of stone " * 9, "king", "where stoned zzz"]
QUERY = "who was the king of the old city"
DOCUMENTS = ["the king built a tower", "", "a river in the north and bridges of stone " * 6, "what", "kinger ##ing was long"]


def tokenizer():
    """A WordPiece tokenizer that writes pairs as BERT does, with token types."""
    inner = Tokenizer(WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def is_masked_lm(name):
    return name.endswith(("-mlm", "-mlm-untied"))


def splade(model, inputs):
    """The dense vectors `log(1 + relu(logits))`, the greatest over the tokens that are real."""
    weights = torch.log1p(torch.relu(model(**inputs).logits)) * inputs["attention_mask"].unsqueeze(-1)
    return weights.amax(1)


def token_case(name, model):
    """Token ids of ragged lengths, padded on the right, with token types where the model reads them."""
    generator = torch.Generator().manual_seed(11)
    rows = [torch.randint(5, len(VOCABULARY), (length,), generator=generator) for length in LENGTHS]
    ids, mask = pad(rows, "right")
    inputs = {"input_ids": ids, "attention_mask": mask}
    recorded = {f"in.{key}": value for key, value in inputs.items()}
    types = (torch.arange(ids.shape[1]) >= 7).long() * mask
    recorded["in.token_type_ids"] = types
    if not name.startswith("distilbert"):
        inputs["token_type_ids"] = types
    output = model(**inputs, output_hidden_states=True)
    recorded["logits"] = output.logits
    if name in WITH_STATES:
        recorded |= {f"hidden.{i}": state for i, state in enumerate(output.hidden_states)}
    return recorded


def text_case(name, model):
    """What the whole plugin makes of texts, or of a query with documents."""
    tokens = tokenizer()
    if is_masked_lm(name):
        inputs = tokens(TEXTS, truncation=True, max_length=MAX_LENGTH, padding=True, return_tensors="pt")
        if name.startswith("distilbert"):
            inputs.pop("token_type_ids")
        return {"splade": splade(model, inputs)}
    settings = {"truncation": "only_second", "max_length": MAX_LENGTH, "padding": True, "return_tensors": "pt"}
    inputs = tokens([QUERY] * len(DOCUMENTS), DOCUMENTS, **settings)
    return {"logits": model(**inputs).logits}


def buckets():
    """The bucket of each distance, for the sizes of the published models."""
    distances = torch.arange(-511, 512)
    return {"distance": distances, "bucket": make_log_bucket_position(distances, 256, 512).long()}


def make():
    """Writes the directories of all frozen encoders."""
    for seed, (name, model) in enumerate(MODELS.items(), start=200):
        randomize(model.eval(), seed, embedding=0.5).save_pretrained(FIXTURES / name)
        tokenizer().save_pretrained(FIXTURES / name)
        (FIXTURES / name / "tokenizer_config.json").unlink(missing_ok=True)
        model = type(model).from_pretrained(FIXTURES / name, attn_implementation="eager").eval()
        with torch.no_grad():
            recorded = prefixed("tokens", token_case(name, model)) | prefixed("texts", text_case(name, model))
        write(FIXTURES / name / "expected.safetensors", recorded)
    texts = {"texts": TEXTS, "query": QUERY, "documents": DOCUMENTS, "max_length": MAX_LENGTH}
    write_json(FIXTURES / "frozen.json", texts)
    write(FIXTURES / "deberta-buckets.safetensors", buckets())
