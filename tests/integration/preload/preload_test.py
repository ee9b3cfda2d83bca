# SPDX-License-Identifier: Apache-2.0
# Functions that are loaded once: instances are forks of a snapshot of their own function. As root, as a sandbox needs.
import concurrent.futures
import json
import os
import pathlib
import signal
import sys
import tempfile
import unittest
import urllib.request

from preload_fixture import descendants, PreloadTest, processes
from waiting import wait_until


class Siblings(PreloadTest):
    def test_are_loaded_once(self):
        self.deploy("f", "--max-instances", "8")
        first = self.invoke("f")
        self.wait_for_forks("f")
        with urllib.request.urlopen(f"{self.server.operations_url}/metrics") as metrics:
            self.assertIn('kiln_preloaded_forks{function="f"} 2\n', metrics.read().decode())
        answers = self.at_once("f", 6, "result = [os.environ['AWS_LAMBDA_LOG_STREAM_NAME'], LOADED]")
        # The first instance was made before there was a snapshot, and is used again.
        forked = [(stream, load) for stream, load in answers if load != first]
        self.assertGreater(len({stream for stream, _ in forked}), 1)
        for _, load in forked:
            self.assertEqual(load, forked[0][1])

    def test_share_nothing_that_is_random_since(self):
        self.begin("f", "--max-instances", "8", more="import hashlib, multiprocessing, secrets, ssl\nssl.RAND_bytes(1)\n")
        answers = self.at_once("f", 5, """
            import multiprocessing, secrets, ssl
            result = {
                "random": random.random(), "urandom": os.urandom(8).hex(), "token": secrets.token_hex(8), "uuid4": str(uuid.uuid4()),
                "uuid1": str(uuid.uuid1()), "temporary": os.path.basename(tempfile.mktemp()), "openssl": ssl.RAND_bytes(8).hex(),
                "key": multiprocessing.current_process().authkey.hex(), "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
                "token of the platform": os.environ["AWS_LAMBDA_METADATA_TOKEN"], "host": os.uname().nodename,
            }
        """)
        # On a busy machine one instance may have had two calls.
        instances = len({answer["stream"] for answer in answers})
        self.assertGreater(instances, 1)
        for what in answers[0]:
            of_instance = what in ("stream", "token of the platform", "key", "host")
            self.assertEqual(len({answer[what] for answer in answers}), instances if of_instance else 5, what)

    def test_have_the_environment_of_their_own_instance_and_what_the_module_made_of_it(self):
        self.begin("f", "--env", "GIVEN=as it was", more="""
            os.environ["MADE"] = "by the module"
            os.environ["GIVEN"] = "changed"
        """)
        stream, named, made, given, below = self.invoke("f", """
            import subprocess
            below = subprocess.run(["env"], capture_output=True, text=True).stdout
            result = [context.log_stream_name, os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], os.environ["MADE"], os.environ["GIVEN"], below]
        """)
        self.assertEqual(stream, named)
        self.assertEqual([made, given], ["by the module", "changed"])
        self.assertIn(f"AWS_LAMBDA_LOG_STREAM_NAME={stream}\n", below)
        self.assertIn("MADE=by the module\n", below)
        self.assertNotIn("KILN_RUNTIME_API_FD", below)

    def test_have_files_and_processes_of_their_own(self):
        self.begin("f", "--max-instances", "4", more="open('/tmp/written-while-loading', 'w').close()\n")
        answers = self.at_once("f", 3, """
            before = sorted(os.listdir("/tmp") + os.listdir("/dev/shm"))
            open("/tmp/mine", "x").write("x" * 100000)
            open("/dev/shm/mine", "x").close()
            numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
            space = os.statvfs("/tmp")
            result = [before, os.getpid() in numbers and len(numbers) < 3, os.getppid(), os.path.exists("/var/task/index.py"),
                      os.path.getsize("/proc/kallsyms"), space.f_blocks * space.f_frsize]
            for own in ("/tmp/mine", "/dev/shm/mine"):
                os.remove(own)
        """)
        self.assertEqual(answers, [[[], True, 1, True, 0, 512 << 20]] * 3)

    def test_keep_what_the_module_has_opened(self):
        self.begin("f", "--concurrency", "3", "--max-instances", "2", more="""
            OWN = [open(__file__) for _ in range(8)]
            for file in OWN: file.readline()
        """)
        read = self.at_once("f", 3, "result = [file.fileno() for file in OWN if file.readline() == 'import os, random, tempfile, time, uuid\\n']")
        self.assertEqual([len(numbers) for numbers in read].count(8) >= 1, True, read)
        descriptors = self.invoke("f", """
            opened = {os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")}
            result = sorted(name.split(":")[0] for name in opened)
        """)
        self.assertEqual(set(descriptors) - {"/dev/null", "/var/task/index.py", "pipe", "socket"}, set())

    def test_run_several_invocations_at_once(self):
        self.begin("f", "--concurrency", "4", "--max-instances", "1")
        answers = self.at_once("f", 4, "result = [LOADED, random.random(), os.getpid()]")
        self.assertEqual(len({json.dumps(answer[0]) for answer in answers}), 1)
        self.assertEqual(len({answer[1] for answer in answers}), 4)
        self.assertGreater(len({answer[2] for answer in answers}), 1)


