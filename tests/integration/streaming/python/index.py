# SPDX-License-Identifier: Apache-2.0
import os
import time

# An import that keeps a core busy for this long: several processes share the cores, and are not ready at once.
while time.process_time() < float(os.environ.get("IMPORT_SECONDS", "0")):
    pass


def half(status):
    yield "half"
    os._exit(status)


def handler(event, context):
    if "exit" in event:
        return half(event["exit"])
    open(event["touch"], "w").close()
    time.sleep(event["sleep"])
    return "slept"
