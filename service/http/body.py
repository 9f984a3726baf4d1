"""The one gate that request bodies pass before any schema: bytes in, a plain JSON document out.

Refuses what parsers disagree about (duplicate keys, NaN, numbers beyond range, lone surrogates, deep nesting) with a
400, what holds more parts than any operation takes with a 413, and drains what it refuses, so that the answer arrives.
Knows no wire shape. `service.api.operations` and `service.app` use it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_input_stream

from models.contract.identity_codes import holds_identity_code, may_hold_identity_code
from models.contract.signals import Fault

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LARGEST_BODY: Final = 64 * 1024
LARGEST_BATCH_BODY: Final = 2 * 1024 * 1024
DRAINED: Final = 4 * 1024 * 1024
DEEPEST: Final = 32
MOST_PARTS: Final = 100_000
"""Fields and list entries in a body; a batch of 500 customers of whom everything is known has 55,000."""
_HOLDERS: Final = frozenset({dict, list})
_SMALLEST, _GREATEST = -(1 << 63), (1 << 63) - 1
_JSON: Final = "application/json"
_CHUNK: Final = 64 * 1024
_READ: Final = "arki.body_was_read"
_ODD_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89A-Fa-f])")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")


class MalformedBodyError(ValueError):
    """The body is not JSON that every parser reads alike; the message says why without quoting it."""


class BodyTooLargeError(ValueError):
    """The body is larger than this operation accepts."""


class MediaTypeError(ValueError):
    """The body is not declared as plain JSON."""


class Document:
    """A parsed body. `identity_faults` points at each Finnish identity code in part of it."""

    def __init__(self, raw: bytes) -> None:
        self.json = _parse(raw)
        self._suspect = b"\\" in raw or may_hold_identity_code(raw)

    def identity_faults(self, part: object, pointer: str = "") -> list[Fault]:
        """A fault for each string under `part`, keys included, that holds an identity code."""
        if not self._suspect:
            return []
        return [
            Fault(
                where, "identity_code", "holds a Finnish personal identity code. Arki takes none; remove it."
            )
            for where in dict.fromkeys(_identity_codes(part, pointer))
        ]


def read_document(environ: WSGIEnvironment, *, largest: int) -> Document:
    """The JSON body of a WSGI request.

    Raises
    ------
    MediaTypeError, BodyTooLargeError, MalformedBodyError
        If the body is not declared JSON, exceeds `largest` bytes, or is not JSON.
    """
    _check_media_type(environ)
    return Document(_read(environ, largest))


def drain(environ: WSGIEnvironment) -> None:
    """Read what is left of an unread body, up to 4 MiB, so that the client gets to read the answer.

    A longer one is not waited for, nor one that the client keeps until it is asked for (`Expect`): the answer goes out at once.
    """
    declared = environ.get("CONTENT_LENGTH", "")
    if environ.get(_READ) or not (declared or environ.get("HTTP_TRANSFER_ENCODING")):
        return
    environ[_READ] = True
    # A client that sent `Expect: 100-continue` holds its body back until it is asked for it, and the answer says not to send it.
    if "HTTP_EXPECT" in environ or (declared.isascii() and declared.isdecimal() and int(declared) > DRAINED):
        return
    stream, left = get_input_stream(environ), DRAINED
    try:
        while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
            left -= len(chunk)
    except Exception:  # noqa: BLE001  (servers raise errors of their own kinds; the answer goes out regardless)
        return


def is_plain_key(key: object) -> bool:
    """Whether a key may be named in a pointer: an odd one may itself be personal data."""
    return isinstance(key, str) and _PLAIN_KEY.fullmatch(key) is not None and not holds_identity_code(key)


def _check_media_type(environ: WSGIEnvironment) -> None:
    declared = environ.get("CONTENT_TYPE", "")
    kind, parameters = (declared, {}) if declared == _JSON else parse_options_header(declared)
    if kind.lower() != _JSON or parameters.get("charset", "utf-8").lower() != "utf-8":
        raise MediaTypeError("Send the body as Content-Type: application/json, in UTF-8.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in {"", "identity"}:
        raise MediaTypeError("Send the body without a Content-Encoding.")


def _read(environ: WSGIEnvironment, largest: int) -> bytes:
    too_large = BodyTooLargeError(f"The body may have at most {largest} bytes.")
    declared = environ.get("CONTENT_LENGTH", "")
    known = declared.isascii() and declared.isdecimal()
    if known and int(declared) > largest:
        raise too_large
    # Chunked bodies declare no length, and a length beside chunks is not to be trusted (RFC 9112, section 6.3).
    expected = int(declared) if known and "HTTP_TRANSFER_ENCODING" not in environ else largest + 1
    stream, chunks, size = get_input_stream(environ), [], 0
    try:
        while size < expected and (chunk := stream.read(_CHUNK)):
            size += len(chunk)
            if size > largest:
                break
            chunks.append(chunk)
    except Exception:  # noqa: BLE001  (a broken chunked body: servers raise errors of their own kinds)
        environ[_READ] = True
        raise MalformedBodyError("The body broke off or is not framed as HTTP asks.") from None
    if size > largest:
        raise too_large
    environ[_READ] = True
    return b"".join(chunks)


def _parse(raw: bytes) -> object:
    # Brackets are counted first, those in texts too: half a million empty lists take most of a second to make.
    if raw.count(b"[") + raw.count(b"{") > MOST_PARTS:
        raise _too_many_parts()
    try:
        document = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        readable = raw[: error.start].decode()
        raise _unreadable(readable.count("\n") + 1, len(readable) - readable.rfind("\n")) from None
    except json.JSONDecodeError as error:
        # Only the place: the sentence of the error is safe, but the document that it carries is not.
        raise _unreadable(error.lineno, error.colno) from None
    # The decoder recurses, so what is far too deep ends here, and what is little too deep in `_check_shape`.
    except RecursionError:
        raise _too_deep() from None
    _check_shape(document)
    if _ODD_ESCAPE.search(raw):  # unescaped, neither NUL nor half of a pair is JSON in UTF-8
        _check_texts(document)
    return document


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedBodyError("The body names a key twice in one object.")
    return members


def _bounded(digits: str) -> int:
    if len(digits) > len(str(_SMALLEST)) or not _SMALLEST <= (number := int(digits)) <= _GREATEST:
        raise MalformedBodyError("The body has a whole number beyond 64 bits.")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise MalformedBodyError("The body has a number beyond the range of a double.")
    return number


def _no_constant(_: str) -> object:
    raise MalformedBodyError("The body has NaN or Infinity, which are not JSON.")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_bounded, parse_float=_finite, parse_constant=_no_constant
)


def _check_shape(document: Any) -> None:  # noqa: ANN401  (whatever JSON holds)
    """Raise where a document is too deep or has too many parts, a level at a time."""
    parts, level = 0, [document] if type(document) in _HOLDERS else []
    for _ in range(DEEPEST):
        parts += sum(map(len, level))
        if parts > MOST_PARTS:
            raise _too_many_parts()
        level = [part for holder in level for part in _inside(holder) if type(part) in _HOLDERS]
        if not level:
            return
    raise _too_deep()


def _inside(holder: Any) -> Iterable[Any]:  # noqa: ANN401  (the same)
    return holder.values() if type(holder) is dict else holder


def _check_texts(value: object) -> None:
    """Raise where a text under a value holds NUL, or half of a surrogate pair, which has no form in UTF-8."""
    if isinstance(value, str):
        if "\0" in value:
            raise MalformedBodyError("The body has a NUL character.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise MalformedBodyError("The body has half of a surrogate pair.") from None
    elif isinstance(value, list):
        for part in value:
            _check_texts(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            _check_texts(key)
            _check_texts(part)


def _unreadable(line: int, column: int) -> MalformedBodyError:
    return MalformedBodyError(
        f"The body is not JSON in UTF-8: it cannot be read from line {line}, column {column}."
    )


def _too_deep() -> MalformedBodyError:
    return MalformedBodyError(f"The body is nested deeper than {DEEPEST} levels.")


def _too_many_parts() -> BodyTooLargeError:
    return BodyTooLargeError(
        f"The body may have at most {MOST_PARTS} fields and list entries. Send fewer customers at a time, and of each only "
        "the fields that GET /openapi.json lists."
    )


def _identity_codes(value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, str):
        if holds_identity_code(value):
            yield pointer
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _identity_codes(part, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, part in value.items():
            if holds_identity_code(key):
                yield pointer
            where = f"{pointer}/{key}" if is_plain_key(key) else pointer
            yield from _identity_codes(part, where)
