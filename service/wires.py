"""What the loop worker puts between gunicorn and a socket, and what it says itself where no app is asked."""

from __future__ import annotations

import json
import re
import socket
from typing import Final

from gunicorn.http import errors

SLOWEST_REQUEST_S: Final = 30.0
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|expect|upgrade)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE
)
_REASONS: Final = {
    400: "Bad Request",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}
CLIENT_ERRORS: Final = (
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ExpectationFailed, 417),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ParseException, 400),
)


def problem_response(status: int, slug: str, detail: str, *headers: str) -> bytes:
    """A whole HTTP response with a problem, for what never reaches the app."""
    problem = {
        "type": f"urn:problem-type:arki:{slug}",
        "title": _REASONS[status],
        "status": status,
        "detail": detail,
    }
    body = json.dumps(problem).encode()
    lines = (
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *headers,
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


BUSY: Final = problem_response(
    503,
    "overloaded",
    "More requests are waiting than can be answered in time. Try again in a second.",
    "Retry-After: 1",
)


class Wire:
    """What gunicorn takes for a socket: gives the bytes of one whole request, and keeps what is written."""

    def __init__(self) -> None:
        self.given = b""
        self.written: list[bytes] = []

    def recv(self, _size: int) -> bytes:
        given, self.given = self.given, b""
        return given

    def sendall(self, content: bytes) -> None:
        self.written.append(bytes(content))

    send = sendall

    def setblocking(self, _blocking: bool) -> None:  # noqa: FBT001  (a socket's signature)
        """Nothing here ever blocks."""

    def shutdown(self, _how: int) -> None:
        raise OSError  # gunicorn lingers on real sockets alone

    def close(self) -> None:
        """The loop closes the real socket."""


class PatientWire:
    """A real socket for a thread of the pool, with a time-out that gunicorn's `setblocking` does not undo."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(SLOWEST_REQUEST_S)
        self.recv, self.sendall, self.send, self.shutdown = sock.recv, sock.sendall, sock.send, sock.shutdown

    def setblocking(self, _blocking: bool) -> None:  # noqa: FBT001  (a socket's signature)
        """The time-out stays."""

    def close(self) -> None:
        """The loop closes the real socket."""


def error_response(status: int) -> bytes:
    slug = _REASONS[status].lower().replace(" ", "-")
    detail = f"The request could not be served: {_REASONS[status]}."
    return problem_response(status, slug, detail, "Connection: close")


def body_length(head: bytes) -> int | None:
    """The length of the body that follows a head; None where only gunicorn's own reading tells."""
    found = _FRAMING.findall(head)
    if not found:
        return 0
    name, value = found[0]
    value = value.strip()
    if len(found) > 1 or name.lower() != b"content-length" or not value.isdigit() or len(value) > 12:  # noqa: PLR2004
        return None
    return int(value)
