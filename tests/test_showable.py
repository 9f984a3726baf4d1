"""A caller says which channels and kinds of content it can show: the others are left out, and the answer says so."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import pytest
from conftest import KEY, NOW
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers, showables

from models.contract.channels import HELSINKI
from models.decision.query import EVERYTHING, Showable
from models.decision.recommender import OfferCache
from service.app import create_app
from testing.shipped import CHANNELS, CONTENT_TYPES, read_signals

NOON = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
JOB_LOST = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}
PATH, BATCH = "/v1/recommendations", "/v1/recommendations/batch"
ALL = 100
"""More than any answer has."""


def answer(recommender, customer, showable=EVERYTHING, **wishes):
    wishes = {"at": NOON} | wishes
    [found] = recommender.recommend([read_signals(*customer)], showable=showable, **wishes)
    return found


def told(item):
    """All of an item but its rank."""
    return item._replace(rank=0)


@given(customers(), showables(), st.integers(1, 10))
def test_what_cannot_be_shown_is_left_out_and_nothing_is_invented(recommender, customer, showable, limit):
    found = answer(recommender, customer, showable, limit=limit)
    every = answer(recommender, customer, limit=ALL)
    assert len(found.items) <= limit
    assert all(showable.has(item.channel, item.content_type) for item in found.items)
    assert {item.content for item in found.items} <= {item.content for item in every.items}
    assert [item.rank for item in found.items] == list(range(1, len(found.items) + 1))


@given(customers(), showables(), st.integers(1, 10))
def test_what_can_be_shown_of_the_answer_without_lists_stays_in_its_order(
    recommender, customer, showable, limit
):
    found = [told(item) for item in answer(recommender, customer, showable, limit=limit).items]
    usual = answer(recommender, customer, limit=limit).items
    staying = [told(item) for item in usual if showable.has(item.channel, item.content_type)]
    assert [item for item in found if item in staying] == staying


@given(customers(), showables(), st.integers(1, 10))
def test_an_answer_is_restricted_where_the_lists_left_out_an_item_that_it_would_hold_and_nowhere_else(
    recommender, customer, showable, limit
):
    found, usual = (answer(recommender, customer, lists, limit=limit) for lists in (showable, EVERYTHING))
    left_out = [item for item in usual.items if not showable.has(item.channel, item.content_type)]
    assert found.restricted == bool(left_out)
    assert not usual.restricted
    if not found.restricted:
        assert found.items == usual.items


@given(customers(), showables())
def test_statutory_content_and_the_way_to_a_person_are_as_without_lists(recommender, customer, showable):
    found, usual = (answer(recommender, customer, lists) for lists in (showable, EVERYTHING))
    for part in ("statutory", "human_channel", "segment", "notice", "personalised", "versions"):
        assert getattr(found, part) == getattr(usual, part)


def test_the_limit_counts_what_can_be_shown(recommender):
    customer = ("person", JOB_LOST)
    usual = answer(recommender, customer, limit=ALL).items
    last = usual[-1]
    found = answer(recommender, customer, Showable(content_types=(last.content_type,)), limit=1)
    assert [item.content for item in found.items] == [last.content]
    assert found.restricted


def test_an_answer_of_which_nothing_can_be_shown_has_no_items(recommender):
    found = answer(recommender, ("person", JOB_LOST), Showable(channels=("paper",)))
    assert (found.items, found.restricted) == ((), True)
    assert found.human_channel.id == "phone"


def test_callers_who_can_show_other_things_get_their_own_answers_in_one_minute(recommender):
    fresh = replace(recommender, cache=OfferCache())
    for _ in range(2):
        usual = answer(fresh, ("person", JOB_LOST))
        videos = answer(fresh, ("person", JOB_LOST), Showable(content_types=("explainer_video",)))
        guides = answer(fresh, ("person", JOB_LOST), Showable(content_types=("guide",)))
        kinds = [{item.content_type for item in found.items} for found in (usual, videos, guides)]
        assert [kinds[0] > {"guide", "explainer_video"}, *kinds[1:]] == [True, {"explainer_video"}, {"guide"}]


@given(customers(), showables())
def test_the_neutral_answer_that_stands_in_holds_to_the_lists_too(recommender, customer, showable):
    found = recommender.degraded(read_signals(*customer), at=NOON, showable=showable)
    assert all(showable.has(item.channel, item.content_type) for item in found.items)
    explained = recommender.explain(read_signals(*customer), at=NOON, showable=showable, degraded=True)
    assert explained.recommendation == found


@given(customers(), showables(), st.integers(1, 10))
def test_an_explanation_is_of_the_answer_with_the_lists(recommender, customer, showable, limit):
    explained = recommender.explain(read_signals(*customer), at=NOON, limit=limit, showable=showable)
    assert explained.recommendation == answer(recommender, customer, showable, limit=limit)
    gates, offered = dict(explained.why_not), {item.content.id for item in explained.recommendation.items}
    for item in answer(recommender, customer, limit=limit).items:
        if not showable.has(item.channel, item.content_type):
            # An item may be looked for again, where it can be shown or where the limit was reached.
            assert item.content.id in offered or gates[item.content.id] in {"restricted", "limit"}


def person(**wishes):
    return {"customer_type": "person", "signals": JOB_LOST, **wishes}


def test_the_service_leaves_out_what_a_caller_cannot_show(client):
    usual = client.post(PATH, json=person()).json
    found = client.post(PATH, json=person(channels=["web_page"], content_types=["guide", "article"])).json
    assert (usual["restricted"], found["restricted"]) == (False, True)
    assert [(item["channel"], item["content_type"]) for item in found["items"]] == [("web_page", "guide")]
    assert found["human_channel"] == usual["human_channel"]
    all_of_them = person(channels=list(CHANNELS), content_types=list(CONTENT_TYPES))
    assert client.post(PATH, json=all_of_them).json["items"] == usual["items"]


def test_an_explanation_of_the_service_says_what_a_caller_cannot_show(client):
    found = client.post("/v1/explanations", json=person(content_types=["guide"])).json
    assert found["recommendation"]["restricted"]
    restricted = [one["content"] for one in found["why_not"] if one["gate"] == "restricted"]
    usual = client.post(PATH, json=person()).json["items"]
    assert [item["content"]["id"] for item in usual if item["content_type"] != "guide"] == [
        name for name in (item["content"]["id"] for item in usual) if name in restricted
    ]


def test_a_batch_may_say_once_what_can_be_shown_and_a_customer_otherwise(client):
    customers = [person(), person(content_types=["explainer_video"]), person(channels=["paper"])]
    found = client.post(BATCH, json={"customers": customers, "content_types": ["guide"]}).json["results"]
    kinds = [{item["content_type"] for item in one["recommendation"]["items"]} for one in found]
    assert kinds == [{"guide"}, {"explainer_video"}, set()]
    alone = client.post(PATH, json=person(content_types=["guide"])).json
    assert found[0]["recommendation"]["items"] == alone["items"]


def test_the_service_holds_to_the_lists_where_the_model_fails(settings, recommender):
    def fails(*_, **__):
        raise RuntimeError

    parts = {name: getattr(recommender, name) for name in ("degraded", "versions", "contract")}
    broken = SimpleNamespace(recommend=fails, **parts)
    store = SimpleNamespace(bundle=lambda: SimpleNamespace(recommender=broken), problem=None)
    client = create_app(settings, store=store, clock=lambda: NOW).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    found = client.post(PATH, json=person(content_types=["contact_card"])).json
    assert found["degraded"]
    assert {item["content_type"] for item in found["items"]} <= {"contact_card"}


EVERY_CHANNEL = f"must be one of {', '.join(CHANNELS)}."
LIST_OF_CHANNELS = "must be a list of at least one channel, each once. Leave it out where all can be shown."
LIST_OF_KINDS = (
    "must be a list of at least one kind of content, each once. Leave it out where all can be shown."
)
BAD_LISTS = {
    "misspelt": (
        {"channels": ["web_page", "webpage"]},
        [("/channels/1", "unknown_value", "is no channel of Arki. Did you mean web_page?")],
    ),
    "in capitals": (
        {"content_types": ["Guide"]},
        [("/content_types/0", "unknown_value", "is no kind of content of Arki. Did you mean guide?")],
    ),
    "unlike any": ({"channels": ["jodel"]}, [("/channels/0", "unknown_value", EVERY_CHANNEL)]),
    "each told": (
        {"content_types": ["guides", 3, "nudge"]},
        [
            ("/content_types/0", "unknown_value", "is no kind of content of Arki. Did you mean guide?"),
            ("/content_types/1", "wrong_type", "must be the code of a kind of content."),
        ],
    ),
    "empty": ({"channels": []}, [("/channels", "out_of_range", LIST_OF_CHANNELS)]),
    "too long": (
        {"channels": ["phone"] * (len(CHANNELS) + 1)},
        [("/channels", "out_of_range", LIST_OF_CHANNELS)],
    ),
    "twice": ({"content_types": ["guide", "guide"]}, [("/content_types", "repeated", LIST_OF_KINDS)]),
    "a word": ({"channels": "phone"}, [("/channels", "wrong_type", LIST_OF_CHANNELS)]),
    "null": ({"content_types": None}, [("/content_types", "wrong_type", LIST_OF_KINDS)]),
}


@pytest.mark.parametrize(("lists", "faults"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_list_that_names_what_does_not_exist_is_refused_with_what_was_meant(client, lists, faults):
    def found(response, before=""):
        assert response.status_code == 422
        return [
            (error["pointer"].removeprefix(before), error["code"], error["message"])
            for error in response.json["errors"]
        ]

    assert found(client.post(PATH, json=person(**lists))) == faults
    assert found(client.post("/v1/explanations", json=person(**lists))) == faults
    assert found(client.post(BATCH, json={"customers": [person()], **lists})) == faults
    [refused] = client.post(BATCH, json={"customers": [person(**lists)]}).json["results"]
    listed = [(error["pointer"], error["code"]) for error in refused["problem"]["errors"]]
    assert listed == [(f"/customers/0{pointer}", code) for pointer, code, _ in faults]
