"""Reports of outcomes: sums of counts over whole weeks, rates with their uncertainty, and the same as CSV.

Reads `sums` alone, whose counts only ever grew by five or more at a time (`service.outcomes.recorder`), so a report may be
subtracted from one that holds it without telling of fewer. It costs a pass over a few rows a week, however many events
there were.

A count is therefore the least there were. At most four wait in each combination of rule, content, channel, language and
variant, so the most there were follows from how many combinations answers can name. That number is of the rules and the
catalogue. The number of combinations in which something waits would give away what waits, so it is never read. A share
is told only where all that may wait moves it little, and its interval holds whatever waits.

Combinations that an earlier bundle offered and the one in use does not are left out of that number, and so is a second
chance of the same variant: each may hold four more of a rule or content that is still in use.

References
----------
Interval of a proportion: Wilson, E. B. (1927), JASA 22 (158), 209–212; 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, select

from models.contract.intervals import Range, part_range, two_way_range, wilson_over
from models.decision.combinations import STATUTORY, Combinations
from models.decision.decision_table import Rulebook
from models.decision.facts import SEGMENT
from service.outcomes.events import RATES, WIDEST_BY_WAITING, Dimension, Rate, Report, ReportRow
from service.outcomes.store import COUNTERS, Store, sums

SUMMED: Final = ("rule", "content", "channel", "language")
"""The dimensions that are summed as events come; the others follow from them."""
_SUMMED_AS: Final = {"segment": "rule", "week": "language"}
DEFAULT_WEEKS: Final = 12


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of a group may be counted later: at most `each` of every count in each of its combinations."""

    each: int
    combinations: Combinations

    def at_most(self, by: Dimension, value: str, segment_of: Callable[[str], str]) -> int | None:
        """Of each count of a group, "" being the totals; None where the rules in use can no longer tell."""
        if value == "":
            return self.each
        if by == "week":
            return self.each * self.combinations.total
        if by != "segment":
            number = self.combinations.of(by, value)
            return None if number is None else self.each * number
        rules = self.combinations.by["rule"].items()
        return self.each * sum(n for rule, n in rules if segment_of(rule) == value) or None


def read_report(
    store: Store,
    by: Dimension,
    *,
    rulebook: Rulebook,
    waiting: Waiting,
    today: date,
    first: date | None,
    last: date | None,
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
        counted_rows = connection.execute(asked).all()
    segment_of = _segment_of(rulebook)
    name = segment_of if by == "segment" else str
    groups: dict[str, list[int]] = {}
    for code, of_total, *counts in counted_rows:
        value = "" if of_total else name(code)
        so_far = groups.get(value, [0] * len(COUNTERS))
        groups[value] = [a + int(b) for a, b in zip(so_far, counts, strict=True)]
    rows = tuple(
        report_row(
            value or None,
            dict(zip(COUNTERS, groups[value], strict=True)),
            waiting.at_most(by, value, segment_of),
        )
        for value in sorted(groups)
    )
    return Report(by, first, last, rows)


def monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def report_row(value: str | None, counts: Mapping[str, int], waiting: int | None) -> ReportRow:
    """What came of a group, given its counts and how many more of each may wait; None where that is not known."""
    shown, grades = counts["shown"], counts["grades"]
    # A share is of those shown, and for totals, of which nothing tells whether it was shown too, of nothing.
    of = shown if value is not None else 0
    rates = {
        name: _rate(
            counts[name],
            of,
            part_range(counts[name], of, waiting=waiting) if of and waiting is not None else None,
        )
        for name in RATES[:3]
    }
    return ReportRow(
        value,
        shown,
        rates["opened"],
        rates["completed"],
        rates["dismissed"],
        _helpful(counts["helpful"], counts["not_helpful"], waiting),
        grades,
        _mean_grade(counts["grade_sum"], grades, waiting),
        waiting,
    )


def _helpful(helpful: int, not_helpful: int, waiting: int | None) -> Rate:
    known = waiting is not None and helpful + not_helpful > 0
    shares = two_way_range(helpful, not_helpful, waiting=waiting or 0) if known else None
    return _rate(helpful, helpful + not_helpful, shares)


def _rate(count: int, of: int, shares: Range | None) -> Rate:
    """A rate, its share told where what may wait moves it little. `count` may be ahead of `of`; the share is then 1."""
    if shares is None or shares.width > WIDEST_BY_WAITING:
        return Rate(count, of, None, None, None)
    return Rate(count, of, *wilson_over(shares, min(count, of) / of))


def _mean_grade(total: int, grades: int, waiting: int | None) -> float | None:
    """The mean of the grades counted, where those that may wait cannot move it by more than a grade."""
    if not grades or waiting is None or waiting > WIDEST_BY_WAITING * (grades + waiting):
        return None
    return total / grades


def _segment_of(rulebook: Rulebook) -> Callable[[Any], str]:
    """From a rule's id to the one segment of its customers; `any` for more, `retired` where the rule is gone."""
    named = {STATUTORY[0]: "any", **{campaign.id: "any" for campaign in rulebook.campaigns.all}}
    for kind, table in rulebook.tables.items():
        known = rulebook.facts.vocabulary.known_segment(kind)
        for rule in table.rules:
            segments = rule.when.get(SEGMENT, ()) if known is None else (known,)
            named[rule.id] = segments[0] if len(segments) == 1 else "any"
    return lambda rule: named.get(rule, "retired")
