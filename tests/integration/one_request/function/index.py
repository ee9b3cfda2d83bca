# SPDX-License-Identifier: Apache-2.0
# Says by every way a function has which invocation it is in.
import logging
import os


def handler(event, context):
    print("printed in " + context.aws_request_id)
    logging.getLogger().warning("logged")
    if event.get("fail"):
        raise ValueError("failed in " + context.aws_request_id)
    return {"id": context.aws_request_id, "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            "arn": context.invoked_function_arn, "event": event}
