"""Writes tables/: each set as the hub's Parquet has it, two or three invented rows.

    pip install pyarrow==26.0.1
    python tests/datasets/make_tables.py

Needed only when a row is added; the tests read the committed files.
"""

import pathlib

import pyarrow
import pyarrow.parquet

HERE = pathlib.Path(__file__).parent / "tables"
HERE.mkdir(exist_ok=True)


def write(name, rows, **options):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), HERE / f"{name}.parquet", store_schema=False, **options)


CONTEXT = "Hazel Brenow was born in Aspen Vale."
SQUAD = [
    {"id": f"s{i}", "title": "Hazel_Brenow", "context": CONTEXT, "question": f"Where was she born? ({i})",
     "answers": {"text": ["Aspen Vale", "in Aspen Vale"], "answer_start": [25, 22]}}
    for i in range(5)
]
write("squad", SQUAD, row_group_size=2, compression="snappy")

TOKENS = ["<P>", "Hazel", "Brenow", "was", "born", "in", "<B>", "Aspen", "Vale", "</B>", ".", "</P>"]


def natural_question(name, long_answers, short_answers):
    return {
        "id": name,
        "document": {"title": "Hazel Brenow", "url": "http://example.org/", "html": "<html>",
                     "tokens": {"token": TOKENS, "is_html": [token.startswith("<") for token in TOKENS],
                                "start_byte": list(range(12)), "end_byte": list(range(12))}},
        "question": {"text": "where was hazel brenow born", "tokens": ["where", "was", "hazel", "brenow", "born"]},
        "long_answer_candidates": {"start_token": [0], "end_token": [12], "start_byte": [0], "end_byte": [9], "top_level": [True]},
        "annotations": {
            "id": [str(i) for i in range(len(long_answers))],
            "long_answer": [{"start_token": start, "end_token": end, "start_byte": 0, "end_byte": 9, "candidate_index": 0}
                            for start, end in long_answers],
            "short_answers": [{"start_token": [7] * len(texts), "end_token": [9] * len(texts), "start_byte": [0] * len(texts),
                               "end_byte": [9] * len(texts), "text": texts} for texts in short_answers],
            "yes_no_answer": [-1] * len(long_answers),
        },
    }


write("natural-questions", [
    natural_question("n1", [(-1, -1), (0, 12)], [[], ["Aspen Vale"]]),
    natural_question("n2", [(0, 12)], [[]]),
    natural_question("n3", [(0, 12), (0, 12)], [["the Vale"], ["Aspen Vale", "the Vale"]]),
], compression="zstd")

write("trivia-qa", [{
    "question": "In which village was the beekeeper Hazel Brenow born?", "question_id": "t1", "question_source": "http://example.org/",
    "entity_pages": {"doc_source": ["TagMe", "TagMe"], "filename": ["a.txt", "b.txt"], "title": ["Birch Loom", "Hazel Brenow"],
                     "wiki_context": ["The Birch Loom is framed in walnut.", CONTEXT]},
    "search_results": {"description": [], "filename": [], "rank": [], "title": [], "url": [], "search_context": []},
    "answer": {"aliases": ["Aspen Vale", "The Vale"], "normalized_aliases": ["aspen vale"], "matched_wiki_entity_name": "",
               "normalized_matched_wiki_entity_name": "", "normalized_value": "aspen vale", "type": "WikipediaEntity", "value": "Aspen Vale"},
}], compression="snappy")

write("hotpot-qa", [{
    "id": "h1", "question": "In which wood is the loom framed that Hazel Brenow owned?", "answer": "walnut", "type": "bridge", "level": "hard",
    "supporting_facts": {"title": ["Birch Loom"], "sent_id": [0]},
    "context": {"title": ["Birch Loom", "Hazel Brenow"],
                "sentences": [["The Birch Loom is framed in walnut.", " It was never moved."], ["She owned the Birch Loom."]]},
}], compression="gzip")

# A corpus, with columns of its own names and a row without a text.
write("corpus", [
    {"key": 7, "meta": {"name": "Aspen Vale"}, "body": "Peas and barley.", "unread": b"\\xff"},
    {"key": 8, "meta": {"name": None}, "body": None, "unread": b""},
    {"key": 9, "meta": {"name": "Birch Loom"}, "body": "Framed in walnut.", "unread": b""},
], row_group_size=2, compression="lz4")

# Columns of every type that an id or a text may be stored as; `kinds.json` has them as Python's reader writes them (`str`).
import datetime
import decimal
import json

UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2024, 1, 31, 12, 0, 0, 123000)
KINDS = {
    "decimal-38-0": (pyarrow.decimal128(38, 0), [decimal.Decimal(7), decimal.Decimal(-120), decimal.Decimal("9" * 38)]),
    "decimal-9-2": (pyarrow.decimal128(9, 2), [decimal.Decimal("7.00"), decimal.Decimal("-0.05"), decimal.Decimal("12.30")]),
    "decimal-18-0": (pyarrow.decimal128(18, 0), [decimal.Decimal(7), decimal.Decimal(0), decimal.Decimal(-1)]),
    "date": (pyarrow.date32(), [datetime.date(2024, 1, 31), datetime.date(1969, 12, 31), datetime.date(1, 1, 1)]),
    "timestamp-ms": (pyarrow.timestamp("ms"), [MOMENT, MOMENT.replace(microsecond=0), datetime.datetime(1960, 1, 1)]),
    "timestamp-us-utc": (pyarrow.timestamp("us", tz="UTC"), [MOMENT.replace(tzinfo=UTC), MOMENT.replace(microsecond=0, tzinfo=UTC), MOMENT.replace(microsecond=1, tzinfo=UTC)]),
    "time-us": (pyarrow.time64("us"), [datetime.time(12, 30), datetime.time(0, 0, 0, 1), datetime.time(23, 59, 59)]),
    "large-string": (pyarrow.large_string(), ["a", "bé", "c#1"]),
    "string-view": (pyarrow.string_view(), ["a", "a longer text than twelve bytes", "c"]),
    "dictionary": (pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), ["a", "b", "c"]),
    "uint64": (pyarrow.uint64(), [2**64 - 1, 0, 2**53 + 1]),
}
expected = {}
for number, (name, (kind, values)) in enumerate(KINDS.items()):
    texts = [["one", "two"], [], ["three"]]
    table = pyarrow.table({"id": pyarrow.array(values, kind), "text": pyarrow.array(texts, pyarrow.list_(pyarrow.large_string()))})
    codec = ["brotli", "gzip", "lz4", "snappy", "zstd", "none"][number % 6]
    pyarrow.parquet.write_table(table, HERE / f"kind-{name}.parquet", store_schema=False, compression=codec)
    read = pyarrow.parquet.read_table(HERE / f"kind-{name}.parquet").column("id").to_pylist()
    expected[name] = [str(value) for value in read]
(HERE / "kinds.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
