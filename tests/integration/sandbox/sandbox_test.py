# SPDX-License-Identifier: Apache-2.0
# What a sandbox promises (docs/security.md), each promise tried from inside it, in Python and in C. As root.
import concurrent.futures
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.error
import urllib.request

SOURCE, BUILD, CALLS = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from waiting import wait_until  # noqa: E402

HERE = os.path.join(SOURCE, "tests", "integration", "sandbox")
FUNCTIONS = os.path.join(HERE, "functions")
CANARY = "kiln-canary-8d7c1b"
EPERM, ENOSYS = 1, 38

# x86-64 numbers of system calls that no sandboxed program may make, with harmless arguments.
REFUSED_CALLS = {
    "mount": "165 @none @/tmp @tmpfs 0 0", "umount2": "166 @/tmp 2", "unshare user": "272 0x10000000",
    "unshare mount": "272 0x20000", "setns": "308 0 0", "pivot_root": "155 @/tmp @/tmp", "chroot": "161 @/tmp",
    "ptrace": "101 0 0 0 0", "process_vm_readv": "310 1 0 0 0 0 0", "init_module": "175 0 0 @x", "finit_module": "313 0 @x 0",
    "delete_module": "176 @x 0", "bpf": "321 0 0 0", "keyctl": "250 0 0 0 0 0", "add_key": "248 @user @x @y 1 -4",
    "perf_event_open": "298 0 0 -1 -1 0", "userfaultfd": "323 0", "io_uring_setup": "425 8 0", "open_by_handle_at": "304 -100 0 0",
    "kexec_load": "246 0 0 0 0", "reboot": "169 0xfee1dead 672274793 0 0", "sethostname": "170 @x 1", "settimeofday": "164 0 0",
    "swapon": "167 @/tmp 0", "syslog": "103 3 0 0", "pidfd_getfd": "438 0 0 0", "clone3": "435 0 0", "acct": "163 0",
    "mount_setattr": "442 -1 @ 0 0 0", "fsopen": "430 @tmpfs 0", "open_tree": "428 -100 @/ 1",
    "clone with a user namespace": "56 0x10000011 0 0 0 0", "socket AF_VSOCK": "41 40 1 0", "socket AF_PACKET": "41 17 3 0",
    "socket AF_ALG": "41 38 5 0", "a 32-bit number (x32)": "0x40000000", "a number of no call": "5000",
}


