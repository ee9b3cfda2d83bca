# SPDX-License-Identifier: Apache-2.0
"""Handlers that fail: what is posted, what is logged, and that the instance goes on."""

import json
import unittest

from platform_under_test import RuntimeTest

NO_BREAK_SPACE = "\u00a0"


class AHandlerThatRaises(RuntimeTest):
    source = """
    class Mine(Exception):
        pass
    class Unprintable(Exception):
        def __str__(self): raise ValueError("no")
    def recurse(): recurse()
    def raise_from(): raise Mine("second") from KeyError("fir" "st")
    def handler(event, context):
        if event == "mine":
            inner()
        eval(event)
    def inner():
        raise Mine("it was me")
    """

    def setUp(self):
        super().setUp()
        self.instance = self.start(self.source)

    def error_of(self, event):
        answer = self.instance.invoke(event)
        self.assertEqual("error", answer.kind)
        return answer

    def test_is_answered_with_type_message_request_id_and_its_own_frames(self):
        answer = self.error_of("mine")
        file = self.instance.folder / "index.py"
        self.assertEqual(
            {
                "errorMessage": "it was me",
                "errorType": "Mine",
                "requestId": answer.request_id,
                "stackTrace": [
                    f'  File "{file}", line 9, in handler\n    inner()\n',
                    f'  File "{file}", line 12, in inner\n    raise Mine("it was me")\n',
                ],
            },
            answer.json,
        )

    def test_is_answered_with_the_keys_in_order_and_blanks_between_them(self):
        answer = self.error_of("mine")
        self.assertEqual(json.dumps(answer.json), answer.text)
        self.assertEqual(["errorMessage", "errorType", "requestId", "stackTrace"], list(answer.json))
        self.assertEqual("application/json", answer.headers["content-type"])

    def test_sends_the_cause_for_the_tracing_system(self):
        answer = self.error_of("mine")
        file = str(self.instance.folder / "index.py")
        cause = answer.headers["lambda-runtime-function-xray-error-cause"]
        self.assertEqual(
            {
                "working_directory": str(self.instance.folder),
                "exceptions": [
                    {
                        "message": "it was me",
                        "type": "Mine",
                        "stack": [
                            {"label": "handler", "path": file, "line": 9},
                            {"label": "inner", "path": file, "line": 12},
                        ],
                    }
                ],
                "paths": [file],
            },
            json.loads(cause),
        )
        self.assertTrue(cause.isascii())

    def test_is_logged_as_one_line(self):
        self.error_of("mine")
        file = self.instance.folder / "index.py"
        two, four = NO_BREAK_SPACE * 2, NO_BREAK_SPACE * 4
        self.assertEqual(
            "[ERROR] Mine: it was me\r"
            "Traceback (most recent call last):\r"
            f'{two}File "{file}", line 9, in handler\r'
            f"{four}inner()\r"
            f'{two}File "{file}", line 12, in inner\r'
            f'{four}raise Mine("it was me")\n',
            self.instance.wait_for_output("me\")\n"),
        )

    def test_may_have_no_message(self):
        answer = self.error_of("(_ for _ in ()).throw(Mine())")
        self.assertEqual("", answer.json["errorMessage"])
        self.instance.wait_for_output("[ERROR] Mine\rTraceback")

    def test_may_have_a_message_of_any_characters(self):
        answer = self.error_of("(_ for _ in ()).throw(Mine('\\xe9\\u2028\\U0001f600\\r\\n\\x00\\ud800'))")
        self.assertEqual("\xe9\u2028\U0001f600\r\n\x00\ud800", answer.json["errorMessage"])
        self.instance.wait_for_output("[ERROR] Mine: \xe9\u2028\U0001f600\r\n\x00\\ud800")

    def test_may_have_a_message_that_cannot_be_had(self):
        answer = self.error_of("(_ for _ in ()).throw(Unprintable())")
        self.assertEqual("Unprintable", answer.json["errorType"])
        self.assertEqual("<unprintable Unprintable object>", answer.json["errorMessage"])

    def test_shows_only_the_last_of_a_chain(self):
        answer = self.error_of("raise_from()")
        self.assertEqual(("Mine", "second"), (answer.json["errorType"], answer.json["errorMessage"]))
        self.assertNotIn("first", answer.text)

    def test_may_have_recursed_too_deeply(self):
        answer = self.error_of("recurse()")
        self.assertEqual("RecursionError", answer.json["errorType"])
        self.assertRegex("".join(answer.json["stackTrace"]), r"\[Previous line repeated \d+ more times\]")
        cause = answer.headers.get("lambda-runtime-function-xray-error-cause", "{}")
        self.assertLessEqual(len(cause), 65_536)
        json.loads(cause)

    def test_does_not_harm_the_next_invocation(self):
        first = self.error_of("mine")
        self.assertEqual("response", self.instance.invoke("None").kind)
        second = self.error_of("mine")
        self.assertNotEqual(first.request_id, second.json["requestId"])

    def test_may_take_the_wrong_arguments(self):
        instance = self.start("def handler(): pass")
        answer = instance.invoke()
        self.assertEqual("TypeError", answer.json["errorType"])
        self.assertEqual("handler() takes 0 positional arguments but 2 were given", answer.json["errorMessage"])
        self.assertEqual([], answer.json["stackTrace"])

    def test_may_not_be_callable(self):
        answer = self.start("handler = 5").invoke()
        self.assertEqual(("TypeError", "'int' object is not callable"), (answer.json["errorType"], answer.json["errorMessage"]))

    def test_is_reported_even_where_stdout_is_closed(self):
        instance = self.start("import sys\ndef handler(event, context):\n    sys.stdout.close()\n    1 / 0")
        self.assertEqual("ZeroDivisionError", instance.invoke().json["errorType"])
        self.assertEqual("ZeroDivisionError", self.error_of("1 / 0").json["errorType"])


class InUtf8(RuntimeTest):
    def test_an_error_is_written_as_such_but_its_cause_is_escaped(self):
        instance = self.start(
            "def handler(event, context): raise ValueError('\xe9\u20ac')", AWS_EXECUTION_ENV="AWS_Lambda_python3.12"
        )
        answer = instance.invoke()
        self.assertIn('"errorMessage": "é€"', answer.text)
        self.assertIn('"message": "\\u00e9\\u20ac"', answer.headers["lambda-runtime-function-xray-error-cause"])

    def test_an_error_that_has_no_utf_8_is_escaped(self):
        instance = self.start(
            "def handler(event, context): raise ValueError('\\ud800')", AWS_EXECUTION_ENV="AWS_Lambda_python3.12"
        )
        self.assertIn('"errorMessage": "\\ud800"', instance.invoke().text)


class InJsonLogs(RuntimeTest):
    def test_an_error_is_one_object(self):
        instance = self.start("def handler(event, context): raise ValueError('no')", AWS_LAMBDA_LOG_FORMAT="JSON")
        answer = instance.invoke()
        line = json.loads(instance.wait_for_output("\n"))
        self.assertRegex(line.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual("ERROR", line.pop("level"))
        self.assertEqual(answer.json, line)

    def test_a_load_error_is_two_objects(self):
        answer, instance = self.failed_init("", handler="index.nope", AWS_LAMBDA_LOG_FORMAT="JSON")
        warning, error = map(json.loads, instance.stdout.splitlines())
        self.assertEqual("WARNING", warning["level"])
        self.assertTrue(warning["message"].startswith("LAMBDA_WARNING: Unhandled exception. "))
        self.assertEqual("Runtime.HandlerNotFound", error["errorType"])


if __name__ == "__main__":
    unittest.main()
