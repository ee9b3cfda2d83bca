# SPDX-License-Identifier: Apache-2.0
# What an operator sees: health, readiness and metrics while calls run and while the server drains, the data folder over a
# restart, and errors at start. docs/operations.md must list every metric there is.
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

SOURCE, BUILD = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from shared_folder import TELL, SharedFolder  # noqa: E402
from waiting import wait_until  # noqa: E402

FUNCTION = TELL + """
import os
import time


def handler(event, context):
    if "wait_for" in event:
        tell(event["here"])
        while not os.path.exists(event["wait_for"]):
            time.sleep(0.01)
    return "done"
"""


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


class Operations(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-test-operations-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.shared = SharedFolder()
        self.addCleanup(self.shared.close)
        self.data = os.path.join(self.folder, "data")
        self.code = os.path.join(self.folder, "function")
        os.mkdir(self.code)
        self.write_code(FUNCTION)

    def write_code(self, text):
        with open(os.path.join(self.code, "index.py"), "w") as file:
            file.write(text)

    def serve(self):
        server = KilnServer(BUILD, data=self.data, shared=self.shared)
        self.addCleanup(server.kill)
        return server

    def call_that_waits(self, server):
        """Begins a call that runs until the returned function is called, which gives its finished process."""
        here, go = self.shared.file("here"), self.shared.file("go")
        done = []
        event = server.inside(f'{{"here": "{here}", "wait_for": "{go}"}}')
        caller = threading.Thread(target=lambda: done.append(server.run("invoke", "f", "--payload", event)))
        caller.start()
        wait_until(lambda: os.path.exists(here), "the call has begun")

        def finish():
            open(go, "w").close()
            caller.join(PATIENCE)
            return done[0]

        return finish

    def metric(self, server, series):
        for line in get(server.operations_url + "/metrics")[1].splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no {series}")

    def instances(self, server):
        states = ("starting", "idle", "busy", "stopping")
        return {state: int(self.metric(server, f'kiln_instances{{function="f",state="{state}"}}')) for state in states}

    def packages(self):
        return [name for name in os.listdir(os.path.join(self.data, "code")) if re.fullmatch("[0-9a-f]{64}", name)]

    def test_the_gauges_say_what_instances_do(self):
        server = self.serve()
        server.run("deploy", self.code, "--name", "f", "--timeout", "60")
        self.assertEqual(sum(self.instances(server).values()), 0)
        finish = self.call_that_waits(server)
        self.assertEqual(self.instances(server), {"starting": 0, "idle": 0, "busy": 1, "stopping": 0})
        self.assertEqual(self.metric(server, 'kiln_invocations_in_flight{function="f"}'), 1)
        self.assertGreaterEqual(self.metric(server, "kiln_connections"), 1)
        self.assertEqual(finish().stdout, '"done"\n')
        wait_until(lambda: self.instances(server)["idle"] == 1, "the instance is idle")
        self.assertEqual(self.metric(server, 'kiln_invocations_total{function="f",result="success"}'), 1)
        self.assertEqual(self.metric(server, 'kiln_cold_starts_total{function="f"}'), 1)

    def test_the_page_lists_every_metric_and_no_other(self):
        server = self.serve()
        server.run("deploy", self.code, "--name", "f", "--timeout", "60")
        families = set(re.findall(r"^# TYPE (\S+) ", get(server.operations_url + "/metrics")[1], re.MULTILINE))
        with open(os.path.join(SOURCE, "docs", "operations.md"), encoding="utf-8") as page:
            listed = set(re.findall(r"`((?:kiln|process)_[a-z_]+)`", page.read()))
        self.assertEqual(listed, families)

    def test_a_server_that_drains_is_healthy_not_ready_and_lets_the_running_call_end(self):
        server = self.serve()
        server.run("deploy", self.code, "--name", "f", "--timeout", "60")
        self.assertEqual(get(server.operations_url + "/healthz"), (200, "ok\n"))
        self.assertEqual(get(server.operations_url + "/readyz"), (200, "ok\n"))
        finish = self.call_that_waits(server)
        server.process.terminate()
        wait_until(lambda: get(server.operations_url + "/readyz") == (503, "draining\n"), "it says that it drains")
        self.assertEqual(get(server.operations_url + "/healthz"), (200, "ok\n"))
        self.assertEqual(finish().stdout, '"done"\n')
        self.assertEqual(server.process.wait(PATIENCE), 0)

    def test_a_restart_finds_functions_and_removes_code_that_none_has(self):
        server = self.serve()
        server.run("deploy", self.code, "--name", "f", "--timeout", "60")
        self.write_code(FUNCTION.replace("done", "newer"))
        server.run("deploy", self.code, "--name", "f", "--timeout", "60")
        self.assertEqual(len(self.packages()), 2)
        self.assertEqual(server.stop(), 0)

        again = self.serve()
        self.assertEqual(len(self.packages()), 1)
        self.assertEqual(again.run("invoke", "f").stdout, '"newer"\n')

    def test_a_data_folder_in_use_is_refused_with_a_way_out(self):
        server = self.serve()
        second = subprocess.run([server.kiln, "serve", "--data", self.data, "--listen", "127.0.0.1:0",
                                 "--operations-listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(second.returncode, 10)
        self.assertIn("another kiln server uses the data folder", second.stderr)
        self.assertIn("--data DIR", second.stderr)
        self.assertEqual(second.stdout, "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
