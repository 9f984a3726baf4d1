"""Who stands at the other end: the client behind configured proxies, and pages of other origins (CORS).

A forwarded header counts only where the peer that sent it is listed in ARKI_TRUSTED_PROXIES; an origin only where it
stands letter by letter in ARKI_CORS_ORIGINS. `service.app` asks; nothing here knows routes or keys.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from service.settings import IPNetwork, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_FORWARDED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR")
_EXPOSED: Final = "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, traceparent"
_HSTS: Final = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
Headers = tuple[tuple[str, str], ...]


class Network:
    """What the settings say of proxies and origins."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = settings.trusted_proxies
        self._origins = settings.cors_origins

    def client_address(self, environ: WSGIEnvironment) -> str | None:
        """The client's address; None where a proxy that is not configured stands between."""
        peer: str | None = environ.get("REMOTE_ADDR")
        if not any(name in environ for name in _FORWARDED):
            return peer
        if not _is_in(peer, self._proxies):
            return None
        # Each proxy adds the peer that it saw at the end. The last one that is no proxy of ours is the client; what stands before it, the client may have written.
        for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            if not _is_in(hop.strip(), self._proxies):
                return hop.strip() or None
        return None

    def request_start(self, environ: WSGIEnvironment) -> str | None:
        """When a request came in, as the proxy stamped it (X-Request-Start); None where no configured one did."""
        stamp: str | None = environ.get("HTTP_X_REQUEST_START")
        if stamp is None or not self._proxies or not _is_in(environ.get("REMOTE_ADDR"), self._proxies):
            return None
        return stamp

    def preflight(self, environ: WSGIEnvironment, method: str | None) -> Headers | None:
        """The headers that allow an origin's preflight for `method`; None where it is none, or not allowed."""
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        if not self._origins or asked is None or asked != method:
            return None
        if environ.get("HTTP_ORIGIN") not in self._origins:
            return None
        return (
            ("Access-Control-Allow-Methods", asked),
            ("Access-Control-Allow-Headers", "Authorization, Content-Type, traceparent"),
            ("Access-Control-Max-Age", "600"),
        )

    def headers(self, environ: WSGIEnvironment) -> Headers:
        """What each answer says to the client's browser: allowed origin, and HTTPS from now on."""
        if not self._origins and not self._proxies:
            return ()
        # Whatever the origin: a cache must not give one origin's answer to another.
        headers: list[tuple[str, str]] = [("Vary", "Origin")] if self._origins else []
        origin = environ.get("HTTP_ORIGIN")
        if origin in self._origins:
            headers += [
                ("Access-Control-Allow-Origin", str(origin)),
                ("Access-Control-Expose-Headers", _EXPOSED),
            ]
        if environ.get("HTTP_X_FORWARDED_PROTO") == "https" and _is_in(
            environ.get("REMOTE_ADDR"), self._proxies
        ):
            headers.append(_HSTS)
        return tuple(headers)


def _is_in(address: str | None, networks: tuple[IPNetwork, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return any((mapped or ip) in network for network in networks)
