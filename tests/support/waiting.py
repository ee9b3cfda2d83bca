# SPDX-License-Identifier: Apache-2.0
# Waiting for what happens by itself, on the condition and with a deadline; and ports, for tests in Python.
import contextlib
import random
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
    """From below those that the kernel gives away: a connection that is made meanwhile takes none of them."""
    with contextlib.ExitStack() as held:
        ports = []
        for port in random.sample(range(10_000, 30_000), 20_000):
            if len(ports) == count:
                break
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
                continue
            held.enter_context(candidate)
            ports.append(port)
        assert len(ports) == count, f"no {count} free ports between 10000 and 30000"
        return ports


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
