"""What is written down of a request: a JSON line with ids, route, versions and rule; and nothing of a person."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import socket
import sys
from contextlib import suppress

import pytest

from service.app import create_app
from service.observability.logs import JsonFormatter, LogStream, new_ids
from service.observability.tracing import OpenTelemetry, tracer_for
from service.settings import Settings, SettingsError

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
BODY = {"customer_type": "person", "signals": {"life_events": [{"event": "KE8", "months_ago": 1}]}}


def lines(capfd):
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def test_a_line_says_who_served_what_from_which_versions_by_which_rule(client, store, capfd):
    response = client.post("/v1/recommendations", json=BODY)
    (line,) = lines(capfd)
    versions = store.recommender().versions._asdict()
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/recommendations", 200)
    assert {name: line[name] for name in versions} == versions
    assert line["rule"] == response.json["items"][0]["reason"]["rule"]
    assert 0 < line["milliseconds"] < 10_000
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])
    assert set(line) == {
        *("request_id", "trace_id", "span_id", "parent_id", "method", "route", "status", "rule"),
        *("bundle", "model", "rulebook", "catalogue", "code", "milliseconds", "event", "timestamp"),
    }


def test_an_address_that_is_not_known_is_not_written_down(stranger, capfd):
    stranger.open("/secret-address?name=secret", method="PROPFIND")
    (line,) = lines(capfd)
    assert (line["route"], line["method"], line["status"]) == ("unmatched", "other", 404)
    assert "secret" not in json.dumps(line)


def test_a_trace_is_continued_and_handed_back(client, capfd):
    response = client.get("/v1/segments", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    (line,) = lines(capfd)
    assert (line["trace_id"], line["parent_id"]) == (TRACE, PARENT)
    assert response.headers["traceparent"] == f"00-{TRACE}-{line['span_id']}-01"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "secret",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
    ],
    ids=["none", "empty", "words", "version-ff", "no-trace", "no-parent", "upper-case"],
)
def test_what_is_no_trace_begins_a_new_one(header):
    first, second = new_ids(header)[1], new_ids(header)[1]
    assert first.parent_id is None
    assert first.trace_id not in {second.trace_id, TRACE}
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", first.traceparent())


def test_requests_are_not_logged_where_the_operator_says_so(bundles, store, capfd):
    app = create_app(Settings(bundles=bundles, dev_key="k", secret="s" * 40, log_requests=False), store=store)
    assert app.test_client().get("/healthz").status_code == 200
    assert lines(capfd) == []


def test_an_exception_is_logged_by_its_place_without_its_message():
    try:
        int("secret")
    except ValueError:
        record = logging.LogRecord("arki", logging.ERROR, "", 1, "request %s failed", ("1",), sys.exc_info())
    line = json.loads(JsonFormatter().format(record))
    assert line["event"] == "request 1 failed"
    assert re.match(r"ValueError at test_logs.py:\d+", line["error"])
    assert "secret" not in json.dumps(line)


class Kept:
    """An exporter that keeps spans."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        from opentelemetry.sdk.trace.export import SpanExportResult

        self.spans += spans
        return SpanExportResult.SUCCESS

    def shutdown(self):
        """Nothing to end."""

    def force_flush(self, *_):
        return True


def test_a_span_continues_the_trace_and_says_route_status_and_versions(bundles, store):
    kept = Kept()
    tracer = OpenTelemetry(kept)
    settings = Settings(bundles=bundles, dev_key="k", secret="s" * 40, log_requests=False)
    client = create_app(settings, store=store, tracer=tracer).test_client()
    headers = {"Authorization": "Bearer k", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    client.post("/v1/recommendations", json=BODY, headers=headers)
    client.get("/v1/segments", headers=headers | {"traceparent": f"00-{TRACE}-{PARENT}-00"})
    tracer.flush()
    (span,) = kept.spans  # the second was not sampled by the caller
    assert span.name == "POST /v1/recommendations"
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert span.attributes["status"] == 200
    assert span.attributes["bundle"] == store.recommender().versions.bundle
    assert set(span.attributes) == {
        *("method", "route", "status", "rule", "bundle", "model", "rulebook", "catalogue", "code")
    }


def test_tracing_that_is_not_installed_stops_the_start(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracer_for(None) is None
    with pytest.raises(SettingsError) as error:
        tracer_for("http://127.0.0.1:4318")
    assert str(error.value) == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `tracing` is not installed. Run `make dev` in the checkout, "
        "then the same command from .venv/bin. Or unset OTEL_EXPORTER_OTLP_ENDPOINT."
    )


@pytest.fixture
def pipe():
    """The two ends of a pipe that holds 4 KiB."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4096)
    yield reads, writes
    for end in (reads, writes):
        with suppress(OSError):
            os.close(end)


def test_nobody_waits_for_a_log_that_nobody_reads_and_a_line_a_minute_says_what_was_dropped(pipe):
    reads, writes = pipe
    now = [0.0]
    stream = LogStream(writes, clock=lambda: now[0])
    for number in range(1000):
        stream.write(f"line {number:04}\n")  # 10,000 bytes
    kept = os.read(reads, 1 << 16).decode().splitlines()
    assert kept == [f"line {number:04}" for number in range(len(kept))]
    now[0] = 61.0
    stream.write("later\n")
    said, later = os.read(reads, 1 << 16).decode().splitlines()
    event = json.loads(said)["event"]
    assert (
        event == f"{1000 - len(kept)} log lines were dropped: nobody read them in time, or there was no room."
    )
    assert later == "later"


def test_the_pipe_of_the_log_itself_is_left_as_it_is_for_others(pipe):
    _, writes = pipe
    LogStream(writes).write("line\n")
    assert os.get_blocking(writes)


def test_a_line_that_was_cut_off_does_not_swallow_the_next(pipe):
    reads, writes = pipe
    stream = LogStream(writes)
    stream.write("x" * 10_000 + "\n")
    cut = os.read(reads, 1 << 16)
    assert set(cut) == {ord("x")}
    stream.write("whole\n")
    first, said, last = os.read(reads, 1 << 16).decode().splitlines()
    assert (first, last) == ("", "whole")
    assert json.loads(said)["event"].startswith("1 log lines were dropped")


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a process keeps its log's socket
def test_a_log_whose_reader_is_gone_or_whose_socket_is_full_stops_nobody(pipe):
    reads, writes = pipe
    os.close(reads)
    LogStream(writes).write("nobody\n")
    one, other = socket.socketpair()
    with one, other:
        stream = LogStream(one.fileno())
        for _ in range(100):
            stream.write("y" * 9999 + "\n")
        assert other.recv(10_000).startswith(b"yyy")
