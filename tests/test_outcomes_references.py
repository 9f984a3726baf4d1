"""The recommendation reference: what it says, what it never says, and which are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous.encoding import base64_decode
from strategies import customers

from service.security.references import FORMAT, BadReferenceError, References
from testing.shipped import SIGNALS, VOCABULARY, read_signals

AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
SECRET, OTHER = "s" * 40, "t" * 40
PERSON = ("person", {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1})
OBJECTOR = ("person", {"personalisation": "objected", "active_benefits": ["housing_allowance"]})
EMPLOYER = ("employer", {"employees": 7, "first_claim": True})
CUSTOMERS = {"person": PERSON, "objector": OBJECTOR, "employer": EMPLOYER}


def answer(recommender, customer, **asked):
    return recommender.recommend([read_signals(*customer)], at=AT, **asked)[0]


def payload_of(token):
    return json.loads(base64_decode(token.split(".")[1]))


@pytest.mark.parametrize("customer", CUSTOMERS.values(), ids=CUSTOMERS)
def test_a_reference_says_which_items_by_which_rule_in_which_channel(recommender, customer):
    made, references = answer(recommender, customer, limit=10), References(SECRET)
    reference = references.read(references.issue(made, at=AT), now=AT)
    assert [(item.content, item.rule, item.channel) for item in reference.items] == [
        (item.content.id, item.reason.rule, item.channel) for item in made.items
    ]
    assert list(reference.statutory) == [item.content.id for item in made.statutory]
    assert (reference.bundle, reference.issued, reference.language) == (made.versions.bundle, AT, "fi")


@given(customer=customers())
def test_a_decoded_reference_holds_ids_and_a_moment_and_nothing_of_the_customer(recommender, customer):
    made = answer(recommender, customer)
    token = References(SECRET).issue(made, at=AT)
    number, nonce, *rest = payload_of(token)
    assert number == FORMAT
    assert len(nonce) == 12
    catalogue, channels = recommender.catalogue.items, recommender.channels
    rules = {rule.id for table in recommender.rulebook.tables.values() for rule in table.rules}
    bundle, issued, language, degraded, groups, statutory, after, limit, shown, drawn, code = rest
    assert (after, limit, shown, drawn, code) == (0, 3, "", "", recommender.versions.code)
    assert (bundle, issued, degraded) == (recommender.versions.bundle, int(AT.timestamp()), 0)
    assert language in {"fi", "sv", "en"}
    for rule, channel, contents in groups:
        assert rule in rules
        assert channel in channels
        assert set(contents) <= set(catalogue)
    assert set(statutory) <= set(catalogue)


def test_no_rule_id_holds_the_name_of_a_segment(recommender):
    names = {*VOCABULARY.segments}
    for table in recommender.rulebook.tables.values():
        for rule in table.rules:
            assert names.isdisjoint(rule.id.split("-")), rule.id


@pytest.mark.parametrize("customer", CUSTOMERS.values(), ids=CUSTOMERS)
def test_a_decoded_reference_names_no_inferred_segment_and_no_signal(recommender, customer):
    token = References(SECRET).issue(answer(recommender, customer), at=AT)
    words = set(json.dumps(payload_of(token)).replace("-", '"').split('"'))
    # That a firm is an employer was stated, not inferred, and content for firms says so in its id.
    assert words.isdisjoint({*VOCABULARY.inferred, *SIGNALS["person"], *SIGNALS["employer"]})


def test_nobody_without_the_secret_reads_from_a_reference_whether_the_customer_objected(recommender):
    made, references = answer(recommender, OBJECTOR), References(SECRET)
    one, other = (references.issue(made, at=AT, totals_only=totals) for totals in (False, True))
    assert payload_of(one)[2:] == payload_of(other)[2:]
    assert one.split(".")[0] == other.split(".")[0]
    assert len(one) == len(other)
    assert [references.read(token, now=AT).totals_only for token in (one, other)] == [False, True]


def test_a_reference_is_short_and_url_safe(recommender):
    references = References(SECRET)
    usual = references.issue(answer(recommender, PERSON), at=AT)
    longest = references.issue(
        answer(recommender, ("person", {"active_benefits": ["housing_allowance", "student_aid"]}), limit=10),
        at=AT,
    )
    assert len(usual) <= 512
    assert len(longest) <= 1024
    assert set(usual) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.fixture
def token(recommender):
    return References(SECRET).issue(answer(recommender, PERSON), at=AT)


def refused(token, references=None, now=AT):
    with pytest.raises(BadReferenceError) as found:
        (references or References(SECRET)).read(token, now=now)
    return found.value.code


@given(at=st.integers(0, 10_000), to=st.sampled_from("AQgw049-_."))
def test_a_reference_changed_in_any_place_is_refused(recommender, at, to):
    made = References(SECRET).issue(answer(recommender, PERSON), at=AT)
    at %= len(made) - 1  # the last character has two bits that say nothing
    if made[at] != to:
        assert refused(made[:at] + to + made[at + 1 :]) in {"tampered_reference", "foreign_reference"}


def test_a_reference_made_elsewhere_is_told_from_one_that_was_changed(token):
    assert refused(token, References(OTHER)) == "foreign_reference"
    for wrong in ("", "a.b", "ä", "x" + token, token.partition(".")[2]):
        assert refused(wrong) == "foreign_reference"
    key_id, payload, signature = token.split(".")
    for wrong in (f"{key_id}.{payload}A.{signature}", f"{key_id}.{payload}", f"{key_id}.", f"{key_id}.ä.ö"):
        assert refused(wrong) == "tampered_reference"


def test_a_reference_expires(token):
    references = References(SECRET, days=7)
    assert references.read(token, now=AT + timedelta(days=7))
    assert refused(token, references, AT + timedelta(days=7, seconds=1)) == "expired_reference"


def test_a_new_secret_in_front_signs_and_references_under_the_old_one_live_on(token, recommender):
    rotated = References(f"{OTHER}, {SECRET}")
    assert rotated.read(token, now=AT).items
    newer = rotated.issue(answer(recommender, PERSON), at=AT)
    assert References(OTHER).read(newer, now=AT)
    assert refused(newer) == "foreign_reference"
    assert refused(token, References(OTHER)) == "foreign_reference"


def test_a_mark_is_of_one_event_of_one_item_of_one_answer_and_outlives_a_rotation(token, recommender):
    old, rotated = References(SECRET), References(f"{OTHER},{SECRET}")
    reference = old.read(token, now=AT)
    second = old.read(old.issue(answer(recommender, PERSON), at=AT), now=AT)
    marks = [
        old.mark(reference, "a", "shown"),
        old.mark(reference, "a", "opened"),
        old.mark(reference, "b", "shown"),
        old.mark(second, "a", "shown"),
    ]
    assert len(set(marks)) == 4
    assert rotated.mark(rotated.read(token, now=AT), "a", "shown") == marks[0]


def test_the_api_signs_for_totals_only_where_personalisation_is_not_allowed(client, app):
    references = app.extensions["arki"].references
    for kind, signals, totals in (
        ("person", {}, False),
        ("person", {"personalisation": "objected"}, True),
        ("person", {"minor": True}, True),
        ("employer", {"personalisation": "objected"}, True),
        ("employer", {}, False),
    ):
        body = {"customer_type": kind, "signals": signals}
        alone = client.post("/v1/recommendations", json=body).json
        explained = client.post("/v1/explanations", json=body).json["recommendation"]
        for made in (alone, explained):
            assert references.read(made["recommendation_id"], now=NOW).totals_only == totals
