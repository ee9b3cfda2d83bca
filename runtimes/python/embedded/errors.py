# SPDX-License-Identifier: Apache-2.0
"""What the invoker, the log and the tracing system get to see of a failure (_kiln_errors)."""

import posix
import time

from _kiln_log_sinks import sink
from _kiln_native import json_logs, to_json

_NO_BREAK_SPACE = "\u00a0"

# A header field longer than this is refused by many servers; the official platform crops it there too.
_CAUSE_LIMIT = 65_536
_CAUSE_FRAMES = 100
# The description of an error that ends a stream travels in a trailer.
_TRAILER_LIMIT = 40_960

_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
    "cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, "
    "runtime updates can be triggered by a function change, or can be applied automatically. To determine if the "
    "runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with a "
    "change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the previous "
    "runtime version. For more information, see "
    "https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)


class Fault(Exception):
    """A failure that the runtime found, not the function."""

    def __init__(self, kind, message, trace=None):
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


def report(error, request_id, in_trailer=False):
    """Logs `error` (an exception) and returns its type, the body for the invoker and the cause for the tracing system."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace
        cause = _cause("LambdaValidationError", message, [])
    else:
        import traceback

        kind, message = type(error).__name__, _text(error)
        frames = _frames(error, traceback)
        trace = traceback.format_list(frames)
        cause = _cause(kind, message, frames)
    result = {
        "errorMessage": message,
        "errorType": kind,
        "requestId": request_id or "",
        "stackTrace": trace,
    }
    _log(result)
    body = to_json(result)
    if in_trailer and len(body) > _TRAILER_LIMIT:
        body = to_json({**result, "stackTrace": trace[-_CAUSE_FRAMES:]})
    return kind, body, cause


def report_at_load(error):
    """The same for a handler that cannot be loaded, after the warning that goes before it."""
    import logging

    logging.warning(_WARNING)
    return report(error, None)


def _text(error):
    try:
        return str(error)
    except Exception:
        return f"<unprintable {type(error).__name__} object>"


def _frames(error, traceback):
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
    # The runtime's own frames stand above the function's and are none of its author's business.
    while frames and frames[0][0].startswith("<frozen _kiln"):
        del frames[0]
    return frames


def _cause(kind, message, frames):
    try:
        working_directory = posix.getcwd()
    except OSError:
        working_directory = ""

    def text(some):
        stack = [{"label": name, "path": path, "line": line} for path, line, name, _ in some]
        exception = {"message": message, "type": kind, "stack": stack}
        paths = sorted({frame[0] for frame in some})
        # The text becomes a header field, whatever the answers' own encoding.
        return to_json({"working_directory": working_directory, "exceptions": [exception], "paths": paths}, True)

    cause = text(frames)
    if len(cause) > _CAUSE_LIMIT:
        cause = text(frames[-_CAUSE_FRAMES:])
    return cause if len(cause) <= _CAUSE_LIMIT else ""


def _log(result):
    if json_logs:
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        lines = [to_json({"timestamp": timestamp, "level": "ERROR", **result})]
    else:
        # What has no UTF-8 is written as its escape.
        lines = [line.encode("utf-8", "backslashreplace").decode("utf-8") for line in _lines(result)]
    try:
        sink.log_error(lines)
    except Exception:
        # The function may have closed its stdout; the invoker is to get the error all the same.
        pass


def _lines(result):
    description = "[ERROR] " + result["errorType"]
    if result["errorMessage"]:
        description += ": " + result["errorMessage"]
    yield description
    yield "Traceback (most recent call last):"
    for entry in result["stackTrace"]:
        for line in entry.splitlines():
            # Log stores trim plain blanks at the start of a line.
            code = line.lstrip(" ")
            yield _NO_BREAK_SPACE * (len(line) - len(code)) + code
