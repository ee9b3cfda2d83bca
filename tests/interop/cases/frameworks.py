# SPDX-License-Identifier: Apache-2.0
# Powertools for Python and Mangum do behind our HTTP triggers, and in our Python runtime, what they do in the official one.
import http.client
import json
import urllib.parse

from cases.case import Case
from kiln_server import PATIENCE
from platforms import wait_until


class Frameworks(Case):
    def deploy_handler(self, name):
        return self.deploy(handler=f"function.{name}", environment={
            "PYTHONPATH": self.place.folders["frameworks"], "POWERTOOLS_SERVICE_NAME": "interop", "POWERTOOLS_TRACE_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "INFO"})

    def bind(self, handler, method, path):
        function = self.deploy_handler(handler)
        self.place.platform.server.run("trigger", function.name, "--http", method, path)
        return function

    def http(self, method, path, body=None, **headers):
        place = urllib.parse.urlsplit(self.place.platform.server.url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def log_of(self, function):
        return self.place.platform.server.run("logs", function.name).stdout

    def json_lines(self, function, wanted, count):
        """What the function has logged as JSON and is `wanted`, once there are `count` of it."""
        found = []

        def there():
            # In front of each line stands the server's time.
            lines = [line.partition(" {")[2] for line in self.log_of(function).splitlines()]
            found[:] = filter(wanted, (json.loads("{" + line) for line in lines if line))
            return len(found) >= count
        wait_until(there, f"{count} lines in the log")
        self.assertEqual(len(found), count)
        return found

    def test_event_handler(self):
        """Powertools: event handler behind HTTP triggers, with parameters, statuses and headers"""
        self.bind("powertools", "ANY", "/shop/{item}")
        status, _, body = self.http("GET", "/shop/hat?size=9")
        self.assertEqual((status, json.loads(body)), (200, {"item": "hat", "size": "9"}))
        status, headers, body = self.http("POST", "/shop/hat", json.dumps({"n": 1}), **{"Content-Type": "application/json"})
        self.assertEqual((status, headers["X-Shop"], json.loads(body)), (201, "kiln", {"item": "hat", "kept": {"n": 1}}))
        status, _, body = self.http("GET", "/shop/nothing")
        self.assertEqual((status, json.loads(body)["message"]), (404, "no such item"))

    def test_logger(self):
        """Powertools: logger, with the context, the cold start and the correlation id"""
        function = self.bind("powertools", "GET", "/shop/{item}")
        self.http("GET", "/shop/hat?size=1")
        self.http("GET", "/shop/cap?size=1")
        cold, warm = self.json_lines(function, lambda line: line.get("message") == "looked up", 2)
        self.assertEqual((cold["item"], cold["service"], cold["function_name"], cold["cold_start"], warm["cold_start"]),
                         ("hat", "interop", function.name, True, False))
        self.assertEqual(cold["function_memory_size"], "512")
        self.assertTrue(cold["function_arn"].endswith(":" + function.name))
        self.assertIn(f"START RequestId: {cold['function_request_id']} ", self.log_of(function))
        self.assertEqual(len({cold["correlation_id"], warm["correlation_id"]}), 2)

    def test_metrics(self):
        """Powertools: metrics, in the embedded format"""
        function = self.bind("powertools", "GET", "/shop/{item}")
        self.http("GET", "/shop/hat?size=1")
        call, = self.json_lines(function, lambda line: "LookUps" in line, 1)
        cold, = self.json_lines(function, lambda line: "ColdStart" in line, 1)
        self.assertEqual((call["LookUps"], cold["ColdStart"], cold["function_name"]), ([1.0], [1.0], function.name))
        for blob in (call, cold):
            self.assertEqual(blob["_aws"]["CloudWatchMetrics"][0]["Namespace"], "kiln")

    def test_data_classes(self):
        """Powertools: typed events of HTTP triggers"""
        self.bind("typed", "PUT", "/typed/{name+}")
        status, _, body = self.http("PUT", "/typed/a/b", "sent", **{"User-Agent": "interop", "X-Sent": "yes", "Content-Type": "text/plain"})
        self.assertEqual((status, json.loads(body)), (200, {"method": "PUT", "path": "/typed/a/b", "agent": "interop",
                                                            "header": "yes", "body": "sent"}))

    def test_batch(self):
        """Powertools: batch processing"""
        function = self.deploy_handler("batched")
        records = [{"messageId": text, "receiptHandle": "r", "body": text, "attributes": {}, "messageAttributes": {},
                    "md5OfBody": "m", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
                    "awsRegion": "us-east-1"} for text in ("good", "bad")]
        self.assert_result(function.invoke({"Records": records}), {"batchItemFailures": [{"itemIdentifier": "bad"}]})

    def test_metadata(self):
        """Powertools: metadata of the execution environment"""
        self.assertRegex(self.result_of(self.deploy_handler("metadata").invoke({})), r"^[a-z0-9]+-az\d$")

    def test_asgi(self):
        """Mangum: an ASGI application behind HTTP triggers, with lifespan, query, headers, body and cookies"""
        self.bind("asgi", "ANY", "/asgi/{rest+}")
        for method, body in (("GET", None), ("POST", "Grüße".encode())):
            status, headers, answer = self.http(method, "/asgi/a/b?x=1&x=2&y=%20", body, **{"X-Sent": "yes", "Content-Type": "text/plain; charset=utf-8"})
            told = json.loads(answer)
            self.assertRegex(told.pop("id"), r"^[0-9a-f-]{36}$")
            self.assertEqual({key: list(urllib.parse.parse_qsl(value)) if key == "query" else value for key, value in told.items()},
                             {"method": method, "path": "/asgi/a/b", "query": [("x", "1"), ("x", "2"), ("y", " ")], "sent": "yes",
                              "body": (body or b"").decode(), "started": True})
            self.assertEqual((status, headers.get_all("set-cookie")), (203, ["a=1", "b=2"]))

    def test_asgi_binary(self):
        """Mangum: an answer that is no text"""
        self.bind("asgi", "GET", "/asgi/{rest+}")
        status, headers, body = self.http("GET", "/asgi/picture")
        self.assertEqual((status, headers["Content-Type"], body), (200, "image/png", bytes(range(256))))
