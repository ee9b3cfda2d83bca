# SPDX-License-Identifier: Apache-2.0
"""Tells what a function finds in its container, or behaves as the path of its event says."""
import json
import os
import time

if os.environ.get("FAIL_INIT"):
    raise RuntimeError("asked to fail")
while os.environ.get("INIT_GATE") and not os.path.exists(os.environ["INIT_GATE"]):
    time.sleep(0.01)


def handler(event, context):
    path = event.get("rawPath", "/") if isinstance(event, dict) else "/"
    if path == "/wait":
        while not os.path.exists(os.environ["GATE"]):
            time.sleep(0.01)
        return "waited"
    answers = {"/container": container, "/library": library, "/layer": layer}
    return json.dumps(answers[path](context)) if path in answers else "Hello Serverless"


def container(context):
    with open("/proc/self/status") as status:
        fields = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
    return {"uid": os.getuid(), "capabilities": int(fields["CapEff"], 16) | int(fields["CapPrm"], 16),
            "no_new_privileges": fields["NoNewPrivs"], "seccomp": fields["Seccomp"], "memory": context.memory_limit_in_mb,
            "writable": [folder for folder in ("/", "/etc", "/opt", "/run", "/tmp", "/usr/bin", "/var/task", "/var/tmp", "/home")
                         if writable(folder)],
            "environment": dict(os.environ)}


def writable(folder):
    try:
        with open(os.path.join(folder, "probe"), "w"):
            pass
        os.unlink(os.path.join(folder, "probe"))
        return True
    except OSError:
        return False


def library(_):
    """What a trimmed standard library must still do."""
    import asyncio
    import ctypes
    import decimal
    import email
    import hashlib
    import lzma
    import sqlite3
    import ssl
    import urllib.request
    import uuid
    import xml.etree.ElementTree
    import zlib
    import zoneinfo

    async def both():
        return await asyncio.gather(asyncio.sleep(0, "a"), asyncio.to_thread(lambda: "b"))

    return {"asyncio": asyncio.run(both()), "certificates": len(ssl.create_default_context().get_ca_certs()) > 50,
            "sqlite": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
            "sha": hashlib.sha3_256(b"").hexdigest()[:8], "zone": str(zoneinfo.ZoneInfo("Europe/Vienna")),
            "deflate": zlib.decompress(zlib.compress(b"x" * 9)).decode(), "xz": lzma.decompress(lzma.compress(b"y")).decode(),
            "xml": xml.etree.ElementTree.fromstring("<a><b/></a>")[0].tag, "decimal": str(decimal.Decimal("0.1") * 3),
            "pid": ctypes.CDLL(None).getpid() == os.getpid(), "uuid": uuid.uuid4().version,
            "opener": urllib.request.build_opener() is not None, "mail": email.message_from_string("A: b\n\nc")["A"]}


def layer(_):
    import from_layer

    return {"from": from_layer.__file__, "says": from_layer.SAYS}
