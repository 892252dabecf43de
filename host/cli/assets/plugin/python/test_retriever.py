import unittest

from plugin import {{type}}
from scaledown_plugin import Document
from scaledown_plugin.testing import Host


class Test(unittest.TestCase):
    def test_the_document_with_the_most_words_comes_first(self):
        host = Host()
        documents = [Document("a", "one two"), Document("b", "one two three"), Document("c", "four")]
        self.assertEqual({{type}}({}, host).index(iter(documents)), 3)
        [hits] = {{type}}({}, host).search(["one two three"], 2)
        self.assertEqual([hit.id for hit in hits], ["b", "a"])


if __name__ == "__main__":
    unittest.main()
