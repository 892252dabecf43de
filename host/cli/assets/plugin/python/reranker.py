"""A reranker: the share of the query's words that a document has."""

from scaledown_plugin import Reranker, reranker


class {{type}}(Reranker):
    name = "{{name}}"
    description = "Scores a document by the share of the query's words that it has."
    keys = {"bonus": {"type": "number", "default": 0.0, "description": "What a document gets beside the share of words."}}

    def score(self, query, documents):
        words = query.split()
        found = lambda text: sum(word in text.split() for word in words)
        return [self.config["bonus"] + found(text) / max(len(words), 1) for text in documents]


Reranking = reranker({{type}})
