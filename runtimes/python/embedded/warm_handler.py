# SPDX-License-Identifier: Apache-2.0
"""The function of an interpreter that has none yet (_kiln_warm_handler): it goes the ways that others will."""


def handler(event, context):
    name = event.get("name", "nobody")
    return {"name": f"{name}", "numbers": [1, 2.5, None, True], "left": context.get_remaining_time_in_millis()}
