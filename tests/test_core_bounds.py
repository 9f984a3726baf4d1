"""Bounds, defaults and orders of the core, each at the very value where the answer changes."""

import copy
import hmac
from dataclasses import replace
from datetime import date, datetime, timedelta

import orjson
import pytest
from conftest import ROOT

from models.authoring import analysis
from models.authoring.coverage import find_dead_references, told_days, unsucceeded, without_floor
from models.authoring.findings import phrase
from models.authoring.grid import Painted, Pieces, decide
from models.authoring.opening_days import compile_opening_days, find_years_ahead, is_clock, is_span
from models.authoring.promises import a_human_channel, the_neutral_answer
from models.contract.channels import (
    HELSINKI,
    LOOK_AHEAD_DAYS,
    OpeningDays,
    days_opened_otherwise,
    human_channel,
    read_channels,
)
from models.decision.bundle import ARTIFACTS
from models.decision.campaigns import Campaigns
from models.decision.catalogue import MOST_SHOWN, Catalogue, ContentItem, ContentText, Span, read_catalogue
from models.decision.decision_table import Guarantee, PassedOver, Rule, Rulebook, Table, read_rulebook
from models.decision.experiments import Assigner, Variant, arm_of, bucket_of
from models.decision.offers import Offer, Sought, Wanted, kinds_offered, topics_of, why_not
from models.decision.recommender import OfferCache
from models.decision.scorecard import (
    SCALE,
    Contribution,
    Prediction,
    features,
    known_signals,
    read_scorecard,
)
from testing.shipped import (
    BENEFITS,
    CLAIM_KINDS,
    CONTRACT,
    FACT_SET,
    LANGUAGES,
    SEGMENTS,
    VOCABULARY,
    lookups,
    read_signals,
    spoken_in,
    with_topics,
)

NOON = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
DOCUMENT = orjson.loads((ARTIFACTS / "scorecard.json").read_bytes())
SCORECARD = read_scorecard(DOCUMENT)
CHANGING = Prediction("changing", 0.9, (0.05, 0.9, 0.05), confident=True)
SEEN = {"omakela_logins_90d": 4, "phone_contacts_90d": 0, "benefits_started_6m": 1, "applications_12m": 2}


def friction(**signals):
    return lookups(read_signals("person", signals), CHANGING)[0]["friction"]


def test_two_requests_for_documents_or_three_contacts_on_a_matter_are_friction():
    assert friction(attachment_requests_12m=1, repeat_contacts_30d=2) == "none"
    assert friction(attachment_requests_12m=2, repeat_contacts_30d=3) == "missing_documents"
    assert friction(attachment_requests_12m=1, repeat_contacts_30d=3) == "repeat_contacts"
    assert friction(repeat_contacts_30d=3) == "repeat_contacts"


def test_there_is_no_friction_only_where_both_are_known():
    assert friction(attachment_requests_12m=0) == friction(repeat_contacts_30d=0) == friction() == "unknown"
    assert friction(attachment_requests_12m=0, repeat_contacts_30d=0) == "none"


def test_an_employers_friction_is_late_claims_then_returned_ones_and_none_only_where_both_are_known():
    def of_employer(**signals):
        return lookups(read_signals("employer", signals), None)[0]["friction"]

    assert of_employer(late_claims_12m=1, claims_returned_12m=1, claims_12m=9) == "late_claims"
    assert of_employer(late_claims_12m=0, claims_returned_12m=1, claims_12m=9) == "returned_claims"
    assert of_employer(late_claims_12m=0, claims_returned_12m=0) == "none"
    assert of_employer(late_claims_12m=0) == of_employer(claims_returned_12m=0) == of_employer() == "unknown"


def test_a_segment_is_named_from_the_very_probability_and_the_very_number_of_signals():
    signals = read_signals("person", SEEN)
    at = SCORECARD.predict(signals).probability
    known = known_signals(signals)

    def named(**bounds):
        card = replace(
            SCORECARD, **({"abstain_below": 0.0, "confident_from": 2.0, "minimum_known": 0} | bounds)
        )
        predicted = card.predict(signals)
        return predicted.segment is not None, predicted.confident

    assert named(abstain_below=at) == (True, False)
    assert named(abstain_below=at + 1e-12) == (False, False)
    assert named(minimum_known=known) == (True, False)
    assert named(minimum_known=known + 1) == (False, False)
    assert named(confident_from=at) == (True, True)
    assert named(confident_from=at + 1e-12) == (True, False)
    assert named(confident_from=at, abstain_below=at + 1e-12) == (False, False)


