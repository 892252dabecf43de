import unittest

from plugin import {{type}}
from scaledown_plugin.testing import Host


class Test(unittest.TestCase):
    def test_each_part_is_a_document(self):
        entries = {{type}}({"text": "one | two"}, Host()).documents()
        self.assertEqual([(entry.id, entry.text) for entry in entries], [("1", "one"), ("2", "two")])


if __name__ == "__main__":
    unittest.main()
