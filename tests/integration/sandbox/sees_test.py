# SPDX-License-Identifier: Apache-2.0
# What an instance sees, of processes, files, descriptors and itself: its own and nothing of the host. Signals too.
import os
import socket
import subprocess

from sandbox_fixture import BUILD, CANARY, SandboxTest, run

DEVICES = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}


class Of_other_processes(SandboxTest):
    def setUp(self):
        self.victim = subprocess.Popen(["sleep", "60"])
        self.addCleanup(self.victim.wait)
        self.addCleanup(self.victim.kill)
        # Another instance, too; its number on the host says nothing inside.
        self.pids = [self.victim.pid, self.server.process.pid, os.getpid()]

    def tearDown(self):
        self.assertIsNone(self.victim.poll())
        self.assertIsNone(self.server.process.poll())

    def test_it_sees_none(self):
        seen = self.run_inside("""
            import os
            result = [int(name) for name in os.listdir("/proc") if name.isdigit()], os.getpid()
        """)
        self.assertEqual(seen[0], [seen[1]])

    def test_python_reaches_none(self):
        reached = self.run_inside(f"""
            import ctypes, os, resource, signal
            c = ctypes.CDLL(None, use_errno=True)
            attempts = {{
                "kill": lambda pid: os.kill(pid, 9), "kill its group": lambda pid: os.killpg(pid, 9), "pidfd": os.pidfd_open,
                "priority": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19), "group": os.getpgid, "session": os.getsid,
                "affinity": os.sched_getaffinity, "limits": lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE),
                "memory": lambda pid: open(f"/proc/{{pid}}/mem", "rb"), "environment": lambda pid: open(f"/proc/{{pid}}/environ"),
                "files": lambda pid: os.listdir(f"/proc/{{pid}}/root"), "descriptors": lambda pid: os.listdir(f"/proc/{{pid}}/fd"),
                "trace": lambda pid: c.ptrace(16, pid, 0, 0) >= 0 or 1 / 0,
            }}
            result = []
            for pid in {self.pids}:
                for name, attempt in attempts.items():
                    try:
                        attempt(pid)
                        result.append([name, pid])
                    except (OSError, ValueError, ZeroDivisionError):
                        pass
        """)
        self.assertEqual(reached, [])

    def test_c_reaches_none(self):
        tried = self.probe("processes " + " ".join(map(str, self.pids)))
        self.assertGreater(len(tried), 60)
        self.assertEqual([what for what, error in tried.items() if error == 0], [])

    def test_it_signals_none_by_signalling_all(self):
        # Nobody is there but itself, and the first process of its sandbox, which Landlock or the kernel spares.
        self.assertEqual(self.fails_inside("import os\nos.kill(-1, 9)")["errorType"], "ProcessLookupError")

    def test_it_does_not_reach_the_first_of_its_own_sandbox(self):
        reached = self.run_inside("""
            import os
            result = []
            for entry in ("mem", "environ", "maps", "root", "cwd", "fd", "stat"):
                try:
                    path = "/proc/1/" + entry
                    os.listdir(path) if os.path.isdir(path) else open(path)
                    result.append(entry)
                except OSError:
                    pass
        """)
        self.assertEqual(reached, [])


class Of_files(SandboxTest):
    def test_python_writes_to_tmp_and_shm_only(self):
        written = self.run_inside("""
            import os
            result = []
            for folder, folders, _ in os.walk("/"):
                if folder.startswith("/proc"):
                    continue
                if folder.count("/") >= 3:
                    folders.clear()  # what is mounted further down C tries
                try:
                    open(os.path.join(folder, "kiln-test"), "w").close()
                    result.append(folder)
                    os.unlink(os.path.join(folder, "kiln-test"))
                except OSError:
                    pass
        """)
        self.assertEqual(sorted(written), ["/dev/shm", "/tmp"])

    def test_c_writes_to_tmp_and_shm_only_whatever_is_mounted_and_whichever_way(self):
        tried = self.probe("files")
        writable = {what.split(" ", 1)[1] for what, value in tried.items()
                    if what.startswith(("write /", "mkdir /")) and value == 0}
        self.assertEqual(writable - DEVICES, {"/tmp", "/dev/shm"})
        self.assertIn("write /usr", tried)
        self.assertEqual([what for what, value in tried.items() if what.startswith(("nosuid ", "nodev ")) and value != 1], [])
        ways = {what: value for what, value in tried.items() if not what.startswith(("write /", "mkdir /", "nosuid ", "nodev "))}
        self.assertGreater(len(ways), 20)
        self.assertEqual([what for what, value in ways.items() if value == 0], [])

    def test_its_code_cannot_be_changed(self):
        for attempt in ("open('/var/task/index.py', 'a')", "os.rename('/var/task/index.py', '/var/task/x')",
                        "os.link('/var/task/index.py', '/tmp/x'); open('/tmp/x', 'a')", "os.chmod('/var/task/index.py', 0o777)"):
            self.assertIn("Error", self.fails_inside(f"import os\n{attempt}")["errorType"], attempt)

    def test_no_file_of_the_host_is_there(self):
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

    def test_no_settings_of_the_kernel_are(self):
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


class Of_itself(SandboxTest):
    def test_only_the_descriptors_it_was_given(self):
        clients = [socket.create_connection(self.server.url[7:].split(":")) for _ in range(50)]
        try:
            self.deploy("descriptors", "python")
            self.deploy("descriptors-c", "c")
            opened = self.run_inside("""
                import os
                result = {}
                for name in os.listdir("/proc/self/fd"):
                    try:
                        result[name] = os.readlink("/proc/self/fd/" + name).split(":")[0]
                    except OSError:
                        pass  # the one that listed the folder
            """, "descriptors")
            in_c = self.probe("descriptors", "descriptors-c")
        finally:
            for client in clients:
                client.close()
        expected = {"0": "/dev/null", "1": "pipe", "2": "pipe", "3": "socket"}
        self.assertEqual(opened, expected)
        self.assertEqual(in_c, expected)

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


if __name__ == "__main__":
    run()
