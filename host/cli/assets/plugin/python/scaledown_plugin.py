"""What a ScaleDown plugin is made of, in Python.

A plugin is a class derived from `Retriever`, `Reranker`, `Teacher` or `Corpus`, and one line that exports it:

    Retrieval = retriever(MyRetriever)

The host makes an instance with the keys of its configuration table. `self.host` is what it may ask of the host; what needs a
permission raises `Refused` with the line that grants it.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from typing import Any, Iterable, Iterator

try:
    # Now, and not when they are called: a component has no files to import from when it runs.
    from componentize_py_types import Err
    from wit_world import imports
    from wit_world.imports import components, config, documents, files, http, log, storage, types  # noqa: F401
except ImportError:
    # In any other Python, where tests run.
    imports, Err = None, Exception

__all__ = [
    "ConfigError", "Corpus", "Document", "Entry", "Hit", "Host", "InputError", "Question", "Refused", "Reranker", "Retriever",
    "Teacher", "corpus", "reranker", "retriever", "teacher",
]


@dataclass(frozen=True)
class Document:
    """A document that is searched."""

    id: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A document of a corpus; the title may be empty."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A document that was found; a greater score is better."""

    id: str
    score: float


@dataclass(frozen=True)
class Question:
    """A question, and the documents that it is answered from, the most relevant first."""

    query: str
    documents: list[str]
    system: str = ""
    message: str = ""


class ConfigError(Exception):
    """The configuration cannot be used."""


class InputError(Exception):
    """An input cannot be used."""


class Refused(Exception):
    """The host could not or would not do what it was asked."""


class Host:
    """What a plugin may ask of the host. `scaledown_plugin.testing.Host` stands in for it in tests."""

    def search(self, component: str, queries: list[str], k: int) -> list[list[Hit]]:
        """The best `k` documents of each query, as another retriever of the configuration finds them."""
        found = _call(_imports().components.search, component, queries, k)
        return [[Hit(hit.id, hit.score) for hit in hits] for hits in found]

    def score(self, component: str, query: str, documents: list[str]) -> list[float]:
        """A score of each document by another reranker of the configuration."""
        return _call(_imports().components.score, component, query, documents)

    def answer(self, component: str, questions: list[Question]) -> list[str]:
        """An answer to each question by another teacher of the configuration."""
        kind = _imports().types.Question
        return _call(_imports().components.answer, component, [kind(q.query, q.documents, q.system, q.message) for q in questions])

    def components(self) -> list[str]:
        """The names of the components that may be called."""
        return _imports().components.names()

    def read(self, name: str) -> bytes | None:
        """What a retriever has stored under a name."""
        return _call(_imports().storage.read, name)

    def write(self, name: str, value: bytes) -> None:
        """Stores a value, while a retriever indexes."""
        _call(_imports().storage.write, name, value)

    def read_file(self, path: str) -> bytes:
        """The content of a file, which the user must have granted."""
        content = b""
        while part := _call(_imports().files.read, path, len(content), 1 << 20):
            content += part
        return content

    def names_in(self, directory: str) -> list[str]:
        """The names in a directory; a directory's ends with `/`."""
        return _call(_imports().files.names, directory)

    def variable(self, name: str) -> str | None:
        """The value of an environment variable, which the user must have granted."""
        return _call(_imports().config.variable, name)

    def send(self, method: str, url: str, headers: list[tuple[str, str]] = [], body: bytes = b"") -> tuple[int, bytes]:
        """The status and body of a service's answer, which the user must have granted."""
        response = _call(_imports().http.send, method, url, headers, body)
        return response.status, response.body

    def log(self, message: str, level: str = "info") -> None:
        """Writes what the user reads under the plugin's name: `error`, `warn`, `info` or `debug`."""
        log = _imports().log
        log.write(log.Level[level.upper()], message)


class Plugin:
    """What all plugins have."""

    name: str = ""
    version: str = "0.1.0"
    description: str = ""
    license: str = ""
    homepage: str = ""
    #: The JSON schema of each key: `{"depth": {"type": "integer", "minimum": 1, "default": 10}}`.
    keys: dict[str, Any] = {}
    #: Keys that must be set.
    required: list[str] = []
    #: What it asks the user to grant, as in `[plugins.NAME.permissions]`: `{"http": ["api.example.org"]}`.
    permissions: dict[str, Any] = {}

    def __init__(self, config: dict[str, Any], host: Host) -> None:
        self.config = {key: schema["default"] for key, schema in self.keys.items() if "default" in schema} | config
        self.host = host
        self.start()

    def start(self) -> None:
        """Called once, with `self.config` and `self.host` in place."""


