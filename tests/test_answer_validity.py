"""How long an answer holds: up to the last day on which dates of rules and content leave it as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import customers, showables

from models.contract.channels import HELSINKI
from models.decision.catalogue import Catalogue
from models.decision.decision_table import Table
from models.decision.query import EVERYTHING
from models.decision.recommender import OfferCache
from testing.shipped import read_signals
from training.scoring.request import ScoringRequest
from training.scoring.scorer import Scorer

AT = datetime(2026, 11, 20, 23, 59, tzinfo=HELSINKI)
DAY, LATEST = date(2026, 11, 20), date(2026, 12, 20)
JOB_LOST = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}
PARENT = {"active_benefits": ["child_benefit"]}
SPANS = st.tuples(
    st.just(date.min) | st.integers(-2, 33).map(lambda days: DAY + timedelta(days=days)),
    st.just(date.max) | st.integers(-2, 33).map(lambda days: DAY + timedelta(days=days)),
)


def dated(recommender, *, rules=None, items=None, more_rules=(), more_items=()):
    """The shipped recommender with days given to some rules and items, and with more of both; rules of persons come first."""
    rules, items, tables = rules or {}, items or {}, {}
    for kind, table in recommender.rulebook.tables.items():
        made = [
            replace(rule, valid_from=rules[rule.id][0], valid_until=rules[rule.id][1])
            if rule.id in rules
            else rule
            for rule in table.rules
        ]
        always = replace(
            table.rules[-1], id=f"always-{kind}", when={}
        )  # whatever ends, no customer is left without
        rows = (*(more_rules if kind == "person" else ()), *made, always)
        tables[kind] = Table(kind, rows, recommender.facts)
    catalogue = Catalogue(
        [
            replace(item, valid_from=items[item.id][0], valid_until=items[item.id][1])
            if item.id in items
            else item
            for item in (*recommender.catalogue.items.values(), *more_items)
        ],
        recommender.vocabulary,
    )
    rulebook = replace(recommender.rulebook, tables=tables)
    return replace(recommender, rulebook=rulebook, catalogue=catalogue, cache=OfferCache())


def answer(recommender, customer=("person", JOB_LOST), at=AT, **asked):
    [found] = recommender.recommend([read_signals(*customer)], at=at, **asked)
    return found


def told(found):
    """All of an answer that dates of rules and content decide."""
    items = [(item.channel, item.content_type, item.content, item.reason) for item in found.items]
    return items, [duty.content for duty in found.statutory], found.human_channel[:4]


def rule_of(recommender, name="job-loss-guidance"):
    return next(rule for rule in recommender.rulebook.tables["person"].rules if rule.id == name)


def test_an_answer_holds_at_most_as_long_as_a_segment_does(recommender):
    assert answer(recommender).valid_until == LATEST


def test_a_campaign_shortens_the_answers_that_it_gives(recommender):
    campaign = replace(rule_of(recommender), id="campaign", valid_until=date(2026, 11, 30))
    assert answer(dated(recommender, more_rules=[campaign])).valid_until == date(2026, 11, 30)


def test_a_rule_that_begins_shortens_the_answers_that_it_takes_over_and_no_others(recommender):
    job_loss = rule_of(recommender)
    coming = dated(recommender, more_rules=[replace(job_loss, id="coming", valid_from=date(2026, 12, 1))])
    assert answer(coming).valid_until == date(2026, 11, 30)
    moved = ("person", {"life_events": [{"event": "KE4", "months_ago": 1}]})
    assert answer(coming, moved).valid_until == LATEST


def test_an_item_that_ends_or_begins_shortens_the_answers_that_hold_it_then(recommender):
    first = answer(recommender).items[0]
    item = recommender.catalogue.items[first.content.id]
    ends = {item.id: (date.min, date(2026, 12, 5))}
    assert answer(dated(recommender, items=ends)).valid_until == date(2026, 12, 5)
    better = replace(item, id="goes-first", priority=item.priority + 1, valid_from=date(2026, 12, 3))
    assert answer(dated(recommender, more_items=[better])).valid_until == date(2026, 12, 2)
    later = replace(item, id="0-goes-last", valid_from=date(2026, 12, 3))
    assert answer(dated(recommender, more_items=[later])).valid_until == LATEST


def test_statutory_content_that_begins_or_ends_shortens_the_answer(recommender):
    [duty] = answer(recommender, ("person", PARENT)).statutory
    ends = {duty.content.id: (date.min, date(2026, 11, 25))}
    assert answer(dated(recommender, items=ends), ("person", PARENT)).valid_until == date(2026, 11, 25)
    begins = {duty.content.id: (date(2026, 11, 25), date.max)}
    assert answer(dated(recommender, items=begins), ("person", PARENT)).valid_until <= date(2026, 11, 24)


def test_one_service_gives_each_day_its_own_content_and_duties(recommender):
    """What is made on one day is kept for others of that day, and for no other day."""
    usual = answer(recommender, ("person", PARENT | JOB_LOST))
    [duty], item = usual.statutory, usual.items[0].content.id
    later = replace(
        recommender.catalogue.items[duty.content.id], id="duty-of-december", valid_from=date(2026, 11, 21)
    )
    ends = dict.fromkeys((duty.content.id, item), (date.min, DAY))
    made = dated(recommender, items=ends, more_items=[later])
    for _ in range(2):
        on_last, after = (answer(made, ("person", PARENT | JOB_LOST), AT + timedelta(days=n)) for n in (0, 1))
        assert [each.content.id for each in on_last.statutory] == [duty.content.id]
        assert [each.content.id for each in after.statutory] == ["duty-of-december"]
        assert on_last.items[0].content.id == item
        assert item not in [each.content.id for each in after.items]


@pytest.mark.parametrize(
    ("at", "ended"),
    [
        ("2026-11-20T21:59:59+00:00", False),
        ("2026-11-20T22:00:00+00:00", True),
        ("2026-11-20T17:00:00-05:00", True),
    ],
)
def test_a_day_ends_at_midnight_in_finland_whatever_the_zone_asked_in(recommender, at, ended):
    usual = answer(recommender, ("person", PARENT | JOB_LOST))
    names = [usual.statutory[0].content.id, usual.items[0].content.id]
    rule = rule_of(recommender, usual.items[0].reason.rule)
    campaign = replace(rule, id="campaign", valid_until=DAY)
    made = dated(recommender, items=dict.fromkeys(names, (date.min, DAY)), more_rules=[campaign])
    found = answer(made, ("person", PARENT | JOB_LOST), datetime.fromisoformat(at))
    offered = {each.content.id for each in (*found.items, *found.statutory)}
    assert offered.isdisjoint(names) is ended
    assert ("campaign" not in {each.reason.rule for each in found.items}) is ended
    assert (found.valid_until > DAY) is ended


@st.composite
def days_of_what_matters(draw, recommender, customer):
    """Days for rules and items, most of them such as the customer's answer is made of."""
    signals = read_signals(*customer)
    explained = recommender.explain(signals, at=AT, limit=5)
    near = [
        name
        for trace in explained.lookups
        for name in (*(p.rule for p in trace.passed_over[-4:]), trace.rule)
    ]
    found = explained.recommendation
    offered = [one.content.id for one in (*found.items, *found.statutory)]
    kinds = {recommender.catalogue.items[name].type for name in offered}
    alike = [item.id for item in recommender.catalogue.items.values() if item.type in kinds]
    rules = draw(st.dictionaries(st.sampled_from(near), SPANS, max_size=3))
    items = draw(st.dictionaries(st.sampled_from([*offered * 8, *alike]), SPANS, max_size=6))
    return rules, items


