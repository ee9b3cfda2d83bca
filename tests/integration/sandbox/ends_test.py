# SPDX-License-Identifier: Apache-2.0
# How an instance ends: with all that it has started, whoever ends it.
import concurrent.futures
import os
import signal

from sandbox_fixture import (BUILD, FUNCTIONS, LANGUAGES, SandboxTest, children_of, invoke, own_groups, processes_with,
                             programs_of, run, status_of)
from kiln_server import KilnServer
from waiting import wait_until


class An_instance(SandboxTest):
    def leave_daemon(self, name, language, marker):
        if language == "c":
            self.assertEqual(self.probe(f"daemon {marker}", name), {"left": 0})
        else:
            self.run_inside(f"""
                import os, signal
                if os.fork() == 0:
                    os.setsid()
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    if os.fork() == 0:
                        os.execvp("sleep", ["sleep", "{marker}"])
                    os._exit(0)
                os.wait()
            """, name)
        wait_until(lambda: len(processes_with(marker)) == 1, "the daemon runs")

    def test_ends_with_its_daemons(self):
        for number, language in enumerate(LANGUAGES):
            marker, name = f"6031{number}", "daemon-" + language
            self.deploy(name, language, "--idle", "600")
            with self.subTest(language):
                self.leave_daemon(name, language, marker)
                self.server.run("delete", name)
                wait_until(lambda marker=marker: not processes_with(marker), "the daemon is gone")

    def test_that_overruns_ends_with_its_daemons(self):
        for number, language in enumerate(LANGUAGES):
            marker, name = f"6032{number}", "overruns-" + language
            self.deploy(name, language, "--timeout", "3")
            with self.subTest(language):
                self.leave_daemon(name, language, marker)
                answer = self.fails_inside("while True: pass", name) if language == "python" else \
                    self.probe_fails("take-processes bomb", name)
                self.assertEqual(answer["errorType"], "Sandbox.Timedout")
                wait_until(lambda marker=marker: not processes_with(marker), "the daemon is gone")

    def test_reaps_what_nobody_waits_for(self):
        self.run_inside("""
            import os
            for _ in range(200):
                if os.fork() == 0:
                    if os.fork() == 0:
                        os._exit(0)
                    os._exit(0)
                os.wait()
        """)
        pid, = programs_of(self.server, "inside")
        first = int(status_of(pid, "PPid"))
        wait_until(lambda: children_of(first) == [pid], "no zombie is left in the sandbox")

    def test_has_a_user_that_no_other_has(self):
        self.deploy("two", "python", "--timeout", "60", "--max-instances", "2")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: self.run_inside("import time\ntime.sleep(0.7)", "two"), range(2)))
            users = {status_of(pid, "Uid") for pid in programs_of(self.server, "two")}
        self.assertEqual(len(users), 2)
        self.assertNotIn("0", users)

    def test_ends_gracefully_when_asked_to(self):
        self.deploy("polite", "shell", "--runtime", "provided", "--idle", "1")
        invoke(self.server, "polite", {})
        wait_until(lambda: "asked to end" in self.log("polite"), "the function was told")


class One_that_waits(SandboxTest):
    def ready(self):
        found = [pid for pid in children_of(self.server.process.pid) if status_of(pid, "Name") == "sandbox-init"]
        return found if len(found) == 8 else None

    def test_and_is_killed_is_replaced(self):
        # Of either kind; no instance is in any of them yet.
        for pid in wait_until(self.ready, "eight stand ready"):
            os.kill(pid, signal.SIGKILL)
        self.deploy("next-python", "python", "--idle", "0")
        self.deploy("next-c", "c", "--idle", "0")
        self.assertEqual(self.run_inside("result = 5", "next-python"), 5)
        self.assertEqual(self.probe("descriptors", "next-c")["0"], "/dev/null")
        wait_until(self.ready, "eight stand ready again")


class A_server(SandboxTest):
    def test_that_is_killed_leaves_no_process_and_its_groups_to_the_next(self):
        server = KilnServer(BUILD, isolation="sandbox")
        self.addCleanup(server.kill)
        server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", "f")
        invoke(server, "f", {"code": "import os\nif os.fork() == 0:\n    os.setsid()\n    os.execvp('sleep', ['sleep', '60330'])"})
        wait_until(lambda: len(processes_with("60330")) == 1, "the daemon runs")
        groups = own_groups(server.process.pid)
        self.assertGreater(len(groups), 0)
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not processes_with("60330"), "the kernel has ended them")
        with KilnServer(BUILD, isolation="sandbox"):
            self.assertEqual([group for group in groups if os.path.exists(group)], [])


if __name__ == "__main__":
    run()