class Retriever(Plugin):
    """A corpus to the documents that answer a query best."""

    def index(self, documents: Iterator[Document]) -> int:
        """Stores documents, and returns how many it read. The retrievers that it may call are indexed by the host."""
        return sum(1 for _ in documents)

    def search(self, queries: list[str], k: int) -> list[list[Hit]]:
        """The best `k` documents of each query, best first; equal scores in the order of ids."""
        raise NotImplementedError

    def facts(self) -> list[tuple[str, str]]:
        """What there is to say of the index."""
        return []


class Reranker(Plugin):
    """A query and documents to a score each."""

    def score(self, query: str, documents: list[str]) -> list[float]:
        """One score a document; a greater one is more relevant."""
        raise NotImplementedError


class Teacher(Plugin):
    """A question and documents to an answer."""

    def answer(self, questions: list[Question]) -> list[str]:
        """One answer a question."""
        raise NotImplementedError


class Corpus(Plugin):
    """Documents, whatever they are stored as."""

    def documents(self) -> Iterable[Entry | str]:
        """All documents in order. A text in a document's place says why one cannot be read."""
        raise NotImplementedError


def retriever(kind: type[Retriever]) -> type:
    """The export `Retrieval` of a plugin."""

    class Retrieval(_Export):
        plugin = kind

        def index(self, documents: Any) -> int:
            def stream() -> Iterator[Document]:
                while batch := _call(documents.next, 64):
                    yield from (Document(document.id, document.text) for document in batch)

            return _answer(lambda: self.made.index(stream()))

        def search(self, queries: list[str], k: int) -> Any:
            hit = _imports().types.Hit
            found = _answer(lambda: self.made.search(queries, k))
            return [[hit(found.id, found.score) for found in hits] for hits in found]

        def facts(self) -> list[tuple[str, str]]:
            return self.made.facts()

    return Retrieval


def reranker(kind: type[Reranker]) -> type:
    """The export `Reranking` of a plugin."""

    class Reranking(_Export):
        plugin = kind

        def score(self, query: str, documents: list[str]) -> list[float]:
            return _answer(lambda: [float(score) for score in self.made.score(query, documents)])

    return Reranking


def teacher(kind: type[Teacher]) -> type:
    """The export `Teaching` of a plugin."""

    class Teaching(_Export):
        plugin = kind

        def answer(self, questions: Any) -> list[str]:
            asked = [Question(q.query, q.documents, q.system, q.message) for q in questions]
            return _answer(lambda: self.made.answer(asked))

    return Teaching


def corpus(kind: type[Corpus]) -> type:
    """The export `Reading` of a plugin."""
    try:
        from wit_world.exports import reading
    except ImportError:
        reading = None

    class Reading(_Export):
        plugin = kind
        stream: Iterator[Entry | str] | None = None

        def next(self, most: int) -> Any:
            def batch() -> Any:
                if type(self).stream is None:
                    type(self).stream = iter(self.made.documents())
                items = []
                for entry in type(self).stream:
                    if isinstance(entry, str):
                        items.append(reading.Item_Unreadable(entry))
                    else:
                        items.append(reading.Item_Entry(reading.Entry(entry.id, entry.title, entry.text)))
                    if len(items) >= most:
                        break
                return items

            return _answer(batch)

    return Reading


class _Export:
    """What all exports have. An instance of the component has one plugin, which the class keeps."""

    plugin: type[Plugin]
    made: Any = None

    def describe(self) -> str:
        kind = self.plugin
        schema = {"type": "object", "properties": kind.keys, "required": kind.required, "additionalProperties": False}
        about = {name: getattr(kind, name) for name in ("name", "version", "description", "license", "homepage")}
        asked = {"permissions": kind.permissions} if kind.permissions else {}
        return json.dumps(about | asked | {"schema": schema})

    def build(self, config: str) -> None:
        def made() -> None:
            type(self).made = self.plugin(json.loads(config), Host())

        _answer(made)


def _imports() -> Any:
    return imports


def _call(function: Any, *arguments: Any) -> Any:
    """Calls the host, whose errors become `Refused`."""
    try:
        return function(*arguments)
    except Err as error:
        raise Refused(error.value.value) from None


def _answer(call: Any) -> Any:
    """Calls the plugin, whose errors become those of the interface."""
    types = _imports().types
    try:
        return call()
    except Err:
        raise
    except ConfigError as error:
        raise Err(types.Error_Config(str(error))) from None
    except InputError as error:
        raise Err(types.Error_Input(str(error))) from None
    except Refused as error:
        raise Err(types.Error_Failed(str(error))) from None
    except Exception as error:  # noqa: BLE001
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({place.filename.rsplit('/', 1)[-1]}:{place.lineno})"
        raise Err(types.Error_Failed(text)) from None
