# SPDX-License-Identifier: Apache-2.0
# Reads `application/vnd.amazon.eventstream`: what InvokeWithResponseStream answers with.
import http.client
import json
import struct
import time
import urllib.parse
import zlib

from kiln_server import PATIENCE


def frames(answer):
    """(time, headers, payload) of each frame, as it arrives."""
    while prelude := read_exactly(answer, 12):
        total, header_size, checksum = struct.unpack(">III", prelude)
        rest = read_exactly(answer, total - 12)
        arrived = time.monotonic()
        if zlib.crc32(prelude[:8]) != checksum or zlib.crc32(prelude + rest[:-4]) != struct.unpack(">I", rest[-4:])[0]:
            raise AssertionError("a frame's checksum is wrong")
        yield arrived, headers_of(rest[:header_size]), rest[header_size:-4]


def read_exactly(answer, size):
    """So many bytes; none where the stream has ended."""
    data = b""
    while len(data) < size:
        more = answer.read1(size - len(data))
        if not more:
            if data:
                raise AssertionError("the stream broke off within a frame")
            return b""
        data += more
    return data


def headers_of(data):
    """All that the service sends are strings (type 7)."""
    headers = {}
    while data:
        name_end = 1 + data[0]
        if data[name_end] != 7:
            raise AssertionError(f"a header of type {data[name_end]}")
        size, = struct.unpack(">H", data[name_end + 1:name_end + 3])
        headers[data[1:name_end].decode()] = data[name_end + 3:name_end + 3 + size].decode()
        data = data[name_end + 3 + size:]
    return headers


class Streamed:
    """A streamed invocation, read to its end: `chunks` of (time, bytes), and what InvokeComplete says."""

    def __init__(self, url, name, event):
        place = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)
        try:
            connection.request("POST", f"/2021-11-15/functions/{name}/response-streaming-invocations", json.dumps(event),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise AssertionError(f"{answer.status} {answer.read()}")
            self.chunks, self.complete, self.ended = [], None, None
            for arrived, headers, payload in frames(answer):
                if headers[":event-type"] == "PayloadChunk":
                    self.chunks.append((arrived, payload))
                else:
                    self.complete, self.ended = json.loads(payload), arrived
        finally:
            connection.close()

    @property
    def body(self):
        """Without the prelude of an HTTP integration, where the client always sends one."""
        body = b"".join(chunk for _, chunk in self.chunks)
        return body.partition(b"\0" * 8)[2] if b"\0" * 8 in body else body
