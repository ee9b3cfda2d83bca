# SPDX-License-Identifier: Apache-2.0
"""The root handler of `logging`: text and JSON, levels, request id; frames on the platform's descriptor."""

import json
import os
import struct
import unittest

from platform_under_test import RuntimeTest

SOURCE = """
import logging
def handler(event, context):
    log = logging.getLogger("shop") if event.get("named") else logging.getLogger()
    if event.get("raise"):
        try: 1 / 0
        except ZeroDivisionError: log.exception(event["message"])
    else:
        getattr(log, event.get("level", "warning"))(event["message"], *event.get("args", []), extra=event.get("extra"))
    return [logging.getLogger().level, len(logging.getLogger().handlers)]
"""
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


class TextLogs(RuntimeTest):
    def setUp(self):
        super().setUp()
        self.instance = self.start(SOURCE)

    def test_have_level_time_request_id_and_message(self):
        answer = self.instance.invoke({"message": "hello %s", "args": ["you"]})
        text = self.instance.wait_for_output("\n")
        self.assertRegex(text, rf"^\[WARNING\]\t{TIME}\.\d{{3}}Z\t{answer.request_id}\thello you\n$")

    def test_are_in_utc(self):
        instance = self.start(SOURCE, TZ="Asia/Tokyo")
        instance.invoke({"message": "now"})
        import datetime

        stamp = instance.wait_for_output("\n").split("\t")[1]
        written = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - written).total_seconds(), 60)

    def test_have_the_request_id_of_their_own_invocation(self):
        first = self.instance.invoke({"message": "one"})
        second = self.instance.invoke({"message": "two"})
        lines = self.instance.wait_for_output("two\n").splitlines()
        self.assertEqual([first.request_id, second.request_id], [line.split("\t")[2] for line in lines])

    def test_leave_out_what_is_below_a_warning(self):
        self.assertEqual([30, 1], self.instance.invoke({"message": "quiet", "level": "info"}).json)
        self.instance.invoke({"message": "loud"})
        self.assertNotIn("quiet", self.instance.wait_for_output("loud"))

    def test_have_no_request_id_while_the_function_loads(self):
        instance = self.start("import logging\nlogging.warning('loading')\ndef handler(e, c): pass")
        self.assertRegex(instance.wait_for_output("\n"), rf"^\[WARNING\]\t{TIME}\.\d{{3}}Z\t\tloading\n$")

    def test_show_exceptions(self):
        self.instance.invoke({"message": "failed", "raise": True})
        text = self.instance.wait_for_output("ZeroDivisionError")
        self.assertRegex(text, r"^\[ERROR\]\t.*\tfailed\nTraceback \(most recent call last\):\n")

    def test_follow_the_level_that_is_set(self):
        instance = self.start(SOURCE, AWS_LAMBDA_LOG_LEVEL="info")
        self.assertEqual([20, 1], instance.invoke({"message": "told", "level": "info"}).json)
        instance.wait_for_output("[INFO]\t")

    def test_take_trace_for_debug(self):
        instance = self.start(SOURCE, AWS_LAMBDA_LOG_LEVEL="TRACE")
        self.assertEqual([10, 1], instance.invoke({"message": "told", "level": "debug"}).json)

    def test_ignore_a_level_that_is_none(self):
        instance = self.start(SOURCE, AWS_LAMBDA_LOG_LEVEL="LOUD")
        self.assertEqual([30, 1], instance.invoke({"message": "told"}).json)

    def test_are_set_up_once_logging_is_imported_from_anywhere(self):
        instance = self.start("def handler(e, c):\n    import logging.config, logging\n    logging.error('late')")
        answer = instance.invoke()
        self.assertRegex(instance.wait_for_output("\n"), rf"^\[ERROR\]\t.*\t{answer.request_id}\tlate\n$")

    def test_make_basic_config_do_nothing_as_it_would_there(self):
        source = """
        import logging
        logging.basicConfig(level=logging.DEBUG, format="mine")
        def handler(e, c): logging.warning("x"); return logging.getLogger().level
        """
        instance = self.start(source)
        self.assertEqual(30, instance.invoke().json)
        self.assertTrue(instance.wait_for_output("\n").startswith("[WARNING]\t"))

    def test_leave_no_trace_of_their_setting_up(self):
        source = """
        import logging, sys, importlib.util
        def handler(e, c):
            spec = importlib.util.find_spec("logging")
            return [type(logging.__loader__).__name__, type(spec.loader).__name__, logging.__spec__.loader is logging.__loader__,
                    [f.__name__ for f in sys.meta_path]]
        """
        names = ["BuiltinImporter", "FrozenImporter", "PathFinder", "SnapshotRestoreFinder"]
        self.assertEqual(["SourceFileLoader", "SourceFileLoader", True, names], self.returned(source))

    def test_survive_a_search_for_the_module_before_its_import(self):
        source = """
        import importlib.util
        found = importlib.util.find_spec("logging")
        def handler(e, c):
            import logging
            return len(logging.getLogger().handlers)
        """
        self.assertEqual(1, self.returned(source))


