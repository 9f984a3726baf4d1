"""Who may do what: keys, scopes, and doors that are shut unless declared open."""

from __future__ import annotations

import json
import re
import stat
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from service.api.operations import BY_ENDPOINT
from service.app import OPEN_ENDPOINTS, create_app
from service.console.blueprint import CLOSED_CONSOLE
from service.security.access import (
    SCOPES,
    ForbiddenError,
    KeyRing,
    UnauthenticatedError,
    make_key,
    read_keys,
    write_keys,
)
from service.security.keys import keys
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
        "console.static",
        "console.start",
        "console.sign_in",
        "console.accessibility",
        "demo.client_module",
        "demo.demo_page",
    } == OPEN_ENDPOINTS


def test_every_other_route_needs_a_key_or_a_session(app, stranger):
    closed = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in OPEN_ENDPOINTS]
    assert {rule.endpoint for rule in closed} == {*BY_ENDPOINT, *CLOSED_CONSOLE}
    assert set(CLOSED_CONSOLE.values()) <= set(SCOPES)
    for rule in closed:
        if rule.endpoint in CLOSED_CONSOLE:
            response = stranger.get(example_path(rule))
            assert response.status_code in {303, 405}, rule
            continue
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
    assert response.status_code == (opened(operation) if scope == operation.scope else 403)
    if scope != operation.scope:
        assert response.json["detail"] == (
            f"This key lacks the scope {operation.scope}. Ask whoever runs the service for a key with it."
        )


def test_a_key_is_granted_its_scopes(tmp_path):
    key, key_ring = ring(tmp_path, "recommend", "segments:read")
    assert key_ring.grant(f"Bearer {key}", remote="203.0.113.9", now=NOW).scopes == {
        "recommend",
        "segments:read",
    }


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
    assert key_ring.grant(f"Bearer {key}", remote=None, now=NOW).scopes == {"recommend"}


