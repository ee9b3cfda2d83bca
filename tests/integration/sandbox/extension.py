#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# An extension that writes to its log what it is told.
import http.client
import json
import os
import sys

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
name = os.path.basename(sys.argv[0])


def ask(method, path, body=None, **headers):
    api.request(method, "/2020-01-01/extension/" + path, body, {key.replace("_", "-"): value for key, value in headers.items()})
    answer = api.getresponse()
    return answer.read().decode(), answer.headers


_, headers = ask("POST", "register", json.dumps({"events": ["INVOKE", "SHUTDOWN"]}), Lambda_Extension_Name=name)
while True:
    body, _ = ask("GET", "event/next", Lambda_Extension_Identifier=headers["Lambda-Extension-Identifier"])
    print(f"{sys.argv[0]} as {os.getuid()}: {json.loads(body)['eventType']}", flush=True)
    if json.loads(body)["eventType"] == "SHUTDOWN":
        break
