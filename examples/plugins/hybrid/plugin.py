"""A hybrid retriever: asks two other retrievers of the configuration and fuses their ranks.

Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): a document gets 1 / (constant + rank) from each retriever that finds it.
"""

from scaledown_plugin import Hit, Retriever, retriever


class Hybrid(Retriever):
    name = "hybrid"
    description = "Fuses the ranks of other retrievers of the configuration."
    keys = {
        "depth": {"type": "integer", "minimum": 1, "default": 100, "description": "Documents that each retriever is asked for."},
        "constant": {"type": "number", "minimum": 0, "default": 60.0, "description": "How little the first ranks stand out."},
    }

    def search(self, queries: list[str], k: int) -> list[list[Hit]]:
        scores: list[dict[str, float]] = [{} for _ in queries]
        for component in self.host.components():
            found = self.host.search(component, queries, max(k, self.config["depth"]))
            for sums, hits in zip(scores, found):
                for rank, hit in enumerate(hits, 1):
                    sums[hit.id] = sums.get(hit.id, 0.0) + 1.0 / (self.config["constant"] + rank)
        return [self.best(sums, k) for sums in scores]

    def best(self, sums: dict[str, float], k: int) -> list[Hit]:
        hits = [Hit(id, score) for id, score in sums.items()]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id.encode()))[:k]


Retrieval = retriever(Hybrid)
