"""What the scripts that train the retriever's encoder and the reranker share: the Atlas as they read it, and how a ranking is measured."""

import json
import random
import re
import string
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer, processors

HERE = Path(__file__).resolve().parent
PARAPHRASES = json.loads((HERE / "paraphrases.json").read_text())


class Document(NamedTuple):
    id: str
    title: str
    text: str


class Question(NamedTuple):
    text: str
    name: str  # the entity asked about
    supporting: list  # indices in the corpus, that of the entity's document first


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def corpus(data):
    """All documents, of all splits."""
    return [Document(r["_id"], r["title"], f"{r['title']}. {r['text']}") for r in lines(data / "corpus.jsonl")]


def questions(data, split, documents):
    """The questions of a split in three sets, by name:

    - `all`: as they are;
    - `unlike`: those that ask about a fact in other words than the document states it ("When was NAME born?", "The birth of NAME is");
    - `paraphrased`: those that one document answers, put into words of `paraphrases.json`, which no document has. The words of the training
      are others than those of the test.
    """
    index = {document.id: i for i, document in enumerate(documents)}
    draw = random.Random(split)
    found = {"all": [], "unlike": [], "paraphrased": []}
    for record in lines(data / f"{split}.jsonl"):
        supporting = [index[record["document_ids"][at]] for at in record["supporting"]]
        supporting.sort(key=lambda i: documents[i].title not in record["query"])
        title, noun, query = documents[supporting[0]].title, record["attribute"], record["query"]
        found["all"].append(Question(query, title, supporting))
        if record["hops"] == 1:
            asked, stated = query == f"What is the {noun} of {title}?", f" {noun} " in documents[supporting[0]].text
            if asked != stated:
                found["unlike"].append(found["all"][-1])
            template = draw.choice(PARAPHRASES[noun]["train" if split == "train" else "test"])
            found["paraphrased"].append(Question(template.format(title), title, supporting))
    return found


def reworded(question, share, draw):
    """The question with this share of the words that are not of the name replaced by random ones: practice for words that no training has."""
    name = question.name.split()

    def word(own):
        kept = any(part in own for part in name) or draw.random() >= share
        return own if kept else "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 8)))

    return question._replace(text=" ".join(word(own) for own in question.text.split()))


class Relevance:
    """How relevant each document is, by the rule of the generator's `reranking_scores`: 1 where the answer takes it, 0.5 where it mentions
    the entity asked about, 0.25 where its entity's name shares a word with that one's, else 0."""

    def __init__(self, documents):
        self.documents = documents
        self.mentions, self.sharing = {}, {}
        for i, document in enumerate(documents):
            for name in set(re.findall(r"[A-Z][a-z]+ [A-Z][a-z]+", document.text)):
                self.mentions.setdefault(name, []).append(i)
            for place in enumerate(document.title.split()):
                self.sharing.setdefault(place, []).append(i)

    def of(self, question):
        grades = {i: 0.25 for place in enumerate(question.name.split()) for i in self.sharing.get(place, [])}
        grades |= {i: 0.5 for i in self.mentions.get(question.name, [])}
        return grades | {i: 1.0 for i in question.supporting}


def tokenizer(data):
    """The Atlas tokenizer, which puts `[CLS]` and `[SEP]` around texts and pairs."""
    atlas = Tokenizer.from_file(str(data / "tokenizer.json"))
    specials = [(token, atlas.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    atlas.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=specials
    )
    return atlas


def measure(rankings, questions, relevance):
    """Recall@1, recall@5, nDCG@10 by the documents that the answer takes, and nDCG@10 by graded relevance."""
    found = []
    for ranking, question in zip(rankings, questions):
        ranking, gold = list(ranking), question.supporting
        recall = [np.mean([i in ranking[:k] for i in gold]) for k in (1, 5)]
        grades = relevance.of(question)
        found.append([*recall, ndcg(ranking, {i: 1.0 for i in gold}), ndcg(ranking, grades)])
    names = ["recall@1", "recall@5", "nDCG@10", "nDCG@10 graded"]
    return dict(zip(names, np.mean(found, axis=0).round(4).tolist()))


def ndcg(ranking, gains, k=10):
    discounts = 1 / np.log2(np.arange(2, k + 2))
    best = sorted(gains.values(), reverse=True)[:k]
    return float(sum(gains.get(i, 0) * d for i, d in zip(ranking, discounts)) / (best @ discounts[: len(best)]))
