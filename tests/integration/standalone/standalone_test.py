# SPDX-License-Identifier: Apache-2.0
# The standalone server as its image's entrypoint: what its port answers, when it listens, how it ends.
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SOURCE, BUILD = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from waiting import PATIENCE, wait_until  # noqa: E402

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PROGRAM = os.path.join(BUILD, "bin", "kiln-standalone")

FUNCTION = """
import json
import os
import time

if os.environ.get("CRASHES") and os.path.exists(os.environ["CRASHES"]):
    with open(os.environ["CRASHES"], "a") as crashes:
        crashes.write("x")
    os._exit(7)
if os.environ.get("FAIL_INIT"):
    raise RuntimeError(os.environ["FAIL_INIT"])
while os.environ.get("INIT_GATE") and not os.path.exists(os.environ["INIT_GATE"]):
    time.sleep(0.01)
COUNT = 0


def handler(event, context):
    global COUNT
    COUNT += 1
    path = event.get("rawPath", "")
    if path == "/die":
        os._exit(3)
    if path == "/wait":
        open(os.environ["STARTED"], "w").close()
        while not os.path.exists(os.environ["GATE"]):
            time.sleep(0.01)
        return "waited"
    if path == "/slow":
        time.sleep(30)
    if path == "/stream":
        return stream()
    if path == "/headers":
        return event["headers"]
    if path == "/env":
        return {"function": context.function_name, "version": context.function_version, "memory": context.memory_limit_in_mb,
                "table": os.environ.get("TABLE"), "handler": os.environ["_HANDLER"], "wrapped": os.environ.get("WRAPPED")}
    if "specversion" in event:
        return {"specversion": "1.0", "id": "reply", "source": "/function", "type": "seen", "data": event}
    if path == "/count":
        return COUNT
    print("called", path)
    return "Hello Serverless"


def stream():
    yield b"first "
    yield b"second"
"""


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class Server:
    """A standalone server on free ports. Leaving kills what is left."""

    def __init__(self, folder, handler="index.handler", environment=None, wait=True):
        variables = {"PATH": os.environ["PATH"], "PORT": "0", "KILN_OPERATIONS_PORT": "0", "KILN_HOST": "127.0.0.1",
                     "LAMBDA_TASK_ROOT": folder, "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
                     "LAMBDA_RUNTIME_DIR": os.path.join(BUILD, "libexec", "kiln", PYTHON), **(environment or {})}
        self.process = subprocess.Popen([PROGRAM, handler], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()
        if wait:
            wait_until(lambda: self.ready_line() or self.process.poll() is not None, "readiness")
            words = (self.ready_line() or "").split()
            if len(words) != 4:
                raise AssertionError(f"it did not come up:\n{''.join(self.out)}{''.join(self.err)}")
            self.port, self.operations = (int(words[i].rsplit(":", 1)[1]) for i in (1, 3))
            self.host = words[1].removeprefix("http://").rsplit(":", 1)[0].strip("[]")

    @staticmethod
    def _read(stream, into):
        for line in stream:
            into.append(line)

    def ready_line(self):
        return next((line for line in self.err if line.startswith("ready ")), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()

    def ask(self, path, method="GET", body=None, headers=None, operations=False):
        connection = http.client.HTTPConnection(self.host, self.operations if operations else self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def end(self):
        self.process.terminate()
        return self.process.wait(PATIENCE)


class Standalone(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-standalone-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.folder = folder.name
        with open(os.path.join(self.folder, "index.py"), "w") as code:
            code.write(FUNCTION)

    def server(self, **options):
        server = Server(self.folder, **options)
        self.addCleanup(server.__exit__)
        return server

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_a_request_is_an_event_and_the_result_an_answer(self):
        server = self.server()
        status, body, headers = server.ask("/hello?x=1", headers={"Accept": "*/*"})
        self.assertEqual((status, body), (200, "Hello Serverless"))
        self.assertIn("x-amzn-RequestId", headers)
        status, body, _ = server.ask("/stream")
        self.assertEqual((status, body), (200, "first second"))
        wait_until(lambda: any("called /hello" in line for line in server.out), "the function's own line on stdout")
        wait_until(lambda: sum(line.startswith("REPORT ") for line in server.out) == 2, "a REPORT line for each call")

    def test_calls_of_invoke_are_answered_as_the_emulator_does(self):
        server = self.server()
        for name in ("function", "mine"):
            status, body, _ = server.ask(f"/2015-03-31/functions/{name}/invocations", "POST", "{}")
            expected = (200, '"Hello Serverless"') if name == "function" else (404, body)
            self.assertEqual((status, body), expected)

    def test_a_cloud_event_reaches_the_function_and_its_reply_the_sender(self):
        server = self.server()
        attributes = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t", "Content-Type": "application/json"}
        status, body, headers = server.ask("/", "POST", '{"a": 1}', attributes)
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("application/cloudevents+json"))
        self.assertEqual(json.loads(body)["data"]["data"], {"a": 1})
        self.assertEqual(server.ask("/", "POST", "[]", {"Content-Type": "application/cloudevents-batch+json"})[0], 415)
        self.assertEqual(server.ask("/", "POST", "{", {"Content-Type": "application/cloudevents+json"})[0], 400)

    def test_probes_never_reach_the_function(self):
        server = self.server()
        for agent in ("kube-probe/1.30", "Knative-Activator-Probe", "Knative-Queue-Proxy-Probe", "Knative-Ingress-Probe",
                      "Knative-Autoscaling-Probe", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Consul Health Check"):
            self.assertEqual(server.ask("/count", headers={"User-Agent": agent})[:2], (200, "ok\n"))
            self.assertEqual(server.ask("/count", "HEAD", headers={"User-Agent": agent})[:2], (200, ""))
        # A port that is only connected to, and the h2c request with which Knative finds out what the port speaks.
        socket.create_connection((server.host, server.port), PATIENCE).close()
        with socket.create_connection((server.host, server.port), PATIENCE) as probe:
            probe.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            refusal = probe.makefile("rb").read()
        self.assertFalse(refusal.startswith(b"HTTP/1.1 2"), refusal)
        upgrade = {"User-Agent": "kube-probe/1.30", "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                   "HTTP2-Settings": "AAMAAABkAAQAAP__"}
        self.assertEqual(server.ask("/count", headers=upgrade)[:2], (200, "ok\n"))
        status, _, headers = server.ask("/", headers={"K-Network-Probe": "queue", "K-Network-Hash": "h"})
        self.assertEqual((status, headers["K-Network-Hash"]), (200, "h"))
        self.assertEqual(server.ask("/count")[1], "1")
        self.assertIn('kiln_invocations_total{function="function",result="success"} 1',
                      server.ask("/metrics", operations=True)[1])

    def test_what_a_platform_adds_to_a_request_reaches_the_function_or_does_no_harm(self):
        server = self.server()
        status, body, _ = server.ask("/headers", headers={
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Forwarded": "for=10.0.0.1",
            "X-Forwarded-Proto": "https", "K-Proxy-Request": "activator", "K-Original-Host": "a", "K-Passthrough-Lb": "true",
            "Knative-Serving-Tag": "t", "Knative-Serving-Default-Route": "true"})
        self.assertEqual(status, 200)
        seen = json.loads(body)
        self.assertEqual((seen["traceparent"], seen["forwarded"], seen["x-forwarded-proto"]),
                         ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "for=10.0.0.1", "https"))

    def test_it_listens_only_once_the_function_is_initialised(self):
        server = self.server(environment={"INIT_GATE": self.path("gate")}, wait=False)
        wait_until(lambda: any("INIT_START" in line for line in server.out), "the init phase")
        self.assertIsNone(server.ready_line())
        self.assertEqual(self.open_listeners(server), 1)  # the instance's own
        open(self.path("gate"), "w").close()
        wait_until(server.ready_line, "readiness")
        self.assertEqual(self.open_listeners(server), 3)

    @staticmethod
    def open_listeners(server):
        with open("/proc/net/tcp") as table:
            inodes = {line.split()[9] for line in list(table)[1:] if line.split()[3] == "0A"}
        folder = f"/proc/{server.process.pid}/fd"
        links = [os.readlink(os.path.join(folder, name)) for name in os.listdir(folder)]
        return sum(link.startswith("socket:[") and link[8:-1] in inodes for link in links)

    def test_sigterm_within_init_ends_it_at_once_and_the_runtime_with_it(self):
        server = self.server(environment={"INIT_GATE": self.path("gate")}, wait=False)
        wait_until(lambda: self.children(server.process.pid), "the runtime")
        runtimes = self.children(server.process.pid)
        began = time.monotonic()
        self.assertEqual(server.end(), 0)
        self.assertLess(time.monotonic() - began, 5)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in runtimes), "the runtime's end")

    @staticmethod
    def children(pid):
        """The processes whose executable is a bootstrap, below `pid`."""
        found = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as children:
                for child in children.read().split():
                    if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "bootstrap":
                        found.append(child)
        return found

    def test_a_failed_init_ends_it_with_the_reason_as_the_last_line(self):
        server = self.server(environment={"FAIL_INIT": "no luck\n\ntoday\n"}, wait=False)
        self.assertEqual(server.process.wait(PATIENCE), 1)
        server.readers[1].join(PATIENCE)
        self.assertEqual(server.err[-1],
                         "kiln: the function could not be initialised: RuntimeError: no luck today\n")

    def test_an_init_phase_has_its_limit(self):
        server = self.server(environment={"INIT_GATE": self.path("gate"), "KILN_INIT_TIMEOUT": "1"}, wait=False)
        self.assertEqual(server.process.wait(PATIENCE), 1)
        server.readers[1].join(PATIENCE)
        self.assertEqual(server.err[-1], "kiln: the function could not be initialised: Sandbox.Timedout: the init phase took "
                                         "longer than 1 s (KILN_INIT_TIMEOUT)\n")

    def test_what_crashes_each_time_is_tried_at_growing_intervals_and_served_once_it_does_not(self):
        crashes = self.path("crashes")
        server = self.server(environment={"CRASHES": crashes})
        open(crashes, "w").close()
        began = time.monotonic()
        self.assertEqual(server.ask("/die")[0], 502)
        # The first at once, the next after pauses of 100, 200, 400 and 800 ms.
        wait_until(lambda: os.path.getsize(crashes) >= 5, "five attempts")
        self.assertGreaterEqual(time.monotonic() - began, 1.5)
        self.assertEqual(server.ask("/livez", operations=True)[0], 200)
        self.assertEqual(server.ask("/hello")[0], 502)  # it does not wait for the pause to be over
        os.unlink(crashes)
        self.assertEqual(server.ask("/hello")[:2], (200, "Hello Serverless"))

    def test_a_crash_costs_its_call_only(self):
        server = self.server()
        self.assertEqual(server.ask("/die")[0], 502)
        # Another one is made without being asked for.
        wait_until(lambda: json.loads(server.ask("/scale", operations=True)[1])["instances"]["idle"] == 1, "a new instance")
        self.assertEqual(server.ask("/hello")[:2], (200, "Hello Serverless"))
        self.assertEqual(server.ask("/readyz", operations=True)[0], 200)

    def test_a_timeout_ends_the_call(self):
        server = self.server(environment={"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"})
        began = time.monotonic()
        self.assertEqual(server.ask("/slow")[0], 502)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(server.ask("/hello")[0], 200)

    def test_sigterm_answers_what_is_under_way_and_takes_no_more(self):
        server = self.server(environment={"GATE": self.path("gate"), "STARTED": self.path("started")})
        answers = []
        call = threading.Thread(target=lambda: answers.append(server.ask("/wait")))
        call.start()
        wait_until(lambda: os.path.exists(self.path("started")), "the call")
        server.process.terminate()
        wait_until(lambda: self.refused(server.port), "the port to be closed")
        self.assertEqual(server.ask("/readyz", operations=True)[0], 503)
        open(self.path("gate"), "w").close()
        call.join(PATIENCE)
        self.assertEqual(answers[0][:2], (200, "waited"))
        self.assertEqual(answers[0][2]["Connection"], "close")
        self.assertEqual(server.process.wait(PATIENCE), 0)

    def test_calls_that_wait_when_sigterm_comes_are_answered_as_well(self):
        server = self.server(environment={"GATE": self.path("gate"), "STARTED": self.path("started")})
        answers = {}
        threads = self.one_under_way_and_one_that_waits(server, answers)
        server.process.terminate()
        wait_until(lambda: self.refused(server.port), "the port to be closed")
        open(self.path("gate"), "w").close()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual((answers["/wait"][:2], answers["/hello"][:2]), ((200, "waited"), (200, "Hello Serverless")))
        self.assertEqual(answers["/hello"][2]["Connection"], "close")
        self.assertEqual(server.process.wait(PATIENCE), 0)

    def test_a_call_that_has_waited_too_long_is_refused_also_while_the_server_ends(self):
        server = self.server(environment={"GATE": self.path("gate"), "STARTED": self.path("started"), "KILN_QUEUE_TIMEOUT": "1"})
        answers = {}
        threads = self.one_under_way_and_one_that_waits(server, answers)
        server.process.terminate()
        threads[1].join(PATIENCE)
        status, _, headers = answers["/hello"]
        self.assertEqual((status, headers["Retry-After"], headers["Connection"]), (429, "1", "close"))
        open(self.path("gate"), "w").close()
        threads[0].join(PATIENCE)
        self.assertEqual(answers["/wait"][:2], (200, "waited"))
        self.assertEqual(server.process.wait(PATIENCE), 0)

    def one_under_way_and_one_that_waits(self, server, answers):
        """Two threads, the second of which waits for the one instance to be free."""
        threads = []
        for path, is_there in (("/wait", lambda: os.path.exists(self.path("started"))),
                               ("/hello", lambda: self.scale(server)["queued"] == 1)):
            threads.append(threading.Thread(target=lambda path=path: answers.update({path: server.ask(path)})))
            threads[-1].start()
            wait_until(is_there, path)
        return threads

    @staticmethod
    def scale(server):
        return json.loads(server.ask("/scale", operations=True)[1])

    @staticmethod
    def refused(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.connect()
        except ConnectionRefusedError:
            return True
        finally:
            connection.close()
        return False

    def test_a_drain_delay_keeps_the_port_open_while_readiness_says_no(self):
        server = self.server(environment={"KILN_DRAIN_DELAY": "3600"})
        server.process.terminate()
        wait_until(lambda: server.ask("/readyz", operations=True)[0] == 503, "readiness to say no")
        status, body, headers = server.ask("/hello")
        self.assertEqual((status, body, headers["Connection"]), (200, "Hello Serverless", "close"))
        probe = {"User-Agent": "kube-probe/1.30"}
        status, _, headers = server.ask("/readyz", headers=probe)
        self.assertEqual((status, headers["Connection"]), (503, "close"))
        self.assertEqual(server.ask("/livez", headers=probe)[0], 200)
        self.assertEqual(server.ask("/livez", operations=True)[0], 200)
        server.process.terminate()  # the second does not wait
        self.assertEqual(server.process.wait(PATIENCE), 128 + signal.SIGTERM)

    def test_operations(self):
        server = self.server()
        server.ask("/hello")
        for path in ("/livez", "/healthz", "/readyz", "/health/liveness", "/health/readiness"):
            self.assertEqual(server.ask(path, operations=True)[:2], (200, "ok\n"), path)
        self.assertIn('kiln_invocations_total{function="function",result="success"} 1',
                      server.ask("/metrics", operations=True)[1])
        scale = json.loads(server.ask("/scale", operations=True)[1])
        self.assertEqual(scale, {"demand": 0, "in_flight": 0, "queued": 0, "instances": {"starting": 0, "idle": 1, "busy": 0}})
        self.assertEqual(json.loads(server.ask("/scale/function", operations=True)[1]), scale)
        self.assertEqual(server.ask("/scale/other", operations=True)[0], 404)

    def test_healthcheck(self):
        server = self.server()
        check = [PROGRAM, "healthcheck"]
        self.assertEqual(subprocess.run(check, env={"KILN_OPERATIONS_PORT": str(server.operations)}).returncode, 0)
        self.assertEqual(server.end(), 0)
        gone = subprocess.run(check, env={"KILN_OPERATIONS_PORT": str(server.operations)}, capture_output=True, text=True)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("not healthy", gone.stderr)

    def test_healthcheck_asks_where_the_server_listens(self):
        hosts = ["0.0.0.0", "127.0.0.2"] + (["::", "::1"] if has_ipv6() else [])
        for host in hosts:
            with self.subTest(host):
                server = self.server(environment={"KILN_HOST": host})
                self.assertEqual(server.ask("/hello")[0], 200)
                check = {"KILN_OPERATIONS_PORT": str(server.operations), "KILN_HOST": host}
                self.assertEqual(subprocess.run([PROGRAM, "healthcheck"], env=check).returncode, 0)
                self.assertEqual(server.end(), 0)
        nowhere = subprocess.run([PROGRAM, "healthcheck"], env={"KILN_HOST": "no such host"}, capture_output=True, text=True)
        self.assertEqual((nowhere.returncode, nowhere.stderr),
                         (1, "kiln: not healthy: KILN_HOST=no such host is no address\n"))

    def test_the_function_sees_the_container(self):
        server = self.server(environment={"TABLE": "users", "K_SERVICE": "greeter", "K_REVISION": "greeter-1",
                                          "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"})
        seen = json.loads(server.ask("/env")[1])
        self.assertEqual([seen[name] for name in ("function", "version", "memory", "table", "handler")],
                         ["greeter", "greeter-1", "256", "users", "index.handler"])

    def test_an_exec_wrapper_executes_the_bootstrap(self):
        wrapper = self.path("wrapper")
        with open(wrapper, "w") as script:
            script.write('#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n')
        os.chmod(wrapper, 0o755)
        server = self.server(environment={"AWS_LAMBDA_EXEC_WRAPPER": wrapper})
        self.assertEqual(json.loads(server.ask("/env")[1])["wrapped"], "yes")

    def test_with_a_platform_it_becomes_the_bootstrap(self):
        # Nothing listens there: what counts is who complains, and how.
        done = subprocess.run([PROGRAM, "index.handler"], capture_output=True, text=True, timeout=PATIENCE, env={
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "LAMBDA_TASK_ROOT": self.folder, "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
            "LAMBDA_RUNTIME_DIR": os.path.join(BUILD, "libexec", "kiln", PYTHON)})
        self.assertIn("kiln bootstrap: during the poll for an event", done.stderr)

    def test_settings_that_cannot_be(self):
        with open(self.path("bootstrap"), "w") as bootstrap:
            bootstrap.write("not to be executed")
        nowhere = {"LAMBDA_RUNTIME_DIR": "/nowhere", "LAMBDA_TASK_ROOT": "/nowhere"}
        platform = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}
        ours = {"LAMBDA_RUNTIME_DIR": os.path.join(BUILD, "libexec", "kiln", PYTHON), "LAMBDA_TASK_ROOT": self.folder}
        for environment, status, text in (
                ({"PORT": "http"}, 2, "PORT=http: a number from 0 to 65535 is expected"),
                (nowhere, 127, "no bootstrap in /nowhere"),
                (nowhere | platform, 127, "no bootstrap in /nowhere"),
                (nowhere | {"LAMBDA_TASK_ROOT": self.folder}, 126, "bootstrap cannot be executed"),
                (ours | platform | {"AWS_LAMBDA_EXEC_WRAPPER": "/nowhere/wrapper"}, 127, "cannot execute /nowhere/wrapper"),
                (ours | platform | {"AWS_LAMBDA_EXEC_WRAPPER": self.path("bootstrap")}, 126, "cannot execute")):
            done = subprocess.run([PROGRAM, "index.handler"], env=environment, capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stderr)

    def test_a_runtime_of_ours_needs_a_handler(self):
        for platform in ({}, {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"}):
            done = subprocess.run([PROGRAM], env={"AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}", **platform}, capture_output=True, text=True,
                                  timeout=PATIENCE)
            self.assertEqual(done.returncode, 142)
            self.assertIn("the handler is not named", done.stderr)

    def test_layers_are_found_by_the_bootstrap_of_a_platform(self):
        script = self.path("bootstrap")
        with open(script, "w") as bootstrap:
            bootstrap.write('#!/bin/sh\necho "$PATH $LD_LIBRARY_PATH"\n')
        os.chmod(script, 0o755)
        done = subprocess.run([PROGRAM, "index.handler"], capture_output=True, text=True, timeout=PATIENCE, env={
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1", "LAMBDA_TASK_ROOT": self.folder, "LAMBDA_RUNTIME_DIR": "/nowhere", "PATH": "/usr/bin"})
        self.assertEqual(done.stdout, "/usr/bin:/opt/bin /var/task:/var/task/lib:/opt/lib\n")

    def test_a_port_that_is_taken(self):
        first = self.server()
        second = self.server(environment={"PORT": str(first.port)}, wait=False)
        self.assertEqual(second.process.wait(PATIENCE), 2)
        second.readers[1].join(PATIENCE)
        self.assertIn(f"cannot listen on 127.0.0.1:{first.port}", second.err[-1])

    def test_as_pid_1_it_reaps_and_hands_signals_on(self):
        server = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", PROGRAM, "index.handler"], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={
                "PATH": os.environ["PATH"], "PORT": "0", "KILN_OPERATIONS_PORT": "0", "KILN_HOST": "127.0.0.1",
                "LAMBDA_TASK_ROOT": self.folder, "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
                "LAMBDA_RUNTIME_DIR": os.path.join(BUILD, "libexec", "kiln", PYTHON)})
        self.addCleanup(server.stderr.close)
        self.assertTrue(server.stderr.readline().startswith("ready "))
        with open(f"/proc/{server.pid}/task/{server.pid}/children") as children:
            init = int(children.read().split()[0])
        os.kill(init, signal.SIGTERM)
        self.assertEqual(server.wait(PATIENCE), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