@pytest.mark.parametrize("remote", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8"])
def test_a_development_key_has_every_scope_on_loopback(remote):
    key_ring = KeyRing(dev_key="any string, ä too")
    header = "Bearer any string, ä too".encode().decode("latin-1")
    assert key_ring.grant(header, remote=remote, now=NOW).scopes == set(SCOPES)


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
    assert KeyRing(file).grant(f"Bearer {key}", remote=None, now=now).scopes == {"recommend", "content:read"}


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


def run_keys(*arguments):
    return CliRunner().invoke(keys, [str(argument) for argument in arguments])


def test_a_key_is_rotated_with_two_live_keys(tmp_path):
    file = tmp_path / "keys.json"
    made = [
        run_keys("create", "--scope", "recommend", "--days", "30", "--keys", file).stdout.strip()
        for _ in range(2)
    ]
    clock = [0.0]
    key_ring = KeyRing(file, clock=lambda: clock[0])
    now = datetime.now(UTC)
    for key in made:
        assert key_ring.grant(f"Bearer {key}", remote=None, now=now).scopes == {"recommend"}
    revoked = run_keys("revoke", made[0].split("_")[1], "--keys", file)
    assert (revoked.exit_code, "is revoked" in revoked.stderr) == (0, True)
    clock[0] = 1.0
    assert "not known" in refusal(key_ring, f"Bearer {made[0]}", now=now)
    assert key_ring.grant(f"Bearer {made[1]}", remote=None, now=now).scopes == {"recommend"}


def test_keys_are_listed_by_id_with_what_they_open_and_no_secret(tmp_path):
    file, now = tmp_path / "keys.json", datetime.now(UTC)
    pairs = [make_key(["recommend"], expires=now + timedelta(days=days)) for days in (-1, 5, 90)]
    write_keys(file, [record for _, record in pairs])
    listed = run_keys("list", "--keys", file).stdout
    states = [line.split()[:2] for line in listed.splitlines()]
    assert states == [
        [record.id, state] for (_, record), state in zip(pairs, ("expired", "rotate", "live"), strict=True)
    ]
    assert not any(record.sha256 in listed or key in listed for key, record in pairs)


WRITE_AND_READ = ("--scope", "outcomes:write", "--scope", "outcomes:read")


def test_no_key_is_made_that_may_both_write_outcomes_and_read_them(tmp_path):
    file = tmp_path / "keys.json"
    refused = run_keys("create", *WRITE_AND_READ, "--scope", "recommend", "--days", "9", "--keys", file)
    assert refused.exit_code == 2
    assert refused.stderr.endswith(
        "Error: One key must not have both outcomes:write and outcomes:read. A report shows no group of fewer than five; "
        "whoever may also add events could bring a count to four and see one customer's event make it five. Make two keys, "
        "one with each scope, and give them to different people.\n"
    )
    assert not file.exists()
    for scope in ("outcomes:write", "outcomes:read"):
        assert run_keys("create", "--scope", scope, "--days", "9", "--keys", file).exit_code == 0


@pytest.fixture
def old_keys(tmp_path):
    """A file of keys made before, and the one that writes and reads outcomes; a third did and has expired."""
    now = datetime.now(UTC)
    pairs = [
        make_key(scopes, expires=now + timedelta(days=days))
        for scopes, days in (
            (["outcomes:write"], 9),
            (["outcomes:write", "outcomes:read"], 9),
            (["outcomes:write", "outcomes:read"], -1),
        )
    ]
    write_keys(tmp_path / "keys.json", [record for _, record in pairs])
    return tmp_path / "keys.json", pairs[1][1].id


def test_an_old_key_that_writes_and_reads_outcomes_is_named_at_the_start(old_keys, bundles, store, caplog):
    file, key_id = old_keys
    create_app(Settings(bundles=bundles, keys=file, dev_key="dev", secret="s" * 40), store=store)
    [said] = [record.getMessage() for record in caplog.records]
    assert said == (
        f"These keys may both write and read outcomes, and so tell what one customer did: {key_id}. Make two keys for each, "
        "one with outcomes:write and one with outcomes:read, for different people, and revoke it."
    )


def test_an_old_key_that_writes_and_reads_outcomes_is_named_in_the_list(old_keys):
    file, key_id = old_keys
    listed = run_keys("list", "--keys", file)
    assert len(listed.stdout.splitlines()) == 3
    assert listed.stderr == (
        f"Key {key_id} may both write and read outcomes, and so tell what one customer did. Make two keys, one with each "
        "scope, for different people, and revoke this one.\n"
    )


def test_revoking_a_key_that_is_not_there_says_so_and_never_repeats_a_whole_key(tmp_path):
    file = tmp_path / "keys.json"
    key, record = make_key(["recommend"], expires=NOW)
    write_keys(file, [record])
    missing = run_keys("revoke", "0123456789ab", "--keys", file)
    assert missing.exit_code == 1
    assert missing.stderr == (
        f"Error: {file} has no key 0123456789ab. Give the twelve digits that arki-keys list shows.\n"
    )
    assert key not in run_keys("revoke", key, "--keys", file).stderr
    assert len(read_keys(file)) == 1


def test_a_key_whose_record_was_given_a_longer_life_is_refused(tmp_path):
    key, key_ring = ring(tmp_path, "recommend", days=366)
    assert refusal(key_ring, f"Bearer {key}") == (
        "The key's record was altered: no key lives longer than 365 days."
    )


def opened(operation):
    """How a route answers the right key here, where no database of outcomes is set."""
    return 404 if operation.rule.startswith("/v1/outcomes") else 200


STATES = {"none": 401, "wrong-scope": 403, "right": 200, "expired": 401, "revoked": 401}


@pytest.fixture(scope="module")
def matrix(bundles, store, tmp_path_factory):
    """The app, and for each scope a key in each state."""
    file, now = tmp_path_factory.mktemp("matrix") / "keys.json", datetime.now(UTC)
    live = {scope: make_key([scope], expires=now + timedelta(days=1)) for scope in SCOPES}
    expired = {scope: make_key([scope], expires=now - timedelta(seconds=1)) for scope in SCOPES}
    revoked = {scope: make_key([scope], expires=now + timedelta(days=1)) for scope in SCOPES}
    write_keys(file, [record for group in (live, expired, revoked) for _, record in group.values()])
    app = create_app(Settings(bundles=bundles, keys=file, secret="s" * 40), store=store)
    write_keys(file, [record for group in (live, expired) for _, record in group.values()])
    time.sleep(1.1)
    return app, live, expired, revoked


def example_path(rule):
    """An address of a route."""
    return re.sub("<(?!any)[^>]*>", "steady", re.sub("<any[^>]*>", "fi", rule.rule))


def session_of(app, key):
    """A client that came into the console with a key, as far as the door let it."""
    client = app.test_client()
    token = re.search(r'name="token" value="([^"]+)"', client.get("/console/en/sign-in").text)[1]
    client.post("/console/en/sign-in", data={"token": token, "key": key or ""})
    return client


@pytest.mark.parametrize("state", STATES)
def test_the_console_opens_to_the_right_key_alone(matrix, state):
    app, live, expired, revoked = matrix
    keys_by_state = {
        "none": None,
        "wrong-scope": live["recommend"][0],
        "right": live["content:read"][0],
        "expired": expired["content:read"][0],
        "revoked": revoked["content:read"][0],
    }
    client = session_of(app, keys_by_state[state])
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in CLOSED_CONSOLE:
            continue
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            response = client.open(example_path(rule), method=method)
            if state == "right":  # a form without its token is refused, whoever sends it
                assert response.status_code in ({403} if method == "POST" else {200, 404}), rule
            else:
                assert (response.status_code, response.location) == (303, "/console/fi/sign-in"), rule


@pytest.mark.parametrize("state", STATES)
def test_each_route_opens_to_the_right_key_alone(matrix, state):
    app, live, expired, revoked = matrix
    asked = 0
    for rule in app.url_map.iter_rules():
        path = example_path(rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.endpoint in OPEN_ENDPOINTS:
                assert app.test_client().open(path, method=method).status_code in {200, 303, 403, 404}
                continue
            if rule.endpoint in CLOSED_CONSOLE:
                continue  # a key in a header opens no page; the test above tries sessions
            operation = BY_ENDPOINT[rule.endpoint]
            others = next(scope for scope in SCOPES if scope != operation.scope)
            key = {
                "none": None,
                "wrong-scope": live[others],
                "right": live[operation.scope],
                "expired": expired[operation.scope],
                "revoked": revoked[operation.scope],
            }[state]
            headers = {"Authorization": f"Bearer {key[0]}"} if key else {}
            body = {"customers": [BODY]} if "batch" in path else BODY
            sent = {"json": body} if operation.body else {}
            response = app.test_client().open(path, method=method, headers=headers, **sent)
            expected = opened(operation) if state == "right" else STATES[state]
            assert response.status_code == expected, (rule, state)
            if STATES[state] == 401:
                assert response.headers["WWW-Authenticate"] == 'Bearer realm="arki"'
            asked += 1
    assert asked == len(BY_ENDPOINT)


def test_a_missing_scope_is_named():
    assert "segments:read" in str(ForbiddenError("segments:read"))