class As_isolated_as_others(PreloadTest):
    LOOK = """
        import ctypes, errno, resource, socket, sys
        with open("/proc/self/status") as status:
            rows = dict(line.split(":\\t", 1) for line in status)
        libc = ctypes.CDLL(None, use_errno=True)
        def refused(name, *arguments):
            ctypes.set_errno(0)
            return [getattr(libc, name)(*arguments) >= 0, errno.errorcode.get(ctypes.get_errno())]
        def written(path):
            try:
                open(path, "w").close()
                return True
            except OSError as error:
                return errno.errorcode[error.errno]
        listening = socket.socket()
        result = {
            "privileges": [rows[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")],
            "user": [rows["Uid"].split(), rows["Gid"].split(), rows["Groups"]], "session": [os.getsid(0) == os.getpid(), os.getppid()],
            "masks": [rows["SigBlk"], rows["SigIgn"]], "directory": os.getcwd(), "limits": [resource.getrlimit(n) for n in range(15) if n != 6],
            "calls": [refused("unshare", 0x20000), refused("mount", b"x", b"/tmp", b"tmpfs", 0, None), refused("sethostname", b"x", 1),
                      refused("umount", b"/tmp"), refused("setns", 0, 0), refused("syscall", 56, 0x20000011, 0, 0, 0, 0)],
            "places": [written(path) for path in ("/x", "/var/task/x", "/etc/x", "/opt/x", "/proc/sys/kernel/hostname", "/tmp/x", "/dev/shm/x",
                                                  "/dev/null", "/dev/x", "/usr/x")],
            "mounts": sorted({line.split()[4] for line in open("/proc/self/mountinfo")}),
            "folders": [sorted(os.listdir(path)) for path in ("/", "/var", "/dev", "/etc")],
            "api": listening.connect_ex(("127.0.0.1", 9001)), "interfaces": sorted(name for _, name in socket.if_nameindex()),
            "name": open("/proc/self/comm").read(), "nice": os.getpriority(os.PRIO_PROCESS, 0), "streams": [s.name for s in (sys.stdin, sys.stdout)],
            "umask": os.umask(0o22), "argv": sys.argv, "path": sys.path, "first process": os.path.exists("/proc/1/status"),
        }
    """

    def test_in_all_that_it_can_see_and_do(self):
        self.begin("forked")
        self.deploy("ordinary", preload=False)
        forked, ordinary = self.invoke("forked", self.LOOK), self.invoke("ordinary", self.LOOK)
        for what in ordinary:
            with self.subTest(what):
                self.assertEqual(forked[what], ordinary[what])
        self.assertEqual(int(forked["privileges"][2], 16), 0)

    def test_namespaces_are_no_siblings(self):
        self.begin("f", "--max-instances", "4")
        found = []
        with concurrent.futures.ThreadPoolExecutor(2) as invokers:
            calls = [invokers.submit(self.invoke, "f", "import time\ntime.sleep(3)") for _ in range(2)]
            pids = wait_until(lambda: [i["Pid"] for i in self.view("f")["Instances"] if i["State"] == "Busy"], "they run")
            wait_until(lambda: len(self.view("f")["Instances"]) == 2 and all(i["Pid"] for i in self.view("f")["Instances"]), "both run")
            pids = [i["Pid"] for i in self.view("f")["Instances"]] + [self.snapshot()]
            for namespace in ("mnt", "pid", "net", "ipc", "uts"):
                found.append(len({os.readlink(f"/proc/{pid}/ns/{namespace}") for pid in pids}))
            groups = {pathlib.Path(f"/proc/{pid}/cgroup").read_text() for pid in pids}
            for call in calls:
                call.result()
        self.assertEqual(found, [3] * 5)
        self.assertEqual(len(groups), 3)

    def test_know_nothing_of_other_functions(self):
        self.begin("first", "--env", "SECRET=kiln-canary-7713")
        self.begin("second")
        found = self.invoke("second", """
            import ctypes
            with open("/proc/self/maps") as maps:
                areas = [line.split()[0].split("-") for line in maps if " rw-p" in line or "[heap]" in line]
            needle = b"".join([b"kiln-canary", b"-7713"])
            result = "kiln-canary-7713" in os.environ.values() or any(
                ctypes.string_at(int(begin, 16), int(end, 16) - int(begin, 16)).count(needle) > 6 for begin, end in areas)
        """)
        self.assertFalse(found)