def reasons_of(rows):
    """The reasons for *changing* where each signal, if it is known, adds its row."""
    tables = [
        {"features": [name], "edges": [[]], "rows": [row, [0] * len(SEGMENTS)]} for name, row in rows.items()
    ]
    card, signals = read_scorecard(DOCUMENT | {"tables": tables}), read_signals("person", SEEN)
    return card.reasons(signals, CHANGING._replace(cells=card.predict(signals).cells))


def test_a_contribution_is_a_row_against_the_mean_of_the_others_and_one_of_nothing_is_no_reason():
    row = [SCALE if segment == "changing" else 0 for segment in SEGMENTS]
    rows = {"omakela_logins_90d": [0, 0, 0], "phone_contacts_90d": row, "benefits_started_6m": [3, 3, 3]}
    assert reasons_of(rows) == [Contribution(("phone_contacts_90d",), 1.0)]
    assert reasons_of(rows | {"phone_contacts_90d": [-score for score in row]}) == []


def test_reasons_come_largest_first_and_equals_by_name():
    sizes = {"phone_contacts_90d": 5, "omakela_logins_90d": 5, "benefits_started_6m": 9}
    rows = {
        name: [size if segment == "changing" else 0 for segment in SEGMENTS] for name, size in sizes.items()
    }
    assert [each.signals[0] for each in reasons_of(rows)] == [
        "benefits_started_6m",
        "omakela_logins_90d",
        "phone_contacts_90d",
    ]


def test_a_segment_that_is_forty_log_odds_behind_has_no_probability():
    card = read_scorecard(DOCUMENT | {"intercept": [40 * SCALE, 0, 1 - (1 << 31)], "tables": []})
    first, second, third = card.probabilities(())
    assert (first, third) == (1.0, 0.0)
    assert 0.0 < second < 1e-17
    assert card.predict(read_signals("person", SEEN)).probabilities == (1.0, 0.0, 0.0)


def test_scores_are_exact_however_many_tables_hold_the_largest_and_the_smallest_numbers():
    most = (1 << 31) - 1
    table = {"features": ["omakela_logins_90d"], "edges": [[]], "rows": [[most, most - 1, -most], [0, 0, 0]]}
    card = read_scorecard(DOCUMENT | {"intercept": [-most, most, most], "tables": [table] * 999})
    scores, cells = card._scores(features(read_signals("person", SEEN)))
    exact = [start + 999 * score for start, score in zip(card.intercept, table["rows"][0], strict=True)]
    assert [score - scores[0] for score in scores] == [score - exact[0] for score in exact]
    assert [*cells] == [0] * 999


def test_offers_are_made_for_customers_not_known_to_identify_unless_it_is_said(recommender):
    rule = next(
        rule for rule in recommender.rulebook.tables["person"].rules if rule.human_channel == "callback"
    )
    offer = Offer(rule, recommender.channels[rule.channel], "general")
    assert recommender.offered("person", [offer], at=NOON).human_channel.id == "phone"
    assert recommender.offered("person", [offer], at=NOON, identified=True).human_channel.id == "callback"


def test_the_human_channel_of_an_answer_is_that_of_its_first_rule(recommender):
    rules = recommender.rulebook.tables["person"].rules
    first = next(rule for rule in rules if rule.human_channel == "callback")
    last = replace(first, id="other", human_channel="service_point")
    offers = [Offer(rule, recommender.channels[rule.channel], "general") for rule in (first, last)]
    found = recommender.offered("person", offers, at=NOON, identified=True)
    assert found.human_channel.id == "callback"
    assert recommender.offered("person", offers[::-1], at=NOON).human_channel.id == "service_point"


def test_what_a_recommender_keeps_to_be_quick_is_bounded(recommender):
    fresh = replace(recommender, cache=OfferCache())
    signals = [read_signals("person", {})]
    for minute in range(1_100):
        fresh.recommend(signals, at=NOON + timedelta(minutes=minute), limit=1)
    assert 0 < len(fresh.cache.offered) <= 1_024


def test_a_wish_for_a_channel_that_a_bundle_does_not_know_is_passed_over(recommender):
    older = {name: channel for name, channel in recommender.channels.items() if name != "chat"}
    wish = read_signals("person", {"preferred_channel": "chat"})
    [found] = replace(recommender, channels=older, cache=OfferCache()).recommend([wish], at=NOON)
    [usual] = recommender.recommend([read_signals("person", {})], at=NOON)
    assert [item.channel for item in found.items] == [item.channel for item in usual.items]


