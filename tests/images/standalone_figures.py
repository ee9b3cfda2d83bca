# SPDX-License-Identifier: Apache-2.0
# What the standalone server costs: from a container's start to its first answer, each warm call, its memory.
import contextlib
import json
import os
import re
import secrets
import socket
import statistics
import time
import urllib.request

from containers import FUNCTIONS, SOURCE, image, podman
from waiting import PATIENCE, free_ports, wait_until

EXAMPLE = os.path.join(SOURCE, "examples", "hello-python")
REQUEST = b"POST /2015-03-31/functions/%s/invocations HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.contextmanager
def container(name, *command, options=(), **variables):
    own = f"kiln-test-{secrets.token_hex(6)}"
    podman("run", "--detach", "--name", own, "--network=host", f"--volume={EXAMPLE}:/var/task:ro",
           *(f"--env={key}={value}" for key, value in variables.items()), *options, image(name), *command)
    try:
        yield own
    finally:
        podman("rm", "--force", "--time=0", own)


def standalone(port, operations):
    return {"PORT": str(port), "KILN_OPERATIONS_PORT": str(operations), "KILN_HOST": "127.0.0.1"}


def first_answer(port):
    """Waits for it; the time between two attempts is a hundredth of what is measured."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as answer:
                if answer.status == 200:
                    answer.read()
                    return
        except OSError:
            time.sleep(0.001)
    raise AssertionError("no answer")


def standalone_start(rounds=15):
    """Interleaved with the same image's interpreter, which serves a file."""
    def start(*command, options=(), variables=()):
        began = time.monotonic()
        with container("python", *command, options=options, **dict(variables)):
            first_answer(int(port))
            return time.monotonic() - began

    ours, bare = [], []
    for _ in range(rounds):
        port, operations = free_ports(2)
        ours.append(start("index.handler", variables=standalone(port, operations)))
        port, = free_ports(1)
        bare.append(start("-m", "http.server", "--bind", "127.0.0.1", str(port), options=["--entrypoint=python3"]))
    ratios = [a / b for a, b in zip(ours, bare)]
    return {"standalone_start": (statistics.median(ratios), ratios,
                                 f"ours {statistics.median(ours) * 1000:.0f} ms, python3 -m http.server {statistics.median(bare) * 1000:.0f} ms")}


class Invoker:
    """The leanest that Python has: one connection, bytes that are there already."""

    def __init__(self, port, function):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = REQUEST % function
        self.length = 0
        for _ in range(300):
            self.call()

    def call(self):
        self.socket.sendall(self.request)
        answer = self.socket.recv(65536)
        while not answer.endswith(b'"Hello Serverless"'):
            more = self.socket.recv(65536)
            if not more:
                raise AssertionError(f"not an answer: {answer!r}")
            answer += more
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(f"not an answer: {answer!r}")

    def p50(self, calls):
        times = []
        for _ in range(calls):
            began = time.perf_counter_ns()
            self.call()
            times.append(time.perf_counter_ns() - began)
        return statistics.median(times) / 1000


def standalone_warm(rounds=15, calls=2000):
    """Both in containers of their own, both with the same function; rounds take turns."""
    port, operations, served, served_operations = free_ports(4)
    endpoint = f"--env=KILN_ENDPOINT=http://127.0.0.1:{served}"
    with container("python", "index.handler", **standalone(port, operations)), \
            container("control-server", "serve", "--data", "/data", "--listen", f"127.0.0.1:{served}", "--operations-listen",
                      f"127.0.0.1:{served_operations}") as server:
        first_answer(port)
        wait_until(lambda: "ready " in podman("logs", server).stdout, "the control server")
        podman("exec", endpoint, "--env=HOME=/tmp", server, "kiln", "deploy", "/var/task", "--name", "hello")
        pair = Invoker(port, b"function"), Invoker(served, b"hello")
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(pair[0].p50(calls))
            theirs.append(pair[1].p50(calls))
    ratios = [a / b for a, b in zip(ours, theirs)]
    return {"standalone_warm": (statistics.median(ratios), ratios,
                                f"standalone {statistics.median(ours):.1f} us, control server {statistics.median(theirs):.1f} us, "
                                f"{calls} calls a round")}


def standalone_memory(rounds=3):
    samples, detail = [], ""
    for _ in range(rounds):
        port, operations = free_ports(2)
        with container("python", "index.handler", options=["--memory=128m"], **standalone(port, operations)) as name:
            first_answer(port)
            wait_until(lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{operations}/scale"))["in_flight"] == 0, "idleness")
            parts = {}
            for pid in processes_below(int(podman("inspect", "--format", "{{.State.Pid}}", name).stdout)):
                with open(f"/proc/{pid}/smaps_rollup") as rollup:
                    kib = int(re.search(r"^Pss: +(\d+) kB", rollup.read(), re.MULTILINE)[1])
                with open(f"/proc/{pid}/comm") as comm:
                    parts.setdefault(comm.read().strip(), []).append(kib * 1024 / 1_000_000)
            samples.append(sum(map(sum, parts.values())))
            detail = "PSS in MB: " + ", ".join(f"{comm} {' + '.join(format(part, '.2f') for part in all_)}" for comm, all_ in parts.items())
    return {"standalone_memory": (statistics.median(samples), samples, detail)}


def processes_below(pid):
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as children:
            for child in children.read().split():
                found += processes_below(int(child))
    return found
