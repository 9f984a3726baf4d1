"""Reports of outcomes: sums of counts over whole weeks, rates with their uncertainty, and the same as CSV.

Reads `sums` alone, whose counts only ever grew by five or more at a time (`service.outcomes`), so a report may be
subtracted from one that holds it without telling of fewer. It costs a pass over a few rows a week, however many events
there were.

References
----------
Interval of a proportion: Wilson, E. B. (1927), JASA 22 (158), 209–212; 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, select

from models import proportions
from models.rulebook import Rulebook
from models.segments import Segment
from service.outcome_shapes import RATES, Dimension, Rate, Report, ReportRow
from service.outcome_store import COUNTERS, Store, sums

SUMMED: Final = ("rule", "content", "channel", "language")
"""The dimensions that are summed as events come; the others follow from them."""
_SUMMED_AS: Final = {"segment": "rule", "week": "language"}
DEFAULT_WEEKS: Final = 12


def read_report(
    store: Store, by: Dimension, *, rulebook: Rulebook, today: date, first: date | None, last: date | None
) -> Report:
    """See `Outcomes.report`."""
    last = monday(last or today)
    first = monday(first) if first else last - timedelta(weeks=DEFAULT_WEEKS - 1)
    key: Any = sums.c.week if by == "week" else sums.c.value
    is_total = (sums.c.value == "").label("is_total")
    counted = [func.sum(sums.c[name]) for name in COUNTERS]
    asked = select(key, is_total, *counted).group_by(key, is_total)
    asked = asked.where(sums.c.dimension == _SUMMED_AS.get(by, by), sums.c.week.between(first, last))
    with store.transaction(reads=True) as connection:
        found = connection.execute(asked).all()
    name = _segment_of(rulebook) if by == "segment" else str
    groups: dict[str, list[int]] = {}
    for given, of_total, *counts in found:
        value = "" if of_total else name(given)
        so_far = groups.get(value, [0] * len(COUNTERS))
        groups[value] = [a + int(b) for a, b in zip(so_far, counts, strict=True)]
    rows = tuple(
        _row(value or None, dict(zip(COUNTERS, groups[value], strict=True))) for value in sorted(groups)
    )
    return Report(by, first, last, rows)


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def wilson(count: int, of: int) -> Rate:
    """A share with its interval. Counts wait separately, so `count` may be ahead of `of` by a few; it is then all."""
    if of == 0:
        return Rate(count, of, None, None, None)
    return Rate(count, of, *proportions.wilson(min(count, of), of))


def _row(value: str | None, counts: Mapping[str, int]) -> ReportRow:
    shown, grades = counts["shown"], counts["grades"]
    # A share is of those shown, and for totals, of which nothing tells whether it was shown too, of nothing.
    rates = {name: wilson(counts[name], shown if value is not None else 0) for name in RATES[:3]}
    return ReportRow(
        value,
        shown,
        rates["opened"],
        rates["completed"],
        rates["dismissed"],
        wilson(counts["helpful"], counts["helpful"] + counts["not_helpful"]),
        grades,
        counts["grade_sum"] / grades if grades else None,
    )


def _segment_of(rulebook: Rulebook) -> Callable[[Any], str]:
    """From a rule's id to the one segment that its conditions name; `any` for more, `retired` where the rule is gone."""
    named = {"statutory": "any"}
    for rule in rulebook.tables["employer"].rules:
        named[rule.id] = str(Segment.EMPLOYER)
    for rule in rulebook.tables["person"].rules:
        segments = rule.when.get("segment", ())
        named[rule.id] = segments[0] if len(segments) == 1 else "any"
    return lambda rule: named.get(rule, "retired")
