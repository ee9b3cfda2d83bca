# SPDX-License-Identifier: Apache-2.0
# Answers that reach the invoker as they are made.
import json

from cases.case import Case
from event_stream import Streamed

PARTS, PAUSE = 4, 300


class Streaming(Case):
    def stream(self, **members):
        function = self.deploy(handler=self.client.streaming)
        event = {"command": "stream", "parts": PARTS, "ms": PAUSE, **members}
        return Streamed(function.url, function.name, event)

    def test_streaming(self):
        """a streamed answer, its first part before the handler has ended"""
        streamed = self.stream()
        self.assertEqual(streamed.body, b"".join(b"part %d\n" % part for part in range(PARTS)))
        self.assertFalse(streamed.complete.get("ErrorCode"), streamed.complete)
        self.assertGreater(streamed.ended - streamed.chunks[0][0], (PARTS - 1) * PAUSE / 1000)

    def test_streaming_error(self):
        """an error in the middle of a streamed answer"""
        streamed = self.stream(fail=True)
        self.assertTrue(streamed.body.startswith(b"part 0\n"))
        self.assertEqual(streamed.complete["ErrorCode"], "Unhandled")
        error = json.loads(streamed.complete["ErrorDetails"])
        self.assertEqual((error["errorType"], error["errorMessage"]), (self.client.error_type, "failed on purpose"))
