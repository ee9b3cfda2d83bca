# SPDX-License-Identifier: Apache-2.0
"""Handlers that yield."""

import base64
import json
import unittest

from platform_under_test import RuntimeTest

EARLY_REFUSAL = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge"
COUNT = """
def handler(event, context):
    for part in event:
        yield part
"""


def error_of(answer):
    """What the trailers of a stream that has ended in an error say."""
    body = json.loads(base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]))
    return answer.trailers["lambda-runtime-function-error-type"], body


class AGenerator(RuntimeTest):
    def streamed(self, source, event=None, **more):
        answer = self.start(source, **more).invoke(event)
        self.assertEqual(("response", "streaming"), (answer.kind, answer.headers["lambda-runtime-function-response-mode"]))
        return answer

    def test_is_sent_as_it_yields(self):
        source = """
        import pathlib, time
        def handler(event, context):
            yield "first"
            while not pathlib.Path(event).exists(): time.sleep(0.002)
            yield b"second"
        """
        instance = self.start(source)
        gate = instance.folder / "gate"
        instance.offer(str(gate))
        self.assertEqual(b"first", instance.chunk())
        gate.touch()
        self.assertEqual(b"second", instance.chunk())
        answer = instance.answer()
        self.assertEqual(("response", b"firstsecond", {}), (answer.kind, answer.body, answer.trailers))
        self.assertEqual("application/octet-stream", answer.headers["content-type"])
        self.assertEqual("streaming", answer.headers["lambda-runtime-function-response-mode"])
        self.assertIn("Lambda-Runtime-Function-Error-Body", answer.headers["trailer"])

    def test_may_yield_text_and_anything_like_bytes(self):
        source = """
        import array
        def handler(event, context):
            yield "é€\U0001f600"
            yield b""
            yield bytearray(b"ab")
            yield memoryview(b"xcdx")[1:3]
            yield array.array("B", [101])
        """
        self.assertEqual("é€\U0001f600abcde".encode(), self.streamed(source).body)

    def test_may_be_returned(self):
        self.assertEqual(b"ab", self.streamed("def handler(e, c): return (part for part in e)", ["a", "b"]).body)

    def test_may_be_returned_by_an_async_handler(self):
        self.assertEqual(b"ab", self.streamed("async def handler(e, c): return (part for part in e)", ["a", "b"]).body)

    def test_may_yield_nothing(self):
        self.assertEqual(b"", self.streamed(COUNT, []).body)

    def test_is_followed_by_the_next_invocation(self):
        instance = self.start(COUNT)
        for number in range(5):
            self.assertEqual(b"%d!" % number, instance.invoke([str(number), "!"]).body)

    def test_sends_pieces_of_any_size(self):
        source = "def handler(event, context):\n    for size in event: yield b'x' * size"
        sizes = [1, 70_000, 8_000_000, 3]
        self.assertEqual(sum(sizes), len(self.streamed(source, sizes).body))

    def test_waits_while_nobody_reads_and_lets_other_threads_go_on(self):
        source = """
        import sys, threading
        def handler(event, context):
            done = threading.Event()
            def tick():
                while not done.wait(0.002): print("tick", file=sys.stderr)
            threading.Thread(target=tick).start()
            for number in range(200):
                print("piece", number)
                yield bytes(100_000)
            done.set()
        """
        instance = self.start(source)
        instance.offer()
        self.assertEqual(100_000, len(instance.chunk()))
        instance.api.reading.clear()
        stuck, pieces = 0, -1
        while pieces != stuck:  # until the handler gets no further while its other thread does
            pieces, ticks = stuck, instance.stderr.count("tick")
            instance.wait_for_output("tick\n" * (ticks + 20), "stderr")
            stuck = instance.stdout.count("piece")
        # A socket holds a few megabytes, not twenty.
        self.assertLess(stuck, 150)
        instance.api.reading.set()
        self.assertEqual(20_000_000, len(instance.answer().body))

    def test_does_not_import_what_it_does_not_need(self):
        source = "import sys\ndef handler(event, context): yield str('asyncio' in sys.modules)"
        self.assertEqual(b"False", self.streamed(source).body)


