# SPDX-License-Identifier: Apache-2.0
# The example for podman (examples/launchers/podman), with real containers of an image made here. As root.
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
import urllib.request

SOURCE, BUILD, PYTHON = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from root_file_system import make_root  # noqa: E402

COMMAND = os.path.join(SOURCE, "examples", "launchers", "podman", "launch")
IMAGE = f"localhost/kiln-launch-test-{os.getpid()}"

# What a machine in a container of its own allows; elsewhere it changes nothing that matters here.
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""

FUNCTION = """
import json, os, sys
def handler(event, context):
    scope = {}
    exec(event["code"], scope)
    return scope.get("result")
"""


def podman(*arguments, check=True):
    return subprocess.run(["podman", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check,
                          timeout=PATIENCE).stdout


class Podman(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="kiln-podman-test-")
        cls.addClassCleanup(cls.folder.cleanup)
        conf = os.path.join(cls.folder.name, "containers.conf")
        with open(conf, "w") as file:
            file.write(CONTAINERS_CONF)
        os.environ["CONTAINERS_CONF"] = conf
        os.environ["KILN_IMAGE_" + PYTHON.upper().replace(".", "_")] = IMAGE
        root = os.path.join(cls.folder.name, "root")
        make_root(root, [os.path.join(BUILD, "libexec", "kiln", PYTHON, "bootstrap")], PYTHON)
        archive = os.path.join(cls.folder.name, "root.tar")
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        podman("import", archive, IMAGE)
        cls.addClassCleanup(podman, "rmi", "--force", IMAGE, check=False)

    def setUp(self):
        self.server = KilnServer(BUILD, isolation="command", arguments=["--launch-command", COMMAND])
        self.addCleanup(self.server.kill)

    def deploy(self, name, *options):
        folder = os.path.join(self.folder.name, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "index.py"), "w") as file:
            file.write(FUNCTION)
        self.server.run("deploy", folder, "--name", name, "--timeout", "30", *options)

    def invoke(self, code, name="probe"):
        request = urllib.request.Request(f"{self.server.url}/2015-03-31/functions/{name}/invocations",
                                         json.dumps({"code": textwrap.dedent(code)}).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")

    def works(self, code, name="probe"):
        answer, error = self.invoke(code, name)
        self.assertEqual(error, "", answer)
        return answer

    def containers(self):
        instances = json.load(urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/probe/instances"))["Instances"]
        return ["kiln-" + instance["Id"] for instance in instances]

    def test_an_instance_is_a_container_with_its_limits(self):
        self.deploy("probe", "--memory", "256", "--env", "LINES=one\ntwo", "--env", "PLAIN=a b # c")
        seen = self.works("""
            import os
            print("hello from a container", flush=True)
            def written(path):
                try:
                    open(path, "w").close()
                    return True
                except OSError:
                    return False
            with open("/proc/self/status") as file:
                status = dict(line.split(":", 1) for line in file.read().splitlines())
            tmp = os.statvfs("/tmp")
            result = {"uid": os.getuid(), "pid": os.getpid(), "task": os.getcwd(), "lines": os.environ["LINES"],
                      "plain": os.environ["PLAIN"], "capabilities": int(status["CapEff"], 16), "no_new": status["NoNewPrivs"].strip(),
                      "tmp": tmp.f_blocks * tmp.f_frsize, "written": [written(p) for p in ("/x", "/var/task/x", "/etc/x", "/tmp/x")]}
        """)
        self.assertEqual(seen, {"uid": 65534, "pid": 1, "task": "/var/task", "lines": "one\ntwo", "plain": "a b # c",
                                "capabilities": 0, "no_new": "1", "tmp": 512 * 2**20, "written": [False, False, False, True]})
        self.assertIn("hello from a container", self.server.run("logs", "probe").stdout)
        [container] = self.containers()
        limits = json.loads(podman("inspect", "--format", "{{json .HostConfig}}", container))
        self.assertEqual((limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]), (256 * 2**20, 256 * 2**20, 1024))
        self.assertEqual(self.server.stop(), 0)
        self.assertNotIn(container, podman("ps", "--all", "--format", "{{.Names}}"))

    def test_its_end_is_told_and_the_next_one_works(self):
        self.deploy("probe")
        for code, how in (("import os; os._exit(3)", "exit status 3"), ("import ctypes; ctypes.string_at(0)", "signal: segmentation fault"),
                          ("x = b'x' * 400_000_000", "signal: killed")):
            answer, error = self.invoke(code)
            self.assertEqual(error, "Unhandled")
            self.assertIn(answer["errorType"], ("Runtime.ExitError", "Runtime.OutOfMemory"))
            self.assertIn(how, answer["errorMessage"])
        self.assertEqual(self.works("result = 7"), 7)

    def test_no_image_is_an_error_that_says_so(self):
        self.deploy("probe", "--image", "localhost/there-is-no-such-image:1")
        answer, error = self.invoke("result = 1")
        self.assertEqual(error, "Unhandled")
        self.assertEqual(answer["errorType"], "Sandbox.Failure")
        self.assertIn("localhost/there-is-no-such-image:1", answer["errorMessage"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
