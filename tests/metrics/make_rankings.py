"""Writes rankings/: a TREC run and its qrels in both layouts, with the scores that trec_eval gives.

    pip install pytrec_eval-terrier==0.5.11
    python tests/metrics/make_rankings.py

Needed only when a case is added; the tests read the committed files.
"""

import json
import pathlib
import random
import struct

import pytrec_eval

HERE = pathlib.Path(__file__).parent / "rankings"
CUTS = [1, 5, 10, 100]

# What is hard, a query each; then random queries.
QRELS = {
    "ties": {"d1": 1, "d2": 0, "d10": 2, "d9": 1},
    "tied-as-f32": {"a": 1, "b": 0, "c": 2},
    "unjudged": {"d1": 2, "d7": 1},
    "grades": {"d1": 3, "d2": 2, "d3": 1, "d4": 0, "d5": -1, "d6": -2},
    "nothing-relevant": {"d1": 0, "d2": -1},
    "many-relevant": {f"d{i}": 1 + i % 3 for i in range(150)},
    "first-at-11": {"d11": 1},
    "not-in-run": {"d1": 1},
    "not-in-run-nor-relevant": {"d1": 0},
    "\u6771\u4eac": {"\u00e9": 1, "z": 0, "\U0001f600": 0},
}
RUN = {
    "ties": {"d1": 1.0, "d2": 1.0, "d10": 1.0, "d9": 1.0, "d3": 1.0},
    "tied-as-f32": {"a": 0.1 + 2e-12, "b": 0.1 + 1e-12, "c": 0.1},
    "unjudged": {"x": 9.0, "y": 8.5, "d7": 8.0, "z": 7.0},
    "grades": {"d5": 9.0, "d6": 8.0, "d4": 7.0, "d3": 6.0, "d2": 5.0, "d1": -4.0},
    "nothing-relevant": {"d1": 3.0, "d2": 2.0, "d3": 1.0},
    "many-relevant": {f"d{i * 7 % 300}": float(i % 40) for i in range(200)},
    "first-at-11": {f"d{i}": 20.0 - i for i in range(1, 30)},
    "not-in-qrels": {"d1": 1.0},
    "\u6771\u4eac": {"\u00e9": 1e-3, "z": 1e-3, "\U0001f600": 1e-3},
}

rng = random.Random(5)
for index in range(40):
    QRELS[f"r{index}"] = {f"d{i}": rng.choice([-1, 0, 1, 1, 2, 3]) for i in rng.sample(range(60), rng.randint(1, 30))}
    if index % 8:
        RUN[f"r{index}"] = {f"d{i}": rng.randint(0, 12) / 4 for i in rng.sample(range(60), rng.randint(1, 60))}


def as_f32(number):
    return struct.unpack("f", struct.pack("f", number))[0]


def first(scores, cut):
    """The first documents in trec_eval's order, so that its recip_rank becomes that of the cut."""
    ranked = sorted(scores, key=lambda name: (as_f32(scores[name]), name.encode()), reverse=True)
    return {name: scores[name] for name in ranked[:cut]}


names = {f"ndcg_cut.{','.join(map(str, CUTS))}", f"recall.{','.join(map(str, CUTS))}"}
found = pytrec_eval.RelevanceEvaluator(QRELS, names).evaluate(RUN)
means = {}
for cut in CUTS:
    run = {query: first(scores, cut) for query, scores in RUN.items()}
    ranks = pytrec_eval.RelevanceEvaluator(QRELS, {"recip_rank"}).evaluate(run)
    means[cut] = {
        "ndcg": sum(scores[f"ndcg_cut_{cut}"] for scores in found.values()),
        "mrr": sum(scores["recip_rank"] for scores in ranks.values()),
        "recall": sum(scores[f"recall_{cut}"] for scores in found.values()),
    }

HERE.mkdir(exist_ok=True)


def write(name, lines):
    (HERE / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")


# Ranks that do not fit the scores: trec_eval does not read them.
lines = [(query, name, score) for query, scores in RUN.items() for name, score in scores.items()]
rng.shuffle(lines)
write("hard.run", [f"{query} Q0 {name} 1 {score!r} made" for query, name, score in lines])
lines = [(query, name, grade) for query, grades in QRELS.items() for name, grade in grades.items()]
rng.shuffle(lines)
write("hard.qrels", [f"{query}\t0 {name}  {grade}" for query, name, grade in lines])
write("hard.tsv", ["query-id\tcorpus-id\tscore"] + [f"{query}\t{name}\t{grade}" for query, name, grade in lines])
expected = {
    "queries": len(QRELS),
    "answered": len(found),
    "judged": {cut: {name: value / len(QRELS) for name, value in sums.items()} for cut, sums in means.items()},
    "answered_only": {cut: {name: value / len(found) for name, value in sums.items()} for cut, sums in means.items()},
}
write("hard.json", [json.dumps(expected, indent=1)])
