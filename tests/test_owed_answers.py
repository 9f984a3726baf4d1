"""What 60 customers are owed is written so that it can be measured, about everyone, and no answer that is right is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract.signals import InvalidSignalsError
from testing import owed
from testing.shipped import CATALOGUE, CHANNELS, CONTENT_TYPES, FACT_SET, LANGUAGES, VOCABULARY, read_signals

CUSTOMERS = owed.all_owed()
CODES = {
    "channel": CHANNELS,
    "person": CHANNELS,
    "kind": CONTENT_TYPES,
    "topic": VOCABULARY.topics,
    "item": CATALOGUE.items,
}
MET = 31
"""How many get what they are owed. It may only rise."""


def test_there_are_sixty_sixteen_of_them_from_the_review():
    assert len({each["id"] for each in CUSTOMERS}) == len(CUSTOMERS) == 60
    assert sum(each.get("from") == "review" for each in CUSTOMERS) == 16


@pytest.mark.parametrize("customer", CUSTOMERS, ids=[each["id"] for each in CUSTOMERS])
def test_a_customer_can_be_asked_about_and_what_is_owed_can_be_given(customer):
    try:
        read_signals(customer["customer_type"], customer["signals"])
    except InvalidSignalsError as error:
        pytest.fail(str(error.faults))
    assert customer["language"] in LANGUAGES
    assert customer["story"].endswith(".")
    assert customer["why"].endswith(".")
    wanted = [customer.get("must", {}), customer.get("must_not", {})]
    for codes in ({"channel": customer["channel"], "topic": customer["topic"]}, *wanted):
        for key, values in codes.items():
            assert values
            assert set(values) <= set(CODES[key])
    assert not set(customer["channel"]) & set(wanted[1].get("channel", ()))


def test_every_event_need_language_and_group_is_among_them():
    signals = [each["signals"] for each in CUSTOMERS]
    events = {event["event"] for each in signals for event in each.get("life_events", ())}
    assert {VOCABULARY.parents[event] for event in events} == set(VOCABULARY.life_events)
    assert {child for child in VOCABULARY.parents if "." in child} <= events
    assert {each["language"] for each in CUSTOMERS} == set(LANGUAGES)
    for need in ("interpreter_needed", "easy_language", "acts_through_mandate", "minor"):
        assert any(each.get(need) for each in signals)
    assert {each["customer_type"] for each in CUSTOMERS if each["signals"].get("personalisation")} == {
        "person",
        "employer",
    }
    read = [read_signals(each["customer_type"], each["signals"]) for each in CUSTOMERS]
    for group in VOCABULARY.groups:
        assert any(
            FACT_SET.is_in(group, facts)
            for one in read
            if one.customer_type == VOCABULARY.groups[group].customer_type
            for facts in FACT_SET.lookups(one, None)
        ), group


def test_no_answer_that_is_right_is_lost(recommender):
    lines = list(owed.told(recommender, CUSTOMERS))
    assert int(lines[-1].partition(" ")[0]) >= MET, "\n".join(lines)


@given(st.sampled_from(CUSTOMERS))
def test_an_answer_that_lacks_what_is_owed_is_noticed(recommender, customer):
    answer = owed.answered(recommender, customer)
    shown = [item.content.id for item in answer.items]
    assert f"item {shown[0]}" in list(owed.differences(customer | {"must_not": {"item": shown}}, answer))
    assert "no item elsewhere" in list(owed.differences(customer | {"must": {"item": ["elsewhere"]}}, answer))
    assert f"channel {answer.items[0].channel}" in list(owed.differences(customer | {"channel": []}, answer))
