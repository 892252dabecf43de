"""Trains the Atlas retriever's encoder: a BERT masked language model read as SPLADE (Formal et al. 2021, arXiv 2109.10086).

    scaledown dataset atlas --out runs/atlas
    python examples/atlas/splade/train.py --data runs/atlas --out runs/splade

From random weights, on the training split alone: questions as they are and in other words, each with its document, the other documents of
the batch, and one that shares a word of the name or mentions the entity. Made with torch 2.15.0, transformers 5.23.0, tokenizers 0.23.3,
numpy 2.4.6, on one thread.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from atlas_data import Relevance, corpus, measure, questions, reworded, tokenizer  # noqa: E402
from encoder import POSITIONS, Encoder, rankings  # noqa: E402

HIDDEN, LAYERS, HEADS, INTERMEDIATE = 64, 2, 2, 256
BATCH, RATE, WARMUP = 32, 2e-3, 20
FLOPS = (3e-3, 3e-3)  # of queries and documents
WEIGHTS = {1.0: 1.0, 0.5: 0.3, 0.25: 0.1, 0.1: 0.1}  # of the grades of relevance
SEED = 7


def model(vocabulary):
    """Random weights, but for a head that passes on what it gets: a text's first terms are its own tokens, from which the training goes on."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INTERMEDIATE,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    network = BertForMaskedLM(config)
    torch.nn.init.normal_(network.bert.embeddings.word_embeddings.weight, std=HIDDEN**-0.5)
    torch.nn.init.eye_(network.cls.predictions.transform.dense.weight)
    torch.nn.init.constant_(network.cls.predictions.bias, -3.0)
    return network


def kind(document):
    """What a document is about: `person`, `place` or `thing`. Those of a kind state the same attributes."""
    return document.id.split("-")[1]


def graded(found, documents, relevance):
    """The relevance of training documents to each question: the generator's, and a tenth for those that state what is asked of another entity."""
    training = [i for i, document in enumerate(documents) if document.id.startswith("train-")]
    grades = relevance.of(found)
    asked = kind(documents[found.supporting[0]])
    return {i: grades.get(i, 0.1 if kind(documents[i]) == asked else 0.0) for i in training}


def batches(found, documents, relevance, steps):
    """Questions, the relevance of all documents to each, and the indices of four documents each, one of every grade."""
    draw = random.Random(SEED)
    for _ in range(steps):
        rows = [draw.choice(draw.choice(found)) for _ in range(BATCH)]
        rows = [reworded(row, 0.5, draw) if draw.random() < 0.3 else row for row in rows]
        grades = [graded(row, documents, relevance) for row in rows]

        def near(grade):
            fitting = ([i for i, own in grades[at].items() if own == grade] for at in range(BATCH))
            return [draw.choice(indices or list(grades[0])) for indices in fitting]

        yield rows, grades, [row.supporting[0] for row in rows] + near(0.5) + near(0.25) + near(0.1)


def loss(encode, documents, rows, grades, indices):
    """Cross entropy of a document of each grade among those of the batch that are less relevant; and the FLOPS of queries and documents
    (Paria et al. 2020, arXiv 2004.05665)."""
    queries, found = encode([row.text for row in rows]), encode([documents[i].text for i in indices])
    scores = queries @ found.T
    relevant = torch.tensor([[grade.get(i, 0.0) for i in indices] for grade in grades])
    ranking = 0.0
    for at, (grade, weight) in enumerate(WEIGHTS.items()):
        own = at * len(rows) + torch.arange(len(rows))
        others = (relevant < grade - 1e-6).scatter(1, own[:, None], True)
        asked = (relevant[torch.arange(len(rows)), own] - grade).abs() < 1e-6
        losses = torch.nn.functional.cross_entropy(scores.masked_fill(~others, -1e9), own, reduction="none")
        ranking += weight * (losses * asked).mean()
    return ranking, [(vectors.mean(0) ** 2).sum() for vectors in (queries, found)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    documents, texts = corpus(arguments.data), tokenizer(arguments.data)
    relevance = Relevance(documents)
    arguments.out.mkdir(parents=True, exist_ok=True)
    texts.save(str(arguments.out / "tokenizer.json"))
    network = model(texts.get_vocab_size())
    encode = Encoder(network, texts)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    steps = arguments.steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / WARMUP, 1 - step / steps))

    start = time.process_time()
    found = questions(arguments.data, "train", documents)
    found = [found["all"], found["paraphrased"]]
    for step, batch in enumerate(batches(found, documents, relevance, steps)):
        ranking, flops = loss(encode, documents, *batch)
        ramp = min(1.0, step / (steps / 2)) ** 2
        total = ranking + ramp * sum(weight * flop for weight, flop in zip(FLOPS, flops))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            print(f"{step} {time.process_time() - start:.0f}s ranking {ranking:.4f} flops {flops[0]:.2f} {flops[1]:.2f}", flush=True)

    network.save_pretrained(arguments.out)
    vectors = encode.all([document.text for document in documents])
    print(f"terms of a document {(vectors > 0).sum(1).float().mean():.1f}")
    for name, asked in questions(arguments.data, "test", documents).items():
        print(name, len(asked), json.dumps(measure(rankings(encode, vectors, asked), asked, relevance)))


if __name__ == "__main__":
    main()
