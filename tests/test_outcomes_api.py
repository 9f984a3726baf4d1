"""Outcome events over HTTP: what is stored, what is refused and why, each once."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from conftest import KEY, NOW, migrated

from drills.server import CUSTOMER, serving
from service.api.outcome_schemas import OutcomesAnswerSchema, ReportSchema
from service.app import StartError, create_app
from service.outcomes.retention import counts
from service.outcomes.store import Store
from service.security.access import make_key, write_keys
from service.server import dev
from service.settings import Settings

PATH, REPORT = "/v1/outcomes", "/v1/outcomes/report"
JOB_LOST = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}
PROBLEM = "application/problem+json"


class Clock:
    """A moment that a test moves."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class Channel:
    """A channel of Kela as Arki's client: asks, shows, and reports what came of it."""

    def __init__(self, app, clock, key=KEY):
        self.app, self.clock, self.outcomes = app, clock, app.extensions["arki"].outcomes
        self.client = app.test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"

    def recommend(self, signals=JOB_LOST, **asked):
        body = {"customer_type": "person", "signals": signals, **asked}
        return self.client.post("/v1/recommendations", json=body).json

    def event(self, answer=None, event="shown", **given):
        answer = answer or self.recommend()
        return {
            "event_id": str(uuid.uuid4()),
            "recommendation_id": answer["recommendation_id"],
            "item": answer["items"][0]["content"]["id"],
            "event": event,
            "occurred_at": self.clock.now.isoformat(),
        } | given

    def post(self, body, **settings):
        answered = self.client.post(PATH, json=body, **settings)
        if answered.status_code in {200, 201}:
            assert not OutcomesAnswerSchema().validate(answered.json)
        return answered

    def refusal(self, **given):
        """The code, pointer and sentence with which one event is refused."""
        answered = self.post(self.event(**given))
        assert (answered.status_code, answered.content_type) == (422, PROBLEM)
        [error] = answered.json["errors"]
        return error["code"], error["pointer"], error["message"]

    def report(self, **query):
        answered = self.client.get(REPORT, query_string=query)
        assert answered.status_code == 200, answered.text
        assert not ReportSchema().validate(answered.json)
        return {row["value"]: row for row in answered.json["rows"]}


@pytest.fixture
def channel(tmp_path, bundles, store):
    clock = Clock()
    url = migrated(f"sqlite:///{tmp_path}/outcomes.db")
    settings = Settings(bundles=bundles, dev_key=KEY, secret="s" * 40, outcomes_url=url)
    app = create_app(settings, store=store, clock=clock)
    yield Channel(app, clock)
    app.extensions["arki"].outcomes.close()


def test_an_event_is_stored_and_the_same_again_is_stored_already(channel):
    event = channel.event()
    first, second = channel.post(event), channel.post(event)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == {"results": [{"index": 0, "event_id": event["event_id"], "result": "stored"}]}
    assert second.json["results"][0]["result"] == "already_stored"
    assert counts(channel.outcomes.store)["receipts"] == 1


def test_one_id_for_two_events_is_refused(channel):
    event = channel.event()
    channel.post(event)
    for other in ({"event": "opened"}, {"occurred_at": (NOW - timedelta(seconds=1)).isoformat()}):
        answered = channel.post(event | other)
        assert answered.status_code == 422
        assert answered.json["errors"] == [
            {
                "pointer": "/event_id",
                "code": "event_id_reused",
                "message": "was used for another event. Give each event an id of its own.",
            }
        ]


