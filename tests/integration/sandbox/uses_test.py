# SPDX-License-Identifier: Apache-2.0
# What an instance may use: processes, memory, files in memory, descriptors; and that it is told from a crash, and others go on.
import concurrent.futures
import glob
import os
import re

from sandbox_fixture import LANGUAGES, SandboxTest, own_groups, programs_of, run
from waiting import wait_until

EAGAIN, ENOSPC = 11, 28
PROCESSES = "The limit of 1024 processes and threads was reached"
FULL = "/tmp is full: no space is left"


class Limits(SandboxTest):
    def in_each(self, name, *options):
        """The function's name in each language, deployed."""
        for language in LANGUAGES:
            self.deploy(f"{name}-{language}", language, *options)
            yield f"{name}-{language}", language

    def fails(self, name, language, code, words):
        return self.fails_inside(code, name) if language == "python" else self.probe_fails(words, name)

    def others_answer(self):
        self.assertEqual(self.run_inside("result = 1"), 1)
        self.assertEqual(self.probe("descriptors")["0"], "/dev/null")


class Of_processes(Limits):
    FORKS = """
        import os, signal
        children, error = [], 0
        while len(children) < 5000 and not error:
            try:
                pid = os.fork()
            except OSError as failure:
                error = failure.errno
                break
            if pid == 0:
                signal.pause()
            children.append(pid)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        result = {"made": len(children), "error": error}
    """

    def test_are_so_many_and_the_log_says_so_where_the_function_fails_for_it(self):
        for name, language in self.in_each("forks", "--timeout", "60", "--memory", "1024"):
            made = self.run_inside(self.FORKS, name) if language == "python" else self.probe("take-processes", name)
            self.assertLess(made["made"], 1024)
            self.assertGreater(made["made"], 500)
            self.assertEqual(made["error"], EAGAIN)
            self.assertEqual(self.fails(name, language, "os.abort()", "end abort")["errorType"],
                             "NameError" if language == "python" else "Runtime.ExitError")
            self.assertIn(PROCESSES, self.log(name))

    def test_end_with_a_fork_bomb_while_others_answer(self):
        code = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
        for name, language in self.in_each("bomb", "--timeout", "3", "--memory", "512"):
            with concurrent.futures.ThreadPoolExecutor(1) as other:
                bomb = other.submit(self.fails, name, language, code, "take-processes bomb")
                while not bomb.done():
                    self.others_answer()
                answer = bomb.result()
            # A fork that fails is no end to it; whichever limit is.
            self.assertIn(answer["errorType"], ("Sandbox.Timedout", "Runtime.OutOfMemory"))
            self.others_answer()


class Of_memory(Limits):
    def test_end_what_takes_more_and_nobody_else(self):
        code = "kept.extend(bytearray(b'x' * (1 << 20)) for _ in range(4096))"
        before = self.run_inside("kept.append(1)\nresult = len(kept)")
        for name, language in self.in_each("hungry", "--timeout", "60", "--memory", "128"):
            error = self.fails(name, language, code, "take-memory")
            self.assertEqual(error["errorType"], "Runtime.OutOfMemory")
            limit, used = re.search(r"memory limit (\d+) MB, used at most (\d+) MB", error["errorMessage"]).groups()
            self.assertEqual(limit, "128")
            self.assertGreaterEqual(int(used), 120)
            self.assertIn("Runtime.OutOfMemory", self.log(name))
            crash = self.fails(name, language, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "end abort")
            self.assertEqual(crash["errorType"], "Runtime.ExitError")
            self.assertNotIn("memory limit", crash["errorMessage"])
        self.assertEqual(self.run_inside("kept.append(1)\nresult = len(kept)"), before + 1)

    def test_count_what_processes_share(self):
        # Neither a process's own memory nor a file of /tmp, which has a limit of its own. Whoever looks may come late, so they
        # keep it.
        code = "import mmap, time\nfor _ in range(400):\n    kept.append(mmap.mmap(-1, 1 << 20))\n    kept[-1].write(b'x' * (1 << 20))\n" \
               "time.sleep(600)"
        for name, language in self.in_each("shares", "--timeout", "60", "--memory", "128"):
            error = self.fails(name, language, code, "take-shared-memory 400 keep")
            self.assertEqual(error["errorType"], "Runtime.OutOfMemory")

    def test_count_shared_memory_files_too(self):
        # 64 MB fit into /dev/shm, and into 128 MB beside the rest; not beside 80 MB more.
        code = """
            try:
                with open("/dev/shm/filled", "wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * (1 << 20))
            except OSError as error:
                result = error.errno
        """
        more = "import time\nkept.extend(bytearray(b'x' * (1 << 20)) for _ in range(80))\ntime.sleep(600)"
        self.deploy("shm", "python", "--timeout", "60", "--memory", "128")
        self.assertEqual(self.run_inside(code, "shm"), ENOSPC)
        self.assertEqual(self.fails_inside(more, "shm")["errorType"], "Runtime.OutOfMemory")

    def test_leave_files_in_tmp_alone(self):
        code = """
            import os
            for _ in range(3):
                with open("/tmp/large", "wb", buffering=0) as file:
                    for _ in range(400):
                        file.write(b"x" * (1 << 20))
            result = os.stat("/tmp/large").st_size >> 20
        """
        self.deploy("files", "python", "--timeout", "60", "--memory", "128")
        self.assertEqual(self.run_inside(code, "files"), 400)
        self.deploy("files-c", "c", "--timeout", "60", "--memory", "128")
        self.assertIn(self.probe("fill /tmp", "files-c")["written"], range(500, 513))

    def test_are_for_all_processes_together_as_the_report_says(self):
        self.deploy("measured", "python", "--memory", "512")
        self.run_inside("""
            import os
            pid = os.fork()
            if pid == 0:
                data = bytearray(b"x" * (100 << 20))
                os._exit(0)
            os.waitpid(pid, 0)
        """, "measured")
        used = int(self.log("measured").rsplit("Max Memory Used: ", 1)[1].split()[0])
        self.assertGreater(used, 100)
        self.assertLess(used, 250)