def test_an_employer_of_whom_nothing_is_known_is_not_answered_personally(recommender):
    def personal(**signals):
        [found] = recommender.recommend([read_signals("employer", signals)], at=NOON)
        return found.personalised

    assert not personal()
    assert not personal(personalisation="allowed")
    assert personal(employees=3)
    assert not personal(employees=3, personalisation="objected")


@pytest.mark.parametrize("order", [["service_point", "phone"], ["phone", "service_point"]], ids=str)
def test_human_channels_are_tried_in_the_order_declared(content, order):
    document = copy.deepcopy(content.channels) | {"human_fallback": order}
    for name in order:
        document["channels"][name] |= {"needs_strong_identification": False, "audience": "both"}
        document["channels"][name] |= {"languages": ["fi", "sv", "en"]}
    channels = read_channels(document, VOCABULARY)
    found = human_channel(
        channels,
        "callback",
        "person",
        identified=False,
        languages=VOCABULARY.chain("fi"),
        day=date(2026, 6, 1),
    )
    assert found.id == order[0]


def otherwise(content, start, end, **more):
    """The days on which the phone line is opened otherwise after a change of the file."""
    authored = copy.deepcopy(content)
    authored.channels |= more
    compile_opening_days(authored)
    one, other = (
        read_channels(document, VOCABULARY)["phone"] for document in (content.channels, authored.channels)
    )
    return days_opened_otherwise(one, other, start=start, end=end)


def test_days_opened_otherwise_are_those_whose_hours_differ_and_both_ends_of_a_span_count(content):
    closed = [{"date": "2026-11-18", "channels": ["phone"], "hours": "closed", "source": "a release"}]
    day = date(2026, 11, 18)
    around = {"start": day - timedelta(days=2), "end": day + timedelta(days=2)}
    assert otherwise(content, **around) == []
    assert otherwise(content, **around, exceptions=closed) == [day]
    assert otherwise(content, start=day, end=day, exceptions=closed) == [day]
    assert otherwise(content, start=day, end=day, exceptions=[closed[0] | {"channels": ["chat"]}]) == []


def test_a_channel_that_is_always_open_is_never_opened_otherwise(content):
    phone = read_channels(content.channels, VOCABULARY)["phone"]
    always = replace(phone, hours=None, days=replace(phone.days, closed=frozenset()))
    assert days_opened_otherwise(always, always, start=NOON.date(), end=NOON.date()) == []
    christmas = date(2026, 12, 25)
    assert days_opened_otherwise(always, phone, start=christmas, end=christmas) == []
    one = replace(phone, hours_vary=True)
    other = replace(one, days=replace(phone.days, closed=frozenset()))
    assert days_opened_otherwise(one, other, start=christmas, end=christmas) == []
    assert days_opened_otherwise(phone, other, start=christmas, end=christmas) == [christmas]


@pytest.mark.parametrize(
    ("first", "last", "accepted"),
    [(2000, 2100, True), (1999, 2100, False), (2000, 2101, False), (2030, 2030, True), (2031, 2030, False)],
)
def test_holidays_may_be_named_for_the_years_that_may_be_asked_for(content, first, last, accepted):
    authored = copy.deepcopy(content)
    authored.channels["holidays"] = {"from": first, "until": last}
    before = len(authored.findings)
    compile_opening_days(authored)
    assert (len(authored.findings) == before) == accepted
    assert authored.channels["days"]["years"] == ([first, last] if accepted else [1, 0])


def test_where_any_part_of_the_opening_days_is_faulty_no_year_is_covered(content):
    authored = copy.deepcopy(content)
    authored.channels["eves"] = {"new_years_eve": "1 pm"}
    compile_opening_days(authored)
    assert authored.channels["days"]["years"] == [1, 0]
    assert authored.channels["days"]["closed"] == []


def test_a_file_of_channels_that_could_not_be_read_has_no_years_to_warn_of(content):
    authored = copy.deepcopy(content)
    authored.channels.clear()
    before = len(authored.findings)
    find_years_ahead(authored, NOON.date())
    assert len(authored.findings) == before


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("00:00", True),
        ("23:59", True),
        ("24:00", False),
        ("23:60", False),
        ("9:00", False),
        ("09:0", False),
        ("0900", False),
        ("٠٩:00", False),
        ("09:-1", False),
        (900, False),
    ],
)
def test_a_time_of_day_is_two_digits_of_hours_and_of_minutes(text, is_one):
    assert is_clock(text) == is_one


def test_a_span_of_hours_closes_later_than_it_opens():
    assert is_span(["09:00", "09:01"])
    for span in (
        ["09:00", "09:00"],
        ["10:00", "09:00"],
        ["09:00"],
        ["9", "10:00"],
        ["09:00", "24:00"],
        "09:00",
    ):
        assert not is_span(span)


