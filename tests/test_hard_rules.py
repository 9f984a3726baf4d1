"""One test per hard rule of the design; each fails when its rule is broken.

`test_hard_rules_paths` holds every path by which an answer reaches someone against the oracle, `test_hard_rules_memory`
what is left in the process after an answer.
"""

import re
import subprocess
import sys
from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.authoring.wording import own_texts, states_entitlement
from models.contract.codes import BARRED
from models.decision.recommender import OfferCache
from models.decision.scorecard import FEATURES, Prediction
from testing.shipped import FACTS, LANGUAGES, SIGNALS, VOCABULARY, read_signals

NEEDS = ("interpreter_needed", "easy_language")
DUTIES = ("open_matter", "active_benefits", "claim_kinds")


def answer(recommender, customer, at, **asked):
    kind, signals = customer
    [found] = recommender.recommend([read_signals(kind, signals)], at=at, **asked)
    return found


def spoken(texts, language):
    """A text as it is written, in a language or the first of its fallbacks that has it."""
    return next(texts[each] for each in VOCABULARY.chain(language) if each in texts)


@pytest.fixture(scope="module")
def noon():
    from datetime import datetime

    from models.contract.channels import HELSINKI

    return datetime(2026, 11, 18, 12, tzinfo=HELSINKI)


@given(customer=customers(), language=st.sampled_from(LANGUAGES))
def test_rule_1_every_answer_says_it_is_automatic_and_information_only(recommender, noon, customer, language):
    found = answer(recommender, customer, noon, language=language)
    assert found.notice == recommender.texts["notice"][language]
    assert not [
        field.name for field in fields(found) if re.search("eligib|entitle|amount|fraud|order", field.name)
    ]


@given(customer=customers(), limit=st.integers(1, 10))
def test_rule_2_a_human_is_always_reachable(recommender, noon, customer, limit):
    found = answer(recommender, customer, noon, limit=limit)
    assert recommender.channels[found.human_channel.id].human
    assert recommender.channels[found.human_channel.id].audience in {customer[0], "both"}
    if recommender.channels[found.human_channel.id].needs_strong_identification:
        assert customer[1].get("strong_identification") is True
    assert found.items


def test_rule_3_barred_attributes_are_no_signal_no_feature_and_no_fact():
    facts = {fact.name for kind in FACTS.values() for fact in kind}
    assert BARRED.isdisjoint({*SIGNALS["person"], *SIGNALS["employer"], *FEATURES, *facts})


@given(customer=customers(), languages=st.permutations(LANGUAGES))
def test_rule_3_language_selects_the_text_and_nothing_else(recommender, noon, customer, languages):
    first, second, *_ = (answer(recommender, customer, noon, language=language) for language in languages)
    assert [(i.channel, i.reason.rule) for i in first.items[:1]] == [
        (i.channel, i.reason.rule) for i in second.items[:1]
    ]
    assert (first.segment and first.segment.id) == (second.segment and second.segment.id)
    for language, found in zip(languages, (first, second), strict=False):
        served = recommender.channels[found.human_channel.id].languages
        assert language in served or not VOCABULARY.languages[language].complete
        assert not {*served}.isdisjoint(VOCABULARY.chain(language))


@given(customer=customers())
def test_rule_4_an_objector_and_a_minor_get_the_answer_of_someone_of_whom_only_needs_are_known(
    recommender, noon, customer
):
    kind, signals = customer
    marks = [{"personalisation": "objected"}] + ([{"minor": True}] if kind == "person" else [])
    for mark in marks:
        found = answer(recommender, (kind, {**signals, **mark}), noon)
        kept = (*NEEDS, *DUTIES, "strong_identification")
        bare = {name: signals[name] for name in kept if name in signals and name in SIGNALS[kind]}
        neutral = answer(recommender, (kind, bare | mark), noon)
        assert (found.items, found.human_channel, found.statutory) == (
            neutral.items,
            neutral.human_channel,
            neutral.statutory,
        )
        assert not found.personalised
        assert found.segment is None


def test_rule_4_an_uncertain_prediction_gets_the_neutral_answer_and_what_was_stated_still_chooses(
    recommender, noon
):
    unsure = answer(recommender, ("person", {"life_events": [{"event": "KE5", "months_ago": 0}]}), noon)
    prediction = recommender.scorecard.predict(
        read_signals("person", {"life_events": [{"event": "KE5", "months_ago": 0}]})
    )
    assert prediction.segment is None
    assert (unsure.personalised, unsure.segment) == (False, None)
    assert unsure.items[0].reason.rule == "stated-event"


@given(customer=customers())
def test_rule_4_no_segment_means_not_personalised(recommender, noon, customer):
    found = answer(recommender, customer, noon)
    if customer[0] == "person":
        assert found.personalised == (found.segment is not None)


