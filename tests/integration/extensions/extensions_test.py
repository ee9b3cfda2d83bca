# SPDX-License-Identifier: Apache-2.0
# Extensions on a real server: processes of their own in OPT/extensions, and one inside a function.
import json
import os
import shutil
import signal
import sys
import threading
import time
import unittest
import urllib.request

SOURCE, BUILD = sys.argv[1], sys.argv[2]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from shared_folder import SharedFolder  # noqa: E402
from waiting import wait_until  # noqa: E402


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Extensions(unittest.TestCase):
    def setUp(self):
        self.shared = SharedFolder()
        self.addCleanup(self.shared.close)
        self.opt = self.shared.path
        os.makedirs(os.path.join(self.opt, "extensions"))

    def install(self, name, **plan):
        target = os.path.join(self.opt, "extensions", name)
        shutil.copyfile(os.path.join(HERE, "probe.py"), target)
        os.chmod(target, 0o755)
        self.plan(name, **plan)

    def plan(self, name, **plan):
        with open(os.path.join(self.opt, name + ".json"), "w") as file:
            json.dump(plan, file)

    def notes(self, name, *keys):
        """What extension `name` has noted so far, where it has one of `keys`."""
        try:
            with open(os.path.join(self.opt, name + ".notes")) as file:
                all_notes = [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [one for one in all_notes if not keys or any(key in one for key in keys)]

    def events(self, name):
        return [one["event"] for one in self.notes(name, "event")]

    def shutdown_of(self, name):
        found = wait_until(lambda: [one for one in self.events(name) if one["eventType"] == "SHUTDOWN"],
                           f"{name} is told to shut down")
        return found[0]

    def serve(self, *deploy, arguments=(), environment=None):
        self.server = KilnServer(BUILD, arguments=arguments, shared=self.shared)
        self.addCleanup(self.server.kill)
        environment = {"SHARED": self.server.inside(self.shared.file("pids")), **(environment or {})}
        variables = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        self.server.run("deploy", os.path.join(HERE, "function"), "--name", "f", *(() if "--timeout" in deploy else ("--timeout", "30")), "--max-instances", "1",
                        *variables, *deploy)
        return self.server

    def invoke(self, **event):
        """Returns the answer and the request id; a function error as the answer's only member "error"."""
        request = urllib.request.Request(self.server.url + "/2015-03-31/functions/f/invocations",
                                         json.dumps(event).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            body = json.loads(answer.read())
            if answer.headers.get("X-Amz-Function-Error"):
                body = {"error": body}
            return body, answer.headers["x-amzn-RequestId"]

    def invoke_error(self, **event):
        body, request_id = self.invoke(**event)
        self.assertIn("error", body)
        prefix = f"RequestId: {request_id} Error: "
        self.assertTrue(body["error"]["errorMessage"].startswith(prefix), body)
        return body["error"]["errorType"], body["error"]["errorMessage"][len(prefix):]

    def invoke_later(self, **event):
        done = []
        caller = threading.Thread(target=lambda: done.append(self.invoke(**event)))
        caller.start()
        self.addCleanup(caller.join, PATIENCE)
        return caller, done

    # --- events ---

    def test_an_extension_sees_its_instances_whole_life(self):
        self.install("watcher")
        server = self.serve(environment={"COLOUR": "blue"})
        first, first_id = self.invoke()
        _, second_id = self.invoke()
        self.assertEqual(server.stop(), 0)

        started = self.notes("watcher", "started")
        self.assertEqual(len(started), 1)
        environment = started[0]["started"]
        self.assertEqual(environment["AWS_LAMBDA_FUNCTION_NAME"], "f")
        self.assertEqual(environment["COLOUR"], "blue")
        self.assertRegex(environment["AWS_LAMBDA_RUNTIME_API"], r"^127\.0\.0\.1:\d+$")
        for name in ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME",
                     "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING", "KILN_RUNTIME_API_FD"):
            self.assertNotIn(name, environment)
        self.assertEqual([name for name in environment if name.startswith("_")], [])
        self.assertEqual(started[0]["cwd"], "/")

        self.assertEqual(self.notes("watcher", "registered")[0]["registered"],
                         {"functionName": "f", "functionVersion": "$LATEST", "handler": "index.handler",
                          "accountId": "000000000000"})
        invoke_1, invoke_2, shutdown = self.events("watcher")
        self.assertEqual([invoke_1["eventType"], invoke_1["requestId"]], ["INVOKE", first_id])
        self.assertEqual([invoke_2["eventType"], invoke_2["requestId"]], ["INVOKE", second_id])
        self.assertEqual(invoke_1["invokedFunctionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f")
        self.assertEqual([shutdown["eventType"], shutdown["shutdownReason"]], ["SHUTDOWN", "SPINDOWN"])
        self.assertFalse(alive(first["pid"]))
        # The runtime ends first, then the extension, by itself.
        self.assertTrue(self.notes("watcher", "leaves"))

    def test_output_of_an_extension_is_in_the_functions_log(self):
        self.install("watcher")
        server = self.serve()
        self.invoke()
        self.assertIn("watcher says hello", server.run("logs", "f").stdout)

    def test_a_slow_extension_delays_reuse_but_not_the_answer(self):
        go = self.shared.file("go")
        self.install("slow", at_invoke="wait go")
        self.serve()
        first, _ = self.invoke()  # comes back although the extension has not
        wait_until(lambda: len(self.events("slow")) == 1, "the extension has its event")
        caller, done = self.invoke_later()
        caller.join(0.3)
        self.assertTrue(caller.is_alive())
        self.assertEqual(len(self.events("slow")), 1)
        open(go, "w").close()
        caller.join(PATIENCE)
        self.assertEqual(done[0][0]["pid"], first["pid"])
        wait_until(lambda: len(self.events("slow")) == 2, "the extension has the second event as well")

    def test_an_extension_without_invoke_events_delays_nothing(self):
        self.install("quiet", events=["SHUTDOWN"], at_shutdown="")
        server = self.serve()
        pids = {self.invoke()[0]["pid"] for _ in range(3)}
        self.assertEqual(len(pids), 1)
        server.stop()
        self.assertEqual([one["eventType"] for one in self.events("quiet")], ["SHUTDOWN"])

    def test_an_extension_inside_the_function(self):
        self.serve(environment={"INTERNAL": "yes"})
        first, first_id = self.invoke(events=1)
        second, second_id = self.invoke(events=2)
        self.assertEqual([one["requestId"] for one in second["events"]], [first_id, second_id])
        self.assertEqual(first["pid"], second["pid"])

    # --- registration ---

    def test_registration_is_closed_once_the_function_runs(self):
        self.serve()
        answer, _ = self.invoke(register="late")
        self.assertEqual(answer, {"status": 403, "body": {"errorType": "Extension.RegistrationClosed",
                                                          "errorMessage": "Extension registration closed already"}})

    def test_a_function_cannot_take_its_events_past_its_own_bootstrap(self):
        self.serve()
        answer, _ = self.invoke(ask=["GET", "/2018-06-01/runtime/invocation/next"])
        self.assertEqual(answer, {"status": 404, "body": "404 page not found\n"})

    def test_a_folder_that_cannot_be_read_fails_the_start_and_says_so(self):
        folder = os.path.join(self.opt, "extensions")
        shutil.rmtree(folder, ignore_errors=True)
        os.symlink("extensions", folder)  # leads to itself: not even root can read it
        self.serve()
        answer, _ = self.invoke()
        self.assertEqual(answer["error"], {
            "errorType": "Extension.LaunchError",
            "errorMessage": f"Couldn't read {folder}: Too many levels of symbolic links (it must be readable for the user that instances run as)"})
        self.assertIn(f"Error: Couldn't read {folder}: ", self.server.run("logs", "f").stdout)

    def test_ten_extensions_and_an_eleventh(self):
        for number in range(10):
            self.install(f"e{number}")
        server = self.serve()
        self.invoke()
        for number in range(10):
            wait_until(lambda name=f"e{number}": len(self.events(name)) == 1, "each has the event")
        server.run("delete", "f")
        for number in range(10):
            self.assertEqual(self.shutdown_of(f"e{number}")["shutdownReason"], "SPINDOWN")
        self.install("e10")
        server.run("deploy", os.path.join(HERE, "function"), "--name", "f")
        answer, _ = self.invoke()
        self.assertEqual(answer["error"]["errorType"], "Extension.LaunchError")
        self.assertIn("Extension limit (10) exceeded", answer["error"]["errorMessage"])

    def test_a_file_that_cannot_be_executed(self):
        self.install("broken")
        os.chmod(os.path.join(self.opt, "extensions", "broken"), 0o644)
        self.serve()
        answer, _ = self.invoke()
        self.assertEqual(answer["error"]["errorType"], "Extension.LaunchError")
        self.assertIn("extensions/broken: Permission denied", answer["error"]["errorMessage"])

    def test_the_file_that_turns_extensions_off(self):
        self.install("watcher")
        open(os.path.join(self.opt, "disable-extensions-jwigqn8j"), "w").close()
        self.serve()
        answer, _ = self.invoke(ask=["POST", "/2020-01-01/extension/register", "{}", {"Lambda-Extension-Name": "x"}])
        self.assertEqual(answer["status"], 404)
        self.assertEqual(self.notes("watcher"), [])

    # --- failures ---

    def test_the_crash_of_an_idle_extension_replaces_the_instance(self):
        self.install("watcher")
        server = self.serve()
        first, _ = self.invoke()
        pid = wait_until(lambda: self.notes("watcher", "event"), "the extension has its event")[0]["pid"]
        # Idle: it has asked for its next event, which only the next call can show; so let that call run first.
        self.invoke()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(first["pid"]), "the instance ends with its extension")
        second, _ = self.invoke()
        self.assertNotEqual(second["pid"], first["pid"])
        self.assertIn("Extension watcher exited with error: signal: killed", server.run("logs", "f").stdout)

    def test_the_crash_of_an_extension_fails_the_call_under_way(self):
        self.install("fragile", at_invoke="exit 3")
        self.serve()
        self.assertEqual(self.invoke_error(sleep=30),
                         ("Extension.Crash", "Extension fragile exited with error: exit status 3"))
        self.plan("fragile")
        self.assertIn("pid", self.invoke()[0])

    def test_an_extension_that_ends_during_init(self):
        self.install("fragile", at_start="exit 0")
        self.serve()
        self.assertEqual(self.invoke_error(),
                         ("Extension.Crash", "Extension fragile exited without providing a reason"))

    def test_an_extension_that_reports_a_failed_init(self):
        self.install("careful", registered="init/error")
        self.serve()
        self.assertEqual(self.invoke_error(),
                         ("Extension.InitError", "Extension careful reported Probe.Planned: as planned"))
        reported = wait_until(lambda: self.notes("careful", "reported"), "the report is answered")
        self.assertEqual(reported[0]["status"], 202)

    def test_an_extension_that_reports_that_it_has_to_end(self):
        self.install("careful", at_invoke="exit/error")
        self.install("witness")
        self.serve()
        self.assertEqual(self.invoke_error(sleep=30),
                         ("Extension.ExitError", "Extension careful reported Probe.Planned: as planned"))
        self.assertEqual(self.shutdown_of("witness")["shutdownReason"], "FAILURE")

    # --- the end ---

    def test_shutdown_after_a_crash_of_the_runtime(self):
        self.install("watcher")
        self.serve()
        self.assertEqual(self.invoke_error(crash=7), ("Runtime.ExitError", "Runtime exited with error: exit status 7"))
        self.assertEqual(self.shutdown_of("watcher")["shutdownReason"], "FAILURE")

    def test_shutdown_after_a_timeout(self):
        self.install("watcher")
        self.serve("--timeout", "1")
        self.assertEqual(self.invoke_error(sleep=30), ("Sandbox.Timedout", "Task timed out after 1.00 seconds"))
        event = self.shutdown_of("watcher")
        self.assertEqual(event["shutdownReason"], "TIMEOUT")
        told = self.notes("watcher", "event")[-1]["at"] * 1000
        self.assertLessEqual(event["deadlineMs"], told + 2000)
        self.assertGreater(event["deadlineMs"], told)

    def test_an_extension_that_is_not_done_when_the_function_times_out(self):
        self.install("slow", at_invoke="hang")
        self.serve("--timeout", "1")
        first, _ = self.invoke()
        wait_until(lambda: not alive(first["pid"]), "the instance is stopped at the function's timeout")
        pid = self.notes("slow", "started")[0]["pid"]
        wait_until(lambda: not alive(pid), "its extension is killed")
        self.plan("slow")
        self.assertNotEqual(self.invoke()[0]["pid"], first["pid"])

    def test_an_extension_that_does_not_end_is_killed_at_the_limit(self):
        self.install("stubborn", at_shutdown="hang")
        self.install("deaf", events=["INVOKE"])
        server = self.serve()
        self.invoke()
        begun = time.monotonic()
        self.assertEqual(server.stop(), 0)
        took = time.monotonic() - begun
        self.assertGreater(took, 1.5)
        for name in ("stubborn", "deaf"):
            self.assertFalse(alive(self.notes(name, "started")[0]["pid"]))
        self.assertEqual([one["eventType"] for one in self.events("deaf")], ["INVOKE"])

    def test_extensions_go_when_the_server_is_killed(self):
        self.install("watcher")
        server = self.serve()
        self.invoke()
        pid = self.notes("watcher", "started")[0]["pid"]
        server.process.kill()
        wait_until(lambda: not alive(pid), "no orphan")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
