import unittest

from plugin import Hybrid
from scaledown_plugin import Hit
from scaledown_plugin.testing import Host


class Test(unittest.TestCase):
    def test_what_both_find_comes_first(self):
        lexical = lambda query, k: [Hit("a", 9.0), Hit("b", 8.0)]
        sparse = lambda query, k: [Hit("b", 0.7), Hit("c", 0.6)]
        hybrid = Hybrid({}, Host(retrievers={"lexical": lexical, "sparse": sparse}))
        [hits] = hybrid.search(["anything"], 3)
        self.assertEqual([hit.id for hit in hits], ["b", "a", "c"])


if __name__ == "__main__":
    unittest.main()