class Hooks(PreloadTest):
    HOOKED = """
        from snapshot_restore_py import register_after_restore, register_before_snapshot
        CALLED = []
        register_before_snapshot(CALLED.append, "before, registered first")
        register_before_snapshot(CALLED.append, "before, registered last")
        register_after_restore(CALLED.append, "after, registered first")
        register_after_restore(lambda: CALLED.append(os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]))
    """

    def test_run_in_order_around_the_snapshot(self):
        self.begin("f", more=self.HOOKED)
        *called, stream = self.invoke("f", "result = CALLED")
        self.assertEqual(called, ["before, registered last", "before, registered first", "after, registered first"])
        self.assertEqual(stream, self.invoke("f", "result = CALLED")[-1] and stream)
        self.assertRegex(stream, r"^\d{4}/\d\d/\d\d/\[")

    def test_one_after_that_fails_is_the_functions_own_failure(self):
        self.begin("f", more="""
            from snapshot_restore_py import register_after_restore
            @register_after_restore
            def restored():
                raise KeyError("restored")
        """)
        body, error = self.call("f")
        self.assertEqual(error, "Unhandled")
        self.assertIn("restored", json.dumps(body))

    def test_one_before_that_fails_leaves_the_function_to_its_instances(self):
        self.deploy("f", "--idle", "0", more="""
            from snapshot_restore_py import register_before_snapshot
            @register_before_snapshot
            def before():
                raise KeyError("before")
        """)
        for _ in range(3):
            self.invoke("f")
        wait_until(lambda: "there is no snapshot, because the function cannot be loaded" in self.log_of("f"), "the log says so")
        self.assertEqual(self.view("f")["Preloaded"], 0)


