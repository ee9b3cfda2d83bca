# SPDX-License-Identifier: Apache-2.0
"""Several invocations at once (AWS_LAMBDA_MAX_CONCURRENCY): several processes."""

import os
import signal
import unittest

from platform_under_test import RuntimeTest

COUNT = 3
SOURCE = """
import os, pathlib, sys, time
print("loaded", os.getpid())
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if "exit" in event: sys.exit(event["exit"])
    if "raise" in event: raise ValueError(event["raise"])
    if "kill" in event: os.kill(os.getpid(), event["kill"])
    if "wait" in event:
        print("waiting " + context.aws_request_id)
        while not pathlib.Path(event["wait"]).exists(): time.sleep(0.002)
    return [os.getpid(), calls, os.environ.get("_X_AMZN_TRACE_ID")]
"""


class Processes(RuntimeTest):
    def start_several(self, source=SOURCE, **environment):
        instance = self.start(source, AWS_LAMBDA_MAX_CONCURRENCY=str(COUNT), **environment)
        for _ in range(COUNT):
            instance.wait_for_poll()
        return instance

    def start_busy(self, instance, count):
        """So many invocations that wait for the file `gate`: their ids, and the file."""
        gate = instance.folder / "gate"
        ids = [instance.offer({"wait": str(gate)}, Trace_Id=f"Root={number}") for number in range(count)]
        for request_id in ids:
            instance.wait_for_output("waiting " + request_id)
        return ids, gate

    def test_run_at_the_same_time_and_load_for_themselves(self):
        instance = self.start_several()
        ids, gate = self.start_busy(instance, COUNT)
        gate.touch()
        answers = {answer.request_id: answer.json for answer in (instance.answer() for _ in ids)}
        self.assertEqual(set(ids), set(answers))
        self.assertEqual(COUNT, len({pid for pid, _, _ in answers.values()}))
        self.assertEqual({1}, {calls for _, calls, _ in answers.values()})
        self.assertEqual([f"Root={number}" for number in range(COUNT)], [answers[one][2] for one in ids])
        self.assertEqual(COUNT, instance.stdout.count("loaded"))
        self.assertNotIn(instance.process.pid, {pid for pid, _, _ in answers.values()})

    def test_go_on_after_errors_and_refusals(self):
        instance = self.start_several()
        instance.api.refusal = b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\nlate"
        for _ in range(2 * COUNT):
            self.assertEqual("error", instance.invoke({"raise": "x"}).kind)
        instance.api.refusal = None
        self.assertEqual("response", instance.invoke({}).kind)
        self.assertIsNone(instance.process.poll())

    def test_end_together_where_one_dies_and_the_others_answer_first(self):
        for event, code in (({"exit": 5}, 5), ({"kill": signal.SIGKILL}, -signal.SIGKILL)):
            with self.subTest(event):
                instance = self.start_several()
                ids, gate = self.start_busy(instance, 1)
                instance.offer(event)
                # Those that were idle are gone once the other is known to be dead; the busy one has its time.
                gate.touch()
                self.assertEqual(ids[0], instance.answer().request_id)
                self.assertEqual(code, instance.wait_for_exit())

    def test_are_drained_by_a_sigterm_to_the_first_of_them(self):
        instance = self.start_several()
        ids, gate = self.start_busy(instance, 2)
        instance.terminate()
        gate.touch()
        self.assertEqual(set(ids), {instance.answer().request_id for _ in ids})
        self.assertEqual(0, instance.wait_for_exit())

    def test_are_drained_by_a_sigterm_to_all_of_them(self):
        instance = self.start_several(process_group=True)
        ids, gate = self.start_busy(instance, 2)
        os.killpg(instance.process.pid, signal.SIGTERM)
        gate.touch()
        self.assertEqual(set(ids), {instance.answer().request_id for _ in ids})
        self.assertEqual(0, instance.wait_for_exit())

    def test_report_once_that_they_cannot_load(self):
        answer, instance = self.failed_init("import nowhere", AWS_LAMBDA_MAX_CONCURRENCY=str(COUNT))
        self.assertEqual("Runtime.ImportModuleError", answer.json["errorType"])
        self.assertTrue(instance.api.answers.empty())

    def test_stream_at_the_same_time(self):
        source = """
        import pathlib, time
        def handler(event, context):
            yield "a"
            while not pathlib.Path(event).exists(): time.sleep(0.002)
            yield "b"
        """
        instance = self.start_several(source)
        gate = instance.folder / "gate"
        for _ in range(COUNT):
            instance.offer(str(gate))
        self.assertEqual([b"a"] * COUNT, [instance.chunk() for _ in range(COUNT)])
        gate.touch()
        self.assertEqual([b"ab"] * COUNT, [instance.answer().body for _ in range(COUNT)])

    def test_are_one_where_one_is_asked_for(self):
        instance = self.start(SOURCE, AWS_LAMBDA_MAX_CONCURRENCY="1")
        self.assertEqual(instance.process.pid, instance.invoke({}).json[0])


if __name__ == "__main__":
    unittest.main()
