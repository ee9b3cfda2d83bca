# SPDX-License-Identifier: Apache-2.0
# Echo: the least a Python function can do with an event.
def handler(event, context):
    return event
