# SPDX-License-Identifier: Apache-2.0
# Functions whose runtimes somebody else starts (docs/pull-mode.md): bootstraps of ours, and bare sockets that do what they should not.
import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

SOURCE, BUILD, PYTHON = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import KilnServer  # noqa: E402
from waiting import PATIENCE, free_ports, wait_until  # noqa: E402

BOOTSTRAP = os.path.join(BUILD, "libexec", "kiln", PYTHON, "bootstrap")
# Says who it is, and waits for a file where it is told to.
FUNCTION = """
import os, time

def handler(event, context):
    if event.get("fail"):
        raise ValueError("on purpose")
    if "started" in event:
        open(event["started"] + str(os.getpid()), "w").close()
    deadline = time.monotonic() + 60
    while "until" in event and not os.path.exists(event["until"]) and time.monotonic() < deadline:
        time.sleep(0.005)
    return {"pid": os.getpid(), "arn": context.invoked_function_arn}
"""


class Pull(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-pull-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.code = os.path.join(self.folder, "code")
        os.mkdir(self.code)
        with open(os.path.join(self.code, "index.py"), "w") as file:
            file.write(FUNCTION)
        self.data = os.path.join(self.folder, "data")
        self.server = self.serve()
        self.pool = concurrent.futures.ThreadPoolExecutor(16)
        self.addCleanup(self.pool.shutdown)

    def serve(self):
        server = KilnServer(BUILD, data=self.data, isolation="process", arguments=["--drain-timeout", "1"])
        self.addCleanup(server.kill)
        return server

    def deploy(self, address="127.0.0.1:0", name="pulled", *options, status=0):
        return self.server.run("deploy", self.code, "--name", name, "--timeout", "60", "--pull", address, *options, status=status)

    def view(self, name="pulled"):
        with urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/{name}/instances", timeout=PATIENCE) as answer:
            return json.load(answer)

    def scale(self):
        with urllib.request.urlopen(f"{self.server.operations_url}/scale/pulled", timeout=PATIENCE) as answer:
            return json.load(answer)

    def address(self, name="pulled"):
        return self.view(name)["Pull"]["Address"]

    def states(self):
        return sorted(one["State"] for one in self.view()["Instances"])

    def runtime(self, address=None):
        """A bootstrap, as a container would be it. Returns once it has asked for an event."""
        before = len(self.view()["Instances"])
        process = subprocess.Popen([BOOTSTRAP], cwd=self.code, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={"AWS_LAMBDA_RUNTIME_API": address or self.address(), "_HANDLER": "index.handler",
                                        "LAMBDA_TASK_ROOT": self.code, "LAMBDA_RUNTIME_DIR": os.path.dirname(BOOTSTRAP), "PATH": os.environ["PATH"]})
        self.addCleanup(self.end, process)
        wait_until(lambda: len([s for s in self.states() if s in ("Idle", "Busy")]) > before, "it has joined")
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait(PATIENCE)

    def invoke(self, event=None, name="pulled"):
        request = urllib.request.Request(f"{self.server.url}/2015-03-31/functions/{name}/invocations", json.dumps(event or {}).encode(),
                                         method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")

    def path(self, name):
        return os.path.join(self.folder, name)

    def begun(self, count):
        wait_until(lambda: len([name for name in os.listdir(self.folder) if name.startswith("started")]) == count, f"{count} have begun")

    def connect(self, bytes_sent):
        host, port = self.address().rsplit(":", 1)
        connection = socket.create_connection((host, int(port)), PATIENCE)
        self.addCleanup(connection.close)
        connection.sendall(bytes_sent)
        return connection

    def test_runtimes_that_join_serve_side_by_side(self):
        self.deploy()
        processes = [self.runtime() for _ in range(3)]
        answers = [self.pool.submit(self.invoke, {"started": self.path("started"), "until": self.path("go")}) for _ in range(3)]
        self.begun(3)
        self.assertEqual(self.states(), ["Busy"] * 3)
        open(self.path("go"), "w").close()
        self.assertEqual(sorted(answer.result(PATIENCE)[0]["pid"] for answer in answers), sorted(process.pid for process in processes))
        self.assertTrue(self.invoke()[0]["arn"].endswith(":function:pulled"))
        answer, error = self.invoke({"fail": True})
        self.assertEqual((answer["errorType"], error), ("ValueError", "Unhandled"))
        self.assertIn("REPORT RequestId", self.server.run("logs", "pulled").stdout)

    def test_one_that_is_killed_fails_its_call_at_once_and_no_other(self):
        self.deploy()
        first = self.runtime()
        lost = self.pool.submit(self.invoke, {"started": self.path("started"), "until": self.path("never")})
        self.begun(1)
        second = self.runtime()
        first.kill()
        answer, error = lost.result(PATIENCE)
        self.assertEqual((answer["errorType"], error), ("Runtime.ExitError", "Unhandled"))
        self.assertEqual(self.invoke()[0]["pid"], second.pid)
        wait_until(lambda: self.states() == ["Idle"], "the other one is gone")

    def test_a_call_waits_for_a_runtime_to_join(self):
        self.deploy()
        waiting = self.pool.submit(self.invoke)
        wait_until(lambda: self.scale()["demand"] == 1, "an autoscaler sees the call")
        self.assertEqual(set(self.scale()["instances"].values()), {0})
        process = self.runtime()
        self.assertEqual(waiting.result(PATIENCE)[0]["pid"], process.pid)

    def test_a_call_that_no_runtime_takes_is_refused(self):
        self.deploy()
        began = time.monotonic()
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.invoke()
        self.assertEqual(refused.exception.code, 429)
        self.assertGreater(time.monotonic() - began, 5)
        address = self.view()["Pull"]["Address"]
        self.assertIn(f"No runtime was connected to {address} for 20 s", json.load(refused.exception)["message"])

    def test_sigterm_ends_one_after_its_call_or_at_once_where_it_has_none(self):
        self.deploy()
        process = self.runtime()
        call = self.pool.submit(self.invoke, {"started": self.path("started"), "until": self.path("go")})
        self.begun(1)
        process.send_signal(signal.SIGTERM)
        open(self.path("go"), "w").close()
        self.assertEqual(call.result(PATIENCE)[0]["pid"], process.pid)
        self.assertEqual(process.wait(PATIENCE), 0)
        wait_until(lambda: self.states() == [], "it has left")
        idle = self.runtime()
        idle.send_signal(signal.SIGTERM)
        self.assertEqual(idle.wait(PATIENCE), 0)
        wait_until(lambda: self.states() == [], "it has left")

    def test_an_idle_one_is_kept(self):
        self.deploy("127.0.0.1:0", "pulled", "--idle", "0")
        process = self.runtime()
        self.assertEqual(self.invoke()[0]["pid"], process.pid)
        self.assertEqual(self.invoke()[0]["pid"], process.pid)
        wait_until(lambda: self.states() == ["Idle"], "it is there still")

    def test_what_is_no_runtime_does_no_harm(self):
        self.deploy("127.0.0.1:0", "pulled")
        silent = self.connect(b"")
        garbage = self.connect(b"\x00\xff nonsense\r\n\r\n")
        self.assertEqual(garbage.recv(12)[:9], b"HTTP/1.1 ")
        gone = self.connect(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: "Idle" in self.states(), "it has asked for an event")
        gone.close()
        wait_until(lambda: "Idle" not in self.states(), "it is gone")
        process = self.runtime()
        self.assertEqual(self.invoke()[0]["pid"], process.pid)
        silent.settimeout(PATIENCE)
        self.assertEqual(silent.recv(1), b"", "one that asks for nothing is let go when the init phase is over")

    def test_connections_that_say_nothing_take_no_place(self):
        self.deploy("127.0.0.1:0", "pulled", "--max-instances", "1")
        silent = [self.connect(b"") for _ in range(4)]
        process = self.runtime()
        self.assertEqual(self.invoke()[0]["pid"], process.pid)
        wait_until(lambda: self.states() == ["Idle"], "there is that one and no other")
        self.server.run("delete", "pulled")
        for connection in silent:
            connection.settimeout(PATIENCE)
            self.assertEqual(connection.recv(1), b"")

    def test_one_in_the_middle_of_its_first_request_does_not_hold_up_the_end(self):
        self.deploy()
        begun = self.connect(b"GET /2018")
        wait_until(lambda: self.scale()["instances"]["starting"] == 1, "it is taken for a runtime")
        self.server.run("delete", "pulled")
        begun.settimeout(5)  # half of what the init phase may take
        self.assertEqual(begun.recv(1), b"")

    def test_an_answer_after_the_deadline_is_refused(self):
        self.server.run("deploy", self.code, "--name", "pulled", "--timeout", "1", "--pull", "127.0.0.1:0")
        connection = self.connect(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        answer, _ = self.invoke()
        self.assertEqual(answer["errorType"], "Sandbox.Timedout")
        connection.settimeout(PATIENCE)
        read = b""
        while part := connection.recv(65536):
            read += part
        self.assertIn(b"Lambda-Runtime-Aws-Request-Id", read)  # the event, and then the end: it was let go

    def test_the_listener_lives_as_long_as_the_function_says(self):
        port, other = free_ports(2)
        self.deploy(f"127.0.0.1:{port}")
        self.assertEqual(self.address(), f"127.0.0.1:{port}")
        process = self.runtime()
        self.deploy(f"127.0.0.1:{other}")
        self.assertNotEqual(process.wait(PATIENCE), None)
        self.assertEqual(self.address(), f"127.0.0.1:{other}")
        self.assertFalse(self.accepts(port))
        self.assertEqual(self.server.__exit__(None, None, None), None)
        self.assertFalse(self.accepts(other))
        self.server = self.serve()
        self.assertEqual(self.invoke_by(self.runtime()), [])
        self.server.run("delete", "pulled")
        wait_until(lambda: not self.accepts(other), "the listener is gone with the function")

    def invoke_by(self, process):
        self.assertEqual(self.invoke()[0]["pid"], process.pid)
        return []

    @staticmethod
    def accepts(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def test_a_port_that_is_taken_is_told_and_tried_again(self):
        port, = free_ports(1)
        with socket.create_server(("127.0.0.1", port)):
            self.deploy(f"127.0.0.1:{port}")
            self.assertIn(f"cannot listen on 127.0.0.1:{port}", self.view()["Pull"]["Error"])
        wait_until(lambda: "Error" not in self.view()["Pull"], "it is free, and taken")
        self.runtime()

    def test_what_is_no_address_is_refused(self):
        for address in ("localhost:9100", "127.0.0.1", "127.0.0.1:70000", ":9100", "127.0.0.1:x", "::1:9100"):
            self.assertIn("ADDRESS:PORT", self.deploy(address, "pulled", status=5).stderr, address)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
