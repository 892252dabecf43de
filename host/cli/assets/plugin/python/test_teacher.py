import unittest

from plugin import {{type}}
from scaledown_plugin import Question
from scaledown_plugin.testing import Host


class Test(unittest.TestCase):
    def test_the_fitting_sentence_is_the_answer(self):
        question = Question("What is the home of Hazel?", ["It rains. The home of Hazel is Aspen Vale."])
        self.assertEqual({{type}}({}, Host()).answer([question]), ["The home of Hazel is Aspen Vale."])


if __name__ == "__main__":
    unittest.main()