@pytest.mark.parametrize("day", ["2026-04-02", "2027-03-25", "2024-03-28", "2038-04-22"])
def test_maundy_thursday_closes_early_in_march_and_in_april(content, day):
    assert content.channels["days"]["closes"][day] == "13:00"


def closed_after(channels, day, days):
    """The channels, the phone line open on a day and then closed for so many."""
    phone = channels["phone"]
    always = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), phone.hours["mon"])
    exceptions = {day + timedelta(days=after): [(frozenset(), None)] for after in range(1, days + 1)}
    own = replace(phone.days, exceptions=exceptions, closed=frozenset(), closes={})
    return channels | {"phone": replace(phone, hours=always, days=own)}


@pytest.mark.parametrize(
    "days", [LOOK_AHEAD_DAYS - 2, LOOK_AHEAD_DAYS - 1, LOOK_AHEAD_DAYS, LOOK_AHEAD_DAYS + 1]
)
def test_the_promise_of_a_person_breaks_exactly_where_an_answer_could_not_say_when_one_opens(
    recommender, days
):
    channels = closed_after(recommender.channels, date(2027, 2, 1), days)
    evening = datetime(2027, 2, 1, 23, tzinfo=HELSINKI)
    known = channels["phone"].opening(evening)[1] is not None
    broken = list(a_human_channel(recommender.rulebook, recommender.catalogue, channels))
    assert [each.subject for each in broken] == ([] if known else ["channel phone"])


def test_long_closures_are_found_in_the_last_year_and_told_of_no_channel_whose_hours_vary_or_years_are_unknown(
    recommender,
):
    def broken(**changes):
        channels = closed_after(
            recommender.channels, date(recommender.channels["phone"].days.years[-1], 2, 1), 40
        )
        channels["phone"] = replace(channels["phone"], **changes)
        found = a_human_channel(recommender.rulebook, recommender.catalogue, channels)
        return [each.subject for each in found]

    assert broken() == ["channel phone"]
    assert broken(hours_vary=True) == []
    assert broken(days=OpeningDays(None, frozenset(), {}, {})) == []


@pytest.mark.parametrize(("fallback", "lacks"), [(9, True), (None, False)])
def test_every_fallback_needs_a_page_that_presents_it_and_other_channels_do_not(recommender, fallback, lacks):
    hidden = replace(recommender.channels["phone"], id="hidden", card="nothing", fallback=fallback)
    channels = recommender.channels | {"hidden": hidden}
    broken = list(a_human_channel(recommender.rulebook, recommender.catalogue, channels))
    assert {each.subject for each in broken} == ({"channel hidden"} if lacks else set())


def test_a_channel_that_a_rule_names_needs_a_page_that_presents_it(recommender):
    hidden = replace(recommender.channels["phone"], id="hidden", card="nothing", fallback=None)
    tables = recommender.rulebook.tables
    first, *others = tables["employer"].rules
    employer = Table("employer", (replace(first, human_channel="hidden"), *others), FACT_SET)
    rulebook = replace(recommender.rulebook, tables={**tables, "employer": employer})
    broken = a_human_channel(rulebook, recommender.catalogue, recommender.channels | {"hidden": hidden})
    assert {each.subject for each in broken} == {"channel hidden"}


@pytest.mark.parametrize("need", ["interpreter_needed", "easy_language"])
def test_objectors_and_minors_of_any_need_get_the_same_or_the_promise_is_broken(recommender, need):
    def broken(*marks):
        one = replace(row("one"), when={"personalisation": marks, need: ("yes",)}, channel="chat")
        rulebook = replace(
            recommender.rulebook, tables={"person": Table("person", (one, row("all")), FACT_SET)}
        )
        return len(list(the_neutral_answer(rulebook, recommender.catalogue, recommender.channels)))

    assert broken("minor") == broken("objected") == 1
    assert broken("minor", "objected") == 0


def test_a_channel_that_is_always_open_or_without_a_person_is_no_fallback(recommender):
    for change in ({"hours": None}, {"human": False}):
        channels = recommender.channels | {"phone": replace(recommender.channels["phone"], **change)}
        broken = list(a_human_channel(recommender.rulebook, recommender.catalogue, channels))
        told = [each.what for each in broken if each.subject == "channel phone"]
        assert told == [phrase("not_human", channel="phone")]