class What_goes_wrong_costs_no_call(PreloadTest):
    def test_a_snapshot_that_dies(self):
        self.begin("f", "--max-instances", "4")
        old = self.snapshot()
        with concurrent.futures.ThreadPoolExecutor(1) as invokers:
            running = invokers.submit(self.invoke, "f", "import time\ntime.sleep(1)\nresult = LOADED")
            wait_until(lambda: self.view("f")["Instances"], "it runs")
            os.kill(old, signal.SIGKILL)
            before = running.result()  # its forks live on
        wait_until(lambda: (self.invoke("f") != before), "an instance that was loaded anew")
        wait_until(lambda: self.invoke("f") and self.view("f")["Preloaded"] == 2, "there are forks of a new snapshot")
        wait_until(lambda: not self.view("f")["Instances"], "no instance is left")
        self.assertNotEqual(self.invoke("f"), before)
        self.assertNotEqual(self.snapshot(), old)

    def test_forks_that_die_while_they_wait(self):
        self.begin("f")
        first = self.snapshot()
        init = next(parent for pid, parent, _ in processes() if pid == first)
        forks = [pid for pid, name in descendants(init).items() if name == "sandbox-init"]
        self.assertEqual(len(forks), 2)
        for pid in forks:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in forks), "they have ended")
        self.assertTrue(self.invoke("f"))
        self.wait_for_forks("f")

    def test_a_fork_that_does_not_answer_its_launch(self):
        self.begin("f")
        init = next(parent for pid, parent, _ in processes() if pid == self.snapshot())
        stopped = [pid for pid, name in descendants(init).items() if name == "sandbox-init"]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        self.assertTrue(self.invoke("f"))
        wait_until(lambda: "does not answer its launch" in self.log_of("f"), "the log says why")
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in stopped), "they have been ended")

    def test_a_function_that_hangs_when_it_is_forked(self):
        self.deploy("f", "--idle", "0", more="""
            def hang():
                time.sleep(10_000)
            os.register_at_fork(before=hang)
        """)
        self.invoke("f")
        wait_until(lambda: "the snapshot is given up, because" in self.log_of("f"), "the log says so")
        self.assertTrue(self.invoke("f"))
        wait_until(lambda: self.named("kiln-snapshot") == [] or self.invoke("f"), "it goes")

    def test_one_whose_forks_end(self):
        self.deploy("f", "--idle", "0", more="os.register_at_fork(after_in_child=lambda: os._exit(3))\n")
        for _ in range(3):
            self.assertTrue(self.invoke("f"))
        wait_until(lambda: "the snapshot is given up, because" in self.log_of("f"), "the log says so")
        self.assertTrue(self.invoke("f"))

    def test_one_that_ends_while_it_is_loaded(self):
        self.deploy("f", "--idle", "0", more="if 'kiln-snapshot' in open('/proc/self/comm').read(): os._exit(3)\n")
        self.assertTrue(self.invoke("f"))
        wait_until(lambda: "the process that loads the function has ended" in self.log_of("f"), "the log says so")
        self.assertTrue(self.invoke("f"))

    def test_one_with_threads(self):
        self.deploy("f", "--idle", "0", more="import threading\nthreading.Thread(target=time.sleep, args=(10_000,), daemon=True).start()\n")
        for _ in range(3):
            self.assertTrue(self.invoke("f"))
        wait_until(lambda: "because the function has started threads while it was loaded (1)" in self.log_of("f"), "the log says so")
        self.assertEqual(self.log_of("f").count("has started threads"), 1)
        self.assertEqual(self.view("f")["Preloaded"], 0)

    def test_one_that_cannot_be_loaded_fails_as_any_other_does(self):
        broken = "raise ValueError('not today')\n"
        self.deploy("preloaded", more=broken)
        self.deploy("ordinary", more=broken, preload=False)
        answers = [self.call(name) for name in ("preloaded", "ordinary", "preloaded")]
        for body, error in answers:
            body.pop("requestId", None)
            self.assertEqual(error, "Unhandled")
            self.assertEqual(body["errorType"], "ValueError")
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[2], answers[1])

    def test_one_that_wants_a_process_of_its_own(self):
        self.deploy("f", "--env", "OPENSSL_CONF=/dev/null")
        self.assertTrue(self.invoke("f"))
        self.assertIn("The function is not preloaded: it has environment variables that are read as a process starts", self.log_of("f"))


