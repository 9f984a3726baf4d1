"""Settings from the environment, read and checked once at start-up; nothing else in the service knows their names."""

from __future__ import annotations

import ipaddress
import os
import re
import resource
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from models.contract.environment import bundles_folder

DEFAULT_PORT: Final = 8080
SHORTEST_SECRET: Final = 32  # characters; itsdangerous derives a 256-bit key from it
ALWAYS_TRUSTED: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
MOST_WORKERS: Final = 64
MOST_THREADS: Final = 256
MOST_CONNECTIONS: Final = 1000
FEWEST_FILES: Final = 256
SERVERS: Final[Mapping[str, int]] = {"gunicorn": 16, "granian": 8}
"""The WSGI servers that `arki-serve` starts, and how many threads a worker of each has unless ARKI_THREADS says."""
LONGEST_REFERENCE_DAYS: Final = 90
MOST_WEEKS: Final = 520
SMALLEST_GROUP: Final = 4  # Kela's own statistics hide cells below four
_PERIODS_S: Final = {"second": 1, "minute": 60, "hour": 3600}
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(ValueError):
    """A setting that the service must not start with; the message names it and says what to set."""


class RateLimit(NamedTuple):
    """At most so many requests by one key in so many seconds."""

    requests: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set. Make one with `Settings.from_environ`.

    Attributes
    ----------
    bundles : Path
        ARKI_BUNDLES, the folder whose `current` bundle is served; `bundles` if unset.
    keys : Path or None
        ARKI_KEYS, the file of API keys that `arki-keys create` writes.
    dev_key : str or None
        ARKI_DEV_KEY, taken verbatim as a key with every scope; works on loopback alone.
    secret : str
        ARKI_SECRET, signs recommendation references; several separated by commas: the first signs, all are believed.
        Without ARKI_KEYS an ephemeral one is made.
    reference_days : int
        ARKI_REFERENCE_DAYS, how long outcomes may quote a reference.
    trusted_hosts : frozenset of str
        ARKI_TRUSTED_HOSTS, comma-separated host names besides 127.0.0.1, localhost and [::1]; any port.
    public_url : str
        ARKI_PUBLIC_URL, where browsers reach the service, without a slash at its end; answers then give the addresses of
        Arki's own pages whole. Empty if unset.
    bind : str
        ARKI_BIND, else 127.0.0.1 and PORT (8080).
    cors_origins : frozenset of str
        ARKI_CORS_ORIGINS, the exact origins whose pages may call the API; none if unset.
    trusted_proxies : tuple of IPv4Network and IPv6Network
        ARKI_TRUSTED_PROXIES, addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
    rate_limit : RateLimit or None
        ARKI_RATE_LIMIT, of each key, as 6000/minute (second, minute or hour), or off. The development key has none.
    redis_url : str or None
        ARKI_REDIS_URL, where the counts of all workers and machines meet; without it each worker counts its own.
    log_requests : bool
        ARKI_LOG_REQUESTS, on or off: a JSON line for each request.
    run : Path or None
        ARKI_RUN, where workers share what they do not keep; private and temporary if None.
    drafts : Path or None
        ARKI_DRAFTS, where workers share the console's drafts; a folder in `run` if None.
    contact : str or None
        ARKI_CONTACT, an e-mail address or https address that the console's pages name for feedback.
    demo : bool
        ARKI_DEMO, on or off: the page /demo; on where there is a development key, else off.
    tracing : str or None
        OTEL_EXPORTER_OTLP_ENDPOINT, where spans go, with the extra `tracing`; none are made if unset.
    outcomes_url : str or None
        ARKI_OUTCOMES_URL, the database of outcomes; none are taken if unset.
    outcomes_smallest : int
        ARKI_OUTCOMES_SMALLEST, how many are counted at least at a time.
    outcomes_weeks : int
        ARKI_OUTCOMES_WEEKS, how long counts are kept.
    threads : int
        ARKI_THREADS, how many requests a worker of the server answers at a time; `arki-serve` sets it.
    """

    bundles: Path = Path("bundles")
    keys: Path | None = None
    dev_key: str | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    reference_days: int = 30
    trusted_hosts: frozenset[str] = ALWAYS_TRUSTED
    public_url: str = ""
    bind: str = f"127.0.0.1:{DEFAULT_PORT}"
    cors_origins: frozenset[str] = frozenset()
    trusted_proxies: tuple[IPNetwork, ...] = ()
    rate_limit: RateLimit | None = RateLimit(6000, 60)  # noqa: RUF009  (a tuple; nobody can change it)
    redis_url: str | None = field(default=None, repr=False)
    log_requests: bool = True
    run: Path | None = None
    drafts: Path | None = None
    contact: str | None = None
    demo: bool = False
    tracing: str | None = None
    outcomes_url: str | None = field(default=None, repr=False)
    outcomes_smallest: int = 5
    outcomes_weeks: int = 104
    threads: int = SERVERS["gunicorn"]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Settings from environment variables.

        Raises
        ------
        SettingsError
            On the first bad setting, naming the variable and what to do.
        """
        bind = bind_address(environ)
        keys = Path(environ["ARKI_KEYS"]) if environ.get("ARKI_KEYS") else None
        if keys is not None and not keys.is_file():
            raise SettingsError(
                f"ARKI_KEYS names {keys}, which is no file. Make it with: "
                f"arki-keys create --scope recommend --days 90 --keys {keys}"
            )
        return cls(
            bundles=bundles_folder(environ),
            keys=keys,
            dev_key=_dev_key(environ.get("ARKI_DEV_KEY", ""), bind),
            secret=_secret(environ.get("ARKI_SECRET", ""), needed=keys is not None),
            reference_days=whole_number(environ, "ARKI_REFERENCE_DAYS", 30, LONGEST_REFERENCE_DAYS),
            trusted_hosts=ALWAYS_TRUSTED | _hosts(environ.get("ARKI_TRUSTED_HOSTS", "")),
            public_url=_public_url(environ.get("ARKI_PUBLIC_URL", "")),
            bind=bind,
            cors_origins=_origins(environ.get("ARKI_CORS_ORIGINS", "")),
            trusted_proxies=_networks(environ.get("ARKI_TRUSTED_PROXIES", "")),
            rate_limit=_rate_limit(environ.get("ARKI_RATE_LIMIT") or "6000/minute"),
            redis_url=_redis_url(environ.get("ARKI_REDIS_URL", "")),
            log_requests=_on_or_off(environ, "ARKI_LOG_REQUESTS", "on"),
            demo=_on_or_off(environ, "ARKI_DEMO", "on" if environ.get("ARKI_DEV_KEY", "").strip() else "off"),
            run=run_folder(environ),
            drafts=Path(environ["ARKI_DRAFTS"]).absolute() if environ.get("ARKI_DRAFTS") else None,
            contact=_contact(environ.get("ARKI_CONTACT", "")),
            tracing=environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
            outcomes_url=outcomes_url(environ),
            outcomes_smallest=outcomes_smallest(environ),
            outcomes_weeks=outcomes_weeks(environ),
            threads=server_threads(environ),
        )


