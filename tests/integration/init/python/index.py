# SPDX-License-Identifier: Apache-2.0
# Each import takes the next step of the plan in $PLAN (a JSON list of what to do); the last one is taken again and again.
import json
import os
import sys
import time
import urllib.request
PLAN = os.environ["PLAN"]
sys.path.append(os.path.dirname(PLAN))
from tell import tell  # noqa: E402  of the folder shared with the test

with open(PLAN) as plan_file:
    STEPS = json.load(plan_file)
tell(PLAN + ".imports", f"{time.time()}\n")
with open(PLAN + ".imports") as imports:
    NUMBER = len(imports.readlines())
step, _, rest = STEPS[min(NUMBER, len(STEPS)) - 1].partition(" ")
if step == "sleep":
    time.sleep(float(rest))
if step == "raise":
    raise ValueError(rest)
if step == "exit":
    os._exit(int(rest))


def handler(event, context):
    if event.get("metadata"):
        request = urllib.request.Request(
            f"http://{os.environ['AWS_LAMBDA_METADATA_API']}/2026-01-15/metadata/execution-environment",
            headers={"Authorization": "Bearer " + os.environ["AWS_LAMBDA_METADATA_TOKEN"]})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    return {"import": NUMBER, "left": context.get_remaining_time_in_millis(),
            "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
