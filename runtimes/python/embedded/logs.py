# SPDX-License-Identifier: Apache-2.0
"""The root handler of `logging` (_kiln_logs); loaded when the function first imports that module."""

import logging
import sys
import time

import _kiln_context
from _kiln_log_sinks import frame_type, sink
from _kiln_native import json_logs, log_level

_DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"

# Attributes that every record has; what else stands on one, the function has put there with `extra`.
_STANDARD_ATTRIBUTES = frozenset(
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created "
    "msecs relativeCreated thread threadName processName process aws_request_id tenant_id _frame_type".split()
)


class LambdaLoggerHandler(logging.Handler):
    def __init__(self, log_sink):
        super().__init__()
        self.log_sink = log_sink

    def emit(self, record):
        self.log_sink.log(self.format(record))


class LambdaLoggerHandlerWithFrameType(LambdaLoggerHandler):
    def emit(self, record):
        text = self.format(record)
        kind = getattr(record, "_frame_type", None) or frame_type(record.levelno)
        self.log_sink.log(text, frame_type=kind)


class LambdaLoggerFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = _kiln_context.request_id or ""
        record.tenant_id = _kiln_context.tenant_id
        return True


class JsonFormatter(logging.Formatter):
    def __init__(self):
        super().__init__(datefmt=_DATE_FORMAT + "Z")
        import json

        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def format(self, record):
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        record._frame_type = frame_type(record.levelno, True)
        is_dict = isinstance(record.msg, dict) and not record.args
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if is_dict else record.getMessage(),
            "logger": record.name,
            **self._failure(record),
            "requestId": getattr(record, "aws_request_id", None),
            "location": None,
        }
        if record.exc_info:
            fields["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        if getattr(record, "tenant_id", None) is not None:
            fields["tenantId"] = record.tenant_id
        for name, value in record.__dict__.items():
            if name not in _STANDARD_ATTRIBUTES and name not in fields:
                fields[name] = value
        return self._encode({name: value for name, value in fields.items() if value is not None}) + "\n"

    @staticmethod
    def _failure(record):
        # All three names are taken even without an exception, so that `extra` cannot supply them.
        if not record.exc_info:
            return {"stackTrace": None, "errorType": None, "errorMessage": None}
        import traceback

        kind, error, trace = record.exc_info
        return {
            "stackTrace": traceback.format_tb(trace),
            "errorType": None if kind is None else kind.__name__,
            "errorMessage": None if error is None else str(error),
        }


def configure():
    logging.Formatter.converter = time.gmtime
    if json_logs or log_level:
        handler = LambdaLoggerHandlerWithFrameType(sink)
    else:
        handler = LambdaLoggerHandler(sink)
    if json_logs:
        handler.setFormatter(JsonFormatter())
    else:
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(text, _DATE_FORMAT))
    handler.addFilter(LambdaLoggerFilter())
    root = logging.getLogger()
    if log_level in logging._nameToLevel:
        root.setLevel(log_level)
    root.addHandler(handler)
