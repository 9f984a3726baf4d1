"""Reports: what is summed, how sure it is, and that no report nor the difference of two is about fewer than five."""

from __future__ import annotations

import random
import uuid
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from conftest import NOW, migrated
from hypothesis import given
from hypothesis import strategies as st

from service.outcome_reports import monday, read_report, wilson
from service.outcome_shapes import DIMENSIONS, EVENTS, Event, Report, report_csv
from service.outcome_store import Store
from service.outcomes import Outcomes
from service.references import References

TODAY, SMALLEST = NOW.date(), 5
RULES = {"job-loss": ("changing",), "quiet": ("steady",), "both": ("steady", "changing"), "event": ()}
CONTENTS, CHANNELS, LANGUAGES = ("guide", "video", "card"), ("web_page", "callback"), ("fi", "sv")


@pytest.fixture(scope="module")
def rulebook():
    rules = [
        SimpleNamespace(id=name, when={"segment": values} if values else {}) for name, values in RULES.items()
    ]
    tables = {"person": rules, "employer": [SimpleNamespace(id="firm", when={})]}
    return SimpleNamespace(tables={kind: SimpleNamespace(rules=found) for kind, found in tables.items()})


class Answers:
    """Stands in for a recommendation: one item by one rule, or, for an objector, the neutral one."""

    def __init__(self, rule, content, channel, language):
        content = SimpleNamespace(id=content)
        item = SimpleNamespace(content=content, reason=SimpleNamespace(rule=rule), channel=channel)
        self.items, self.statutory, self.language, self.degraded = (item,), (), language, False
        self.versions, self.experiment = SimpleNamespace(bundle="b"), None


class Life:
    """A service that lives for weeks: random events, and a report after each moment that may be asked for again."""

    def __init__(self, folder, rulebook, seed):
        self.rng, self.rulebook, self.references = random.Random(seed), rulebook, References("s" * 40)
        self.outcomes = Outcomes(
            Store(migrated(f"sqlite:///{folder}/{seed}.db")), self.references, smallest=SMALLEST
        )
        self.now = NOW

    def happens(self, number):
        """Some events, each of an answer of its own, most in a few cells and some in rare ones."""
        sent = []
        for _ in range(number):
            rng = self.rng
            parts = [
                rng.choice(values[: rng.choice((1, len(values)))])
                for values in (tuple(RULES), CONTENTS, CHANNELS, LANGUAGES)
            ]
            token = self.references.issue(Answers(*parts), at=self.now, totals_only=rng.random() < 0.1)
            kind = rng.choices(EVENTS, (9, 4, 2, 1, 2, 1))[0]
            grade = rng.randrange(11) if "helpful" in kind else None
            sent.append(Event(uuid.uuid4(), token, parts[1], kind, self.now, grade))
        self.outcomes.record(sent, client="c", now=self.now)

    def report(self, by, first=None, last=None):
        return self.outcomes.report(by, rulebook=self.rulebook, now=self.now, first=first, last=last)


@pytest.fixture(scope="module")
def reports(tmp_path_factory, rulebook):
    """Reports by each dimension, over each range of weeks, at each of thirty moments of a busy two months."""
    life, found = Life(tmp_path_factory.mktemp("life"), rulebook, 7), []
    for moment in range(30):
        life.now += timedelta(days=life.rng.choice((0, 1, 3)))
        life.happens(life.rng.choice((1, 2, 4, 7, 30)))
        weeks = [monday(TODAY) + timedelta(weeks=at) for at in range(9)]
        spans = [(first, last) for first in weeks for last in weeks if first <= last]
        chosen = [*life.rng.sample(spans, 6), (weeks[0], weeks[-1])]
        found += [(moment, life.report(by, *span)) for by in DIMENSIONS for span in chosen]
    life.outcomes.close()
    return found


def numbers(report):
    """Every count of a report by the group and counter it is of."""
    return {
        (row.value, name): count
        for row in report.rows
        for name, count in (
            ("shown", row.shown),
            ("opened", row.opened.count),
            ("completed", row.completed.count),
            ("dismissed", row.dismissed.count),
            ("helpful", row.helpful.count),
            ("not_helpful", row.helpful.of - row.helpful.count),
            ("grades", row.grades),
        )
    }


def test_no_number_of_any_report_is_one_to_four(reports):
    shown = [count for _, report in reports for count in numbers(report).values()]
    assert len(shown) > 5000
    assert not [count for count in shown if 0 < count < SMALLEST]


