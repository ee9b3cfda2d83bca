# SPDX-License-Identifier: Apache-2.0
# The function of these tests: it can sleep, crash, and register an extension of its own.
import http.client
import json
import os
import sys
import threading
import time

EVENTS = []  # what the internal extension has got

sys.path.append(os.path.dirname(os.environ["SHARED"]))
from tell import tell  # noqa: E402  of the folder shared with the test


def ask(method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def register(name, events=("INVOKE",)):
    return ask("POST", "/2020-01-01/extension/register", json.dumps({"events": events}), {"Lambda-Extension-Name": name})


def listen(identifier):
    while True:
        _, _, body = ask("GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": identifier})
        EVENTS.append(json.loads(body))


if os.environ.get("INTERNAL"):
    threading.Thread(target=listen, args=[register("inside")[1]["Lambda-Extension-Identifier"]], daemon=True).start()


def handler(event, context):
    if "register" in event:
        status, _, body = register(event["register"])
        return {"status": status, "body": json.loads(body)}
    if "ask" in event:
        status, _, body = ask(*event["ask"])
        return {"status": status, "body": body}
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "crash" in event:
        os._exit(event["crash"])
    deadline = time.monotonic() + 30
    while len(EVENTS) < event.get("events", 0) and time.monotonic() < deadline:
        time.sleep(0.005)
    return {"pid": tell(os.environ["SHARED"]), "events": EVENTS, "id": context.aws_request_id}
