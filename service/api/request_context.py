"""What is known of the request that is being answered; `service.app` makes it before anything else is done.

What Flask calls `g` holds it, under one name, and is asked for nothing else here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flask import g

from models.decision.bundle import Bundle
from models.decision.recommendation import Recommendation
from service.observability.logs import Trace
from service.security.limits import Count

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NO_SCOPES: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class RequestContext:
    """One request, from its arrival to its line in the log.

    Attributes
    ----------
    started : float
        When it came in, by `time.perf_counter`.
    environ : dict
        As the WSGI server made it.
    endpoint : str or None
        The name of the route, None where no route matches.
    route : str
        Its rule, such as `/v1/segments/<segment>`, for counts and the log.
    key_id : str or None
        The development key has none, and an open page asks for no key.
    query : mapping
        The query, checked by the operation's schema.
    count : Count or None
        Where its key stands in the rate limit; None where nothing binds it.
    bundle : Bundle or None
        What it is answered from, once that is known.
    recommendations : list of (Recommendation, bool)
        Each recommendation made for it, and whether personalisation was allowed.
    """

    started: float
    request_id: str
    trace: Trace
    environ: WSGIEnvironment
    endpoint: str | None
    route: str
    key_id: str | None = None
    scopes: frozenset[str] = _NO_SCOPES
    query: Mapping[str, Any] = field(default_factory=dict)
    count: Count | None = None
    bundle: Bundle | None = None
    recommendations: list[tuple[Recommendation, bool]] = field(default_factory=list)


def open_context(context: RequestContext) -> None:
    """Make this the context of the current request."""
    g.request_context = context


def request_context() -> RequestContext:
    """The context of the current request."""
    context: RequestContext = g.request_context
    return context
