#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# An external extension. Its plan is OPT/NAME.json, its notes go to OPT/NAME.notes, a JSON object a line.
import http.client
import json
import os
import sys
import time

NAME = os.path.basename(sys.argv[0])
OPT = os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))
with open(os.path.join(OPT, NAME + ".json")) as plan_file:
    PLAN = json.load(plan_file)

sys.path.append(OPT)
from tell import tell  # noqa: E402  of the folder shared with the test


PID = tell(os.path.join(OPT, "pids"))


def note(**what):
    tell(os.path.join(OPT, NAME + ".notes"), json.dumps({"pid": PID, "at": time.time(), **what}) + "\n")


connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def ask(method, path, body=None, **headers):
    connection.request(method, "/2020-01-01/extension/" + path, body,
                       {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def act(when, identifier=None):
    """Does what is planned for `when`: "exit N", "wait FILE", "init/error", "exit/error" or "hang"."""
    word, _, rest = PLAN.get(when, "").partition(" ")
    if word == "exit":
        sys.exit(int(rest))
    if word == "hang":
        time.sleep(600)
    if word == "wait":
        while not os.path.exists(os.path.join(OPT, rest)):
            time.sleep(0.005)
    if word in ("init/error", "exit/error"):
        status, _, _ = ask("POST", word, json.dumps({"errorMessage": "as planned", "errorType": "Probe.Planned"}),
                           Lambda_Extension_Identifier=identifier,
                           Lambda_Extension_Function_Error_Type="Probe.Planned")
        note(reported=word, status=status)
        sys.exit(1)


note(started=dict(os.environ), cwd=os.getcwd())
act("at_start")
status, headers, body = ask("POST", "register", json.dumps({"events": PLAN.get("events", ["INVOKE", "SHUTDOWN"])}),
                            Lambda_Extension_Name=NAME, Lambda_Extension_Accept_Feature="accountId")
note(registered=json.loads(body), status=status)
if status != 200:
    sys.exit(1)
identifier = headers["Lambda-Extension-Identifier"]
print(f"{NAME} says hello", flush=True)
act("registered", identifier)
while True:
    status, _, body = ask("GET", "event/next", Lambda_Extension_Identifier=identifier)
    event = json.loads(body)
    note(event=event, status=status)
    if event["eventType"] == "SHUTDOWN":
        act("at_shutdown", identifier)
        note(leaves=True)
        sys.exit(0)
    act("at_invoke", identifier)
