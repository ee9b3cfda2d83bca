# SPDX-License-Identifier: Apache-2.0
# The Telemetry API with real processes: an instance whose extension subscribes, and what it is told.
import base64
import json
import os
import re
import shutil
import sys
import time
import unittest
import urllib.request
import uuid

SOURCE, BUILD = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402  (its folder must be on the path first)
from shared_folder import SharedFolder  # noqa: E402

FUNCTION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "function")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


class Function:
    """A deployed function, and what its extension has been told."""

    def __init__(self, server, name, *options, timeout=20, **environment):
        self.server, self.name = server, name
        self.path = server.shared.file(name + ".records")
        variables = dict(environment, RECORDS=self.path)
        server.run("deploy", FUNCTION, "--name", name, "--timeout", str(timeout), *options,
                   *(word for item in variables.items() for word in ("--env", server.inside("=".join(item)))))

    def invoke(self, event=None, streamed=False, **headers):
        request_id = str(uuid.uuid4())
        path = f"2021-11-15/functions/{self.name}/response-streaming-invocations" if streamed else (
            f"2015-03-31/functions/{self.name}/invocations")
        request = urllib.request.Request(
            f"{self.server.url}/{path}", data=json.dumps(event or {}).encode(),
            headers={"x-amzn-RequestId": request_id, "X-Amz-Log-Type": "Tail", **headers}, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            self.headers = answer.headers
            self.answer = answer.read()
        return request_id

    def tail(self):
        return base64.b64decode(self.headers["X-Amz-Log-Result"]).decode()

    def records(self, *types):
        """What came so far, of these types."""
        try:
            with open(self.path, encoding="utf-8") as file:
                all_records = [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            all_records = []
        return [record for record in all_records if not types or record["type"] in types]

    def wait_for(self, kind, request_id=None):
        """The record of that type (of that invocation), once it is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for record in self.records(kind):
                if request_id is None or record["record"].get("requestId") == request_id:
                    return record["record"]
            time.sleep(0.005)
        raise AssertionError(f"no {kind} among {[record['type'] for record in self.records()]}")


class Telemetry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shared = SharedFolder()
        cls.addClassCleanup(shared.close)
        cls.server = KilnServer(BUILD, shared=shared)
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, "".join(cls.server.log)

    def check_walk(self, protocol):
        function = Function(self.server, "walk-" + protocol.lower(), PROTOCOL=protocol)
        request_id = function.invoke({"print": ["one", "two"], "answer": "12345"}, **{"X-Amzn-Trace-Id": TRACE})
        report = function.wait_for("platform.report", request_id)
        records = function.records()
        kinds = [record["type"] for record in records]
        self.assertEqual(kinds, ["platform.initStart", "function", "platform.telemetrySubscription", "function",
                                 "platform.initRuntimeDone", "platform.extension", "platform.initReport",
                                 "platform.start", "function", "function", "platform.runtimeDone", "platform.report"])
        for record in records:
            self.assertEqual(set(record), {"time", "type", "record"})
            self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        times = [record["time"] for record in records]
        self.assertEqual(times, sorted(times))

        start = records[0]["record"]
        self.assertEqual(start["functionName"], function.name)
        self.assertEqual((start["initializationType"], start["phase"]), ("on-demand", "init"))
        self.assertEqual(records[1]["record"], "before the subscription")
        self.assertEqual(records[2]["record"],
                         {"name": "probe", "state": "Subscribed", "types": ["platform", "function", "extension"]})
        self.assertEqual(records[3]["record"], 'subscribed: 200 "OK"')
        self.assertEqual(records[4]["record"]["status"], "success")
        self.assertEqual(records[5]["record"]["name"], "probe")
        self.assertEqual(records[5]["record"]["events"], [])
        self.assertGreater(records[6]["record"]["metrics"]["durationMs"], 1)
        tracing = {"type": "X-Amzn-Trace-Id", "value": TRACE}
        self.assertEqual(records[7]["record"], {"requestId": request_id, "version": "$LATEST", "tracing": tracing})
        self.assertEqual([record["record"] for record in records[8:10]], ["one", "two"])
        done = records[10]["record"]
        self.assertEqual((done["requestId"], done["status"], done["tracing"]), (request_id, "success", tracing))
        self.assertEqual(done["metrics"]["producedBytes"], len('"12345"'))
        self.assertGreater(done["metrics"]["durationMs"], 0)
        metrics = report["metrics"]
        self.assertEqual(report["status"], "success")
        self.assertEqual(metrics["durationMs"], done["metrics"]["durationMs"])
        self.assertEqual(metrics["billedDurationMs"], -(-metrics["durationMs"] // 1))
        self.assertEqual(metrics["memorySizeMB"], 128)
        self.assertGreater(metrics["maxMemoryUsedMB"], 5)
        self.assertAlmostEqual(metrics["initDurationMs"], records[6]["record"]["metrics"]["durationMs"], delta=20)

        warm = function.invoke()
        self.assertNotIn("initDurationMs", function.wait_for("platform.report", warm)["metrics"])
        # The log has what it always had, and the extension's lines.
        log = self.server.run("logs", function.name).stdout
        for line in ("INIT_START Runtime Version: provided", f"START RequestId: {request_id} Version: $LATEST",
                     "EXTENSION\tName: probe\tState: ", "TELEMETRY\tName: probe\tState: Subscribed\tTypes: "
                     "[Platform, Function, Extension]", f"END RequestId: {request_id}", f"REPORT RequestId: {request_id}"):
            self.assertIn(line, log)
        for kind in ("runtimeDone", "initReport", "initRuntimeDone"):
            self.assertNotIn(kind, log)

    def test_an_instance_is_told_from_its_init_on_over_http(self):
        self.check_walk("HTTP")

    def test_an_instance_is_told_from_its_init_on_over_tcp(self):
        self.check_walk("TCP")

    def test_the_logs_api_tells_the_end_and_no_init(self):
        function = Function(self.server, "logs-api", API="/2020-08-15/logs", SCHEMA="2021-03-18")
        request_id = function.invoke({"error": "Function.Bad"})
        function.wait_for("platform.report", request_id)
        kinds = [record["type"] for record in function.records() if record["type"] != "function"]
        self.assertEqual(kinds, ["platform.logsSubscription", "platform.extension", "platform.start",
                                 "platform.runtimeDone", "platform.end", "platform.report"])
        self.assertEqual(function.wait_for("platform.runtimeDone"), {"requestId": request_id, "status": "failure"})

    def test_an_error_has_its_type_and_the_text_log_no_status(self):
        function = Function(self.server, "fails")
        request_id = function.invoke({"error": "Function.Bad"})
        for kind in ("platform.runtimeDone", "platform.report"):
            record = function.wait_for(kind, request_id)
            self.assertEqual((record["status"], record["errorType"]), ("error", "Function.Bad"))
        self.assertNotIn("Status:", function.tail())

    def test_buffered_events_are_delivered_when_the_instance_ends(self):
        function = Function(self.server, "ends", "--idle", "0", TIMEOUT_MS="30000")
        request_id = function.invoke()
        self.assertEqual(function.wait_for("platform.report", request_id)["status"], "success")

    def test_a_subscriber_that_is_not_there_harms_nobody(self):
        function = Function(self.server, "nobody", PROTOCOL="NOBODY")
        function.invoke()
        begun = time.monotonic()
        for _ in range(50):
            function.invoke({"print": ["x" * 10_000] * 10})
        self.assertLess(time.monotonic() - begun, PATIENCE / 2)
        self.assertIn("REPORT RequestId", function.tail())

    def test_late_subscriptions_and_foreign_destinations_are_refused(self):
        function = Function(self.server, "refused", SCHEMA="2020-01-01")
        function.invoke()
        log = self.server.run("logs", function.name).stdout
        self.assertIn('subscribed: 400 {"errorMessage":"schemaVersion must be 2022-07-01, 2022-12-13 or 2025-01-29",'
                      '"errorType":"ValidationError"}', log)
        self.assertEqual(function.records(), [])


class ExternalExtension(unittest.TestCase):
    """A subscriber that is a process of its own outlives the runtime, and hears how that ended."""

    def setUp(self):
        shared = SharedFolder()
        self.addCleanup(shared.close)
        os.makedirs(shared.file("extensions"))
        shutil.copy(os.path.join(FUNCTION, "bootstrap"), os.path.join(shared.file("extensions"), "outside"))
        self.server = KilnServer(BUILD, shared=shared)
        self.addCleanup(self.server.kill)

    def test_it_is_told_of_init_output_crash_and_end(self):
        function = Function(self.server, "crashes", EXTERNAL="1")
        first = function.invoke({"print": ["hello"]})
        function.wait_for("platform.report", first)
        kinds = [record["type"] for record in function.records()]
        self.assertEqual(kinds[0], "platform.initStart")
        self.assertIn('subscribed: 200 "OK"', [record["record"] for record in function.records("extension")])
        self.assertIn("hello", [record["record"] for record in function.records("function")])
        extension = function.wait_for("platform.extension")
        self.assertEqual((extension["name"], extension["events"]), ("outside", ["SHUTDOWN"]))
        done = function.wait_for("platform.runtimeDone", first)
        self.assertEqual([span["name"] for span in done["spans"]], ["responseLatency", "responseDuration"])
        self.assertLessEqual(sum(span["durationMs"] for span in done["spans"]), done["metrics"]["durationMs"] + 0.02)

        second = function.invoke({"exit": 3})
        report = function.wait_for("platform.report", second)
        self.assertEqual((report["status"], report["errorType"]), ("error", "Runtime.ExitError"))
        self.assertEqual(function.wait_for("platform.runtimeDone", second)["status"], "error")
        self.assertEqual(function.wait_for("event")["eventType"], "SHUTDOWN")

    def test_a_stream_has_its_bytes_and_spans(self):
        function = Function(self.server, "streams", EXTERNAL="1")
        for streamed in (True, False):  # passed on in parts, and taken in whole
            request_id = function.invoke({"sleep": 0.1, "stream": ["one", "two", "three"]}, streamed=streamed)
            done = function.wait_for("platform.runtimeDone", request_id)
            self.assertEqual(done["metrics"]["producedBytes"], len("onetwothree"))
            latency, duration = done["spans"]
            self.assertEqual((latency["name"], duration["name"]), ("responseLatency", "responseDuration"))
            self.assertGreaterEqual(latency["durationMs"], 100)
            # Where the answer's beginning is read late, what follows it has taken less than the function needed for it.
            self.assertGreater(duration["durationMs"], 200)
            self.assertGreaterEqual(latency["durationMs"] + duration["durationMs"], 450)
            self.assertLess(latency["durationMs"], done["metrics"]["durationMs"] - 200)

    def test_it_is_told_of_a_timeout(self):
        function = Function(self.server, "sleeps", timeout=1, EXTERNAL="1")
        request_id = function.invoke({"sleep": 60})
        for kind in ("platform.runtimeDone", "platform.report"):
            record = function.wait_for(kind, request_id)
            self.assertEqual(record["status"], "timeout")
            self.assertGreaterEqual(record["metrics"]["durationMs"], 1000)
        self.assertEqual(function.wait_for("event")["shutdownReason"], "TIMEOUT")

    def test_what_is_buffered_reaches_it_before_the_end(self):
        function = Function(self.server, "ends", "--idle", "0", EXTERNAL="1", TIMEOUT_MS="30000")
        request_id = function.invoke()
        function.wait_for("event")
        self.assertEqual(function.wait_for("platform.report", request_id)["status"], "success")
        self.assertEqual(function.records()[-1]["type"], "event")


class Frames(unittest.TestCase):
    """_LAMBDA_TELEMETRY_LOG_FD."""

    @classmethod
    def setUpClass(cls):
        shared = SharedFolder()
        cls.addClassCleanup(shared.close)
        cls.server = KilnServer(BUILD, shared=shared)
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, "".join(cls.server.log)

    TEXT, TEXT_ERROR, JSON_DEBUG = 0xA55A0003, 0xA55A0017, 0xA55A000A

    def test_a_framed_message_is_one_event_of_its_invocation(self):
        function = Function(self.server, "framed")
        request_id = function.invoke({"frames": [[self.TEXT, "one\ntwo\n"], [self.TEXT_ERROR, "three"]]})
        self.assertIn("one\ntwo\nthree\nEND", function.tail())
        function.wait_for("platform.report", request_id)
        self.assertEqual([record["record"] for record in function.records("function")][-2:], ["one\ntwo", "three"])
        stored = self.server.run("logs", "framed", "--request-id", request_id).stdout
        self.assertRegex(stored, r"\S+Z one\n  two\n\S+Z three\n")

    def test_a_frame_has_a_level_for_logs_in_json(self):
        function = Function(self.server, "levels", "--log-format", "json", "--log-level", "error", PROTOCOL="NONE")
        function.invoke({"frames": [[self.TEXT, "no level is INFO"], [self.TEXT_ERROR, "error"],
                                    [self.JSON_DEBUG, '{"level":"ERROR"}']]})
        self.assertEqual([line for line in function.tail().splitlines() if "platform." not in line], ["error"])

    def test_garbage_is_output_and_hurts_nobody(self):
        function = Function(self.server, "garbage", PROTOCOL="NONE")
        function.invoke({"garbage": "no frame at all\n", "frames": [[self.TEXT, "a frame"]]})
        function.invoke({"frames": [[self.TEXT, "another"]]})
        self.assertIn("another\n", function.tail())
        function.invoke({"exit": 1})
        log = self.server.run("logs", "garbage").stdout
        for text in (" no frame at all\n", " a frame\n", "16 bytes at _LAMBDA_TELEMETRY_LOG_FD were no frames"):
            self.assertIn(text, log)


class JsonLogs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shared = SharedFolder()
        cls.addClassCleanup(shared.close)
        cls.server = KilnServer(BUILD, shared=shared)
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, "".join(cls.server.log)

    LINES = ['{"level":"DEBUG","message":"d"}', '{"level":"ERROR","message":"e"}', "plain"]

    def lines(self, text):
        return [json.loads(line) if line.startswith("{") else line for line in text.splitlines()]

    def test_platform_lines_are_objects_and_light_ones_are_left_out(self):
        function = Function(self.server, "json", "--log-format", "json")
        request_id = function.invoke({"print": self.LINES})
        tail = self.lines(function.tail())
        self.assertEqual([line if isinstance(line, str) else line.get("type", line.get("message")) for line in tail],
                         ["platform.start", "e", "plain", "platform.report"])
        self.assertEqual(tail[0]["record"], {"requestId": request_id, "version": "$LATEST"})
        self.assertRegex(tail[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        log = self.server.run("logs", function.name).stdout
        self.assertIn('"type":"platform.initStart"', log)
        self.assertNotIn("platform.initReport", log)
        # Subscribers get all of it, lines that are objects as objects.
        function.wait_for("platform.report", request_id)
        self.assertEqual([record["record"] for record in function.records("function")][-3:],
                         [json.loads(self.LINES[0]), json.loads(self.LINES[1]), "plain"])

    def test_levels_can_be_set_and_changed(self):
        function = Function(self.server, "levels", "--log-format", "json", "--log-level", "error",
                            "--system-log-level", "warn", PROTOCOL="NONE")
        function.invoke({"print": self.LINES})
        self.assertEqual(self.lines(function.tail()), [json.loads(self.LINES[1])])
        self.server.run("deploy", FUNCTION, "--name", "levels", "--log-level", "trace", "--system-log-level", "debug")
        function.invoke({"print": self.LINES})
        tail = self.lines(function.tail())
        self.assertEqual(tail[1:4], [json.loads(self.LINES[0]), json.loads(self.LINES[1]), "plain"])
        self.assertEqual([tail[i]["type"] for i in (0, 4, 5)],
                         ["platform.start", "platform.runtimeDone", "platform.report"])
        function.invoke({"exit": 3})
        report = self.lines(function.tail())[-1]["record"]
        self.assertEqual((report["status"], report["errorType"]), ("error", "Runtime.ExitError"))

    def test_the_runtime_is_told_the_format_and_the_level(self):
        python = os.path.join(SOURCE, "tests", "integration", "telemetry", "python")
        self.server.run("deploy", python, "--name", "told", "--log-format", "json", "--log-level", "debug")
        done = self.server.run("invoke", "told", "--payload", "{}")
        self.assertEqual(json.loads(done.stdout), ["JSON", "DEBUG"])
        log = self.server.run("logs", "told").stdout
        self.assertTrue(re.search(r'"level": ?"DEBUG".*"a debug line"|"a debug line".*"level": ?"DEBUG"', log), log)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
