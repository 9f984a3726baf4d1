"""JSON lines on standard error: one for each request, and what the service and its server have to say.

A line holds a request id, the trace, route, status, versions, rule and milliseconds. It never holds a signal, a key, a
reference, an address or a message of an exception, any of which may say something of a person.

Nobody waits for the log: where its reader stands still, or its disk is full, lines are dropped and counted, and a line a
minute says how many.
"""

from __future__ import annotations

import logging
import os
import re
import select
import socket
import stat
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import orjson

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_FRAMES: Final = 6
DROPPED_SAID_EACH_S: Final = 60.0


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
    # One call to the system for all three ids.
    fresh = os.urandom(32).hex()
    request_id, span_id = fresh[:16], fresh[16:32]
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
        return request_id, Trace(fresh[32:], None, span_id, "00")
    return request_id, Trace(match[1], match[2], span_id, match[3])


class LogStream:
    """Standard error as a stream for lines, on which no write ever waits.

    What was standing open may be shared with other programs, so it is left as it is: a pipe or terminal is opened anew
    through /proc, a socket is sent to without waiting, and a file never makes anyone wait.
    """

    def __init__(self, descriptor: int = 2, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._descriptor, self._clock = descriptor, clock
        self._write: Callable[[bytes], int] | None = None
        self._dropped, self._said, self._broken = 0, -DROPPED_SAID_EACH_S, False

    def write(self, text: str) -> None:
        """Write a line or several, or drop them."""
        self.write_bytes(text.encode("utf-8", "backslashreplace"))

    def flush(self) -> None:
        """Nothing is held back."""

    def write_bytes(self, line: bytes) -> None:
        """The same of bytes; one call to the system, so that lines of several processes do not mix."""
        if self._dropped and self._clock() - self._said >= DROPPED_SAID_EACH_S:
            said = orjson.dumps(
                {
                    "timestamp": datetime.now(UTC).isoformat(),
                    "level": "warning",
                    "logger": "arki",
                    "event": f"{self._dropped} log lines were dropped: nobody read them in time, or there was no room.",
                }
            )
            if self._send(said + b"\n"):
                self._dropped, self._said = 0, self._clock()
        if not self._send(line):
            self._dropped += 1

    def _send(self, line: bytes) -> bool:
        """Whether all of it was written."""
        if self._broken:
            line = b"\n" + line  # the last line was cut off
        if self._write is None:
            self._write = _writer(self._descriptor)
        try:
            written = self._write(line)
        except OSError:
            return False
        self._broken = written < len(line)
        return not self._broken


def _writer(descriptor: int) -> Callable[[bytes], int]:
    """A function that writes to a descriptor without waiting."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(kind):
        wire = socket.socket(fileno=os.dup(descriptor))
        return lambda line: wire.send(line, socket.MSG_DONTWAIT)
    if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
        with suppress(OSError):
            again = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            return partial(os.write, again)
        return partial(_write_if_ready, descriptor)  # not ours to open
    return partial(os.write, descriptor)


def _write_if_ready(descriptor: int, line: bytes) -> int:
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    return os.write(descriptor, line[: select.PIPE_BUF]) if ready.poll(0) else 0


STREAM: Final = LogStream()
"""Standard error of this process."""


class RequestLog:
    """Writes a line for each request, in one call to the system, so that workers' lines never mix."""

    def __init__(self, stream: LogStream | None = None) -> None:
        self._stream = stream or LogStream()

    def write(self, **fields: object) -> None:
        """A line for a request that was answered."""
        now = datetime.now(UTC).replace(tzinfo=None)
        line = {**fields, "event": "request", "timestamp": f"{now.isoformat(timespec='microseconds')}Z"}
        self._stream.write_bytes(orjson.dumps(line) + b"\n")


def log_config(*servers: str) -> dict[str, object]:
    """What `logging.config.dictConfig` takes: everything from a warning on as JSON lines, of the named servers' loggers too."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "service.observability.logs.JsonFormatter"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://service.observability.logs.STREAM",
            }
        },
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {name: {"level": "WARNING", "handlers": [], "propagate": True} for name in servers},
    }


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
