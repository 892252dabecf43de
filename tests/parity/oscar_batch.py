"""The batch of the OSCAR step: records of ragged token lists, laid out for the compressor and for the generator."""

from dataclasses import dataclass

import torch

from batches import BOS, EOS, pad
from recording import IGNORED

SEPARATOR = 3
FIRST_WORD = 4
MEMORY_TOKENS = 2
NO_SLOT = -1
# Tokens of each query, of each of its documents, and of each answer without its end.
QUERIES = [3, 5]
DOCUMENTS = [[9, 6, 11], [7, 10, 4]]
ANSWERS = [4, 2]


@dataclass
class Record:
    """One training record as token ids."""

    query: torch.Tensor
    documents: list
    answer: torch.Tensor


def records(vocabulary, seed):
    """Random records."""
    generator = torch.Generator().manual_seed(seed)
    words = lambda n: torch.randint(FIRST_WORD, vocabulary, (n,), generator=generator)
    return [
        Record(words(q), [words(d) for d in documents], words(a)) for q, documents, a in zip(QUERIES, DOCUMENTS, ANSWERS)
    ]


def raw(records):
    """The ragged lists as `in.query.I`, `in.document.I.J` and `in.answer.I` (without EOS)."""
    named = {}
    for i, record in enumerate(records):
        named |= {f"in.query.{i}": record.query, f"in.answer.{i}": record.answer}
        named |= {f"in.document.{i}.{j}": document for j, document in enumerate(record.documents)}
    return named


def compressor_inputs(records, text):
    """One row a (query, document) pair: `text(query, document)`, the memory places, the RR place, padding on the right.

    The places hold token 0; their embeddings are the compressor's own.
    """
    places = torch.zeros(MEMORY_TOKENS + 1, dtype=torch.long)
    texts = [text(record.query, document) for record in records for document in record.documents]
    ids, mask = pad([torch.cat([tokens, places]) for tokens in texts], "right")
    first = torch.tensor([len(tokens) for tokens in texts])
    return {
        "in.compressor.input_ids": ids,
        "in.compressor.attention_mask": mask,
        "in.compressor.memory_positions": first[:, None] + torch.arange(MEMORY_TOKENS),
        "in.compressor.rr_positions": first + MEMORY_TOKENS,
    }


def prompt(record, first_pair):
    """One generator row: its tokens, and for each place the number of the memory vector that stands there, or -1.

    `[BOS] 4 5 [document 1] [SEP] [document 2] [SEP] [document 3] 6 [query] 7 [answer] [EOS]`
    """
    tokens, slots = [BOS, 4, 5], [NO_SLOT] * 3
    for j in range(len(record.documents)):
        if j > 0:
            tokens.append(SEPARATOR)
            slots.append(NO_SLOT)
        start = (first_pair + j) * MEMORY_TOKENS
        tokens += [0] * MEMORY_TOKENS
        slots += range(start, start + MEMORY_TOKENS)
    tokens += [6, *record.query.tolist(), 7]
    answer = [*record.answer.tolist(), EOS]
    targets = [IGNORED] * (len(tokens) - 1) + answer + [IGNORED]
    tokens += answer
    slots += [NO_SLOT] * (len(tokens) - len(slots))
    return torch.tensor(tokens), torch.tensor(slots), torch.tensor(targets)


def generator_inputs(records):
    """All prompts with their answers, padded on the right."""
    firsts = [sum(len(record.documents) for record in records[:i]) for i in range(len(records))]
    tokens, slots, targets = zip(*(prompt(record, first) for record, first in zip(records, firsts)))
    ids, mask = pad(tokens, "right")
    return {
        "in.generator.input_ids": ids,
        "in.generator.attention_mask": mask,
        "in.generator.slots": pad(slots, "right", NO_SLOT)[0],
        "in.generator.targets": pad(targets, "right", IGNORED)[0],
    }
