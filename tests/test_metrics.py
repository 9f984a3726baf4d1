"""What is counted: routes, answers, items, abstentions, degraded answers and refused bundles."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from models.recommender import Versions
from service import metrics
from service.access import SCOPES
from service.metrics import BundleWatch

PATH = "/v1/recommendations"
JOB_LOST = {
    "customer_type": "person",
    "signals": {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1},
}


def total(name, **labels):
    return metrics._own.get_sample_value(name, labels) or 0


@pytest.fixture
def more():
    """A function that says by how much a count grew since the test began."""
    begun = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in metrics._own.collect()
        for sample in family.samples
    }
    return lambda name, **labels: total(name, **labels) - begun.get((name, tuple(sorted(labels.items()))), 0)


def test_requests_are_counted_and_timed_by_route(client, more):
    client.get("/v1/segments/steady")
    client.get("/v1/segments/nobody")
    route = "/v1/segments/<segment>"
    assert more("arki_requests_total", route=route, method="GET", status="200") == 1
    assert more("arki_requests_total", route=route, method="GET", status="404") == 1
    assert more("arki_request_seconds_count", route=route) == 2


def test_an_unknown_address_makes_no_label_of_its_own(stranger, more):
    for address in ("/a", "/b", "/c"):
        stranger.get(address)
    assert more("arki_requests_total", route="unmatched", method="GET", status="404") == 3


def test_answers_are_counted_by_segment_and_items_by_channel_and_kind(client, more):
    answer = client.post(PATH, json=JOB_LOST).json
    assert more("arki_answers_total", segment=answer["segment"]["id"]) == 1
    for item in answer["items"]:
        assert more("arki_items_total", channel=item["channel"], content_type=item["content_type"]) >= 1


def test_an_abstention_is_told_from_an_objection(client, more):
    client.post(PATH, json={"customer_type": "person", "signals": {}})
    client.post(PATH, json={"customer_type": "person", "signals": {"personalisation": "objected"}})
    client.post(PATH, json={"customer_type": "person", "signals": {"minor": True}})
    assert more("arki_abstentions_total") == more("arki_answers_total", segment="abstained") == 1
    assert more("arki_answers_total", segment="not_personalised") == 2


def test_each_customer_of_a_batch_is_counted(client, more):
    client.post(f"{PATH}/batch", json={"customers": [JOB_LOST] * 5 + [{"bad": 1}]})
    assert more("arki_answers_total", segment="changing") == 5


def test_a_refused_bundle_is_counted_once_and_the_served_one_is_named(more):
    watch, versions = BundleWatch(), Versions("b1", "m1", "r1", "c1", "d1")
    bundle = SimpleNamespace(recommender=SimpleNamespace(versions=versions))
    for problem in (None, "is broken", "is broken", None):
        watch.see(bundle, problem)
    assert more("arki_refused_bundles_total") == 1
    assert total("arki_bundle_workers", **versions._asdict()) == 1
    newer = Versions("b2", "m1", "r1", "c1", "d1")
    watch.see(SimpleNamespace(recommender=SimpleNamespace(versions=newer)), None)
    assert total("arki_bundle_workers", **versions._asdict()) == 0
    assert total("arki_bundle_workers", **newer._asdict()) == 1


def test_metrics_need_the_scope_operate_and_name_no_one(client, stranger):
    assert "operate" in SCOPES
    assert stranger.get("/metrics").status_code == 401
    client.post(PATH, json=JOB_LOST)
    answered = client.get(
        "/metrics", headers={"Host": "10.1.2.3:8080", "Accept": "text/plain;version=0.0.4,*/*;q=0.1"}
    )
    assert answered.status_code == 200
    assert answered.content_type.startswith("text/plain; version=0.0.4")
    for name in (
        "arki_requests_total",
        "arki_request_seconds_bucket",
        "arki_answers_total",
        "arki_items_total",
    ):
        assert f"\n{name}{{" in answered.text
    assert "KE8" not in answered.text
