from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.contract.channels import HELSINKI
from models.decision.catalogue import Catalogue, read_catalogue
from models.decision.recommender import OfferCache
from testing.shipped import (
    BENEFITS,
    CHANNELS,
    CLAIM_KINDS,
    CONTENT_TYPES,
    LANGUAGES,
    LIFE_EVENTS,
    VOCABULARY,
    read_signals,
    with_topics,
)

DAY = date(2026, 11, 21)


def item(name, **changes):
    return {
        "id": name,
        "type": "guide",
        "class": "guidance",
        "audience": "person",
        "topics": ["child_benefit"],
        "languages": {"fi": {"title": name, "url": f"https://example.org/{name}"}},
        "status": "approved",
    } | changes


def text(name, *languages):
    return {language: {"title": name, "url": f"https://example.org/{name}"} for language in languages}


WORDS = with_topics({"general": None, "families": "general", "child_benefit": "families"})


def picked(items, topic="child_benefit", language="fi", **asked):
    catalogue = read_catalogue({"items": items}, WORDS)
    wishes = {"customer_type": "person", "channel": "web_page", "day": DAY} | asked
    found = catalogue.pick("guide", topic, language=language, **wishes)
    return found and found.id


def test_the_nearest_topic_wins_over_its_parents():
    items = [item("a", topics=["general"]), item("b", topics=["families"]), item("c")]
    assert picked(items) == "c"
    assert picked(items, "families") == "b"
    assert picked(items[:1]) == "a"


def test_within_a_topic_the_asked_language_wins_then_the_main_topic():
    items = [
        item("a", languages=text("a", "sv"), priority=9),
        item("b", topics=["families", "child_benefit"], priority=9),
        item("c"),
    ]
    assert picked(items) == "c"
    assert picked(items, language="sv") == "a"
    assert picked(items[:2]) == "b"


EQUALS = [
    item("of the files' order"),
    item("of the files' order too"),
    item("newer", review_by="2027-05-31"),
    item("older", review_by="2027-05-30"),
    item("low", priority=4, review_by="2028-01-01"),
    item("usual", priority=5, review_by="2027-11-30"),
    item("high", priority=6),
]
IN_ORDER = ["high", "usual", "newer", "older", "of the files' order", "of the files' order too", "low"]


def test_among_equals_the_editors_priority_decides_then_the_newest_review_then_the_order_of_the_files():
    for shown in range(len(IN_ORDER)):
        assert picked(EQUALS, shown=set(IN_ORDER[:shown])) == IN_ORDER[shown]


def test_an_item_without_a_priority_has_five():
    assert picked([item("a", priority=5), item("b")]) == "a"
    assert picked([item("a"), item("b", priority=5)]) == "a"


def test_a_priority_sends_no_item_past_a_nearer_topic_or_the_channels_own_card():
    items = [item("a"), item("b", topics=["families"], priority=9)]
    assert picked(items) == "a"
    cards = [item("any", priority=9), item("own", channel="web_page", priority=1)]
    assert picked(cards) == "own"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["child_benefit", "families", "general"]),
            st.sampled_from([None, 1, 5, 9]),
            st.sampled_from([None, "2027-01-01", "2027-06-01"]),
            st.booleans(),
            st.permutations(["fi", "sv", "en"]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.permutations(range(8)),
    st.sampled_from(LANGUAGES),
)
def test_another_id_changes_nothing(drawn, names, language):
    """Items of any topic, language, class, priority and review, each under two ids."""

    def under(prefix):
        items = []
        for at, (topic, priority, review, statutory, spoken) in enumerate(drawn):
            name = f"{prefix[at]}"
            set_by_editor = {"priority": priority, "review_by": review}
            items.append(
                item(
                    name,
                    topics=[topic],
                    languages=text(at, *spoken[: 1 + at % 3]),
                    **{key: value for key, value in set_by_editor.items() if value is not None},
                    **({"class": "statutory", "benefits": ["child_benefit"]} if statutory else {}),
                )
            )
        catalogue = read_catalogue({"items": items}, WORDS)
        wishes = {"customer_type": "person", "language": language, "day": DAY}
        offered, shown = [], set()
        while found := catalogue.pick("guide", "child_benefit", channel="web_page", shown=shown, **wishes):
            offered.append(found)
            shown.add(found.id)
        offered += catalogue.statutory(["child_benefit"], **wishes)
        return [found.languages[found.language_for(language)].title for found in offered]

    assert under(range(8)) == under(names)


