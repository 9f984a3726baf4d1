"""JSON lines on standard error: one for each request, and what the service and gunicorn have to say.

A line holds a request id, the trace, route, status, versions, rule and milliseconds. It never holds a signal, a key, a
reference, an address or a message of an exception, any of which may say something of a person.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_FRAMES: Final = 6


class Trace(NamedTuple):
    """Where a request stands in a trace (W3C Trace Context, level 1): the caller's ids, and one of our own."""

    trace_id: str
    parent_id: str | None
    span_id: str
    flags: str

    def traceparent(self) -> str:
        """The header that tells the caller under which span its request was served."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def new_ids(traceparent: str | None) -> tuple[str, Trace]:
    """A request id, and the trace that a `traceparent` header continues; a new one if it is none."""
    fresh = os.urandom(32).hex()
    request_id, span_id = fresh[:16], fresh[16:32]
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
        return request_id, Trace(fresh[32:], None, span_id, "00")
    return request_id, Trace(match[1], match[2], span_id, match[3])


class RequestLog:
    """Writes a line for each request, in one call to a file descriptor, so that workers' lines never mix."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor

    def write(self, **fields: Any) -> None:  # noqa: ANN401  (JSON values)
        """A line for a request that was answered."""
        now = datetime.now(UTC).replace(tzinfo=None)
        line = {**fields, "event": "request", "timestamp": f"{now.isoformat(timespec='microseconds')}Z"}
        with suppress(OSError):  # nobody reads the log any more; citizens still get their answers
            os.write(self._descriptor, orjson.dumps(line) + b"\n")


class JsonFormatter(logging.Formatter):
    """A log record as a JSON line. An exception is named with its place in the code, without its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = error_place(record.exc_info[1])
        return orjson.dumps(line).decode()


def error_place(error: BaseException) -> str:
    """What failed and where in the code, without the message, which may quote a signal."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-_FRAMES:])
    )
    return f"{type(error).__name__} at {where}"