@given(customers(), st.integers(1, 5), st.just(EVERYTHING) | showables(), st.data())
def test_the_same_customer_gets_the_same_on_every_day_on_which_an_answer_holds(
    recommender, customer, limit, showable, data
):
    rules, items = data.draw(days_of_what_matters(recommender, customer))
    made = dated(recommender, rules=rules, items=items)
    names = sorted(recommender.catalogue.items)
    shown = data.draw(st.just(()) | st.sets(st.sampled_from(names), max_size=3))
    first = answer(made, customer, limit=limit, shown=shown, showable=showable)
    assert DAY <= first.valid_until <= LATEST
    for days in range((first.valid_until - DAY).days + 1):
        later = answer(made, customer, AT + timedelta(days=days), limit=limit, shown=shown, showable=showable)
        assert told(later) == told(first)


@settings(max_examples=30, deadline=None)
@given(customers(), st.data())
def test_an_answer_of_a_batch_holds_as_long_as_the_same_answer_of_the_service(recommender, customer, data):
    rules, items = data.draw(days_of_what_matters(recommender, customer))
    made = dated(recommender, rules=rules, items=items)
    at = datetime(2026, 11, 20, tzinfo=HELSINKI)
    kind, given_signals = customer
    batch = pa.RecordBatch.from_pylist([{"customer_type": kind, **given_signals}, {"customer_type": kind}])
    scored = Scorer(made, ScoringRequest(at, limit=3)).score(batch).to_pylist()
    expected = [answer(made, one, at).valid_until.isoformat() for one in (customer, (kind, {}))]
    assert [row["valid_until"] for row in scored] == expected


@pytest.mark.parametrize("hour", [0, 8, 20])
def test_opening_hours_are_no_part_of_how_long_an_answer_holds(recommender, hour):
    assert answer(recommender, at=AT.replace(hour=hour)).valid_until == LATEST
