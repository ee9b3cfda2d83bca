# SPDX-License-Identifier: Apache-2.0
# A runtime of one's own: what it is given (contract, section 3), what an event's head tells it, and that its answers go
# through unchanged.
import base64
import json
import os
import re
import time
import unittest

from server_under_test import ARN, UUID, ServerTest, bootstrap, wait_until, zip_of

ECHO = """
def descriptors(connection):
    # What was inherited: not the connection, and not the folder that was open to list them.
    paths = {int(n): "/proc/self/fd/" + n for n in os.listdir("/proc/self/fd")}
    return sorted([n, os.readlink(path).split("/")[-1].split(":")[0]] for n, path in paths.items()
                  if n != connection.sock.fileno() and os.path.lexists(path))

connection = connect()
while True:
    request_id, event, head = next_event(connection)
    if event == "environment":
        respond(connection, request_id, {"environment": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:],
                                         "descriptors": descriptors(connection),
                                         "group": os.getpgid(0) == os.getpid(), "stdin": os.readlink("/proc/self/fd/0")})
    elif event == "head":
        respond(connection, request_id, dict(head))
    elif event == "raw":
        ask(connection, "POST", f"/invocation/{request_id}/response", b"\\x00raw\\xff", {"Content-Type": "image/png"})
    elif event == "error":
        ask(connection, "POST", f"/invocation/{request_id}/error", b'{"my":"error"}',
            {"Lambda-Runtime-Function-Error-Type": "Function.Mine", "Content-Type": "application/x-mine"})
    else:
        respond(connection, request_id, event)
"""


