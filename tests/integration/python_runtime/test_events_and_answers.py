# SPDX-License-Identifier: Apache-2.0
"""Events and answers on the wire: JSON as the official client reads and writes it."""

import unittest

from platform_under_test import RuntimeTest

ECHO = """
import enum, decimal, collections
Point = collections.namedtuple("Point", "x y")
class Colour(enum.IntEnum):
    red = 3
class Loud(int):
    def __repr__(self): return "LOUD"
class Record:
    def _asdict(self): return {"a": 1}
class Wrong:
    def _asdict(self): return 1
def cycle(through):
    through.append(through)
    return through
def chain(depth):
    value = []
    for _ in range(depth): value = [value]
    return value
def handler(event, context):
    if isinstance(event, dict) and "eval" in event: return eval(event["eval"])
    return event
"""


class WithOneInstance(RuntimeTest):
    environment = {}

    def setUp(self):
        super().setUp()
        self.instance = self.start(ECHO, **self.environment)

    def result_of(self, expression):
        return self.instance.invoke({"eval": expression})

    def check(self, expected, expression):
        answer = self.result_of(expression)
        self.assertEqual("response", answer.kind, answer.body)
        self.assertEqual("application/json", answer.headers["content-type"])
        self.assertEqual(expected, answer.text)


class AnAnswer(WithOneInstance):
    def test_is_json_with_blanks_after_commas_and_colons(self):
        self.check('{"b": [1, 2.5, true, false, null], "a": {}}', "{'b': [1, 2.5, True, False, None], 'a': {}}")

    def test_is_null_where_nothing_is_returned(self):
        self.check("null", "None")

    def test_escapes_what_is_not_ascii(self):
        self.check(r'"\u00e9\u2028\ud83d\ude00\u007f\ud800"', "'\\xe9\\u2028\\U0001f600\\x7f\\ud800'")

    def test_escapes_control_characters_and_quotes(self):
        self.check(r'"\"\\\b\f\n\r\t\u0000\u001f/"', "'\"\\\\\\b\\f\\n\\r\\t\\x00\\x1f/'")

    def test_writes_a_decimal_as_a_bare_number(self):
        self.check('[1.10, NaN, 1E+3]', "[decimal.Decimal(x) for x in ('1.10', 'NaN', '1E+3')]")

    def test_writes_what_is_no_number_as_javascript_would(self):
        self.check("[NaN, Infinity, -Infinity]", "[float(x) for x in ('nan', 'inf', '-inf')]")

    def test_writes_floats_as_python_does(self):
        self.check("[1.0, 1e+16, 1e-07, -0.0, 0.1, 1e+22]", "[1.0, 1e16, 1e-7, -0.0, 0.1, 1e22]")

    def test_writes_integers_of_any_size(self):
        self.check(f"[{2**63 - 1}, {-2**63}, {2**64}, {10**60}]", "[2**63-1, -2**63, 2**64, 10**60]")

    def test_writes_integers_of_other_types_by_value(self):
        self.check('[3, 7, {"3": true}]', "[Colour.red, Loud(7), {Colour.red: True}]")

    def test_turns_named_tuples_and_their_like_into_objects(self):
        self.check('[{"x": 1, "y": 2}, {"a": 1}]', "[Point(1, 2), Record()]")

    def test_turns_keys_into_strings(self):
        self.check(
            '{"1": 1, "1.5": 2, "null": 3, "true": 4, "k": 5, "NaN": 6}',
            "{1: 1, 1.5: 2, None: 3, 'true': 4, b'k': 5, float('nan'): 6}",
        )

    def test_reads_nested_bytes_as_text(self):
        self.check('{"a": "x\\u00e9"}', "{'a': 'x\\xe9'.encode()}")

    def test_keeps_the_order_of_mappings_of_other_types(self):
        self.check('[{"z": 1, "a": 2}, {"x": 2}]', "[collections.OrderedDict(z=1, a=2), collections.Counter('xx')]")

    def test_may_hold_one_value_twice(self):
        self.check("[[1], [1]]", "(lambda one: [one, one])([1])")

    def test_may_nest_deeply(self):
        self.check("[" * 301 + "]" * 301, "chain(300)")

    def test_of_bytes_goes_out_as_it_is(self):
        answer = self.result_of("bytes(range(256))")
        self.assertEqual("application/unknown", answer.headers["content-type"])
        self.assertEqual(bytes(range(256)), answer.body)

    def test_may_be_large(self):
        self.check('"' + "x" * 6_000_000 + '"', "'x' * 6_000_000")