def test_addresses_of_our_own_pages_alone_become_public_and_name_their_language(content):
    own = {"title": "Own", "url": "/content/own"}
    other = {"title": "Kela", "url": "https://www.kela.fi/a"}
    item = {
        "id": "a",
        "type": "guide",
        "class": "guidance",
        "audience": "person",
        "topics": ["general"],
        "status": "approved",
        "languages": {"fi": own, "sv": other},
    }
    document = {"items": [item]}
    public = read_catalogue(document, VOCABULARY, public_url="https://arki.example").items["a"].languages
    assert public["fi"].url == "https://arki.example/content/own?language=fi"
    assert public["sv"].url == "https://www.kela.fi/a"
    assert [public["fi"].is_own, public["sv"].is_own] == [True, False]
    plain = read_catalogue(document, VOCABULARY).items["a"].languages
    assert [plain["fi"].url, plain["sv"].url] == ["/content/own", "https://www.kela.fi/a"]


ARMS = (Variant("control", 30, ("guide",)), Variant("one", 45, ("guide",)), Variant("two", 25, ("guide",)))


@pytest.mark.parametrize(
    ("bucket", "arm"),
    [(0, "control"), (2_999, "control"), (3_000, "one"), (7_499, "one"), (7_500, "two"), (9_999, "two")],
)
def test_each_arm_has_as_many_buckets_as_its_share_says(bucket, arm):
    assert arm_of(ARMS, bucket).id == arm


def test_an_arm_begins_at_its_first_bucket_and_there_is_none_beyond_the_shares():
    assert [bucket_of(ARMS, arm.id) for arm in ARMS] == [0, 3_000, 7_500]
    with pytest.raises(ValueError, match="no arm three"):
        bucket_of(ARMS, "three")
    with pytest.raises(ValueError, match="less than 100"):
        arm_of(ARMS[:2], 7_500)


def test_a_draw_is_the_documented_hash_so_that_no_release_moves_anybody():
    key = hmac.digest(b"second", b"arki.assignment", "sha256")
    salt = hmac.digest(key, b"video-first", "sha256")
    expected = int.from_bytes(hmac.digest(salt, b"customer", "sha256")[:8], "big") % 10_000
    draw = Assigner("first, second").draw("customer")
    assert draw("video-first") == expected
    assert Assigner("first").draw(None) is None


def row(name, **when):
    """A rule of employers, with conditions."""
    because = dict.fromkeys(LANGUAGES, "Because.")
    return Rule(name, when, "web_page", ("guide",), "employers", "phone", because, "team", "source")


def test_a_rule_that_is_passed_over_names_its_first_condition_that_failed():
    table = Table(
        "employer",
        (
            row(
                "small", personalisation=("allowed",), employer_size=("micro", "small"), first_claim=("yes",)
            ),
            row("all"),
        ),
        FACT_SET,
    )
    facts = lookups(read_signals("employer", {"employees": 90}), None)[0]
    assert table.choose(facts).id == "all"
    assert table.passed_over(facts) == [PassedOver("small", "employer_size", "medium", ("micro", "small"))]


def test_a_guarantee_is_of_channels_and_of_the_first_kind_of_content():
    def kept(channel=(), content=()):
        promise = Guarantee("g", "person", {}, channel, content, "Says.")
        return promise.kept_by("chat", ("guide", "form")), promise.kept_by("chat", ())

    assert kept() == (True, True)
    assert kept(channel=("chat",)) == (True, True)
    assert kept(channel=("phone",)) == (False, False)
    assert kept(content=("guide",)) == (True, False)
    assert kept(content=("form",)) == (False, False)
    assert kept(channel=("phone",), content=("guide",)) == (False, False)
    assert kept(channel=("chat",), content=("form",)) == (False, False)


def test_a_rulebook_keeps_its_promises_and_guarantees_as_written(authored):
    read = read_rulebook(authored.rulebook, CONTRACT)
    assert [(each.id, each.check, each.says) for each in read.promises] == [
        (each["id"], each["check"], each["says"]) for each in authored.rulebook["promises"]
    ]
    assert [each.id for each in read.guarantees] == [each["id"] for each in authored.rulebook["guarantees"]]