def test_a_missing_language_falls_back_to_the_national_ones():
    assert picked([item("a", languages=text("a", "sv"))], language="en") == "a"


@pytest.mark.parametrize(
    ("asked", "order"), [("fi", ("fi", "sv", "en")), ("sv", ("sv", "fi", "en")), ("en", ("en", "fi", "sv"))]
)
def test_the_asked_language_comes_first_then_the_national_ones_then_english(asked, order):
    """In one item, and among items of which each has one language."""
    for missing in range(len(order)):
        left = order[missing:]
        items = [item(code, languages=text(code, code)) for code in sorted(left)]
        assert picked(items, language=asked) == left[0]
        [whole] = read_catalogue({"items": [item("a", languages=text("a", *left))]}, WORDS).items.values()
        assert whole.language_for(asked) == left[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "draft"},
        {"valid_until": "2026-11-20"},
        {"valid_from": "2026-11-22"},
        {"audience": "employer"},
        {"class": "statutory", "benefits": ["child_benefit"]},
        {"channel": "service_point"},
        {"languages": {}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_may_not_be_offered_is_not(changes):
    assert picked([item("a", **changes)]) is None


def test_what_was_shown_is_left_out():
    assert picked([item("a"), item("b")], shown={"a"}) == "b"


def test_the_last_valid_day_still_counts():
    assert picked([item("a", valid_from="2026-11-21", valid_until="2026-11-21")]) == "a"


def test_statutory_content_prefers_the_particular_page_in_the_asked_language():
    duty = {"class": "statutory"}
    items = [
        item("all", **duty, benefits=["child_benefit", "student_aid"], languages=text("all", "fi", "sv")),
        item("one", **duty, benefits=["child_benefit"], languages=text("one", "sv")),
    ]
    catalogue = read_catalogue({"items": items}, WORDS)

    def found(language, *benefits):
        return [
            i.id for i in catalogue.statutory(benefits, customer_type="person", language=language, day=DAY)
        ]

    assert found("sv", "child_benefit") == ["one"]
    assert found("fi", "child_benefit") == ["all"]
    assert found("fi", "student_aid", "child_benefit") == ["all"]
    assert found("fi", "pensions") == []


def test_of_statutory_items_alike_the_editors_priority_decides_then_the_newest_review():
    duty = {"class": "statutory", "benefits": ["child_benefit"]}
    items = [
        item("first", **duty, review_by="2027-01-01"),
        item("newer", **duty, review_by="2027-06-01"),
        item("high", **duty, priority=6),
        item("particular in no way", **duty | {"benefits": ["child_benefit", "pensions"]}, priority=9),
    ]

    def owed(some):
        catalogue = read_catalogue({"items": some}, WORDS)
        [found] = catalogue.statutory(["child_benefit"], customer_type="person", language="fi", day=DAY)
        return found.id

    assert [owed(items), owed(items[:2] + items[3:]), owed([items[0], items[3]])] == [
        "high",
        "newer",
        "first",
    ]


@given(customers(), st.sampled_from(LANGUAGES), st.integers(1, 10), st.randoms(use_true_random=False))
def test_no_answer_changes_when_the_shipped_items_get_other_ids(
    recommender, customer, language, limit, chance
):
    items = recommender.catalogue.items
    names = [f"item-{number:03}" for number in range(len(items))]
    chance.shuffle(names)
    renamed = Catalogue(
        [replace(item, id=name) for item, name in zip(items.values(), names, strict=True)],
        recommender.vocabulary,
    )
    noon = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)

    def seen(made):
        [found] = made.recommend([read_signals(*customer)], at=noon, language=language, limit=limit)
        items = [item._replace(content=item.content._replace(id="")) for item in found.items]
        return items, [each.content.title for each in found.statutory], found.human_channel

    assert seen(recommender) == seen(replace(recommender, catalogue=renamed, cache=OfferCache()))


