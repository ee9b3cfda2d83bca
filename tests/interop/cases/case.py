# SPDX-License-Identifier: Apache-2.0
# What the cases share. A case is a method `test_NAME` whose first line of documentation is its row in the table; a subject
# that cannot do NAME says why in its data (subjects.py), and the method is not run for it.
import unittest


class Case(unittest.TestCase):
    """One case for one client. `place` has the client, its platform, and its function, deployed once for all cases."""

    def __init__(self, method, place):
        super().__init__(method)
        self.place = place

    @property
    def client(self):
        return self.place.client

    @property
    def function(self):
        return self.place.function()

    def deploy(self, **options):
        function = self.place.deploy(**options)
        self.addCleanup(function.close)
        return function

    def assert_result(self, answer, expected):
        self.assertIsNone(self.place.platform.error_of(answer), answer)
        self.assertEqual(answer.json(), expected)

    def result_of(self, answer):
        self.assertIsNone(self.place.platform.error_of(answer), answer)
        return answer.json()

    def assert_error(self, answer, error_type, message):
        error = self.place.platform.error_of(answer)
        self.assertIsNotNone(error, answer)
        self.assertEqual(error["errorType"], error_type)
        self.assertRegex(error["errorMessage"], message)

    def assert_serves(self, function):
        """That it takes a call as if nothing had been."""
        self.assert_result(function.invoke({"still": "there"}), {"still": "there"})
