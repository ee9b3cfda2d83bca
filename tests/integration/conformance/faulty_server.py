# SPDX-License-Identifier: Apache-2.0
"""A platform for one function with one instance at a time, correct but for at most one fault:
faulty_server.py FAULT INVOKE_PORT RUNTIME_PORT BOOTSTRAP…    (FAULT may be "none")

Invocations: POST /invoke, POST /stream. A thread for each connection; one lock for everything they share. Each fault is one
line where it acts, `fault(NAME)`; faults.py says which case must notice it."""
import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
import zlib

WHICH, INVOKE_PORT, RUNTIME_PORT, BOOTSTRAP = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
TIMEOUT = int(os.environ.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "60"))
WIDTH = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
MAX_REQUEST, MAX_RESPONSE = 6291456, 6291556
BASE = "/2018-06-01/runtime/"
MODE, TYPE, BODY = ("lambda-runtime-function-" + name for name in ("response-mode", "error-type", "error-body"))


def fault(name):
    return WHICH == name


class Gone(Exception):
    """The peer has gone, or sent what is no HTTP; the connection is to be closed."""


class Wire:
    """The server's end of one connection."""

    def __init__(self, connection):
        self.socket, self.unread = connection, b""

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, TimeoutError):
            data = b""
        if not data:
            raise Gone()
        self.unread += data

    def line(self):
        while b"\r\n" not in self.unread:
            if fault("one-read"):
                raise Gone()
            self.receive()
        line, _, self.unread = self.unread.partition(b"\r\n")
        return line.decode("latin-1")

    def request(self):
        """Head of the next request: method, path, fields."""
        if fault("forgets-pipelined"):
            self.unread = b""
        while not self.unread:
            self.receive()
        first = self.line().split(" ")
        if len(first) != 3 or not first[2].startswith("HTTP/1."):
            if fault("dies-of-garbage"):
                os._exit(9)
            self.answer(400, {}, b"")
            raise Gone()
        fields, size = {}, 0
        while line := self.line():
            name, _, value = line.partition(":")
            fields[name if fault("exact-header-names") and not name.istitle() else name.lower()] = value.strip()
            size += len(line)
        if fault("small-heads") and size > 16384:
            self.answer(431, {}, b"")
            raise Gone()
        if "transfer-encoding" in fields and "content-length" in fields and not fault("trusts-both"):
            self.answer(400, {}, b"")
            raise Gone()
        return first[0], first[1], fields

    def body(self, fields):
        """Yields the body in parts; trailers end up in `fields`. Gone where it breaks off."""
        if fields.get("expect") == "100-continue" and not fault("no-continue"):
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.socket.settimeout(1 if fault("impatient") else None)
        if fields.get("transfer-encoding") == "chunked":
            if fault("no-chunks"):
                self.answer(411, {}, b"")
                raise Gone()
            yield from self.chunks(fields)
        else:
            left = int(fields.get("content-length", 0))
            while left:
                if not self.unread:
                    self.receive()
                part, self.unread = self.unread[:left], self.unread[left:]
                left -= len(part)
                yield part
        self.socket.settimeout(None)

    def chunks(self, fields):
        while size := int(self.line(), 16):
            while size:
                if not self.unread:
                    self.receive()
                part, self.unread = self.unread[:size], self.unread[size:]
                size -= len(part)
                yield part
            self.line()
        while line := self.line():
            name, _, value = line.partition(":")
            fields["trailer " + name.lower()] = value.strip()

    def answer(self, status, fields, body):
        head = f"HTTP/1.1 {status} Status\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
        try:
            self.socket.sendall(head.encode("utf-8") + b"\r\n" + body)
        except OSError:
            raise Gone() from None

    def peer_is_gone(self):
        try:
            return self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def error_json(kind, message):
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


class Call:
    def __init__(self, payload, fields, stream):
        self.id = "11111111-2222-4333-8444-555555555555" if fault("reuses-ids") else str(uuid.uuid4())
        self.attempt = "11111111-2222-4333-8444-555555555555" if fault("same-invocation-id") else str(uuid.uuid4())
        self.payload, self.fields, self.stream = payload, fields, stream  # stream: the invoker's Wire, or None
        self.begun = False      # whether something of the stream has been sent
        self.state = "queued"   # running, answering, done
        self.deadline = time.time() + TIMEOUT
        self.done = threading.Event()
        self.body, self.kind, self.failed = b"", None, None

    def finish(self, body, kind=None, failed=None):
        if not self.done.is_set():
            self.body, self.kind, self.failed, self.state = body, kind, failed, "done"
            self.done.set()