class Its_life(PreloadTest):
    def test_new_code_and_configuration_replace_it(self):
        self.begin("f")
        old = self.invoke("f")
        for options, more in (((), "LOADED['new'] = 1\n"), (("--env", "GREETING=hello"), "LOADED['new'] = os.environ['GREETING']\n")):
            process = self.snapshot()
            self.deploy("f", "--idle", "0", *options, more=more)
            new = self.invoke("f")
            self.assertNotEqual(new["at"], old["at"])
            self.wait_for_forks("f")
            wait_until(lambda: not self.view("f")["Instances"], "the first instance has gone")
            old = self.invoke("f")
            self.assertEqual(old["new"], "hello" if options else 1)
            self.assertNotEqual(self.snapshot(), process)

    def test_without_the_wish_it_goes(self):
        self.begin("f")
        self.server.run("deploy", self.code("f"), "--name", "f", "--no-preload")
        wait_until(lambda: not self.named("kiln-snapshot"), "the snapshot has gone")
        self.assertTrue(self.invoke("f"))
        self.assertNotIn("Preloaded", self.view("f"))

    def test_a_deleted_function_leaves_nothing(self):
        def below():
            return sorted(descendants(self.server.process.pid).values())

        # Four of either kind, which wait for anybody.
        ready = 4 * ["bootstrap"] + ["kiln-guard", "kiln-zygote"] + 16 * ["sandbox-init"]
        wait_until(lambda: below() == ready, "what is there without functions is there")
        self.begin("f")
        self.invoke("f")
        self.server.run("delete", "f")
        wait_until(lambda: below() == ready, "what was there before is there")

    def test_it_goes_with_the_server(self):
        self.begin("f")
        below = wait_until(lambda: descendants(self.server.process.pid), "there are processes")
        self.server.process.kill()
        self.server.process.wait()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in below), "all have ended")

    def test_a_server_that_stops_in_order_leaves_nothing(self):
        self.begin("f")
        below = descendants(self.server.process.pid)
        self.assertEqual(self.server.stop(), 0)
        self.assertFalse([pid for pid in below if os.path.exists(f"/proc/{pid}")])


class One_that_nobody_uses(PreloadTest):
    arguments = ("--snapshot-idle", "5")

    def test_goes_and_comes_back_with_the_next_cold_start(self):
        self.begin("f")
        wait_until(lambda: not self.named("kiln-snapshot"), "it has gone")
        self.assertEqual(self.view("f")["Preloaded"], 0)
        self.assertTrue(self.invoke("f"))
        self.wait_for_forks("f")
        self.assertNotIn("preload:", self.log_of("f"))

    def test_stays_as_long_as_an_instance_of_it(self):
        self.deploy("f", "--idle", "8")
        self.invoke("f")
        self.wait_for_forks("f")
        snapshot = self.snapshot()
        self.at_once("f", 2)  # for one of which there was no instance yet

        def over():
            gone = snapshot not in self.named("kiln-snapshot")
            instances = self.view("f")["Instances"]
            self.assertFalse(gone and instances, "it is there as long as they are")
            return not instances
        wait_until(over, "its instances have gone")
        wait_until(lambda: not self.named("kiln-snapshot"), "then it goes too")


class Refused(PreloadTest):
    def test_at_deployment_where_it_can_never_be_had(self):
        folder = self.code("f")
        done = self.server.run("deploy", folder, "--name", "f", "--preload", "--isolation", "process", status=5)
        self.assertIn("which only the isolation sandbox can", done.stderr)
        with open(os.path.join(folder, "bootstrap"), "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(os.path.join(folder, "bootstrap"), 0o755)
        done = self.server.run("deploy", folder, "--name", "f", "--runtime", "provided", "--handler", "x", "--preload", status=5)
        self.assertIn("only Python can", done.stderr)


class Without_zygotes(PreloadTest):
    arguments = ("--no-zygote",)

    def test_the_log_says_so_once(self):
        self.deploy("f", "--idle", "0")
        for _ in range(3):
            self.assertTrue(self.invoke("f"))
        self.assertEqual(self.log_of("f").count("The function is not preloaded: instances of isolation 'sandbox' are not forked"), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
