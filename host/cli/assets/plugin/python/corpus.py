"""A corpus: the parts of a text, or of a file, between bars."""

from scaledown_plugin import ConfigError, Corpus, Entry, corpus


class {{type}}(Corpus):
    name = "{{name}}"
    description = "Reads the parts of a text or file between bars."
    keys = {
        "path": {"type": "string", "format": "path", "description": "The file."},
        "text": {"type": "string", "description": "The text, in place of a file."},
    }

    def documents(self):
        if "path" in self.config:
            text = self.host.read_file(self.config["path"]).decode()
        elif "text" in self.config:
            text = self.config["text"]
        else:
            raise ConfigError("expected `path` or `text` in [corpus]")
        for place, part in enumerate(text.split("|"), 1):
            yield Entry(str(place), "", part.strip())


Reading = corpus({{type}})
