"""Settings from the environment, read and checked once at start-up; nothing else in the service reads it."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DEFAULT_PORT: Final = 8080
SHORTEST_SECRET: Final = 32  # characters; itsdangerous derives a 256-bit key from it
ALWAYS_TRUSTED: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class SettingsError(ValueError):
    """A setting that the service must not start with; the message names it and says what to set."""


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
        ARKI_SECRET, signs recommendation references; without ARKI_KEYS an ephemeral one is made.
    trusted_hosts : frozenset of str
        ARKI_TRUSTED_HOSTS, comma-separated host names besides 127.0.0.1, localhost and [::1]; any port.
    bind : str
        ARKI_BIND, else 127.0.0.1 and PORT (8080).
    """

    bundles: Path = Path("bundles")
    keys: Path | None = None
    dev_key: str | None = field(default=None, repr=False)
    secret: str = field(default="", repr=False)
    trusted_hosts: frozenset[str] = ALWAYS_TRUSTED
    bind: str = f"127.0.0.1:{DEFAULT_PORT}"

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
            bundles=Path(environ.get("ARKI_BUNDLES") or "bundles"),
            keys=keys,
            dev_key=_dev_key(environ.get("ARKI_DEV_KEY", ""), bind),
            secret=_secret(environ.get("ARKI_SECRET", ""), needed=keys is not None),
            trusted_hosts=ALWAYS_TRUSTED | _hosts(environ.get("ARKI_TRUSTED_HOSTS", "")),
            bind=bind,
        )


def bind_address(environ: Mapping[str, str]) -> str:
    """The address to serve on: ARKI_BIND, else 127.0.0.1 at PORT. Raises `SettingsError` if PORT is no port."""
    port = environ.get("PORT") or str(DEFAULT_PORT)
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise SettingsError("PORT must be a whole number from 1 to 65535.")
    return environ.get("ARKI_BIND") or f"127.0.0.1:{int(port)}"


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


def _dev_key(given: str, bind: str) -> str | None:
    key = given.strip()  # HTTP strips a header's outer spaces, so they cannot be part of a key
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


def _secret(given: str, *, needed: bool) -> str:
    if not given and not needed:
        return secrets.token_urlsafe(32)
    if len(given) < SHORTEST_SECRET:
        raise SettingsError(
            f"ARKI_SECRET must have at least {SHORTEST_SECRET} characters where ARKI_KEYS is set; every worker and "
            "machine needs the same one. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
    return given


def _hosts(given: str) -> frozenset[str]:
    hosts = frozenset(host.strip().lower() for host in given.split(",") if host.strip())
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
