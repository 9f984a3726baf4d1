"""`arki-outcomes`: make the tables, delete what is kept no longer, write the counts out.

Each reads ARKI_OUTCOMES_URL, as the service does. `purge` is for a daily timer; it may run beside the service, twice,
or be cut off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

import click

from models.cli.missing_extras import with_extra
from models.contract.environment import bundles_folder
from service.settings import SettingsError, outcomes_smallest, outcomes_url, outcomes_weeks

if TYPE_CHECKING:
    from service.outcomes.experiments import Lift
    from service.outcomes.store import Store


@click.group()
def outcomes() -> None:
    """Look after the database of outcomes (ARKI_OUTCOMES_URL)."""


@outcomes.command()
@click.option("--drop", is_flag=True, help="Drop the tables instead, and every outcome with them.")
def migrate(*, drop: bool) -> None:
    """Make the tables, or bring them to this version."""
    from service.outcomes import retention  # noqa: PLC0415  (--help answers without the database's libraries)

    with _store(migrated=False) as store:
        retention.migrate(store, to="base" if drop else "head")
    click.echo("The tables are dropped." if drop else "The tables are those of this version.")


@outcomes.command()
def purge() -> None:
    """Delete what is kept no longer. Doing it again deletes nothing more."""
    from service.outcomes import retention  # noqa: PLC0415  (the same)

    keep_weeks = _keep_weeks()
    with _store() as store:
        deleted = retention.purge(store, now=datetime.now(UTC), keep_weeks=keep_weeks)
    click.echo("deleted: " + ", ".join(f"{table} {rows:,}" for table, rows in deleted.items()))


@outcomes.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From the week of this day.")
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
def export(since: datetime | None, file: IO[str]) -> None:
    """Write the counts to FILE, a line of JSON for each; docs/outcomes-export.md has the columns."""
    from service.outcomes import retention  # noqa: PLC0415  (the same)

    with _store() as store:
        lines = retention.export(store, first=since.date() if since else None)
        file.writelines(f"{line}\n" for line in lines)


@outcomes.command()
@click.option(
    "--of",
    "success",
    type=click.Choice(["opened", "completed", "helpful"]),
    default="opened",
    show_default=True,
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From the week of this day.")
@click.option(
    "--bundle",
    "digest",
    help="Digest of the bundle that ran the experiment, in $ARKI_BUNDLES (default: the current one).",
)
def lifts(success: str, since: datetime | None, digest: str | None) -> None:
    """Tell what each variant of an experiment gained over control, with 95 % intervals.

    A bundle says how many counts may still wait, and so whether enough are counted to say.
    """
    from service.outcomes import experiments, retention  # noqa: PLC0415  (the same)

    waiting = _waiting(digest)
    with _store() as store:
        rows = retention.variant_counts(
            store, success, waiting=waiting, first=since.date() if since else None
        )
    lifts = experiments.lifts(rows)
    for lift in lifts:
        click.echo(f"{lift.experiment}/{lift.variant}: {_lift(lift, success)}")
    if not lifts:
        click.echo("No experiment has counts of a variant and of its control yet.")


def _lift(lift: Lift, success: str) -> str:
    """What is known of a lift, in a sentence."""
    one, control, difference = lift.one, lift.control, lift.difference
    if difference is not None:
        return (
            f"{success} {one.share:.1%}, control {control.share:.1%}, difference {difference.estimate:+.1%} "
            f"({difference.low:+.1%} to {difference.high:+.1%})"
        )
    least = (
        f"{success} at least {one.successes:,} of at least {one.shown:,}, "
        f"control at least {control.successes:,} of at least {control.shown:,}; "
    )
    if one.waiting is None or control.waiting is None:
        return (
            f"{least}the bundle does not run the experiment, so how many more wait is not known. "
            "Name one that ran it with --bundle; `arki-bundle list` shows them."
        )
    return f"{least}too few yet to say: of each, {max(one.waiting, control.waiting):,} more may wait."


def _waiting(digest: str | None) -> Callable[[str], int | None]:
    """From a variant to how many more of each of its counts may wait, by what a bundle can offer."""
    from models.decision import bundle as bundles  # noqa: PLC0415  (the same)

    folder = bundles_folder()
    named = digest or bundles.current(folder) or ""
    matching = [name for name in bundles.available(folder) if named and name.startswith(named)]
    if len(matching) != 1:
        raise click.ClickException(
            f"{folder} has {len(matching)} bundles whose digest starts with {digest}; `arki-bundle list` shows them."
            if digest
            else f"No bundle is active in {folder}, and a bundle tells how many counts may wait. Set ARKI_BUNDLES."
        )
    try:
        combinations = bundles.load(folder, matching[0]).recommender.combinations()
        each = outcomes_smallest(os.environ) - 1
    except (bundles.BundleError, SettingsError) as error:
        raise click.ClickException(str(error)) from None

    def at_most(variant: str) -> int | None:
        number = combinations.of("variant", variant)
        return None if number is None else each * number

    return at_most


def _keep_weeks() -> int:
    try:
        return outcomes_weeks(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _url() -> str:
    url = outcomes_url(os.environ)
    if url is None:
        raise SettingsError("Set ARKI_OUTCOMES_URL, such as sqlite:////srv/arki/outcomes.db.")
    return url


@contextmanager
def _store(*, migrated: bool = True) -> Iterator[Store]:
    from service.outcomes.events import OutcomesUnavailableError, WrongDatabaseError  # noqa: PLC0415  (the same)
    from service.outcomes.store import Store  # noqa: PLC0415  (the same)

    try:
        store = Store(_url(), migrated=migrated)
        try:
            yield store
        finally:
            store.close()
    except OutcomesUnavailableError:
        raise click.ClickException(
            "The database that ARKI_OUTCOMES_URL names cannot be reached, or failed. Try again when it is back."
        ) from None
    except (SettingsError, WrongDatabaseError) as error:
        raise click.ClickException(str(error)) from None


with_extra(outcomes, "serve")
