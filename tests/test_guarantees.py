"""No signal set, alone or in a batch, gets an answer that breaks what `guarantees.yaml` promises."""

import copy
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import customers

from models.authoring import analysis, loader
from models.authoring.wording import ENTITLEMENT, states_entitlement
from models.contract.channels import HELSINKI
from models.decision import bundle
from models.decision.facts import may_personalise
from testing.shipped import (
    BENEFITS,
    CLAIM_KINDS,
    LANGUAGES,
    PERSON_CHANNELS,
    VOCABULARY,
    lookups,
    read_signals,
)

NOON = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
ASKED = {"language": st.sampled_from(LANGUAGES), "limit": st.integers(1, 10)}


def broken(recommender, signals, answer, limit):
    """The guarantees and promises that an answer breaks, by id."""
    kind = signals.customer_type
    asked = kind == "person" and may_personalise(signals)
    prediction = recommender.scorecard.predict(signals) if asked else None
    found = lookups(signals, prediction)
    first = answer.items[0]
    for guarantee in recommender.rulebook.guarantees:
        if guarantee.customer_type == kind and guarantee.concerns(found[0]):
            if guarantee.channel and first.channel not in guarantee.channel:
                yield guarantee.id
            if guarantee.content and first.content_type not in guarantee.content:
                yield guarantee.id
    for facts in found[1:]:
        rule = recommender.rulebook.tables[kind].on(NOON.date()).choose(facts)
        for item in answer.items:
            if item.reason.rule == rule.id and item.channel == rule.channel:
                yield from (
                    guarantee.id
                    for guarantee in recommender.rulebook.guarantees
                    if guarantee.customer_type == kind
                    and guarantee.concerns(facts)
                    and guarantee.channel
                    and item.channel not in guarantee.channel
                )
    yield from promises_broken(recommender, signals, answer)


def promises_broken(recommender, signals, answer):
    kind, values = signals.customer_type, signals.values
    channels, items = recommender.channels, recommender.catalogue.items
    human = channels[answer.human_channel.id]
    identified = values.get("strong_identification") is True
    spoken = VOCABULARY.served_with(answer.language)
    if not any(human.answers(kind, identified=identified, language=each, day=NOON.date()) for each in spoken):
        yield "a-human-is-always-reachable"
    shown = [item.content.id for item in (*answer.items, *answer.statutory)]
    if any(not items[name].is_for(kind) for name in shown):
        yield "persons-and-employers-apart"
    if any(channels[item.channel].audience not in {kind, "both"} for item in answer.items):
        yield "persons-and-employers-apart"
    duties = {values["open_matter"]} if "open_matter" in values else set()
    duties |= {*values.get("active_benefits", ()), *values.get("claim_kinds", ())}
    covered = set().union(*(items[duty.content.id].benefits for duty in answer.statutory))
    if not duties <= covered:
        yield "statutory-content-reaches-everyone"
    texts = [answer.notice, *(item.reason.text for item in answer.items)]
    written = next(each for each in VOCABULARY.chain(answer.language) if each in ENTITLEMENT)
    if any(states_entitlement(text, written) for text in texts):
        yield "no-word-of-entitlement"


@given(customer=customers(), **ASKED)
def test_no_signal_set_gets_an_answer_that_breaks_a_guarantee(recommender, customer, language, limit):
    signals = read_signals(*customer)
    [answer] = recommender.recommend([signals], at=NOON, language=language, limit=limit)
    assert list(broken(recommender, signals, answer, limit)) == []


@settings(max_examples=40, deadline=None)
@given(batch=st.lists(customers(), max_size=8), **ASKED)
def test_no_batch_holds_an_answer_that_breaks_a_guarantee(recommender, batch, language, limit):
    given_signals = [read_signals(*customer) for customer in batch]
    answers = recommender.recommend(given_signals, at=NOON, language=language, limit=limit)
    for signals, answer in zip(given_signals, answers, strict=True):
        assert list(broken(recommender, signals, answer, limit)) == []
        [alone] = recommender.recommend([signals], at=NOON, language=language, limit=limit)
        assert answer == alone


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize(
    "preferred", [None, "web_page", "paper", "chat", "omakela_message", "social_channel"]
)
def test_easy_language_and_an_interpreter_are_dropped_by_no_limit_and_no_wish(recommender, limit, preferred):
    signals = {"easy_language": True, "interpreter_needed": True}
    if preferred:
        signals["preferred_channel"] = preferred
    [answer] = recommender.recommend([read_signals("person", signals)], at=NOON, limit=limit)
    assert "easy_read" in [item.content_type for item in answer.items]
    assert recommender.channels[answer.items[0].channel].human


