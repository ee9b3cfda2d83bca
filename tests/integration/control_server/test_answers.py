# SPDX-License-Identifier: Apache-2.0
# What an invoker is told beside the result: headers, the log's tail, the phases of a cold start, the figures of REPORT.
import json
import re
import time
import unittest
import urllib.parse

from server_under_test import ARN, FUNCTIONS, UUID, ServerTest

TAIL = {"X-Amz-Log-Type": "Tail"}


class Answers(ServerTest):
    def report(self, tail):
        found = re.search(r"\nREPORT RequestId: (\S+)\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB\t"
                          r"Max Memory Used: (\d+) MB\t(?:Init Duration: ([\d.]+) ms\t)?\n$", tail)
        self.assertTrue(found, tail)
        names = ("id", "duration", "billed", "size", "used", "init")
        return {name: value if name == "id" else None if value is None else float(value)
                for name, value in zip(names, found.groups())}

    def test_the_request_id_is_one_in_head_context_and_log(self):
        self.create("ids")
        answer = self.invoke("ids", {"print": "hello"}, TAIL)
        request_id = answer.headers["x-amzn-RequestId"]
        self.assertRegex(request_id, f"^{UUID}$")
        self.assert_result(answer, id=request_id)
        self.assertEqual(set(re.findall(r"RequestId: (\S+)", answer.log_tail)), {request_id})
        given = "11111111-2222-4333-8444-555555555555"
        self.assert_result(self.invoke("ids", {}, {"x-amzn-RequestId": given}), id=given)

    def test_the_tail_begins_with_start_and_is_there_only_where_asked_for(self):
        self.create("tail")
        answer = self.invoke("tail", {"print": "one\ntwo"}, TAIL)
        request_id = answer.headers["x-amzn-RequestId"]
        self.assertRegex(answer.log_tail, rf"^START RequestId: {request_id} Version: \$LATEST\none\ntwo\n"
                                          rf"END RequestId: {request_id}\nREPORT RequestId: {request_id}\t")
        for headers in ({}, {"X-Amz-Log-Type": "None"}):
            self.assertNotIn("X-Amz-Log-Result", self.invoke("tail", {}, headers).headers)

    def test_a_tail_is_the_last_four_kilobytes(self):
        self.create("long-tail")
        answer = self.invoke("long-tail", {"print": "\n".join(f"line {n}" for n in range(5_000))}, TAIL)
        self.assertLessEqual(len(answer.log_tail), 4_096)
        self.assertGreater(len(answer.log_tail), 3_000)
        self.assertIn("\nline 4999\nEND ", answer.log_tail)

    def test_version_error_and_content_type_are_in_the_head(self):
        self.create("head")
        answer = self.invoke("head")
        self.assertEqual((answer.headers["X-Amz-Executed-Version"], answer.headers["Content-Type"]),
                         ("$LATEST", "application/json"))
        self.assertNotIn("X-Amz-Function-Error", answer.headers)
        failed = self.invoke("head", {"raise": "x"})
        self.assertEqual((failed.headers["X-Amz-Executed-Version"], failed.headers["X-Amz-Function-Error"]),
                         ("$LATEST", "Unhandled"))
        self.assertEqual(self.invoke("head:$LATEST").headers["X-Amz-Executed-Version"], "$LATEST")

    def test_the_phases_of_a_cold_start_are_told_once(self):
        self.create("phases", "import time\ntime.sleep(0.3)\ndef handler(e, c): time.sleep(0.2)\n")
        begun = time.monotonic()
        cold = self.invoke("phases", {}, TAIL)
        took = (time.monotonic() - begun) * 1000
        phases = {name: float(value) for name, value in re.findall(r"(\w+);dur=([\d.]+)", cold.headers["Server-Timing"])}
        self.assertLessEqual({"fetch", "prepare", "launch", "init", "invoke"}, set(phases))
        self.assertGreaterEqual(phases["init"], 300)
        self.assertGreaterEqual(phases["invoke"], 200)
        self.assertLessEqual(sum(phases.values()), took)
        warm = self.invoke("phases", {}, TAIL)
        self.assertNotIn("init", warm.headers["Server-Timing"])
        first, second = self.report(cold.log_tail), self.report(warm.log_tail)
        self.assertAlmostEqual(first["init"], phases["init"], delta=0.02)
        self.assertIsNone(second["init"])

    def test_the_figures_of_a_report_are_true(self):
        self.create("figures", MemorySize=512, Timeout=30)
        self.invoke("figures")
        slow = self.report(self.invoke("figures", {"sleep": 0.2}, TAIL).log_tail)
        self.assertGreaterEqual(slow["duration"], 200)
        self.assertGreaterEqual(slow["billed"], slow["duration"])
        self.assertLess(slow["billed"], slow["duration"] + 1)
        self.assertEqual(slow["size"], 512)
        self.assertGreater(slow["used"], 1)  # what a fork shares with its zygote is not its own
        self.assertLess(slow["used"], 100)
        large = self.report(self.invoke("figures", {"allocate": 150_000_000}, TAIL).log_tail)
        self.assertGreater(large["used"], 143)
        self.assertLess(large["used"], 143 + 100)
        after = self.report(self.invoke("figures", {}, TAIL).log_tail)
        self.assertGreaterEqual(after["used"], large["used"])  # the instance's peak, not the call's

    def test_a_dry_run_runs_nothing(self):
        self.create("dry")
        answer = self.invoke("dry", {}, {"X-Amz-Invocation-Type": "DryRun"})
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(self.instances("dry"), [])

    def test_a_function_is_called_by_name_partial_arn_and_arn(self):
        self.create("named")
        for name in ("named", "000000000000:function:named", f"{ARN}named", urllib.parse.quote(f"{ARN}named", safe="")):
            with self.subTest(name):
                self.assert_result(self.invoke(name))

    def test_an_http_trigger_tells_the_function_trace_and_port_and_answers_as_it_says(self):
        self.create("web", """
def handler(event, context):
    import os
    return {"statusCode": 201, "headers": {"x-mine": "1"}, "cookies": ["a=b"],
            "body": __import__("json").dumps({"event": event, "trace": os.environ["_X_AMZN_TRACE_ID"]})}
""")
        bound = self.request("PUT", "/kiln/v1/triggers", json.dumps(
            {"FunctionName": "web", "Type": "http", "Method": "GET", "Path": "/web/{id}"}))
        self.assertEqual(bound.status, 200, bound)
        port = str(urllib.parse.urlsplit(self.server.url).port)
        answer = self.request("GET", "/web/7?x=1")
        self.assertEqual((answer.status, answer.headers["x-mine"], answer.headers["Set-Cookie"]), (201, "1", "a=b"))
        headers = answer.json["event"]["headers"]
        self.assertRegex(headers["x-amzn-trace-id"], r"^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$")
        self.assertLess(abs(int(headers["x-amzn-trace-id"][7:15], 16) - time.time()), 60)
        self.assertEqual(answer.json["trace"], headers["x-amzn-trace-id"])
        self.assertEqual((headers["x-forwarded-port"], headers["x-forwarded-proto"], headers["x-forwarded-for"]),
                         (port, "http", "127.0.0.1"))
        self.assertEqual(answer.json["event"]["requestContext"]["requestId"], answer.headers["x-amzn-RequestId"])
        self.assertEqual(answer.json["event"]["pathParameters"], {"id": "7"})
        given = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
        again = self.request("GET", "/web/7", headers={"X-Amzn-Trace-Id": given})
        self.assertEqual((again.json["event"]["headers"]["x-amzn-trace-id"], again.json["trace"]), (given, given))

    def test_a_path_that_nobody_has_is_not_found(self):
        answer = self.request("GET", "/nobody/has/this")
        self.assertEqual((answer.status, answer.json), (404, {"message": "Not Found"}))


if __name__ == "__main__":
    unittest.main()
