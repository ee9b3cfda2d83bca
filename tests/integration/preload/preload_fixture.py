# SPDX-License-Identifier: Apache-2.0
# What tests of preloaded functions have in common: the server, functions that run what they are sent, a look at processes.
import concurrent.futures
import json
import os
import shutil
import sys
import tempfile
import textwrap
import unittest
import urllib.request

SOURCE, BUILD = sys.argv[1:3]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from waiting import wait_until  # noqa: E402

# What every function here begins with: what it remembers of its loading, and a handler that runs what it is sent.
MODULE = """
    import os, random, tempfile, time, uuid
    LOADED = {"at": time.time_ns(), "uuid": str(uuid.uuid4()), "random": random.random()}

    def handler(event, context):
        names = {"LOADED": LOADED, "context": context, "result": None, **globals()}
        exec(event["code"], names)
        return names["result"]
"""
SLOWLY = "import time\ntime.sleep(0.3)\n"


def processes():
    """(number, its parent's, name) of every process here."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/stat") as stat:
                text = stat.read()
        except OSError:
            continue
        yield int(number), int(text.rsplit(")", 1)[1].split()[1]), text.split("(", 1)[1].rsplit(")", 1)[0]


def descendants(pid):
    """The names of all processes below `pid`, by number."""
    everybody = list(processes())
    found, parents = {}, {pid}
    while parents:
        below = {number: name for number, parent, name in everybody if parent in parents and number not in found}
        found.update(below)
        parents = set(below)
    return found


class PreloadTest(unittest.TestCase):
    arguments = ()

    def setUp(self):
        if os.geteuid() != 0:
            raise AssertionError("these tests need root: a sandbox does")
        self.server = KilnServer(BUILD, isolation="sandbox", arguments=self.arguments)
        self.addCleanup(self.server.kill)
        self.folder = tempfile.mkdtemp(prefix="kiln-preload-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def code(self, name, module=MODULE, more=""):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "index.py"), "w") as file:
            file.write(textwrap.dedent(module) + textwrap.dedent(more))
        return folder

    def deploy(self, name, *options, module=MODULE, more="", preload=True):
        self.server.run("deploy", self.code(name, module, more), "--name", name, "--timeout", "60",
                        *(["--preload"] if preload else []), *options)

    def call(self, name, code="result = LOADED"):
        """The answer, and the kind of error it is."""
        event = json.dumps({"code": textwrap.dedent(code)}).encode()
        request = urllib.request.Request(f"{self.server.url}/2015-03-31/functions/{name}/invocations", event, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer), answer.headers.get("X-Amz-Function-Error", "")

    def invoke(self, name, code="result = LOADED"):
        body, error = self.call(name, code)
        self.assertEqual(error, "", body)
        return body

    def at_once(self, name, count, code="result = LOADED"):
        with concurrent.futures.ThreadPoolExecutor(count) as invokers:
            return list(invokers.map(lambda _: self.invoke(name, SLOWLY + textwrap.dedent(code)), range(count)))

    def view(self, name):
        with urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/{name}/instances") as answer:
            return json.load(answer)

    def wait_for_forks(self, name):
        wait_until(lambda: self.view(name)["Preloaded"] == 2, "two forks stand ready")

    def begin(self, name, *options, **more):
        """Deploys it and has its snapshot made, as the first cold start does; no instance is left."""
        self.deploy(name, "--idle", "0", *options, **more)
        self.invoke(name, "result = 1")
        self.wait_for_forks(name)
        wait_until(lambda: not self.view(name)["Instances"], "the first instance has gone")

    def named(self, name):
        return [pid for pid, its in descendants(self.server.process.pid).items() if its == name]

    def snapshot(self):
        return wait_until(lambda: len(found := self.named("kiln-snapshot")) == 1 and found[0], "there is one snapshot")

    def log_of(self, name):
        return self.server.run("logs", name).stdout
