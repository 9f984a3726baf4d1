"""An explanation says of each item that is not offered which gate it failed first."""

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import customers, showables

from models.contract.channels import HELSINKI
from models.decision.catalogue import Catalogue, ContentItem, ContentText
from models.decision.offers import GATES, Sought, Wanted, why_not
from models.decision.query import Showable
from testing.shipped import read_signals, spoken_in, with_topics

NOON = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
PARENTS = {"general": None, "housing": None, "rent": "housing", "work": None}


def item(name, *, kind="guide", topics=("rent",), languages=("fi",), channel=None, **more):
    fields = {
        "statutory": False,
        "audience": "person",
        "benefits": frozenset(),
        "channels": frozenset([channel] if channel else []),
        "spoken": spoken_in(languages),
        "valid_from": date.min,
        "valid_until": date.max,
        "approved": True,
    } | more
    texts = {language: ContentText(name, f"/{name}", None) for language in languages}
    return ContentItem(id=name, type=kind, topics=topics, languages=texts, source={}, **fields)


CASES = [
    pytest.param(item("x", approved=False), "draft", id="draft"),
    pytest.param(item("x", languages=()), "draft", id="no language"),
    pytest.param(item("x", audience="employer"), "audience", id="audience"),
    pytest.param(item("x", statutory=True), "statutory", id="statutory"),
    pytest.param(item("x", kind="form"), "kind", id="kind"),
    pytest.param(item("x", channel="paper"), "channel", id="channel"),
    pytest.param(item("x", topics=("work",)), "topic", id="topic"),
    pytest.param(item("x", valid_until=date(2026, 1, 1)), "validity", id="expired"),
    pytest.param(item("x", valid_from=date(2027, 1, 1)), "validity", id="not yet"),
    pytest.param(item("a", languages=("sv",)), "language", id="another is in the language asked for"),
    pytest.param(item("shown"), "shown", id="shown before"),
    pytest.param(item("x"), "outranked", id="another goes first"),
    pytest.param(item("x", topics=("housing",)), "outranked", id="a nearer topic goes first"),
    pytest.param(
        item("x", topics=("housing",), priority=9), "outranked", id="a nearer topic goes before a priority"
    ),
    pytest.param(item("a", review_by=date(2020, 1, 1)), "outranked", id="a higher priority goes first"),
]


GUIDES = (Sought("guide", "rent", "web_page"),)


def asked(*items, limit=3, sought=GUIDES, **showable):
    catalogue = Catalogue((item("best", priority=6), *items), with_topics(PARENTS))
    wanted = Wanted("person", "fi", date(2026, 11, 18), ("shown",), limit, Showable(**showable))
    return dict(why_not(catalogue, sought, wanted))


@pytest.mark.parametrize(("other", "gate"), CASES)
def test_the_first_gate_failed_is_told(other, gate):
    assert asked(other) == {other.id: gate}


def test_what_the_limit_cut_off_says_so():
    sought = (Sought("guide", "rent", "web_page"), Sought("form", "rent", "web_page"))
    assert asked(item("form", kind="form"), limit=1, sought=sought) == {"form": "limit"}
    assert asked(item("form", kind="form"), limit=2, sought=sought) == {}


def test_where_it_came_furthest_counts():
    sought = (Sought("guide", "work", "web_page"), Sought("guide", "rent", "web_page"))
    assert asked(item("x", valid_until=date(2026, 1, 1)), sought=sought) == {"x": "validity"}


@pytest.mark.parametrize(
    "lists", [{"channels": ("phone",)}, {"content_types": ("form",)}], ids=["channel", "kind"]
)
def test_what_would_be_offered_but_cannot_be_shown_says_so_and_counts_for_nothing(lists):
    sought = (*GUIDES, Sought("form", "rent", "phone"))
    found = asked(item("x"), item("form", kind="form"), limit=1, sought=sought, **lists)
    assert found == {"best": "restricted", "x": "outranked"}


def test_what_can_be_shown_where_it_is_looked_for_again_is_offered():
    sought = (*GUIDES, Sought("guide", "rent", "phone"))
    assert asked(sought=sought, channels=("phone",)) == {}


@settings(max_examples=30, deadline=None)
@given(
    customer=customers(),
    limit=st.integers(1, 10),
    language=st.sampled_from(["fi", "sv", "en"]),
    showable=showables(),
)
def test_every_item_is_offered_or_says_why_not(recommender, customer, limit, language, showable):
    explained = recommender.explain(
        read_signals(*customer), at=NOON, limit=limit, language=language, showable=showable
    )
    offered = [item.content.id for item in explained.recommendation.items]
    refused = {one.content: one.gate for one in explained.why_not}
    assert sorted([*offered, *refused]) == sorted(recommender.catalogue.items)
    assert set(refused.values()) <= set(GATES)
    assert all(refused[one.content.id] == "statutory" for one in explained.recommendation.statutory)


def test_the_service_tells_why_not(client):
    answer = client.post("/v1/explanations", json={"customer_type": "employer", "signals": {}, "limit": 1})
    found = {one["content"]: one["gate"] for one in answer.get_json()["why_not"]}
    assert {"audience", "kind", "draft"} <= set(found.values())
    offered = answer.get_json()["recommendation"]["items"][0]["content"]["id"]
    again = client.post(
        "/v1/explanations", json={"customer_type": "employer", "signals": {}, "limit": 1, "shown": [offered]}
    )
    assert {"content": offered, "gate": "shown"} in again.get_json()["why_not"]
