from datetime import datetime

import pytest
from hypothesis import given
from strategies import customers

from models.authoring.personas import all_personas
from models.contract.channels import HELSINKI
from testing.shipped import read_signals

AT = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
JOB_LOST = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}


def answer(recommender, kind, signals, **asked):
    [found] = recommender.recommend([read_signals(kind, signals)], **({"at": AT} | asked))
    return found


@pytest.mark.parametrize("persona", all_personas(), ids=lambda persona: persona["id"])
def test_each_persona_gets_what_the_content_team_expects(recommender, persona):
    found = answer(recommender, persona["customer_type"], persona["signals"], language=persona["language"])
    expected = persona["expect"]
    kinds = [item.content_type for item in found.items]
    if "segment" in expected:
        assert (found.segment.id if found.segment else None) == expected["segment"]
    assert found.personalised == expected.get("personalised", found.personalised)
    assert found.items[0].channel == expected.get("channel", found.items[0].channel)
    assert set(expected["content_types"]) <= set(kinds)
    assert bool(found.statutory) or not expected.get("statutory")


@pytest.mark.parametrize("persona", all_personas(), ids=lambda persona: persona["id"])
def test_no_persona_is_given_a_page_in_the_other_national_language(recommender, persona):
    language = persona["language"]
    found = answer(recommender, persona["customer_type"], persona["signals"], language=language)
    if language in {"fi", "sv"}:
        assert {item.content.language for item in (*found.items, *found.statutory)} == {language}


def test_there_are_at_least_24_personas_for_every_segment():
    personas = all_personas()
    assert len(personas) >= 24
    assert {None, "steady", "changing", "supported", "employer"} <= {
        p["expect"].get("segment") for p in personas
    }
    assert all(p["story"].endswith(".") for p in personas)


@given(customers())
def test_one_by_one_and_together_are_the_same(recommender, customer):
    kind, signals = customer
    one = read_signals(kind, signals)
    other = read_signals("person", JOB_LOST)
    together = recommender.recommend([other, one, other], at=AT, limit=5)
    assert together[1] == recommender.recommend([one], at=AT, limit=5)[0]
    assert together[0] == together[2]


@given(customers())
def test_an_explanation_explains_the_very_answer(recommender, customer):
    signals = read_signals(*customer)
    explained = recommender.explain(signals, at=AT)
    assert explained.recommendation == recommender.recommend([signals], at=AT)[0]
    assert {item.reason.rule for item in explained.recommendation.items} <= {
        trace.rule for trace in explained.lookups
    }


@given(customers())
def test_items_are_ranked_distinct_and_of_the_customers_kind(recommender, customer):
    found = answer(recommender, *customer, limit=10)
    assert [item.rank for item in found.items] == list(range(1, len(found.items) + 1))
    assert len({item.content.id for item in found.items}) == len(found.items)
    for item in (*found.items, *found.statutory):
        assert recommender.catalogue.items[item.content.id].audience in {customer[0], "both"}
    for item in found.items:
        assert not recommender.catalogue.items[item.content.id].statutory


def test_further_events_then_the_open_matter_are_appended_with_their_own_rules(recommender):
    signals = JOB_LOST | {
        "life_events": [{"event": "KE8", "months_ago": 0}, {"event": "KE4", "months_ago": 2}],
        "open_matter": "student_aid",
    }
    rules = [item.reason.rule for item in answer(recommender, "person", signals, limit=10).items]
    assert list(dict.fromkeys(rules)) == ["job-loss-guidance", "moving-guidance", "change-guidance"]


def test_nothing_is_padded(recommender):
    assert len(answer(recommender, "person", {}, limit=10).items) == 3


def test_what_was_shown_is_not_shown_again(recommender):
    first = answer(recommender, "person", JOB_LOST)
    for shown in (item.content.id for item in first.items):
        again = answer(recommender, "person", JOB_LOST, shown={shown})
        assert shown not in {item.content.id for item in again.items}


def test_a_preferred_channel_wins_and_carries_only_what_fits_it(recommender):
    found = answer(recommender, "person", JOB_LOST | {"preferred_channel": "paper", "omakela_logins_90d": 8})
    assert {item.channel for item in found.items} == {"paper"}
    assert found.items[0].content_type == "contact_card"
    assert all(item.content_type in recommender.channels["paper"].carries for item in found.items)


@pytest.mark.parametrize(
    "channel", ["paper", "social_channel", "chat", "callback", "service_point", "remote_service"]
)
def test_a_preferred_channel_leads_with_its_own_card_and_says_whose_wish_it_was(recommender, channel):
    first = answer(recommender, "person", JOB_LOST | {"preferred_channel": channel}).items[0]
    assert channel in recommender.catalogue.items[first.content.id].channels
    assert first.reason.text == recommender.texts["preferred_channel"]["fi"]