class JsonLogs(RuntimeTest):
    def setUp(self):
        super().setUp()
        self.instance = self.start(SOURCE, AWS_LAMBDA_LOG_FORMAT="JSON")

    def line(self, event, **headers):
        answer = self.instance.invoke(event, **headers)
        line = json.loads(self.instance.wait_for_output("\n"))
        self.assertRegex(line.pop("timestamp"), rf"^{TIME}Z$")
        self.assertEqual(answer.request_id, line.pop("requestId"))
        return line

    def test_have_level_message_logger_and_request_id(self):
        self.assertEqual(
            {"level": "WARNING", "message": "hello you", "logger": "shop"},
            self.line({"message": "hello %s", "args": ["you"], "named": True}),
        )

    def test_keep_their_order(self):
        self.instance.invoke({"message": "x"})
        line = json.loads(self.instance.wait_for_output("\n"))
        self.assertEqual(["timestamp", "level", "message", "logger", "requestId"], list(line))

    def test_have_what_the_function_adds(self):
        self.assertEqual(
            {"level": "WARNING", "message": "m", "logger": "root", "order": 7},
            self.line({"message": "m", "extra": {"order": 7, "level": "not mine"}}),
        )

    def test_have_the_tenant(self):
        self.assertEqual("blue", self.line({"message": "m"}, Aws_Tenant_Id="blue")["tenantId"])

    def test_have_a_dict_as_it_is(self):
        self.assertEqual({"a": [1]}, self.line({"message": {"a": [1]}})["message"])

    def test_are_in_utf_8(self):
        self.instance.invoke({"message": "é€"})
        self.assertIn('"message": "é€"', self.instance.wait_for_output("\n"))

    def test_describe_exceptions(self):
        line = self.line({"message": "failed", "raise": True})
        self.assertEqual(("ZeroDivisionError", "division by zero"), (line["errorType"], line["errorMessage"]))
        file = self.instance.folder / "index.py"
        self.assertEqual([f'  File "{file}", line 5, in handler\n    try: 1 / 0\n         ~~^~~\n'], line["stackTrace"])
        self.assertEqual(f"{file}:handler:6", line["location"])

    def test_round_levels_down_to_known_ones(self):
        instance = self.start(
            "import logging\ndef handler(e, c): logging.log(35, 'between')", AWS_LAMBDA_LOG_FORMAT="json"
        )
        instance.invoke()
        self.assertEqual("WARNING", json.loads(instance.wait_for_output("\n"))["level"])


class FramedLogs(RuntimeTest):
    """_LAMBDA_TELEMETRY_LOG_FD: type, length, microseconds, message, big-endian."""

    def setUp(self):
        super().setUp()
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)

    def started(self, source=SOURCE, **environment):
        instance = self.start(source, _LAMBDA_TELEMETRY_LOG_FD=str(self.writer), **environment)
        os.close(self.writer)
        return instance

    def frame(self):
        with os.fdopen(os.dup(self.reader), "rb") as stream:
            kind, length, micros = struct.unpack(">IIQ", stream.read1(16))
            message = stream.read1(length).decode("utf-8")
        self.assertEqual(length, len(message.encode()))
        self.assertTrue(1_700_000_000_000_000 < micros < 4_000_000_000_000_000)
        return kind, message

    def test_carry_records_as_one_frame_each(self):
        answer = self.started().invoke({"message": "two\nlines"})
        kind, message = self.frame()
        self.assertEqual(0xA55A0003, kind)
        self.assertRegex(message, rf"^\[WARNING\]\t.*\t{answer.request_id}\ttwo\nlines\n$")

    def test_carry_the_level_where_one_is_set(self):
        instance = self.started(AWS_LAMBDA_LOG_LEVEL="DEBUG")
        for level, kind in (("debug", 0x0B), ("info", 0x0F), ("warning", 0x13), ("error", 0x17), ("critical", 0x1B)):
            instance.invoke({"message": level, "level": level})
            self.assertEqual(0xA55A0000 + kind, self.frame()[0])

    def test_carry_the_level_in_json_too(self):
        instance = self.started(AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="DEBUG")
        for level, kind in (("debug", 0x0A), ("info", 0x0E), ("warning", 0x12), ("error", 0x16), ("critical", 0x1A)):
            instance.invoke({"message": level, "level": level})
            found, message = self.frame()
            self.assertEqual((0xA55A0000 + kind, level), (found, json.loads(message)["message"]))

    def test_carry_errors_with_plain_newlines(self):
        self.started("def handler(event, context): raise ValueError('no')").invoke()
        kind, message = self.frame()
        self.assertEqual(0xA55A0017, kind)
        self.assertTrue(message.startswith("[ERROR] ValueError: no\nTraceback (most recent call last):\n\u00a0\u00a0File"))

    def test_carry_what_the_context_logs(self):
        self.started("def handler(event, context): context.log('said')").invoke()
        self.assertEqual((0xA55A0003, "said"), self.frame())

    def test_are_not_shown_to_the_function(self):
        source = "import os\ndef handler(event, context): return '_LAMBDA_TELEMETRY_LOG_FD' in os.environ"
        self.assertFalse(self.started(source).invoke().json)

    def test_leave_what_is_printed_on_stdout(self):
        instance = self.started("def handler(event, context): print('printed')")
        instance.invoke()
        self.assertEqual("printed\n", instance.wait_for_output("\n"))


if __name__ == "__main__":
    unittest.main()
