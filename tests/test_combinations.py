"""What outcomes can be counted by: every combination that answers name, and how many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.decision.combinations import Combination, count_combinations, possible_combinations
from models.decision.decision_table import Table
from models.decision.experiments import Experiment, Variant
from models.decision.recommender import OfferCache
from testing.shipped import FACT_SET, LANGUAGES, read_signals


@pytest.fixture(scope="module")
def trying(recommender):
    """The shipped recommender where every rule tries its kinds of content the other way round."""
    tables = {}
    for kind, table in recommender.rulebook.tables.items():
        rules = (
            replace(
                rule, experiment=Experiment(f"of-{rule.id}", 50, (Variant("turned", 50, rule.content[::-1]),))
            )
            for rule in table.rules
        )
        tables[kind] = Table(kind, tuple(rules), FACT_SET)
    return replace(recommender, rulebook=replace(recommender.rulebook, tables=tables), cache=OfferCache())


@pytest.fixture(scope="module")
def possible(trying):
    return possible_combinations(trying.rulebook, trying.catalogue, trying.channels)


@given(
    customers(), st.sampled_from(LANGUAGES), st.none() | st.integers(0, 9999), st.integers(1, 10), st.data()
)
def test_every_item_of_every_answer_is_of_a_combination_that_is_possible(
    trying, possible, customer, language, bucket, limit, data
):
    signals = read_signals(*customer)
    draw = None if bucket is None else lambda _: bucket
    asked = {"at": NOW, "language": language, "limit": limit, "draw": draw}
    [first] = trying.recommend([signals], **asked)
    shown = data.draw(st.sets(st.sampled_from([item.content.id for item in first.items] or ["none"])))
    for answer in (first, *trying.recommend([signals], **asked, shown=shown)):
        tried = answer.experiment
        for item in answer.items:
            variant = tried.arm if tried and item.reason.rule == tried.rule else ""
            assert Combination(item.reason.rule, item.content.id, item.channel, variant) in possible
        for duty in answer.statutory:
            assert Combination("statutory", duty.content.id, "none", "") in possible


def test_each_combination_counts_once_in_each_language():
    counted = count_combinations(
        {
            Combination("a", "x", "paper", ""),
            Combination("a", "y", "paper", "t/b"),
            Combination("b", "x", "chat", ""),
        },
        ("fi", "sv", "en"),
    )
    assert counted.total == 9
    assert (counted.of("rule", "a"), counted.of("content", "x"), counted.of("channel", "chat")) == (6, 6, 3)
    assert (counted.of("variant", "t/b"), counted.of("language", "sv")) == (3, 3)
    assert counted.of("rule", "taken-out") is None