def test_rows_of_many_separate_values_are_painted_as_they_are_cut_in_every_block():
    values = tuple(f"v{number}" for number in range(12))
    axes = dict.fromkeys(("one", "two", "three"), values)
    apart = [{name: (value,)} for name in axes for value in values]
    odd = dict.fromkeys(axes, values[1::2])  # 6 × 6 × 6 runs
    rows = [
        {"one": ("v3",), "two": ("v3",)},
        odd,
        {"three": values[2:9:2]},
        dict.fromkeys(axes, values[::3]),
        {},
    ]
    blocks = [axes | {"one": values[:5]}, axes | {"one": values[5:], "two": values[3:10:2]}]
    painted, cut = (decide(blocks, rows, also=apart, largest=largest) for largest in (10**6, 0))
    assert (type(painted), type(cut)) == (Painted, Pieces)
    assert painted.rows() == cut.rows() == set(range(5))
    for row in range(5):
        assert painted.count(row) == cut.count(row)
        assert painted.beneath(row) == cut.beneath(row)
        for name in axes:
            assert painted.values(row, name) == cut.values(row, name)
        within = {"one": values[2:7], "three": values[::2]}
        told = [
            {(cell["one"], cell["three"]) for cell in decided.examples(row, within, ["one", "three"])}
            for decided in (painted, cut)
        ]
        assert told[0] == told[1]
    assert painted.count(0) == 12


def guide(name, *, topic="rent", language="fi", channel=None):
    """A guide for persons, in one language."""
    texts = {language: ContentText(name, f"/{name}", None)}
    only, spoken = frozenset([channel] if channel else []), spoken_in([language])
    return ContentItem(
        name,
        "guide",
        False,
        "person",
        (topic,),
        frozenset(),
        only,
        texts,
        date.min,
        date.max,
        True,
        {},
        spoken,
    )


def gates(*items):
    """Why each guide is not offered on a web page to somebody who rents and reads Finnish."""
    catalogue = Catalogue(items, with_topics({"general": None, "housing": None, "rent": "housing"}))
    wanted = Wanted("person", "fi", NOON.date(), (), 3)
    return dict(why_not(catalogue, [Sought("guide", "rent", "web_page")], wanted))


def test_an_item_of_the_very_channel_passes_the_gate_of_channels():
    assert gates(guide("a", channel="web_page"), guide("b", channel="web_page")) == {"b": "outranked"}
    assert gates(guide("a"), guide("b", channel="chat")) == {"b": "channel"}


def test_another_language_is_the_reason_where_an_item_as_near_is_in_the_language_asked_for():
    assert gates(guide("a", topic="housing"), guide("b", topic="housing", language="sv")) == {"b": "language"}
    assert gates(guide("a"), guide("b", topic="housing", language="sv")) == {"b": "outranked"}


def test_why_no_other_item_is_offered_is_told_in_the_order_of_ids():
    assert list(gates(*map(guide, "dbac"))) == list("abc")


SOUND = ROOT / "fixtures" / "rulebooks" / "sound"
AS_DEFAULT = """  - id: as-default
    when: {life_event: [KE4], segment: changing}
    then:
      channel: web_page
      content: [guide, web_page]
      topic: general
    because: {fi: Yleistä tietoa., sv: Allmän information., en: General information.}
    owner: service-team
    source: kela.fi

"""


@pytest.fixture
def codes(checked):
    """What is found in the sound rulebook after some changes, as subjects and codes."""
    return lambda *changes: [(finding.subject, finding.code) for finding in checked(*changes).findings]


def test_a_rule_that_matters_in_one_period_alone_is_no_idle_rule(codes):
    above_moving = ("rules.yaml", "  - id: moving\n", f"{AS_DEFAULT}  - id: moving\n")
    other = ("examples.yaml", "life_event: KE4}", "life_event: KE7}")
    covered = (
        "examples.yaml",
        "  - id: example-default\n",
        (
            "  - {id: example-as-default, for: person, expect: {rule: as-default},\n"
            "     facts: {segment: changing, confidence: high, life_event: KE4}}\n  - id: example-default\n"
        ),
    )
    assert codes(above_moving, other, covered) == [("moving", "misleading")]  # it never decides for KE4


def test_a_rule_that_matters_in_no_period_is_an_idle_rule(codes):
    above_default = ("rules.yaml", "  - id: default\n", f"{AS_DEFAULT}  - id: default\n")
    assert ("as-default", "changes_nothing") in codes(above_default)


def test_an_example_holds_in_every_period_and_not_in_the_first_alone(codes):
    later = (
        "examples.yaml",
        "  - id: example-default\n",
        (
            "  - {id: example-later, for: person, expect: {rule: default},\n"
            "     facts: {segment: changing, confidence: high, life_event: KE4}}\n  - id: example-default\n"
        ),
    )
    assert codes(later) == [("example-later", "comes_out")]


