# SPDX-License-Identifier: Apache-2.0
"""A custom runtime with the test handler built in, correct but for at most one fault: faulty_runtime.py [FAULT].

Each fault is one line where it acts, `self.fault(NAME)`; faults.py says which case must notice it."""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

BASE = "/2018-06-01/runtime/"
KNOWN = {"content-type", "content-length", "lambda-runtime-aws-request-id", "lambda-runtime-deadline-ms", "connection",
         "lambda-runtime-invoked-function-arn", "transfer-encoding"}


class Closed(Exception):
    """The platform closed the connection, or sent what is no HTTP."""


class HandlerFailed(Exception):
    pass


class Fields(dict):
    """Header fields, found without regard to case."""

    def __init__(self, exact):
        super().__init__()
        self.exact = exact

    def add(self, name, value):
        self[name if self.exact else name.lower()] = value

    def find(self, name):
        return self.get(name if self.exact else name.lower())


class Api:
    """One connection to the Runtime API."""

    def __init__(self, runtime):
        self.runtime, self.fault = runtime, runtime.fault
        self.socket, self.unread = None, b""

    def connect(self):
        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
        while True:
            try:
                self.socket = socket.create_connection((host, int(port)))
                break
            except OSError:
                if not self.fault("waits-for-platform"):
                    raise
                time.sleep(0.05)
        self.unread = b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.close()
            raise Closed()
        self.unread += data

    def take_line(self):
        while b"\r\n" not in self.unread:
            if self.fault("one-read"):
                os._exit(3)
            self.receive()
        line, _, self.unread = self.unread.partition(b"\r\n")
        return line.decode("latin-1")

    def take(self, size):
        while len(self.unread) < size:
            if self.fault("one-read"):
                os._exit(3)
            try:
                self.receive()
            except Closed:
                if self.fault("runs-half-events"):
                    break
                raise
        data, self.unread = self.unread[:size], self.unread[size:]
        return data

    def answer(self):
        if not self.unread:
            self.receive()
        status = self.take_line().split(" ")
        if not status[0].startswith("HTTP/1."):
            self.close()
            raise Closed()
        fields = Fields(self.fault("exact-header-names"))
        while line := self.take_line():
            name, _, value = line.partition(":")
            fields.add(name, value.strip())
        body = b""
        if (fields.find("Transfer-Encoding") or "").lower() == "chunked" and not self.fault("no-chunks"):
            body = self.chunks()
        elif status[1] != "204":
            body = self.take(int(fields.find("Content-Length") or 0))
        if (fields.find("Connection") or "").lower() == "close":
            self.close()
        return int(status[1]), fields, body

    def chunks(self):
        body = b""
        while True:
            line = self.take_line()
            try:
                size = int(line, 16)
            except ValueError:
                if self.fault("runs-half-events"):
                    return body + self.unread
                self.close()
                raise Closed() from None
            if size == 0:
                self.take_line()
                return body
            body += self.take(size)
            self.take_line()

    def send(self, data):
        if self.fault("impatient-writer"):
            self.socket.settimeout(0.3)
        try:
            self.socket.sendall(data)
        except TimeoutError:
            os._exit(4)
        except ConnectionError:
            pass  # the answer may be there all the same
        if self.fault("impatient-writer"):
            self.socket.settimeout(None)

    def fresh(self):
        if self.socket is None:
            if self.runtime.connected and self.fault("never-reconnects"):
                os._exit(5)
            self.connect()
            self.runtime.connected = True

    def request(self, method, path, fields=(), body=None, retry=True, patience=None):
        reused = self.socket is not None
        self.fresh()
        head = f"{method} {path} HTTP/1.1\r\nHost: {os.environ['AWS_LAMBDA_RUNTIME_API']}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields)
        if body is not None and not self.fault("no-length"):
            head += f"Content-Length: {len(body)}\r\n"
        self.socket.settimeout(patience)
        self.send(head.encode("utf-8") + b"\r\n" + (body or b""))
        self.socket and self.socket.settimeout(patience)
        try:
            return self.answer()
        except Closed:
            if reused and retry:
                return self.request(method, path, fields, body, False, patience)
            raise


