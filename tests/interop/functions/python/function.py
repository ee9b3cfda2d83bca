# SPDX-License-Identifier: Apache-2.0
# The function under test in Python: the same file under the official client and under kiln's own runtime.
import json
import logging
import os
import signal
import threading
import time

if os.environ.get("INTEROP_INIT") == "exit":
    os._exit(3)
if os.environ.get("INTEROP_INIT") == "fail" or os.environ.get("CONFORMANCE_FAIL_INIT"):
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


def log(*_):
    logging.getLogger().error("first line\nsecond line")
    return "logged"


COMMANDS = {"context": describe, "log": log, "fail": fail, "crash": crash, "exit": leave, "exit_later": leave_later, "hang": hang,
            "pause": pause}


def conform(event, context):
    """What `kiln conformance` asks of a handler (docs/conformance.md)."""
    asked = event["conformance"]
    if asked == "offers":
        return ["context", "big", "sleep", "exit", "init-failure", "concurrency"]
    if asked == "echo":
        return event["value"]
    if asked == "error":
        raise ValueError(event["message"])
    if asked == "big":
        return "x" * event["size"]
    if asked == "sleep":
        time.sleep(event["ms"] / 1000)
        return event["ms"]
    if asked == "exit":
        os._exit(event["code"])
    if asked == "context":
        told = describe(event, context)
        client = context.client_context
        return {"request_id": told["request_id"], "function_arn": told["arn"], "remaining_ms": told["remaining_ms"],
                "trace_id": told["trace_id"], "client_context": client and {"custom": client.custom, "env": client.env},
                "tenant_id": context.tenant_id, "function_name": context.function_name,
                "function_version": context.function_version, "memory_mb": int(context.memory_limit_in_mb),
                "log_group": context.log_group_name}
    raise ValueError(f"no such behaviour: {asked}")


def handler(event, context):
    global served
    served += 1
    if isinstance(event, dict) and "conformance" in event:
        return conform(event, context)
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