def test_no_difference_of_two_overlapping_reports_is_about_fewer_than_five(reports):
    rng, compared = random.Random(3), 0
    while compared < 1000:
        by = rng.choice(DIMENSIONS)
        (later, one), (earlier, other) = rng.sample([found for found in reports if found[1].by == by], 2)
        if not (earlier <= later and one.first <= other.first and other.last <= one.last):
            continue  # neither holds the other, in weeks and in time: their difference is of no group
        larger, smaller = numbers(one), numbers(other)
        for key in larger.keys() & smaller.keys() if by == "week" else larger.keys() | smaller.keys():
            assert not 0 < abs(larger.get(key, 0) - smaller.get(key, 0)) < SMALLEST, (one, other, key)
        compared += 1


def test_no_difference_of_a_segment_and_its_rules_or_of_two_dimensions_is_about_fewer_than_five(reports):
    pairs = {}
    for moment, report in reports:
        pairs.setdefault((moment, report.first, report.last), {}).setdefault(report.by, []).append(
            numbers(report)
        )
    for by_dimension in pairs.values():
        for rule, segment, week in zip(
            *(by_dimension[by] for by in ("rule", "segment", "week")), strict=True
        ):
            for name in ("shown", "opened", "helpful", "grades"):
                assert rule.get(("job-loss", name), 0) == segment.get(("changing", name), 0)
                sums = [
                    sum(count for (_, counter), count in found.items() if counter == name)
                    for found in (rule, week)
                ]
                assert sums[0] == sums[1]


def test_over_time_nothing_is_lost(tmp_path, rulebook):
    life = Life(tmp_path, rulebook, 11)
    life.happens(600)
    counted = sum(
        row.shown + (row.opened.count if row.value is None else 0) for row in life.report("rule").rows
    )
    cells = len(RULES) * len(CONTENTS) * len(CHANNELS) * len(LANGUAGES) + 1
    assert 600 - 60 - (SMALLEST - 1) * cells <= counted <= 600
    life.outcomes.close()


@given(count=st.integers(0, 500), more=st.integers(0, 500))
def test_an_interval_holds_its_share_and_stays_within_nothing_and_all(count, more):
    rate = wilson(count, count + more)
    if count + more == 0:
        assert (rate.share, rate.low, rate.high) == (None, None, None)
    else:
        assert 0 <= rate.low <= rate.share + 1e-12
        assert rate.share - 1e-12 <= rate.high <= 1


def test_the_interval_is_wilsons():
    rate = wilson(10, 100)  # Wilson 1927; the figures are those of statsmodels' proportion_confint
    assert (rate.low, rate.high) == (pytest.approx(0.0552291), pytest.approx(0.1743657))


def test_a_segment_is_that_of_the_rules_conditions(tmp_path, rulebook):
    life = Life(tmp_path, rulebook, 13)
    for rule in (*RULES, "firm", "long-gone"):
        tokens = [life.references.issue(Answers(rule, "guide", "web_page", "fi"), at=NOW) for _ in range(5)]
        sent = [Event(uuid.uuid4(), token, "guide", "shown", NOW, None) for token in tokens]
        life.outcomes.record(sent, client="c", now=NOW)
    shown = {row.value: row.shown for row in life.report("segment").rows}
    assert shown == {"changing": 5, "steady": 5, "any": 10, "employer": 5, "retired": 5}
    life.outcomes.close()


def test_a_report_covers_whole_weeks_and_twelve_where_none_are_named(tmp_path, rulebook):
    store = Store(migrated(f"sqlite:///{tmp_path}/a.db"))

    def read(first=None, last=None):
        report = read_report(store, "week", rulebook=rulebook, today=date(2026, 6, 3), first=first, last=last)
        return report.first, report.last

    assert read() == (date(2026, 3, 16), date(2026, 6, 1))
    assert read(date(2026, 5, 6), date(2026, 5, 17)) == (date(2026, 5, 4), date(2026, 5, 11))
    store.close()


def test_no_cell_of_a_csv_is_a_formula():
    rate = wilson(5, 10)
    from service.outcome_shapes import ReportRow

    values = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", None)
    rows = tuple(ReportRow(value, 10, rate, rate, rate, rate, 0, None) for value in values)
    lines = report_csv(Report("rule", TODAY, TODAY, rows))
    for value in values[:6]:
        assert f"'{value}" in lines
    assert "\nplain,10,5,10,0.5000," in lines.replace("\r\n", "\n")
