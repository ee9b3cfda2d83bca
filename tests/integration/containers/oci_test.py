# SPDX-License-Identifier: Apache-2.0
# Instances in containers (`--isolation oci`) of images made here: what docs/security.md promises of them, each promise tried
# from inside. As root, with runc.
import concurrent.futures
import errno
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from containers_fixture import BUILD, CALLS, PATIENCE, PYTHON, RUNTIME, Containers, KilnServer, wait_until
from oci_layout import layer_of_folder

EPERM, ENOSYS = 1, 38
# x86-64 numbers of system calls that no instance may make, with harmless arguments.
REFUSED = {"mount": "165 @none @/tmp @tmpfs 0 0", "unshare user": "272 0x10000000", "setns": "308 0 0", "ptrace": "101 0 0 0 0",
           "init_module": "175 0 0 @x", "bpf": "321 0 0 0", "keyctl": "250 0 0 0 0 0", "userfaultfd": "323 0", "io_uring_setup": "425 8 0",
           "clone3": "435 0 0", "pidfd_getfd": "438 0 0 0", "clone with a user namespace": "56 0x10000011 0 0 0 0",
           "socket AF_VSOCK": "41 40 1 0", "socket AF_PACKET": "41 17 3 0", "a number of no call": "5000"}


class An_instance(Containers):
    def test_sees_its_image_and_its_code_and_writes_to_tmp_only(self):
        with self.serve() as server:
            self.deploy(server)
            seen = self.works(server, """
                import os, socket
                written = []
                for folder, _, _ in os.walk("/"):
                    if folder.startswith(("/proc", "/sys")):
                        continue
                    try:
                        open(os.path.join(folder, "kiln-test"), "w").close()
                        os.unlink(os.path.join(folder, "kiln-test"))
                        written.append(folder)
                    except OSError:
                        pass
                with open("/proc/self/status") as file:
                    status = dict(line.split(":", 1) for line in file.read().splitlines())
                tmp = os.statvfs("/tmp")
                links = []
                for number in os.listdir("/proc/self/fd"):
                    try:
                        links.append((int(number), os.readlink("/proc/self/fd/" + number)))
                    except OSError:
                        pass
                result = {"uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "pid": os.getpid(), "cwd": os.getcwd(),
                          "image": os.environ.get("FROM_THE_IMAGE"), "tz": os.environ["TZ"], "canary": "KILN_TEST_CANARY" in os.environ,
                          "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")],
                          "no_new": status["NoNewPrivs"].strip(), "filter": status["Seccomp"].strip(), "written": sorted(written),
                          "tmp": tmp.f_blocks * tmp.f_frsize, "files": tmp.f_files, "etc": sorted(os.listdir("/etc")),
                          "processes": [int(p) for p in os.listdir("/proc") if p.isdigit()],
                          "interfaces": [name for _, name in socket.if_nameindex()], "fds": sorted(n for n, _ in links),
                          "hostname": socket.gethostname()[:5], "api": os.environ["AWS_LAMBDA_RUNTIME_API"]}
            """)
            self.assertGreater(seen.pop("uid"), 65535)
            self.assertGreater(seen.pop("gid"), 65535)
            fds = seen.pop("fds")
            self.assertEqual(fds, [0, 1, 2, 3])
            self.assertEqual(seen, {
                "groups": [], "pid": 1, "cwd": "/var/task", "image": "yes", "tz": ":UTC", "canary": False, "capabilities": [0, 0, 0, 0],
                "no_new": "1", "filter": "2", "written": ["/dev/shm", "/tmp"], "tmp": 512 * 2**20, "files": 32768, "etc": ["passwd"],
                "processes": [1], "interfaces": ["lo"], "hostname": "kiln-", "api": "127.0.0.1:9001"})
        self.assert_nothing_left(server)

    def test_reaches_no_listener_of_the_host_but_its_own_api(self):
        with self.serve() as server, socket.create_server(("127.0.0.1", 0)) as listener:
            self.deploy(server)
            ports = [listener.getsockname()[1], int(server.url.rsplit(":", 1)[1])]
            self.assertEqual(self.works(server, f"""
                import socket
                result = []
                for port in {ports} + [9001]:
                    with socket.socket() as connection:
                        result.append(connection.connect_ex(("127.0.0.1", port)) == 0)
            """), [False, False, True])

    def test_makes_no_system_call_that_a_sandbox_may_not(self):
        with self.serve() as server:
            server.run("deploy", CALLS, "--name", "calls", "--runtime", "cpp")
            found = {}
            for name, call in REFUSED.items():
                answer, error = self.invoke(server, json.dumps(call), "calls")
                self.assertEqual(error, "", (name, answer))
                found[name] = answer
            self.assertEqual({name: answer for name, answer in found.items() if answer not in (EPERM, ENOSYS)}, {})
            self.assertEqual(self.invoke(server, json.dumps("39"), "calls"), (0, ""))  # getpid works

    def test_ends_for_its_memory_and_says_so(self):
        with self.serve() as server:
            self.deploy(server, "large", "--memory", "128")
            answer = self.fails(server, "x = [b'x' * 10_000_000 for _ in range(200)]", "large")
            self.assertEqual(answer["errorType"], "Runtime.OutOfMemory", answer)
            self.assertIn("memory limit 128 MB", answer["errorMessage"])
            self.works(server, "result = 1", "large")
            reports = [line for line in server.run("logs", "large").stdout.splitlines() if "Max Memory Used" in line]
            self.assertGreater(int(reports[0].split("Max Memory Used: ")[1].split()[0]), 100)
        self.assert_nothing_left(server)

    def test_has_a_limit_of_processes(self):
        with self.serve() as server:
            self.deploy(server, "probe", "--memory", "1024")
            answer = self.fails(server, """
                import os, signal, time
                children = []
                try:
                    while len(children) < 1200:
                        child = os.fork()
                        if child == 0:
                            time.sleep(60)
                            os._exit(0)
                        children.append(child)
                except OSError as error:
                    reason = error.errno
                for child in children:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                raise RuntimeError(len(children))
            """)
            made = int(answer["errorMessage"])
            self.assertLess(made, 1024)
            self.assertGreater(made, 900)
            self.assertIn("The limit of 1024 processes and threads was reached", server.run("logs", "probe").stdout)

    def test_has_a_limit_of_files_and_says_so(self):
        with self.serve() as server:
            self.deploy(server, "probe", "--memory", "1024")
            answer = self.fails(server, "open('/tmp/x', 'wb').write(bytes(600 << 20))")
            self.assertIn(f"[Errno {errno.ENOSPC}]", answer["errorMessage"])
            self.assertIn("/tmp is full: no space is left", server.run("logs", "probe").stdout)

    def test_that_ends_says_how_and_the_next_one_works(self):
        with self.serve() as server:
            self.deploy(server)
            for code, how in (("import os; os._exit(3)", "exit status 3"),
                              ("import ctypes; ctypes.string_at(0)", "signal: segmentation fault")):
                answer = self.fails(server, code)
                self.assertEqual(answer["errorType"], "Runtime.ExitError")
                self.assertIn(how, answer["errorMessage"])
            self.assertEqual(self.works(server, "result = 7"), 7)
        self.assert_nothing_left(server)

    def test_that_overruns_ends_with_all_it_has_started(self):
        with self.serve() as server:
            self.deploy(server)
            server.run("deploy", os.path.join(self.folder.name, "code-probe"), "--name", "probe", "--timeout", "1")
            answer = self.fails(server, "import os, time\nif os.fork() == 0:\n  os.setsid()\ntime.sleep(600)")
            self.assertEqual(answer["errorType"], "Sandbox.Timedout")
            wait_until(lambda: os.listdir(os.path.join(self.data, "containers")) == ["state"], "its container is gone")
        self.assert_nothing_left(server)

    def test_writes_lines_that_are_in_the_log_before_the_end(self):
        with self.serve() as server:
            self.deploy(server)
            for number in range(10):
                self.works(server, f"print('line {number}', flush=True)")
            lines = server.run("logs", "probe").stdout.splitlines()
            for number in range(10):
                at = [i for i, line in enumerate(lines) if line.endswith(f"line {number}")][0]
                self.assertIn("START", lines[at - 1])
                self.assertIn("END", lines[at + 1])

    def test_is_one_of_many_at_once(self):
        with self.serve() as server:
            self.deploy(server)
            code = "import os, time; time.sleep(1); result = os.getuid()"
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                users = list(pool.map(lambda _: self.works(server, code), range(8)))
            self.assertGreater(len(set(users)), 1)
            instances = json.load(urllib.request.urlopen(f"{server.url}/kiln/v1/functions/probe/instances"))["Instances"]
            self.assertEqual(len(set(users)), len(instances))
        self.assert_nothing_left(server)

    def test_ends_with_the_process_beside_it(self):
        with self.serve() as server:
            self.deploy(server)
            self.works(server, "result = 1")
            [instance] = json.load(urllib.request.urlopen(f"{server.url}/kiln/v1/functions/probe/instances"))["Instances"]
            with open(f"/proc/{instance['Pid']}/stat") as file:
                monitor = int(file.read().rsplit(")", 1)[1].split()[1])
            os.kill(monitor, signal.SIGKILL)
            wait_until(lambda: not os.path.exists(f"/proc/{instance['Pid']}"), "it is gone")
            self.works(server, "result = 1")
            # What the monitor would have cleared away.
            subprocess.run([RUNTIME, "--root", os.path.join(self.data, "containers", "state"), "delete", "--force", instance["Id"]],
                           check=True)
        self.assert_nothing_left(server)

    def test_does_not_survive_a_server_that_is_killed(self):
        server = self.serve()
        self.deploy(server)
        self.works(server, "result = 1")
        [instance] = json.load(urllib.request.urlopen(f"{server.url}/kiln/v1/functions/probe/instances"))["Instances"]
        server.process.kill()
        server.kill()
        wait_until(lambda: not os.path.exists(f"/proc/{instance['Pid']}"), "the container is gone")
        wait_until(lambda: not os.listdir(os.path.join(self.data, "containers", "state")), "its state is gone")
        with self.serve() as again:
            self.works(again, "result = 1")
        self.assert_nothing_left(again)