class Platform:
    def __init__(self):
        self.changed = threading.Condition()
        self.queue, self.running, self.late, self.answered = [], [], [], None
        self.held = None  # a result that waits for the next poll, with the fault for it
        self.process, self.state, self.init_body, self.polls, self.was_started = None, "none", None, [], False

    # --- the instance ------------------------------------------------------------------------------------------------
    def start(self):
        environment = dict(os.environ, AWS_LAMBDA_RUNTIME_API=f"127.0.0.1:{RUNTIME_PORT}", _HANDLER="index.handler",
                           AWS_LAMBDA_FUNCTION_NAME="faulty", AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
                           AWS_LAMBDA_FUNCTION_MEMORY_SIZE="128", AWS_LAMBDA_LOG_GROUP_NAME="/aws/lambda/faulty",
                           AWS_LAMBDA_LOG_STREAM_NAME="stream", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
                           LAMBDA_TASK_ROOT="/var/task", LAMBDA_RUNTIME_DIR="/var/runtime", TZ=":UTC", LANG="C.UTF-8",
                           AWS_LAMBDA_INITIALIZATION_TYPE="on-demand", LD_LIBRARY_PATH="/lib")
        if fault("no-log-group"):
            del environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        if fault("no-region"):
            del environment["AWS_REGION"]
        if fault("no-variable"):
            del environment["AWS_LAMBDA_MAX_CONCURRENCY"]
        self.state, self.init_body, self.polls, self.answered, self.held = "started", None, [], None, None
        self.was_started = True
        self.process = subprocess.Popen(BOOTSTRAP, env=environment, stdin=subprocess.DEVNULL)
        threading.Thread(target=self.watch, args=(self.process,), daemon=True).start()

    def watch(self, process):
        status = process.wait()
        with self.changed:
            if process is not self.process:
                return
            text = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            error = error_json("Unknown" if fault("silent-exits") else "Runtime.ExitError",
                               f"RequestId: x Error: Runtime exited with error: {text}")
            if self.state in ("started", "init-error"):
                body = self.init_body if self.init_body and not fault("own-init-error") else error
                for call in self.queue:
                    call.finish(b"" if fault("silent-init-exit") and not self.init_body else body, failed="x")
                self.queue = []
            for call in self.running + ([self.held[0]] if self.held else []):
                call.finish(error, failed="Runtime.ExitError")
            self.running = []
            if fault("blind-to-exits") and self.state == "ready":
                return
            self.process, self.state = None, "none"
            if self.queue and not fault("stays-down"):
                self.start()
            self.changed.notify_all()

    def expire(self, call):
        with self.changed:
            if call.state != "running":
                return
            if fault("accepts-late"):
                call.finish(error_json("Sandbox.Timedout", f"Task timed out after {TIMEOUT}.00 seconds"), failed="x")
                call.state = "running"
                return
            self.running.remove(call)
            self.late.append(call.id)
            text = f"Task timed out after {TIMEOUT}.00 seconds"
            call.finish(text.encode() if fault("plain-timeouts") else error_json("Sandbox.Timedout", text), failed="x")
            if fault("timeout-ends-all"):
                for other in self.running:
                    other.finish(error_json("Other", "x"), failed="Other")
                self.running = []
            if (WIDTH == 1 or fault("timeout-ends-all")) and not fault("spares-the-late") and self.process:
                self.process.kill()
            self.changed.notify_all()

    # --- invokers ----------------------------------------------------------------------------------------------------
    def invoke(self, wire, path, fields):
        payload = b"".join(wire.body(fields))
        if fault("cuts-payload"):
            payload = payload[:1 << 20]
        if len(payload) > MAX_REQUEST:
            return wire.answer(413, {}, b"{}")
        if not payload and not fault("keeps-empty"):
            payload = b"{}"
        try:
            json.loads(payload)
        except ValueError:
            if not fault("any-payload") and not fault("cuts-payload") and payload:
                return wire.answer(400, {}, b"{}")
        context = base64.b64decode(fields.get("x-amz-client-context", ""))
        try:
            json.loads(context or b"{}")
        except ValueError:
            if not fault("any-client-context"):
                return wire.answer(400, {}, b"{}")
        if fault("reformats-json"):
            payload = json.dumps(json.loads(payload)).encode()
        call = Call(payload, fields, wire if path == "/stream" else None)
        with self.changed:
            if fault("one-call-only") and (self.queue or self.running):
                return wire.answer(429, {}, b"{}")
            self.queue.append(call)
            if self.process is None and not (fault("stays-down") and self.was_started):
                self.start()
            self.changed.notify_all()
        while not call.done.wait(0.05):
            pass
        if call.stream:
            return self.end_stream(call)
        kind = "application/json" if fault("own-content-type") else call.kind
        failed = None if fault("no-function-error") else call.failed
        wire.answer(200, {"Content-Type": kind, "x-amzn-RequestId": None if fault("no-request-id") else call.id,
                          "X-Amz-Executed-Version": None if fault("no-version") else "$LATEST",
                          "X-Amz-Function-Error": "Unhandled" if failed or fault("always-function-error") else None},
                    call.body)

    # --- streams -----------------------------------------------------------------------------------------------------
    @staticmethod
    def frame(kind, payload):
        def header(name, value):
            return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()

        headers = header(":message-type", "event") + header(":event-type", kind)
        prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        data = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
        data += struct.pack(">I", zlib.crc32(data))
        return b"%x\r\n" % len(data) + data + b"\r\n"

    def send_part(self, call, kind, payload):
        head = b""
        if not call.begun:
            head = (b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n")
        call.begun = True
        try:
            call.stream.socket.sendall(head + self.frame(kind, payload))
        except OSError:
            if fault("dies-with-invoker"):
                os._exit(9)

    def end_stream(self, call):
        if call.body:
            self.send_part(call, "PayloadChunk", call.body)
        end = {"ErrorCode": call.failed, "ErrorDetails": "x"} if call.failed else {}
        self.send_part(call, "InvokeComplete", json.dumps(end).encode())
        try:
            call.stream.socket.sendall(b"0\r\n\r\n")
        except OSError:
            raise Gone() from None

    # --- the Runtime API ---------------------------------------------------------------------------------------------
    def next(self, wire):
        with self.changed:
            if self.state in ("init-error", "stuck"):
                if fault("polls-after-init-error"):
                    return wire.answer(200, {"Lambda-Runtime-Aws-Request-Id": "x"}, b"{}")
                return self.refuse(wire, 403, "InvalidStateTransition")
            active = [call for call in self.running if call.state in ("running", "answering")]
            narrow = WIDTH == 1 or fault("one-at-a-time")
            if narrow and active and not fault("second-poll-waits"):
                return self.deliver(wire, active[0])
            self.state, self.answered = "ready", self.answered if fault("accepts-old-ids") else None
            if self.held:
                self.held[0].finish(*self.held[1:])
                self.held = None
            ticket = object()
            self.polls.append(ticket)
            asked = time.time()
            while not (self.queue and self.polls[0] is ticket and
                       (len(self.running) < WIDTH or fault("no-limit-of-events"))):
                self.changed.wait(0.02)
                if self.process is None or (wire.peer_is_gone() and not fault("feeds-the-dead")):
                    if ticket in self.polls:
                        self.polls.remove(ticket)
                    raise Gone()
                if fault("answers-204") and time.time() > asked + 1:
                    self.polls.remove(ticket)
                    return wire.answer(204, {}, b"")
            self.polls.remove(ticket)
            call = self.queue.pop(0)
            call.state = "running"
            call.deadline = time.time() + TIMEOUT
            self.running.append(call)
            self.changed.notify_all()
            if not fault("no-timeout"):
                timer = threading.Timer(TIMEOUT, self.expire, (call,))
                timer.daemon = True
                timer.start()
            self.deliver(wire, call)

    @staticmethod
    def deliver(wire, call):
        context = call.fields.get("x-amz-client-context")
        if context and not fault("context-in-base64"):
            context = base64.b64decode(context).decode()
        arn = None if fault("no-arn") else "arn:aws:lambda:us-east-1:000000000000:function:faulty"
        deadline = call.deadline if fault("deadline-in-seconds") else call.deadline * 1000
        wire.answer(200, {
            "Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": call.id,
            "Lambda-Runtime-Deadline-Ms": int(deadline), "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": None if fault("no-trace") else call.fields.get("x-amzn-trace-id"),
            "Lambda-Runtime-Aws-Tenant-Id": None if fault("no-tenant") else call.fields.get("x-amz-tenant-id"),
            "Lambda-Runtime-Client-Context": context, "Lambda-Runtime-Invocation-Id": call.attempt}, call.payload)

    @staticmethod
    def refuse(wire, status, kind, message="refused"):
        wire.answer(status, {"Content-Type": "application/json"},
                    json.dumps({"errorMessage": message, "errorType": kind}).encode() + b"\n")
        if fault("closes-on-refusal") or (status == 413 and fault("closes-at-413")):
            raise Gone()

    def accept(self, wire, status=202):
        wire.answer(200 if fault("accepts-with-200") else status, {"Content-Type": "application/json"},
                    b'{"status":"OK"}\n')

    def drop(self, wire, fields):
        for _ in wire.body(fields):
            pass

    def begin_answer(self, request_id, fields):
        """The call, or why there is none: a status and a type."""
        call = next((call for call in self.running if call.id == request_id), None)
        if call is None:
            if request_id in self.late:
                return None, (410, "InvokeTimeout")
            if request_id == self.answered:
                return None, (202, "") if fault("accepts-twice") or (
                    fault("accepts-old-ids") and self.state == "ready") else (403, "InvalidStateTransition")
            return None, (202, "") if fault("accepts-unknown") else (400, "InvalidRequestID")
        if fields.get("lambda-runtime-invocation-id", call.attempt) != call.attempt and not fault("ignores-invocation-id"):
            return None, (410, "InvokeTimeout")
        call.state = "answering"
        return call, None

    def end_answer(self, call, body, kind, failed):
        with self.changed:
            if call in self.running:
                self.running.remove(call)
            self.answered = call.id
            if self.state != "stuck":
                self.state = "sent"
            if fault("error-ends-all") and failed:
                for other in self.running:
                    other.finish(error_json("Other", "x"), failed="Other")
                self.running = []
            if fault("exit-spoils-results") and WIDTH == 1 and not failed:
                self.held = (call, body, kind, failed)
            else:
                call.finish(body, kind, failed)
            self.changed.notify_all()

    def response(self, wire, request_id, fields):
        with self.changed:
            call, refusal = self.begin_answer(request_id, fields)
        if refusal:
            self.drop(wire, fields)
            return self.accept(wire) if refusal[0] == 202 else self.refuse(wire, *refusal)
        mode = fields.get(MODE, "")
        if (mode not in ("", "streaming") and not fault("any-mode")) or (mode and fault("no-streams")):
            self.drop(wire, fields)
            with self.changed:
                self.state = "stuck"
            self.end_answer(call, b"" if fault("silent-bad-mode") else error_json("Runtime.InvalidResponseModeHeader", "x"),
                            None, "Runtime.InvalidResponseModeHeader")
            return self.refuse(wire, 400, "InvalidFunctionResponseMode")
        kind = fields.get("content-type")
        if kind is None and fault("needs-content-type"):
            self.drop(wire, fields)
            return self.refuse(wire, 415, "UnsupportedMediaType")
        body, over = bytearray(), False  # bytes would be copied with each part
        limit = 1 << 20 if fault("small-limit") else MAX_RESPONSE
        live = call.stream is not None and mode == "streaming" and not fault("buffers-streams")
        try:
            for number, part in enumerate(wire.body(fields)):
                if fault("drops-chunks") and number == 1:
                    continue
                if live:
                    self.send_part(call, "PayloadChunk", part)
                elif not over:
                    body += part
                    over = len(body) > limit and not mode and not fault("no-limit")
        except Gone:
            failed = None if fault("half-results") or fault("complete-when-cut") else "Runtime.TruncatedResponse"
            if failed and not call.stream:
                body = error_json(failed, "cut")
            self.end_answer(call, body if not live else b"", kind, failed)
            raise
        if over:
            self.end_answer(call, error_json("Function.ResponseSizeTooLarge", "x"), None, "x")
            return self.refuse(wire, 413, "RequestEntityTooLarge")
        failed = None if fault("ignores-trailers") else fields.get("trailer " + TYPE) or None
        if failed and fault("no-trailers"):
            self.end_answer(call, b"", None, failed)
            return self.refuse(wire, 400, "BadRequest")
        if fault("reformats-results"):
            body = json.dumps(json.loads(body or b"null")).encode()
        body = bytes(body)
        if fault("results-as-text"):
            body = body.decode("utf-8", "replace").encode()
        if fault("empty-is-null"):
            body = body or b"null"
        self.end_answer(call, body, kind, failed)
        self.accept(wire)

    def error(self, wire, request_id, fields):
        kind = fields.get(TYPE)
        with self.changed:
            call, refusal = self.begin_answer(request_id, fields)
        body = b"".join(wire.body(fields))
        if refusal:
            return self.accept(wire) if refusal[0] == 202 else self.refuse(wire, *refusal)
        if (kind is None and fault("needs-error-type")) or (
                kind is not None and fault("strict-error-types") and not re.fullmatch(r"(Runtime|Function)\.[A-Z]\w+", kind)):
            with self.changed:
                call.state = "running"
            return self.refuse(wire, 400, "InvalidErrorType")
        if fault("wraps-errors"):
            body = json.dumps({"error": body.decode()}).encode()
        if call.stream and not fault("errors-as-payload"):
            body = b""
        self.end_answer(call, body, "application/json", None if fault("errors-as-payload") else kind or "Unhandled")
        if fault("ends-after-error"):
            with self.changed:
                self.state = "stuck"
        self.accept(wire)

    def init_error(self, wire, fields):
        body = b"".join(wire.body(fields))
        with self.changed:
            if self.state != "started" and not (fault("init-error-twice") and self.state == "init-error") and not (
                    fault("init-error-any-time")):
                return self.refuse(wire, 403, "InvalidStateTransition")
            self.state, self.init_body = "init-error", body
        self.accept(wire, 200 if fault("init-error-200") else 202)

    def runtime_api(self, wire, method, path, fields):
        answer = re.fullmatch(BASE + r"invocation/([^/]+)/(response|error)", path)
        allowed = ("GET" if path == BASE + "invocation/next" or path.endswith("/ping") else
                   "POST" if answer or path == BASE + "init/error" else None)
        if path == "/2018-06-01/ping" and fault("no-ping"):
            allowed = None
        if path.endswith("/ping") and path != "/2018-06-01/ping":
            allowed = None
        if allowed != method:
            self.drop(wire, fields)
            status = 404 if allowed is None or fault("any-method") else 405
            wire.answer(200 if status == 404 and fault("answers-anything") else status, {}, b"404 page not found\n")
            if fault("closes-on-refusal"):
                raise Gone()
        elif path.endswith("/ping"):
            wire.answer(200, {}, b"pong")
        elif path.endswith("/next"):
            self.next(wire)
        elif answer:
            (self.response if answer.group(2) == "response" else self.error)(wire, answer.group(1), fields)
        else:
            self.init_error(wire, fields)

    def serve(self, connection, handle):
        wire = Wire(connection)
        try:
            while True:
                method, path, fields = wire.request()
                handle(wire, method, path, fields)
                if fields.get("connection", "").lower() == "close" and not fault("never-closes"):
                    break
        except (Gone, OSError):
            pass
        finally:
            connection.close()


def listen(port, serve):
    listener = socket.create_server(("127.0.0.1", port), backlog=64)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve(connection)


def main():
    platform = Platform()
    served = []

    def runtime(connection):
        served.append(connection)
        if fault("one-connection") and len(served) > 1:
            connection.close()
            return
        threading.Thread(target=platform.serve, args=(connection, platform.runtime_api), daemon=True).start()

    def invoker(connection):
        handle = lambda wire, method, path, fields: platform.invoke(wire, path, fields)  # noqa: E731
        threading.Thread(target=platform.serve, args=(connection, handle), daemon=True).start()

    threading.Thread(target=listen, args=(RUNTIME_PORT, runtime), daemon=True).start()
    listen(INVOKE_PORT, invoker)


main()
