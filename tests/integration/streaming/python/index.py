# SPDX-License-Identifier: Apache-2.0
import os
import sys
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
    sys.path.append(os.path.dirname(event["touch"]))
    from tell import tell  # of the folder shared with the test
    tell(event["touch"])
    time.sleep(event["sleep"])
    return "slept"
