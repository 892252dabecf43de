"""A stand-in for the host, for tests that run in any Python."""

from __future__ import annotations

from typing import Any, Callable

from . import Hit, Question, Refused


class Host:
    """A host that stores in memory, and whose other components are functions."""

    def __init__(
        self,
        retrievers: dict[str, Callable[[str, int], list[Hit]]] | None = None,
        rerankers: dict[str, Callable[[str, str], float]] | None = None,
        files: dict[str, bytes] | None = None,
    ) -> None:
        self.retrievers = retrievers or {}
        self.rerankers = rerankers or {}
        self.files = files or {}
        self.stored: dict[str, bytes] = {}
        self.logged: list[tuple[str, str]] = []

    def components(self) -> list[str]:
        return [*self.retrievers, *self.rerankers]

    def search(self, component: str, queries: list[str], k: int) -> list[list[Hit]]:
        return [self._named(self.retrievers, component)(query, k)[:k] for query in queries]

    def score(self, component: str, query: str, documents: list[str]) -> list[float]:
        return [self._named(self.rerankers, component)(query, document) for document in documents]

    def answer(self, component: str, questions: list[Question]) -> list[str]:
        raise Refused(f"there is no component {component}")

    def read(self, name: str) -> bytes | None:
        return self.stored.get(name)

    def write(self, name: str, value: bytes) -> None:
        self.stored[name] = value

    def read_file(self, path: str) -> bytes:
        return self._named(self.files, path)

    def log(self, message: str, level: str = "info") -> None:
        self.logged.append((level, message))

    @staticmethod
    def _named(things: dict[str, Any], name: str) -> Any:
        if name not in things:
            raise Refused(f"there is no {name}")
        return things[name]
