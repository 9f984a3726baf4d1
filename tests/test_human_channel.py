"""A human channel that this customer can use: by log-in, by customer type, by language, in every kind of answer."""

import copy
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.authoring import loader
from models.authoring.promises import check_promises
from models.contract.channels import HELSINKI, human_channel, read_channels
from models.decision.decision_table import Table, read_rulebook
from models.decision.recommender import OfferCache
from testing.shipped import CONTRACT, FACT_SET, LANGUAGES, VOCABULARY, read_signals
from training.learning.offers import signals as signals_of
from training.simulation.population import population

NOON = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
IDENTIFIED = {"strong_identification": True}


def lacks(recommender, signals, language, found):
    """What a customer lacks to use the human channel of an answer."""
    channel = recommender.channels[found.human_channel.id]
    if not channel.human:
        yield "a person"
    if channel.audience not in {signals.customer_type, "both"}:
        yield "customer type"
    if channel.needs_strong_identification and signals.values.get("strong_identification") is not True:
        yield "log-in"
    if not set(VOCABULARY.served_with(language)) & set(channel.languages):
        yield "language"
    if channel.hours is None:
        yield "hours"
    if found.human_channel.url is None:
        yield "a page that tells how"


def human(recommender, signals, language="fi", kind="person"):
    [found] = recommender.recommend([read_signals(kind, signals)], at=NOON, language=language)
    return found.human_channel.id


def test_of_5000_simulated_customers_in_three_languages_none_lacks_what_the_human_channel_needs(recommender):
    table = population(5_000, 7)
    for kind in ("person", "employer"):
        of_kind = table.filter([one == kind for one in table["customer_type"].to_pylist()])
        known = signals_of(of_kind, kind)
        for language in LANGUAGES:
            answers = recommender.recommend(known, at=NOON, language=language, limit=1)
            for signals, found in zip(known, answers, strict=True):
                assert list(lacks(recommender, signals, language, found)) == []


@given(customer=customers(), language=st.sampled_from(LANGUAGES))
def test_nobody_is_named_a_person_whom_they_cannot_reach_not_in_a_degraded_answer_either(
    recommender, customer, language
):
    signals = read_signals(*customer)
    [found] = recommender.recommend([signals], at=NOON, language=language)
    for each in (found, recommender.degraded(signals, at=NOON, language=language)):
        assert list(lacks(recommender, signals, language, each)) == []


@pytest.mark.parametrize("mark", [{}, {"personalisation": "objected"}, {"minor": True}], ids=str)
@pytest.mark.parametrize(
    ("known", "channel"),
    [({}, "phone"), ({"strong_identification": False}, "phone"), (IDENTIFIED, "callback")],
    ids=["not known", "no log-in", "log-in"],
)
def test_only_who_is_known_to_identify_is_named_the_call_request_that_is_left_in_omakela(
    recommender, known, channel, mark
):
    assert human(recommender, known | mark) == channel
    degraded = recommender.degraded(read_signals("person", known | mark), at=NOON)
    assert degraded.human_channel.id == channel


def test_two_customers_who_differ_in_log_in_alone_get_their_own_answer_in_one_minute(recommender):
    asked = [read_signals("person", known) for known in ({}, IDENTIFIED, {})]
    found = recommender.recommend(asked, at=NOON)
    assert [answer.human_channel.id for answer in found] == ["phone", "callback", "phone"]
    assert found[0].items == found[1].items


def test_an_employer_is_named_the_phone_line(recommender):
    assert human(recommender, {}, kind="employer") == "phone"


