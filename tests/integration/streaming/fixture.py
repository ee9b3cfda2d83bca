# SPDX-License-Identifier: Apache-2.0
# A server with the planned runtime deployed, and invokers for it.
import http.client
import json
import os
import struct
import sys
import threading
import time
import unittest
import zlib

SOURCE, BUILD = sys.argv[1], sys.argv[2]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from shared_folder import SharedFolder  # noqa: E402
from waiting import wait_until  # noqa: E402

INVOKE = "/2015-03-31/functions/f/invocations"
STREAM = "/2021-11-15/functions/f/response-streaming-invocations"


def events_of(body):
    """The messages of an event stream, each (type, payload), their checksums checked."""
    found = []
    while body:
        whole, headers, checksum = struct.unpack(">III", body[:12])
        assert checksum == zlib.crc32(body[:8]), "checksum of the lengths"
        message, body = body[:whole], body[whole:]
        assert struct.unpack(">I", message[-4:])[0] == zlib.crc32(message[:-4]), "checksum of the message"
        fields, at = {}, 12
        while at < 12 + headers:
            name_size = message[at]
            name = message[at + 1:at + 1 + name_size].decode()
            at += 1 + name_size + 1
            size, = struct.unpack(">H", message[at:at + 2])
            fields[name] = message[at + 2:at + 2 + size].decode()
            at += 2 + size
        assert fields[":message-type"] == "event"
        found.append((fields[":event-type"], message[12 + headers:-4]))
    return found


class PlannedFunction(unittest.TestCase):
    arguments = ()  # of the server

    def setUp(self):
        self.shared = SharedFolder()
        self.addCleanup(self.shared.close)

    def path(self, name):
        return self.shared.file(name)

    def touch(self, name):
        open(self.path(name), "w").close()

    def serve(self, *deploy, timeout=30):
        self.server = KilnServer(BUILD, shared=self.shared, arguments=self.arguments)
        self.addCleanup(self.server.kill)
        self.server.run("deploy", os.path.join(HERE, "runtime"), "--name", "f", "--runtime", "provided",
                        "--trigger", "POST /f", "--timeout", str(timeout), *deploy)
        return self.server

    def request(self, path, event, **headers):
        """Sends a call and returns its connection and its answer, of which only the head was read."""
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("POST", path, self.server.inside(json.dumps(event)),
                           {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}})
        return connection, connection.getresponse()

    def invoke(self, event, path=INVOKE):
        _, answer = self.request(path, event)
        body = json.loads(answer.read() or b"null")
        return ("error", body) if answer.headers.get("X-Amz-Function-Error") else ("ok", body)

    def invoke_later(self, event):
        done = []
        caller = threading.Thread(target=lambda: done.append(self.invoke(event)))
        caller.start()
        self.addCleanup(caller.join, PATIENCE)
        return done

    def instances(self):
        connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/kiln/v1/functions/f/instances")
        return json.loads(connection.getresponse().read())["Instances"]

    def log(self):
        return self.server.run("logs", "f").stdout
