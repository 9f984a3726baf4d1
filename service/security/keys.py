"""`arki-keys`: make, list and revoke API keys. A key is printed once; the file keeps only its SHA-256.

To rotate a key, make a second one, hand it over, and revoke the first: both open the service meanwhile. Workers read a
changed file within a second. One edit at a time, also between processes.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from models.cli.missing_extras import with_extra
from service.security.access import LONGEST_DAYS, SCOPES, WRITES_AND_READS, make_key, read_keys, write_keys
from service.settings import SettingsError

_ROTATE_WITHIN: Final = timedelta(days=14)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys for Arki. A key is printed once; the file keeps only its SHA-256."""


def _file_option(*, exists: bool) -> Callable[[Any], Any]:
    return click.option(
        "--keys",
        "file",
        required=True,
        type=click.Path(exists=exists, dir_okay=False, path_type=Path),
        envvar="ARKI_KEYS",
        help="The file of keys." if exists else "The file of keys; made if it is not there.",
    )


@keys.command()
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Repeatable."
)
@click.option("--days", required=True, type=click.IntRange(1, LONGEST_DAYS), help="Days until it expires.")
@_file_option(exists=False)
def create(scopes: tuple[str, ...], days: int, file: Path) -> None:
    """Make a key, print it once, and keep its hash in the file.

    No key has both outcomes:write and outcomes:read: a report would tell whoever adds events what one customer did.
    """
    if WRITES_AND_READS.issubset(scopes):
        raise click.UsageError(
            "One key must not have both outcomes:write and outcomes:read. A report shows no group of fewer than five; "
            "whoever may also add events could bring a count to four and see one customer's event make it five. "
            "Make two keys, one with each scope, and give them to different people."
        )
    with _edited(file):
        records = read_keys(file) if file.exists() else {}
        key, record = make_key(
            scopes, expires=datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        )
        write_keys(file, [*records.values(), record])
    click.echo(
        f"Key {record.id} expires {record.expires:%Y-%m-%d}. It is shown only now; keep it where secrets are kept.",
        err=True,
    )
    click.echo(key)


@keys.command("list")
@_file_option(exists=True)
def list_keys(file: Path) -> None:
    """List keys by id: until when each opens the service, and what."""
    now = datetime.now(UTC)
    with _explained():
        records = read_keys(file)
    for record in sorted(records.values(), key=lambda record: record.expires):
        state = (
            "expired"
            if record.expires <= now
            else "rotate"
            if record.expires - now <= _ROTATE_WITHIN
            else "live"
        )
        scopes = " ".join(scope for scope in SCOPES if scope in record.scopes)
        click.echo(f"{record.id}  {state:7}  {record.expires:%Y-%m-%d}  {scopes}")
    for record in records.values():
        if WRITES_AND_READS.issubset(record.scopes) and record.expires > now:
            click.echo(
                f"Key {record.id} may both write and read outcomes, and so tell what one customer did. Make two keys, one "
                "with each scope, for different people, and revoke this one.",
                err=True,
            )


@keys.command()
@click.argument("key_id")
@_file_option(exists=True)
def revoke(key_id: str, file: Path) -> None:
    """Take a key out of the file by its id; every worker refuses it within seconds."""
    with _edited(file):
        records = read_keys(file)
        if key_id not in records:
            raise click.ClickException(
                f"{file} has no key {_shown(key_id)}. Give the twelve digits that arki-keys list shows."
            )
        del records[key_id]
        write_keys(file, records.values())
    click.echo(f"Key {key_id} is revoked. Workers refuse it within a second or two.", err=True)


def _shown(key_id: str) -> str:
    """An id as typed, unless it may be a whole key, which no terminal log should keep."""
    return key_id if len(key_id) <= 12 and key_id.isalnum() else "by that id"  # noqa: PLR2004  (an id's length)


@contextmanager
def _edited(file: Path) -> Iterator[None]:
    """Hold a lock beside the file over an edit."""
    with _explained(), file.parent.joinpath(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _explained() -> Iterator[None]:
    """Say in one line what went wrong."""
    try:
        yield
    except (SettingsError, OSError) as error:
        raise click.ClickException(str(error)) from None


with_extra(keys, "serve")
