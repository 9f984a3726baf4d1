"""Exceptions become RFC 9457 problems, in one table; views hold no try.

A problem says what was found, where and what to do next; it never repeats what was sent. A 500 says only its id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson
from flask import Flask, Response
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from models.contract.codes import BARRED
from models.contract.signals import Fault, InvalidSignalsError, more_faults
from models.decision.bundle import BundleError
from service.api.request_context import request_context
from service.http.body import BodyTooLargeError, MalformedBodyError, MediaTypeError, is_plain_key
from service.observability.logs import error_place
from service.outcomes.events import OutcomesUnavailableError, WrongDatabaseError
from service.security.access import ForbiddenError, UnauthenticatedError
from service.security.admission import RETRY_AFTER_S, OverloadedError
from service.security.limits import RateLimitedError

PROBLEM_JSON: Final = "application/problem+json"
MOST_LISTED: Final = 200
"""Faults that one answer lists, over all customers or events of its request."""
TYPE_PREFIX: Final = "urn:problem-type:arki:"
_log: Final = logging.getLogger("arki")


class InvalidRequestError(ValueError):
    """A body or query breaks its contract.

    Attributes
    ----------
    faults : list of Fault
        Where, with pointers into the body.
    unlisted : int
        How many more there are.
    where : str
        Pointer of the part of the body that they are in.
    """

    def __init__(self, faults: list[Fault], unlisted: int = 0, where: str = "") -> None:
        super().__init__(f"{len(faults) + unlisted} faults")
        self.faults, self.unlisted, self.where = faults, unlisted, where


class InvalidQueryError(InvalidRequestError):
    """The same of a query: each fault's pointer is a parameter's name."""


class NotFoundError(LookupError):
    """Nothing is known by that id."""


class NotAcceptableError(ValueError):
    """The client accepts no media type this operation answers in."""


class OutcomesOffError(LookupError):
    """No database of outcomes is set."""

    def __init__(self) -> None:
        super().__init__("This service takes no outcomes. Whoever runs it can set ARKI_OUTCOMES_URL.")


class UntrustedHostError(ValueError):
    """The request names a host that is not served here."""


class Kind(NamedTuple):
    """One kind of problem: its status, the last part of its type, its title."""

    status: HTTPStatus
    slug: str
    title: str


_INVALID: Final = Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "The request breaks its contract")
_OUTCOMES_AWAY: Final = Kind(
    HTTPStatus.SERVICE_UNAVAILABLE, "outcomes-unavailable", "Outcomes cannot be stored or read just now"
)
KINDS: Final[Mapping[type[Exception], Kind]] = {
    InvalidRequestError: _INVALID,
    InvalidQueryError: _INVALID,
    InvalidSignalsError: _INVALID,
    MalformedBodyError: Kind(HTTPStatus.BAD_REQUEST, "malformed-body", "The body is not JSON"),
    BodyTooLargeError: Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", "The body is too large"),
    MediaTypeError: Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "The media type is not JSON"),
    UnauthenticatedError: Kind(HTTPStatus.UNAUTHORIZED, "no-valid-key", "A valid key is needed"),
    ForbiddenError: Kind(HTTPStatus.FORBIDDEN, "missing-scope", "The key lacks a scope"),
    OutcomesOffError: Kind(HTTPStatus.NOT_FOUND, "outcomes-off", "No outcomes are taken here"),
    NotFoundError: Kind(HTTPStatus.NOT_FOUND, "not-found", "Nothing is known by that id"),
    NotAcceptableError: Kind(HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", "No acceptable media type"),
    UntrustedHostError: Kind(HTTPStatus.MISDIRECTED_REQUEST, "untrusted-host", "The host is not served here"),
    RateLimitedError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "rate-limited", "The key has used its requests up"),
    OverloadedError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "Too many requests are waiting"),
    OutcomesUnavailableError: _OUTCOMES_AWAY,
    WrongDatabaseError: _OUTCOMES_AWAY,
    BundleError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "The service is not ready"),
}
_DETAILS: Final[Mapping[int, str]] = {
    404: "There is nothing at this address. GET /openapi.json lists what there is.",
    405: "This address does not take that method; the header Allow lists those it does.",
}


def register_problems(app: Flask) -> None:
    """Answer every exception of the app with a problem."""
    for exception in KINDS:
        app.register_error_handler(exception, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem_of(error: Exception) -> dict[str, object]:
    """The problem of an exception in the table, as JSON values."""
    kind = KINDS[type(error)]
    faults: list[Fault] = getattr(error, "faults", [])
    unlisted: int = getattr(error, "unlisted", 0)
    problem = _problem(kind, _how_many(len(faults), unlisted) if faults or unlisted else str(error))
    if unlisted:
        faults = [*faults, more_faults(getattr(error, "where", ""), unlisted)]
    if faults:
        place = "parameter" if isinstance(error, InvalidQueryError) else "pointer"
        problem["errors"] = [
            {place: fault.pointer, "code": fault.code, "message": fault.message} for fault in faults
        ]
    return problem


def _how_many(listed: int, unlisted: int) -> str:
    """How many faults there are, and how many of them the problem lists."""
    sentence = f"Found {listed + unlisted} fault{'s' * (listed + unlisted > 1)}; "
    if not listed:
        return (
            f"{sentence}none is listed, since this answer already lists {MOST_LISTED}. Correct those first."
        )
    first = f"the first {listed} are listed, and " if unlisted else ""
    return f"{sentence}{first}errors says where and what is allowed."


def faults_of(error: ValidationError, allowed: Iterable[str], pointer: str = "") -> tuple[list[Fault], int]:
    """The faults of a marshmallow error, sorted out by pointer, and how many more it counts; odd keys are not echoed."""
    names = ", ".join(allowed)
    flat = list(_flatten(error.messages, pointer, names))
    faults = [fault for fault in flat if isinstance(fault, Fault)]
    return faults, sum(more for more in flat if isinstance(more, int))


def _flatten(messages: object, pointer: str, allowed: str) -> Iterable[Fault | int]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            plain = isinstance(key, int) or is_plain_key(key)
            if not plain:
                yield Fault(
                    pointer, "unknown_field", f"has a field that is not known here. Allowed: {allowed}."
                )
            else:
                yield from _flatten(inner, f"{pointer}/{key}", allowed)
    elif isinstance(messages, list):
        for message in messages:
            if isinstance(message, int):
                yield message
            elif isinstance(message, Fault):
                yield message._replace(pointer=pointer + message.pointer)
            else:
                yield _fault(str(message), pointer, allowed)


def _fault(message: str, pointer: str, allowed: str) -> Fault:
    """What is missing or unknown, marshmallow names itself; every other fault comes from the fields of `schemas`."""
    if message == "missing":
        return Fault(pointer, "missing", "is required.")
    if pointer.rpartition("/")[2].lower() in BARRED:
        return Fault(
            pointer, "barred_attribute", "is never used by Arki to choose a segment or content. Remove it."
        )
    return Fault(pointer, "unknown_field", f"is not a field here. Allowed: {allowed}.")


def _problem(kind: Kind, detail: str) -> dict[str, object]:
    return {
        "type": f"{TYPE_PREFIX}{kind.slug}",
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail,
    }


def _respond(problem: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(problem), status=problem["status"], content_type=PROBLEM_JSON)


def _known(error: Exception) -> Response:
    response = _respond(problem_of(error))
    extra = _HEADERS.get(type(error))
    if extra is not None:
        response.headers.update(extra(error))
    return response


_HEADERS: Final[Mapping[type[Exception], Callable[[Exception], dict[str, str]]]] = {
    UnauthenticatedError: lambda _: {"WWW-Authenticate": 'Bearer realm="arki"'},
    ForbiddenError: lambda _: {"WWW-Authenticate": 'Bearer realm="arki", error="insufficient_scope"'},
    RateLimitedError: lambda error: {"Retry-After": str(getattr(error, "retry_after_s", 1))},
    OverloadedError: lambda _: {"Retry-After": str(RETRY_AFTER_S)},
    BundleError: lambda _: {"Retry-After": "5"},
    OutcomesUnavailableError: lambda _: {"Retry-After": "5"},
    WrongDatabaseError: lambda _: {"Retry-After": "60"},
}


def _http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    slug = status.phrase.lower().replace(" ", "-")
    detail = _DETAILS.get(status, f"The request could not be served: {status.phrase}.")
    response = _respond(_problem(Kind(status, slug, status.phrase), detail))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unexpected(error: Exception) -> Response:
    request_id = request_context().request_id
    _log.error("request %s failed: %s", request_id, error_place(error))
    kind = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong in the service")
    return _respond(_problem(kind, f"Tell whoever runs the service this id: {request_id}."))
