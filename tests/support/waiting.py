# SPDX-License-Identifier: Apache-2.0
# Waiting for what happens by itself, on the condition and with a deadline; and ports, for tests in Python.
import contextlib
import socket
import time

PATIENCE = 60  # seconds until a condition must hold; generous, for sanitizer builds on a busy machine


def wait_until(condition, what, seconds=PATIENCE):
    """What `condition` returns once that is true; an AssertionError that says `what` was waited for where it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
    return value


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
