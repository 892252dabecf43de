"""Writes answers.json and rankings.json: hard cases scored by the reference implementations.

    pip install rouge-score==0.1.2 rouge==1.0.1 pytrec_eval-terrier==0.5.11
    python tests/metrics/make_fixtures.py

EM, F1 and match follow the public definition of SQuAD 1.1 and KILT. Needed only when a case is added; the tests read the
committed JSON.
"""

import collections
import itertools
import json
import pathlib
import random
import re
import string

import pytrec_eval
from rouge import Rouge
from rouge_score.rouge_scorer import RougeScorer

HERE = pathlib.Path(__file__).parent

TEXTS = [
    "",
    " ",
    ".",
    "...",
    "The",
    "the a an",
    "Paris",
    "paris.",
    "The city of Paris, France",
    "the the cat sat on the mat",
    "a cat sat, the cat sat on a mat.",
    "Dr. Smith went to Washington. He met the U.S. president.",
    "He met the president. Dr Smith went to Washington",
    "one two three two one three two",
    "two one three three one two",
    "x y. y x. x x y. z",
    "y x z. x y",
    "3.14 is pi",
    "pi is 3,14",
    "1,000,000 dollars",
    "$1000000 dollars!",
    "10-20 years",
    "state-of-the-art",
    "state of art",
    "O'Neill's 'quoted' \"answer\"",
    "oneills quoted answer",
    "snake_case and_the end",
    "Café Müller",
    "Cafe\u0301 Mu\u0308ller",
    "a\u0301 b\u0301 the\u0301",
    "a\u2013team and the\u2014end \u201cthe\u201d",
    "The \u2018Hound\u2019 of an era",
    "\u6771\u4eac\u90fd\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059\u3002",
    "\u6771\u4eac\u90fd the a\u6771 \u4eac",
    "\u6771\u4eac",
    "\u041c\u043e\u0441\u043a\u0432\u0430 \u2014 \u0441\u0442\u043e\u043b\u0438\u0446\u0430",
    "\u043c\u043e\u0441\u043a\u0432\u0430",
    "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u03a3\u0391\u03a3",
    "\u03bf\u03b4\u03c5\u03c3\u03c3\u03b5\u03c5\u03c2 \u03c3\u03b1\u03c2",
    "\u0130stanbul \u212a Stra\u00dfe STRASSE",
    "i\u0307stanbul k strasse",
    "\u0928\u092e\u0938\u094d\u0924\u0947 a\u0947 the",
    "\u00a0non\u00a0breaking\u2003em space\u3000wide",
    "line\none\ttab\r\nthe\x1cfile\x1fsep\x85next",
    "zero\u200bwidth\u200d join",
    "\U0001f600 the emoji \U0001f1eb\U0001f1f7",
    "\u00b2\u00bd\u2167 a\u00b2 the \u00bd",
    "an hour; a day? the week! (an) [a] {the}",
    "A. B. C. the. D.",
    " . leading and trailing . ",
    "yes",
    "yes yes yes yes",
    "no yes no yes",
    "The quick brown fox jumps over the lazy dog",
    "dog lazy the over jumps fox brown quick the",
    "brown the quick over fox dog lazy jumps",
]

MULTIPLE_GOLDS = [
    ("It was Paris, in France.", ["London", "Paris", "paris france"]),
    ("the New York City", ["NYC", "New York", "New York City"]),
    ("42", ["forty-two", "42", "42.0"]),
    ("unknown", ["", "the", "known"]),
    ("", ["", "nothing"]),
    ("a b c d e f", ["a b c x y z", "d e f", "f e d c b a"]),
    ("\u6771\u4eac", ["Tokyo", "\u6771\u4eac\u90fd", "\u6771\u4eac"]),
]


