"""Trains the Atlas reranker: a DeBERTa-v3 cross-encoder whose logit is the relevance of a document to a question.

    scaledown dataset atlas --out runs/atlas
    python examples/atlas/deberta/train.py --data runs/atlas --splade host/cli/assets/atlas/splade --out runs/deberta

From random weights, on the training split alone. Questions, as they are and in other words, stand beside the documents that the encoder
of `../splade` finds for them and others. The target is the generator's own scale of relevance, 0 to 1. Documents are cut to some of their sentences at first, which
makes the training short. Made with torch 2.15.0, transformers 5.23.0, tokenizers 0.23.3, numpy 2.4.6, on one thread.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import torch
from transformers import BertForMaskedLM, DebertaV2Config, DebertaV2ForSequenceClassification

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "splade")]
from atlas_data import Relevance, corpus, measure, questions, reworded, tokenizer  # noqa: E402
from encoder import Encoder, rankings  # noqa: E402

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS, BUCKETS = 64, 2, 2, 128, 256, 32
BATCH, RATE, WARMUP = 48, 2e-3, 50
FOUND = 20  # documents of a question that are ranked anew
SEED = 7


def model(vocabulary):
    """Random weights, but for equal projections of queries and keys, by which tokens look for their like from the start."""
    config = DebertaV2Config(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INTERMEDIATE,
        max_position_embeddings=POSITIONS,
        type_vocab_size=2,
        relative_attention=True,
        position_buckets=BUCKETS,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        position_biased_input=False,
        pooler_hidden_size=HIDDEN,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=1,
        pad_token_id=0,
    )
    network = DebertaV2ForSequenceClassification(config)
    for name, weight in network.named_parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=HIDDEN**-0.5)
    for layer in network.deberta.encoder.layer:
        layer.attention.self.key_proj.load_state_dict(layer.attention.self.query_proj.state_dict())
    return network


class Reranker:
    """Pairs of a question and a document to logits."""

    def __init__(self, network, texts):
        self.network, self.texts = network, texts
        self.texts.enable_padding(pad_id=0, pad_token="<pad>")
        self.texts.enable_truncation(POSITIONS, strategy="only_second")

    def __call__(self, pairs):
        encodings = self.texts.encode_batch(pairs)
        ids, types, mask = (torch.tensor([getattr(e, k) for e in encodings]) for k in ("ids", "type_ids", "attention_mask"))
        return self.network(input_ids=ids, token_type_ids=types, attention_mask=mask).logits[:, 0]

    @torch.no_grad()
    def rank(self, question, found, documents):
        scores = self([(question.text, documents[i].text) for i in found])
        return [found[i] for i in scores.argsort(descending=True, stable=True)]


def shortened(text, sentences, draw):
    """The title and some of the sentences, in their order."""
    title, *rest = text.removesuffix(".").split(". ")
    kept = sorted(draw.sample(range(len(rest)), min(sentences, len(rest))))
    return ". ".join([title, *(rest[i] for i in kept)]) + "."


def batches(found, documents, relevance, splade, steps):
    """Pairs and their relevance: of each question a document that answers it, two that are found for it, and one of any."""
    draw = random.Random(SEED)
    training = [i for i, document in enumerate(documents) if document.id.startswith("train-")]
    rows = [row for kind in ("all", "paraphrased") for row in draw.sample(found[kind], 4000)]
    rows = list(zip(rows, rankings(splade, splade.all([documents[i].text for i in training]), rows, FOUND)))
    for step in range(steps):
        sentences = 2 if step < steps * 0.5 else 4 if step < steps * 0.75 else 99
        pairs, targets = [], []
        for row, near in draw.sample(rows, BATCH // 4):
            grades = relevance.of(row)
            asked = reworded(row, 0.7, draw) if draw.random() < 0.5 else row
            mentions = [i for i in relevance.mentions.get(row.name, []) if documents[i].id.startswith("train-")]
            other = draw.choice(mentions) if draw.random() < 0.5 else draw.choice(training)
            for i in (draw.choice(row.supporting), training[draw.choice(near)], training[draw.choice(near)], other):
                text = shortened(documents[i].text, sentences, draw)
                grade = grades.get(i, 0.0)
                if grade == 0.5 and row.name not in text:
                    grade = 0.0
                pairs.append((asked.text, text))
                targets.append(grade)
        yield pairs, torch.tensor(targets)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--splade", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    documents, texts = corpus(arguments.data), tokenizer(arguments.data)
    relevance = Relevance(documents)
    arguments.out.mkdir(parents=True, exist_ok=True)
    texts.save(str(arguments.out / "tokenizer.json"))
    splade = Encoder(BertForMaskedLM.from_pretrained(arguments.splade), tokenizer(arguments.data))
    network = model(texts.get_vocab_size())
    reranker = Reranker(network, texts)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    steps = arguments.steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / WARMUP, 1 - step / steps))

    start = time.process_time()
    found = questions(arguments.data, "train", documents)
    for step, (pairs, targets) in enumerate(batches(found, documents, relevance, splade, steps)):
        error = ((reranker(pairs) - targets) ** 2).mean()
        optimizer.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"{step} {time.process_time() - start:.0f}s error {error:.4f}", flush=True)

    network.save_pretrained(arguments.out)
    vectors = splade.all([document.text for document in documents])
    for name, asked in questions(arguments.data, "test", documents).items():
        before = rankings(splade, vectors, asked, FOUND)
        after = [reranker.rank(question, near, documents) for question, near in zip(asked, before)]
        for what, ranking in (("SPLADE", before), ("reranked", after)):
            print(name, what, len(asked), json.dumps(measure(ranking, asked, relevance)), flush=True)


if __name__ == "__main__":
    main()
