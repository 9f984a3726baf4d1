"""Who may do what: API keys with scopes, kept as SHA-256 only, compared in constant time.

A key is `arki_<id>_<secret><checksum>`: 12 hexadecimal digits of id, 64 of secret (256 random bits), 8 of CRC-32, so
that a secret scanner finds it and a cut-off copy is told from a wrong one. It travels in `Authorization: Bearer`,
never in a URL. The app asks `KeyRing.grant`; `service.security.keys` is the command that makes, lists and revokes them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from service.settings import SettingsError, is_loopback

SCOPES: Final = (
    "recommend",
    "segments:read",
    "content:read",
    "content:write",
    "outcomes:write",
    "outcomes:read",
    "operate",
)
WRITES_AND_READS: Final = frozenset({"outcomes:write", "outcomes:read"})
"""Together they tell what one customer did: push a count to four, the most that no report shows, and watch for the fifth."""
LONGEST_DAYS: Final = 365
LOOK_AGAIN_S: Final = 1.0
_KEY: Final = re.compile(r"arki_([0-9a-f]{12})_([0-9a-f]{64})([0-9a-f]{8})")
_LONGEST: Final = timedelta(days=LONGEST_DAYS)
_NOBODY: Final = hashlib.sha256(b"").hexdigest()


class UnauthenticatedError(Exception):
    """No key, or one that does not open anything; the message says which and what to do."""


class ForbiddenError(Exception):
    """The key lacks a scope; the message names it."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This key lacks the scope {scope}. Ask whoever runs the service for a key with it.")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key: never the key itself."""

    id: str
    sha256: str
    scopes: frozenset[str]
    expires: datetime


class Grant(NamedTuple):
    """What a key opens. `key_id` is None for the development key, which no rate limit binds."""

    key_id: str | None
    scopes: frozenset[str]


_DEVELOPMENT: Final = Grant(None, frozenset(SCOPES))


class KeyRing:
    """The keys that open the service. Looks at the file again within a second, and keeps the last good one.

    Parameters
    ----------
    file : Path or None
        What `arki-keys create` writes.
    dev_key : str or None
        A key with every scope, refused from anywhere but loopback.
    """

    def __init__(
        self,
        file: Path | None = None,
        dev_key: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._clock = file, clock
        self._dev_key = dev_key.encode() if dev_key else None
        self._seen = self._stamp()
        self._records = read_keys(file) if file else {}
        self._look_again = clock() + LOOK_AGAIN_S

    def grant(self, authorization: str | None, *, remote: str | None, now: datetime) -> Grant:
        """What the key in an Authorization header opens.

        Parameters
        ----------
        authorization : str or None
            The header as WSGI gives it (Latin-1).
        remote : str or None
            The peer's address; None if a proxy stands between.
        now : datetime
            An aware moment, compared with the key's expiry.

        Raises
        ------
        UnauthenticatedError
            If there is no key, or it is damaged, unknown, expired, a development key from elsewhere, or altered.
        """
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise UnauthenticatedError("Send your key in the header Authorization: Bearer <key>.")
        if self._dev_key is not None and hmac.compare_digest(key.encode("latin-1"), self._dev_key):
            if not is_loopback(remote):
                raise UnauthenticatedError(
                    "Development keys work on loopback alone. Use a key made with arki-keys create."
                )
            return _DEVELOPMENT
        return self._granted(key, now)

    def grant_again(self, key_id: str | None, *, remote: str | None, now: datetime) -> Grant:
        """What a key that was shown before opens now, by its id; None is the development key.

        Raises
        ------
        UnauthenticatedError
            If it was revoked, has expired, or is a development key from elsewhere or of another start.
        """
        if key_id is None:
            if self._dev_key is None or not is_loopback(remote):
                raise UnauthenticatedError("Development keys work on loopback alone.")
            return _DEVELOPMENT
        record = self._current().get(key_id)
        if record is None or record.expires <= now:
            raise UnauthenticatedError("The key has expired or was revoked.")
        return Grant(record.id, record.scopes)

    def that_write_and_read(self, now: datetime) -> list[str]:
        """Ids of the living keys that may both write outcomes and read them, which `arki-keys create` makes no more."""
        records = self._current().values()
        return [
            record.id
            for record in records
            if record.expires > now and WRITES_AND_READS.issubset(record.scopes)
        ]

    def _granted(self, key: str, now: datetime) -> Grant:
        match = _KEY.fullmatch(key)
        if match is not None and _checksum(match[1], match[2]) != match[3]:
            raise UnauthenticatedError("The key's checksum does not match: it was cut off or mistyped.")
        record = self._current().get(match[1]) if match else None
        digest = hashlib.sha256(key.encode("latin-1")).hexdigest()
        known = hmac.compare_digest(digest, record.sha256 if record else _NOBODY)
        if record is None or not known:
            raise UnauthenticatedError(
                "The key is not known here. Check it, or make one with arki-keys create."
            )
        if record.expires <= now:
            raise UnauthenticatedError("The key has expired. Make a new one with arki-keys create.")
        if record.expires - now > _LONGEST:
            raise UnauthenticatedError(
                f"The key's record was altered: no key lives longer than {LONGEST_DAYS} days."
            )
        return Grant(record.id, record.scopes)

    def _current(self) -> dict[str, KeyRecord]:
        if self._file is not None and self._clock() >= self._look_again:
            self._look_again = self._clock() + LOOK_AGAIN_S
            stamp = self._stamp()
            if stamp != self._seen:
                try:
                    self._records, self._seen = read_keys(self._file), stamp
                except SettingsError:
                    return self._records  # the last good file stands until the next look
        return self._records

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_ino) if status else None


def read_keys(file: Path) -> dict[str, KeyRecord]:
    """Key records by id. Raises `SettingsError` if the file is not what `arki-keys create` writes."""
    try:
        records = [_read_record(record) for record in json.loads(file.read_bytes())["keys"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(
            f"{file} is not a readable file of keys. Restore it, or make a new one with arki-keys create."
        ) from None
    return {record.id: record for record in records}


def make_key(scopes: Iterable[str], *, expires: datetime) -> tuple[str, KeyRecord]:
    """A new key, to be shown once, and the record to keep."""
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    key = f"arki_{key_id}_{secret}{_checksum(key_id, secret)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key, KeyRecord(key_id, digest, frozenset(scopes), expires)


def write_keys(file: Path, records: Iterable[KeyRecord]) -> None:
    """Replace the file in one rename, readable by its owner alone."""
    document = {"keys": [_written(record) for record in records]}
    descriptor, temporary = tempfile.mkstemp(
        dir=file.parent, prefix=f".{file.name}."
    )  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w") as stream:
            os.fchmod(stream.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            json.dump(document, stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _checksum(key_id: str, secret: str) -> str:
    return f"{zlib.crc32(f'{key_id}_{secret}'.encode()):08x}"


def _written(record: KeyRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "sha256": record.sha256,
        "scopes": [scope for scope in SCOPES if scope in record.scopes],
        "expires": record.expires.isoformat(),
    }


def _read_record(record: dict[str, Any]) -> KeyRecord:
    expires = datetime.fromisoformat(record["expires"])
    if (
        expires.tzinfo is None
        or not set(record["scopes"]) <= set(SCOPES)
        or len(record["sha256"]) != len(_NOBODY)
    ):
        raise ValueError
    return KeyRecord(str(record["id"]), str(record["sha256"]), frozenset(record["scopes"]), expires)
