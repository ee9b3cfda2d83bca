# SPDX-License-Identifier: Apache-2.0
# The function under test in Python: the same file under the official client and under kiln's own runtime.
import json
import os
import signal
import threading
import time

if os.environ.get("INTEROP_INIT") == "exit":
    os._exit(3)
if os.environ.get("INTEROP_INIT") == "fail":
    raise RuntimeError("failed on purpose in init")
served = 0


def describe(_, context):
    custom = context.client_context.custom if context.client_context else None
    return {
        "request_id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
        "remaining_ms": context.get_remaining_time_in_millis(), "trace_id": os.environ.get("_X_AMZN_TRACE_ID", ""),
        "client": (custom or {}).get("key"),
    }


def fail(*_):
    raise ValueError("failed on purpose")


def crash(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(*_):
    os._exit(7)


def leave_later(*_):
    threading.Timer(0.05, os._exit, [7]).start()
    return {"pid": os.getpid()}


def hang(*_):
    while True:
        time.sleep(60)


def pause(event, _):
    print("pausing", event.get("tag", ""))
    time.sleep(event["ms"] / 1000)
    return {"tag": event.get("tag"), "pid": os.getpid(), "served": served}


COMMANDS = {"context": describe, "fail": fail, "crash": crash, "exit": leave, "exit_later": leave_later, "hang": hang,
            "pause": pause}


def handler(event, context):
    global served
    served += 1
    if isinstance(event, dict) and "command" in event:
        return COMMANDS[event["command"]](event, context)
    return event


def streaming(event, _):
    """A generator: kiln's own runtime streams what it yields; the official client has no streaming."""
    for part in range(event["parts"]):
        yield f"part {part}\n"
        time.sleep(event["ms"] / 1000)
    if event.get("fail"):
        raise ValueError("failed on purpose")