class AnAsyncGenerator(RuntimeTest):
    def test_is_sent_as_it_yields(self):
        source = """
        import asyncio, pathlib
        async def handler(event, context):
            yield "first"
            while not pathlib.Path(event).exists(): await asyncio.sleep(0.002)
            yield b"second"
        """
        instance = self.start(source)
        gate = instance.folder / "gate"
        instance.offer(str(gate))
        self.assertEqual(b"first", instance.chunk())
        gate.touch()
        self.assertEqual(b"firstsecond", instance.answer().body)

    def test_runs_on_the_loop_of_the_instance(self):
        source = """
        import asyncio
        async def handler(event, context):
            await asyncio.sleep(0)
            yield str(id(asyncio.get_running_loop()))
        """
        instance = self.start(source)
        self.assertEqual(instance.invoke().body, instance.invoke().body)

    def test_fails_in_the_middle(self):
        source = """
        async def handler(event, context):
            yield "sent"
            raise KeyError("k")
        """
        instance = self.start(source)
        kind, error = error_of(instance.invoke())
        file = instance.folder / "index.py"
        self.assertEqual(("KeyError", "'k'"), (kind, error["errorMessage"]))
        self.assertEqual([f'  File "{file}", line 3, in handler\n    raise KeyError("k")\n'], error["stackTrace"])

    def test_may_yield_what_cannot_be_sent(self):
        kind, error = error_of(self.start("async def handler(e, c):\n    yield 'a'\n    yield 1").invoke())
        self.assertEqual(("TypeError", 1), (kind, len(error["stackTrace"])))


class AnError(RuntimeTest):
    def test_in_the_middle_is_in_the_trailers_and_in_the_log(self):
        source = """
        def handler(event, context):
            yield "sent"
            raise LookupError("no such thing")
        """
        instance = self.start(source)
        answer = instance.invoke()
        self.assertEqual(("response", b"sent"), (answer.kind, answer.body))
        kind, error = error_of(answer)
        file = instance.folder / "index.py"
        self.assertEqual("LookupError", kind)
        self.assertEqual(
            {
                "errorMessage": "no such thing",
                "errorType": "LookupError",
                "requestId": answer.request_id,
                "stackTrace": [f'  File "{file}", line 3, in handler\n    raise LookupError("no such thing")\n'],
            },
            error,
        )
        instance.wait_for_output("[ERROR] LookupError: no such thing")
        self.assertEqual("error", self.start("def handler(e, c):\n    1 / 0\n    yield").invoke().kind)

    def test_before_the_first_piece_is_like_any_other(self):
        instance = self.start("def handler(e, c):\n    if e: raise KeyError(e)\n    yield 'fine'")
        answer = instance.invoke("k")
        self.assertEqual(("error", "KeyError"), (answer.kind, answer.json["errorType"]))
        self.assertIn("lambda-runtime-function-xray-error-cause", answer.headers)
        self.assertEqual(b"fine", instance.invoke().body)

    def test_of_great_depth_fits_the_trailer(self):
        source = """
        def down(n):
            if n == 0: raise ValueError("deep")
            deeper(n)
        def deeper(n):
            down(n - 1)
        def handler(event, context):
            yield "sent"
            down(400)
        """
        kind, error = error_of(self.start(source).invoke())
        self.assertEqual(("ValueError", "deep", 100), (kind, error["errorMessage"], len(error["stackTrace"])))

    def test_is_raised_where_something_was_yielded_that_cannot_be_sent(self):
        for value, kind, message in (
            ("1", "TypeError", "a handler that streams yields str or bytes, not int"),
            ("None", "TypeError", "a handler that streams yields str or bytes, not NoneType"),
            ("{'statusCode': 200}", "TypeError", "a handler that streams yields str or bytes, not dict"),
            ("'\\ud800'", "UnicodeEncodeError", None),
        ):
            with self.subTest(value):
                instance = self.start(f"def handler(e, c):\n    yield 'a'\n    yield {value}")
                kind_told, error = error_of(instance.invoke())
                self.assertEqual(kind, kind_told)
                self.assertIn("line 3, in handler\n    yield", error["stackTrace"][0])
                self.assertEqual(1, len(error["stackTrace"]))
                if message:
                    self.assertEqual(message, error["errorMessage"])

    def test_of_that_kind_may_be_caught(self):
        source = """
        def handler(event, context):
            try: yield 1
            except TypeError: yield "caught"
        """
        self.assertEqual(b"caught", self.start(source).invoke().body)

    def test_may_end_the_process(self):
        instance = self.start("import sys\ndef handler(e, c):\n    yield 'a'\n    sys.exit(4)")
        instance.offer()
        self.assertEqual(b"a", instance.chunk())
        self.assertEqual(4, instance.wait_for_exit())
        self.assertTrue(instance.api.answers.empty())


