# SPDX-License-Identifier: Apache-2.0
"""Runs what an `async def` handler returns (_kiln_awaiting). One event loop lives as long as the process, so that
connections and locks which the function keeps at module level stay usable from one invocation to the next."""

import asyncio

_loop = None


def _event_loop():
    global _loop
    if _loop is None or _loop.is_closed():
        try:
            # The one the function has made at import, if any: what it created there belongs to that loop.
            _loop = asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:
            _loop = asyncio.new_event_loop()
        if _loop.is_closed():
            _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop


async def _settle(awaitable):
    # The exception is handed over, not raised through the loop, whose frames would then stand in its stack trace.
    try:
        return True, await awaitable
    except (Exception, asyncio.CancelledError) as error:
        return False, error


def run(awaitable):
    """Whether the awaitable ended well, and its result or else its exception."""
    return _event_loop().run_until_complete(_settle(awaitable))