def test_rule_5_the_recommender_has_nowhere_to_store_anything():
    code = (
        "import sys, models.decision.recommender, models.decision.bundle;"
        "print(sorted({'sqlite3', 'sqlalchemy', 'logging.handlers', 'socket'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@given(customer=customers(), shown=st.booleans())
def test_rule_6_statutory_content_reaches_everyone_whatever_else(recommender, noon, customer, shown):
    kind, signals = customer
    usual = answer(recommender, customer, noon)
    ids = [item.content.id for item in usual.statutory]
    marked = {**signals, "personalisation": "objected"}
    for changed in (
        answer(recommender, customer, noon, limit=1),
        answer(recommender, (kind, marked), noon),
        answer(recommender, customer, noon, shown=ids if shown else ()),
        recommender.degraded(read_signals(kind, signals), at=noon),
    ):
        assert [item.content.id for item in changed.statutory] == ids
    owed = {signals["open_matter"]} if "open_matter" in signals else set()
    owed |= {*signals.get("active_benefits", ()), *signals.get("claim_kinds", ())}
    assert owed <= {code for name in ids for code in recommender.catalogue.items[name].benefits}


def test_rule_6_an_employer_known_by_its_kinds_of_claim_gets_their_deadline(recommender, noon):
    signals = {"employees": 30, "claim_kinds": ["sickness_allowance", "family_leave"], "claims_12m": 10}
    found = answer(recommender, ("employer", signals | {"late_claims_12m": 3}), noon)
    assert [item.content.id for item in found.statutory] == ["employer-claim-deadline"]


def test_rule_7_no_text_of_ours_states_entitlement(authored):
    documents = (authored.rulebook, authored.catalogue, authored.texts, authored.vocabulary)
    texts = list(own_texts(*documents, languages=LANGUAGES))
    assert len(texts) > 500
    assert not [(subject, text) for subject, language, text in texts if states_entitlement(text, language)]


@given(customer=customers(), language=st.sampled_from(LANGUAGES))
def test_rule_7_every_text_a_citizen_reads_is_one_the_content_team_wrote(
    recommender, authored, noon, customer, language
):
    found = answer(recommender, customer, noon, language=language)
    rules = {rule["id"]: rule for rule in authored.rulebook[customer[0]]}
    items = {item["id"]: item["languages"] for item in authored.catalogue["items"]}
    more = VOCABULARY.languages[language].beside_notice
    notice = [spoken(authored.texts["notice"], language), *([spoken(more, language)] if more else [])]
    assert found.notice == " ".join(notice)
    named = authored.channels["channels"][found.human_channel.id]["name"]
    assert found.human_channel.name == spoken(named, language)
    for item in found.items:
        sentences = (rules[item.reason.rule]["because"], authored.texts["preferred_channel"])
        assert item.reason.text in [spoken(sentence, language) for sentence in sentences]
    for content in (each.content for each in (*found.items, *found.statutory)):
        text = items[content.id][content.language]
        body = text.get("body")
        assert (content.title, content.url) == (text["title"], text["url"])
        assert content.body == (body if isinstance(body, str) else None)


def test_rule_8_the_serving_code_imports_no_model_library_and_unpickles_nothing():
    code = (
        "import sys, models.decision.recommender, models.decision.bundle;"
        "print(sorted({'numpy', 'sklearn', 'pandas', 'joblib', 'pickle', 'pyarrow', 'ruamel.yaml'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@given(customer=customers(), language=st.sampled_from(LANGUAGES), limit=st.integers(1, 10))
def test_rule_9_the_same_versions_give_the_same_answer_again(recommender, noon, customer, language, limit):
    first = answer(recommender, customer, noon, language=language, limit=limit)
    anew = replace(recommender, cache=OfferCache())
    assert first == answer(recommender, customer, noon, language=language, limit=limit)
    assert first == answer(anew, customer, noon, language=language, limit=limit)
    assert first.as_of == noon
    assert len(first.items) <= limit
    assert first.valid_until >= date(2026, 11, 18)


def test_the_model_is_not_asked_about_an_objector_a_minor_or_an_employer(recommender, noon):
    class Refuses:
        def predict(self, signals):
            raise AssertionError("asked")

    deaf = replace(recommender, scorecard=Refuses())
    for customer in (
        ("person", {"personalisation": "objected"}),
        ("person", {"minor": True}),
        ("employer", {}),
    ):
        assert answer(deaf, customer, noon).items


@given(customer=customers())
def test_no_answer_breaks_a_guarantee(recommender, noon, customer):
    """Through the whole door, preferred channel included; each item keeps the guarantees of its own lookup."""
    kind, given_signals = customer
    signals = read_signals(kind, given_signals)
    explanation = recommender.explain(signals, at=noon, limit=10)
    prediction = recommender._predict(signals)
    for facts, trace in zip(recommender.facts.lookups(signals, prediction), explanation.lookups, strict=True):
        for guarantee in recommender.rulebook.guarantees:
            if guarantee.customer_type == kind and guarantee.concerns(facts) and guarantee.channel:
                assert trace.channel in guarantee.channel, guarantee.id
    if signals.values.get("easy_language") is True:
        assert any(item.content_type == "easy_read" for item in explanation.recommendation.items)


def test_supported_with_high_confidence_is_offered_a_person_first(recommender, noon):
    class Sure:
        abstain_below = 0

        def predict(self, signals):
            return Prediction("supported", 0.99, (0.005, 0.005, 0.99), confident=True)

        def reasons(self, signals, prediction):
            return []

    sure = replace(recommender, scorecard=Sure())
    found = answer(sure, ("person", {"preferred_channel": "web_page", "omakela_logins_90d": 5}), noon)
    assert recommender.channels[found.items[0].channel].human