class AnHttpAnswer(RuntimeTest):
    def test_begins_with_status_headers_and_cookies(self):
        head = {"statusCode": 201, "headers": {"Content-Type": "text/plain"}, "cookies": ["a=b"]}
        answer = self.start(COUNT).invoke([head, "body"])
        self.assertEqual("application/vnd.awslambda.http-integration-response", answer.headers["content-type"])
        text, _, body = answer.body.partition(b"\0" * 8)
        self.assertEqual((head, b"body"), (json.loads(text), body))

    def test_has_the_status_200_where_none_is_given(self):
        answer = self.start(COUNT).invoke([{"headers": {"X": "y"}}])
        self.assertEqual({"statusCode": 200, "headers": {"X": "y"}}, json.loads(answer.body.partition(b"\0" * 8)[0]))

    def test_is_refused_where_the_dict_is_another(self):
        for first in ({}, {"body": "x", "statusCode": 200}):
            answer = self.start(COUNT).invoke([first])
            self.assertEqual(("error", "ValueError"), (answer.kind, answer.json["errorType"]))
            self.assertIn("statusCode, headers, multiValueHeaders, cookies", answer.json["errorMessage"])


class APlatform(RuntimeTest):
    GOES_ON = """
    pieces = 0
    def handler(event, context):
        global pieces
        pieces = 0
        try:
            while True:
                pieces += 1
                yield bytes(1000)
        except BrokenPipeError as error:
            print("caught", error)
            {then}
    """

    def start_and_break(self, then, misbehave):
        instance = self.start(self.GOES_ON.replace("{then}", then))
        instance.api.misbehave = misbehave
        instance.offer()
        return instance

    def serves_again(self, instance):
        instance.api.misbehave = lambda connection: connection.sendall(EARLY_REFUSAL)
        instance.invoke()

    def test_that_answers_early_is_told_to_the_handler_and_the_next_event_is_served(self):
        instance = self.start_and_break("return", lambda connection: connection.sendall(EARLY_REFUSAL))
        instance.wait_for_output("caught [Errno 32] nobody takes the rest of this response: the Runtime API answered with "
                                 "status 413: large")
        self.assertEqual({}, instance.answer().trailers)
        self.serves_again(instance)

    def test_that_closes_is_told_to_the_handler_and_the_next_event_is_served(self):
        instance = self.start_and_break("return", lambda connection: connection.shutdown(2))
        instance.wait_for_output("caught [Errno 32] nobody takes the rest")
        self.serves_again(instance)

    def test_that_closes_leaves_an_error_in_the_log_where_the_handler_does_not_catch_it(self):
        instance = self.start("def handler(e, c):\n    while True: yield bytes(1000)")
        instance.api.misbehave = lambda connection: connection.shutdown(2)
        instance.offer()
        instance.wait_for_output("[ERROR] BrokenPipeError: [Errno 32] nobody takes the rest")
        instance.wait_for_poll()

    def test_that_closes_ends_a_handler_that_goes_on(self):
        instance = self.start_and_break("yield 'more'; print('never')", lambda connection: connection.shutdown(2))
        instance.wait_for_output("caught")
        instance.wait_for_poll()
        instance.wait_for_poll()
        self.assertNotIn("never", instance.stdout)

    def test_that_closes_is_told_to_an_async_handler_too(self):
        source = """
        async def handler(event, context):
            try:
                while True: yield bytes(1000)
            except BrokenPipeError:
                print("caught")
                yield "more"
                print("never")
            finally:
                print("cleaned up")
        """
        instance = self.start(source)
        instance.api.misbehave = lambda connection: connection.shutdown(2)
        instance.offer()
        instance.wait_for_output("caught\ncleaned up\n")
        self.assertNotIn("never", instance.stdout)


class Termination(RuntimeTest):
    def test_lets_the_stream_end_first(self):
        source = """
        import pathlib, time
        def handler(event, context):
            yield "a"
            while not pathlib.Path(event).exists(): time.sleep(0.002)
            yield "b"
        """
        instance = self.start(source)
        gate = instance.folder / "gate"
        instance.offer(str(gate))
        instance.chunk()
        instance.terminate()
        gate.touch()
        self.assertEqual(b"ab", instance.answer().body)
        self.assertEqual(0, instance.wait_for_exit())


if __name__ == "__main__":
    unittest.main()