class Runtime:
    def __init__(self, fault):
        self.which = fault
        self.connected, self.busy, self.stopping = False, 0, False
        self.serial, self.last_result, self.first_id = threading.Lock(), None, None

    def fault(self, name):
        return self.which == name

    # --- the process -------------------------------------------------------------------------------------------------
    def run(self):
        if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
            if not self.fault("silent-without-address"):
                print("AWS_LAMBDA_RUNTIME_API is not set", file=sys.stderr)
            return 1
        if not self.fault("dies-of-sigterm"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN if self.fault("ignores-sigterm") else self.stop)
        if self.fault("leaves-child"):
            subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 20 & wait; sleep 20"])
        api = Api(self)
        if os.environ.get("_HANDLER") != "index.handler" or os.environ.get("CONFORMANCE_FAIL_INIT"):
            return self.fail_init(api)
        width = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
        if self.fault("one-poll"):
            width = 1
        if self.fault("polls-twice"):
            width = 2
        for _ in range(width - 1):
            threading.Thread(target=self.loop_or_end, args=(Api(self),), daemon=True).start()
        self.loop_or_end(api)

    def stop(self, *_):
        if self.stopping or not self.busy:
            os._exit(0)
        self.stopping = True

    def fail_init(self, api):
        if self.fault("hangs-without-handler"):
            time.sleep(30)
        if not self.fault("silent-init-error"):
            body = json.dumps({"errorMessage": "no such handler", "errorType": "Runtime.HandlerNotFound", "stackTrace": []})
            status, _, _ = api.request("POST", BASE + "init/error",
                                       [("Lambda-Runtime-Function-Error-Type", "Runtime.HandlerNotFound")], body.encode())
            if status != 202 and self.fault("hangs-at-refused-init-error"):
                time.sleep(30)
            if self.fault("polls-after-init-error"):
                api.request("GET", BASE + "invocation/next")
        return 1

    def loop_or_end(self, api):
        try:
            self.loop(api)
        except (Closed, OSError) as gone:
            if self.fault("outlives-platform"):
                time.sleep(30)
            print(f"the platform has gone: {gone!r}", file=sys.stderr, flush=True)
            os._exit(1)

    # --- the loop ----------------------------------------------------------------------------------------------------
    def next(self, api):
        while True:
            try:
                status, fields, body = api.request("GET", BASE + "invocation/next", retry=not self.fault("spins"),
                                                   patience=1 if self.fault("impatient") else None)
            except TimeoutError:
                api.close()
                continue
            except Closed:
                if not self.fault("spins"):
                    raise
                continue
            if status == 200:
                return fields, body
            if not self.fault("spins"):
                os._exit(1)

    def loop(self, api):
        if self.fault("asks-something-first"):
            api.request("GET", "/2018-06-01/ping")
        while True:
            fields, body = self.next(api)
            self.busy += 1
            self.serve(api, fields, body)
            self.busy -= 1
            if self.stopping and not self.busy:
                os._exit(0)

    def serve(self, api, fields, body):
        for fault, needed in (("needs-arn", "Lambda-Runtime-Invoked-Function-Arn"), ("needs-content-type", "Content-Type"),
                              ("needs-deadline", "Lambda-Runtime-Deadline-Ms")):
            if self.fault(fault) and fields.find(needed) is None:
                os._exit(6)
        if self.fault("strict-headers") and not set(fields) <= KNOWN:
            os._exit(6)
        request_id = fields.find("Lambda-Runtime-Aws-Request-Id")
        if request_id is None:
            if not self.fault("no-id-check"):
                os._exit(1)
            request_id = ""
        self.first_id = self.first_id or request_id
        if self.fault("forgets-ids"):
            request_id = self.first_id
        echoed = [("Lambda-Runtime-Invocation-Id", fields.find("Lambda-Runtime-Invocation-Id"))]
        if echoed[0][1] is None or self.fault("no-invocation-id"):
            echoed = []
        path = BASE + "invocation/" + request_id
        try:
            if self.fault("serial"):
                with self.serial:
                    result = self.invoke(fields, body)
            else:
                result = self.invoke(fields, body)
            if isinstance(result, Stream):
                self.post_stream(api, path, echoed, result)
                return
            data = json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
            if self.fault("null-as-empty") and result is None:
                data = b""
            if self.fault("ascii-only"):
                data = data.decode().encode("ascii", "replace")
            if self.fault("cuts-results"):
                data = data[:1 << 20]
            if self.fault("mixes-results"):
                data, self.last_result = self.last_result or b"-1", data
        except Exception as error:  # noqa: BLE001: whatever the handler fails with is told
            self.post_error(api, path, echoed, error)
            return
        kind = [] if self.fault("no-content-type") else [("Content-Type", "application/json")]
        self.post(api, path + ("/result" if self.fault("posts-elsewhere") else "/response"), echoed + kind, data)
        if self.fault("posts-twice"):
            self.post(api, path + "/response", echoed + kind, data)

    def post_error(self, api, path, echoed, error):
        message = str(error)
        body = {"errorMessage": message, "errorType": type(error).__name__, "stackTrace": []}
        if self.fault("no-stack-trace"):
            del body["stackTrace"]
        data = json.dumps(body).encode()
        fields = echoed + [("Content-Type", "application/json")]
        if not self.fault("no-error-type"):
            fields.append(("Lambda-Runtime-Function-Error-Type", "Function." + type(error).__name__))
        if self.fault("message-in-header"):
            fields.append(("X-Message", message))
        cause = "{no json" if self.fault("bad-cause") else json.dumps({"exceptions": [], "paths": []})
        fields.append(("Lambda-Runtime-Function-XRay-Error-Cause", cause))
        self.post(api, path + ("/response" if self.fault("errors-as-responses") else "/error"), fields, data)
        if self.fault("dies-of-errors"):
            os._exit(1)

    def post(self, api, path, fields, body):
        try:
            status, _, answer = api.request("POST", path, fields, body, retry=not self.fault("hangs-when-closed"),
                                            patience=1 if self.fault("impatient-poster") else None)
        except TimeoutError:
            api.close()
            status, _, answer = api.request("POST", path, fields, body)
        except Closed:
            if self.fault("hangs-when-closed"):
                time.sleep(30)
            raise
        self.posted(status, answer)

    def posted(self, status, answer):
        if status == 202:
            if self.fault("needs-ok-body") and b"OK" not in answer:
                os._exit(7)
            return
        if self.fault("hangs-when-refused"):
            time.sleep(30)
        if self.fault("dies-when-refused"):
            os._exit(1)

    def post_stream(self, api, path, echoed, stream):
        api.fresh()
        fields = echoed + [("Content-Type", "application/octet-stream"), ("Transfer-Encoding", "chunked")]
        if not self.fault("no-mode-header"):
            fields.append(("Lambda-Runtime-Function-Response-Mode", "streaming"))
        if not self.fault("undeclared-trailers"):
            fields.append(("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"))
        api.send(f"POST {path}/response HTTP/1.1\r\nHost: x\r\n".encode() +
                 "".join(f"{name}: {value}\r\n" for name, value in fields).encode() + b"\r\n")
        chunks = list(stream.parts) if self.fault("buffers-streams") else stream.parts
        error = "asked for" if self.fault("always-error-trailers") else None
        try:
            for number, part in enumerate(chunks):
                data = part.encode()
                if data and not (self.fault("drops-chunks") and number == 1):
                    api.send(b"%x\r\n" % len(data) + data + b"\r\n")
        except HandlerFailed as failure:
            error = None if self.fault("swallows-stream-errors") else str(failure)
        if self.fault("pads-streams"):
            api.send(b"1\r\n\n\r\n")
        trailers = b""
        if error:
            body = json.dumps({"errorMessage": error, "errorType": "Function.Failed"}).encode()
            trailers = (b"Lambda-Runtime-Function-Error-Type: Function.Failed\r\nLambda-Runtime-Function-Error-Body: " +
                        base64.b64encode(body) + b"\r\n")
        api.send(b"0\r\n" + trailers + b"\r\n")
        try:
            status, _, answer = api.answer()
        except Closed:
            if self.fault("hangs-when-closed"):
                time.sleep(30)
            return
        self.posted(status, answer)

    # --- the test handler --------------------------------------------------------------------------------------------
    def invoke(self, fields, body):
        deadline = int(fields.find("Lambda-Runtime-Deadline-Ms") or 0)
        if self.fault("deadline-overflow") and deadline > 10 ** 14:
            os._exit(6)
        if self.fault("refuses-late-events") and deadline < time.time() * 1000:
            raise HandlerFailed("too late")
        if self.fault("cuts-events"):
            body = body[:65536]
        client = fields.find("Lambda-Runtime-Client-Context")
        try:
            event = json.loads(body)
            client = json.loads(client) if client else None
        except ValueError:
            if self.fault("dies-of-bad-events"):
                os._exit(8)
            raise
        behaviour = event.get("conformance") if isinstance(event, dict) else None
        if behaviour is None:
            if self.fault("needs-behaviour"):
                raise HandlerFailed("which behaviour?")
            return event
        if behaviour == "offers":
            return ["context", "big", "sleep", "exit", "stream", "stream-error", "init-failure", "concurrency"]
        if behaviour == "echo":
            return [event["value"]] if self.fault("echoes-wrong") else event["value"]
        if behaviour == "error":
            raise HandlerFailed(event["message"])
        if behaviour == "context":
            return self.context(fields, client, deadline)
        if behaviour == "big":
            return "x" * event["size"]
        if behaviour == "sleep":
            time.sleep(event["ms"] / 1000)
            return event["ms"]
        if behaviour == "exit":
            if self.fault("survives-exit"):
                return "still here"
            os._exit(event["code"])
        if behaviour == "stream":
            return Stream(self.parts(event), "fail" in event)
        raise ValueError("no such behaviour")

    @staticmethod
    def parts(event):
        for number, part in enumerate(event["chunks"]):
            if number and event.get("pause_ms"):
                time.sleep(event["pause_ms"] / 1000)
            yield part
        if "fail" in event:
            raise HandlerFailed(event["fail"])

    def context(self, fields, client, deadline):
        if self.fault("wrong-context"):
            return {"request_id": "x", "function_arn": "x", "remaining_ms": 10 ** 9, "trace_id": "x",
                    "client_context": {"custom": {"x": 1}}, "cognito_identity": {"x": 1}, "tenant_id": "x",
                    "function_name": "x", "function_version": "x", "memory_mb": 1, "log_group": "x"}
        identity = fields.find("Lambda-Runtime-Cognito-Identity")
        return {"request_id": fields.find("Lambda-Runtime-Aws-Request-Id"),
                "function_arn": fields.find("Lambda-Runtime-Invoked-Function-Arn"),
                "remaining_ms": max(0, deadline - int(time.time() * 1000)),
                "trace_id": fields.find("Lambda-Runtime-Trace-Id"), "client_context": client,
                "cognito_identity": json.loads(identity) if identity else None,
                "tenant_id": fields.find("Lambda-Runtime-Aws-Tenant-Id"),
                "function_name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
                "function_version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
                "memory_mb": int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
                "log_group": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]}


class Stream:
    def __init__(self, parts, may_fail):
        self.parts, self.may_fail = parts, may_fail


if __name__ == "__main__":
    sys.exit(Runtime(sys.argv[1] if len(sys.argv) > 1 else None).run())
