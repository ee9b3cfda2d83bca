# SPDX-License-Identifier: Apache-2.0
# Streams reach invokers as they are made, and end as they should, whatever happens.
import http.client
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import STREAM, PlannedFunction, events_of, wait_until  # noqa: E402


class Streams(PlannedFunction):
    def test_the_first_byte_is_there_before_the_handler_ends(self):
        self.serve()
        _, answer = self.request("/f", {"steps": [{"send": "first"}, {"wait": self.path("seen")}, {"send": "last"}]})
        self.assertEqual((answer.status, answer.headers["Transfer-Encoding"]), (200, "chunked"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain")
        self.assertEqual(answer.read(5), b"first")
        self.touch("seen")  # only now may the handler go on
        self.assertEqual(answer.read(), b"last")

    def test_a_prelude_becomes_the_head_of_the_answer(self):
        self.serve()
        prelude = json.dumps({"statusCode": 418, "headers": {"x-tea": "green", "content-type": "text/tea"},
                              "cookies": ["a=1", "b=2"]}) + "\0" * 8
        kind = "application/vnd.awslambda.http-integration-response"
        for cut in (1, 7, len(prelude) - 3, len(prelude)):
            _, answer = self.request("/f", {"type": kind, "steps": [{"send": prelude[:cut]}, {"send": prelude[cut:] + "hot"}]})
            self.assertEqual(answer.status, 418)
            self.assertEqual((answer.headers["x-tea"], answer.headers["content-type"]), ("green", "text/tea"))
            self.assertEqual(answer.headers.get_all("set-cookie"), ["a=1", "b=2"])
            self.assertEqual(answer.read(), b"hot")
        _, answer = self.request("/f", {"type": kind, "steps": [{"send": "no json" + "\0" * 8}]})
        self.assertEqual(answer.status, 502)
        _, answer = self.request("/f", {"type": kind, "steps": [{"send": prelude + "good"}]})
        self.assertEqual(answer.read(), b"good")  # the instance lives on

    def test_what_fails_in_the_middle_is_seen_by_an_http_client(self):
        self.serve(timeout=1)
        for steps in ([{"send": "half"}, {"fail": "boom"}], [{"send": "half"}, {"exit": 3}], [{"send": "half"}, {"cut": 0}],
                      [{"send": "half"}, {"hang": 0}]):
            _, answer = self.request("/f", {"steps": steps})
            self.assertEqual(answer.status, 200)
            with self.assertRaises(http.client.IncompleteRead) as caught:
                answer.read()
            self.assertEqual(caught.exception.partial, b"half", steps)
        _, answer = self.request("/f", {"steps": [{"send": "well"}]})
        self.assertEqual(answer.read(), b"well")

    def test_event_streams_say_how_it_ended(self):
        self.serve(timeout=1)

        def stream(*steps, **headers):
            _, answer = self.request(STREAM, {"steps": list(steps)}, **headers)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"], "application/vnd.amazon.eventstream")
            self.assertEqual(answer.headers["X-Amz-Executed-Version"], "$LATEST")
            found = events_of(answer.read())
            self.assertEqual([kind for kind, _ in found].count("InvokeComplete"), 1)
            payload = b"".join(data for kind, data in found if kind == "PayloadChunk")
            self.assertEqual(found[-1][0], "InvokeComplete")
            return payload, json.loads(found[-1][1])

        self.assertEqual(stream({"send": "one"}, {"send": "two"}), (b"onetwo", {}))
        self.assertEqual(stream(), (b"", {}))
        payload, complete = stream({"send": "half"}, {"fail": "boom"})
        self.assertEqual(payload, b"half")
        self.assertEqual(complete["ErrorCode"], "Function.Planned")
        self.assertEqual(json.loads(complete["ErrorDetails"]), {"errorMessage": "boom", "errorType": "Planned"})
        payload, complete = stream({"send": "half"}, {"hang": 0})
        self.assertEqual((payload, complete["ErrorCode"]), (b"half", "Sandbox.Timedout"))
        # Whichever is seen first, the end of the process or that of its connection, and however long it takes from one to the other.
        for last in ({"exit": 3}, {"cut": 0}, {"cut": 0.05}):
            payload, complete = stream({"send": "half"}, last)
            self.assertEqual((payload, complete["ErrorCode"]), (b"half", "Runtime.ExitError"))
            self.assertIn("exit status 3", complete["ErrorDetails"])
        # The process lives; its next poll may be sooner than the end of the wait.
        payload, complete = stream({"send": "half"}, {"cut": None})
        self.assertEqual((payload, complete["ErrorCode"]), (b"half", "Runtime.TruncatedResponse"))
        payload, complete = stream({"send": "half"}, {"poll_elsewhere": 0})
        self.assertEqual((payload, complete["ErrorCode"]), (b"half", "Runtime.TruncatedResponse"))
        payload, complete = stream({"send": "x"}, X_Amz_Log_Type="Tail")
        self.assertIn("LogResult", complete)

        # A buffered answer goes the same way.
        _, answer = self.request(STREAM, {"answer": {"a": 1}})
        self.assertEqual([data for kind, data in events_of(answer.read()) if kind == "PayloadChunk"], [b'{"a": 1}'])

    def test_invoke_takes_a_stream_in_whole(self):
        self.serve()
        kind, body = self.invoke({"type": "application/json", "steps": [{"send": '{"a":'}, {"send": "1}"}]})
        self.assertEqual((kind, body), ("ok", {"a": 1}))
        kind, body = self.invoke({"steps": [{"send": "half"}, {"fail": "boom"}]})
        self.assertEqual((kind, body), ("error", {"errorMessage": "boom", "errorType": "Planned"}))
        # Trailers count without the mode too, as the official Go client sends them.
        kind, body = self.invoke({"streaming": False, "steps": [{"send": "half"}, {"fail": "boom"}]})
        self.assertEqual((kind, body["errorMessage"]), ("error", "boom"))
        kind, body = self.invoke({"steps": [{"send_bytes": 6_291_557}]})
        self.assertEqual((kind, body["errorType"]), ("error", "Function.ResponseSizeTooLarge"))
        self.assertEqual(self.invoke({"answer": 1}), ("ok", 1))

    def test_a_slow_client_slows_the_runtime_and_costs_the_server_no_memory(self):
        self.serve()

        def memory():
            with open(f"/proc/{self.server.process.pid}/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        size = 64 << 20
        _, answer = self.request("/f", {"steps": [{"send": "a"}, {"send_bytes": size}, {"touch": self.path("sent")}]})
        self.assertEqual(answer.read(1), b"a")
        before = memory()
        # The runtime stalls once the sockets between are full: it has not sent everything while nobody reads.
        time.sleep(0.5)  # nothing to wait for: the point is that nothing happens
        self.assertFalse(os.path.exists(self.path("sent")))
        self.assertLess(memory() - before, 16 << 20)
        read = 0
        while part := answer.read(1 << 20):
            read += len(part)
        self.assertEqual(read, size)
        self.assertLess(memory() - before, 16 << 20)

    def test_a_client_that_goes_away_ends_its_stream_and_nothing_else(self):
        self.serve("--max-instances", "1")
        connection, answer = self.request("/f", {"steps": [{"send": "a"}, {"wait": self.path("gone")}, {"send": "b"},
                                                           {"send_bytes": 1 << 20}, {"send": "c"}]})
        self.assertEqual(answer.read(1), b"a")
        pid = self.instances()[0]["Pid"]
        answer.close()
        connection.close()
        self.touch("gone")
        self.assertEqual(self.invoke({"answer": "next"}), ("ok", "next"))
        self.assertEqual(self.instances()[0]["Pid"], pid)
        wait_until(lambda: "posted 202" in self.log(), "the runtime's post was accepted")

    def test_a_stream_is_logged_and_counted_when_it_is_over(self):
        self.serve()
        _, answer = self.request("/f", {"steps": [{"send": "a"}, {"wait": self.path("go")}]})
        self.assertEqual(answer.read(1), b"a")
        self.assertNotIn("REPORT", self.log())
        self.touch("go")
        answer.read()
        wait_until(lambda: "REPORT RequestId: " + answer.headers["x-amzn-RequestId"] in self.log(), "the report")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
