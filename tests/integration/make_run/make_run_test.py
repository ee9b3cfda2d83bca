# SPDX-License-Identifier: Apache-2.0
# Runs scripts/run on a built tree as a person would: reads what it prints, presses Ctrl-C, runs it again on the same data.
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT, BUILD = sys.argv[1], sys.argv[2]
PATIENCE = 60  # seconds until a condition must hold; generous, for sanitizer builds on a busy machine


def processes_that_know(path):
    """Pids, other than this one, whose command line or environment names `path`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as cmdline, open(f"/proc/{pid}/environ", "rb") as environ:
                if path.encode() in cmdline.read() + environ.read():
                    found.append(int(pid))
        except OSError:
            pass  # it ended meanwhile
    return found


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} s: {what()}")
        time.sleep(0.02)


class Demonstration:
    """scripts/run in a process group of its own, its output collected line by line."""

    def __init__(self, data, listen="127.0.0.1:0"):
        environment = dict(os.environ, KILN_BUILD=BUILD, KILN_DATA=data, KILN_LISTEN=listen)
        self.process = subprocess.Popen([f"{ROOT}/scripts/run"], env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True)
        self.output = ""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.output += line

    def wait_for(self, text):
        wait_until(lambda: text in self.output or self.process.poll() is not None,
                   lambda: f"{text!r} in:\n{self.output}")
        if text not in self.output:
            raise AssertionError(f"ended with {self.process.returncode} before it printed {text!r}:\n{self.output}")

    def wait_for_end(self):
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return self.process.returncode

    def url(self):
        return re.search(r"ready at (http://\S+);", self.output).group(1)

    def press_ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def clean_up(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.wait_for_end()
        self.process.stdout.close()


def get(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read().decode()


class MakeRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-make-run-")
        self.addCleanup(folder.cleanup)
        self.data = folder.name + "/data"

    def start(self, **options):
        demonstration = Demonstration(self.data, **options)
        self.addCleanup(demonstration.clean_up)
        return demonstration

    def serve(self):
        demonstration = self.start()
        demonstration.wait_for("serving in the foreground")
        return demonstration

    def nothing_is_left(self):
        wait_until(lambda: not processes_that_know(self.data),
                   lambda: f"no process of {self.data} left: {processes_that_know(self.data)}")

    def test_the_first_run_calls_both_examples_and_ctrl_c_leaves_nothing_behind(self):
        first = self.serve()
        self.assertRegex(first.output, r"cold +GET /hello/serverless → 200  Hello Serverless")
        self.assertRegex(first.output, r"warm +GET /hello/serverless → 200  Hello Serverless")
        self.assertRegex(first.output, r"cold +GET /hello/cpp → 200")
        self.assertRegex(first.output, r"warm +GET /hello/cpp → 200")
        for phase in ("fetch", "prepare", "launch", "init"):
            self.assertRegex(first.output, rf"in all: .*{phase} [0-9.]+ ms")
        self.assertEqual(get(first.url() + "/hello/serverless"), "Hello Serverless")
        first.press_ctrl_c()
        self.assertEqual(first.wait_for_end(), 130)
        self.assertIn("stopped; functions are kept", first.output)
        self.nothing_is_left()

    def test_the_second_run_on_the_same_data_finds_its_functions_again(self):
        first = self.serve()
        self.assertNotIn("found hello-python", first.output)
        first.press_ctrl_c()
        first.wait_for_end()
        second = self.serve()
        self.assertIn("found hello-python from an earlier run", second.output)
        self.assertIn("found hello-cpp from an earlier run", second.output)
        self.assertEqual(get(second.url() + "/hello/serverless"), "Hello Serverless")

    def test_sigterm_stops_it_too(self):
        run = self.serve()
        run.process.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait_for_end(), 143)
        self.nothing_is_left()

    def test_no_server_survives_when_the_script_is_killed(self):
        run = self.serve()
        self.assertNotEqual(processes_that_know(self.data), [])
        run.process.kill()
        run.process.wait(PATIENCE)
        self.nothing_is_left()

    def test_a_port_that_is_taken_gives_an_error_with_a_way_out(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            run = self.start(listen=f"127.0.0.1:{taken.getsockname()[1]}")
            self.assertEqual(run.wait_for_end(), 1)
        self.assertIn("KILN_LISTEN=127.0.0.1:0 make run", run.output)
        self.nothing_is_left()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
