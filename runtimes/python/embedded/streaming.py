# SPDX-License-Identifier: Apache-2.0
"""Sends what a generator handler yields, as it yields it (_kiln_streaming)."""

from _kiln_native import to_json

# As Lambda's response streaming has it: JSON, eight NULs, and then the body.
_HTTP_TYPE = "application/vnd.awslambda.http-integration-response"
_HTTP_FIELDS = ("statusCode", "headers", "multiValueHeaders", "cookies")
_HTTP_END = "\0" * 8


class _Stream(object):
    def __init__(self, open_as, write):
        self._open_as = open_as
        self._write = write
        self._begun = False
        self._gone = False

    def send(self, value):
        """Raises what is then to be raised where the value was yielded."""
        if isinstance(value, dict) and not self._begun:
            value = self._http_head(value)
        self._write(value)
        self._begun = True

    def _http_head(self, fields):
        unknown = [name for name in fields if name not in _HTTP_FIELDS]
        if unknown or not fields:
            raise ValueError(
                f"a dict that is yielded first says how to answer over HTTP: {', '.join(_HTTP_FIELDS)}; not {unknown}"
            )
        head = to_json({"statusCode": 200, **fields}) + _HTTP_END
        self._open_as(_HTTP_TYPE)
        return head

    def is_over(self, error):
        """Whether this is the second time that nobody takes what is yielded: the handler was told, and goes on."""
        told, self._gone = self._gone, isinstance(error, BrokenPipeError)
        return told and self._gone

    def finish(self):
        if not self._begun:
            self._write(b"")


def _pump(generator, stream):
    try:
        value = next(generator)
        while True:
            try:
                stream.send(value)
            except Exception as error:
                if stream.is_over(error):
                    return generator.close()
                value = generator.throw(error.with_traceback(None))
            else:
                value = next(generator)
    except StopIteration:
        stream.finish()


async def _pump_async(generator, stream):
    try:
        step = generator.__anext__()
        while True:
            value = await step
            try:
                stream.send(value)
            except Exception as error:
                if stream.is_over(error):
                    return await generator.aclose()
                step = generator.athrow(error.with_traceback(None))
            else:
                step = generator.__anext__()
    except StopAsyncIteration:
        stream.finish()


def run(generator, open_as, write):
    """None, or the exception that has ended the stream. `write` raises BrokenPipeError where nobody listens any more."""
    stream = _Stream(open_as, write)
    if hasattr(generator, "__anext__"):
        from _kiln_awaiting import run

        well, outcome = run(_pump_async(generator, stream))
        return None if well else outcome
    try:
        _pump(generator, stream)
    except Exception as error:
        return error
