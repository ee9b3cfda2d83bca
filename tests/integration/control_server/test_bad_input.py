# SPDX-License-Identifier: Apache-2.0
# Bad input, one by one: each is answered in the service's words, and the server goes on.
import base64
import io
import json
import re
import stat
import unittest
import urllib.parse
import zipfile

from server_under_test import ARN, FUNCTIONS, PROBE, PYTHON, ServerTest, raw, read_to_end, zip_of

BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
NAME_PATTERN = (r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
                r"(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?")


class BadInput(ServerTest):
    def tearDown(self):
        self.request("DELETE", f"{FUNCTIONS}/bad")  # where a test has failed
        self.assert_serves()
        self.assertEqual(self.metric("kiln_internal_errors_total"), 0, "".join(self.server.log))

    def post_create(self, **members):
        body = {"FunctionName": "bad", "Runtime": PYTHON, "Handler": "index.handler",
                "Code": {"ZipFile": base64.b64encode(zip_of({"index.py": PROBE})).decode()}, **members}
        return self.request("POST", FUNCTIONS, json.dumps({key: value for key, value in body.items() if value is not None}))

    def assert_refused(self, message, kind="InvalidParameterValueException", status=400, **members):
        answer = self.post_create(**members)
        if answer.status == 201:
            self.request("DELETE", f"{FUNCTIONS}/bad")
        self.assert_error(answer, status, kind, message)
        self.assertEqual(self.request("GET", f"{FUNCTIONS}/bad").status, 404)
        return answer

    def assert_zip_refused(self, package, message=BAD_ZIP, status=400, kind="InvalidParameterValueException"):
        return self.assert_refused(message, kind, status, Code={"ZipFile": base64.b64encode(package).decode()})

    # --- HTTP ---

    def test_requests_that_are_no_http_or_could_be_read_in_two_ways_are_refused_and_the_connection_closed(self):
        host = "Host: x\r\n"
        post = f"POST {FUNCTIONS}/any/invocations HTTP/1.1\r\n{host}"
        cases = {
            "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
            "no version": (b"GET /healthz\r\n\r\n", 400),
            "another version": (f"GET / HTTP/2.0\r\n{host}\r\n", 505),
            "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
            "two hosts": (f"GET / HTTP/1.1\r\n{host}{host}\r\n", 400),
            "bare feeds": ("GET / HTTP/1.1\nHost: x\n\n", 400),
            "a folded field": (f"GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n", 400),
            "a zero byte": (f"GET / HTTP/1.1\r\n{host}A: \0\r\n\r\n", 400),
            "a space before the colon": (f"GET / HTTP/1.1\r\n{host}A : b\r\n\r\n", 400),
            "no colon": (f"GET / HTTP/1.1\r\n{host}A\r\n\r\n", 400),
            "two lengths": (f"{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}", 400),
            "a negative length": (f"{post}Content-Length: -2\r\n\r\n{{}}", 400),
            "a length beside chunks": (f"{post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            "an unknown coding": (f"{post}Transfer-Encoding: gzip\r\n\r\n", 501),
            "a coding twice": (f"{post}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
            "a long target": (f"GET /{'a' * 8_192} HTTP/1.1\r\n{host}\r\n", 414),
            "many fields": (f"GET / HTTP/1.1\r\n{host}{'A: b' * 1}\r\n" + "A: b\r\n" * 100 + "\r\n", 431),
            "a long field": (f"GET / HTTP/1.1\r\n{host}A: {'b' * 20_000}\r\n\r\n", 431),
        }
        behind = f"GET {FUNCTIONS} HTTP/1.1\r\n{host}\r\n".encode()
        for name, (request, status) in cases.items():
            with self.subTest(name), raw(self.server) as connection:
                connection.sendall((request if isinstance(request, bytes) else request.encode()) + behind)
                statuses = re.findall(rb"^HTTP/1\.1 (\d+)", read_to_end(connection), re.MULTILINE)
                self.assertEqual(len(statuses), 1, "one answer, and nothing for what stands behind")
                self.assertIn(int(statuses[0]), {status, 400} if status == 501 else {status})

    def test_a_chunked_body_that_breaks_its_framing_runs_nothing(self):
        self.create("chunks")
        for name, body in {"no size": "\r\n", "a size that is none": "zz\r\n{}\r\n0\r\n\r\n",
                           "more than was said": "1\r\n{}\r\n0\r\n\r\n", "a size that overflows": "FFFFFFFFFFFFFFFFF\r\n{}"}.items():
            with self.subTest(name), raw(self.server) as connection:
                connection.sendall((f"POST {FUNCTIONS}/chunks/invocations HTTP/1.1\r\nHost: x\r\n"
                                    f"Transfer-Encoding: chunked\r\n\r\n{body}").encode())
                connection.shutdown(1)
                self.assertRegex(read_to_end(connection), rb"^HTTP/1\.1 400 ")
        self.assertEqual(self.instances("chunks"), [])
        self.request("DELETE", f"{FUNCTIONS}/chunks")

    def test_a_body_cut_short_runs_nothing(self):
        self.create("cut")
        with raw(self.server) as connection:
            connection.sendall(f"POST {FUNCTIONS}/cut/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{{}}".encode())
            connection.shutdown(1)
            self.assertRegex(read_to_end(connection), rb"^HTTP/1\.1 400 ")
        self.assertEqual(self.instances("cut"), [])
        self.request("DELETE", f"{FUNCTIONS}/cut")

    # --- calls ---

    def test_an_event_that_is_no_json(self):
        self.create("event")
        for event in (b"{", b"not json", b'{"a":}', b"\xff\xfe", b'"\x01"', b"[1,]", b'{"a": 1} x', b"nul", b"[" * 100_000,
                      b'"\xc3\x28"', b"'single'"):
            with self.subTest(event[:20]):
                answer = self.invoke("event", event)
                self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, "InvalidRequestContentException"))
                self.assertEqual(answer.json["Type"], "User")
                self.assertRegex(answer.json["message"], "^Could not parse request body into json: "
                                                         "Could not parse payload into json: .+ at line 1, column ")
        self.assertEqual(self.instances("event"), [])
        self.request("DELETE", f"{FUNCTIONS}/event")

    def test_an_event_too_large_by_one_byte_and_the_largest_there_may_be(self):
        self.create("size", "def handler(event, context):\n    return len(event)\n")
        most = 6_291_456
        self.assertEqual(self.invoke("size", b'"' + b"x" * (most - 2) + b'"').json, most - 2)
        self.assert_error(self.invoke("size", b'"' + b"x" * (most - 1) + b'"'), 413, "RequestEntityTooLargeException",
                          f"Request must be smaller than {most} bytes for the InvokeFunction operation")
        self.request("DELETE", f"{FUNCTIONS}/size")

    def test_functions_versions_and_names_that_are_not(self):
        missing = "ResourceNotFoundException"
        self.create("there")
        for name, text in (("nobody", f"{ARN}nobody:$LATEST"), ("there:7", f"{ARN}there:7"), ("there:prod", f"{ARN}there:prod"),
                           ("nobody:prod", f"{ARN}nobody:prod")):
            with self.subTest(name):
                self.assert_error(self.invoke(name, {}), 404, missing, f"Function not found: {text}", "Message")
        self.assert_error(self.request("POST", f"{FUNCTIONS}/there/invocations?Qualifier=7", b"{}"), 404, missing,
                          f"Function not found: {ARN}there:7", "Message")
        self.assert_error(self.request("POST", f"{FUNCTIONS}/there:7/invocations?Qualifier=8", b"{}"), 400,
                          "InvalidParameterValueException",
                          "The derived qualifier from the function name does not match the specified qualifier.")
        for name in ("sp%20ace", "a:b:c:d", "ä", "semi;colon", "..%2F..%2Fetc"):
            with self.subTest(name):
                answer = self.invoke(urllib.parse.quote(name, safe="%"), {})
                self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, "ValidationException"), answer)
                self.assertRegex(answer.json["message"], "^1 validation error detected: Value '.*' at 'functionName' failed to "
                                                         "satisfy constraint: Member must satisfy regular expression pattern: ")
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/configuration")):
            self.assert_error(self.request(method, f"{FUNCTIONS}/nobody{path}"), 404, missing,
                              f"Function not found: {ARN}nobody", "Message")
        self.request("DELETE", f"{FUNCTIONS}/there")

    def test_headers_of_a_call_that_cannot_be(self):
        self.create("heads")
        long_context = base64.b64encode(json.dumps({"custom": "x" * 4_000}).encode()).decode()
        for headers, kind in (({"X-Amz-Client-Context": "%%%"}, "InvalidRequestContentException"),
                              ({"X-Amz-Client-Context": base64.b64encode(b"{").decode()}, "InvalidRequestContentException"),
                              ({"X-Amz-Client-Context": long_context}, "InvalidRequestContentException"),
                              ({"x-amzn-RequestId": "no-uuid"}, "InvalidRequestContentException"),
                              ({"X-Amz-Tenant-Id": "no!"}, "InvalidParameterValueException"),
                              ({"X-Amz-Invocation-Type": "Sometimes"}, "InvalidParameterValueException")):
            with self.subTest(headers=list(headers)):
                answer = self.invoke("heads", {}, headers)
                self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, kind), answer)
        self.assertEqual(self.instances("heads"), [])
        self.assertEqual(self.request("GET", f"{FUNCTIONS}/heads/invocations").status, 405)
        self.request("DELETE", f"{FUNCTIONS}/heads")

    # --- management ---

    def test_a_request_that_is_no_json_object(self):
        for body in (b"", b"{", b"[]", b'"x"', b"\xff", b"null"):
            with self.subTest(body):
                answer = self.request("POST", FUNCTIONS, body)
                self.assertEqual(answer.status, 400, answer)
                self.assertIn(answer.headers["x-amzn-ErrorType"], ("SerializationException", "ValidationException"))

    def test_names_a_function_may_not_have(self):
        for name in ("with space", "with.dot", "umläut", "a:b:c", "", "../x", "x" * 141):
            with self.subTest(name[:20]):
                answer = self.post_create(FunctionName=name)
                self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, "ValidationException"), answer)
                self.assertRegex(answer.json["message"], "^[12] validation errors? detected: Value '")
        self.assert_refused("1 validation error detected: Value 'invalid:function:name' at 'functionName' failed to satisfy "
                            f"constraint: Member must satisfy regular expression pattern: {NAME_PATTERN}",
                            "ValidationException", FunctionName="invalid:function:name")
        self.assert_refused(f"1 validation error detected: Value '{'x' * 65}' at 'functionName' failed to satisfy constraint: "
                            "Member must have length less than or equal to 64", FunctionName="x" * 65)

    def test_memory_and_timeout_out_of_range(self):
        prefix = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must have value {}"
        for member, field, value, rule in (
                ("MemorySize", "memorySize", 127, "greater than or equal to 128"),
                ("MemorySize", "memorySize", -1, "greater than or equal to 128"),
                ("Timeout", "timeout", 0, "greater than or equal to 1"),
                ("Timeout", "timeout", 901, "less than or equal to 900")):
            with self.subTest(member=member, value=value):
                self.assert_refused(prefix.format(value, field, rule), "ValidationException", **{member: value})
        self.assert_refused("'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240",
                            MemorySize=10_241)
        for value in ("many", True, [1]):
            with self.subTest(value=value):
                answer = self.post_create(Timeout=value)
                self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, "SerializationException"), answer)

    def test_an_unknown_runtime_is_told_those_there_are(self):
        there = self.request("GET", "/kiln/v1/runtimes").json["Runtimes"]
        self.assertIn(PYTHON, there)
        for runtime in ("python2.7", PYTHON.upper(), "nodejs20.x", ""):
            with self.subTest(runtime):
                answer = self.post_create(Runtime=runtime)
                self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, "InvalidParameterValueException"))
                found = re.match(rf"^Value {re.escape(runtime)} at 'runtime' failed to satisfy constraint: Member must satisfy "
                                 r"enum value set: \[(.*)\] or be a valid ARN$", answer.json["message"])
                self.assertTrue(found, answer)
                self.assertLessEqual(set(there), set(found[1].split(", ")))

    def test_handlers_roles_and_variables_that_cannot_be(self):
        self.assert_refused("1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy "
                            r"regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
                            "ValidationException", Role="r1")
        self.assert_refused(r"1 validation error detected: Value 'a b' at 'handler' failed to satisfy constraint: Member must "
                            r"satisfy regular expression pattern: [^\s]+", "ValidationException", Handler="a b")
        cannot = ("Lambda was unable to configure your environment variables because the environment variables you have "
                  "provided ")
        self.assert_refused(cannot + "contains reserved keys that are currently not supported for modification. Reserved keys "
                            "used in this request: AWS_REGION", Environment={"Variables": {"AWS_REGION": "x"}})
        large = {"LARGE_VAR": "x" * 4_100}
        self.assert_refused(cannot + "exceeded the 4KB limit. String measured: " + json.dumps(large, separators=(",", ":")),
                            Environment={"Variables": large})

    def test_a_function_that_is_there_already(self):
        self.create("twice")
        answer = self.post_create(FunctionName="twice")
        self.assert_error(answer, 409, "ResourceConflictException", "Function already exist: twice")
        self.request("DELETE", f"{FUNCTIONS}/twice")

    def test_operations_and_methods_there_are_not(self):
        answer = self.request("GET", "/2015-03-31/nothing")
        self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (404, "UnknownOperationException"))
        answer = self.request("PATCH", FUNCTIONS)
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST, GET"))

    # --- packages ---

    def test_what_is_no_zip(self):
        good = zip_of({"index.py": PROBE})
        for name, package in {"text": b"not a zip", "its beginning": good[:40], "without its end": good[:-10],
                              "its end alone": good[-22:], "zeros": bytes(1_000), "garbage in the data": good[:60] + b"\xff" * 20
                              + good[80:]}.items():
            with self.subTest(name):
                self.assert_zip_refused(package)
        self.assert_refused("Uploaded file must be a non-empty zip", Code={"ZipFile": ""})
        answer = self.post_create(Code={"ZipFile": "%%%"})
        self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (400, "SerializationException"), answer)

    def test_zips_that_climb_out_or_hold_links(self):
        for name in ("../out.py", "/etc/out.py", "a/../../out.py", "a\\..\\..\\out.py", "a/./../../out.py"):
            with self.subTest(name):
                self.assert_zip_refused(zip_of({name: "x", "index.py": PROBE}))
        for kind, what in ((stat.S_IFLNK, "link"), (stat.S_IFCHR, "device"), (stat.S_IFIFO, "pipe")):
            with self.subTest(what):
                out = io.BytesIO()
                with zipfile.ZipFile(out, "w") as archive:
                    entry = zipfile.ZipInfo("link")
                    entry.create_system = 3
                    entry.external_attr = (kind | 0o777) << 16
                    archive.writestr(entry, "/etc/passwd")
                self.assert_zip_refused(out.getvalue())
        with self.subTest("the same name twice"):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr("index.py", "1")
                archive.NameToInfo.clear()
                archive.writestr("index.py", "2")
            self.assert_zip_refused(out.getvalue())

    def test_zips_that_are_too_large(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number in range(4):
                archive.writestr(f"{number}", bytes(65_600_000))
        self.assert_zip_refused(out.getvalue(), "Unzipped size must be smaller than 262144000 bytes")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for number in range(20_001):
                archive.writestr(f"{number}", b"")
        self.assert_zip_refused(out.getvalue(), "The uploaded zip must not hold more than 20000 entries")
        self.assert_zip_refused(bytes(52_428_801), "Zipped size must be smaller than 52428800 bytes", 413,
                                "RequestEntityTooLargeException")

    def test_a_request_beyond_the_largest_is_refused_before_its_body_is_sent(self):
        with raw(self.server) as connection:
            connection.sendall(f"POST {FUNCTIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: 70167212\r\n"
                               "Expect: 100-continue\r\n\r\n".encode())
            answer = b""
            while b"CreateFunction" not in answer:
                part = connection.recv(65_536)
                self.assertTrue(part, answer)
                answer += part
        self.assertRegex(answer, rb"^HTTP/1\.1 413 ")
        self.assertIn(b"Request must be smaller than 70167211 bytes for the CreateFunction operation", answer)

    # --- triggers ---

    def test_triggers_that_cannot_be_bound(self):
        self.create("bound")
        good = {"FunctionName": "bound", "Type": "http", "Method": "GET", "Path": "/bound"}
        self.assertEqual(self.request("PUT", "/kiln/v1/triggers", json.dumps(good)).status, 200)
        for change, status in (({"Method": "FETCH"}, 400), ({"Path": "no-slash"}, 400), ({"Path": "/kiln/v1/x"}, 400),
                               ({"Path": "/2015-03-31/x"}, 400), ({"Path": "/{a}/{a}"}, 400), ({"Type": "queue"}, 400),
                               ({"FunctionName": "nobody"}, 404), ({"Path": None}, 400)):
            with self.subTest(change=change):
                self.assertEqual(self.request("PUT", "/kiln/v1/triggers", json.dumps({**good, **change})).status, status)
        self.create("other")
        self.assertEqual(self.request("PUT", "/kiln/v1/triggers", json.dumps({**good, "FunctionName": "other"})).status, 409)
        self.assertEqual(self.request("DELETE", "/kiln/v1/triggers/nothing").status, 404)
        for name in ("bound", "other"):
            self.request("DELETE", f"{FUNCTIONS}/{name}")


if __name__ == "__main__":
    unittest.main()
