"""What is counted: routes, answers, items, abstentions, degraded answers and refused bundles."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from models.decision.recommendation import Versions
from service.observability import metric_files, metrics
from service.observability.metrics import BundleWatch
from service.security.access import SCOPES

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


METHODS = ("GET", "HEAD", "OPTIONS", "POST", "other")
STATUSES = (200, 201, 204, 303, 400, 401, 403, 404, 405, 406, 413, 415, 421, 422, 429, 500, 503)


def test_every_count_there_can_be_fits_into_the_room_that_is_taken_before(app, tmp_path, recommender):
    rules = sorted({rule.rule for rule in app.url_map.iter_rules()} | {"unmatched"})
    code = f"""
import os, sys
from service.observability import metrics, metric_files
for route in {rules!r}:
    for status in {STATUSES!r}:
        for method in {METHODS[:4]!r} if status in (200, 401, 403, 404, 503) else ("POST",):
            metrics.count_request(route, method, status, 0.01)
for segment in range(40):
    metrics.ANSWERS.labels(f"segment-{{segment:020}}").inc()
for channel in range(20):
    for kind in range(20):
        metrics.ITEMS.labels(f"channel-{{channel:020}}", f"kind-{{kind:020}}").inc()
for bundle in range(300):
    metrics.BUNDLE.labels(*[f"{{bundle:016}}"] * 5).set(1)
for name in sorted(os.listdir({str(tmp_path)!r})):
    print(name.rpartition("_")[0], os.stat(os.path.join({str(tmp_path)!r}, name)).st_size)
"""
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    sizes = {name: int(size) for name, size in (line.split() for line in ran.stdout.splitlines())}
    assert sizes == metric_files.SIZES  # none had to grow


def test_a_worker_without_room_for_its_counts_counts_for_itself_and_says_so(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", _no_room)
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    assert metric_files.prepare(environ) is False
    assert environ == {}
    assert not list(tmp_path.iterdir())
    assert "There is no room for the counts of this worker" in caplog.text


def _no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_ended_workers_give_their_room_back_and_keep_their_counts(tmp_path):
    count = "from service.observability import metrics; metrics.count_request('/a', 'GET', 200, 0.1); metrics.BUNDLE.labels(*'abcde').set(1)"
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=environ, check=True)
    tell = "from service.observability import metrics; print(metrics.exposition().decode())"
    told = subprocess.run(
        [sys.executable, "-c", tell], env=environ, check=True, capture_output=True, text=True
    )
    assert 'arki_requests_total{method="GET",route="/a",status="200"} 2.0' in told.stdout
    assert "arki_bundle_workers{" not in told.stdout
    left = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert left < sum(metric_files.SIZES.values()) + 20_000