@pytest.mark.parametrize(
    "needs", [{}, {"interpreter_needed": True}, {"personalisation": "objected"}], ids=str
)
@pytest.mark.parametrize("wish", [{}, {"preferred_channel": "callback"}], ids=str)
def test_no_limit_drops_easy_language(recommender, needs, wish):
    found = answer(recommender, "person", {"easy_language": True} | needs | wish, limit=1)
    assert [item.content_type for item in found.items] == ["easy_read"]


def test_a_customer_in_grief_is_not_nudged(recommender):
    steady = {
        "months_on_income_support": 0,
        "benefits_started_6m": 0,
        "benefits_ended_6m": 0,
        "applications_12m": 1,
        "applications_online_12m": 1,
        "omakela_logins_90d": 3,
        "phone_contacts_90d": 0,
        "repeat_contacts_30d": 0,
        "life_events": [{"event": "KE14", "months_ago": 14}],
        "strong_identification": True,
    }
    found = answer(recommender, "person", steady)
    assert found.items[0].content_type != "nudge"


def test_a_preferred_channel_does_not_win_over_a_guarantee(recommender):
    signals = JOB_LOST | {"preferred_channel": "omakela_message", "strong_identification": False}
    assert answer(recommender, "person", signals).items[0].channel != "omakela_message"


def test_an_objectors_preference_is_not_used(recommender):
    signals = {"personalisation": "objected", "preferred_channel": "paper"}
    assert answer(recommender, "person", signals).items[0].channel == "web_page"


def test_an_employers_segment_is_known_and_has_no_probability(recommender):
    segment = answer(recommender, "employer", {"employees": 7}).segment
    assert (segment.id, segment.known, segment.probability) == ("employer", True, None)


def test_an_employer_who_told_nothing_or_objected_has_an_answer_that_is_not_personalised(recommender):
    told = [answer(recommender, "employer", signals).personalised for signals in ({}, {"employees": 3})]
    objected = answer(recommender, "employer", {"employees": 3, "personalisation": "objected"})
    allowed = answer(recommender, "employer", {"personalisation": "allowed"})
    assert (told, objected.personalised, allowed.personalised) == ([False, True], False, False)


def test_reasons_for_a_segment_name_only_what_was_told(recommender):
    segment = answer(recommender, "person", JOB_LOST).segment
    assert segment.reasons
    assert {name for reason in segment.reasons for name in reason.signals} <= set(JOB_LOST)
    assert all(reason.log_odds > 0 for reason in segment.reasons)


def test_a_channel_says_when_it_opens(recommender):
    saturday = datetime(2026, 11, 21, 12, tzinfo=HELSINKI)
    human = answer(recommender, "person", {}, at=saturday).human_channel
    assert (human.open_now, human.opens_at) == (False, datetime(2026, 11, 23, 9, tzinfo=HELSINKI))


def test_the_human_channel_has_a_page_that_tells_how_to_reach_it(recommender):
    for kind in ("person", "employer"):
        for language in ("fi", "sv", "en"):
            human = answer(recommender, kind, {}, language=language).human_channel
            page = recommender.catalogue.items[human.url.removeprefix("/content/")]
            assert page.fits(human.id)
            assert page.channels
            assert language in page.languages


def test_expired_content_is_not_offered_and_was_before(recommender):
    before = {"open_matter": "general_social_security_benefit"}
    for at in (datetime(2026, 4, 1, tzinfo=HELSINKI), AT):
        for item in answer(recommender, "person", before, at=at, limit=10).items:
            assert recommender.catalogue.items[item.content.id].holds_on(at.date())


def test_a_degraded_answer_is_the_neutral_one_and_says_so(recommender):
    signals = read_signals("person", JOB_LOST | {"easy_language": True, "active_benefits": ["child_benefit"]})
    found = recommender.degraded(signals, at=AT)
    assert (found.degraded, found.personalised, found.segment) == (True, False, None)
    assert found.items[0].reason.rule == "neutral-easy-language"
    assert found.statutory


def test_the_mapping_shows_every_segment_with_every_value_of_every_other_fact(recommender):
    rows = recommender.mapping()
    assert {row.segment for row in rows} == {"steady", "changing", "supported", "unknown", "employer"}
    assert {row.value for row in rows if row.segment == "changing" and row.fact == "life_event"} >= {
        "KE1",
        "KE14",
        "none",
    }
    [cell] = [row for row in rows if (row.segment, row.fact, row.value) == ("changing", "life_event", "KE8")]
    assert (cell.rule, cell.channel) == ("job-loss-guidance", "web_page")


def test_the_mapping_shows_no_customer_that_cannot_be(recommender):
    rows = recommender.mapping()
    assert not [
        row for row in rows if row.segment == "unknown" and row.fact == "digital" and row.value != "unknown"
    ]
    assert not [row for row in rows if row.segment == "supported" and row.value in {"objected", "minor"}]


def test_the_mapping_can_fix_other_facts(recommender):
    rows = recommender.mapping({"digital": "self_service", "life_event": "KE8"})
    assert {row.rule for row in rows if row.segment == "changing" and row.value == "unknown"} == {
        "job-loss-self-service"
    }
    assert {row.customer_type for row in rows} == {"person"}
