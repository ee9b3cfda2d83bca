# SPDX-License-Identifier: Apache-2.0
# What runs in sandboxes: runtimes, extensions, several invocations at once; and that an idle one can stand still.
import concurrent.futures
import glob
import os
import shutil
import tempfile
import time
import unittest

from sandbox_fixture import BUILD, FUNCTIONS, HERE, SOURCE, SandboxTest, children_of, instances_of, invoke, own_groups, programs_of, run
from kiln_server import KilnServer
from waiting import wait_until


class Extensions_in_it(unittest.TestCase):
    def test_share_the_sandbox_and_outlive_the_runtime_until_told(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-sandbox-test-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)  # instances are somebody else
        os.mkdir(os.path.join(folder.name, "extensions"))
        for name in ("first", "second"):
            shutil.copy(os.path.join(HERE, "extension.py"), os.path.join(folder.name, "extensions", name))
        server = KilnServer(BUILD, isolation="sandbox", arguments=["--opt", folder.name])
        self.addCleanup(server.kill)
        server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", "f", "--timeout", "30")
        answer, error = invoke(server, "f", {"code": """
import os
result = sorted(open(f"/proc/{name}/cmdline").read().split("\\0")[-2] for name in os.listdir("/proc") if name.isdigit())
"""})
        self.assertEqual((answer, error), (["/opt/extensions/first", "/opt/extensions/second", "/var/runtime/bootstrap"], ""))
        pids = children_of(server.process.pid)
        server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", "f", "--idle", "0")
        wait_until(lambda: server.run("logs", "f").stdout.count(": SHUTDOWN") == 2, "both extensions are told of the end")
        log = server.run("logs", "f").stdout
        for name in ("first", "second"):
            self.assertIn(f"/opt/extensions/{name} as 993: INVOKE", log)
        self.assertNotEqual(pids, [])
        self.assertEqual(server.stop(), 0)


class Functions_in_it(SandboxTest):
    def test_run_in_python_in_cpp_and_with_a_runtime_of_their_own(self):
        examples = os.path.join(SOURCE, "examples")
        self.server.run("deploy", os.path.join(examples, "hello-python"), "--name", "hello-python")
        self.assertEqual(invoke(self.server, "hello-python", {})[0], "Hello Serverless")
        self.server.run("deploy", os.path.join(examples, "hello-cpp"), "--name", "hello-cpp", "--build-dir",
                        os.path.join(self.server.folder.name, "build"))
        self.assertEqual(invoke(self.server, "hello-cpp", {})[0], "Hello Serverless")
        self.deploy("shell", "shell", "--runtime", "provided")
        answer, error = invoke(self.server, "shell", {})
        self.assertEqual((error, answer["api"]), ("", "127.0.0.1:9001"))
        self.assertEqual(answer["descriptors"], " 3")  # the pipe for framed log messages

    def test_run_several_invocations_at_once_each_with_a_connection_of_its_own(self):
        self.deploy("at-once", "python", "--concurrency", "4", "--max-instances", "1", "--timeout", "60")
        code = "import time\nbegun = time.monotonic()\ntime.sleep(0.5)\nresult = [begun, time.monotonic()]"
        with concurrent.futures.ThreadPoolExecutor(4) as invokers:
            spans = [answer for answer, _ in invokers.map(lambda _: invoke(self.server, "at-once", {"code": code}), range(4))]
        self.assertLess(max(begun for begun, _ in spans), min(ended for _, ended in spans))
        self.assertEqual(len(instances_of(self.server, "at-once")), 1)

    def test_say_why_they_cannot_start(self):
        package = os.path.join(self.server.folder.name, "broken")
        os.mkdir(package)
        path = os.path.join(package, "bootstrap")
        with open(path, "w") as file:
            file.write("#!/no/such/interpreter\n")
        os.chmod(path, 0o755)
        self.server.run("deploy", package, "--name", "broken", "--runtime", "provided")
        answer, error = invoke(self.server, "broken", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Runtime.InvalidEntrypoint"))
        self.assertIn("/var/task/bootstrap", answer["errorMessage"])

    def test_are_refused_a_weaker_level_than_the_servers(self):
        self.deploy("weak", "python", "--isolation", "process")
        answer, error = invoke(self.server, "weak", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Sandbox.Failure"))
        self.assertIn("--isolation sandbox", answer["errorMessage"])


class Frozen_while_idle(SandboxTest):
    arguments = ("--freeze-after", "0.2")

    COUNT = """
        import builtins, threading, time
        if not hasattr(builtins, "turns"):
            builtins.turns = 0
            def count():
                while True:
                    builtins.turns += 1
                    time.sleep(0.01)
            threading.Thread(target=count, daemon=True).start()
        result = builtins.turns
    """

    def state(self):
        return self.state_of(self.server, "inside")

    @staticmethod
    def state_of(server, name):
        pid, = programs_of(server, name)
        for group in own_groups(server.process.pid):
            for path in glob.glob(os.path.join(group, "*", "freezer.state")):
                with open(os.path.join(os.path.dirname(path), "cgroup.procs")) as processes, open(path) as state:
                    if str(pid) in processes.read().split():
                        return state.read().strip()
        return "in no group"

    def test_it_stands_still_and_goes_on_with_the_next_event(self):
        self.run_inside(self.COUNT)
        wait_until(lambda: self.state() == "FROZEN", "it is frozen")
        with open(f"/proc/{programs_of(self.server, 'inside')[0]}/stat") as stat:
            before = stat.read().split()[13:15]
        time.sleep(0.5)  # of these it would have taken fifty turns
        with open(f"/proc/{programs_of(self.server, 'inside')[0]}/stat") as stat:
            self.assertEqual(stat.read().split()[13:15], before)
        first = self.run_inside(self.COUNT)
        self.assertEqual(self.state(), "THAWED")
        time.sleep(0.1)
        self.assertGreater(self.run_inside(self.COUNT), first)

    def test_it_can_be_ended(self):
        self.run_inside(self.COUNT)
        wait_until(lambda: self.state() == "FROZEN", "it is frozen")
        pid, = programs_of(self.server, "inside")
        self.server.run("delete", "inside")
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it has ended")
        self.deploy("inside", "python", "--timeout", "60", "--memory", "512")
        self.assertEqual(self.run_inside("result = 3"), 3)

    def test_it_ends_with_a_server_that_is_killed(self):
        server = KilnServer(BUILD, isolation="sandbox", arguments=self.arguments)
        self.addCleanup(server.kill)
        server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", "f")
        invoke(server, "f", {"code": ""})
        pid, = programs_of(server, "f")
        groups = own_groups(server.process.pid)
        wait_until(lambda: self.state_of(server, "f") == "FROZEN", "it is frozen")
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it has ended")
        with KilnServer(BUILD, isolation="sandbox"):  # which freezes nothing itself
            self.assertEqual([group for group in groups if os.path.exists(group)], [])


if __name__ == "__main__":
    run()