class Provided(ServerTest):
    @classmethod
    def setUpClass(cls):
        os.environ["SECRET_OF_THE_SERVER"] = "x"  # which no function may see
        super().setUpClass()

    def create_echo(self, name, **members):
        return self.create(name, bootstrap(ECHO), runtime="provided.al2023", handler="any.name", **members)

    def test_its_environment_is_complete_and_has_nothing_of_the_servers(self):
        self.create_echo("environment", MemorySize=192, Environment={"Variables": {"MINE": "a=b c", "TZ": ":Europe/Berlin"}})
        told = self.invoke("environment", "environment").json
        given = told["environment"]
        task_root = given["LAMBDA_TASK_ROOT"]
        self.assertRegex(given.pop("AWS_LAMBDA_RUNTIME_API"), r"^127\.0\.0\.1:\d+$")
        self.assertRegex(given.pop("AWS_LAMBDA_LOG_STREAM_NAME"), r"^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$")
        opt = self.server.inside(self.shared.path)
        if self.server.isolation == "sandbox":
            self.assertEqual(task_root, "/var/task")
        else:
            self.assertTrue(os.path.isfile(os.path.join(task_root, "bootstrap")), task_root)
        expected = {
            "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "192", "AWS_LAMBDA_FUNCTION_NAME": "environment",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/environment", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "LAMBDA_TASK_ROOT": task_root, "LAMBDA_RUNTIME_DIR": task_root, "_HANDLER": "any.name",
            "LANG": "en_US.UTF-8", "TZ": ":Europe/Berlin", "MINE": "a=b c", "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"/var/lang/bin:/usr/local/bin:/usr/bin:/bin:{opt}/bin",
            "LD_LIBRARY_PATH": f"{task_root}:{task_root}/lib:{opt}/lib",
        }
        self.assertEqual({key: given.get(key) for key in expected}, expected)
        # Not one of these: a "1" would make official clients enter their concurrent mode, the others are the server's.
        for name in ("AWS_LAMBDA_MAX_CONCURRENCY", "AWS_EXECUTION_ENV", "HOME", "USER", "HOSTNAME", "KILN_RUNTIME_API_FD",
                     "SECRET_OF_THE_SERVER"):
            self.assertNotIn(name, given)
        for name in given:
            self.assertRegex(name, "^(AWS_|LAMBDA_|_HANDLER$|LANG$|TZ$|PATH$|LD_LIBRARY_PATH$|PYTHONDONTWRITEBYTECODE$|MINE$|LC_CTYPE$|"
                                   "_LAMBDA_TELEMETRY_LOG_FD$)")
        self.assertEqual((told["cwd"], told["argv"], told["group"], told["stdin"]), (task_root, [], True, "/dev/null"))
        self.assertEqual(given["_LAMBDA_TELEMETRY_LOG_FD"], "3")
        self.assertEqual(told["descriptors"], [[0, "null"], [1, "pipe"], [2, "pipe"], [3, "pipe"]])

    def test_an_event_tells_its_id_deadline_function_and_trace(self):
        self.create_echo("head", Timeout=5)
        request_id = "0c0ffee0-1111-4222-8333-444455556666"
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
        context = {"custom": {"key": "väl"}, "env": {}, "client": {}}
        before = time.time() * 1000
        head = self.invoke("head:$LATEST", "head", {
            "x-amzn-RequestId": request_id, "X-Amzn-Trace-Id": trace, "X-Amz-Tenant-Id": "tenant-1",
            "X-Amz-Client-Context": base64.b64encode(json.dumps(context).encode()).decode()}).json
        self.assertEqual(head["Lambda-Runtime-Aws-Request-Id"], request_id)
        self.assertEqual(head["Lambda-Runtime-Trace-Id"], trace)
        self.assertEqual(head["Lambda-Runtime-Invoked-Function-Arn"], ARN + "head:$LATEST")
        self.assertEqual(head["Lambda-Runtime-Aws-Tenant-Id"], "tenant-1")
        self.assertEqual(json.loads(head["Lambda-Runtime-Client-Context"]), context)
        self.assertEqual(head["Content-Type"], "application/json")
        deadline = int(head["Lambda-Runtime-Deadline-Ms"])
        self.assertGreaterEqual(deadline, before + 4_990)
        self.assertLess(deadline, time.time() * 1000 + 5_010)
        plain = self.invoke("head", "head").json
        self.assertRegex(plain["Lambda-Runtime-Aws-Request-Id"], f"^{UUID}$")
        self.assertEqual(plain["Lambda-Runtime-Invoked-Function-Arn"], ARN + "head")
        for name in ("Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity", "Lambda-Runtime-Aws-Tenant-Id"):
            self.assertNotIn(name, plain)

    def test_answers_and_errors_go_through_to_the_letter_with_their_content_type(self):
        self.create_echo("through")
        answer = self.invoke("through", "raw")
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"\x00raw\xff", "image/png"))
        self.assertNotIn("X-Amz-Function-Error", answer.headers)
        error = self.invoke("through", "error")
        self.assertEqual((error.status, error.body, error.headers["X-Amz-Function-Error"]),
                         (200, b'{"my":"error"}', "Unhandled"))
        self.assertEqual(self.invoke("through", {"a": [1, 2.5, None, "ü"]}).json, {"a": [1, 2.5, None, "ü"]})
        self.assertEqual(self.invoke("through").json, {})  # no payload is an empty event

    def test_what_it_prints_is_in_the_log_of_its_call(self):
        self.create("prints", bootstrap("""
connection = connect()
while True:
    request_id, event, _ = next_event(connection)
    print("out", event, flush=True)
    print("err", event, file=sys.stderr, flush=True)
    respond(connection, request_id, None)
"""), runtime="provided")
        answer = self.invoke("prints", 1, {"X-Amz-Log-Type": "Tail"})
        self.assertRegex(answer.log_tail, r"^START [^\n]*\nout 1\nerr 1\nEND [^\n]*\nREPORT ")

    def test_a_python_of_its_own_leaves_its_code_as_it_was_uploaded(self):
        # As root, whom no permission stops: what its first import writes would make the next cold start one of corrupt code.
        body = """
import module
connection = connect()
while True:
    request_id, event, _ = next_event(connection)
    respond(connection, request_id, module.NAME)
"""
        package = bootstrap(body, options="", module="NAME = 'imported'\n")
        self.create("imports", package, runtime="provided", kiln={"IdleSeconds": 0})
        for _ in range(3):
            self.assert_result(self.invoke("imports"))
            wait_until(lambda: self.instances("imports") == [], "reclaimed")

    def test_a_shell_script_does_as_a_runtime(self):
        script = """#!/bin/bash
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
while printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: kiln\\r\\n\\r\\n' >&3; do
  length=0
  while IFS= read -r line <&3; line=${line%$'\\r'}; [ -n "$line" ]; do
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  IFS= read -r -N "$length" event <&3
  body="{\\"echo\\":$event}"
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\nHost: kiln\\r\\nContent-Length: %d\\r\\n\\r\\n%s' \\
    "$id" "${#body}" "$body" >&3
  while IFS= read -r line <&3; line=${line%$'\\r'}; [ -n "$line" ]; do :; done
  IFS= read -r accepted <&3
done
"""
        self.create("shell", zip_of({"bootstrap": (script, 0o755)}), runtime="provided.al2")
        for number in range(3):
            self.assertEqual(self.assert_result(self.invoke("shell", {"n": number})), {"echo": {"n": number}})


if __name__ == "__main__":
    unittest.main()
