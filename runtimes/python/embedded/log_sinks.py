# SPDX-License-Identifier: Apache-2.0
"""Where log records and error reports go (_kiln_log_sinks): stdout, or frames on a descriptor of the platform's."""

import posix
import sys
import time

from _kiln_native import json_logs, telemetry_log_fd

_TEXT_FRAME = 0xA55A0003
_JSON_FRAME = 0xA55A0002
_LEVEL_STEP = 4  # a frame's type also says its record's level: none, debug, info, warning, error, critical
_NO_LEVEL_GAP = 4


def frame_type(level, is_json=False):
    """The frame type of a record of `level` (logging's numbers)."""
    base = _JSON_FRAME if is_json else _TEXT_FRAME
    step = min(50, max(0, level)) // 10
    return base if step == 0 else base + _NO_LEVEL_GAP + _LEVEL_STEP * step


class StandardLogSink(object):
    def log(self, msg, frame_type=None):
        sys.stdout.write(msg)

    def log_error(self, lines):
        # One line to a reader of lines, several to a reader who shows carriage returns as such.
        sys.stdout.write("\r".join(lines) + "\n")


class FramedTelemetryLogSink(object):
    def __init__(self, fd):
        self.fd = fd

    def log(self, msg, frame_type=None):
        message = msg.encode("utf-8", "backslashreplace")
        head = (frame_type or _TEXT_FRAME).to_bytes(4, "big") + len(message).to_bytes(4, "big")
        frame = memoryview(head + (time.time_ns() // 1000).to_bytes(8, "big") + message)
        while frame:
            frame = frame[posix.write(self.fd, frame) :]

    def log_error(self, lines):
        self.log("\n".join(lines), frame_type=frame_type(40, json_logs))


sink = StandardLogSink() if telemetry_log_fd is None else FramedTelemetryLogSink(telemetry_log_fd)
