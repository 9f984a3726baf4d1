"""Admission control: who is taken on, who is refused at once, and that the lane follows the operation, not its spelling."""

from __future__ import annotations

import ipaddress
import threading
import time

import pytest
from conftest import KEY, NOW

from service import app as service_app
from service.api.operations import OPERATIONS
from service.app import LANES, PROBES, create_app
from service.observability import metrics
from service.outcomes.events import OutcomesUnavailableError
from service.security.admission import (
    LONGEST_BUSY_S,
    LONGEST_QUEUE_S,
    AdmissionControl,
    OverloadedError,
    queued_s,
)
from service.settings import Settings

NOW_S = 1_764_268_800.5
PATH = "/v1/recommendations"
BODY = {"customer_type": "person", "signals": {}}


@pytest.mark.parametrize(
    ("threads", "most_slow"), [(1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (16, 12), (32, 24)]
)
def test_slow_lanes_leave_a_quarter_of_the_threads_for_others(threads, most_slow):
    room = AdmissionControl(threads)
    for lane in ("waiting", "bulk") * threads:
        place = room.enter()
        try:
            room.move(place, lane)
        except OverloadedError:
            room.leave(place)
    inside = room.inside()
    assert inside["waiting"] + inside["bulk"] == most_slow
    assert (room.limits["waiting"], room.limits["bulk"]) == (max(1, threads // 2), max(1, threads // 2))


def test_many_at_a_time_are_taken_on_and_refused_only_where_they_stay():
    now = [NOW_S]
    room = AdmissionControl(16, clock=lambda: now[0])
    first = [room.enter() for _ in range(8)]
    for _ in range(100):  # busy, but each is soon answered
        now[0] += 0.1
        room.leave(first.pop(0))
        first.append(room.enter())
    now[0] += LONGEST_BUSY_S + 0.01
    with pytest.raises(OverloadedError):
        room.enter()
    room.enter_probe()
    room.leave(first.pop(0))
    room.enter()


def test_bulk_requests_give_way_where_single_ones_pile_up():
    room = AdmissionControl(16, clock=lambda: NOW_S)
    bulk, *others = [room.enter() for _ in range(9)]
    with pytest.raises(OverloadedError):
        room.move(bulk, "bulk")
    room.leave(others[0])
    room.move(bulk, "bulk")
    late = room.enter(f"t={NOW_S - LONGEST_QUEUE_S * 0.6:.3f}")
    with pytest.raises(OverloadedError):
        room.move(late, "bulk")
    room.move(late, "waiting")


def test_a_request_that_waited_too_long_is_refused_where_others_are_being_answered():
    room = AdmissionControl(32, clock=lambda: NOW_S)
    late = f"t={NOW_S - LONGEST_QUEUE_S - 0.1:.3f}"
    room.enter(late)  # nothing else to do: answered, whatever the clock of the proxy says
    with pytest.raises(OverloadedError):
        room.enter(late)
    room.enter(f"t={NOW_S - 0.1:.3f}")


@pytest.mark.parametrize(
    ("stamp", "waited"),
    [
        ("t=1764268800.000", 0.5),
        ("1764268800.250", 0.25),
        ("1764268800250", 0.25),
        ("1764268800250000", 0.25),
        ("t=1764268801.000", 0.0),
        ("t=1764268700.000", 0.0),
        ("t=", 0.0),
        ("now", 0.0),
        ("-1", 0.0),
        ("t=1764268800.000, t=1764268800.000", 0.0),
    ],
    ids=["nginx", "seconds", "milli", "micro", "future", "long-ago", "empty", "word", "minus", "two"],
)
def test_only_a_plain_stamp_of_the_last_minute_tells_of_a_queue(stamp, waited):
    assert queued_s(stamp, NOW_S) == pytest.approx(waited)


class _Stuck:
    """A database that does not answer until it is let go."""

    def __init__(self):
        self.release, self.inside = threading.Event(), threading.Semaphore(0)

    def record(self, *_, **__):
        self.inside.release()
        self.release.wait(60)
        raise OutcomesUnavailableError

    report = record


@pytest.fixture
def stuck(settings, store, monkeypatch):
    """The service with eight threads and a database that is stuck; waits for nothing when it ends."""
    fields = {name: getattr(settings, name) for name in ("bundles", "dev_key", "secret")}
    found = _Stuck()
    monkeypatch.setattr(service_app, "_outcomes", lambda *_: found)
    made = create_app(Settings(**fields, threads=8), store=store, clock=lambda: NOW)
    yield made, found
    found.release.set()


def ask(app, method, path, **more):
    client = app.test_client()
    return client.open(path, method=method, headers={"Authorization": f"Bearer {KEY}"}, **more)


SPELLINGS = {
    "plain": ("GET", "/v1/outcomes/report", {}),
    "HEAD": ("HEAD", "/v1/outcomes/report", {}),
    "per cent": ("GET", "/v1/%6futcomes/report", {}),
    "every letter": ("GET", "/%76%31/%6f%75%74%63%6f%6d%65%73/report", {}),
    "absolute": ("GET", "http://localhost/v1/outcomes/report", {}),
    "two slashes": ("GET", "/", {"environ_overrides": {"PATH_INFO": "//v1/outcomes/report"}}),
}


@pytest.mark.parametrize(("method", "path", "more"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_stuck_database_holds_its_own_lane_however_the_address_is_spelt(stuck, method, path, more):
    app, database = stuck
    most = app.extensions["arki"].admission.limits["waiting"]
    threads = [threading.Thread(target=ask, args=(app, method, path), kwargs=more) for _ in range(most)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert database.inside.acquire(timeout=60)
    shed = metrics._own.get_sample_value("arki_shed_total", {"lane": "waiting"}) or 0
    refused = ask(app, method, path, **more)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.content_type == "application/problem+json"
    assert metrics._own.get_sample_value("arki_shed_total", {"lane": "waiting"}) == shed + 1
    assert ask(app, "POST", PATH, json=BODY).status_code == 200
    for probe in PROBES:
        assert ask(app, "GET", probe).status_code == 200
    database.release.set()
    for thread in threads:
        thread.join(60)
    assert ask(app, method, path, **more).status_code == 503  # the database's own refusal, after its turn
    assert database.inside.acquire(timeout=60)


def test_a_stranger_takes_no_place_in_a_lane(stuck):
    app, _ = stuck
    room = app.extensions["arki"].admission
    for _ in range(3):
        assert app.test_client().get("/v1/outcomes/report").status_code == 401
    assert room.inside() == {"single": 0, "bulk": 0, "waiting": 0, "probe": 0}


def test_every_request_leaves_its_lane_whatever_became_of_it(app):
    room = app.extensions["arki"].admission
    for method, path, body in (
        ("POST", PATH, BODY),
        ("POST", f"{PATH}/batch", {"customers": [BODY] * 2}),
        ("POST", "/v1/explanations", BODY),
        ("POST", "/v1/explanations", {"bad": 1}),
        ("GET", "/v1/outcomes/report", None),
        ("GET", "/nowhere", None),
        ("PUT", PATH, None),
        ("GET", "/console/en/drafts", None),
        ("GET", "/healthz", None),
    ):
        ask(app, method, path, json=body)
    assert room.inside() == {"single": 0, "bulk": 0, "waiting": 0, "probe": 0}


def test_without_room_the_refusal_is_a_problem_and_probes_are_answered(app, monkeypatch):
    monkeypatch.setattr(app.extensions["arki"].admission, "enter", _refuse)
    for path in (PATH, "/", "/nowhere", "/console/en/"):
        refused = ask(app, "POST", path, json=BODY)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert refused.json["type"] == "urn:problem-type:arki:overloaded"
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
    for probe in PROBES:
        assert ask(app, "GET", probe).status_code == 200


def _refuse(_stamp=None):
    raise OverloadedError("single")


@pytest.mark.parametrize(("peer", "believed"), [("10.1.2.3", True), ("203.0.113.9", False)])
def test_a_stamp_counts_only_from_a_configured_proxy(bundles, store, peer, believed):
    settings = Settings(
        bundles=bundles,
        secret="s" * 40,
        trusted_proxies=(ipaddress.ip_network("10.0.0.0/8"),),
    )
    app = create_app(settings, store=store)
    app.extensions["arki"].admission.enter()  # somebody is being answered
    late = f"t={time.time() - 5:.3f}"
    got = app.test_client().get("/", headers={"X-Request-Start": late}, environ_base={"REMOTE_ADDR": peer})
    assert got.status_code == (503 if believed else 200)


def test_what_waits_or_costs_much_is_in_a_lane():
    lanes = {operation.rule: operation.lane for operation in OPERATIONS}
    assert {rule for rule, lane in lanes.items() if lane == "waiting"} == {
        "/v1/outcomes",
        "/v1/outcomes/report",
    }
    assert {rule for rule, lane in lanes.items() if lane == "bulk"} == {
        "/v1/recommendations/batch",
        "/v1/explanations",
        "/v1/mapping",
    }
    assert LANES["console.check_draft"] == LANES["console.outcomes"] == "waiting"
    assert LANES["console.replay_answer"] == LANES["console.try_customer"] == "bulk"
