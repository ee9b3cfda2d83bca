# SPDX-License-Identifier: Apache-2.0
# What a function learns of its invocation.
from cases.case import Case
from platforms import client_context

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
CLIENT = {"client": {"installation_id": "i", "app_title": "t", "app_version_name": "n", "app_version_code": "c",
                     "app_package_name": "p"}, "custom": {"key": "value"}, "env": {"locale": "de"}}


class Context(Case):
    def test_context(self):
        """request id, ARN, name, deadline"""
        told = self.result_of(self.function.command("context"))
        self.assertRegex(told["request_id"], r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertRegex(told["arn"], r"^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:" + told["name"] + "$")
        self.assertTrue(0 < told["remaining_ms"] <= 30_000, told)

    def test_client_context(self):
        """client context"""
        self.assertFalse(self.result_of(self.function.command("context")).get("client"))
        answer = self.function.invoke({"command": "context"}, **client_context(CLIENT))
        self.assertEqual(self.result_of(answer)["client"], "value")

    def test_trace_id(self):
        """trace id"""
        answer = self.function.invoke({"command": "context"}, **{"X-Amzn-Trace-Id": TRACE})
        self.assertEqual(self.result_of(answer)["trace_id"], TRACE)

    def test_executed_headers(self):
        """request id and content type in the answer's head"""
        answer = self.function.command("context")
        self.assertEqual(answer.headers["x-amzn-RequestId"], self.result_of(answer)["request_id"])
        self.assertEqual(answer.headers["Content-Type"], "application/json")
