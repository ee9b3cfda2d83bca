# SPDX-License-Identifier: Apache-2.0
# Follows one request id through the walk that docs/architecture.md tells: from the invoker's header to the context of the
# function, and back in the answer's head, the log tail and the log.
import base64
import json
import os
import sys
import unittest
import urllib.error
import urllib.request

SOURCE, BUILD = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402  (its folder must be on the path first)

FUNCTION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "function")
FIRST = "0c0ffee0-1111-4222-8333-444455556666"
SECOND = "0c0ffee0-aaaa-4bbb-8ccc-ddddeeeeffff"
THIRD = "0c0ffee0-0000-4000-8000-000000000003"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def invoke(server, request_id, event, **headers):
    request = urllib.request.Request(
        server.url + "/2015-03-31/functions/follow/invocations", data=json.dumps(event).encode(), method="POST",
        headers={"x-amzn-RequestId": request_id, "X-Amz-Log-Type": "Tail", "Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.headers, json.load(answer)


def log_tail(headers):
    return base64.b64decode(headers["X-Amz-Log-Result"]).decode()


class OneRequest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = KilnServer(BUILD)
        cls.addClassCleanup(cls.server.kill)
        cls.server.run("deploy", FUNCTION, "--name", "follow")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, "".join(cls.server.log)

    def stored_log(self, request_id):
        return self.server.run("logs", "follow", "--request-id", request_id).stdout

    def test_one_id_goes_from_the_invoker_to_the_function_and_back_into_answer_tail_and_log(self):
        headers, result = invoke(self.server, FIRST, {"key": "value"}, **{"X-Amzn-Trace-Id": TRACE})
        self.assertEqual(result, {"id": FIRST, "trace": TRACE, "event": {"key": "value"},
                                  "arn": "arn:aws:lambda:us-east-1:000000000000:function:follow"})
        self.assertEqual(headers["x-amzn-RequestId"], FIRST)
        self.assertEqual(headers["X-Amz-Executed-Version"], "$LATEST")

        tail = log_tail(headers)
        lines = tail.splitlines()
        self.assertEqual(lines[0], f"START RequestId: {FIRST} Version: $LATEST")
        self.assertIn(f"printed in {FIRST}", lines)
        self.assertRegex(tail, rf"\[WARNING\]\t\S+Z\t{FIRST}\tlogged\n")
        self.assertEqual(lines[-2], f"END RequestId: {FIRST}")
        self.assertRegex(lines[-1], rf"^REPORT RequestId: {FIRST}\tDuration: [0-9.]+ ms\tBilled Duration: \d+ ms\t"
                                    r"Memory Size: 128 MB\tMax Memory Used: [1-9]\d* MB\t")

        stored = [line.split(" ", 1)[1] for line in self.stored_log(FIRST).splitlines() if line.startswith("2")]
        followed = [line for line in stored if FIRST in line]
        self.assertEqual([line.split(" ")[0].split("\t")[0] for line in followed],
                         ["START", "printed", "[WARNING]", "END", "REPORT"])

    def test_the_log_of_one_id_has_nothing_of_another(self):
        invoke(self.server, SECOND, {})
        invoke(self.server, THIRD, {})
        stored = self.stored_log(THIRD)
        self.assertIn(f"printed in {THIRD}", stored)
        self.assertNotIn(SECOND, stored)

    def test_the_id_of_an_invocation_that_fails_is_in_its_error_and_in_its_log(self):
        headers, error = invoke(self.server, SECOND, {"fail": True})
        self.assertEqual(headers["x-amzn-RequestId"], SECOND)
        self.assertEqual(headers["X-Amz-Function-Error"], "Unhandled")
        self.assertEqual((error["errorType"], error["errorMessage"], error["requestId"]),
                         ("ValueError", f"failed in {SECOND}", SECOND))
        self.assertIn("[ERROR] ValueError: failed in " + SECOND, log_tail(headers))

    def test_the_first_invocation_names_the_phases_of_its_cold_start_and_later_ones_do_not(self):
        self.server.run("deploy", FUNCTION, "--name", "phases")
        name = self.server.url + "/2015-03-31/functions/phases/invocations"
        timings = []
        for _ in range(2):
            with urllib.request.urlopen(urllib.request.Request(name, data=b"{}", method="POST"), timeout=PATIENCE) as answer:
                timings.append(answer.headers["Server-Timing"])
        self.assertRegex(timings[0], r'^cold;desc="cold start", fetch;dur=[\d.]+, prepare;dur=[\d.]+, launch;dur=[\d.]+, '
                                     r"init;dur=[\d.]+, (queue;dur=[\d.]+, )?invoke;dur=[\d.]+$")
        self.assertRegex(timings[1], r"^warm, (queue;dur=[\d.]+, )?invoke;dur=[\d.]+$")

    def test_an_id_that_is_no_uuid_is_refused(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            invoke(self.server, "not-a-uuid", {})
        with refused.exception as answer:
            self.assertEqual(answer.code, 400)
            self.assertEqual(answer.headers["x-amzn-ErrorType"], "InvalidRequestContentException")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
