"""What outcomes look like to those who send and read them, without a database behind: events, reports, what can go wrong."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from models.contract.signals import Fault
from service.http.csv_cells import as_text

EVENTS: Final = ("shown", "opened", "completed", "dismissed", "helpful", "not_helpful")
RATINGS: Final = ("helpful", "not_helpful")
Dimension = Literal["rule", "content", "channel", "segment", "language", "week"]
DIMENSIONS: Final = ("rule", "content", "channel", "segment", "language", "week")
RATES: Final = ("opened", "completed", "dismissed", "helpful")
WIDEST_BY_WAITING: Final = 0.1
"""A share is told where what may wait moves it by no more than this; a mean grade, by no more than this of the scale."""


class OutcomesUnavailableError(Exception):
    """The database of outcomes does not answer; what was sent may be sent again as it is."""

    def __init__(self) -> None:
        super().__init__(
            "Outcomes cannot be stored or read just now. Send the same again in some seconds: what was stored is not "
            "counted twice."
        )


class WrongDatabaseError(Exception):
    """A database that outcomes must not be trusted to; the message says which setting to change."""


class Event(NamedTuple):
    """An outcome event as sent, its shape checked."""

    event_id: UUID
    recommendation_id: str
    item: str
    event: str
    occurred_at: datetime
    grade: int | None


class Verdict(NamedTuple):
    """What became of an event."""

    result: Literal["stored", "already_stored", "refused"]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """At least `count` of at least `of`; a share only where what may still wait moves it little.

    `low` and `high` hold the 95 % Wilson interval of the share, whatever waits.
    """

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What came of one group.

    Attributes
    ----------
    value : str or None
        The rule, content id, channel, segment, language or Monday; None for customers who objected and minors, of whom
        only this total is kept.
    shown : int
        Answers in which an item was shown, at least.
    opened, completed, dismissed : Rate
        Of those shown.
    helpful : Rate
        Of those who said whether it helped.
    grades : int
        How many gave a grade of 0 to 10, at least.
    mean_grade : float or None
        Of those counted; None where those that may wait could move it by more than a grade.
    waiting_at_most : int or None
        How many more of each count may wait for their group to be large enough; None where the rules in use can no
        longer tell. It follows from the rules and the catalogue, never from what waits.
    """

    value: str | None
    shown: int
    opened: Rate
    completed: Rate
    dismissed: Rate
    helpful: Rate
    grades: int
    mean_grade: float | None
    waiting_at_most: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """Rows by one dimension over whole weeks, from the week of `first` to that of `last` (Mondays), both included."""

    by: Dimension
    first: date
    last: date
    rows: tuple[ReportRow, ...]


def report_csv(report: Report) -> str:
    """A report as CSV; a cell that a spreadsheet would take for a formula is written as text."""
    text = io.StringIO()
    writer = csv.writer(text)
    parts = ("count", "of", "share", "low", "high")
    heads = [f"{name}_{part}" for name in RATES for part in parts]
    writer.writerow([report.by, "shown", *heads, "grades", "mean_grade", "waiting_at_most"])
    for row in report.rows:
        rates = [getattr(getattr(row, name), part) for name in RATES for part in parts]
        ends = (row.grades, row.mean_grade, row.waiting_at_most)
        writer.writerow(map(_written, [row.value, row.shown, *rates, *ends]))
    return text.getvalue()


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return as_text(str(value))
