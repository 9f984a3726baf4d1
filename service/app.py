"""Makes the app: routes from the tables of operations and pages, and what every request passes through.

In order: room for one more request, ids, a trusted host, a key with the route's scope (in the console, a session of one), the
key's rate limit, room in the operation's lane, an acceptable media type, a query without faults, the view. On the way out: unread bodies are drained, the security headers set, the request counted and
logged. A route without a declared scope that is not on the open list is refused, so that a forgotten check shuts a door
instead of leaving it open.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Flask, Request, Response, request
from flask.sessions import NullSession, SessionInterface
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from models.decision.bundle import BundleError, BundleStore
from models.decision.experiments import Assigner
from service.api.operations import (
    BY_ENDPOINT,
    OPERATIONS,
    Operation,
    ServedBundles,
    Service,
    Watchers,
    bundle_of_request,
    count_request,
    service,
)
from service.api.problems import (
    PROBLEM_JSON,
    NotAcceptableError,
    UntrustedHostError,
    problem_of,
    register_problems,
)
from service.api.request_context import RequestContext, open_context, request_context
from service.api.requests import read_query
from service.console import blueprint
from service.http.body import drain
from service.observability import metrics
from service.observability.logs import RequestLog, new_ids
from service.observability.tracing import Tracer, tracer_for
from service.outcomes.events import WrongDatabaseError
from service.security.access import ForbiddenError, KeyRing, UnauthenticatedError
from service.security.admission import RETRY_AFTER_S, AdmissionControl, Lane, OverloadedError
from service.security.limits import RateLimits, redis_counter
from service.security.network import Network
from service.security.references import References
from service.settings import Settings, host_without_port
from service.site.demo import DEMO
from service.site.pages import PAGES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from service.outcomes.recorder import Outcomes

_SITE: Final = {
    f"{name}.{page.view.__name__}": page for name, rows in (("pages", PAGES), ("demo", DEMO)) for page in rows
}
OPEN_ENDPOINTS: Final = frozenset({"static", *_SITE, *blueprint.OPEN_CONSOLE})
"""Routes that need no key. A test freezes the list."""
CACHED_ENDPOINTS: Final = frozenset({"static", "console.static", "demo.client_module"})
"""Routes whose answers say themselves how long they keep; every other answer is kept nowhere."""
_PROBES: Final = {
    **{name: page.rule for name, page in _SITE.items() if page.lane == "probe"},
    **{name: operation.rule for name, operation in BY_ENDPOINT.items() if operation.lane == "probe"},
}
ANY_HOST: Final = frozenset(_PROBES)
"""Routes that probes and scrapers ask by address, whatever name stands in Host. They depend on no host name."""
PROBES: Final = frozenset(_PROBES.values())
"""Paths that are never refused for want of room."""
LANES: Final[Mapping[str, Lane]] = {
    **{
        name: operation.lane
        for name, operation in BY_ENDPOINT.items()
        if operation.lane not in {"single", "probe"}
    },
    **blueprint.LANES,
}
"""Routes that cost more than a recommendation, or wait, and their lane."""
API_CSP: Final = "default-src 'none'; frame-ancestors 'none'"
UNMATCHED: Final = "unmatched"
_PLACE: Final = "arki.place"
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
_SECURITY_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_DEFAULT_QUERIES: Final = {operation.query: operation.query.load({}) for operation in OPERATIONS}
_log: Final = logging.getLogger("arki")


class StartError(Exception):
    """The service must not start; the message says what to do."""


def create_app(
    settings: Settings,
    *,
    store: ServedBundles | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    tracer: Tracer | None = None,
) -> Flask:
    """The WSGI app.

    Parameters
    ----------
    settings : Settings
    store : BundleStore, optional
        Where bundles come from; by default `settings.bundles`, with addresses at `settings.public_url`.
    clock : callable, optional
        The aware present moment.
    tracer : Tracer, optional
        Where spans go; by default where `settings.tracing` says.

    Raises
    ------
    StartError
        If no bundle can be served, or the database of outcomes is not to be trusted.
    SettingsError
        If the file of keys cannot be read, or tracing is asked for and not installed.
    """
    try:
        store = store or BundleStore(settings.bundles, public_url=settings.public_url)
    except BundleError as error:
        raise StartError(str(error)) from error
    app = Flask(__name__)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.session_interface = _NoSessions()
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions["arki"] = _service(settings, store, clock, tracer or tracer_for(settings.tracing))
    app.before_request(_admit)
    app.after_request(_finish)
    app.wsgi_app = _with_room(app.wsgi_app, app.extensions["arki"])  # type: ignore[method-assign,assignment]  # Flask's own way to wrap an app
    register_problems(app)
    for endpoint, page in _SITE.items():
        app.add_url_rule(page.rule, endpoint, page.view)
    blueprint.install(app, settings)
    for operation in OPERATIONS:
        app.add_url_rule(operation.rule, view_func=operation.view, methods=[operation.method])
    if settings.keys is None and settings.dev_key is None:
        _log.warning("Neither ARKI_KEYS nor ARKI_DEV_KEY is set: only the open pages will answer.")
    both = app.extensions["arki"].keys.that_write_and_read(clock())
    if both:
        _log.warning(
            "These keys may both write and read outcomes, and so tell what one customer did: %s. Make two keys for each, one "
            "with outcomes:write and one with outcomes:read, for different people, and revoke it.",
            ", ".join(both),
        )
    return app


class _NoSessions(SessionInterface):
    """Flask's own sessions are not used (the console has its own), so none is opened or looked at."""

    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002  (Flask's signature)
        return NullSession()

    def is_null_session(self, obj: object) -> bool:  # noqa: ARG002  (the same)
        return True


def _service(
    settings: Settings,
    store: ServedBundles,
    clock: Callable[[], datetime],
    tracer: Tracer | None,
) -> Service:
    references = References(settings.secret, days=settings.reference_days)
    return Service(
        settings,
        store,
        KeyRing(settings.keys, settings.dev_key),
        references,
        clock,
        RateLimits(
            settings.rate_limit,
            redis_counter(settings.redis_url) if settings.redis_url else None,
            on_failure=metrics.REDIS_FAILURES.inc,
        ),
        Network(settings),
        AdmissionControl(settings.threads),
        metrics.BundleWatch(),
        Watchers(RequestLog() if settings.log_requests else None, tracer),
        Assigner(settings.secret),
        _outcomes(settings, references),
    )


def _outcomes(settings: Settings, references: References) -> Outcomes | None:
    if settings.outcomes_url is None:
        return None
    from service.outcomes.recorder import Outcomes  # noqa: PLC0415  (the same)
    from service.outcomes.store import Store  # noqa: PLC0415  (a third of a second and 20 MiB, where there is a database)

    try:
        store = Store(settings.outcomes_url)
        store.check()
    except WrongDatabaseError as error:
        raise StartError(str(error)) from None
    return Outcomes(store, references, smallest=settings.outcomes_smallest)


def _admit() -> Response | None:
    """Everything checked before a view runs; each refusal is an exception."""
    ours, context = service(), _open_context()
    environ, endpoint = context.environ, context.endpoint
    if host_without_port(environ.get("HTTP_HOST", "")) not in ours.settings.trusted_hosts and (
        endpoint not in ANY_HOST
    ):
        raise UntrustedHostError(
            "The header Host names a host that is not served here; whoever runs the service lists it in ARKI_TRUSTED_HOSTS."
        )
    if environ["REQUEST_METHOD"] == "OPTIONS":
        return _preflight()
    # Without a route nothing is shown but a 404 or 405, which Flask raises next.
    if endpoint is None or endpoint in OPEN_ENDPOINTS:
        return None
    if endpoint in blueprint.CLOSED_CONSOLE:
        _enter_lane(ours, context)
        blueprint.admit(ours)
        return None
    operation = BY_ENDPOINT.get(endpoint)
    if operation is None:
        raise UnauthenticatedError("This address is not open to anyone.")
    # The key comes first: who has none must not take room from those who have.
    _check_access(ours, operation, context)
    _enter_lane(ours, context)
    _check_accept(operation, environ)
    if environ.get("QUERY_STRING"):
        contract = bundle_of_request().recommender.contract
        context.query = read_query(operation.query, request.args, contract)
    else:
        context.query = _DEFAULT_QUERIES[operation.query]
    return None


def _open_context() -> RequestContext:
    environ, rule = request.environ, request.url_rule
    context = RequestContext(
        time.perf_counter(),
        *new_ids(environ.get("HTTP_TRACEPARENT")),
        environ=environ,
        endpoint=None if rule is None else rule.endpoint,
        route=UNMATCHED if rule is None else rule.rule,
    )
    open_context(context)
    return context


def _preflight() -> Response | None:
    """The answer to another origin's preflight; None where it is none, or not allowed, so that routing refuses it."""
    allowed = getattr(request.routing_exception, "valid_methods", None) or ()
    method = request.environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    headers = service().network.preflight(request.environ, method if method in allowed else None)
    return None if headers is None else Response(status=204, headers=headers)


def _check_access(ours: Service, operation: Operation, context: RequestContext) -> None:
    environ = context.environ
    grant = ours.keys.grant(
        environ.get("HTTP_AUTHORIZATION"), remote=ours.network.client_address(environ), now=ours.clock()
    )
    context.scopes, context.key_id = grant.scopes, grant.key_id
    if operation.scope not in grant.scopes:
        raise ForbiddenError(operation.scope)
    count_request(ours, context, operation.cost)


def _enter_lane(ours: Service, context: RequestContext) -> None:
    """Let a request into the lane of its route, or raise."""
    lane = LANES.get(context.endpoint or "")
    if lane is None:
        return
    try:
        ours.admission.move(context.environ[_PLACE], lane)
    except OverloadedError as error:
        metrics.count_shed(error.lane)
        raise


def _check_accept(operation: Operation, environ: WSGIEnvironment) -> None:
    accepted = parse_accept_header(environ.get("HTTP_ACCEPT"), MIMEAccept)  # empty: anything will do
    if accepted and accepted.best_match(operation.media_types) is None:
        raise NotAcceptableError(f"This operation answers as {' or '.join(operation.media_types)}.")


def _finish(response: Response) -> Response:
    """Drain what was not read, say what every answer says, and count and log the request."""
    ours, context, headers = service(), request_context(), response.headers
    # Before the answer is sent: a server that answers over an unread body resets the connection, and the answer is lost with it.
    drain(context.environ)
    if context.endpoint not in CACHED_ENDPOINTS:
        headers["Cache-Control"] = "no-store"
    # Pages have a policy of their own, which allows their style sheets.
    if "Content-Security-Policy" not in headers:
        headers.add("Content-Security-Policy", API_CSP)
    headers.add("X-Request-Id", context.request_id)
    headers.add("traceparent", context.trace.traceparent())
    if context.count is not None:
        headers.extend(ours.limits.headers(context.count))
    headers.extend(ours.network.headers(context.environ))
    _record(response.status_code, context, ours.watchers)
    return response


def _with_room(app: WSGIApplication, ours: Service) -> WSGIApplication:
    """The app with a refusal in front that costs a fraction of an answer, where there is no room for one more request.

    What leaves it, answer or refusal, has the security headers. They are constants, so they are put on here: werkzeug looks
    each header of a response over three times, which for these is a twentieth of a whole request's instructions.
    """
    body = orjson.dumps(problem_of(OverloadedError("single")))
    refusal = [
        ("Content-Type", PROBLEM_JSON),
        ("Content-Length", str(len(body))),
        ("Retry-After", str(RETRY_AFTER_S)),
        ("Cache-Control", "no-store"),
        *_SECURITY_HEADERS,
    ]
    admission, network = ours.admission, ours.network

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            # Not routed yet, so by the plain path: a probe in another spelling is let in like any request.
            probe = environ.get("PATH_INFO") in PROBES
            place = admission.enter_probe() if probe else admission.enter(network.request_start(environ))
        except OverloadedError as error:
            metrics.count_shed(error.lane)
            drain(environ)
            start_response("503 Service Unavailable", [*refusal, *network.headers(environ)])
            return [body]
        environ[_PLACE] = place

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:  # noqa: ANN401  (WSGI's own)
            return start_response(status, [*headers, *_SECURITY_HEADERS], exc_info)

        try:
            return app(environ, start)
        finally:
            admission.leave(place)

    return wrapped


def _record(status: int, context: RequestContext, watchers: Watchers) -> None:
    """Count and log a request that was answered; the fields name no person, key or reference."""
    seconds = time.perf_counter() - context.started
    route, method = context.route, context.environ["REQUEST_METHOD"]
    if method not in _METHODS:
        method = "other"
    metrics.count_request(route, method, status, seconds)
    recommendations = context.recommendations
    metrics.count_answers(recommendations)
    if watchers.log is None and watchers.tracer is None:
        return
    fields: dict[str, Any] = {"method": method, "route": route, "status": status}
    if context.bundle is not None:
        fields |= context.bundle.recommender.versions._asdict()
    if len(recommendations) == 1 and recommendations[0][0].items:
        fields["rule"] = recommendations[0][0].items[0].reason.rule
    trace = context.trace
    if watchers.log is not None:
        watchers.log.write(
            request_id=context.request_id,
            trace_id=trace.trace_id,
            span_id=trace.span_id,
            parent_id=trace.parent_id,
            **fields,
            milliseconds=round(seconds * 1000, 3),
        )
    if watchers.tracer is not None:
        watchers.tracer.record(trace, f"{method} {route}", seconds, fields)
