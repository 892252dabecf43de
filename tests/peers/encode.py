"""The twin of the plugins' examples `encode` (splade) and `score` (deberta): frozen encoders in `transformers`, on the same models and texts.

    cargo build --release -p scaledown-splade -p scaledown-deberta --examples
    python encode.py DIR                # makes random models in DIR if they are not there; runs both in turn (A B A B)

As sentence-transformers does, texts are sorted by length and put in batches of 32, padded to the longest, attention by `sdpa` where
the model has it. Both sides tokenize within the time that is measured.
"""

import argparse
import json
import random
import statistics
import subprocess
import time
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

BINARIES = Path(__file__).resolve().parents[2] / "target" / "release" / "examples"
VOCABULARY = 30522
DOCUMENTS = 64
BATCH = 32

BASE = {"vocab_size": VOCABULARY, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
DEBERTA = {
    "num_labels": 1,
    "relative_attention": True,
    "type_vocab_size": 0,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": "p2c|c2p",
    "position_biased_input": False,
}
MINI = {"vocab_size": VOCABULARY, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}
MODELS = {
    "bert-base": lambda: transformers.BertForMaskedLM(transformers.BertConfig(**BASE, num_hidden_layers=12)),
    "minilm": lambda: transformers.BertForSequenceClassification(
        transformers.BertConfig(**MINI, num_hidden_layers=6, num_labels=1)
    ),
    "deberta-v3-small": lambda: transformers.DebertaV2ForSequenceClassification(
        transformers.DebertaV2Config(**BASE, **DEBERTA, num_hidden_layers=6)
    ),
}


def tokenizer():
    """WordPiece over invented words, which writes pairs as BERT does."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(VOCABULARY - 5))]
    inner = Tokenizer(WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]")


def make(directory):
    """Random models with a tokenizer, and a query of 12 words with documents of 90 to 130."""
    torch.manual_seed(0)
    for name, model in MODELS.items():
        if not (directory / name / "model.safetensors").exists():
            model().save_pretrained(directory / name)
            tokenizer().save_pretrained(directory / name)
    choose = random.Random(0)
    text = lambda words: " ".join(f"w{choose.randrange(VOCABULARY - 5)}" for _ in range(words))
    texts = [text(12), *(text(choose.randrange(90, 131)) for _ in range(DOCUMENTS))]
    (directory / "texts.json").write_text(json.dumps(texts))
    (directory / "documents.json").write_text(json.dumps(texts[1:]))
    return texts


def batches(texts):
    """Texts of like length together, longest first."""
    texts = sorted(texts, key=len, reverse=True)
    return [texts[i : i + BATCH] for i in range(0, len(texts), BATCH)]


def splade(model, tokens, texts):
    for batch in batches(texts[1:]):
        inputs = tokens(batch, padding=True, truncation=True, max_length=512, return_tensors="pt")
        weights = torch.log1p(torch.relu(model(**inputs).logits)) * inputs["attention_mask"].unsqueeze(-1)
        weights.amax(1)


def score(model, tokens, texts):
    for batch in batches(texts[1:]):
        pairs = tokens([texts[0]] * len(batch), batch, padding=True, truncation=True, max_length=512, return_tensors="pt")
        model(**pairs).logits.view(-1)


def theirs(name, directory, texts, runs):
    """The milliseconds of each run in PyTorch."""
    kind = transformers.AutoModelForMaskedLM if name == "bert-base" else transformers.AutoModelForSequenceClassification
    model = kind.from_pretrained(directory / name, dtype=torch.float32).eval()
    tokens = transformers.PreTrainedTokenizerFast.from_pretrained(directory / name)
    work = splade if name == "bert-base" else score
    times = []
    with torch.inference_mode():
        for _ in range(runs + 1):
            start = time.perf_counter()
            work(model, tokens, texts)
            times.append(1000 * (time.perf_counter() - start))
    return times[1:]


def ours(name, directory, binaries, runs):
    """The milliseconds of each run of the plugin's example."""
    example, texts = ("encode", "documents.json") if name == "bert-base" else ("score", "texts.json")
    command = [binaries / example, directory / name, directory / texts, str(runs)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="where the random models are, or are to be made")
    parser.add_argument("models", nargs="*", default=list(MODELS), help=f"{', '.join(MODELS)} (default: all)")
    parser.add_argument("--binaries", type=Path, default=BINARIES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    texts = make(options.directory)
    print(f"{'':18} {'ScaleDown':>14} {'PyTorch':>14} {'documents/s, ScaleDown over PyTorch':>36}")
    for name in options.models:
        times = {"ours": [], "theirs": []}
        for _ in range(options.rounds):
            times["ours"] += ours(name, options.directory, options.binaries, options.runs)
            times["theirs"] += theirs(name, options.directory, texts, options.runs)
        mine, other = (DOCUMENTS / statistics.median(times[side]) * 1000 for side in ("ours", "theirs"))
        print(f"{name:18} {mine:10.1f} d/s {other:10.1f} d/s {mine / other:36.2f}", flush=True)


if __name__ == "__main__":
    main()
