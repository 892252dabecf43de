"""A teacher by rules: the sentence of the documents that shares the most words with the question."""

import re

from scaledown_plugin import Teacher, teacher


class {{type}}(Teacher):
    name = "{{name}}"
    description = "Answers with the sentence that shares the most words with the question."
    keys = {"otherwise": {"type": "string", "default": "", "description": "The answer where no sentence fits."}}

    def answer(self, questions):
        return [self.best(question) for question in questions]

    def best(self, question):
        words = set(question.query.split())
        sentences = [part for text in question.documents for part in re.split(r"(?<=[.!?])\s+", text)]
        shared = lambda sentence: len(words & set(sentence.split()))
        best = max(sentences, key=shared, default="")
        return best if shared(best) else self.config["otherwise"]


Teaching = teacher({{type}})