class AnAnswerForLaterPythons(WithOneInstance):
    environment = {"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12"}

    def test_is_written_in_utf_8(self):
        self.check('"é\u2028\U0001f600\x7f\\n"', "'\\xe9\\u2028\\U0001f600\\x7f\\n'")

    def test_with_a_lone_surrogate_is_an_error(self):
        answer = self.result_of("'a\\ud800'")
        self.assertEqual("Runtime.MarshalError", answer.json["errorType"])
        self.assertIn("surrogates not allowed", answer.json["errorMessage"])


class WhatIsNoJson(WithOneInstance):
    def check_error(self, message, expression):
        answer = self.result_of(expression)
        self.assertEqual("error", answer.kind)
        self.assertEqual("Runtime.MarshalError", answer.json["errorType"])
        self.assertEqual("Unable to marshal response: " + message, answer.json["errorMessage"])
        self.assertEqual([], answer.json["stackTrace"])
        self.assertEqual(answer.request_id, answer.json["requestId"])

    def test_is_a_set(self):
        self.check_error("Object of type set is not JSON serializable", "{1}")

    def test_is_a_set_deep_inside(self):
        self.check_error("Object of type set is not JSON serializable", "{'a': [{'b': {1}}]}")

    def test_is_a_generator_deep_inside(self):
        self.check_error("Object of type generator is not JSON serializable", "[(x for x in [])]")

    def test_is_a_date(self):
        self.check_error("Object of type date is not JSON serializable", "__import__('datetime').date.today()")

    def test_is_a_bytearray(self):
        self.check_error("Object of type bytearray is not JSON serializable", "bytearray(b'x')")

    def test_is_an_instance_of_a_class(self):
        self.check_error("Object of type object is not JSON serializable", "object()")

    def test_is_a_tuple_as_a_key(self):
        self.check_error("keys must be str, int, float, bool or None, not tuple", "{(1,): 1}")

    def test_is_a_decimal_as_a_key(self):
        self.check_error("keys must be str, int, float, bool or None, not Decimal", "{decimal.Decimal(1): 1}")

    def test_is_a_list_that_holds_itself(self):
        self.check_error("Circular reference detected", "cycle([])")

    def test_is_what_nests_beyond_the_recursion_limit(self):
        answer = self.result_of("chain(100_000)")
        self.assertEqual("Runtime.MarshalError", answer.json["errorType"])
        self.assertIn("maximum recursion depth exceeded", answer.json["errorMessage"])
        self.assertEqual(1, self.instance.invoke(1).json)

    def test_is_an_integer_of_too_many_digits(self):
        answer = self.result_of("10**5000")
        self.assertIn("Exceeds the limit (4300 digits)", answer.json["errorMessage"])

    def test_is_bytes_that_are_no_text(self):
        self.check_error(
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", "{'a': b'\\xff'}"
        )

    def test_is_a_record_whose_fields_are_no_dict(self):
        self.check_error("_asdict() must return a dict, not int", "Wrong()")

    def test_does_not_harm_the_next_invocation(self):
        self.check_error("Object of type set is not JSON serializable", "{1}")
        self.assertEqual("next", self.instance.invoke("next").json)


class AnEvent(WithOneInstance):
    def check_event(self, expected, payload):
        """The event is what the handler would show of it."""
        shown = 'def handler(event, context): return ascii(event)'
        if not hasattr(self, "shower"):
            self.shower = self.start(shown)
        self.assertEqual(expected, self.shower.invoke(payload=payload).json)

    def test_keeps_its_types(self):
        self.check_event(
            "{'a': [1, -2, 1.5, 1e+20, True, False, None], 'b': {}, 'c': []}",
            b' {"a":[1,-2,1.5,1E20,true,false,null],\n\t"b":{},"c":[]}\r\n',
        )

    def test_may_have_large_numbers(self):
        number = b"1234567890123456789012345678901234567890"
        self.check_event(f"[{number.decode()}, inf, 0.1, -0.0, 0]", b"[" + number + b",1e400,0.1,-0.0,-0]")

    def test_may_have_any_character(self):
        self.check_event(r"'\xe9\u2028\U0001f600 \xe9\U0001f600\ud800x\x00'",
                         '"\u00e9\u2028\U0001f600 \\u00e9\\ud83d\\ude00\\ud800x\\u0000"'.encode())

    def test_may_have_every_escape(self):
        self.check_event(r"""'"\\/\x08\x0c\n\r\t'""", rb'"\"\\\/\b\f\n\r\t"')

    def test_may_begin_with_a_byte_order_mark(self):
        self.check_event("{}", b"\xef\xbb\xbf{}")

    def test_has_the_last_of_equal_keys(self):
        self.check_event("{'a': 2}", b'{"a": 1, "a": 2}')

    def test_of_another_content_type_is_bytes(self):
        answer = self.instance.invoke(payload=b'\x00\xff{"a"', Content_Type="application/octet-stream")
        self.assertEqual(b'\x00\xff{"a"', answer.body)

    def test_of_almost_the_right_content_type_is_bytes_too(self):
        answer = self.instance.invoke(payload=b"{}", Content_Type="application/json; charset=utf-8")
        self.assertEqual(b"{}", answer.body)

    def test_may_be_large(self):
        payload = b"[" + b",".join([b'{"key": "value", "n": 12345}'] * 200_000) + b"]"
        self.assertEqual(200_000, len(self.instance.invoke(payload=payload).json))


