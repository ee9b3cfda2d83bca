# SPDX-License-Identifier: Apache-2.0
# A server whose instances are containers, functions that do what they are told, and images of layers made here.
import glob
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.request

SOURCE, BUILD, CALLS, PYTHON = sys.argv[1:5]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from oci_layout import OciLayout, layer_of_folder  # noqa: E402
from root_file_system import make_root  # noqa: E402

RUNTIME = os.environ.get("KILN_TEST_OCI_RUNTIME", "runc")  # which of them is tried
FUNCTION = """
def handler(event, context):
    scope = {}
    exec(event["code"], scope)
    return scope.get("result")
"""


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE} s: {what}")
        time.sleep(0.01)


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("these tests need root: containers do")
        cls.folder = tempfile.TemporaryDirectory(prefix="kiln-oci-test-")
        cls.addClassCleanup(cls.folder.cleanup)
        root = os.path.join(cls.folder.name, "root")
        libexec = os.path.join(BUILD, "libexec", "kiln")
        make_root(root, [os.path.join(libexec, runtime, "bootstrap") for runtime in (PYTHON, "cpp")], PYTHON)
        cls.base = layer_of_folder(root)
        cls.layout = OciLayout(os.path.join(cls.folder.name, "layout"))
        cls.layout.add(PYTHON, [cls.base], ["FROM_THE_IMAGE=yes", "TZ=overridden"])
        cls.layout.add("cpp", [cls.base])
        cls.data = os.path.join(cls.folder.name, "data")

    def serve(self, *arguments):
        os.environ["KILN_TEST_CANARY"] = "kiln-canary"
        server = KilnServer(BUILD, data=self.data, isolation="oci",
                            arguments=["--oci-images", self.layout.folder, "--oci-runtime", RUNTIME, *arguments])
        self.addCleanup(server.kill)
        return server

    def layer(self, files):
        folder = tempfile.mkdtemp(dir=self.folder.name)
        for path, (text, mode) in files.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w") as file:
                file.write(text)
            os.chmod(os.path.join(folder, path), mode)
        return layer_of_folder(folder)

    def deploy(self, server, name="probe", *options):
        folder = os.path.join(self.folder.name, "code-" + name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "index.py"), "w") as file:
            file.write(FUNCTION)
        server.run("deploy", folder, "--name", name, "--timeout", "30", *options)

    def invoke(self, server, event, name="probe"):
        if not isinstance(event, str):
            event = json.dumps(event)
        request = urllib.request.Request(f"{server.url}/2015-03-31/functions/{name}/invocations", event.encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")

    def works(self, server, code, name="probe"):
        answer, error = self.invoke(server, {"code": textwrap.dedent(code)}, name)
        self.assertEqual(error, "", answer)
        return answer

    def fails(self, server, code, name="probe"):
        answer, error = self.invoke(server, {"code": textwrap.dedent(code)}, name)
        self.assertEqual(error, "Unhandled", answer)
        return answer

    def assert_nothing_left(self, server):
        self.assertEqual(os.listdir(os.path.join(self.data, "containers")), ["state"])
        self.assertEqual(os.listdir(os.path.join(self.data, "containers", "state")), [])
        self.assertEqual(glob.glob("/sys/fs/cgroup/*/kiln-oci-*"), [])
        self.assertEqual(subprocess.run(["pgrep", "-f", self.data], capture_output=True, text=True).stdout, "")
