#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks into the zips a stranger's project made, and runs them on the bootstrap of the same prefix.

usage: check_packages.py BUILD_FOLDER PREFIX
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import zipfile


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, wanted {wanted!r}")


def needed(path):
    text = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    return [line.split("[")[1].rstrip("]") for line in text.splitlines() if "(NEEDED)" in line]


def read_message(stream):
    """One HTTP message: its head's fields in lower case, its first line under "", its trailers under "trailer …", and its body."""
    fields = {"": stream.readline().decode().strip()}
    for line in iter(stream.readline, b"\r\n"):
        name, _, value = line.decode().partition(":")
        fields[name.strip().lower()] = value.strip()
    if fields.get("transfer-encoding") != "chunked":
        return fields, stream.read(int(fields.get("content-length", 0)))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size + 2)[:-2]
    for line in iter(stream.readline, b"\r\n"):
        name, _, value = line.decode().partition(":")
        fields["trailer " + name.strip().lower()] = value.strip()
    return fields, body


def invoke(bootstrap, folder, handler, event):
    """The answer of one invocation: the first line of the post, its fields, its body."""
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    environment = {"KILN_RUNTIME_API_FD": str(theirs.fileno()), "_HANDLER": handler, "LAMBDA_TASK_ROOT": folder}
    process = subprocess.Popen([bootstrap], env=environment, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)
    theirs.close()
    with ours, ours.makefile("rb") as stream:
        read_message(stream)
        head = f"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: the-id\r\nContent-Length: {len(event)}\r\n\r\n"
        ours.sendall(head.encode() + event)
        fields, body = read_message(stream)
    expect("exit code of the bootstrap", process.wait(20), 0)
    return fields, body


def main():
    build, prefix = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    bootstrap = str(prefix / "libexec/kiln/cpp/bootstrap")
    zips = [build / line for line in (build / "kiln-package.txt").read_text().split()]
    expect("packages", [zip.name for zip in zips], ["orders.zip", "plain.zip"])
    with tempfile.TemporaryDirectory() as work:
        names = {}
        for path in zips:
            with zipfile.ZipFile(path) as archive:
                names[path.stem] = sorted(name for name in archive.namelist() if not name.endswith("/"))
                archive.extractall(f"{work}/{path.stem}")
        expect("orders.zip", names["orders"], ["data/note.txt", "lib/libgreeting.so.1", "orders.so", "prices.json"])
        expect("plain.zip", names["plain"], ["plain.so"])
        expect("what plain.so needs", [n for n in needed(f"{work}/plain/plain.so") if "c++" in n or "gcc" in n], [])

        order = json.dumps({"customer": "Ada", "items": [1, 2, 3]}).encode()
        fields, body = invoke(bootstrap, f"{work}/orders", "orders.order", order)
        expect("an order", json.loads(body), {"text": "Hello Ada", "total": 6})
        fields, body = invoke(bootstrap, f"{work}/orders", "orders.order", b'{"customer": "", "items": []}')
        expect("an exception out of the stranger's library", json.loads(body)["errorType"], "std::invalid_argument")
        fields, body = invoke(bootstrap, f"{work}/orders", "orders.order", b'{"items": []}')
        expect("an order that lacks a member", json.loads(body)["errorType"], "Runtime.UnmarshalError")
        fields, body = invoke(bootstrap, f"{work}/orders", "orders.raw", b"\x00ab")
        expect("raw bytes", (body, fields["content-type"]), (b"\x00ab\x00ab", "text/plain"))
        fields, body = invoke(bootstrap, f"{work}/orders", "orders.greetings", b'["Ada", "Bob", ""]')
        head = b'{"headers":{"Request-Id":"the-id"},"statusCode":200}' + bytes(8)
        expect("a stream", body, head + b"Hello AdaHello Bob")
        expect("its end", fields["trailer lambda-runtime-function-error-type"], "std::invalid_argument")
        fields, body = invoke(bootstrap, f"{work}/plain", "plain.handler", b"{}")
        expect("a function in C", body, b"the-id")


main()