class An_image(Containers):
    def test_is_the_functions_own_where_it_names_one(self):
        digest = self.layout.add("mine:1", [self.base, self.layer({"etc/mine": ("seven", 0o644)})])
        self.layout.add("mine:2", [self.base, self.layer({"etc/mine": ("eight", 0o644), "etc/.wh.passwd": ("", 0o644)})])
        with self.serve() as server:
            self.deploy(server, "one", "--image", "mine:1")
            self.deploy(server, "two", "--image", "mine:2")
            self.deploy(server, "three", "--image", digest)
            code = "import os; result = [open('/etc/mine').read(), os.path.exists('/etc/passwd')]"
            self.assertEqual(self.works(server, code, "one"), ["seven", True])
            self.assertEqual(self.works(server, code, "two"), ["eight", False])
            self.assertEqual(self.works(server, code, "three"), ["seven", True])
            unpacked = os.listdir(os.path.join(self.data, "images"))
            self.assertIn(digest.split(":")[1], unpacked)
            self.assertFalse([name for name in unpacked if name.endswith("unfinished")])

    def test_may_bring_its_own_bootstrap(self):
        with open(os.path.join(BUILD, "libexec", "kiln", PYTHON, "bootstrap"), "rb") as file:
            bootstrap = file.read()
        folder = tempfile.mkdtemp(dir=self.folder.name)
        for source in glob.glob(os.path.join(BUILD, "libexec", "kiln", PYTHON, "*")):
            subprocess.run(["cp", "-rL", source, folder + "/"], check=True)
        inner = os.path.join(folder, "var", "runtime")
        os.makedirs(inner)
        for entry in os.listdir(folder):
            if entry != "var":
                os.rename(os.path.join(folder, entry), os.path.join(inner, entry))
        self.assertTrue(bootstrap)
        with open(os.path.join(inner, "mark"), "w") as file:
            file.write("the image's")
        os.makedirs(os.path.join(folder, "opt"))
        with open(os.path.join(folder, "opt", "mark"), "w") as file:
            file.write("a layer")
        self.layout.add("whole:1", [self.base, layer_of_folder(folder)])
        with self.serve() as server:
            self.deploy(server, "whole", "--image", "whole:1")
            code = "result = [open('/var/runtime/mark').read(), open('/opt/mark').read()]"
            self.assertEqual(self.works(server, code, "whole"), ["the image's", "a layer"])

    def test_that_is_not_there_or_not_whole_is_an_error_that_says_so(self):
        self.layout.add("broken:1", [self.layer({"a": ("b", 0o644)})])
        blobs = os.path.join(self.layout.folder, "blobs", "sha256")
        with open(os.path.join(blobs, self.layout.manifests[-1]["digest"][7:])) as file:
            layer = json.load(file)["layers"][0]
        with open(os.path.join(blobs, layer["digest"][7:]), "ab") as file:
            file.write(b"more")
        self.layout.add("empty:1", [self.layer({"a": ("b", 0o644)})])
        with self.serve() as server:
            for image, reason in (("nowhere:1", "there is no image 'nowhere:1'"), ("broken:1", "is not what its name says")):
                name = image.split(":")[0]
                self.deploy(server, name, "--image", image)
                answer = self.fails(server, "result = 1", name)
                self.assertEqual(answer["errorType"], "Sandbox.Failure")
                self.assertIn(reason, answer["errorMessage"])
            # The bootstrap is there, what loads it is not: that is found when it is executed.
            self.deploy(server, "empty", "--image", "empty:1")
            self.assertEqual(self.fails(server, "result = 1", "empty")["errorType"], "Runtime.ExitError")
            self.assertIn("no such file or directory", server.run("logs", "empty").stdout)
        self.assert_nothing_left(server)