class Of_files(Limits):
    def test_are_512_mb_by_default_and_so_many_files(self):
        answer = self.run_inside("""
            import errno, os
            written, block = 0, b"x" * (1 << 20)
            try:
                with open("/tmp/large", "wb", buffering=0) as file:
                    while written < 2000:
                        if file.write(block) < len(block):
                            continue
                        written += 1
                code = 0
            except OSError as error:
                code = error.errno
            os.unlink("/tmp/large")
            files = 0
            try:
                while files < 100000:
                    open(f"/tmp/{files}", "w").close()
                    files += 1
                second = 0
            except OSError as error:
                second = error.errno
            for number in range(files):
                os.unlink(f"/tmp/{number}")
            result = [written, code == errno.ENOSPC, files, second == errno.ENOSPC]
        """)
        self.assertEqual((answer[1], answer[3]), (True, True), answer)
        self.assertIn(answer[0], range(500, 513))
        self.assertIn(answer[2], range(30000, 32769))
        self.assertEqual(self.probe("fill /dev/shm"), {"error": ENOSPC, "written": 64})

    def test_that_fill_tmp_are_told_where_the_function_fails_for_it(self):
        code = """
            with open("/tmp/large", "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * (1 << 20))
        """
        self.deploy("full", "python", "--timeout", "60")
        self.assertEqual(self.fails_inside(code, "full")["errorType"], "OSError")
        self.assertIn(FULL, self.log("full"))

    def test_that_fill_tmp_are_told_where_it_ends_of_it(self):
        code = """
            import os
            try:
                with open("/tmp/large", "wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * (1 << 20))
            except OSError:
                os._exit(3)
        """
        for name, language in self.in_each("ends", "--timeout", "60"):
            self.assertEqual(self.fails(name, language, code, "fill /tmp crash")["errorType"], "Runtime.ExitError")
            self.assertIn(FULL, self.log(name))

    def test_that_fill_tmp_are_told_where_it_goes_on_until_its_time_is_up(self):
        code = """
            while True:
                try:
                    with open("/tmp/large", "ab", buffering=0) as file:
                        file.write(b"x" * (1 << 20))
                except OSError:
                    pass
        """
        self.deploy("waits", "python", "--timeout", "4")
        self.assertEqual(self.fails_inside(code, "waits")["errorType"], "Sandbox.Timedout")
        self.assertIn(FULL, self.log("waits"))


class Of_the_rest(Limits):
    def test_processor_time_by_memory(self):
        for memory, shares, quota in ((128, 74, 100_000), (3538, 2048, 200_000)):
            for name, language in self.in_each(f"of-{memory}", "--memory", str(memory)):
                self.assertEqual(self.run_inside("result = 1", name) if language == "python" else
                                 self.probe("descriptors", name)["0"], 1 if language == "python" else "/dev/null")
                pid, = programs_of(self.server, name)
                self.assertEqual(processor_limits(self.server.process.pid, pid), (shares, quota))

    def test_descriptors_core_files_and_priorities(self):
        limits = self.run_inside("""
            import resource
            result = [resource.getrlimit(which)[1] for which in
                      (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_RTPRIO)]
        """)
        self.assertEqual(limits, [1024, 0, 0])
        self.assertEqual(self.fails_inside("import os\nos.nice(-5)")["errorType"], "PermissionError")


class Without_control_groups(Limits):
    # The server is in a mount namespace in which nobody has mounted any.
    prefix = ("unshare", "--mount", "sh", "-c", 'umount -R /sys/fs/cgroup && exec "$@"', "sh")

    def test_the_server_says_so(self):
        line = wait_until(lambda: [line for line in self.server.log if "without control groups" in line], "it says so")[0]
        self.assertIn("each process has a limit of its own of its memory", line)

    def test_each_process_has_a_limit_of_memory(self):
        for name, language in self.in_each("hungry", "--timeout", "60", "--memory", "128"):
            if language == "python":
                code = "kept.extend(bytearray(b'x' * (1 << 20)) for _ in range(4096))"
                self.assertEqual(self.fails_inside(code, name)["errorType"], "MemoryError")
            else:
                self.assertIn(self.probe("take-memory", name)["taken"], range(64, 129))
        self.others_answer()

    def test_a_fork_bomb_is_stopped_by_the_number_of_its_users_processes(self):
        for name, language in self.in_each("bomb", "--timeout", "3", "--memory", "512"):
            code = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
            self.assertEqual(self.fails(name, language, code, "take-processes bomb")["errorType"], "Sandbox.Timedout")
            self.others_answer()
        made = self.probe("take-processes")
        self.assertEqual(made["error"], EAGAIN)
        self.assertIn(made["made"], range(500, 1025))


def processor_limits(server, pid):
    """Shares and quota of the group that a process is in."""
    for group in own_groups(server):
        for path in glob.glob(os.path.join(group, "*", "cpu.shares")):
            folder = os.path.dirname(path)
            with open(os.path.join(folder, "cgroup.procs")) as processes, open(path) as shares, \
                    open(os.path.join(folder, "cpu.cfs_quota_us")) as quota:
                if str(pid) in processes.read().split():
                    return int(shares.read()), int(quota.read())
    return None


if __name__ == "__main__":
    run()