@pytest.fixture(scope="module")
def shipped(authored):
    return read_catalogue(authored.catalogue, VOCABULARY)


def offered(shipped):
    return [i for i in shipped.items.values() if i.approved and i.holds_on(DAY)]


def test_at_least_120_real_items_are_approved(shipped):
    real = [
        i
        for i in shipped.items.values()
        if i.approved and str(i.source["evidence"]).startswith("stored page")
    ]
    assert len(real) >= 120
    assert all("kela" in t.url or "fpa" in t.url or "." in t.url for i in real for t in i.languages.values())


def test_weaker_evidence_is_only_ever_a_draft(shipped):
    weak = [
        i for i in shipped.items.values() if not str(i.source["evidence"]).startswith(("stored page", "Arki"))
    ]
    assert weak
    assert not [i.id for i in weak if i.approved]


def test_legacy_addresses_are_flagged(shipped):
    for i in shipped.items.values():
        assert bool(i.source.get("legacy_address")) == ("legacy" in i.source["evidence"]), i.id


def test_the_benefits_that_yleistuki_ended_are_expired_not_deleted(shipped):
    ended = [
        i
        for i in shipped.items.values()
        if {"labour_market_subsidy", "basic_unemployment_allowance"} & set(i.topics)
    ]
    assert ended
    assert all(i.valid_until <= date(2026, 4, 30) for i in ended)


def test_at_least_30_nudges_speak_three_languages(shipped):
    nudges = [i for i in offered(shipped) if i.type == "nudge"]
    assert len(nudges) >= 30
    for nudge in nudges:
        assert set(nudge.languages) == set(VOCABULARY.complete_languages), nudge.id
        assert all(t.body and len(t.title) <= 60 for t in nudge.languages.values()), nudge.id
        if nudge.audience == "person":
            assert "Finnish and Swedish" in nudge.languages["en"].body, nudge.id


def test_every_life_event_and_channel_has_finnish_and_swedish_content(shipped):
    for language in ("fi", "sv"):
        here = [i for i in offered(shipped) if language in i.languages]
        assert set(LIFE_EVENTS) <= {event for i in here for event in i.source.get("life_events", ())}
        by_card = {channel for i in here for channel in i.channels}
        by_kind = {"omakela_nudge": "nudge", "omakela_message": "guide", "web_page": "web_page"}
        assert set(CHANNELS) <= by_card | {
            channel for channel, kind in by_kind.items() if any(i.type == kind for i in here)
        }


def test_every_kind_of_content_exists(shipped):
    assert {i.type for i in offered(shipped)} == set(CONTENT_TYPES)


def test_at_least_eight_explainer_videos_have_script_captions_and_a_text_alternative(shipped):
    videos = [i for i in offered(shipped) if i.type == "explainer_video" and "Arki" in i.source["evidence"]]
    assert len(videos) >= 8
    for video in videos:
        for language in ("fi", "sv", "en"):
            told = video.source["languages"][language]
            assert told["script"], video.id
            assert told["captions"], video.id
            assert told["text_alternative"], video.id


@pytest.mark.parametrize("language", VOCABULARY.complete_languages)
def test_every_benefit_has_its_duty_to_report_changes(shipped, language):
    for benefit in BENEFITS:
        found = shipped.statutory([benefit], customer_type="person", language=language, day=DAY)
        assert found, benefit
        assert language in found[0].languages, benefit
    for kind in CLAIM_KINDS:
        assert shipped.statutory([kind], customer_type="employer", language=language, day=DAY), kind


def test_every_own_page_that_is_linked_exists(shipped):
    for i in offered(shipped):
        for language, t in i.languages.items():
            if t.url.startswith("/content/"):
                target = shipped.items[t.url.removeprefix("/content/")]
                assert target.approved, i.id
                assert language in target.languages, i.id
