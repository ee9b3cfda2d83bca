# SPDX-License-Identifier: Apache-2.0
# Several calls at once in one instance: AWS_LAMBDA_MAX_CONCURRENCY.
import concurrent.futures
import time

from cases.case import Case


class Concurrency(Case):
    def call_together(self, function, callers, calls, ms):
        """What the calls were told, in order, from so many callers at once."""
        def call(number):
            return function.command("pause", ms=ms, tag=f"call {number}")
        with concurrent.futures.ThreadPoolExecutor(callers) as invokers:
            told = [self.result_of(answer) for answer in invokers.map(call, range(calls))]
        self.assertEqual([each["tag"] for each in told], [f"call {number}" for number in range(calls)])
        return told

    def test_several_at_once(self):
        """four calls at once in one instance"""
        function = self.deploy(concurrency=4, max_instances=1)
        self.assert_serves(function)
        began = time.monotonic()
        told = self.call_together(function, 4, 4, 1000)
        self.assertLess(time.monotonic() - began, 3.5, "one after another would be four seconds at least")
        self.assertEqual(len({each["pid"] for each in told}), 4 if self.client.processes else 1)

    def test_several_at_once_load(self):
        """200 calls from 16 callers, four at once in one instance"""
        function = self.deploy(concurrency=4, max_instances=1)
        told = self.call_together(function, 16, 200, 5)
        self.assertLessEqual(len({each["pid"] for each in told}), 4 if self.client.processes else 1)
