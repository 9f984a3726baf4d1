"""Who comes into the console: sign-in with a key, a signed cookie that names only the key's id, tokens in forms.

The cookie is asked of the key ring again at every request, so a revoked key ends its sessions within a second. It lives
eight hours, and half an hour without a request. The server keeps only which sessions were signed out, for as long as their
cookies would live. A key travels in a form's body alone.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from service.api.operations import Service, service
from service.api.request_context import request_context
from service.console.page_context import Session, page_context
from service.observability import metrics
from service.security.access import ForbiddenError, Grant, UnauthenticatedError
from service.security.limits import REDIS_REST_S, RateLimitedError, RateLimits, redis_client, redis_counter
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


@dataclass(slots=True)
class SignedOut:
    """Sessions that were signed out, for eight hours: known to all workers of a machine, and with Redis to all machines.

    While Redis is away, other machines take such a session for open; the machine that signed it out never does.

    Parameters
    ----------
    folder : Path or None
        Shared by the workers; this process alone remembers if None.
    redis : optional
        A client.
    on_failure : callable, optional
        Called whenever Redis could not be asked.
    """

    folder: Path | None
    redis: Any = None
    on_failure: Callable[[], None] = lambda: None
    _here: dict[str, float] = field(default_factory=dict)
    _redis_again: float = 0.0

    def add(self, name: str) -> None:
        """Refuse a session from now on. Raises `OSError` where the folder takes no more."""
        over = time.time() - LONGEST.total_seconds()
        self._here = {other: at for other, at in self._here.items() if at > over} | {name: time.time()}
        self._ask(lambda redis: redis.set(f"arki:signed-out:{name}", 1, ex=int(LONGEST.total_seconds())))
        if self.folder is not None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.joinpath(name).touch(mode=0o600)
            for other in self.folder.iterdir():
                if other.stat().st_mtime < over:
                    other.unlink(missing_ok=True)

    def holds(self, name: str) -> bool:
        """Whether a session was signed out."""
        if name in self._here or (self.folder is not None and self.folder.joinpath(name).exists()):
            return True
        return bool(self._ask(lambda redis: redis.exists(f"arki:signed-out:{name}")))

    def _ask(self, question: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        """What Redis answers; None where there is none or it does not, and then for some seconds."""
        if self.redis is None or time.monotonic() < self._redis_again:
            return None
        try:
            return question(self.redis)
        except Exception:  # noqa: BLE001  (whatever ails Redis, the console stays open)
            self._redis_again = time.monotonic() + REDIS_REST_S
            self.on_failure()
            return None


@dataclass(frozen=True, slots=True)
class Door:
    """What guards the console; one per app."""

    sessions: URLSafeSerializer
    forms: URLSafeSerializer
    attempts: RateLimits
    signed_out: SignedOut


def make_door(settings: Settings) -> Door:
    """The door of an app with these settings."""
    secrets_given = [
        part.strip() for part in reversed(settings.secret.split(","))
    ]  # itsdangerous signs with the last
    signer = {"digest_method": hashlib.sha256}
    serializers = {
        name: URLSafeSerializer(secrets_given, salt=f"arki.console.{name}", signer_kwargs=signer)
        for name in ("in", "form")
    }
    url = settings.redis_url
    failed = metrics.REDIS_FAILURES.inc
    attempts = RateLimits(SIGN_IN_ATTEMPTS, redis_counter(url) if url else None, on_failure=failed)
    folder = settings.run / "console-signed-out" if settings.run is not None else None
    signed_out = SignedOut(folder, redis_client(url) if url else None, failed)
    return Door(serializers["in"], serializers["form"], attempts, signed_out)


def admit(ours: Service, scope: str) -> None:
    """Check the session of a request, its key's scope, and its form's token. Raises what `service.console.base` answers."""
    now = ours.clock()
    session = _session(now)
    remote = ours.network.client_address(request.environ)
    try:
        grant = ours.keys.grant_again(session.key_id, remote=remote, now=now)
    except UnauthenticatedError as error:
        raise SignInNeededError from error
    if SCOPE not in grant.scopes:
        raise SignInNeededError
    page_context().session, request_context().scopes = session, grant.scopes
    _count(ours, grant)
    if request.method == "POST":
        _check_origin()
        if not secrets.compare_digest(request.form.get("token", "").encode(), form_token().encode()):
            raise StaleFormError
    if scope not in grant.scopes:
        raise ForbiddenError(scope)
    if now.timestamp() - session.seen > RENEWED_AFTER.total_seconds():
        page_context().session_cookie = _signed(session._replace(seen=int(now.timestamp())))


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
    page_context().session_cookie = _signed(Session(grant.key_id, now, now, secrets.token_urlsafe(16)))


def session() -> Session:
    """The session of the current request, which `admit` checked. Raises `SignInNeededError` on an open page."""
    current = page_context().session
    if current is None:
        raise SignInNeededError
    return current


def sign_out() -> None:
    """End the session, wherever its cookie was copied to. Raises `OSError` where that cannot be kept."""
    page_context().session_cookie = ""
    _door().signed_out.add(session().name)


def form_token() -> str:
    """The token that every form of this session carries."""
    return str(_door().forms.dumps([session().key_id, session().name]))


def first_token() -> str:
    """The token of the sign-in form, bound to this browser by a cookie."""
    known = _sent(_FORM_COOKIE)
    token = known if _is_signed(known) else str(_door().forms.dumps(secrets.token_urlsafe(16)))
    page_context().form_cookie = token
    return token


def put_cookies(response: Response) -> Response:
    """Give the browser what a view decided on."""
    context = page_context()
    for name, value in (
        (_COOKIE, context.session_cookie),
        (_FORM_COOKIE, context.form_cookie),
    ):
        where = _where()
        if value == "":
            response.delete_cookie(where.prefix + name, path=where.path, secure=where.secure)
        elif value is not None:
            response.set_cookie(
                where.prefix + name,
                value,
                max_age=int(LONGEST.total_seconds()),
                path=where.path,
                secure=where.secure,
                httponly=True,
                samesite="Strict",
            )
    return response


class _Where(NamedTuple):
    """How a cookie is kept: on loopback there is no TLS, and a browser takes the prefix with it alone."""

    prefix: str
    path: str
    secure: bool


def _where() -> _Where:
    if is_loopback(service().network.client_address(request.environ)):
        return _Where("", _PATH, secure=False)
    return _Where("__Host-", "/", secure=True)


def _sent(name: str) -> str:
    """A cookie of ours as the browser sent it, or nothing."""
    return request.cookies.get(_where().prefix + name, "")


def _door() -> Door:
    door: Door = current_app.extensions["arki.console"].door
    return door


def _signed(session: Session) -> str:
    return str(_door().sessions.dumps(list(session)))


def _session(now: datetime) -> Session:
    try:
        key_id, since, seen, name = _door().sessions.loads(_sent(_COOKIE))
    except (BadSignature, ValueError, TypeError) as error:
        raise SignInNeededError from error
    at = now.timestamp()
    if at - since > LONGEST.total_seconds() or at - seen > LONGEST_IDLE.total_seconds():
        raise SignInNeededError
    if _door().signed_out.holds(name):
        raise SignInNeededError
    return Session(key_id, since, seen, name)


def _count(ours: Service, grant: Grant) -> None:
    try:
        request_context().count = ours.limits.admit(grant.key_id)
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
    sent, cookie = request.form.get("token", ""), _sent(_FORM_COOKIE)
    if not _is_signed(cookie) or not secrets.compare_digest(sent.encode(), cookie.encode()):
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
