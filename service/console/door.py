"""Who comes into the console: sign-in with a key, a signed cookie that names only the key's id, tokens in forms.

The cookie is asked of the key ring again at every request, so a revoked key ends its sessions within a second. It lives
eight hours, and half an hour without a request. The server keeps nothing. A key travels in a form's body alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from flask import Response, current_app, g, request
from itsdangerous import BadSignature, URLSafeSerializer

from service import metrics
from service.access import ForbiddenError, Grant, UnauthenticatedError
from service.api import Service, service
from service.limits import RateLimitedError, RateLimits, redis_counter
from service.settings import RateLimit, Settings, is_loopback

SCOPE: Final = "content:read"
LONGEST: Final = timedelta(hours=8)
LONGEST_IDLE: Final = timedelta(minutes=30)
RENEWED_AFTER: Final = timedelta(minutes=1)
SIGN_IN_ATTEMPTS: Final = RateLimit(10, 60)
LONGEST_KEY: Final = 512
_COOKIE: Final = "arki-console"
_FORM_COOKIE: Final = "arki-console-form"
_PATH: Final = "/console"


class SignInNeededError(Exception):
    """No session, or one that has ended."""


class StaleFormError(Exception):
    """A form whose token is missing, altered or of another session. Open the page again and send it anew."""


class Session(NamedTuple):
    """Who is in: the key's id (None is the development key), since when, and the last request that counted."""

    key_id: str | None
    since: int
    seen: int


@dataclass(frozen=True, slots=True)
class Door:
    """What guards the console; one per app."""

    sessions: URLSafeSerializer
    forms: URLSafeSerializer
    attempts: RateLimits


def make_door(settings: Settings) -> Door:
    """The door of an app with these settings."""
    secrets_given = [
        part.strip() for part in reversed(settings.secret.split(","))
    ]  # itsdangerous signs with the last
    made = {name: URLSafeSerializer(secrets_given, salt=f"arki.console.{name}") for name in ("in", "form")}
    shared = redis_counter(settings.redis_url) if settings.redis_url else None
    attempts = RateLimits(SIGN_IN_ATTEMPTS, shared, on_failure=metrics.REDIS_FAILURES.inc)
    return Door(made["in"], made["form"], attempts)


def admit(ours: Service) -> None:
    """Check the session of a request, and its form's token. Raises what `service.console.pages` answers."""
    now = ours.clock()
    found = _session(now)
    remote = ours.network.client_address(request.environ)
    try:
        grant = ours.keys.grant_again(found.key_id, remote=remote, now=now)
    except UnauthenticatedError as error:
        raise SignInNeededError from error
    if SCOPE not in grant.scopes:
        raise SignInNeededError
    g.session, g.scopes = found, grant.scopes
    _count(ours, grant)
    if request.method == "POST":
        _check_origin()
        if not secrets.compare_digest(request.form.get("token", "").encode(), form_token().encode()):
            raise StaleFormError
    if now.timestamp() - found.seen > RENEWED_AFTER.total_seconds():
        g.session_cookie = _signed(found._replace(seen=int(now.timestamp())))


def sign_in(ours: Service, key: str) -> None:
    """Begin a session for a key.

    Raises
    ------
    UnauthenticatedError, ForbiddenError
        If the key opens nothing, or not the console.
    RateLimitedError
        After ten attempts from one address within a minute.
    StaleFormError
        If the form did not come from this browser's own page.
    """
    _check_origin()
    _check_first_token()
    remote = ours.network.client_address(request.environ)
    _door().attempts.admit(f"sign-in:{remote}")
    grant = ours.keys.grant(_as_header(key), remote=remote, now=ours.clock())
    if SCOPE not in grant.scopes:
        raise ForbiddenError(SCOPE)
    now = int(ours.clock().timestamp())
    g.session_cookie = _signed(Session(grant.key_id, now, now))


def session() -> Session:
    """The session of the current request, which `admit` found."""
    found: Session = g.session
    return found


def sign_out() -> None:
    """End the session in this browser."""
    g.session_cookie = ""


def form_token() -> str:
    """The token that every form of this session carries."""
    return str(_door().forms.dumps([session().key_id, session().since]))


def first_token() -> str:
    """The token of the sign-in form, bound to this browser by a cookie."""
    known = request.cookies.get(_FORM_COOKIE, "")
    token = known if _is_signed(known) else str(_door().forms.dumps(secrets.token_urlsafe(16)))
    g.form_cookie = token
    return token


def put_cookies(response: Response) -> Response:
    """Give the browser what a view decided on."""
    for name, value in (
        (_COOKIE, g.get("session_cookie")),
        (_FORM_COOKIE, g.get("form_cookie")),
    ):
        if value == "":
            response.delete_cookie(name, path=_PATH)
        elif value is not None:
            response.set_cookie(
                name,
                value,
                max_age=int(LONGEST.total_seconds()),
                path=_PATH,
                secure=not is_loopback(service().network.client_address(request.environ)),
                httponly=True,
                samesite="Strict",
            )
    return response


def _door() -> Door:
    door: Door = current_app.extensions["arki.console"].door
    return door


def _signed(session: Session) -> str:
    return str(_door().sessions.dumps(list(session)))


def _session(now: datetime) -> Session:
    try:
        key_id, since, seen = _door().sessions.loads(request.cookies.get(_COOKIE, ""))
    except (BadSignature, ValueError, TypeError) as error:
        raise SignInNeededError from error
    at = now.timestamp()
    if at - since > LONGEST.total_seconds() or at - seen > LONGEST_IDLE.total_seconds():
        raise SignInNeededError
    return Session(key_id, since, seen)


def _count(ours: Service, grant: Grant) -> None:
    try:
        g.count = ours.limits.admit(grant.key_id)
    except RateLimitedError:
        metrics.LIMITED.inc()
        raise


def _check_origin() -> None:
    """A browser says where a form comes from; one of another site is refused before its token is looked at.

    `Origin` is null on pages without a referrer, as ours are, so `Sec-Fetch-Site` goes before it.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise StaleFormError
    elif origin not in {None, "null"} and urlsplit(str(origin)).netloc != request.host:
        raise StaleFormError


def _check_first_token() -> None:
    sent, kept = request.form.get("token", ""), request.cookies.get(_FORM_COOKIE, "")
    if not _is_signed(kept) or not secrets.compare_digest(sent.encode(), kept.encode()):
        raise StaleFormError


def _is_signed(token: str) -> bool:
    try:
        _door().forms.loads(token)
    except BadSignature:
        return False
    return True


def _as_header(key: str) -> str:
    """The key as WSGI would give it in a header, so that both ways in read it alike."""
    return f"Bearer {key.strip()[:LONGEST_KEY]}".encode().decode("latin-1")
