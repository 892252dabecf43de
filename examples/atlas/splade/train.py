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
from atlas_data import Relevance, corpus, measure, questions, tokenizer  # noqa: E402
from encoder import POSITIONS, Encoder, rankings  # noqa: E402

HIDDEN, LAYERS, HEADS, INTERMEDIATE = 64, 2, 2, 256
BATCH, RATE, WARMUP = 32, 2e-3, 20
FLOPS = (3e-3, 3e-3)  # of queries and documents
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


def batches(found, documents, relevance, steps):
    """Questions, the indices of their documents, and of a misleading document each."""
    draw = random.Random(SEED)
    training = {i for i, document in enumerate(documents) if document.id.startswith("train-")}
    for _ in range(steps):
        rows = [draw.choice(draw.choice(found)) for _ in range(BATCH)]
        right = [row.supporting[0] for row in rows]
        wrong = []
        for row in rows:
            near = [i for i in relevance.of(row) if i in training and i not in row.supporting]
            wrong.append(draw.choice(near or sorted(training - set(row.supporting))))
        yield rows, right, wrong


def loss(encode, documents, rows, right, wrong):
    """Cross entropy over the documents of the batch, and the FLOPS of queries and documents (Paria et al. 2020, arXiv 2004.05665)."""
    queries, found = encode([row.text for row in rows]), encode([documents[i].text for i in right + wrong])
    scores = queries @ found.T
    same = torch.tensor([[i in row.supporting for i in right + wrong] for row in rows])
    same &= ~torch.eye(len(rows), len(right + wrong), dtype=torch.bool)
    ranking = torch.nn.functional.cross_entropy(scores.masked_fill(same, -1e9), torch.arange(len(rows)))
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
