"""A retriever: documents that share the most words with the query."""

import json

from scaledown_plugin import Document, Hit, Retriever, retriever


class {{type}}(Retriever):
    name = "{{name}}"
    description = "Finds documents that share the most words with the query."
    keys = {"shortest_word": {"type": "integer", "minimum": 0, "default": 0, "description": "Shorter words count for nothing."}}

    def start(self) -> None:
        self.texts: dict[str, str] = json.loads(self.host.read("texts.json") or b"{}")

    def index(self, documents) -> int:
        read = 0
        for document in documents:
            self.texts[document.id] = document.text
            read += 1
        self.host.write("texts.json", json.dumps(self.texts).encode())
        return read

    def search(self, queries, k):
        return [self.best(query, k) for query in queries]

    def words(self, text: str) -> set[str]:
        return {word for word in text.split() if len(word) >= self.config["shortest_word"]}

    def best(self, query: str, k: int) -> list[Hit]:
        wanted = self.words(query)
        hits = [Hit(id, float(len(wanted & self.words(text)))) for id, text in self.texts.items()]
        hits = [hit for hit in hits if hit.score > 0]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id.encode()))[:k]


Retrieval = retriever({{type}})
