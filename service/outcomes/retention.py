"""What is kept how long, and the export: purge in small steps, so that no writer waits; migrate up and down.

Receipts live until a repeat would be refused for its age, marks until the reference they belong to has expired, counts
as long as ARKI_OUTCOMES_WEEKS says. Used by `service.outcomes.command`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, exists, func, select, tuple_

from models.contract.channels import HELSINKI
from service.outcomes.experiments import VariantCount
from service.outcomes.reports import monday
from service.outcomes.store import COUNTERS, Store, cells, marks, receipts, sums, weeks

RECEIPT_DAYS: Final = 5
"""Longer than the 72 hours within which events are taken, in whole days, whatever the hour and the clock's error."""
STEP: Final = 2000
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_IDS: Final = ("rule", "content", "channel", "language", "variant")


def purge(store: Store, *, now: datetime, keep_weeks: int, step: int = STEP) -> dict[str, int]:
    """Delete what is kept no longer; rows deleted by table. Doing it again deletes nothing more.

    Raises
    ------
    OutcomesUnavailableError
        If the database fails; what was deleted by then stays deleted.
    """
    today = now.astimezone(HELSINKI).date()
    oldest = monday(today) - timedelta(weeks=keep_weeks)
    unused = (cells.c.day < oldest) & ~exists().where(weeks.c.cell == cells.c.id)
    rules: tuple[tuple[Table, ColumnElement[bool]], ...] = (
        (receipts, receipts.c.day < today - timedelta(days=RECEIPT_DAYS)),
        (marks, marks.c.until < today),
        (weeks, weeks.c.week < oldest),
        (sums, sums.c.week < oldest),
        (cells, unused),
    )
    return {table.name: sum(_delete(store, table, kept_no_longer, step)) for table, kept_no_longer in rules}


def export(store: Store, *, first: date | None = None) -> Iterator[str]:
    """Each count of each week, from the week of `first`, as a line of JSON; `docs/outcomes-export.md` has the columns."""
    columns = [
        weeks.c.week,
        *(cells.c[name] for name in (*_IDS, "propensity")),
        *(weeks.c[name] for name in COUNTERS),
    ]
    asked = select(*columns).join_from(weeks, cells, weeks.c.cell == cells.c.id)
    asked = asked.order_by(weeks.c.week, *(cells.c[name] for name in (*_IDS, "propensity")))
    if first is not None:
        asked = asked.where(weeks.c.week >= monday(first))
    with store.transaction(reads=True) as connection:
        for row in connection.execute(asked).mappings():
            yield json.dumps(_line(row))


def variant_counts(
    store: Store, success: str, *, waiting: Callable[[str], int | None], first: date | None = None
) -> list[VariantCount]:
    """What each variant of each experiment was shown and came to (`opened`, `completed` or `helpful`), from the week of `first`.

    `waiting` says of an `experiment/variant` how many more of each count may wait at most.

    Of those shown, or for `helpful` of those who said. Counts wait apart from each other, so one may be ahead by a few.
    """
    base = weeks.c.not_helpful if success == "helpful" else weeks.c.shown
    asked = select(cells.c.variant, func.sum(base), func.sum(weeks.c[success]))
    asked = asked.join_from(weeks, cells, weeks.c.cell == cells.c.id).where(cells.c.variant != "")
    if first is not None:
        asked = asked.where(weeks.c.week >= monday(first))
    asked = asked.group_by(cells.c.variant).order_by(cells.c.variant)
    with store.transaction(reads=True) as connection:
        rows = connection.execute(asked).all()
    return [
        VariantCount(
            variant.partition("/")[0],
            variant.partition("/")[2],
            int(of) + int(count) if success == "helpful" else int(of),
            int(count),
            waiting=waiting(variant),
            two_way=success == "helpful",
        )
        for variant, of, count in rows
    ]


def counts(store: Store) -> dict[str, int]:
    """Rows in each table."""
    with store.transaction(reads=True) as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (receipts, marks, cells, weeks, sums)
        }


def migrate(store: Store, *, to: str = "head") -> None:
    """Bring the tables to a version: `head`, or `base` for none, which drops every outcome."""
    from alembic import command  # noqa: PLC0415  (the serving process needs none of it)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with store.transaction() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if to == "base" else command.upgrade)(config, to)


def _delete(store: Store, table: Table, kept_no_longer: ColumnElement[bool], step: int) -> Iterator[int]:
    """Rows deleted by each of many short transactions."""
    key = tuple_(*table.primary_key.columns)
    some = select(*table.primary_key.columns).where(kept_no_longer).limit(step)
    deleted = step
    while deleted == step:
        with store.transaction() as connection:
            deleted = connection.execute(delete(table).where(key.in_(some))).rowcount
        yield deleted


def _line(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "week": row["week"].isoformat(),
        **{name: row[name] for name in _IDS},
        "propensity": row["propensity"] / 1_000_000,
        **{name: row[name] for name in COUNTERS},
    }