def test_fifty_posts_of_one_event_at_once_store_it_once(channel):
    event = channel.event()

    def post(_):
        client = channel.app.test_client()
        return client.post(PATH, json=event, headers={"Authorization": f"Bearer {KEY}"})

    with ThreadPoolExecutor(4) as threads:  # as many as the lane of waiting requests takes on
        answers = list(threads.map(post, range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert counts(channel.outcomes.store)["receipts"] == 1


def test_an_event_id_counts_once_for_each_client(tmp_path, bundles, store):
    made = [make_key(["recommend", "outcomes:write"], expires=NOW + timedelta(days=9)) for _ in range(2)]
    write_keys(tmp_path / "keys.json", [record for _, record in made])
    url = migrated(f"sqlite:///{tmp_path}/outcomes.db")
    settings = Settings(bundles=bundles, keys=tmp_path / "keys.json", secret="s" * 40, outcomes_url=url)
    app = create_app(settings, store=store, clock=lambda: NOW)
    one, other = (Channel(app, Clock(), key) for key, _ in made)
    event = one.event()
    assert [one.post(event).status_code, other.post(event).status_code] == [201, 201]
    assert one.client.get(REPORT).status_code == 403
    one.outcomes.close()


REFUSED = {
    "tampered": ("tampered_reference", "/recommendation_id"),
    "foreign": ("foreign_reference", "/recommendation_id"),
    "item": ("item_not_in_answer", "/item"),
    "future": ("in_the_future", "/occurred_at"),
    "before": ("before_the_answer", "/occurred_at"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_event_that_cannot_be_true_is_refused_with_the_reason(channel, what):
    answer = channel.recommend()
    head, _, rest = answer["recommendation_id"].partition(".")
    given = {
        "tampered": {"recommendation_id": f"{head}.A{rest}"},
        "foreign": {"recommendation_id": f"000000.{rest}"},
        "item": {"item": "no-such-item"},
        "future": {"occurred_at": (NOW + timedelta(minutes=6)).isoformat()},
        "before": {"occurred_at": (NOW - timedelta(minutes=6)).isoformat()},
    }[what]
    code, pointer, message = channel.refusal(answer=answer, **given)
    assert (code, pointer) == REFUSED[what]
    assert message.endswith(".")
    assert counts(channel.outcomes.store)["receipts"] == 0


def test_an_event_sent_too_late_is_refused_unless_it_was_stored_in_time(channel):
    early, late = channel.event(), channel.event()
    channel.post(early)
    channel.clock.now += timedelta(hours=73)
    answered = channel.post({"events": [early, late]})
    stored, refused = answered.json["results"]
    assert stored["result"] == "already_stored"
    assert refused["problem"]["errors"] == [
        {
            "pointer": "/events/1/occurred_at",
            "code": "too_long_ago",
            "message": "is more than 72 hours ago. Send events sooner: later, a repeat could not be told.",
        }
    ]


def test_a_reference_counts_for_thirty_days(channel):
    answer = channel.recommend()
    channel.clock.now += timedelta(days=30)
    event = channel.event(answer)
    assert channel.post(event).status_code == 201
    channel.clock.now += timedelta(seconds=1)
    assert channel.refusal(answer=answer)[:2] == ("expired_reference", "/recommendation_id")
    assert channel.post(event).status_code == 200


BROKEN = {
    "no-uuid": ({"event_id": "17"}, "/event_id", "unknown_value"),
    "kind": ({"event": "clicked"}, "/event", "unknown_value"),
    "day": ({"occurred_at": "2026-06-01"}, "/occurred_at", "unknown_value"),
    "no-offset": ({"occurred_at": "2026-06-01T12:00:00"}, "/occurred_at", "unknown_value"),
    "grade-of-shown": ({"grade": 5}, "/grade", "not_allowed_here"),
    "grade": ({"event": "helpful", "grade": 11}, "/grade", "out_of_range"),
    "more": ({"customer": "x"}, "/customer", "unknown_field"),
    "identity": ({"item": "131052-308T"}, "/item", "identity_code"),
}


@pytest.mark.parametrize(("given", "pointer", "code"), BROKEN.values(), ids=BROKEN)
def test_an_event_of_another_shape_is_refused(channel, given, pointer, code):
    assert channel.refusal(**given)[:2] == (code, pointer)


def test_each_event_of_a_list_is_stored_or_refused_on_its_own(channel):
    good, other = channel.event(), channel.event(event="opened")
    sent = [good, good | {"event": "opened"}, {"event_id": "17"}, other, good]
    answered = channel.post({"events": sent})
    assert answered.status_code == 200
    results = answered.json["results"]
    assert [result["result"] for result in results] == [
        "stored", "refused", "refused", "stored", "already_stored",
    ]  # fmt: skip
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
    assert results[1]["problem"]["errors"][0]["code"] == "event_id_reused"
    assert results[2]["problem"]["errors"][0]["pointer"].startswith("/events/2/")


@pytest.mark.parametrize("events", [[], [{}] * 101, "x", None], ids=["none", "101", "text", "null"])
def test_a_list_of_no_or_too_many_events_is_refused_whole(channel, events):
    answered = channel.post({"events": events})
    assert (answered.status_code, answered.json["errors"][0]["pointer"]) == (422, "/events")


def test_a_hundred_events_with_the_longest_ids_fit(channel):
    answer = channel.recommend(limit=10)
    answered = channel.post({"events": [channel.event(answer, event="opened") for _ in range(100)]})
    assert [result["result"] for result in answered.json["results"]] == ["stored"] * 100


def test_five_are_counted_and_four_wait(channel):
    events = [channel.event() for _ in range(5)]
    channel.post({"events": events[:4]})
    assert channel.report() == {}
    channel.post(events[4])
    (row,) = channel.report().values()
    assert row["shown"] == 5


def test_what_was_opened_was_shown_and_a_second_time_counts_nothing(channel):
    for answer in [channel.recommend() for _ in range(5)]:
        channel.post(
            {"events": [channel.event(answer, kind) for kind in ("opened", "opened", "shown", "completed")]}
        )
    (row,) = channel.report().values()
    assert row["shown"] == row["opened"]["count"] == row["completed"]["count"] == 5
    assert (row["opened"]["share"], row["waiting_at_most"]) == (None, 4 * 384)


def test_a_customer_rates_once(channel):
    for number, answer in enumerate([channel.recommend() for _ in range(10)]):
        kinds = ("helpful", "not_helpful") if number < 5 else ("not_helpful", "helpful")
        channel.post({"events": [channel.event(answer, kind, grade=number % 5) for kind in kinds]})
    (row,) = channel.report().values()
    assert (row["helpful"]["count"], row["helpful"]["of"], row["grades"]) == (5, 10, 10)
    assert row["mean_grade"] is None  # what may wait could move it by more than a grade


def test_customers_who_objected_and_minors_are_counted_as_totals_only(channel):
    for signals in ({"personalisation": "objected"}, {"minor": True}):
        for answer in [channel.recommend(signals) for _ in range(5)]:
            channel.post(
                {"events": [channel.event(answer, "opened"), channel.event(answer, "helpful", grade=9)]}
            )
    for by in ("rule", "content", "channel", "segment", "language", "week"):
        rows = channel.report(by=by)
        assert set(rows) == {None}
        assert (rows[None]["opened"]["count"], rows[None]["opened"]["share"], rows[None]["grades"]) == (
            10,
            None,
            0,
        )
    assert counts(channel.outcomes.store)["marks"] == 0


def test_statutory_content_is_counted_whoever_it_reaches(channel):
    signals = {"active_benefits": ["housing_allowance"]}
    for answer in [channel.recommend(signals) for _ in range(5)]:
        channel.post(channel.event(answer, item=answer["statutory"][0]["content"]["id"]))
    assert channel.report(by="rule")["statutory"]["shown"] == 5
    assert channel.report(by="channel")["none"]["shown"] == 5
    assert channel.report(by="segment")["any"]["shown"] == 5


def test_a_report_by_segment_follows_the_conditions_of_the_rules(channel):
    for answer in [channel.recommend() for _ in range(5)]:
        assert answer["segment"]["id"] == "changing"
        channel.post(channel.event(answer))
    assert channel.report(by="segment")["changing"]["shown"] == 5


def test_a_report_is_csv_where_it_is_asked_for(channel):
    channel.post({"events": [channel.event() for _ in range(5)]})
    for asked in ({"query_string": {"format": "csv"}}, {"headers": {"Accept": "text/csv"}}):
        answered = channel.client.get(REPORT, **asked)
        assert answered.content_type == "text/csv; charset=utf-8"
        head, row = answered.text.splitlines()
        assert head.startswith("rule,shown,opened_count,opened_of,opened_share,")
        assert row.split(",")[1] == "5"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"by": "customer"}, "by"),
        ({"from": "x"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"rule": "x"}, ""),
    ],
)
def test_a_report_takes_one_dimension_and_whole_weeks_and_no_filter(channel, query, parameter):
    answered = channel.client.get(REPORT, query_string=query)
    assert answered.status_code == 422
    assert answered.json["errors"][0]["parameter"].endswith(parameter)


