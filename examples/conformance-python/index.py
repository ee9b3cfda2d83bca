# SPDX-License-Identifier: Apache-2.0
"""The test handler of `kiln conformance runtime` (docs/conformance.md): does what its event says."""
import os
import time

OFFERS = ["context", "big", "sleep", "exit", "init-failure", "stream", "stream-error", "concurrency"]

if os.environ.get("CONFORMANCE_FAIL_INIT"):
    raise RuntimeError("asked to fail while it is loaded")


def told(context):
    identity, client = context.identity, context.client_context
    return {
        "request_id": context.aws_request_id,
        "function_arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "trace_id": os.environ.get("_X_AMZN_TRACE_ID"),
        "client_context": {"custom": client.custom, "env": client.env} if client else None,
        "cognito_identity": {"cognitoIdentityId": identity.cognito_identity_id,
                             "cognitoIdentityPoolId": identity.cognito_identity_pool_id},
        "tenant_id": context.tenant_id,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "memory_mb": context.memory_limit_in_mb,
        "log_group": context.log_group_name,
    }


def stream(event):
    for number, chunk in enumerate(event["chunks"]):
        if number:
            time.sleep(event.get("pause_ms", 0) / 1000)
        yield chunk
    if "fail" in event:
        raise RuntimeError(event["fail"])


def handler(event, context):
    behaviour = event.get("conformance") if isinstance(event, dict) else None
    if behaviour is None:
        return event
    if behaviour == "offers":
        return OFFERS
    if behaviour == "echo":
        return event["value"]
    if behaviour == "error":
        raise RuntimeError(event["message"])
    if behaviour == "context":
        return told(context)
    if behaviour == "big":
        return "x" * event["size"]
    if behaviour == "sleep":
        time.sleep(event["ms"] / 1000)
        return event["ms"]
    if behaviour == "exit":
        os._exit(event["code"])
    if behaviour == "stream":
        return stream(event)
    raise ValueError(f"no such behaviour: {behaviour}")
