# SPDX-License-Identifier: Apache-2.0
# Instances that a launch command starts (docs/launchers.md), through the example in shell: everything that a server
# promises such a command, and what an invoker sees of its failures.
import concurrent.futures
import glob
import json
import os
import signal

import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.request

SOURCE, BUILD, CPP_FUNCTION = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402

SHELL = os.path.join(SOURCE, "examples", "launchers", "shell", "launch")
KILN = os.path.join(BUILD, "bin", "kiln")

PYTHON_FUNCTION = """
import os, signal, sys, time
def handler(event, context):
    if "print" in event:
        print(event["print"])
    if "exit" in event:
        os._exit(event["exit"])
    if "signal" in event:
        os.kill(os.getpid(), event["signal"])
    time.sleep(event.get("sleep", 0))
    return {"pid": os.getpid(), "value": os.environ.get("VALUE"), "api": os.environ["AWS_LAMBDA_RUNTIME_API"],
            "task": os.environ["LAMBDA_TASK_ROOT"]}
"""


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.01)


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Case(unittest.TestCase):
    """A folder of its own, in which the launch command keeps what it knows, and the lines of its calls."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kiln-launch-test-")
        self.addCleanup(self.folder.cleanup)
        self.state = os.path.join(self.folder.name, "state")
        self.data = os.path.join(self.folder.name, "data")
        self.calls_file = os.path.join(self.folder.name, "calls")
        os.environ["KILN_LAUNCH_STATE"] = self.state
        self.addCleanup(os.environ.pop, "KILN_LAUNCH_STATE")

    def command(self, before=""):
        """The example, which first writes down what it is asked and does what `before` says; $request is the request."""
        return self.script(f"""
            request=$(cat)
            printf '%s\\n' "$request" >>{self.calls_file}
            {before}
            printf '%s' "$request" | exec {SHELL}
        """)

    def script(self, text):
        path = os.path.join(self.folder.name, f"command-{len(os.listdir(self.folder.name))}")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + textwrap.dedent(text))
        os.chmod(path, 0o755)
        return path

    def calls(self, action):
        if not os.path.exists(self.calls_file):
            return []
        with open(self.calls_file) as file:
            return [request for request in map(json.loads, file) if request["action"] == action]

    def serve(self, command=None, arguments=(), isolation="command"):
        server = KilnServer(BUILD, data=self.data, isolation=isolation,
                            arguments=["--launch-command", command or self.command(), *arguments])
        self.addCleanup(server.kill)
        return server

    def deploy(self, server, name="probe", code=PYTHON_FUNCTION, options=()):
        folder = os.path.join(self.folder.name, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "index.py"), "w") as file:
            file.write(code)
        server.run("deploy", folder, "--name", name, *options)

    def invoke(self, server, event, name="probe"):
        request = urllib.request.Request(f"{server.url}/2015-03-31/functions/{name}/invocations", json.dumps(event).encode(),
                                         method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")

    def works(self, server, event, name="probe"):
        answer, error = self.invoke(server, event, name)
        self.assertEqual(error, "", answer)
        return answer

    def fails(self, server, event, name="probe"):
        answer, error = self.invoke(server, event, name)
        self.assertEqual(error, "Unhandled", answer)
        return answer

    def assert_all_stopped(self):
        """Each start has had its one stop, and nothing of it is left."""
        wait_until(lambda: len(self.calls("stop")) >= len(self.calls("start")), "a stop for each start")
        self.assertEqual(sorted(call["instance"] for call in self.calls("stop")),
                         sorted(call["instance"] for call in self.calls("start")))
        wait_until(lambda: not glob.glob(os.path.join(self.state, "*")), "the command's own folders are gone")
        wait_until(lambda: not glob.glob(os.path.join(self.data, "launched", "*")), "no stop is owed")


class Instances(Case):
    def test_in_python_answer_and_end_with_the_server(self):
        with self.serve() as server:
            self.deploy(server, options=["--env", "VALUE=several\nlines 'quoted' \"twice\" $HOME"])
            answer = self.works(server, {"print": "hello from inside"})
            self.assertEqual(answer["value"], "several\nlines 'quoted' \"twice\" $HOME")
            self.assertTrue(answer["api"].startswith("127.0.0.1:"), answer)
            self.assertTrue(answer["task"].startswith(self.data), answer)
            self.assertEqual(self.works(server, {})["pid"], answer["pid"])
            wait_until(lambda: "hello from inside" in server.run("logs", "probe").stdout, "the log has its line")
            instances = json.load(urllib.request.urlopen(f"{server.url}/kiln/v1/functions/probe/instances"))["Instances"]
            self.assertEqual([instance["Pid"] for instance in instances], [answer["pid"]])
            report = [line for line in server.run("logs", "probe").stdout.splitlines() if "REPORT" in line][0]
            self.assertNotIn("Max Memory Used: 0 MB", report)
            self.assertTrue(os.listdir(os.path.join(self.data, "launched")))
        self.assertFalse(runs(answer["pid"]))
        self.assert_all_stopped()
        stop = self.calls("stop")[0]
        self.assertEqual((stop["reason"], stop["graceSeconds"]), ("shutdown", 2.0))

    def test_in_cpp_answer(self):
        with self.serve() as server:
            server.run("deploy", CPP_FUNCTION, "--name", "calls", "--runtime", "cpp")
            answer, error = self.invoke(server, "39", "calls")  # getpid
            self.assertEqual(error, "", answer)
        self.assert_all_stopped()

    def test_that_end_in_the_middle_say_how(self):
        with self.serve() as server:
            self.deploy(server)
            for event, how in (({"exit": 3}, "exit status 3"), ({"signal": signal.SIGSEGV}, "signal: segmentation fault"),
                               ({"signal": signal.SIGKILL}, "signal: killed")):
                answer = self.fails(server, event)
                self.assertEqual(answer["errorType"], "Runtime.ExitError")
                self.assertIn(how, answer["errorMessage"])
            self.assertEqual(self.works(server, {})["value"], None)
        self.assertEqual([stop["reason"] for stop in self.calls("stop")], ["ended", "ended", "ended", "shutdown"])
        self.assert_all_stopped()

    def test_that_overrun_are_killed_at_once(self):
        with self.serve() as server:
            self.deploy(server, options=["--timeout", "1"])
            pid = self.works(server, {})["pid"]
            answer = self.fails(server, {"sleep": 600})
            self.assertEqual(answer["errorType"], "Sandbox.Timedout")
            wait_until(lambda: not runs(pid), "it is gone")
            wait_until(lambda: self.calls("stop"), "its stop")
            self.assertEqual([(stop["reason"], stop["graceSeconds"]) for stop in self.calls("stop")], [("kill", 0.0)])
        self.assert_all_stopped()

    def test_whose_init_fails_say_so(self):
        with self.serve() as server:
            self.deploy(server, code="raise ValueError('not today')\n")
            answer = self.fails(server, {})
            self.assertEqual(answer["errorType"], "ValueError", answer)
        self.assert_all_stopped()

    def test_that_never_ask_for_an_event_end_at_the_limit_of_init(self):
        with self.serve(arguments=["--init-timeout", "1"]) as server:
            self.deploy(server, code="import time\ntime.sleep(600)\n", options=["--timeout", "2"])
            self.assertEqual(self.fails(server, {})["errorType"], "Sandbox.Timedout")
        self.assert_all_stopped()

    def test_are_many_at_once(self):
        with self.serve() as server:
            self.deploy(server, options=["--timeout", "60"])
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(lambda _: self.works(server, {"sleep": 0.5}), range(12)))
            pids = {answer["pid"] for answer in answers}
            self.assertGreater(len(pids), 1)
        self.assertFalse([pid for pid in pids if runs(pid)])
        self.assert_all_stopped()

    def test_outlive_no_server_that_was_killed_beyond_the_next_start(self):
        command = self.command()
        server = self.serve(command)
        self.deploy(server)
        pid = self.works(server, {})["pid"]
        server.process.kill()
        server.kill()
        self.assertEqual(self.calls("stop"), [])
        with self.serve(command):
            wait_until(lambda: self.calls("stop"), "a stop of what was left")
            self.assertEqual(self.calls("stop")[0]["reason"], "orphaned")
            wait_until(lambda: not runs(pid), "it is gone")
        self.assert_all_stopped()


class A_command(Case):
    def refused(self, command, *arguments):
        """What `kiln serve` says that does not start."""
        done = subprocess.run([KILN, "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0",
                               "--isolation", "command", *(["--launch-command", command] if command else []), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 10, done.stderr)
        return done.stderr

    def test_must_be_there_and_speak_the_contract(self):
        self.assertIn("--launch-command PATH", self.refused(None))
        self.assertIn("No such file or directory", self.refused("/nonexistent/launch"))
        self.assertIn("Permission denied", self.refused(os.path.join(SOURCE, "README.md")))
        self.assertIn("it is not JSON", self.refused(self.script("echo hello")))
        self.assertIn("cannot find its cluster", self.refused(self.script("echo 'cannot find its cluster' >&2; exit 1")))

    def test_listens_where_it_was_told_and_nowhere_else(self):
        self.assertIn("cannot listen on 203.0.113.7", self.refused(self.command(), "--launch-listen", "203.0.113.7"))
        self.assertIn("name one of its own", self.refused(self.command(), "--launch-listen", "0.0.0.0"))
        with self.serve(arguments=["--launch-listen", "127.0.0.2"]) as server:
            self.deploy(server)
            self.assertTrue(self.works(server, {})["api"].startswith("127.0.0.2:"))

    def test_that_cannot_start_an_instance_is_the_function_error_with_its_words(self):
        broken = self.command("case $request in *'\"start\"'*) echo 'the image is not to be had' >&2; exit 4 ;; esac")
        with self.serve(broken) as server:
            self.deploy(server)
            answer = self.fails(server, {})
            self.assertEqual(answer["errorType"], "Sandbox.Failure")
            self.assertIn("(exit status 4); it wrote: the image is not to be had", answer["errorMessage"])
            wait_until(lambda: "the image is not to be had" in server.run("logs", "probe").stdout, "the log has it too")
        self.assert_all_stopped()

    def test_that_hangs_is_killed_and_holds_nobody_up(self):
        hanging = self.command("case $request in *'\"start\"'*'\"hangs\"'*) sleep 600 ;; esac")
        with self.serve(hanging, arguments=["--init-timeout", "1"]) as server:
            self.deploy(server)
            self.deploy(server, "hangs", options=["--timeout", "2"])
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                hung = pool.submit(self.fails, server, {}, "hangs")
                self.works(server, {})
                self.assertIn("and was killed", hung.result()["errorMessage"])
        self.assert_all_stopped()

    def test_whose_start_hangs_does_not_keep_a_server_from_ending(self):
        hanging = self.command("case $request in *'\"start\"'*) sleep 600 ;; esac")
        server = self.serve(hanging, arguments=["--init-timeout", "300", "--drain-timeout", "0"])
        self.deploy(server, options=["--timeout", "300"])
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.invoke, server, {})
            wait_until(lambda: self.calls("start"), "the start")
            begun = time.monotonic()
            self.assertEqual(server.stop(), 0)
            self.assertLess(time.monotonic() - begun, 10)
            self.assertIsNotNone(waiting.exception() or waiting.result())
        self.assert_all_stopped()

    def test_may_be_asked_for_by_a_function_of_a_server_with_auto_only(self):
        with self.serve(isolation="auto") as server:
            self.deploy(server, "with", options=["--isolation", "command"])
            self.deploy(server, "without")
            self.works(server, {}, "with")
            self.works(server, {}, "without")
            self.assertEqual(len(self.calls("start")), 1)
        self.assert_all_stopped()
        with self.serve() as server:
            self.deploy(server, "plain", options=["--isolation", "process"])
            self.assertIn("was started with --isolation command", self.fails(server, {}, "plain")["errorMessage"])
        with KilnServer(BUILD) as server:
            self.deploy(server, options=["--isolation", "command"])
            self.assertIn("has no --launch-command", self.fails(server, {})["errorMessage"])

    def test_is_told_of_the_functions_image_and_limits(self):
        with self.serve() as server:
            self.deploy(server, options=["--image", "localhost/mine:1", "--memory", "1769", "--timeout", "7"])
            self.works(server, {})
            start = self.calls("start")[0]
            self.assertEqual(start["image"], "localhost/mine:1")
            self.assertEqual(start["limits"], {"memoryMB": 1769, "cpus": 1.0, "processes": 1024, "openFiles": 1024, "tmpMB": 512,
                                               "timeoutSeconds": 7})
            server.run("deploy", os.path.join(self.folder.name, "probe"), "--name", "probe", "--image", "--privileged", status=5)
            server.run("deploy", os.path.join(self.folder.name, "probe"), "--name", "probe", "--image=/etc", status=5)

    def test_is_tried_by_the_doctor(self):
        def doctor(command):
            done = subprocess.run([KILN, "doctor", "--json", "--launch-command", command], capture_output=True, text=True,
                                  check=True, timeout=PATIENCE)
            return [feature for feature in json.loads(done.stdout)["Features"] if feature["Name"] == "launch command"][0]
        works = doctor(SHELL)
        self.assertTrue(works["Works"], works)
        self.assertIn("answers as shell", works["Detail"])
        broken = doctor("/nonexistent/launch")
        self.assertFalse(broken["Works"])
        self.assertIn("No such file", broken["Detail"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