def test_the_rules_that_decide_for_another_are_told_in_the_order_of_the_table():
    sizes = {1: "micro", 8: "small"}
    rules = [row(f"r{at}", employer_size=(sizes.get(at, "medium"),)) for at in range(10)]
    tables = {"employer": Table("employer", tuple(rules), FACT_SET)}
    rulebook = Rulebook(tables, (), 30, FACT_SET, Campaigns((), FACT_SET))
    [period] = analysis.decided_periods(rulebook, rulebook.tables["employer"])
    taken = row("taken", employer_size=("small", "micro"))
    assert analysis._deciders(taken, period, "employer") == ["r1", "r8"]
    assert analysis._deciders(taken, period, "employer", employer_size=()) == []


def test_of_51_items_on_a_topic_the_last_is_offered_when_the_others_were_shown():
    names = [f"guide-{number:02}" for number in range(MOST_SHOWN + 1)]
    catalogue = Catalogue([guide(name) for name in names], with_topics({"general": None, "rent": None}))
    wanted = {"customer_type": "person", "channel": "web_page", "language": "fi", "day": NOON.date()}
    assert MOST_SHOWN == 50
    assert catalogue.pick("guide", "rent", **wanted, shown=names[:50]).id == names[50]


def test_a_rule_decides_until_one_above_begins_that_its_customers_could_meet():
    day = date(2026, 11, 20)
    small = row("small", employer_size=("small",))
    below = replace(row("below", employer_size=("small",)), valid_from=day)
    missed = replace(row("missed", employer_size=("medium",)), valid_from=day)
    met = replace(row("met", first_claim=("yes",)), valid_from=day)

    def until(*rules):
        return Table("employer", rules, FACT_SET).decides_until(small, day - timedelta(days=5))

    assert until(small, row("all")) == until(small, below) == until(missed, small) == date.max
    assert (
        until(met, small) == until(missed, met, small) == until(met, missed, small) == day - timedelta(days=1)
    )
    ending = replace(small, valid_until=day)
    assert until(ending, row("all")) == day


def test_a_topic_leads_to_its_parents_and_then_to_the_general_one():
    catalogue = Catalogue([], with_topics({"general": None, "housing": None, "rent": "housing"}))
    assert catalogue.topic_chain("rent") == ("rent", "housing", "general")
    assert catalogue.topic_chain("housing") == ("housing", "general")
    assert catalogue.topic_chain("general") == ("general",)


def test_a_catalogue_without_duties_lacks_the_floor_of_every_benefit():
    lacking = list(without_floor(Catalogue([], VOCABULARY)))
    assert lacking == [
        *(("person", benefit) for benefit in BENEFITS),
        *(("employer", kind) for kind in CLAIM_KINDS),
    ]


def test_in_a_preferred_channel_each_kind_comes_once_easy_language_first_and_then_how_to_reach_it(
    recommender,
):
    rule = replace(row("any"), channel="web_page", content=("guide", "easy_read", "contact_card", "form"))
    chat = replace(recommender.channels["chat"], carries=("form", "easy_read", "guide"), card="contact_card")
    assert kinds_offered(rule, chat, VOCABULARY) == ("easy_read", "contact_card", "guide", "form")
    assert kinds_offered(rule, recommender.channels["web_page"], VOCABULARY) == rule.content


def test_the_topics_of_a_rule_are_those_of_what_its_customers_may_have_stated(recommender):
    catalogue = recommender.catalogue
    own = replace(row("own"), topic="housing")
    assert topics_of(own, "person", FACT_SET, catalogue) == {"housing"}
    events, benefits = VOCABULARY.life_events, VOCABULARY.duties["person"]
    stated = replace(row("stated", life_event=("KE4", "KE8")), topic="stated")
    assert topics_of(stated, "person", FACT_SET, catalogue) == {events["KE4"].topic, events["KE8"].topic}
    matter = replace(row("matter", life_event=("none",), open_matter=("housing_allowance",)), topic="stated")
    assert topics_of(matter, "person", FACT_SET, catalogue) == {benefits["housing_allowance"].topic}
    assert topics_of(replace(row("all"), topic="stated"), "employer", FACT_SET, catalogue) == {
        *(term.topic for term in VOCABULARY.duties["employer"].values()),
        "employers",
    }


def duty(name, *languages, benefits=("sickness_allowance",), begins=date.min, ends=date.max):
    """A statutory item for persons."""
    texts = {language: ContentText(name, f"/{name}", None) for language in languages}
    topics, owing, any_channel, spoken = ("general",), frozenset(benefits), frozenset(), spoken_in(languages)
    return ContentItem(
        name, "guide", True, "person", topics, owing, any_channel, texts, begins, ends, True, {}, spoken
    )