def test_a_report_from_after_to_is_refused(channel):
    answered = channel.client.get(REPORT, query_string={"from": "2026-06-01", "to": "2026-05-01"})
    assert answered.json["errors"] == [
        {"parameter": "to", "code": "out_of_range", "message": "must not lie before from."}
    ]


def test_a_service_without_a_database_says_that_it_takes_no_outcomes(bundles, store):
    app = create_app(Settings(bundles=bundles, dev_key=KEY, secret="s" * 40), store=store)
    client = app.test_client()
    for answered in (
        client.post(PATH, json={}, headers={"Authorization": f"Bearer {KEY}"}),
        client.get(REPORT, headers={"Authorization": f"Bearer {KEY}"}),
    ):
        assert (answered.status_code, answered.json["type"]) == (404, "urn:problem-type:arki:outcomes-off")


def test_a_database_that_goes_away_is_a_503_for_outcomes_alone(channel, tmp_path):
    event = channel.event()
    for name in ("outcomes.db", "outcomes.db-wal", "outcomes.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    channel.outcomes.store.close()
    (tmp_path / "outcomes.db").mkdir()
    for answered in (channel.post(event), channel.client.get(REPORT)):
        assert (answered.status_code, answered.headers["Retry-After"]) == (503, "5")
        assert answered.json["type"] == "urn:problem-type:arki:outcomes-unavailable"
    assert channel.recommend()["items"]
    (tmp_path / "outcomes.db").rmdir()
    migrated(str(channel.outcomes.store.engine.url))
    assert channel.post(event).status_code == 201


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/outcomes.db", "which is no folder"),
        ("sqlite:///{}/new.db", "Run: arki-outcomes migrate"),
    ],
)
def test_a_service_does_not_start_on_a_wrong_database(tmp_path, bundles, store, url, said):
    settings = Settings(bundles=bundles, dev_key=KEY, secret="s" * 40, outcomes_url=url.format(tmp_path))
    with pytest.raises(StartError, match=said):
        create_app(settings, store=store)


