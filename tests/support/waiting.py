# SPDX-License-Identifier: Apache-2.0
# Waiting for what happens by itself: on the condition, with a deadline.
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