def server_name(environ: Mapping[str, str]) -> str:
    """ARKI_SERVER, checked. Raises `SettingsError`."""
    name = environ.get("ARKI_SERVER") or "gunicorn"
    if name not in SERVERS:
        raise SettingsError(f"ARKI_SERVER must be {' or '.join(SERVERS)}.")
    return name


def server_threads(environ: Mapping[str, str]) -> int:
    """How many threads a worker of the server has. Raises `SettingsError`."""
    return whole_number(environ, "ARKI_THREADS", SERVERS[server_name(environ)], MOST_THREADS)


def bind_address(environ: Mapping[str, str]) -> str:
    """The address to serve on: ARKI_BIND, else 127.0.0.1 at PORT. Raises `SettingsError` if PORT is no port."""
    port = environ.get("PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise SettingsError("PORT must be a whole number from 1 to 65535.")
    return environ.get("ARKI_BIND") or f"127.0.0.1:{int(port)}"


class ServerSettings(NamedTuple):
    """What either WSGI server is started with: its address, workers, and a worker's threads and connections."""

    bind: str
    workers: int
    threads: int
    connections: int


def server_settings(environ: Mapping[str, str]) -> ServerSettings:
    """ARKI_BIND, ARKI_WORKERS, ARKI_THREADS and the limit of open files, checked. Raises `SettingsError`."""
    return ServerSettings(
        bind_address(environ),
        whole_number(environ, "ARKI_WORKERS", 2, MOST_WORKERS),
        server_threads(environ),
        most_connections(),
    )


def most_connections() -> int:
    """How many connections a worker may hold: what this process's limit of open files leaves. Raises `SettingsError`."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    if files < FEWEST_FILES:
        raise SettingsError(
            f"Only {files} files may be open at a time. Allow {FEWEST_FILES}: ulimit -n {FEWEST_FILES}."
        )
    return min(MOST_CONNECTIONS, files - FEWEST_FILES // 2)


def outcomes_url(environ: Mapping[str, str]) -> str | None:
    """ARKI_OUTCOMES_URL, checked. Raises `SettingsError`, which never repeats it: it may hold a password."""
    value = environ.get("ARKI_OUTCOMES_URL") or None
    if value is not None and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingsError(
            "ARKI_OUTCOMES_URL must begin with sqlite:/// or postgresql+psycopg://, "
            "such as sqlite:////srv/arki/outcomes.db or postgresql+psycopg://arki@db/arki."
        )
    return value


def run_folder(environ: Mapping[str, str]) -> Path:
    """ARKI_RUN, else a folder in memory by user and port: process id, readiness and counts of a running service."""
    if environ.get("ARKI_RUN"):
        return Path(environ["ARKI_RUN"]).absolute()
    shared = Path("/dev/shm")  # noqa: S108  (the folder in it is private, and refused if somebody else's)
    port = bind_address(environ).rpartition(":")[2]
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / f"arki-{os.geteuid()}-{port}"


def whole_number(environ: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """A setting that is a whole number from 1 to `largest`. Raises `SettingsError`."""
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and 0 < int(value) <= largest):  # noqa: PLR2004
        raise SettingsError(f"{name} must be a whole number from 1 to {largest}.")
    return int(value)


def is_loopback(address: str | None) -> bool:
    """Whether an IP address, as text, is of this machine alone."""
    if address == "127.0.0.1":
        return True
    try:
        ip = ipaddress.ip_address((address or "").strip("[]"))
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)  # ::ffff:127.0.0.1, how dual-stack sockets name IPv4 peers
    return bool((mapped or ip).is_loopback)


def _dev_key(value: str, bind: str) -> str | None:
    key = value.strip()  # HTTP strips a header's outer spaces, so they cannot be part of a key
    if not key:
        return None
    if not key.isprintable():
        raise SettingsError("ARKI_DEV_KEY has a character that no HTTP header can carry. Choose another key.")
    host = bind.rpartition(":")[0]
    if host != "localhost" and not is_loopback(host):
        raise SettingsError(
            f"ARKI_DEV_KEY works on loopback alone, but the service would listen on {bind}. "
            "Unset ARKI_DEV_KEY and set ARKI_KEYS, or unset ARKI_BIND."
        )
    return key


def _secret(value: str, *, needed: bool) -> str:
    if not value and not needed:
        return secrets.token_urlsafe(32)
    if any(len(secret.strip()) < SHORTEST_SECRET for secret in value.split(",")):
        raise SettingsError(
            f"ARKI_SECRET must have at least {SHORTEST_SECRET} characters where ARKI_KEYS is set; every worker and "
            "machine needs the same one. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return value


def outcomes_weeks(environ: Mapping[str, str]) -> int:
    """ARKI_OUTCOMES_WEEKS, checked. Raises `SettingsError`."""
    return whole_number(environ, "ARKI_OUTCOMES_WEEKS", 104, MOST_WEEKS)


def outcomes_smallest(environ: Mapping[str, str]) -> int:
    """How many outcomes are counted at least at a time. Raises `SettingsError`."""
    smallest = whole_number(environ, "ARKI_OUTCOMES_SMALLEST", 5, 100)
    if smallest < SMALLEST_GROUP:
        raise SettingsError(
            f"ARKI_OUTCOMES_SMALLEST must be at least {SMALLEST_GROUP}: smaller groups can give a person away."
        )
    return smallest


def _hosts(value: str) -> frozenset[str]:
    hosts = frozenset(host.strip().lower() for host in value.split(",") if host.strip())
    for host in hosts:
        if not host_without_port(host) == host or "/" in host or "*" in host:
            raise SettingsError(
                "ARKI_TRUSTED_HOSTS must be host names separated by commas, without scheme, port, path or *, "
                "such as arki.example.fi,arki.internal."
            )
    return hosts


def host_without_port(host: str) -> str:
    """The name in a Host header, lower case, an IPv6 address in its brackets."""
    name, colon, port = host.rpartition(":")
    plain = name if colon and port.isdecimal() and not name.endswith(":") else host
    return plain.lower()


def _public_url(value: str) -> str:
    address = value.strip()
    try:
        sound = re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?(/[\w.~-]+)*/?", address, re.ASCII) and (
            urlsplit(address).port != 0
        )
    except ValueError:  # a port above 65535
        sound = False
    if address and not sound:
        raise SettingsError(
            "ARKI_PUBLIC_URL must be the address at which browsers reach the service: http:// or https://, a host name in "
            "lower case, if need be a port and a path, and nothing after it, such as https://arki.example.fi."
        )
    return address.rstrip("/")


def _origins(value: str) -> frozenset[str]:
    origins = frozenset(origin.strip() for origin in value.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if (
            f"{parts.scheme}://{parts.netloc}" != origin
            or parts.scheme not in {"https", "http"}
            or not parts.hostname
            or {"*", "@"} & set(origin)
            or origin != origin.lower()
        ):
            raise SettingsError(
                "ARKI_CORS_ORIGINS must be exact origins separated by commas, in lower case, without path or *, "
                "such as https://www.example.fi,https://test.example.fi:8443."
            )
    return origins


def _networks(value: str) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise SettingsError(
            "ARKI_TRUSTED_PROXIES must be addresses or networks separated by commas, such as 10.0.0.0/8,127.0.0.1."
        ) from None


def _rate_limit(value: str) -> RateLimit | None:
    if value == "off":
        return None
    requests, _, period = value.partition("/")
    if (
        not (requests.isascii() and requests.isdecimal() and len(requests) < 10 and int(requests))  # noqa: PLR2004
        or period not in _PERIODS_S
    ):
        raise SettingsError(
            "ARKI_RATE_LIMIT must be a number of requests by second, minute or hour, such as 6000/minute, or off."
        )
    return RateLimit(int(requests), _PERIODS_S[period])


def _redis_url(value: str) -> str | None:
    if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
        raise SettingsError("ARKI_REDIS_URL must begin with redis://, rediss:// or unix://.")
    return value or None


def _contact(value: str) -> str | None:
    contact = value.strip()
    if contact and not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+\.[a-z]+|https://[^\s<>\"]+", contact):
        raise SettingsError(
            "ARKI_CONTACT must be an e-mail address, or an address that begins with https://."
        )
    return contact or None


def _on_or_off(environ: Mapping[str, str], name: str, default: str) -> bool:
    value = environ.get(name) or default
    if value not in {"on", "off"}:
        raise SettingsError(f"{name} must be on or off.")
    return value == "on"