def invoke(server, name, event):
    """The answer, and the error type (empty: it worked)."""
    request = urllib.request.Request(f"{server.url}/2015-03-31/functions/{name}/invocations", json.dumps(event).encode(),
                                     method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")


class SandboxTest(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("these tests need root: a sandbox does")
        os.environ["KILN_TEST_CANARY"] = CANARY
        cls.server = KilnServer(BUILD, isolation="sandbox", arguments=cls.arguments)
        cls.addClassCleanup(cls.server.kill)
        cls.deploy("inside", "inside", "--timeout", "60", "--memory", "512")

    @classmethod
    def deploy(cls, name, folder, *options):
        cls.server.run("deploy", os.path.join(FUNCTIONS, folder), "--name", name, *options)

    def run_inside(self, code, name="inside"):
        answer, error = invoke(self.server, name, {"code": textwrap.dedent(code)})
        self.assertEqual(error, "", answer)
        return answer

    def fails_inside(self, code, name="inside"):
        answer, error = invoke(self.server, name, {"code": textwrap.dedent(code)})
        self.assertEqual(error, "Unhandled", answer)
        return answer

    def log(self, name):
        return self.server.run("logs", name).stdout


class What_it_sees(SandboxTest):
    def test_only_its_own_processes(self):
        seen = self.run_inside("""
            import os
            result = [int(name) for name in os.listdir("/proc") if name.isdigit()], os.getpid()
        """)
        self.assertEqual(seen[0], [seen[1]])

    def test_a_root_that_is_read_only_but_for_tmp_and_shm(self):
        written = self.run_inside("""
            import os
            result = []
            for folder, _, _ in os.walk("/"):
                if folder.startswith("/proc"):
                    continue
                try:
                    open(os.path.join(folder, "kiln-test"), "w").close()
                    result.append(folder)
                    os.unlink(os.path.join(folder, "kiln-test"))
                except OSError:
                    pass
        """)
        self.assertEqual(sorted(written), ["/dev/shm", "/tmp"])

    def test_its_code_and_cannot_change_it(self):
        for attempt in ("open('/var/task/index.py', 'a')", "os.rename('/var/task/index.py', '/var/task/x')",
                        "os.link('/var/task/index.py', '/tmp/x'); open('/tmp/x', 'a')", "os.chmod('/var/task/index.py', 0o777)"):
            self.assertIn("Error", self.fails_inside(f"import os\n{attempt}")["errorType"], attempt)

    def test_no_file_of_the_host(self):
        secret = os.path.join(self.server.folder.name, "secret")
        with open(secret, "w") as file:
            file.write(CANARY)
        found = self.run_inside(f"""
            import os
            paths = [{secret!r}, {self.server.data!r}, "/root", "/home", "/etc/shadow", "/etc/hostname", "/old-root", "/sys",
                     "/proc/1/root", "/proc/1/environ", "/proc/1/mem", "/dev/mem", "/dev/kmsg", "/dev/tty", "/var/lib", "/var/log"]
            result = [path for path in paths if os.path.exists(path)]
        """)
        self.assertEqual(found, [])

    def test_no_settings_of_the_kernel(self):
        readable = self.run_inside("""
            import os
            result = []
            for path in ("/proc/sysrq-trigger", "/proc/kcore", "/proc/keys", "/proc/kallsyms", "/proc/timer_list", "/proc/cmdline",
                         "/proc/config.gz", "/proc/kmsg", "/proc/modules"):
                try:
                    with open(path, "rb") as file:
                        if file.read(1):
                            result.append(path)
                except OSError:
                    pass
            for path in ("/proc/sys", "/proc/fs", "/proc/irq", "/proc/bus", "/proc/acpi", "/proc/scsi"):
                if os.path.isdir(path) and os.listdir(path):
                    result.append(path)
        """)
        self.assertEqual(readable, [])

    def test_only_the_descriptors_it_was_given(self):
        clients = [socket.create_connection(self.server.url[7:].split(":")) for _ in range(50)]
        try:
            self.deploy("descriptors", "inside")
            opened = self.run_inside("""
                import os
                result = {}
                for name in os.listdir("/proc/self/fd"):
                    try:
                        result[name] = os.readlink("/proc/self/fd/" + name).split(":")[0]
                    except OSError:
                        pass  # the one that listed the folder
            """, "descriptors")
        finally:
            for client in clients:
                client.close()
        self.assertEqual(opened, {"0": "/dev/null", "1": "pipe", "2": "pipe", "3": "socket"})

    def test_no_environment_but_its_own(self):
        found = self.run_inside(f"""
            import os
            with open("/proc/self/environ") as file:
                text = file.read()
            result = [name for name, value in os.environ.items() if {CANARY[:11]!r} in value], \\
                [os.environ[name] for name in ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_RUNTIME_API", "PATH")], \\
                {os.path.dirname(BUILD)!r} in text or "KILN_TEST_CANARY" in text
        """)
        self.assertEqual(found, [[], ["/var/task", "/var/runtime", "127.0.0.1:9001",
                                      "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin"], False])

    def test_a_host_name_and_a_user_of_its_own(self):
        first = self.run_inside("import os, socket\nresult = [os.getuid(), os.getgid(), os.getgroups(), socket.gethostname()]")
        self.assertEqual(first[:3], [993, 993, [65534] if first[2] else []])
        self.assertTrue(first[3].startswith("kiln-"), first)
        self.assertNotEqual(first[3], socket.gethostname())

    def test_no_capability_no_new_privileges_and_a_filter(self):
        status = self.run_inside("""
            with open("/proc/self/status") as file:
                result = dict(line.rstrip("\\n").split(":\\t", 1) for line in file if ":\\t" in line)
        """)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(int(status["SigBlk"], 16), 0)


class What_it_reaches(SandboxTest):
    def test_no_listener_of_the_host(self):
        abstract = socket.socket(socket.AF_UNIX)
        self.addCleanup(abstract.close)
        abstract.bind("\0kiln-sandbox-test")
        abstract.listen()
        addresses = [url[7:].split(":") for url in (self.server.url, self.server.operations_url)]
        reached = self.run_inside(f"""
            import socket
            result = []
            for host, port in {addresses!r}:
                try:
                    socket.create_connection((host, int(port)), 2)
                    result.append(port)
                except OSError as error:
                    pass
            try:
                socket.socket(socket.AF_UNIX).connect("\\0kiln-sandbox-test")
                result.append("abstract")
            except OSError:
                pass
        """)
        self.assertEqual(reached, [])
        abstract.settimeout(0)
        with self.assertRaises(BlockingIOError):
            abstract.accept()

    def test_nothing_but_loopback(self):
        names = self.run_inside("import socket\nresult = [name for _, name in socket.if_nameindex()]")
        self.assertEqual(names, ["lo"])
        error = self.fails_inside("import socket\nsocket.create_connection(('192.0.2.1', 80), 2)")
        self.assertEqual((error["errorType"], "unreachable" in error["errorMessage"]), ("OSError", True))

    def test_not_the_runtime_api_of_another_instance(self):
        # Both have a listener at the same address, each in a network of its own; their own has no route that takes events.
        self.deploy("shell", "shell", "--runtime", "provided")
        answer, _ = invoke(self.server, "shell", {})
        self.assertEqual(answer["api"], "127.0.0.1:9001")
        status = self.run_inside("""
            import http.client
            connection = http.client.HTTPConnection("127.0.0.1", 9001, timeout=5)
            connection.request("GET", "/2018-06-01/runtime/invocation/next")
            result = connection.getresponse().status
        """)
        self.assertEqual(status, 404)

    def test_no_process_of_the_host_by_a_signal(self):
        victim = subprocess.Popen(["sleep", "60"])
        self.addCleanup(victim.wait)
        self.addCleanup(victim.kill)
        self.run_inside(f"""
            import os
            result = 0
            for pid in ({victim.pid}, {self.server.process.pid}):
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    result += 1
            assert result == 2, result
        """)
        self.assertIsNone(victim.poll())
        # Nobody is there but itself, and the first process of its sandbox, which Landlock or the kernel spares.
        self.assertEqual(self.fails_inside("import os\nos.kill(-1, 9)")["errorType"], "ProcessLookupError")
        self.assertIsNone(victim.poll())
        self.assertIsNone(self.server.process.poll())

    def test_no_refused_system_call(self):
        package = os.path.join(self.server.folder.name, "calls")
        shutil.copytree(CALLS, package)
        self.server.run("deploy", package, "--name", "calls", "--runtime", "cpp")
        for name, call in REFUSED_CALLS.items():
            answer, error = invoke(self.server, "calls", call)
            self.assertEqual(error, "", answer)
            self.assertIn(answer, (EPERM, ENOSYS), name)
        self.assertEqual(invoke(self.server, "calls", "39")[0], 0, "getpid is allowed")


class Where_its_telemetry_goes(unittest.TestCase):
    def test_to_itself_and_not_to_a_port_of_the_host(self):
        # The server connects on the function's behalf, to a port of the function's choice: were it the host's loopback, any
        # listener there would get a request with a path of the function's choice.
        for isolation, reached in (("process", True), ("sandbox", False)):
            with socket.create_server(("127.0.0.1", 0)) as listener, KilnServer(BUILD, isolation=isolation) as server:
                server.run("deploy", os.path.join(SOURCE, "tests", "integration", "telemetry", "function"), "--name", "f",
                           "--idle", "0", "--env", "PROTOCOL=NOBODY", "--env", f"PORT={listener.getsockname()[1]}",
                           "--env", "RECORDS=/nowhere")
                invoke(server, "f", {})
                self.assertIn('subscribed: 200 "OK"', server.run("logs", "f").stdout)
                # By then it has delivered what there was, or given up.
                wait_until(lambda server=server: instances_of(server, "f") == [], "the instance has ended")
                listener.settimeout(0)
                try:
                    listener.accept()[0].close()
                    got = True
                except BlockingIOError:
                    got = False
                self.assertEqual(got, reached, isolation)


class What_it_may_use(SandboxTest):
    arguments = ()

    def test_a_fork_bomb_ends_at_the_limit_and_with_the_instance(self):
        self.deploy("bomb", "inside", "--timeout", "60", "--memory", "1024")
        made = self.fails_inside("""
            import os, signal
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            result = 0
            children = []
            try:
                while result < 5000:
                    pid = os.fork()
                    if pid == 0:
                        signal.pause()
                    children.append(pid)
                    result += 1
            except BlockingIOError:
                pass
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            raise RuntimeError(str(result))
        """, "bomb")
        made = int(made["errorMessage"])
        self.assertLess(made, 1024)
        self.assertGreater(made, 500)
        wait_until(lambda: "The limit of 1024 processes" in self.log("bomb"), "the log says so")
        self.assertEqual(self.run_inside("result = 1"), 1)

    def test_a_memory_bomb_is_told_from_a_crash_and_leaves_its_sibling_alone(self):
        self.deploy("hungry", "inside", "--memory", "128", "--timeout", "60")
        self.deploy("sibling", "inside", "--memory", "128", "--timeout", "60")
        before = self.run_inside("import os\nkept.append(1)\nresult = len(kept)", "sibling")
        error = self.fails_inside("""
            kept.extend(bytearray(b"x" * (1 << 20)) for _ in range(4096))
        """, "hungry")
        self.assertEqual(error["errorType"], "Runtime.OutOfMemory")
        self.assertIn("128 MB", error["errorMessage"])
        self.assertIn("Runtime.OutOfMemory", self.log("hungry"))
        self.assertEqual(self.run_inside("kept.append(1)\nresult = len(kept)", "sibling"), before + 1)
        crash = self.fails_inside("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "hungry")
        self.assertEqual((crash["errorType"], "signal: killed" in crash["errorMessage"]), ("Runtime.ExitError", True))

    def test_max_memory_used_is_of_all_its_processes(self):
        self.deploy("measured", "inside", "--memory", "512")
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

    def test_a_tmp_of_512_mb_by_default_and_of_so_many_files(self):
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

    def test_descriptors_core_files_and_priorities_up_to_its_limits(self):
        limits = self.run_inside("""
            import resource
            result = [resource.getrlimit(which)[1] for which in
                      (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_RTPRIO)]
        """)
        self.assertEqual(limits, [1024, 0, 0])
        self.assertEqual(self.fails_inside("import os\nos.nice(-5)")["errorType"], "PermissionError")

    def test_a_log_flood_is_cut_and_stalls_nobody(self):
        self.deploy("loud", "inside", "--timeout", "60")
        self.run_inside("""
            import os
            line = b"y" * 1023 + b"\\n"
            for _ in range(30 * 1024):
                os.write(1, line)
        """, "loud")
        self.assertEqual(self.run_inside("result = 1"), 1)
        self.assertIn("LOGS_DROPPED", self.log("loud") + self.metrics())

    def metrics(self):
        with urllib.request.urlopen(self.server.operations_url + "/metrics", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        dropped = [line for line in text.splitlines() if line.startswith('kiln_log_dropped_bytes_total{function="loud"}')]
        return "LOGS_DROPPED" if dropped and float(dropped[0].split()[1]) > 1e6 else text


class How_it_ends(SandboxTest):
    def instances(self, name):
        state = json.loads(urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/{name}/instances").read())
        return state

    def test_with_all_it_has_started(self):
        self.deploy("daemon", "inside", "--idle", "0")
        marker = "60317"
        self.run_inside(f"""
            import os
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execvp("sleep", ["sleep", "{marker}"])
                os._exit(0)
            os.wait()
        """, "daemon")
        wait_until(lambda: not processes_with(marker), "the daemon is gone", 10)

    def test_users_of_two_instances_differ(self):
        self.deploy("two", "inside", "--timeout", "60", "--max-instances", "2")
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: self.run_inside("import time\ntime.sleep(0.7)", "two"), range(2)))
            users = {status_of(pid, "Uid") for pid in programs_of(self.server, "two")}
        self.assertEqual(len(users), 2)
        self.assertNotIn("0", users)

    def test_gracefully_when_asked_to(self):
        self.deploy("polite", "shell", "--runtime", "provided", "--idle", "1")
        invoke(self.server, "polite", {})
        wait_until(lambda: "asked to end" in self.log("polite"), "the function was told")


class Two_thousand_cold_starts(unittest.TestCase):
    def test_leave_nothing_behind(self):
        server = KilnServer(BUILD, isolation="sandbox")
        self.addCleanup(server.kill)
        pid = server.process.pid
        server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", "f", "--idle", "0", "--max-instances", "4")
        groups = own_groups(pid)
        self.assertGreater(len(groups), 0)

        def counts():
            return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "children": len(children_of(pid)),
                    "groups": sum(len([e for e in os.scandir(g) if e.is_dir()]) for g in groups),
                    "mounts": lines_of("/proc/self/mountinfo"), "network namespaces": network_namespaces(pid)}

        def settled():
            deadline = time.monotonic() + 20
            last = None
            while time.monotonic() < deadline:
                now = counts()
                if now == last:
                    return now
                last = now
                time.sleep(0.3)
            raise AssertionError(f"does not settle: {last}")

        for _ in range(5):
            invoke(server, "f", {"code": ""})
        before = settled()
        temporary = set(os.listdir("/tmp"))
        with concurrent.futures.ThreadPoolExecutor(4) as invokers:
            answers = set(invokers.map(lambda _: invoke(server, "f", {"code": "result = 1"}), range(2000)))
        self.assertEqual(answers, {(1, "")})
        self.assertEqual(settled(), before)
        self.assertEqual([c for c in children_of(pid) if status_of(c, "State").startswith("Z")], [])
        self.assertEqual([name for name in set(os.listdir("/tmp")) - temporary if "kiln" in name and "test" not in name], [])
        self.assertEqual(server.stop(), 0)
        self.assertEqual([group for group in groups if os.path.exists(group)], [])

    def test_and_a_killed_server_leaves_no_process(self):
        server = KilnServer(BUILD, isolation="sandbox")
        self.addCleanup(server.kill)
        server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", "f")
        invoke(server, "f", {"code": "import os\nif os.fork() == 0:\n    os.setsid()\n    os.execvp('sleep', ['sleep', '60318'])"})
        wait_until(lambda: len(processes_with("60318")) == 1, "the daemon runs")
        groups = own_groups(server.process.pid)
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not processes_with("60318"), "the kernel has ended them", 10)
        # The next server clears away the groups.
        with KilnServer(BUILD, isolation="sandbox"):
            self.assertEqual([group for group in groups if os.path.exists(group)], [])


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
        self.deploy("inside", "inside", "--timeout", "60", "--memory", "512")
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
        self.deploy("at-once", "inside", "--concurrency", "4", "--max-instances", "1", "--timeout", "60")
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
        self.deploy("weak", "inside", "--isolation", "process")
        answer, error = invoke(self.server, "weak", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Sandbox.Failure"))
        self.assertIn("--isolation sandbox", answer["errorMessage"])


def lines_of(path):
    with open(path) as file:
        return len(file.readlines())


def processes_with(argument):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if argument.encode() in file.read().split(b"\0"):
                    found.append(path)
        except OSError:
            pass
    return found


def status_of(pid, name):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split(":")[1].split("\t")[1].strip()
    except OSError:
        pass
    return ""


def children_of(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        if f"\nPPid:\t{pid}\n" in text:
            found.append(int(path.split("/")[2]))
    return found


def instances_of(server, name):
    with urllib.request.urlopen(f"{server.url}/kiln/v1/functions/{name}/instances") as answer:
        return json.load(answer)["Instances"]


def programs_of(server, name):
    """The host's numbers of the programs in the sandboxes of a function."""
    return [instance["Pid"] for instance in instances_of(server, name)]


def own_groups(pid):
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file if " - cgroup" in line]
    found = set()
    for point in points:
        for folder, folders, _ in os.walk(point):
            if f"kiln-{pid}" in folders:
                found.add(os.path.join(folder, f"kiln-{pid}"))
    return found


def network_namespaces(pid):
    found = set()
    for child in children_of(pid):
        try:
            found.add(os.readlink(f"/proc/{child}/ns/net"))
        except FileNotFoundError:
            pass  # it has just ended
    return len(found)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