class AnEventThatIsNoJson(WithOneInstance):
    cases = {
        b"": "Expecting value: line 1 column 1 (char 0)",
        b"nope": "Expecting value: line 1 column 1 (char 0)",
        b"tru": "Expecting value: line 1 column 1 (char 0)",
        b"NaN": "Expecting value: line 1 column 1 (char 0)",
        b"-": "Expecting value: line 1 column 1 (char 0)",
        b"\x00": "Expecting value: line 1 column 1 (char 0)",
        b"'a'": "Expecting value: line 1 column 1 (char 0)",
        b"[": "Expecting value or ']': line 1 column 2 (char 1)",
        b"[1": "Expecting ',' delimiter or ']': line 1 column 3 (char 2)",
        b"[1,": "Expecting value: line 1 column 4 (char 3)",
        b"[1,]": "Illegal trailing comma before end of array: line 1 column 3 (char 2)",
        b"[1 2]": "Expecting ',' delimiter or ']': line 1 column 4 (char 3)",
        b"{": "Expecting property name enclosed in double quotes or '}': line 1 column 2 (char 1)",
        b"{a}": "Expecting property name enclosed in double quotes or '}': line 1 column 2 (char 1)",
        b'{"a"': "Expecting ':' delimiter: line 1 column 5 (char 4)",
        b'{"a" 1}': "Expecting ':' delimiter: line 1 column 6 (char 5)",
        b'{"a":': "Expecting value: line 1 column 6 (char 5)",
        b'{"a":1 "b"}': "Expecting ',' delimiter or '}': line 1 column 8 (char 7)",
        b'{"a":1,': "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
        b'{"a":1,b': "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
        b'{"a":1,}': "Illegal trailing comma before end of object: line 1 column 7 (char 6)",
        b'"abc': "Unterminated string starting at: line 1 column 1 (char 0)",
        b'"abc\\': "Unterminated string starting at: line 1 column 1 (char 0)",
        b'"a\x01"': "Invalid control character '\\x01' at: line 1 column 3 (char 2)",
        b'"a\n"': "Invalid control character '\\n' at: line 1 column 3 (char 2)",
        b'"\\x"': "Invalid \\X escape sequence 'x': line 1 column 3 (char 2)",
        b'"\\u12"': "Invalid \\uXXXX escape sequence: line 1 column 2 (char 1)",
        b"1 2": "Extra data: line 1 column 3 - line 1 column 4 (char 2 - 3)",
        b"01": "Extra data: line 1 column 2 - line 1 column 3 (char 1 - 2)",
        b"1.": "Extra data: line 1 column 2 - line 1 column 3 (char 1 - 2)",
        b'{\n "\xc3\xa9": x}': "Expecting value: line 2 column 7 (char 8)",
        b"\xff": "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        b'"\xff"': "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
        b'[x, "\xff"]': "'utf-8' codec can't decode byte 0xff in position 5: invalid start byte",
    }

    def test_is_reported_with_the_place_and_the_reason(self):
        for payload, message in self.cases.items():
            with self.subTest(payload=payload):
                answer = self.instance.invoke(payload=payload)
                self.assertEqual("error", answer.kind)
                self.assertEqual("Runtime.UnmarshalError", answer.json["errorType"])
                self.assertEqual("Unable to unmarshal input: " + message, answer.json["errorMessage"])
                self.assertEqual([], answer.json["stackTrace"])

    def test_may_nest_beyond_the_recursion_limit(self):
        for bracket in (b"[", b'{"a":'):
            answer = self.instance.invoke(payload=bracket * 100_000)
            self.assertEqual("Runtime.UnmarshalError", answer.json["errorType"])
            self.assertIn("maximum recursion depth exceeded", answer.json["errorMessage"])
        self.assertEqual(1, self.instance.invoke(1).json)

    def test_does_not_reach_the_handler(self):
        instance = self.start("def handler(event, context): print('called')")
        self.assertEqual("error", instance.invoke(payload=b"{").kind)
        instance.wait_for_poll()
        self.assertNotIn("called", instance.stdout)


if __name__ == "__main__":
    unittest.main()