def test_the_human_channel_is_the_one_that_the_first_rule_wishes(recommender):
    signals = {
        "life_events": [{"event": "KE8", "months_ago": 1}, {"event": "KE4", "months_ago": 3}],
        "strong_identification": True,
        "omakela_logins_90d": 4,
        "benefits_started_6m": 1,
    }
    rules = [trace.rule for trace in recommender.explain(read_signals("person", signals), at=NOON).lookups]
    assert len(set(rules)) > 1
    wishes = dict(zip(rules, ("remote_service", "phone_appointment", "service_point"), strict=False))
    table = recommender.rulebook.tables["person"]
    wishing = tuple(
        replace(rule, human_channel=wishes.get(rule.id, rule.human_channel)) for rule in table.rules
    )
    tables = {**recommender.rulebook.tables, "person": Table("person", wishing, FACT_SET)}
    rulebook = replace(recommender.rulebook, tables=tables)
    wished = replace(recommender, rulebook=rulebook, cache=OfferCache())
    assert human(wished, signals) == "remote_service"


@pytest.fixture(scope="module")
def whole(content):
    return loader.read_rules(copy.deepcopy(content), loader.RULEBOOK)


def test_a_language_rules_out_a_human_channel_that_does_not_serve_it(whole):
    document = copy.deepcopy(whole.channels)
    document["channels"]["callback"]["languages"] = ["fi", "sv"]
    channels = read_channels(document, VOCABULARY)
    found = [
        human_channel(
            channels,
            "callback",
            "person",
            identified=True,
            languages=VOCABULARY.served_with(language),
            day=date(2026, 6, 1),
        ).id
        for language in LANGUAGES
    ]
    assert found == ["callback", "callback", "phone", "callback"]  # the last is served in Finnish


def told(whole, change):
    broken = copy.deepcopy(whole)
    change(broken)
    check_promises(
        broken, read_rulebook(broken.rulebook, CONTRACT), read_channels(broken.channels, VOCABULARY)
    )
    return [finding.sentence() for finding in broken.findings]


def of(authored, name):
    return authored.channels["channels"][name]


PROMISE = "breaks the promise `a-human-is-always-reachable`:"
ADD = "Add to `human_fallback:` in channels.yaml a channel that they can use."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            lambda a: a.channels.update(human_fallback=["service_point"]),
            f"nothing-known: {PROMISE} no human channel is left for persons not known to have strong identification "
            f"who are served in `en`. {ADD}",
            id="no fallback in English",
        ),
        pytest.param(
            lambda a: of(a, "phone").update(languages=["fi", "sv"]),
            f"firm: {PROMISE} no human channel is left for employers not known to have strong identification "
            f"who are served in `en`. {ADD}",
            id="no English for employers",
        ),
        pytest.param(
            lambda a: of(a, "phone").update(needs_strong_identification=True),
            f"neutral: {PROMISE} no human channel is left for persons not known to have strong identification "
            f"who are served in `en`. {ADD}",
            id="a log-in everywhere",
        ),
        pytest.param(
            lambda a: (
                next(i for i in a.catalogue["items"] if i["id"] == "contact-phone").update(
                    valid_until="2027-06-30"
                )
                or next(i for i in a.catalogue["items"] if i["id"] == "contact-kela").update(status="draft")
            ),
            f"channel phone: {PROMISE} from 2027-07-01 no page in `fi` tells persons how to reach `phone`. "
            "Add an approved `contact_card` on a general topic.",
            id="no page that tells how",
        ),
    ],
)
def test_a_customer_for_whom_no_human_channel_is_left_is_found(whole, change, words):
    found = told(whole, change)
    assert any(words in sentence for sentence in found), found
    assert all(": error: " in sentence for sentence in found)


def test_the_call_request_is_first_for_nobody_who_cannot_leave_it(recommender):
    """Not as a rule's channel and not as a wish, for who is offline or cannot identify."""
    event = {"life_events": [{"event": "KE14", "months_ago": 1}], "preferred_channel": "callback"}
    for signals in (
        event | {"strong_identification": False},
        event | {"strong_identification": False, "preferred_channel": "chat"},
        {
            "repeat_contacts_30d": 5,
            "omakela_logins_90d": 0,
            "phone_contacts_90d": 6,
            "strong_identification": False,
        },
    ):
        [found] = recommender.recommend([read_signals("person", signals)], at=NOON, limit=10)
        assert "callback" not in [item.channel for item in found.items]