def test_outcomes_are_counted_for_prometheus(channel):
    event = channel.event()
    for _ in range(2):
        channel.post(event)
    shown = channel.client.get("/metrics").text
    assert 'arki_outcomes_total{result="stored"}' in shown
    assert 'arki_outcomes_total{result="already_stored"}' in shown
    assert event["item"] not in shown


def test_a_recommendation_never_waits_for_the_disk_of_outcomes(tmp_path, bundles):
    url = migrated(f"sqlite:///{tmp_path}/outcomes.db")
    with (
        serving(tmp_path, bundles, workers=1, ARKI_OUTCOMES_URL=url) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        answer = json.loads(server.ask("/v1/recommendations", CUSTOMER)[2])
        event = {
            "event_id": str(uuid.uuid4()),
            "recommendation_id": answer["recommendation_id"],
            "item": answer["items"][0]["content"]["id"],
            "event": "shown",
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        other = Store(url)
        with other.transaction():  # holds the one place of a writer
            waiting = threads.submit(server.ask, PATH, event)
            statuses = {server.ask("/v1/recommendations", CUSTOMER)[0] for _ in range(20)}
            assert not waiting.done()
        assert statuses == {200}
        assert waiting.result()[0] == 201
        other.close()


def test_make_run_keeps_outcomes_in_a_file_with_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = dev._outcomes_file()
    for _ in range(2):
        dev._make_tables(url)
    store = Store(url)
    assert set(counts(store).values()) == {0}
    store.close()
    assert (tmp_path / "var" / "outcomes.db").is_file()
