# SPDX-License-Identifier: Apache-2.0
"""One function that behaves as its event tells it to, well or badly: {"do": …, other arguments}.

echo    returns `value`                            raise    raises `type` (a built-in's name) with `message`
bytes   returns `size` bytes                       exit     sys.exit(`code`)
text    returns `size` characters                  _exit    os._exit(`code`): nothing is flushed
set     returns what is no JSON                    signal   sends itself signal `number`
log     logs `message` at `level`                  segfault reads address 0
print   prints `lines` lines of `width` characters memory   takes and keeps `mib` MiB
sleep   sleeps `seconds`, then returns them        recurse  recurses without end
spin    keeps the processor busy for `seconds`     stderr   writes `message` to stderr
count   says how often this instance was called    environment, context, pid: shows them
thread  leaves a thread that prints after `seconds`"""

import logging
import os
import signal
import sys
import threading
import time

calls = 0
kept = []


def echo(event, context):
    return event.get("value")


def bytes_(event, context):
    return b"x" * event["size"]


def text(event, context):
    return "x" * event["size"]


def set_(event, context):
    return {1, 2}


def raise_(event, context):
    import builtins

    raise getattr(builtins, event.get("type", "ValueError"))(event.get("message", "asked for"))


def exit_(event, context):
    sys.exit(event.get("code"))


def _exit(event, context):
    os._exit(event.get("code", 0))


def signal_(event, context):
    os.kill(os.getpid(), event.get("number", signal.SIGKILL))
    time.sleep(event.get("seconds", 5))


def segfault(event, context):
    import ctypes

    return ctypes.string_at(0)


def sleep(event, context):
    time.sleep(event["seconds"])
    return event["seconds"]


def spin(event, context):
    end = time.monotonic() + event["seconds"]
    while time.monotonic() < end:
        pass
    return event["seconds"]


def print_(event, context):
    for number in range(event.get("lines", 1)):
        print(str(number).rjust(event.get("width", 80), "."))
    return event.get("lines", 1)


def stderr(event, context):
    sys.stderr.write(event.get("message", "to stderr\n"))


def log(event, context):
    logging.getLogger().log(getattr(logging, event.get("level", "WARNING")), event["message"])


def memory(event, context):
    block = bytearray(event["mib"] * 1024 * 1024)
    for page in range(0, len(block), 4096):
        block[page] = 1
    kept.append(block)
    return len(kept)


def recurse(event, context):
    return recurse(event, context)


def count(event, context):
    return calls


def environment(event, context):
    return dict(os.environ)


def context_(event, context):
    return {name: value for name, value in vars(context).items() if isinstance(value, (str, int))}


def pid(event, context):
    return os.getpid()


def thread(event, context):
    def late():
        time.sleep(event.get("seconds", 0.1))
        print("from a thread")

    threading.Thread(target=late, daemon=True).start()


def handler(event, context):
    global calls
    calls += 1
    if not isinstance(event, dict):
        return event
    what = event.get("do", "echo")
    return (globals().get(what + "_") or globals()[what])(event, context)


async def async_handler(event, context):
    import asyncio

    await asyncio.sleep(event.pop("await", 0))
    return handler(event, context)
