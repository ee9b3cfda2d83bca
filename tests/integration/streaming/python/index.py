# SPDX-License-Identifier: Apache-2.0
import os
import time


def half(status):
    yield "half"
    os._exit(status)


def handler(event, context):
    if "exit" in event:
        return half(event["exit"])
    open(event["touch"], "w").close()
    time.sleep(event["sleep"])
    return "slept"
