# SPDX-License-Identifier: Apache-2.0
# A server whose instances are in sandboxes, the functions that try from inside what must not work, in Python and in C, and
# what is seen of both from outside. Each test of this folder is run as: TEST SOURCE BUILD PROBE [unittest's arguments].
import glob
import json
import os
import sys
import textwrap
import unittest
import urllib.request

SOURCE, BUILD, PROBE = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402

HERE = os.path.join(SOURCE, "tests", "integration", "sandbox")
FUNCTIONS = os.path.join(HERE, "functions")
CANARY = "kiln-canary-8d7c1b"
LANGUAGES = ("python", "c")


def run():
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)


def invoke(server, name, event):
    """The answer, and the error type (empty: it worked)."""
    request = urllib.request.Request(f"{server.url}/2015-03-31/functions/{name}/invocations", json.dumps(event).encode(),
                                     method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")


class SandboxTest(unittest.TestCase):
    arguments = ()
    prefix = ()

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("these tests need root: a sandbox does")
        os.environ["KILN_TEST_CANARY"] = CANARY
        cls.server = KilnServer(BUILD, isolation="sandbox", arguments=cls.arguments, prefix=cls.prefix)
        cls.addClassCleanup(cls.server.kill)
        cls.deploy("inside", "python", "--timeout", "60", "--memory", "512")
        cls.deploy("probe", "c", "--timeout", "60", "--memory", "512")

    @classmethod
    def deploy(cls, name, language, *options):
        """`language`: Python that runs what it is sent; C with the probes; or a folder of functions/."""
        if language == "c":
            cls.server.run("deploy", PROBE, "--name", name, "--runtime", "cpp", *options)
        else:
            folder = "inside" if language == "python" else language
            cls.server.run("deploy", os.path.join(FUNCTIONS, folder), "--name", name, *options)

    def run_inside(self, code, name="inside"):
        """What the Python leaves in `result`."""
        answer, error = invoke(self.server, name, {"code": textwrap.dedent(code)})
        self.assertEqual(error, "", answer)
        return answer

    def fails_inside(self, code, name="inside"):
        answer, error = invoke(self.server, name, {"code": textwrap.dedent(code)})
        self.assertEqual(error, "Unhandled", answer)
        return answer

    def probe(self, words, name="probe"):
        """What a probe in C answers: errno by what was tried."""
        answer, error = invoke(self.server, name, words)
        self.assertEqual(error, "", answer)
        return {what: value for what, value in answer.items() if what != "instance"}

    def probe_fails(self, words, name="probe"):
        answer, error = invoke(self.server, name, words)
        self.assertEqual(error, "Unhandled", answer)
        return answer

    def log(self, name):
        return self.server.run("logs", name).stdout


def instances_of(server, name):
    with urllib.request.urlopen(f"{server.url}/kiln/v1/functions/{name}/instances", timeout=PATIENCE) as answer:
        return json.load(answer)["Instances"]


def programs_of(server, name):
    """The host's numbers of the programs in the sandboxes of a function."""
    return [instance["Pid"] for instance in instances_of(server, name)]


def processes_with(argument):
    """Those of the host that were executed with it."""
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
    """A row of its status, or nothing where it has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split(":", 1)[1].split()[0]
    except OSError:
        pass
    return ""


def children_of(pid):
    return [number for number, parent in parents().items() if parent == pid]


def parents():
    """The parent of each process of the host."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                found[int(path.split("/")[2])] = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass  # it has just ended
    return found


def descendants_of(pid):
    parent_of = parents()
    found = [pid]
    for one in found:
        found.extend(number for number, parent in parent_of.items() if parent == one)
    return found[1:]


def own_groups(pid):
    """The server's folder in each tree of control groups."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file if " - cgroup" in line]
    found = set()
    for point in points:
        for folder, folders, _ in os.walk(point):
            if f"kiln-{pid}" in folders:
                found.add(os.path.join(folder, f"kiln-{pid}"))
    return found
