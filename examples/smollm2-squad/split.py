"""Divides SQuAD by articles. Python's own library is enough.

    split.py dev-v1.1.json OUT     -> OUT/questions.jsonl and OUT/text.txt of 40 articles, OUT/test.jsonl of 8 others
"""

import json
import random
import sys
from pathlib import Path

TEST_ARTICLES = 8


def records(article):
    """One record a question, the paragraph its only document."""
    for paragraph in article["paragraphs"]:
        for question in paragraph["qas"]:
            golds = sorted({answer["text"] for answer in question["answers"]})
            if golds:
                yield {"id": question["id"], "query": question["question"], "documents": [paragraph["context"]], "gold_answers": golds}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def articles(source, out):
    """The first articles of a fixed random order are asked about, the others learnt from."""
    data = json.loads(Path(source).read_text())["data"]
    random.Random(0).shuffle(data)
    out.mkdir(parents=True, exist_ok=True)
    test, train = data[:TEST_ARTICLES], data[TEST_ARTICLES:]
    questions = [record for article in train for record in records(article)]
    random.Random(1).shuffle(questions)
    write(out / "questions.jsonl", questions)
    asked = [record for article in test for record in records(article)]
    random.Random(2).shuffle(asked)
    write(out / "test.jsonl", asked)
    (out / "text.txt").write_text("".join(p["context"].replace("\n", " ") + "\n" for a in train for p in a["paragraphs"]))


if __name__ == "__main__":
    articles(sys.argv[1], Path(sys.argv[2]))
