# SPDX-License-Identifier: Apache-2.0
# Functions written with the frameworks under test: Powertools for Python and Mangum.
import json

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2, event_source
from aws_lambda_powertools.utilities.metadata import get_lambda_metadata
from mangum import Mangum

logger = Logger(service="interop")
metrics = Metrics(namespace="kiln", service="interop")
tracer = Tracer(service="interop")
router = APIGatewayHttpResolver()
batch = BatchProcessor(event_type=EventType.SQS)


@router.get("/shop/<item>")
@tracer.capture_method
def look_up(item):
    if item == "nothing":
        raise NotFoundError("no such item")
    logger.info("looked up", item=item)
    metrics.add_metric(name="LookUps", unit=MetricUnit.Count, value=1)
    return {"item": item, "size": router.current_event.query_string_parameters.get("size")}


@router.post("/shop/<item>")
def put(item):
    return Response(status_code=201, content_type="application/json", cookies=[], headers={"X-Shop": "kiln"},
                    body=json.dumps({"item": item, "kept": router.current_event.json_body}))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def powertools(event, context):
    return router.resolve(event, context)


@event_source(data_class=APIGatewayProxyEventV2)
def typed(event, _):
    return {"method": event.request_context.http.method, "path": event.raw_path, "agent": event.request_context.http.user_agent,
            "header": event.headers.get("x-sent"), "body": event.decoded_body}


def metadata(*_):
    return get_lambda_metadata().availability_zone_id


def batched(event, context):
    def keep(record):
        if record.body == "bad":
            raise ValueError("failed on purpose")
    return process_partial_response(event=event, record_handler=keep, processor=batch, context=context)


started = []


async def application(scope, receive, send):
    """An ASGI application as any framework makes one."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                started.append(True)
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"].endswith("/picture"):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]})
        await send({"type": "http.response.body", "body": bytes(range(256))})
        return
    told = {"method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode(),
            "sent": dict(scope["headers"]).get(b"x-sent", b"").decode(), "body": body.decode(), "started": bool(started),
            "id": scope["aws.context"].aws_request_id}
    await send({"type": "http.response.start", "status": 203, "headers": [
        (b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


asgi = Mangum(application)
