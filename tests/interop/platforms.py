# SPDX-License-Identifier: Apache-2.0
# Where functions run: kiln's control server, and the official emulator. Both take the same calls, and answer failures
# differently: `error_of` is what they have in common.
import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request

from kiln_server import PATIENCE, KilnServer
from waiting import free_ports, listens, wait_until


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


class Caller:
    """One connection of an invoker, kept open from call to call."""

    def __init__(self, url, name):
        place = urllib.parse.urlsplit(url)
        self.path = f"/2015-03-31/functions/{name}/invocations"
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def invoke(self, event, **headers):
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.connection.request("POST", self.path, body, {"Content-Type": "application/json", **headers})
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


class Function:
    """A function that can be called. `close` takes it away, and its instances."""

    def __init__(self, url, name, close):
        self.url, self.name, self.close = url, name, close

    def caller(self):
        return Caller(self.url, self.name)

    def invoke(self, event, **headers):
        with self.caller() as caller:
            return caller.invoke(event, **headers)

    def command(self, command, **members):
        return self.invoke({"command": command, **members})


def client_context(document):
    return {"X-Amz-Client-Context": base64.b64encode(json.dumps(document).encode()).decode()}


def alive(pid):
    """Whether a process is there and has not ended: a zombie is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class KilnPlatform:
    """The control server, with official clients as functions of the runtime `provided`."""

    def __init__(self, build):
        # The clients lie in folders of this machine, and what they tell is compared with what this machine sees of them.
        self.server = KilnServer(build, isolation="process")
        self.deployed = 0

    def stop(self):
        """As an operator does: the exit status."""
        return self.server.stop()

    def kill(self):
        self.server.kill()

    def python(self):
        """The name of kiln's own Python runtime here."""
        name, = (each for each in self.server.run("runtimes").stdout.split() if each.startswith("python3"))
        return name

    def deploy(self, package, *, handler=None, timeout=30, environment=None, concurrency=1, max_instances=8):
        self.deployed += 1
        name = f"function-{self.deployed}"
        options = [option for key, value in (environment or {}).items() for option in ("--env", f"{key}={value}")]
        self.server.run("deploy", package.folder, "--name", name, "--runtime", package.runtime, "--handler", handler or package.handler,
                        "--no-build", "--memory", "512", "--timeout", str(timeout), "--concurrency", str(concurrency),
                        "--max-instances", str(max_instances), *options)
        return Function(self.server.url, name, lambda: self.server.run("delete", name))

    def pids(self, function):
        """Of the instances that the server counts on."""
        with urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/{function.name}/instances", timeout=PATIENCE) as answer:
            return {each["Pid"] for each in json.load(answer)["Instances"]}

    @staticmethod
    def error_of(answer):
        """The error as a document, or None where the function succeeded."""
        if "X-Amz-Function-Error" not in answer.headers:
            if answer.status == 200:
                return None
            raise AssertionError(f"refused: {answer}")
        return answer.json()

    def explain(self):
        return "".join(self.server.log[-20:])


class EmulatorPlatform:
    """The official emulator: one process a function, which starts kiln's bootstrap at the first call and again after each end."""

    def __init__(self, emulator):
        self.program = os.path.join(emulator, "aws-lambda-rie")
        self.running = []
        self.folder = tempfile.TemporaryDirectory(prefix="kiln-emulator-")

    def deploy(self, package, *, timeout=30, environment=None, **_):
        log = open(os.path.join(self.folder.name, f"log-{len(self.running)}"), "w+")
        # Both ports are taken by the emulator itself: between the search and its start somebody else may have one.
        for _attempt in range(5):
            ports = free_ports(2)
            process = subprocess.Popen(
                [self.program, "--runtime-api-address", f"127.0.0.1:{ports[0]}", "--runtime-interface-emulator-address",
                 f"127.0.0.1:{ports[1]}", package.bootstrap, package.handler],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=package.folder,
                env={"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": package.folder, "TMPDIR": self.folder.name,
                     "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout), "AWS_LAMBDA_FUNCTION_NAME": "function",
                     **(environment or {})})
            wait_until(lambda: listens(ports[1]) or process.poll() is not None, "the emulator listens")
            if process.poll() is None:
                break
        else:
            raise AssertionError(f"the emulator does not come up: {self.explain()}")
        self.running.append((process, log))
        return Function(f"http://127.0.0.1:{ports[1]}", "function", lambda: self.end(process))

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        if process.poll() is None:
            process.kill()
        return process.wait(PATIENCE)

    def stop(self):
        return max(self.end(process) for process, _ in self.running)

    def kill(self):
        for process, log in self.running:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)
            log.close()
        self.folder.cleanup()

    @staticmethod
    def error_of(answer):
        text = answer.body.decode(errors="replace")
        if re.fullmatch(r"Task timed out after \d+\.\d\d seconds", text):
            return {"errorType": "Sandbox.Timedout", "errorMessage": text}
        with contextlib.suppress(ValueError):
            document = json.loads(text)
            if isinstance(document, dict) and "errorType" in document:
                return document
        if answer.status == 200:
            return None
        raise AssertionError(f"neither a result nor an error: {answer}")

    def explain(self):
        texts = []
        for _, log in self.running:
            log.seek(0)
            texts.append("".join(log.readlines()[-20:]))
        return "\n---\n".join(texts)
