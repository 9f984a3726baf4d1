"""Who stands at the other end: configured proxies, listed origins, and nobody else."""

from __future__ import annotations

import ipaddress

import pytest

from service.app import create_app
from service.security.network import Network
from service.settings import Settings

ORIGIN = "https://www.example.fi"
PROXY = ipaddress.ip_network("10.0.0.0/8")
PATH = "/v1/recommendations"


@pytest.fixture(scope="module")
def guarded(bundles, store):
    """The service behind a proxy on 10/8, open to pages of one origin."""
    settings = Settings(
        bundles=bundles,
        dev_key="k",
        secret="s" * 40,
        cors_origins=frozenset({ORIGIN}),
        trusted_proxies=(PROXY,),
    )
    return create_app(settings, store=store).test_client()


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1", None),
        ("10.1.2.3", "198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("::ffff:10.1.2.3", "198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "10.9.9.9", None),
        ("10.1.2.3", "", None),
    ],
    ids=[
        "direct",
        "not-a-proxy",
        "proxy",
        "forged-before",
        "two-proxies",
        "mapped",
        "proxies-alone",
        "empty",
    ],
)
def test_a_forwarded_address_counts_only_from_a_configured_proxy(peer, forwarded, client):
    environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    assert Network(Settings(trusted_proxies=(PROXY,))).client_address(environ) == client


def test_the_header_forwarded_is_never_believed():
    environ = {"REMOTE_ADDR": "203.0.113.9", "HTTP_FORWARDED": "for=127.0.0.1"}
    assert Network(Settings(trusted_proxies=(PROXY,))).client_address(environ) is None


def test_a_listed_origin_may_ask_and_read(guarded):
    asked = guarded.options(PATH, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert asked.headers["Access-Control-Allow-Methods"] == "POST"
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    read = guarded.get("/healthz", headers={"Origin": ORIGIN})
    assert read.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Retry-After" in read.headers["Access-Control-Expose-Headers"]
    assert read.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in read.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://www.example.fi.evil.example",
        "http://www.example.fi",
        "https://www.example.fi:8443",
        "https://WWW.example.fi",
        "null",
        "https://example.fi",
    ],
)
def test_any_other_origin_is_refused_letter_by_letter(guarded, origin):
    asked = guarded.options(PATH, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 405
    assert "Access-Control-Allow-Origin" not in asked.headers
    assert "Access-Control-Allow-Origin" not in guarded.get("/healthz", headers={"Origin": origin}).headers


@pytest.mark.parametrize("method", ["DELETE", "GET", "*"])
def test_a_preflight_for_a_method_the_address_lacks_is_refused(guarded, method):
    asked = guarded.options(PATH, headers={"Origin": ORIGIN, "Access-Control-Request-Method": method})
    assert asked.status_code == 405
    assert asked.headers["Allow"] == "POST"


def test_without_configured_origins_no_page_elsewhere_may_read(client):
    answered = client.get("/v1/segments", headers={"Origin": ORIGIN})
    assert not [name for name, _ in answered.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(("peer", "told"), [("10.1.2.3", True), ("203.0.113.9", False)])
def test_https_is_demanded_from_now_on_where_a_configured_proxy_says_it_was_used(guarded, peer, told):
    answered = guarded.get(
        "/healthz", headers={"X-Forwarded-Proto": "https"}, environ_base={"REMOTE_ADDR": peer}
    )
    assert ("Strict-Transport-Security" in answered.headers) is told


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere", "/static/arki.css", "/v1/segments"])
def test_every_answer_carries_the_security_headers(guarded, path):
    with guarded.get(path) as answered:
        headers = answered.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert len(headers.getlist("X-Request-Id")) == 1
