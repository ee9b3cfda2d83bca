# SPDX-License-Identifier: Apache-2.0
# Every way a call, an init phase or an instance can fail: what the invoker sees, what the log says, and that the next call
# works.
import json
import os
import re
import signal
import time
import unittest

from server_under_test import ARN, TELL, ServerTest, alive, bootstrap, wait_until, zip_of


class Failures(ServerTest):
    def assert_next_is_cold(self, name, before):
        answer = self.invoke(name)
        self.assert_result(answer, calls=1)
        self.assertNotEqual(answer.json["pid"], before)
        self.assertRegex(answer.headers["Server-Timing"], "^cold")

    def report(self, name, request_id):
        line = re.search(rf"REPORT RequestId: {request_id}\t.*", self.log(name, **{"request-id": request_id}))
        self.assertTrue(line, self.log(name))
        return line[0]

    def test_an_exception_is_an_error_with_four_members_and_the_instance_goes_on(self):
        self.create("raises")
        before = self.assert_result(self.invoke("raises"), calls=1)
        answer = self.invoke("raises", {"raise": "no such thing"})
        self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
        self.assertEqual(list(answer.json), ["errorMessage", "errorType", "requestId", "stackTrace"])
        self.assertEqual((answer.json["errorMessage"], answer.json["errorType"], answer.json["requestId"]),
                         ("no such thing", "ValueError", answer.headers["x-amzn-RequestId"]))
        self.assertRegex(answer.json["stackTrace"][-1], r'^  File "\S+/index.py", line \d+, in handler\n    raise ')
        self.assertEqual(answer.headers["X-Amz-Executed-Version"], "$LATEST")
        self.assert_result(self.invoke("raises"), calls=3, pid=before["pid"])

    def test_a_timeout_kills_the_instance_which_is_never_used_again(self):
        self.create("slow", Timeout=1)
        before = self.assert_result(self.invoke("slow"), calls=1)
        begun = time.monotonic()
        answer = self.invoke("slow", {"sleep": 100})
        self.assertGreaterEqual(time.monotonic() - begun, 1)
        self.assertLess(time.monotonic() - begun, 10)
        self.assert_function_error(answer, "Sandbox.Timedout", "RequestId: {id} Error: Task timed out after 1.00 seconds")
        wait_until(lambda: not alive(before["pid"]), "it is killed")
        request_id = answer.headers["x-amzn-RequestId"]
        log = self.log("slow", **{"request-id": request_id})
        self.assertIn(f"RequestId: {request_id} Error: Task timed out after 1.00 seconds", log)
        self.assertIn("\tStatus: timeout", self.report("slow", request_id))
        self.assert_next_is_cold("slow", before["pid"])
        self.assertEqual(self.metric('kiln_timeouts_total{function="slow"}'), 1)

    def test_a_timeout_ends_what_the_handler_left_behind_too(self):
        self.create("slow-parent", Timeout=1)
        child = self.assert_result(self.invoke("slow-parent", {"leave": True}))["child"]
        self.assertTrue(alive(child))
        self.assertEqual(self.invoke("slow-parent", {"sleep": 100}).json["errorType"], "Sandbox.Timedout")
        wait_until(lambda: not alive(child), "the child in the background is killed")

    def test_an_end_within_a_call_tells_the_invoker_and_the_log_how(self):
        self.create("ends")
        cases = [({"exit": 3}, "Runtime exited with error: exit status 3"),
                 ({"exit": 255}, "Runtime exited with error: exit status 255"),
                 ({"exit": 0}, "Runtime exited without providing a reason"),
                 ({"sys.exit": 7}, "Runtime exited with error: exit status 7"),
                 ({"sys.exit": 0}, "Runtime exited without providing a reason"),
                 ({"signal": signal.SIGKILL}, "Runtime exited with error: signal: killed"),
                 ({"signal": signal.SIGSEGV}, "Runtime exited with error: signal: segmentation fault"),
                 ({"signal": signal.SIGABRT}, "Runtime exited with error: signal: aborted")]
        for event, how in cases:
            with self.subTest(how=how, event=event):
                before = self.assert_result(self.invoke("ends"))
                answer = self.invoke("ends", event)
                self.assert_function_error(answer, "Runtime.ExitError", f"RequestId: {{id}} Error: {how}")
                request_id = answer.headers["x-amzn-RequestId"]
                log = self.log("ends", **{"request-id": request_id})
                self.assertIn(f"RequestId: {request_id} Error: {how}", log)
                self.assertIn("Runtime.ExitError", log)
                self.assertIn("\tStatus: error\tError Type: Runtime.ExitError", self.report("ends", request_id))
                self.assert_next_is_cold("ends", before["pid"])
        self.assertEqual(self.metric('kiln_crashes_total{function="ends"}'), len(cases))

    def test_the_report_of_a_process_that_dies_in_its_first_call_tells_its_memory(self):
        self.create("dies", MemorySize=512, Timeout=60)
        for event, most in (({"exit": 1}, 100), ({"allocate": 200_000_000, "exit": 1}, 400)):
            with self.subTest(event=event):
                answer = self.invoke("dies", event)
                used = int(re.search(r"Max Memory Used: (\d+) MB", self.report("dies", answer.headers["x-amzn-RequestId"]))[1])
                self.assertGreater(used, event.get("allocate", 3_000_000) / 1_048_576)
                self.assertLess(used, most)

    def test_the_report_of_a_process_that_times_out_in_its_first_call_tells_its_memory(self):
        self.create("grows", Timeout=1)
        answer = self.invoke("grows", {"allocate": 100_000_000, "here": self.mark(), "until": "/nowhere"})
        used = int(re.search(r"Max Memory Used: (\d+) MB", self.report("grows", answer.headers["x-amzn-RequestId"]))[1])
        self.assertGreater(used, 1)  # what a fork shares with its zygote is not its own

    def test_an_exception_while_the_module_loads_is_posted_as_it_is_every_time(self):
        self.create("import-raises", "raise RuntimeError('not today')\n")
        for _ in range(2):
            answer = self.invoke("import-raises")
            self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
            self.assertEqual({key: answer.json[key] for key in ("errorMessage", "errorType", "requestId")},
                             {"errorMessage": "not today", "errorType": "RuntimeError", "requestId": ""})
            self.assertIn("in <module>", answer.json["stackTrace"][-1])
        self.assertIn("Error: The runtime reported that its init phase failed", self.log("import-raises"))
        wait_until(lambda: self.instances("import-raises") == [], "no instance stays")

    def test_load_errors_have_the_names_and_words_of_the_official_client(self):
        cases = [("index.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'index'"),
                 ("other.handler", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
                 ("nodot", "Runtime.MalformedHandlerName",
                  "Bad handler 'nodot': not enough values to unpack (expected 2, got 1)")]
        for number, (handler, kind, message) in enumerate(cases):
            with self.subTest(handler=handler):
                self.create(f"load-{number}", handler=handler)
                answer = self.invoke(f"load-{number}")
                self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
                self.assertEqual(answer.json, {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": []})

    def test_an_end_while_the_module_loads_is_told_with_its_status(self):
        for code, how in ((4, "Runtime exited with error: exit status 4"), (0, "Runtime exited without providing a reason")):
            with self.subTest(code=code):
                self.create(f"import-exits-{code}", f"import sys\nsys.exit({code})\n")
                answer = self.invoke(f"import-exits-{code}")
                self.assert_function_error(answer, "Runtime.ExitError", f"RequestId: {{id}} Error: {how}")
                self.assertIn(f"Error: {how}", self.log(f"import-exits-{code}"))

    def test_calls_that_wait_for_a_failed_init_phase_all_learn_why_with_their_own_ids(self):
        self.create("import-slow", "import sys, time\ntime.sleep(0.5)\nsys.exit(9)\n", kiln={"MaxInstances": 1})
        for call in [self.invoke_later("import-slow") for _ in range(5)]:
            self.assert_function_error(call.answer(), "Runtime.ExitError",
                                       "RequestId: {id} Error: Runtime exited with error: exit status 9")

    def test_a_package_without_a_bootstrap_or_with_one_that_cannot_run(self):
        missing = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
        cases = [("none", {"index.py": ""}, f"^{re.escape(missing)}$"),
                 ("not-executable", {"bootstrap": ("#!/bin/sh\n", 0o644)}, f"^{re.escape(missing)}$"),
                 ("garbage", {"bootstrap": (b"\x7fELF garbage", 0o755)}, r"^Couldn't start \S+/bootstrap: Exec format error$"),
                 ("no-interpreter", {"bootstrap": ("#!/nowhere/sh\n", 0o755)},
                  r"^Couldn't start \S+/bootstrap: No such file or directory$")]
        for name, files, message in cases:
            with self.subTest(name):
                self.create(f"bootstrap-{name}", zip_of(files), runtime="provided.al2023")
                answer = self.invoke(f"bootstrap-{name}")
                self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
                self.assertEqual(answer.json["errorType"], "Runtime.InvalidEntrypoint")
                self.assertRegex(answer.json["errorMessage"], message)
                self.assertIn("Runtime.InvalidEntrypoint", self.log(f"bootstrap-{name}"))
                self.assertEqual(self.instances(f"bootstrap-{name}"), [])

    def test_output_without_end_stalls_nobody_and_the_log_says_what_it_lacks(self):
        self.create("flood", Timeout=60)
        answer = self.invoke("flood", {"flood": 20}, {"X-Amz-Log-Type": "Tail"})  # 20 MB
        self.assert_result(answer, calls=1)
        log = self.log("flood", **{"request-id": answer.headers["x-amzn-RequestId"]})
        self.assertIn(f"LOGS_DROPPED RequestId: {answer.headers['x-amzn-RequestId']} Output beyond 10000000 bytes", log)
        self.assertGreater(self.metric('kiln_log_dropped_bytes_total{function="flood"}'), 9_000_000)
        self.assertIn("END RequestId", answer.log_tail)
        after = self.invoke("flood", {"print": "dry again"}, {"X-Amz-Log-Type": "Tail"})
        self.assert_result(after, calls=2)
        self.assertIn("\ndry again\n", after.log_tail)

    def test_a_child_left_in_the_background_holds_up_nobody_and_goes_with_its_instance(self):
        self.create("leaves", kiln={"IdleSeconds": 1})
        first = self.assert_result(self.invoke("leaves", {"leave": True}), calls=1)
        self.assert_result(self.invoke("leaves"), calls=2, pid=first["pid"])
        self.assertTrue(alive(first["child"]))
        wait_until(lambda: self.instances("leaves") == [], "scaled to zero, though the child holds its output open")
        wait_until(lambda: not alive(first["child"]), "the child is killed")

    def test_an_answer_too_large_is_told_and_the_instance_goes_on(self):
        self.create("large", "def handler(e, c):\n    return 'x' * e['size']\n")
        most = 6_291_556
        self.assertEqual(len(self.invoke("large", {"size": most - 2}).body), most)
        answer = self.invoke("large", {"size": most})
        self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
        self.assertEqual(answer.json["errorType"], "Function.ResponseSizeTooLarge")
        self.assertEqual(self.invoke("large", {"size": 1}).json, "x")


class Runtimes(ServerTest):
    """Runtimes of one's own that do not behave."""

    def create_provided(self, name, body, **members):
        return self.create(name, bootstrap(body), runtime="provided.al2023", **members)

    def test_a_bootstrap_that_never_polls_is_ended_at_the_limit_of_its_init_phase(self):
        self.create_provided("never-polls", "print('here I am', flush=True)\ntime.sleep(1000)\n")
        begun = time.monotonic()
        answer = self.invoke("never-polls")
        self.assertGreaterEqual(time.monotonic() - begun, 9.9)
        self.assertEqual(answer.headers["X-Amz-Function-Error"], "Unhandled")
        self.assertEqual(answer.json["errorType"], "Sandbox.Timedout")
        self.assertRegex(answer.json["errorMessage"],
                         f"^RequestId: {answer.headers['x-amzn-RequestId']} Error: Task timed out after 3.00 seconds$")
        self.assertIn("here I am", self.log("never-polls"))
        self.assertIn("Error: The init phase timed out", self.log("never-polls"))
        wait_until(lambda: self.instances("never-polls") == [], "it is killed")

    def test_an_init_error_that_is_posted_goes_to_the_invoker_to_the_letter(self):
        self.create_provided("init-error", """
error = '{"errorMessage": "no database", "errorType": "Mine", "stackTrace": [], "more": 1}'
answer, _ = ask(connect(), "POST", "/init/error", error, {"Lambda-Runtime-Function-Error-Type": "Runtime.Mine"})
sys.exit(0 if answer.status == 202 else 1)
""")
        answer = self.invoke("init-error")
        self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"))
        self.assertEqual(answer.body, b'{"errorMessage": "no database", "errorType": "Mine", "stackTrace": [], "more": 1}')
        self.assertIn("Runtime.Mine", self.log("init-error"))

    def test_a_runtime_that_exits_after_its_answer_has_answered_and_the_next_call_starts_another(self):
        self.create_provided("one-shot", """
connection = connect()
request_id, event, _ = next_event(connection)
respond(connection, request_id, os.environ["AWS_LAMBDA_LOG_STREAM_NAME"])
sys.exit(5)
""")
        streams = {self.assert_result(self.invoke("one-shot")) for _ in range(3)}
        self.assertEqual(len(streams), 3)

    def test_a_poll_whose_connection_is_closed_gets_no_event(self):
        gone, back = self.mark(), self.mark()
        self.create_provided("closes", TELL + self.server.inside(f"""
connection = connect()
request_id, event, _ = next_event(connection)
respond(connection, request_id, os.getpid())
connection.request("GET", base + "/invocation/next")
connection.close()
tell({gone!r})
while not os.path.exists({back!r}):
    time.sleep(0.005)
connection = connect()
while True:
    request_id, event, _ = next_event(connection)
    respond(connection, request_id, os.getpid())
"""), Timeout=30, kiln={"MaxInstances": 1})
        first = self.invoke("closes")
        self.assertEqual(first.status, 200, first)
        wait_until(lambda: os.path.exists(gone), "it has closed its connection")
        begun = time.monotonic()
        second = self.invoke_later("closes")
        wait_until(lambda: self.metric('kiln_queue_length{function="closes"}') == 1, "the call waits for a runtime that polls")
        self.release(back)
        self.assertEqual(self.assert_result(second.answer()), first.json)
        self.assertLess(time.monotonic() - begun, 20)

    def test_a_runtime_that_closes_everything_in_the_middle_of_a_call_is_over_at_its_timeout_at_the_latest(self):
        self.create_provided("hangs-up", "connection = connect()\nnext_event(connection)\nconnection.close()\ntime.sleep(1000)\n",
                             Timeout=2)
        answer = self.invoke("hangs-up")
        self.assertEqual(answer.headers["X-Amz-Function-Error"], "Unhandled")
        self.assertEqual(answer.json["errorType"], "Sandbox.Timedout")
        wait_until(lambda: self.instances("hangs-up") == [], "it is killed")

    def test_answers_to_calls_that_are_not_its_own_are_refused_and_harm_nobody(self):
        self.create_provided("impostor", """
connection = connect()
while True:
    request_id, event, _ = next_event(connection)
    other = "00000000-0000-4000-8000-000000000000"
    statuses = [respond(connection, other, "stolen")]
    statuses.append(ask(connection, "POST", "/init/error", "{}")[0].status)
    statuses.append(respond(connection, request_id, statuses))
    statuses.append(respond(connection, request_id, "twice"))
    print("statuses", statuses, flush=True)
""")
        for _ in range(2):
            answer = self.invoke("impostor")
            self.assertEqual(self.assert_result(answer), [400, 403])
        wait_until(lambda: self.log("impostor").count("statuses [400, 403, 202, 403]") == 2, "all four statuses are told")


if __name__ == "__main__":
    unittest.main()