def left_owed(*items):
    """What is owed after one of some statutory items has ended: the item, from when, and in which languages."""
    floor = duty("floor", "fi", "sv", benefits=("sickness_allowance", "housing_allowance"))
    found = unsucceeded(Catalogue([floor, *items], with_topics({"general": None})))
    return [(gap.item.id, gap.days.first, gap.languages) for gap in found]


def test_a_statutory_item_that_ends_is_owed_until_one_as_particular_in_its_language_takes_its_place():
    end, after = date(2026, 11, 20), date(2026, 11, 21)
    ended = duty("ended", "fi", "sv", ends=end)
    both = ("sickness_allowance", "housing_allowance")
    assert left_owed(ended) == [("ended", after, ("fi", "sv"))]
    assert left_owed(ended, duty("next", "fi", "sv", begins=after)) == []
    assert left_owed(ended, duty("next", "fi", begins=after)) == [("ended", after, ("sv",))]
    assert left_owed(ended, duty("next", "sv", "fi", begins=date(2026, 11, 22))) == [
        ("ended", after, ("fi", "sv"))
    ]
    assert left_owed(ended, duty("general", "fi", "sv", benefits=both)) == [("ended", after, ("fi", "sv"))]
    assert left_owed(ended, duty("general", "fi", "sv", benefits=both, begins=after)) == []
    assert left_owed(ended, duty("beside", "fi", "sv")) == []
    assert left_owed(duty("endless", "fi", "sv")) == []


def test_days_are_told_by_their_ends_and_every_day_as_such():
    first, last = date(2026, 11, 20), date(2026, 11, 21)
    told = [
        told_days(Span(*days))
        for days in ((date.min, date.max), (first, date.max), (date.min, last), (first, last))
    ]
    assert told == [
        phrase("days_every"),
        phrase("days_from", start="2026-11-20"),
        phrase("days_until", end="2026-11-21"),
        phrase("days_between", start="2026-11-20", end="2026-11-21"),
    ]


def test_a_kind_of_content_that_lacks_a_language_is_one_error_even_where_it_ends_in_the_other(content):
    ends = replace(guide("a"), valid_until=date(2026, 11, 20))
    catalogue = Catalogue([ends], with_topics({"general": None, "rent": None}))
    table = Table("person", (replace(row("rule"), topic="rent"),), FACT_SET)
    authored = copy.deepcopy(content)
    before = len(authored.findings)
    find_dead_references(authored, table, catalogue, {})
    assert [finding.code for finding in authored.findings[before:]] == ["no_content"]


def test_a_row_that_decides_nothing_has_no_values_and_no_examples_however_it_is_looked_up():
    axes = {"one": ("a", "b"), "two": ("c", "d")}
    for largest in (0, 100):
        decided = decide([axes], [{}, {"one": ("a",)}], largest=largest)
        assert (decided.count(1), decided.values(1, "two"), list(decided.examples(1, {}))) == (0, set(), [])


def test_where_the_table_of_persons_has_a_gap_the_one_of_employers_is_not_judged_yet(codes):
    gap = ("rules.yaml", "  - id: default\n", "  - id: default\n    when: {segment: [steady]}\n")
    another = ("rules.yaml", "  - id: firm\n", "  - id: firm\n    when: {first_claim: [yes]}\n")
    assert [code for _, code in codes(gap, another)].count("gap") == 1


def test_a_guarantee_about_a_fact_that_no_rule_names_is_proven_too(codes):
    promise = """guarantees:
  - id: alone-by-paper
    for: person
    every: {acts_through_mandate: [no]}
    must: {channel: [paper]}
    says: who acts alone gets paper
"""
    assert codes(("guarantees.yaml", "guarantees:\n", promise)) == [("help-by-phone", "breaks")]


def test_a_rule_that_never_decides_is_told_with_the_rules_that_take_its_customers_while_it_holds(checked):
    late = AS_DEFAULT.replace(
        "source: kela.fi", "source: kela.fi\n    valid: {from: 2026-06-01, until: 2026-12-31}"
    )
    [finding, *_] = checked(("rules.yaml", "  - id: default\n", f"{late}  - id: default\n")).findings
    assert (finding.subject, finding.code) == ("as-default", "never_covered")
    assert "default" not in finding.sentence().removeprefix("rules.yaml").replace("as-default", "")


def test_a_gap_is_told_with_facts_of_somebody_in_it(checked):
    gap = ("rules.yaml", "  - id: default\n", "  - id: default\n    when: {segment: [steady]}\n")
    [finding] = [each for each in checked(gap).findings if each.code == "gap"]
    assert finding.example
    assert finding.example.get("segment") != "steady"
