# SPDX-License-Identifier: Apache-2.0
# Several instances of Python in one container are forks of one interpreter, and behave as executed ones do.
import json
import os
import signal
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from standalone_test import BUILD, PYTHON, Server  # noqa: E402
from waiting import PATIENCE, wait_until  # noqa: E402

FUNCTION = """
import os
import random
import secrets
import sys
import tempfile
import time
import uuid

LOADED = sorted(sys.modules)
SEEN = {"imported": random.random()}


def handler(event, context):
    path = event.get("rawPath", "")
    if path == "/die":
        os._exit(3)
    if path == "/modules":
        return [name for name in LOADED if name in ("wave", "colorsys")]
    if path == "/wait":
        open(os.path.join(os.environ["FOLDER"], f"started-{os.getpid()}"), "w").close()
        while not os.path.exists(os.path.join(os.environ["FOLDER"], "gate")):
            time.sleep(0.01)
    signals = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("SigBlk", "SigIgn"))]
    return {"pid": os.getpid(), "parent": os.getppid(), "group": os.getpgid(0), "name": open("/proc/self/comm").read().strip(),
            "environment": dict(os.environ), "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))), "signals": signals,
            "folder": os.getcwd(), "path": sys.path, "arguments": sys.argv, "threads": len(os.listdir("/proc/self/task")),
            "stdout": [sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.line_buffering],
            "executable": os.readlink("/proc/self/exe"), "scheduler": os.sched_getscheduler(0),
            "random": [random.random(), SEEN["imported"], secrets.token_hex(8), uuid.uuid4().hex, uuid.uuid1().hex,
                       os.path.basename(tempfile.mktemp()),
                       sys.modules["ssl"].RAND_bytes(8).hex() if "ssl" in sys.modules else os.getpid()]}
"""


class Forks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-forks-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.folder = folder.name
        with open(os.path.join(self.folder, "index.py"), "w") as code:
            code.write(FUNCTION)

    def server(self, **environment):
        server = Server(self.folder, environment={"KILN_MAX_INSTANCES": "4", "FOLDER": self.folder, **environment})
        self.addCleanup(server.__exit__)
        return server

    def started(self):
        return sum(name.startswith("started-") for name in os.listdir(self.folder))

    def at_once(self, server, count):
        """What so many calls at once are answered, each by an instance of its own."""
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(json.loads(server.ask("/wait")[1]))) for _ in range(count)]
        for thread in threads:
            thread.start()
        wait_until(lambda: self.started() == count, "an instance for each call")
        open(os.path.join(self.folder, "gate"), "w").close()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(len({answer["pid"] for answer in answers}), count)
        return answers

    @staticmethod
    def zygotes(server):
        found = []
        for thread in os.listdir(f"/proc/{server.process.pid}/task"):
            with open(f"/proc/{server.process.pid}/task/{thread}/children") as children:
                for pid in children.read().split():
                    with open(f"/proc/{pid}/stat") as stat:
                        if "(kiln-zygote) Z" not in (text := stat.read()) and "(kiln-zygote)" in text:
                            found.append(int(pid))
        return found

    def zygote(self, server):
        return wait_until(lambda: len(found := self.zygotes(server)) == 1 and found[0], "one zygote")

    def test_they_are_the_server_s_children_and_nobody_else_s(self):
        server = self.server()
        answers = self.at_once(server, 3)
        zygote = self.zygote(server)
        for answer in answers:
            self.assertEqual((answer["parent"], answer["group"], answer["name"]), (server.process.pid, answer["pid"], "bootstrap"))
            self.assertNotEqual(answer["pid"], zygote)
        for values in zip(*(answer["random"] for answer in answers)):
            self.assertEqual(len(set(values)), len(answers), values)
        wait_until(lambda: sorted(os.listdir(f"/proc/{zygote}/fd")) == ["0", "1", "2", "3"], "the zygote to hold nothing of theirs")
        with open(f"/proc/{zygote}/environ") as environ:
            self.assertNotIn("AWS_LAMBDA_METADATA_TOKEN", environ.read())
        self.assertEqual(server.end(), 0)
        self.assertFalse(os.path.exists(f"/proc/{zygote}"))

    def test_a_function_sees_what_it_would_see_had_it_been_executed(self):
        of_one_instance = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME",
                           "KILN_ZYGOTE", "_X_AMZN_TRACE_ID")
        seen = []
        for zygote in ("1", "0"):
            server = self.server(KILN_ZYGOTE=zygote, TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
            self.assertEqual(len(self.zygotes(server)), int(zygote))
            answer = json.loads(server.ask("/")[1])
            for name in of_one_instance:
                answer["environment"].pop(name, None)
            self.assertEqual(answer["parent"], server.process.pid)
            for own in ("pid", "parent", "group", "random"):
                del answer[own]
            seen.append(answer)
        self.assertEqual(seen[0], seen[1])

    def test_one_instance_alone_is_executed(self):
        server = self.server(KILN_MAX_INSTANCES="1")
        self.assertEqual(self.zygotes(server), [])
        self.assertEqual(server.ask("/")[0], 200)

    def test_a_crash_costs_its_call_only(self):
        server = self.server()
        self.assertEqual(server.ask("/die")[0], 502)
        self.assertEqual(server.ask("/")[0], 200)
        wait_until(lambda: any("exit status 3" in line for line in server.out), "how it ended in the log")

    def test_a_zygote_that_dies_is_replaced(self):
        server = self.server()
        first = self.zygote(server)
        os.kill(first, signal.SIGKILL)
        self.assertEqual(server.ask("/")[0], 200)  # its forks live on
        self.assertEqual(server.ask("/die")[0], 502)
        self.assertEqual(json.loads(server.ask("/")[1])["name"], "bootstrap")
        wait_until(lambda: [pid for pid in self.zygotes(server) if pid != first], "another zygote")
        self.assertFalse([line for line in server.err if "cannot be forked" in line])

    def test_where_none_can_be_had_instances_are_executed_and_the_log_says_why(self):
        runtime = os.path.join(self.folder, "runtime")
        os.mkdir(runtime)
        bootstrap = os.path.join(runtime, "bootstrap")
        with open(bootstrap, "w") as script:  # a bootstrap that knows of no zygotes
            script.write(f'#!/bin/sh\n[ -n "$KILN_RUNTIME_API_FD" ] || exit 9\nexec {BUILD}/libexec/kiln/{PYTHON}/bootstrap\n')
        os.chmod(bootstrap, 0o755)
        server = self.server(LAMBDA_RUNTIME_DIR=runtime)
        self.at_once(server, 3)
        self.assertEqual(self.zygotes(server), [])
        self.assertEqual(len([line for line in server.err if "instances cannot be forked, and are executed instead: " in line]), 1)

    def test_what_is_named_is_loaded_before_they_are_forked(self):
        server = self.server(KILN_PREIMPORT="wave,colorsys,ssl,tempfile,uuid,random")
        self.assertEqual(json.loads(server.ask("/modules")[1]), ["colorsys", "wave"])
        for values in zip(*(answer["random"] for answer in self.at_once(server, 2))):
            self.assertEqual(len(set(values)), 2, values)

    def test_a_module_that_cannot_be_loaded_is_named(self):
        server = self.server(KILN_PREIMPORT="no_such_module")
        self.assertEqual(json.loads(server.ask("/modules")[1]), [])
        self.assertTrue([line for line in server.err if "cannot be forked" in line and "no_such_module" in line])

    def test_with_the_server_all_end(self):
        server = self.server()
        pids = [answer["pid"] for answer in self.at_once(server, 2)] + [self.zygote(server)]
        server.process.kill()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "the end of all")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
