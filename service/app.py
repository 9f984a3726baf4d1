"""Makes the app: routes from the operations, and what every request passes through.

In order: a request id, a trusted host, a key with the route's scope, an acceptable media type, a query without faults,
the view. On the way out: unread bodies are drained and the security headers set. A route without a declared scope that
is not on the open list is refused, so that a forgotten check shuts a door instead of leaving it open.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from flask import Flask, Response, g, request

from models.bundle import BundleError, BundleStore
from service.access import ForbiddenError, KeyRing, UnauthenticatedError
from service.api import BY_ENDPOINT, OPERATIONS, Operation, Service, service
from service.asks import read_query
from service.body import drain
from service.openapi import openapi_document
from service.pages import OPEN_PAGES, pages
from service.problems import NotAcceptableError, UntrustedHostError, register_problems
from service.references import References
from service.settings import Settings, host_without_port

OPEN_ENDPOINTS: Final = frozenset({"static", *(f"pages.{name}" for name in OPEN_PAGES)})
"""Routes that need no key. A test freezes the list."""
API_CSP: Final = "default-src 'none'; frame-ancestors 'none'"
_FORWARDED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR")
_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_DEFAULT_QUERIES: Final = {operation.query: operation.query.load({}) for operation in OPERATIONS}
_log: Final = logging.getLogger("arki")


class StartError(Exception):
    """The service must not start; the message says what to do."""


def create_app(
    settings: Settings,
    *,
    store: Any = None,  # noqa: ANN401  (a BundleStore, or a fake with bundle() and problem)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Flask:
    """The WSGI app.

    Parameters
    ----------
    settings : Settings
    store : BundleStore, optional
        Where bundles come from; by default `settings.bundles`.
    clock : callable, optional
        The aware present moment.

    Raises
    ------
    StartError
        If no bundle can be served.
    SettingsError
        If the file of keys cannot be read.
    """
    try:
        store = store or BundleStore(settings.bundles)
    except BundleError as error:
        raise StartError(str(error)) from error
    app = Flask(__name__)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["arki"] = Service(
        settings, store, KeyRing(settings.keys, settings.dev_key), References(settings.secret), clock
    )
    app.extensions["arki.openapi"] = orjson.dumps(openapi_document())
    app.before_request(_admit)
    app.after_request(_finish)
    register_problems(app)
    app.register_blueprint(pages)
    for operation in OPERATIONS:
        app.add_url_rule(operation.rule, view_func=operation.view, methods=[operation.method])
    if settings.keys is None and settings.dev_key is None:
        _log.warning("Neither ARKI_KEYS nor ARKI_DEV_KEY is set: only the open pages will answer.")
    return app


def _admit() -> None:
    """Everything checked before a view runs; each refusal is an exception."""
    g.request_id = secrets.token_hex(8)
    host = request.environ.get("HTTP_HOST", "")
    if host_without_port(host) not in service().settings.trusted_hosts:
        raise UntrustedHostError(
            "The header Host names a host that is not served here; whoever runs the service lists it in ARKI_TRUSTED_HOSTS."
        )
    if request.routing_exception is not None or request.endpoint in OPEN_ENDPOINTS:
        return
    operation = BY_ENDPOINT.get(request.endpoint or "")
    if operation is None:
        raise UnauthenticatedError("This address is not open to anyone.")
    _check_access(operation)
    _check_accept(operation)
    if request.environ.get("QUERY_STRING"):
        g.query = read_query(operation.query, request.args)
    else:
        g.query = _DEFAULT_QUERIES[operation.query]


def _check_access(operation: Operation) -> None:
    ours, environ = service(), request.environ
    proxied = any(name in environ for name in _FORWARDED)
    g.scopes = ours.keys.grant(
        environ.get("HTTP_AUTHORIZATION"),
        remote=None if proxied else environ.get("REMOTE_ADDR"),
        now=ours.clock(),
    )
    if operation.scope not in g.scopes:
        raise ForbiddenError(operation.scope)


def _check_accept(operation: Operation) -> None:
    accept = request.environ.get("HTTP_ACCEPT", "*/*")
    if accept in {"*/*", "application/json"} or not accept.strip():
        return
    if request.accept_mimetypes.best_match(operation.media_types) is None:
        raise NotAcceptableError(f"This operation answers as {' or '.join(operation.media_types)}.")


def _finish(response: Response) -> Response:
    drain(request.environ)
    headers = response.headers
    headers.extend(_HEADERS)
    headers.add("X-Request-Id", g.get("request_id", "unknown"))
    if "Content-Security-Policy" not in headers:
        headers.add("Content-Security-Policy", API_CSP)
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    return response
