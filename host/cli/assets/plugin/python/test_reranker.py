import unittest

from plugin import {{type}}
from scaledown_plugin.testing import Host


class Test(unittest.TestCase):
    def test_a_document_with_all_words_gets_one(self):
        self.assertEqual({{type}}({}, Host()).score("one two", ["two one", "one", ""]), [1.0, 0.5, 0.0])


if __name__ == "__main__":
    unittest.main()
