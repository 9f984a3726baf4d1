"""Who may do what: keys, scopes, and doors that are shut unless declared open."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from service.access import (
    SCOPES,
    ForbiddenError,
    KeyRing,
    UnauthenticatedError,
    keys,
    make_key,
    read_keys,
    write_keys,
)
from service.api import BY_ENDPOINT
from service.app import OPEN_ENDPOINTS, create_app
from service.settings import Settings, SettingsError

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
BODY = {"customer_type": "person", "signals": {}}


def ring(tmp_path, *scopes, days=30):
    key, record = make_key(scopes, expires=NOW + timedelta(days=days))
    write_keys(tmp_path / "keys.json", [record])
    return key, KeyRing(tmp_path / "keys.json")


def refusal(key_ring, header, *, remote="127.0.0.1", now=NOW):
    with pytest.raises(UnauthenticatedError) as error:
        key_ring.grant(header, remote=remote, now=now)
    return str(error.value)


def test_the_list_of_open_routes_is_frozen():
    assert {
        "static",
        "pages.home",
        "pages.docs",
        "pages.openapi",
        "pages.healthz",
        "pages.readyz",
        "pages.content_page",
    } == OPEN_ENDPOINTS


def test_every_other_route_needs_a_key(app, stranger):
    closed = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in OPEN_ENDPOINTS]
    assert {rule.endpoint for rule in closed} == set(BY_ENDPOINT)
    for rule in closed:
        method = "POST" if "POST" in rule.methods else "GET"
        response = stranger.open(rule.rule.replace("<segment>", "steady"), method=method)
        assert response.status_code == 401, rule
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="arki"'


def test_a_route_that_nobody_declared_is_shut(settings, store):
    app = create_app(settings, store=store)
    app.add_url_rule("/v1/forgotten", "forgotten", lambda: "secret")
    response = app.test_client().get("/v1/forgotten", headers={"Authorization": "Bearer a key for tests"})
    assert response.status_code == 401


@pytest.mark.parametrize("operation", BY_ENDPOINT.values(), ids=BY_ENDPOINT)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_what_its_scope_names_and_nothing_else(operation, scope, bundles, store, tmp_path):
    key, record = make_key([scope], expires=datetime.now(UTC) + timedelta(days=1))
    write_keys(tmp_path / "keys.json", [record])
    app = create_app(Settings(bundles=bundles, keys=tmp_path / "keys.json", secret="s" * 40), store=store)
    body = {"json": {"customers": [BODY]} if "batch" in operation.rule else BODY} if operation.body else {}
    path = operation.rule.replace("<segment>", "steady")
    response = app.test_client().open(
        path, method=operation.method, headers={"Authorization": f"Bearer {key}"}, **body
    )
    assert response.status_code == (200 if scope == operation.scope else 403)
    if scope != operation.scope:
        assert response.json["detail"] == (
            f"This key lacks the scope {operation.scope}. Ask whoever runs the service for a key with it."
        )


def test_a_key_is_granted_its_scopes(tmp_path):
    key, key_ring = ring(tmp_path, "recommend", "segments:read")
    assert key_ring.grant(f"Bearer {key}", remote="203.0.113.9", now=NOW) == {"recommend", "segments:read"}


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "bearer\tx"],
    ids=["none", "empty", "scheme-alone", "no-key", "basic", "tab"],
)
def test_without_a_bearer_key_the_answer_says_how_to_send_one(header, tmp_path):
    _, key_ring = ring(tmp_path, "recommend")
    assert refusal(key_ring, header) == "Send your key in the header Authorization: Bearer <key>."


def test_a_key_that_is_not_known_is_refused(tmp_path):
    _, key_ring = ring(tmp_path, "recommend")
    other, _ = make_key(["recommend"], expires=NOW + timedelta(days=1))
    message = "The key is not known here. Check it, or make one with arki-keys create."
    assert refusal(key_ring, f"Bearer {other}") == message
    assert refusal(key_ring, "Bearer älä ÿ") == message


def test_a_key_that_was_cut_off_is_told_from_a_wrong_one(tmp_path):
    key, key_ring = ring(tmp_path, "recommend")
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert refusal(key_ring, f"Bearer {mistyped}") == (
        "The key's checksum does not match: it was cut off or mistyped."
    )


def test_a_key_expires(tmp_path):
    key, key_ring = ring(tmp_path, "recommend", days=30)
    assert refusal(key_ring, f"Bearer {key}", now=NOW + timedelta(days=30)) == (
        "The key has expired. Make a new one with arki-keys create."
    )


def test_a_key_taken_out_of_the_file_stops_opening_within_a_second(tmp_path):
    key, record = make_key(["recommend"], expires=NOW + timedelta(days=1))
    file, seconds = tmp_path / "keys.json", [0.0]
    write_keys(file, [record])
    key_ring = KeyRing(file, clock=lambda: seconds[0])
    write_keys(file, [])
    seconds[0] = 1.0
    assert "not known" in refusal(key_ring, f"Bearer {key}")


def test_a_broken_file_of_keys_never_replaces_a_good_one(tmp_path):
    key, record = make_key(["recommend"], expires=NOW + timedelta(days=1))
    file, seconds = tmp_path / "keys.json", [0.0]
    write_keys(file, [record])
    key_ring = KeyRing(file, clock=lambda: seconds[0])
    file.write_text("{")
    seconds[0] = 5.0
    assert key_ring.grant(f"Bearer {key}", remote=None, now=NOW) == {"recommend"}


@pytest.mark.parametrize("remote", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8"])
def test_a_development_key_has_every_scope_on_loopback(remote):
    key_ring = KeyRing(dev_key="any string, ä too")
    header = "Bearer any string, ä too".encode().decode("latin-1")
    assert key_ring.grant(header, remote=remote, now=NOW) == set(SCOPES)


@pytest.mark.parametrize("remote", ["192.0.2.7", "::2", "", None, "localhost.example"])
def test_a_development_key_is_refused_from_elsewhere(remote):
    assert refusal(KeyRing(dev_key="dev"), "Bearer dev", remote=remote) == (
        "Development keys work on loopback alone. Use a key made with arki-keys create."
    )


def test_a_development_key_that_came_through_a_proxy_is_refused(client):
    response = client.get("/v1/segments", headers={"X-Forwarded-For": "127.0.0.1"})
    assert response.status_code == 401


def test_a_key_in_an_address_opens_nothing(stranger):
    assert stranger.get("/v1/segments?key=a key for tests&access_token=a key for tests").status_code == 401


def test_arki_keys_prints_the_key_once_and_keeps_only_its_hash(tmp_path):
    file = tmp_path / "keys.json"
    arguments = [
        "create",
        "--scope",
        "recommend",
        "--scope",
        "content:read",
        "--days",
        "90",
        "--keys",
        str(file),
    ]
    first, second = (CliRunner().invoke(keys, arguments) for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    key = first.stdout.strip()
    assert "\n" not in key
    assert key not in file.read_text()
    assert key.rpartition("_")[2][:64] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(read_keys(file)) == 2
    now = datetime.now(UTC)
    assert KeyRing(file).grant(f"Bearer {key}", remote=None, now=now) == {"recommend", "content:read"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scope", "recommend"],
        ["--days", "9"],
        ["--scope", "all", "--days", "9"],
        ["--scope", "recommend", "--days", "366"],
    ],
    ids=["no-expiry", "no-scope", "unknown-scope", "over-a-year"],
)
def test_a_key_needs_a_scope_and_an_expiry_within_a_year(arguments, tmp_path):
    result = CliRunner().invoke(keys, ["create", *arguments, "--keys", str(tmp_path / "keys.json")])
    assert result.exit_code == 2
    assert not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"keys": [{}]}',
        '{"keys": [{"id": "1", "sha256": "", "scopes": ["recommend"], "expires": "2026-01-01"}]}',
    ],
    ids=["empty", "list", "bare-record", "bad-record"],
)
def test_a_file_that_holds_no_keys_is_named(text, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(text)
    with pytest.raises(SettingsError) as error:
        read_keys(file)
    assert str(error.value) == (
        f"{file} is not a readable file of keys. Restore it, or make a new one with arki-keys create."
    )
    assert (
        CliRunner()
        .invoke(keys, ["create", "--scope", "recommend", "--days", "9", "--keys", str(file)])
        .stderr.startswith("Error: ")
    )
    assert file.read_text() == text


def test_the_file_of_keys_says_who_may_do_what_and_until_when(tmp_path):
    _, record = make_key(["content:read", "recommend"], expires=NOW)
    write_keys(tmp_path / "keys.json", [record])
    written = json.loads((tmp_path / "keys.json").read_text())["keys"][0]
    assert written["scopes"] == ["recommend", "content:read"]
    assert written["expires"] == "2026-06-01T09:00:00+00:00"
    assert set(written) == {"id", "sha256", "scopes", "expires"}


def test_a_missing_scope_is_named():
    assert "segments:read" in str(ForbiddenError("segments:read"))