@pytest.mark.parametrize(
    ("kind", "benefit"), [("person", b) for b in BENEFITS] + [("employer", c) for c in CLAIM_KINDS]
)
def test_no_objection_limit_or_repetition_suppresses_statutory_content(recommender, kind, benefit):
    usual = recommender.recommend([read_signals(kind, {"open_matter": benefit})], at=NOON)[0].statutory
    assert {code for duty in usual for code in recommender.catalogue.items[duty.content.id].benefits} >= {
        benefit
    }
    marked = read_signals(kind, {"open_matter": benefit, "personalisation": "objected"})
    ids = [duty.content.id for duty in usual]
    assert recommender.recommend([marked], at=NOON, limit=1, shown=ids)[0].statutory == usual


def previewed(content, *, rules=None, guarantees=None, channels=None):
    """A recommender of the shipped files after a change, and what the check finds."""
    authored = loader.read_rules(copy.deepcopy(content), loader.RULEBOOK)
    for document, change in (
        (authored.rulebook["person"], rules),
        (authored.rulebook["guarantees"], guarantees),
        (authored.channels["channels"], channels),
    ):
        if change:
            change(document)
    analysis.analyse(authored)
    return bundle.preview(authored.parts()).recommender, [finding.sentence() for finding in authored.errors]


def named(rules, name):
    return next(rule for rule in rules if rule["id"] == name)


VIDEO_FIRST = {
    "id": "a-video-for-who-lost-a-job",
    "for": "person",
    "every": {"life_event": ["KE8"], "segment": ["changing"]},
    "must": {"content": ["explainer_video"]},
    "says": "who lost a job is offered a video",
}


def test_a_rule_that_offers_the_promised_kind_second_breaks_the_guarantee(content):
    def change(rules):
        named(rules, "easy-language")["then"]["content"] = ["explainer_video", "easy_read", "contact_card"]

    _, errors = previewed(content, rules=change)
    assert [error.partition(" ")[2].partition(" (")[0] for error in errors] == [
        "error: easy-language: breaks the guarantee `easy-language-is-offered`"
    ]


def test_any_guarantee_of_content_is_about_the_first_item(content):
    _, errors = previewed(content, guarantees=lambda every: every.append(VIDEO_FIRST))
    assert errors
    assert all("breaks the guarantee `a-video-for-who-lost-a-job`" in error for error in errors)


def test_a_variant_that_offers_the_promised_kind_second_breaks_the_guarantee(content):
    def change(rules):
        named(rules, "easy-language")["experiment"] = {
            "id": "video-first",
            "control_share": 50,
            "variants": [{"id": "video", "share": 50, "content": ["explainer_video", "easy_read"]}],
        }

    _, errors = previewed(content, rules=change)
    assert ["in its variant `video`" in error for error in errors] == [True]


def test_a_preferred_channel_that_cannot_lead_with_the_promised_kind_is_passed_over(content):
    def change(channels):
        channels["paper"]["carries"].remove("easy_read")

    changed, errors = previewed(content, channels=change)
    signals = read_signals("person", {"easy_language": True, "preferred_channel": "paper"})
    [found] = changed.recommend([signals], at=NOON, limit=1)
    assert errors == []
    assert [(item.channel, item.content_type) for item in found.items] == [("web_page", "easy_read")]


@pytest.mark.parametrize("channel", PERSON_CHANNELS)
def test_no_preferred_channel_wins_over_a_guarantee_of_content_at_any_limit(recommender, channel):
    signals = read_signals("person", {"easy_language": True, "preferred_channel": channel})
    [found] = recommender.recommend([signals], at=NOON, limit=1)
    assert [item.content_type for item in found.items] == ["easy_read"]


@pytest.mark.parametrize("matter", BENEFITS)
def test_social_media_never_carries_an_open_matter(recommender, matter):
    events = [{"event": "KE4", "months_ago": 1}]
    signals = {"open_matter": matter, "life_events": events, "preferred_channel": "social_channel"}
    [found] = recommender.recommend([read_signals("person", signals)], at=NOON, limit=10)
    assert "social_channel" not in [item.channel for item in found.items]