class A_container_runtime(Containers):
    def test_that_hangs_fails_the_call_and_is_ended(self):
        hanging = os.path.join(self.folder.name, "hangs")
        with open(hanging, "w") as file:
            file.write(f"#!/bin/sh\ntail -f {self.data}/lock &\nexec tail -f {self.data}/lock\n")
        os.chmod(hanging, 0o755)
        with self.serve() as server:
            self.deploy(server)
            self.works(server, "result = 1")  # so that the image is unpacked
        server = KilnServer(BUILD, data=self.data, isolation="oci",
                            arguments=["--oci-images", self.layout.folder, "--oci-runtime", hanging, "--init-timeout", "2"])
        with server:
            answer = self.fails(server, "result = 1")
            self.assertEqual(answer["errorType"], "Sandbox.Failure")
            self.assertIn("could not start the container in time", answer["errorMessage"])
            wait_until(lambda: os.listdir(os.path.join(self.data, "containers")) == ["state"], "it has been given up")
        self.assert_nothing_left(server)


class A_server(Containers):
    def refused(self, *arguments):
        done = subprocess.run([os.path.join(BUILD, "bin", "kiln"), "serve", "--data", self.data, "--listen", "127.0.0.1:0",
                               "--operations-listen", "127.0.0.1:0", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 10, done.stderr)
        return done.stderr

    def test_says_what_it_needs_for_containers(self):
        self.assertIn("--oci-images DIR", self.refused("--isolation", "oci"))
        self.assertIn("there is no program no-such-runtime",
                      self.refused("--isolation", "oci", "--oci-images", self.layout.folder, "--oci-runtime", "no-such-runtime"))

    def test_with_another_isolation_has_them_for_functions_that_ask(self):
        server = KilnServer(BUILD, data=self.data, isolation="auto", arguments=["--oci-images", self.layout.folder])
        with server:
            self.deploy(server, "asks", "--isolation", "oci")
            self.deploy(server, "asks-not")
            code = "import os; result = [os.environ.get('FROM_THE_IMAGE'), os.getuid()]"
            first, second = self.works(server, code, "asks"), self.works(server, code, "asks-not")
            self.assertEqual(first[0], "yes")
            self.assertIsNone(second[0])
            self.assertNotEqual(first[1], second[1])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
