"""Answers: what a customer's channel gets, what only some keys see, and what happens when making one fails."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from service.api.compiled import dumper
from service.api.explanations import ExplanationSchema
from service.api.schemas import (
    BatchSchema,
    RecommendationSchema,
    SegmentAnswerSchema,
)
from service.app import create_app
from service.observability import metrics
from service.security.access import make_key, write_keys
from service.settings import Settings
from testing.shipped import read_signals

PATH = "/v1/recommendations"
JOB_LOST = {
    "customer_type": "person",
    "language": "en",
    "signals": {
        "life_events": [{"event": "KE8", "months_ago": 1}],
        "strong_identification": True,
        "omakela_logins_90d": 6,
        "benefits_ended_6m": 1,
    },
}
OBJECTOR = {
    "customer_type": "person",
    "signals": {"personalisation": "objected", "active_benefits": ["housing_allowance"]},
}
EMPLOYER = {"customer_type": "employer", "signals": {"employees": 7, "first_claim": True}}
CUSTOMERS = {"person": JOB_LOST, "objector": OBJECTOR, "employer": EMPLOYER}


def recommended(client, body):
    """The answer, valid by the schema that documents it; marshmallow does not validate what it dumps."""
    response = client.post(PATH, json=body)
    assert response.status_code == 200, response.text
    assert not RecommendationSchema().validate(response.json)
    return response.json


class Failing:
    """A recommender whose model breaks, with a signal in its message."""

    def __init__(self, real):
        self.versions, self.degraded, self.contract, self.real = (
            real.versions,
            real.degraded,
            real.contract,
            real,
        )

    def recommend(self, customers, **_):
        raise RuntimeError(f"cannot score {dict(customers[0].values)}")

    def explain(self, signals, *, degraded=False, **asked):
        if degraded:
            return self.real.explain(signals, degraded=True, **asked)
        return self.recommend([signals])


@pytest.fixture
def failing_client(settings, recommender):
    store = SimpleNamespace(bundle=lambda: SimpleNamespace(recommender=Failing(recommender)), problem=None)
    client = create_app(settings, store=store).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
    return client


@pytest.mark.parametrize("body", CUSTOMERS.values(), ids=CUSTOMERS)
@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_every_answer_is_information_only_and_names_where_a_person_is(client, body, language):
    answer = recommended(client, body | {"language": language})
    assert answer["information_only"] is True
    assert answer["notice"]
    assert answer["human_channel"]["id"] in {
        "phone",
        "phone_appointment",
        "callback",
        "service_point",
        "remote_service",
    }
    assert answer["degraded"] is False
    assert set(answer) == set(RecommendationSchema().fields)


def test_an_item_says_where_what_and_why(client):
    first = recommended(client, JOB_LOST)["items"][0]
    assert first["rank"] == 1
    assert first["reason"]["text"]
    assert {"id", "title", "url", "language"} <= set(first["content"])


def test_the_language_is_finnish_unless_said(client):
    assert (
        recommended(client, {"customer_type": "person", "signals": {}})["notice"]
        == (recommended(client, {"customer_type": "person", "signals": {}, "language": "fi"})["notice"])
    )


def test_limit_and_shown_are_honoured(client):
    first = recommended(client, JOB_LOST | {"limit": 1})["items"]
    assert len(first) == 1
    again = recommended(client, JOB_LOST | {"shown": [first[0]["content"]["id"]]})["items"]
    assert first[0]["content"]["id"] not in {item["content"]["id"] for item in again}


def test_the_same_versions_give_the_same_answer_again(client):
    answers = [recommended(client, JOB_LOST | {"as_of": "2026-06-01"}) for _ in range(2)]
    ids = {answer.pop("recommendation_id") for answer in answers}
    assert len(ids) == 2
    assert answers[0] == answers[1]


def test_an_employer_is_known_and_not_inferred(client):
    segment = recommended(client, EMPLOYER)["segment"]
    assert segment == {
        "id": "employer",
        "known": True,
        "probability": None,
        "confidence": None,
        "reasons": [],
    }


def test_an_objector_gets_a_full_neutral_answer_without_a_segment(client):
    answer = recommended(client, OBJECTOR)
    assert answer["personalised"] is False
    assert answer["segment"] is None
    assert answer["items"]
    assert answer["statutory"]


def test_a_key_without_the_scope_sees_no_segment(bundles, store, tmp_path):
    key, record = make_key(["recommend"], expires=datetime.now(UTC) + timedelta(days=1))
    write_keys(tmp_path / "keys.json", [record])
    app = create_app(Settings(bundles=bundles, keys=tmp_path / "keys.json", secret="s" * 40), store=store)
    response = app.test_client().post(PATH, json=JOB_LOST, headers={"Authorization": f"Bearer {key}"})
    assert response.json["personalised"] is True
    assert response.json["segment"] is None


def test_a_batch_answers_each_customer_as_if_alone(client):
    customers = [{"ref": name, "as_of": "2026-06-01", **body} for name, body in CUSTOMERS.items()]
    response = client.post(f"{PATH}/batch", json={"customers": customers})
    assert not BatchSchema().validate(response.json)
    for index, (result, body) in enumerate(zip(response.json["results"], CUSTOMERS.values(), strict=True)):
        alone = recommended(client, body | {"as_of": "2026-06-01"})
        together = result["recommendation"]
        del alone["recommendation_id"], together["recommendation_id"]
        assert together == alone
        assert (result["index"], result["ref"], result["status"]) == (index, list(CUSTOMERS)[index], 200)


def test_a_refused_customer_keeps_its_sound_ref_and_loses_an_unsound_one(client):
    bad = {"customer_type": "person", "signals": {"minor": 1}}
    refs = [
        "row-7.b_c~1",
        7,
        "row 7",
        "rivi-ä",
        "=1+1",
        "131052-308T",
        "131052308T",
        "131052.308t",
        "",
        "a" * 65,
    ]
    customers = [bad | {"ref": ref} for ref in refs] + [bad]
    results = client.post(f"{PATH}/batch", json={"customers": customers}).json["results"]
    assert [result.get("ref") for result in results] == ["row-7.b_c~1", *[None] * 10]
    assert [result["status"] for result in results] == [422] * 11


def test_an_explanation_holds_the_answer_its_contributions_and_the_rules_passed_over(client):
    explained = client.post("/v1/explanations", json=JOB_LOST).json
    answer = recommended(client, JOB_LOST)
    assert explained["recommendation"]["items"] == answer["items"]
    assert explained["lookups"][0]["rule"] == answer["items"][0]["reason"]["rule"]
    assert sum(explained["probabilities"].values()) == pytest.approx(1)
    assert explained["contributions"]
    for passed in explained["lookups"][0]["passed_over"]:
        assert passed["value"] not in passed["allowed"]


@pytest.mark.parametrize("body", CUSTOMERS.values(), ids=CUSTOMERS)
def test_a_failure_gives_the_neutral_answer_marked_degraded(failing_client, body, caplog):
    with caplog.at_level(logging.ERROR, "arki"):
        answer = recommended(failing_client, body)
    assert answer["degraded"] is True
    assert answer["personalised"] is False
    assert answer["segment"] is None
    assert answer["items"]
    assert answer["human_channel"]["id"]
    assert "answered degraded: RuntimeError at test_service_answers.py" in caplog.text
    assert "cannot score" not in caplog.text


def test_a_failure_in_a_batch_degrades_that_answer_and_stays_200(failing_client):
    response = failing_client.post(f"{PATH}/batch", json={"customers": list(CUSTOMERS.values())})
    assert response.status_code == 200
    assert all(result["recommendation"]["degraded"] for result in response.json["results"])


def test_an_explanation_too_is_of_the_neutral_answer_where_the_model_fails(failing_client, recommender):
    before = metrics.DEGRADED._value.get()
    body = {"customer_type": "person", "signals": {"minor": False, "easy_language": True}}
    answer = failing_client.post("/v1/explanations", json=body)
    assert answer.status_code == 200
    assert answer.json["recommendation"]["degraded"] is True
    assert not ExplanationSchema().validate(answer.json)
    recommended = recommender.degraded(
        read_signals("person", body["signals"]), at=datetime.now(UTC), language="fi"
    )
    assert [item["content"]["id"] for item in answer.json["recommendation"]["items"]] == [
        item.content.id for item in recommended.items
    ]
    assert metrics.DEGRADED._value.get() - before == 1


def test_an_unexpected_failure_says_only_its_id(settings, caplog):
    def broken():
        raise RuntimeError("SECRET")

    app = create_app(settings, store=SimpleNamespace(bundle=broken, problem=None))
    response = app.test_client().post(
        PATH, json=JOB_LOST, headers={"Authorization": "Bearer a key for tests"}
    )
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert response.json["detail"] == (
        f"Tell whoever runs the service this id: {response.headers['X-Request-Id']}."
    )
    assert response.headers["X-Request-Id"] in caplog.text
    assert "SECRET" not in response.text + caplog.text


def test_a_segment_is_serialised_with_its_reasons(recommender, at):
    signals = read_signals("person", JOB_LOST["signals"])
    segment = recommender.recommend([signals], at=at)[0].segment
    assert dumper(SegmentAnswerSchema())(segment)["reasons"][0]["signals"]
