# SPDX-License-Identifier: Apache-2.0
# One real server for all tests of a class, spoken to with http.client and raw sockets, and small functions made as zips in
# memory. Every wait is for a condition, with a deadline.
import base64
import http.client
import io
import json
import os
import re
import socket
import sys
import threading
import time
import unittest
import urllib.parse
import zipfile

SOURCE, BUILD = os.environ["KILN_SOURCE"], os.environ["KILN_BUILD"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402  (its folder must be on the path first)
from shared_folder import TELL, SharedFolder  # noqa: E402
from waiting import wait_until  # noqa: E402

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
FUNCTIONS = "/2015-03-31/functions"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

# The function most tests call. It does what its event says, in this order, and tells which instance has done it. Numbers of
# processes are the host's.
PROBE = TELL + '''
import os
import signal
import subprocess
import sys
import time

VERSION = "old"
OPT = os.path.dirname(os.environ["LD_LIBRARY_PATH"].rsplit(":", 1)[1])
pid = tell(os.path.join(OPT, "pids"))
calls = 0


def handler(event, context):
    global calls
    calls += 1
    if "print" in event:
        print(event["print"])
    if "here" in event:
        tell(event["here"])
    while "until" in event and not os.path.exists(event["until"]):
        time.sleep(0.005)
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "allocate" in event:
        block = b"x" * event["allocate"]
    if "flood" in event:
        line = "y" * 999 + "\\n"
        for _ in range(event["flood"]):
            sys.stdout.write(line * 1000)
    child = None
    if "leave" in event:
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            os.write(write_end, str(tell(os.path.join(OPT, "pids"))).encode())
            os.execvp("sleep", ["sleep", "1000"])
        child = int(os.read(read_end, 64))
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    if "sys.exit" in event:
        sys.exit(event["sys.exit"])
    if "signal" in event:
        os.kill(os.getpid(), event["signal"])
        time.sleep(1000)
    return {"calls": calls, "pid": pid, "version": VERSION, "id": context.aws_request_id, "child": child}
'''


def zip_of(files):
    """A zip in memory. `files`: name → text or bytes; a pair (content, mode) gives the file's mode, 0644 otherwise."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            content, mode = content if isinstance(content, tuple) else (content, 0o644)
            entry = zipfile.ZipInfo(name, (2025, 1, 1, 12, 0, 0))
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content)
    return out.getvalue()


def bootstrap(body, options=" -E", **modules):
    """A package for the runtime `provided`: `body` in Python, behind the words it needs to speak to the Runtime API. `options`
    of the interpreter; `modules`: name → text."""
    return zip_of({**{f"{name}.py": text for name, text in modules.items()},
                   "bootstrap": (f"#!{sys.executable}{options}\n" + '''
import http.client, json, os, signal, socket, subprocess, sys, time
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime"

def connect():
    return http.client.HTTPConnection(api)

def ask(connection, method, path, body=None, headers={}):
    connection.request(method, base + path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()

def next_event(connection):
    answer, body = ask(connection, "GET", "/invocation/next")
    return answer.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(body), answer.headers

def respond(connection, request_id, result):
    return ask(connection, "POST", f"/invocation/{request_id}/response", json.dumps(result))[0].status
''' + body, 0o755)})


def alive(pid):
    """Whether a process runs: one that has ended and waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def log_tail(self):
        return base64.b64decode(self.headers["X-Amz-Log-Result"]).decode()

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


class Call:
    """A request under way in a thread of its own."""

    def __init__(self, function):
        self.outcome = None

        def run():
            try:
                self.outcome = function()
            except Exception as failure:  # told to whoever asks for the answer
                self.outcome = failure

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def done(self):
        return not self.thread.is_alive()

    def answer(self):
        self.thread.join(PATIENCE)
        assert self.done(), "no answer in time"
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class ServerTest(unittest.TestCase):
    """Base of the tests: `self.server` runs for the whole class; each test makes functions under names of its own."""

    maxDiff = None
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.shared = SharedFolder()
        cls.addClassCleanup(cls.shared.close)
        cls.server = KilnServer(BUILD, arguments=cls.arguments, shared=cls.shared)
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def tearDownClass(cls):
        # What a test found out must not hide that the server did not end well.
        assert cls.server.stop() == 0, "".join(cls.server.log)

    def setUp(self):
        self.marks = 0

    # --- requests ---

    def request(self, method, path, body=None, headers=None, server=None):
        where = urllib.parse.urlsplit((server or self.server).url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def create(self, name, package=None, *, runtime=PYTHON, handler="index.handler", server=None, kiln=None, **members):
        """CreateFunction; `package` is a zip, or the text of index.py. Kiln's own settings go into `kiln`."""
        package = zip_of({"index.py": package or PROBE}) if not isinstance(package, bytes) else package
        body = {"FunctionName": name, "Runtime": runtime, "Handler": handler,
                "Code": {"ZipFile": base64.b64encode(package).decode()}, **members}
        if kiln:
            body["Kiln"] = kiln
        answer = self.request("POST", FUNCTIONS, json.dumps(body), server=server)
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def invoke(self, name, event=None, headers=None, server=None):
        body = b"" if event is None else event
        if not isinstance(body, bytes):
            body = (server or self.server).inside(json.dumps(event)).encode()
        return self.request("POST", f"{FUNCTIONS}/{name}/invocations", body, headers, server)

    def invoke_later(self, name, event=None, headers=None):
        return Call(lambda: self.invoke(name, event, headers))

    def mark(self):
        """A path in the shared folder where nothing is yet: functions and tests tell each other things by files."""
        self.marks += 1
        return self.shared.file(f"{self.id()}-{self.marks}")

    def busy(self, name, event=None):
        """A call that has reached its handler; it ends once the returned path exists."""
        here, until = self.mark(), self.mark()
        call = self.invoke_later(name, {"here": here, "until": until, **(event or {})})
        wait_until(lambda: os.path.exists(here) or call.done(), "the call has begun")
        self.assertFalse(call.done(), call.outcome)
        return call, until

    @staticmethod
    def release(path):
        open(path, "w").close()

    # --- what is to be seen ---

    def instances(self, name, server=None):
        return self.request("GET", f"/kiln/v1/functions/{name}/instances", server=server).json["Instances"]

    def log(self, name, **query):
        return self.request("GET", f"/kiln/v1/functions/{name}/logs?{urllib.parse.urlencode(query)}").body.decode()

    def metric(self, series):
        where = urllib.parse.urlsplit(self.server.operations_url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        found = re.search("^" + re.escape(series) + r" (\S+)$", text, re.MULTILINE)
        self.assertTrue(found, f"no {series} in\n{text}")
        return float(found[1])

    def assert_result(self, answer, **members):
        self.assertEqual(answer.status, 200, answer)
        self.assertNotIn("X-Amz-Function-Error", answer.headers, answer)
        self.assertEqual({key: answer.json.get(key) for key in members}, members)
        return answer.json

    def assert_error(self, answer, status, kind, message, text_member="message"):
        """An error of the service: status, x-amzn-ErrorType, its text under the member that kind has."""
        self.assertEqual((answer.status, answer.headers["x-amzn-ErrorType"]), (status, kind), answer)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertRegex(answer.headers["x-amzn-RequestId"], f"^{UUID}$")
        self.assertEqual(answer.json.get(text_member), message, answer)

    def assert_function_error(self, answer, kind, message):
        """An error the platform found: errorType and errorMessage, and nothing else."""
        self.assertEqual((answer.status, answer.headers["X-Amz-Function-Error"]), (200, "Unhandled"), answer)
        message = message.replace("{id}", answer.headers["x-amzn-RequestId"])
        self.assertEqual(answer.json, {"errorType": kind, "errorMessage": message})

    def assert_serves(self, name="still-serving"):
        """Whatever has happened: a function can be made, called and deleted."""
        self.create(name)
        self.assert_result(self.invoke(name), calls=1)
        self.assertEqual(self.request("DELETE", f"{FUNCTIONS}/{name}").status, 204)


def raw(server):
    """A connected socket to the public listener."""
    where = urllib.parse.urlsplit(server.url)
    connection = socket.create_connection((where.hostname, where.port), PATIENCE)
    return connection


def read_to_end(connection):
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
