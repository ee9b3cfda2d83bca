# SPDX-License-Identifier: Apache-2.0
# Many calls, one after another and all at once.
import concurrent.futures
import threading

from cases.case import Case

SEQUENTIAL, CONCURRENT = 500, 200


class Load(Case):
    def test_sequential(self):
        """500 calls one after another, one instance"""
        function = self.deploy(max_instances=1)
        pids = set()
        with function.caller() as caller:
            for number in range(SEQUENTIAL):
                told = self.result_of(caller.invoke({"command": "pause", "ms": 0, "tag": f"call {number}"}))
                self.assertEqual((told["tag"], told["served"]), (f"call {number}", number + 1))
                pids.add(told["pid"])
        self.assertEqual(len(pids), 1)

    def test_concurrent(self):
        """200 calls at once, four instances"""
        function = self.deploy(max_instances=4)
        start = threading.Barrier(CONCURRENT)

        def call(number):
            with function.caller() as caller:
                start.wait(30)
                return caller.invoke({"command": "pause", "ms": 5, "tag": f"call {number}"})

        with concurrent.futures.ThreadPoolExecutor(CONCURRENT) as invokers:
            told = [self.result_of(answer) for answer in invokers.map(call, range(CONCURRENT))]
        self.assertEqual([each["tag"] for each in told], [f"call {number}" for number in range(CONCURRENT)])
        self.assertLessEqual(len({each["pid"] for each in told}), 4)
