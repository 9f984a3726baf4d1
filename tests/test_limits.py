"""Rate limits: counted by key and window, shared through Redis, and never a reason to fail."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from drills.server import free_port, keys_file
from service.app import create_app
from service.security import limits as limiting
from service.security.access import make_key, write_keys
from service.security.limits import REDIS_REST_S, RateLimitedError, RateLimits, redis_counter
from service.settings import RateLimit, Settings

LIMIT = RateLimit(3, 60)


def needs(program):
    """Skip by name on a desk, fail in CI, where a program is missing."""
    if shutil.which(program) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


@contextmanager
def redis_running(tmp_path, *options):
    """A Redis of our own on loopback, ended afterwards; gives its port."""
    needs("redis-server")
    port = free_port()
    listen = [option.replace("{port}", str(port)) for option in options or ("--port", "{port}")]
    command = ["redis-server", *listen, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield port
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def redis_url(tmp_path, monkeypatch):
    monkeypatch.setattr(limiting, "REDIS_TIMEOUT_S", 10)  # tests share slow machines
    with redis_running(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}/0"


def test_a_key_has_its_number_of_requests_in_a_window_and_then_a_new_one():
    now = [120.0]
    limits = RateLimits(LIMIT, clock=lambda: now[0])
    assert [limits.admit("a").used for _ in range(3)] == [1, 2, 3]
    now[0] = 150.4
    with pytest.raises(RateLimitedError) as error:
        limits.admit("a")
    assert error.value.retry_after_s == 30
    assert limits.admit("b").used == 1
    now[0] = 180.0
    assert limits.admit("a").used == 1


def test_no_limit_binds_the_development_key_or_an_unlimited_service():
    assert RateLimits(LIMIT).admit(None) is None
    assert RateLimits(None).admit("a") is None


def test_two_workers_share_a_count_through_redis(redis_url):
    workers = [RateLimits(LIMIT, redis_counter(redis_url), clock=lambda: 1000.0) for _ in range(2)]
    assert [workers[turn % 2].admit("a").used for turn in range(3)] == [1, 2, 3]
    for worker in workers:
        with pytest.raises(RateLimitedError):
            worker.admit("a")


def test_a_batch_counts_by_its_customers_and_one_that_does_not_fit_uses_nothing_up():
    limits = RateLimits(RateLimit(10, 60), clock=lambda: 0.0)
    assert limits.admit("a", cost=7).used == 7
    with pytest.raises(RateLimitedError) as error:
        limits.admit("a", cost=4)
    assert str(error.value) == (
        "This key may send 10 requests in 60 seconds, and a batch counts as one for each customer: 4 did not fit in the 3 "
        "that were left. Try again in 60 seconds, or send at most 3 now."
    )
    assert limits.admit("a", cost=3).used == 10
    with pytest.raises(RateLimitedError) as error:
        limits.admit("a", cost=2)
    assert str(error.value).endswith("2 did not fit in the 0 that were left. Try again in 60 seconds.")


def test_a_batch_larger_than_the_whole_limit_is_told_so():
    with pytest.raises(RateLimitedError) as error:
        RateLimits(LIMIT, clock=lambda: 0.0).admit("a", cost=4)
    assert str(error.value) == (
        "This key may send 3 requests in 60 seconds, and a batch counts as one for each customer: one of 4 never fits. "
        "Send at most 3 customers at a time."
    )


def test_an_explanation_counts_as_three_requests(bundles, store, tmp_path):
    key = keys_file(tmp_path / "keys.json", "segments:read")
    limit = RateLimit(7, 3600)
    settings = Settings(bundles=bundles, keys=tmp_path / "keys.json", secret="s" * 40, rate_limit=limit)
    client = create_app(settings, store=store).test_client()
    told = []
    for _ in range(3):
        body = {"customer_type": "person", "signals": {}}
        last = client.post("/v1/explanations", json=body, headers={"Authorization": f"Bearer {key}"})
        told.append((last.status_code, last.headers.get("RateLimit", "")[:9]))
    assert told == [(200, '"key";r=4'), (200, '"key";r=1'), (429, "")]
    assert last.json["detail"].startswith(
        "This key may send 7 requests in 3600 seconds, and this one counts as 3. Try again in "
    )


def test_two_workers_share_the_count_of_batches_through_redis(redis_url):
    limit = RateLimit(10, 60)
    one, other = (RateLimits(limit, redis_counter(redis_url), clock=lambda: 1000.0) for _ in range(2))
    assert one.admit("a", cost=6).used == 6
    with pytest.raises(RateLimitedError):
        other.admit("a", cost=5)
    assert other.admit("a", cost=4).used == 10


def certificate(folder, name):
    """A certificate of its own authority for 127.0.0.1."""
    needs("openssl")
    files = {kind: folder / f"{name}.{kind}" for kind in ("crt", "key")}
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}"]
    written = ["-addext", "subjectAltName=IP:127.0.0.1", "-out", files["crt"], "-keyout", files["key"]]
    subprocess.run([*made, *written], check=True, capture_output=True)
    return files


def test_redis_is_counted_with_in_tls_and_only_if_its_certificate_is_of_the_authority_named(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(limiting, "REDIS_TIMEOUT_S", 10)
    ours, another = certificate(tmp_path, "ours"), certificate(tmp_path, "another")
    files = ["--tls-cert-file", str(ours["crt"]), "--tls-key-file", str(ours["key"])]
    in_tls = ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no"]
    with redis_running(tmp_path, *in_tls, *files) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs="
        assert redis_counter(f"{url}{ours['crt']}")("a", 1, 60, 2, 3) == 2
        with pytest.raises(Exception, match="certificate verify failed"):
            redis_counter(f"{url}{another['crt']}")("a", 1, 60, 1, 3)


def test_where_redis_is_down_requests_go_on_under_a_local_cap_and_redis_is_asked_again_later():
    now, asked, failures = [0.0], [], []

    def down(*_):
        asked.append(now[0])
        raise ConnectionError

    limits = RateLimits(LIMIT, down, clock=lambda: now[0], on_failure=lambda: failures.append(1))
    assert [limits.admit("a").used for _ in range(3)] == [1, 2, 3]
    with pytest.raises(RateLimitedError):
        limits.admit("a")
    assert asked == [0.0]
    now[0] = REDIS_REST_S
    with pytest.raises(RateLimitedError):
        limits.admit("a")
    assert (asked, len(failures)) == ([0.0, REDIS_REST_S], 2)


def test_a_redis_that_accepts_and_says_nothing_is_asked_once_and_then_rests():
    failures = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        limits = RateLimits(
            RateLimit(1000, 3600),
            redis_counter(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"),
            clock=lambda: 0.0,
            on_failure=lambda: failures.append(1),
        )
        for _ in range(200):
            limits.admit("a")
    assert failures == [1]


@pytest.fixture
def limited(bundles, store, tmp_path):
    """A client with a key of three requests an hour, whose Redis is down."""
    key, record = make_key(["content:read", "recommend"], expires=datetime.now(UTC) + timedelta(days=1))
    write_keys(tmp_path / "keys.json", [record])
    settings = Settings(
        bundles=bundles,
        keys=tmp_path / "keys.json",
        dev_key="dev",
        secret="s" * 40,
        rate_limit=RateLimit(3, 3600),
        redis_url="redis://127.0.0.1:1/0",
    )
    client = create_app(settings, store=store).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


def test_an_answer_says_how_many_requests_are_left_and_a_refusal_when_to_come_back(limited):
    answers = [limited.get("/v1/segments") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=3600'
    assert [answer.headers["RateLimit"].split(";t=")[0] for answer in answers[:3]] == [
        f'"key";r={left}' for left in (2, 1, 0)
    ]
    refused = answers[3]
    assert refused.content_type == "application/problem+json"
    assert refused.json["type"] == "urn:problem-type:arki:rate-limited"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.json["detail"].startswith("This key may send 3 requests in 3600 seconds. Try again in ")


def test_refused_requests_use_nothing_up(limited):
    for _ in range(5):
        assert limited.get("/v1/segments", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert limited.get("/metrics").status_code == 403
    assert limited.get("/v1/segments").headers["RateLimit"].startswith('"key";r=2')


def test_the_development_key_and_the_open_pages_have_no_limit(limited):
    for _ in range(5):
        assert limited.get("/v1/segments", headers={"Authorization": "Bearer dev"}).status_code == 200
        assert "RateLimit" not in limited.get("/healthz").headers


def post_batch(client, customers, **more):
    return client.post("/v1/recommendations/batch", json={"customers": [customers[0]] * customers[1]} | more)


GOOD, BAD = {"customer_type": "person", "signals": {}}, {"customer_type": "firm"}


@pytest.mark.parametrize(
    ("customer", "more", "status"),
    [(GOOD, {}, 200), (BAD, {}, 200), (GOOD, {"nope": 1}, 422)],
    ids=["answered", "refused customers", "refused whole"],
)
def test_every_customer_of_a_batch_counts_answered_or_refused(limited, customer, more, status):
    answer = post_batch(limited, (customer, 2), **more)
    assert answer.status_code == status
    assert answer.headers["RateLimit"].startswith('"key";r=1;')
    refused = post_batch(limited, (customer, 2), **more)
    assert refused.status_code == 429
    assert refused.headers["RateLimit"].startswith('"key";r=0;')
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert "2 did not fit in the 1 that were left. Try again in" in refused.json["detail"]


def test_a_batch_that_does_not_fit_counts_as_one_request_and_others_go_on(limited):
    assert post_batch(limited, (GOOD, 4)).json["detail"].endswith("Send at most 3 customers at a time.")
    answer = post_batch(limited, (GOOD, 2))
    assert (answer.status_code, len(answer.json["results"])) == (200, 2)


def test_a_list_too_long_to_be_a_batch_counts_as_one_request(limited):
    assert post_batch(limited, (GOOD, 501)).status_code == 422
    assert limited.get("/v1/segments").headers["RateLimit"].startswith('"key";r=1;')