def normalize(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(prediction, gold):
    prediction, gold = normalize(prediction).split(), normalize(gold).split()
    shared = sum((collections.Counter(prediction) & collections.Counter(gold)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(prediction), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def rouge_l_kilt(prediction, gold):
    try:
        return Rouge().get_scores(prediction, gold, avg=True)["rouge-l"]["f"]
    except ValueError:  # the package's "Hypothesis is empty", which KILT counts as 0
        return 0.0


SCORER = RougeScorer(["rougeL"], use_stemmer=False)
METRICS = {
    "em": lambda prediction, gold: float(normalize(prediction) == normalize(gold)),
    "f1": f1,
    "match": lambda prediction, gold: float(normalize(gold) in normalize(prediction)),
    "rouge_l": lambda prediction, gold: SCORER.score(gold, prediction)["rougeL"].fmeasure,
    "rouge_l_kilt": rouge_l_kilt,
}


def answer_case(prediction, golds):
    scores = {name: max(float(metric(prediction, gold)) for gold in golds) for name, metric in METRICS.items()}
    return {"prediction": prediction, "golds": golds, "normalized": normalize(prediction), "scores": scores}


def answers():
    rng = random.Random(7)
    pairs = [(text, [text]) for text in TEXTS]
    pairs += [(a, [b]) for a, b in itertools.pairwise(TEXTS)] + [(b, [a]) for a, b in itertools.pairwise(TEXTS)]
    pairs += MULTIPLE_GOLDS
    words = "a the an alpha Beta beta gamma, delta. . of 7".split()
    sentence = lambda most: " ".join(rng.choices(words, k=rng.randint(0, most)))
    pairs += [(sentence(14), [sentence(14) for _ in range(rng.randint(1, 3))]) for _ in range(120)]
    return [answer_case(prediction, golds) for prediction, golds in pairs]


def ranking_case(name, qrels, run, k):
    names = {f"ndcg_cut.{k}", "recip_rank", f"recall.{k}"}
    found = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
    # A judged query that the run misses counts as 0.
    mean = lambda metric: sum(scores[metric] for scores in found.values()) / len(qrels)
    means = {"ndcg": mean(f"ndcg_cut_{k}"), "mrr": mean("recip_rank"), "recall": mean(f"recall_{k}")}
    return {"name": name, "qrels": qrels, "run": run, "k": k, **means}


def rankings():
    rng = random.Random(11)
    graded = {"q": {"d1": 3, "d2": 2, "d3": 0, "d4": 1, "d5": -1}}
    cases = [
        ranking_case("perfect order", graded, {"q": {"d1": 5.0, "d2": 4.0, "d4": 3.0, "d3": 2.0}}, 10),
        ranking_case("worst order", graded, {"q": {"d1": 1.0, "d2": 2.0, "d4": 3.0, "d3": 4.0, "d5": 9.0}}, 3),
        ranking_case("all scores equal", graded, {"q": {name: 1.0 for name in graded["q"]}}, 2),
        ranking_case("ids tie by bytes, not by number", {"q": {"d10": 1, "d9": 0}}, {"q": {"d10": 0.5, "d9": 0.5}}, 1),
        ranking_case("ids outside ASCII", {"q": {"\u00e9": 1, "z": 0, "\U0001f600": 0}}, {"q": {"\u00e9": 1.0, "z": 1.0, "\U0001f600": 1.0}}, 10),
        ranking_case("unjudged documents", graded, {"q": {"x": 9.0, "y": 8.0, "d2": 7.0}}, 10),
        ranking_case("nothing relevant retrieved", graded, {"q": {"x": 9.0, "d3": 8.0, "d5": 7.0}}, 10),
        ranking_case("nothing relevant judged", {"q": {"d1": 0, "d2": 0}}, {"q": {"d1": 1.0, "d2": 0.0}}, 10),
        ranking_case("negative and tiny scores", graded, {"q": {"d1": -1e-30, "d2": -3.0, "d4": 1e-300}}, 10),
        ranking_case("scores equal as f32 only", graded, {"q": {"d1": 0.1 + 1e-12, "d2": 0.1, "d3": 0.1 + 2e-12}}, 10),
        ranking_case("more judged than the cut-off", {"q": {f"d{i}": 1 + i % 3 for i in range(9)}}, {"q": {f"d{i}": float(i) for i in range(12)}}, 5),
    ]
    for index in range(20):
        queries = [f"q{i}" for i in range(rng.randint(1, 4))]
        judged = {query: {f"d{i}": rng.randint(-1, 3) for i in range(rng.randint(1, 8))} for query in queries}
        scored = {query: {f"d{i}": float(rng.randint(0, 5)) for i in rng.sample(range(12), rng.randint(1, 10))} for query in queries[:3]}
        cases.append(ranking_case(f"random {index}", judged, scored, rng.choice([1, 3, 5, 10])))
    return cases


for name, cases in [("answers.json", answers()), ("rankings.json", rankings())]:
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (HERE / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
