# SPDX-License-Identifier: Apache-2.0
"""A platform for one runtime process: a Runtime API over TCP that hands out the events a test gives it and keeps what
the runtime posts. The runtime is the real executable."""

import collections
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import threading
import time
import unittest
import uuid

BOOTSTRAP = os.environ["KILN_PYTHON_BOOTSTRAP"]
PATIENCE = 20.0  # seconds; only a broken runtime takes this long

Answer = collections.namedtuple("Answer", "kind request_id headers body trailers", defaults=[{}])
Answer.json = property(lambda self: json.loads(self.body))
Answer.text = property(lambda self: self.body.decode("utf-8"))


class RuntimeApi:
    """Serves until closed, any number of connections, each in a thread. Of a streamed answer each chunk is in `chunks` as
    soon as it is there. What the platform is to do at its next chunk, instead of an answer, may be put into `misbehave`."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._events = queue.Queue()
        self.answers = queue.Queue()
        self.chunks = queue.Queue()
        self.reading = threading.Event()
        self.reading.set()
        self.misbehave = None
        self.refusal = None
        self.restore = threading.Event()
        self.polls = threading.Semaphore(0)
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def offer(self, payload, headers):
        self._events.put((payload, headers))

    def close(self):
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection.makefile("rb") as reader:
                while request_line := reader.readline():
                    method, path, _ = request_line.decode("latin-1").split()
                    headers = self._headers(reader)
                    answered = False
                    if headers.get("transfer-encoding") == "chunked":
                        body, trailers, answered = self._chunked(reader, connection)
                    else:
                        body, trailers = reader.read(int(headers.get("content-length", 0))), {}
                    answer = self._answer(method, path, headers, body, trailers)
                    if not answered:
                        connection.sendall(answer)
        except OSError:
            pass

    def _chunked(self, reader, connection):
        body, answered = [], False
        while True:
            self.reading.wait()
            line = reader.readline()
            if not line:
                raise OSError("the runtime closed within a body")
            size = int(line, 16)
            if not size:
                return b"".join(body), self._headers(reader), answered
            chunk = reader.read(size + 2)[:-2]
            body.append(chunk)
            self.chunks.put(chunk)
            if self.misbehave:
                what, self.misbehave, answered = self.misbehave, None, True
                what(connection)

    @staticmethod
    def _headers(reader):
        headers = {}
        while (line := reader.readline().rstrip(b"\r\n")):
            name, _, value = line.decode("utf-8").partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _answer(self, method, path, headers, body, trailers):
        if method == "GET" and path.endswith("/runtime/restore/next"):
            self.restore.wait(PATIENCE)
            return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        if method == "GET" and path.endswith("/runtime/invocation/next"):
            self.polls.release()
            payload, event_headers = self._events.get()
            head = "HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in event_headers.items())
            return (head + f"Content-Length: {len(payload)}\r\n\r\n").encode("utf-8") + payload
        parts = path.split("/")
        outside = parts[-2] in ("init", "restore")
        kind = "/".join(parts[-2:]) if outside else parts[-1]
        self.answers.put(Answer(kind, "" if outside else parts[-2], headers, body, trailers))
        if self.refusal:
            return self.refusal
        accepted = b'{"status":"OK"}\n'
        return b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n" % len(accepted) + accepted


class Instance:
    """One runtime process with its platform."""

    def __init__(self, folder, handler, environment, cwd=None):
        self.api = RuntimeApi()
        self.folder = folder
        env = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "_HANDLER": handler,
            "LAMBDA_TASK_ROOT": str(folder),
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "AWS_LAMBDA_FUNCTION_NAME": "under_test",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/under_test",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0123",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        }
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:  # a crash on purpose is to look like one under the sanitizers too
                env[name] = os.environ[name] + ":handle_segv=0"
        process_group = environment.pop("process_group", False)
        env.update(environment)
        pass_fds = [int(env[name]) for name in ("_LAMBDA_TELEMETRY_LOG_FD",) if name in env]
        self.process = subprocess.Popen(
            [BOOTSTRAP],
            env={name: value for name, value in env.items() if value is not None},
            cwd=cwd or folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            start_new_session=process_group,
        )
        self._output = {"stdout": b"", "stderr": b""}
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._output]
        for reader in self._readers:
            reader.start()

    def _read(self, name):
        with getattr(self.process, name) as stream:
            while chunk := stream.read1(65536):
                self._output[name] += chunk

    def offer(self, event=None, payload=None, request_id=None, **headers):
        """Gives an event to the runtime; `headers` are named without `Lambda-Runtime-`, with underscores."""
        request_id = request_id or str(uuid.uuid4())
        sent = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:under_test",
            "Content-Type": "application/json",
        }
        for name, value in headers.items():
            name = name.replace("_", "-").title()
            sent[name if name == "Content-Type" else "Lambda-Runtime-" + name] = value
        if payload is None:
            payload = json.dumps(event).encode()
        self.api.offer(payload, {name: value for name, value in sent.items() if value is not None})
        return request_id

    def answer(self):
        try:
            return self.api.answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"the runtime posted nothing; {self.describe()}") from None

    def chunk(self):
        try:
            return self.api.chunks.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no chunk came; {self.describe()}") from None

    def invoke(self, event=None, **more):
        request_id = self.offer(event, **more)
        answer = self.answer()
        if answer.request_id != request_id:
            raise AssertionError(f"posted {answer} for request {request_id}")
        return answer

    def wait_for_poll(self):
        if not self.api.polls.acquire(timeout=PATIENCE):
            raise AssertionError(f"the runtime never asked for an event; {self.describe()}")

    def wait_for_exit(self):
        """The exit code, negative for a signal. All output is in `stdout` and `stderr` afterwards."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def wait_for_output(self, text, stream="stdout"):
        """Returns all that has been written to the stream, once `text` is part of it."""
        deadline = time.monotonic() + PATIENCE
        while text not in getattr(self, stream):
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} never came; {self.describe()}")
            time.sleep(0.002)
        return getattr(self, stream)

    @property
    def stdout(self):
        return self._output["stdout"].decode("utf-8")

    @property
    def stderr(self):
        return self._output["stderr"].decode("utf-8")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def describe(self):
        return f"process: {self.process.poll()}\nstdout: {self.stdout}\nstderr: {self.stderr}"

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.api.close()


class RuntimeTest(unittest.TestCase):
    maxDiff = None

    def start(self, source=None, handler="index.handler", files=None, folder=None, cwd=None, **environment):
        """An instance of a function whose index.py is `source`, among other `files` (path → text)."""
        if folder is None:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-python-test-")).resolve()
            self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for path, text in {**(files or {}), **({"index.py": source} if source is not None else {})}.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        instance = Instance(folder, handler, environment, cwd)
        self.addCleanup(instance.close)
        return instance

    def returned(self, source, event=None, **more):
        """What a handler with this body returns."""
        environment = more.pop("environment", {})
        answer = self.start(source, **environment).invoke(event, **more)
        self.assertEqual("response", answer.kind, answer.body)
        return answer.json

    def failed_init(self, *arguments, **keywords):
        """Starts an instance that cannot load its handler: what it posted, and the instance, after its end."""
        instance = self.start(*arguments, **keywords)
        answer = instance.answer()
        self.assertEqual("init/error", answer.kind)
        self.assertEqual(1, instance.wait_for_exit())
        return answer, instance
