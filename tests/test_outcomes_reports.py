"""Reports: what is summed, how sure it is whatever waits, and that neither a report nor a difference is about under five."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from conftest import NOW, migrated
from hypothesis import given
from hypothesis import strategies as st

from models.contract.intervals import part_range, two_way_range, wilson
from models.decision.combinations import Combination, count_combinations, possible_combinations
from models.decision.query import EVERYTHING
from service.outcomes.events import DIMENSIONS, EVENTS, WIDEST_BY_WAITING, Event, Report, report_csv
from service.outcomes.recorder import Outcomes
from service.outcomes.reports import Waiting, monday, read_report, report_row
from service.outcomes.store import Store
from service.security.references import References
from testing.shipped import VOCABULARY

TODAY, SMALLEST = NOW.date(), 5
RULES = {"job-loss": ("changing",), "quiet": ("steady",), "both": ("steady", "changing"), "event": ()}
CONTENTS, CHANNELS, LANGUAGES = ("guide", "video", "card"), ("web_page", "callback"), ("fi", "sv")
SEGMENTS = {"job-loss": "changing", "quiet": "steady", "both": "any", "event": "any"}


def combinations_of(contents=CONTENTS, channels=CHANNELS):
    return count_combinations(
        {Combination(rule, one, channel, "") for rule in RULES for one in contents for channel in channels},
        ("fi", "sv", "en"),
    )


@pytest.fixture(scope="module")
def rulebook():
    rules = [
        SimpleNamespace(id=name, when={"segment": values} if values else {}) for name, values in RULES.items()
    ]
    tables = {"person": rules, "employer": [SimpleNamespace(id="firm", when={})]}
    return SimpleNamespace(
        tables={kind: SimpleNamespace(rules=found) for kind, found in tables.items()},
        facts=SimpleNamespace(vocabulary=VOCABULARY),
        campaigns=SimpleNamespace(all=[SimpleNamespace(id="autumn")]),
    )


class Answers:
    """Stands in for a recommendation: one item by one rule, or, for an objector, the neutral one."""

    def __init__(self, rule, content, channel, language):
        content = SimpleNamespace(id=content)
        item = SimpleNamespace(content=content, reason=SimpleNamespace(rule=rule), channel=channel)
        self.items, self.statutory, self.language, self.degraded = (item,), (), language, False
        self.versions, self.experiment = SimpleNamespace(bundle="b", code="c"), None
        self.as_of, self.limit, self.shown, self.drawn, self.showable = NOW, 3, (), None, EVERYTHING


class Life:
    """A service that lives for weeks: random events, and a report after each moment that may be asked for again."""

    def __init__(self, folder, rulebook, seed, *, contents=CONTENTS, channels=CHANNELS):
        self.kinds = (tuple(RULES), contents, channels, LANGUAGES)
        self.combinations = combinations_of(contents, channels)
        self.happened = Counter()
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
            parts = [rng.choice(values[: rng.choice((1, len(values)))]) for values in self.kinds]
            totals_only = rng.random() < 0.1
            token = self.references.issue(Answers(*parts), at=self.now, totals_only=totals_only)
            kind = rng.choices(EVENTS, (9, 4, 2, 1, 2, 1))[0]
            grade = rng.randrange(11) if "helpful" in kind else None
            self._remember(parts, kind, grade, totals_only=totals_only)
            sent.append(Event(uuid.uuid4(), token, parts[1], kind, self.now, grade))
        self.outcomes.record(sent, client="c", now=self.now)

    def _remember(self, parts, kind, grade, *, totals_only):
        """What truly happened, by each group of each dimension and counter."""
        groups = dict(zip(("rule", "content", "channel", "language"), parts, strict=True))
        groups |= {"segment": SEGMENTS[groups["rule"]], "week": str(monday(self.now.date()))}
        counters = {kind} if totals_only else {"shown", kind}
        for by, value in groups.items():
            key = (by, None if totals_only else value)
            self.happened.update((*key, counter) for counter in counters)
            if grade is not None and not totals_only:
                self.happened[(*key, "grades")] += 1
                self.happened[(*key, "grade_sum")] += grade

    def report(self, by, first=None, last=None):
        given = {"rulebook": self.rulebook, "combinations": self.combinations, "now": self.now}
        return self.outcomes.report(by, **given, first=first, last=last)


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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("contents", "channels"), [(1, 1), (2, 1), (3, 2)])
def test_the_truth_lies_within_every_count_and_every_interval_that_is_told(
    tmp_path, rulebook, seed, contents, channels
):
    life = Life(tmp_path, rulebook, seed, contents=CONTENTS[:contents], channels=CHANNELS[:channels])
    for _ in range(15):
        life.happens(life.rng.choice((20, 100, 200)))
    told = 0
    for by in DIMENSIONS:
        for row in life.report(by).rows:
            truth = {name: life.happened[by, row.value, name] for name in (*EVENTS, "grades", "grade_sum")}
            for name in ("opened", "completed", "dismissed", "helpful"):
                told += holds(getattr(row, name), truth, name, row.waiting_at_most)
            for name, count in (("shown", row.shown), ("grades", row.grades)):
                assert count <= truth[name] <= count + row.waiting_at_most
            if row.mean_grade is not None:
                assert abs(row.mean_grade - truth["grade_sum"] / truth["grades"]) <= 1
    assert told > 5 or contents * channels > 2
    life.outcomes.close()


def holds(rate, truth, name, waiting):
    """Whether a share is told; the counts, and the interval where it is, hold what truly happened."""
    of = truth["helpful"] + truth["not_helpful"] if name == "helpful" else truth["shown"]
    assert rate.count <= truth[name] <= rate.count + waiting
    assert rate.of <= of or rate.of == 0
    if rate.share is None:
        assert (rate.low, rate.high) == (None, None)
        return False
    assert rate.low <= truth[name] / of <= rate.high
    assert rate.low <= rate.share <= rate.high
    return True


def test_no_share_is_told_over_counts_that_wait(tmp_path, recommender, rulebook):
    """Fifty-four answers were shown and twenty opened, six in each of nine combinations: 45 and 0 are counted."""
    life = Life(tmp_path, recommender.rulebook, 5)
    life.combinations = recommender.combinations()
    made = possible_combinations(recommender.rulebook, recommender.catalogue, recommender.channels)
    nine = sorted(one for one in made if one.rule == "job-loss-guidance")[:9]
    for number in range(54):
        rule, content, channel, _ = nine[number % 9]
        token = life.references.issue(Answers(rule, content, channel, "fi"), at=NOW)
        kind = "opened" if number < 20 else "shown"
        life.outcomes.record([Event(uuid.uuid4(), token, content, kind, NOW, None)], client="c", now=NOW)
    (row,) = life.report("rule").rows
    assert (row.value, row.shown, row.waiting_at_most) == ("job-loss-guidance", 45, 4 * 384)
    assert (row.opened.count, row.opened.of, row.opened.share) == (0, 45, None)
    assert (row.opened.low, row.opened.high) == (None, None)
    life.outcomes.close()


def test_how_much_may_wait_does_not_depend_on_what_waits(tmp_path, rulebook):
    """A bound that followed the groups in which something waits would tell when somebody came into one."""
    life, seen = Life(tmp_path, rulebook, 17), {}
    life.happens(400)
    for _ in range(40):
        life.happens(1)
        for by in ("rule", "content", "channel", "segment", "language"):
            for row in life.report(by).rows:
                assert seen.setdefault((by, row.value), row.waiting_at_most) == row.waiting_at_most
    life.outcomes.close()


def test_of_a_rule_that_was_taken_out_no_share_is_told():
    counts = Counter(shown=100_000, opened=50_000, helpful=900, not_helpful=100, grades=900, grade_sum=5000)
    row = report_row("long-gone", counts, Waiting(4, combinations_of()).at_most("rule", "long-gone", str))
    assert (row.shown, row.waiting_at_most) == (100_000, None)
    assert (row.opened.share, row.helpful.share, row.mean_grade) == (None, None, None)


@given(count=st.integers(0, 500), more=st.integers(0, 500), waits=st.integers(0, 40), part=st.integers(0, 40))
def test_a_share_is_told_only_where_what_waits_moves_it_little(count, more, waits, part):
    counts = Counter(shown=count + more, opened=count, helpful=count, not_helpful=more)
    row = report_row("job-loss", counts, waits)
    late = min(part, waits)
    for rate, possible in (
        (row.opened, [(count, count + more + late), (count + late, count + more + late)]),
        (row.helpful, [(count, count + more + late), (count + late, count + more + late)]),
    ):
        if rate.share is None:
            assert count + more < 2 * waits / WIDEST_BY_WAITING or count + more == 0
            continue
        assert 0 <= rate.low <= rate.share <= rate.high <= 1
        for successes, trials in possible:
            alone = wilson(successes, trials)
            assert rate.low <= alone.low + 1e-12
            assert alone.high <= rate.high + 1e-12


def test_where_nothing_waits_the_interval_is_wilsons():
    rate = report_row("a", Counter(shown=100, opened=10), 0).opened
    # Wilson 1927; the figures are those of statsmodels' proportion_confint
    assert (rate.low, rate.high) == (pytest.approx(0.0552291), pytest.approx(0.1743657))


def test_the_shares_that_counts_allow_reach_from_nothing_opened_to_all_that_waits_opened():
    assert part_range(10, 100, waiting=20) == ((10, 120), (30, 100))
    assert part_range(90, 100, waiting=20) == ((90, 120), (110, 110))
    assert two_way_range(10, 90, waiting=20) == ((10, 120), (30, 120))
    with pytest.raises(ValueError, match="a share needs trials"):
        part_range(0, 0, waiting=3)


def test_a_segment_is_that_of_the_rules_conditions(tmp_path, rulebook):
    life = Life(tmp_path, rulebook, 13)
    for rule in (*RULES, "firm", "autumn", "long-gone"):
        tokens = [life.references.issue(Answers(rule, "guide", "web_page", "fi"), at=NOW) for _ in range(5)]
        sent = [Event(uuid.uuid4(), token, "guide", "shown", NOW, None) for token in tokens]
        life.outcomes.record(sent, client="c", now=NOW)
    shown = {row.value: row.shown for row in life.report("segment").rows}
    assert shown == {"changing": 5, "steady": 5, "any": 15, "employer": 5, "retired": 5}
    life.outcomes.close()


def test_a_report_covers_whole_weeks_and_twelve_where_none_are_named(tmp_path, rulebook):
    store = Store(migrated(f"sqlite:///{tmp_path}/a.db"))

    def read(first=None, last=None):
        given = {"rulebook": rulebook, "waiting": Waiting(4, combinations_of()), "today": date(2026, 6, 3)}
        report = read_report(store, "week", **given, first=first, last=last)
        return report.first, report.last

    assert read() == (date(2026, 3, 16), date(2026, 6, 1))
    assert read(date(2026, 5, 6), date(2026, 5, 17)) == (date(2026, 5, 4), date(2026, 5, 11))
    store.close()


def test_no_cell_of_a_csv_is_a_formula():
    values = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", None)
    rows = tuple(report_row(value, Counter(shown=10, opened=5), 0) for value in values)
    lines = report_csv(Report("rule", TODAY, TODAY, rows))
    for value in values[:6]:
        assert f"'{value}" in lines
    assert "\nplain,10,5,10,0.5000," in lines.replace("\r\n", "\n")
