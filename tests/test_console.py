"""The console without a browser: who comes in, what a session is, what each page says, and what is never kept."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from browsing import token_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import given_signals

from models.authoring.population_sample import read_sample
from models.authoring.questions import lookups_of
from models.contract.codes import CUSTOMER_TYPES
from models.decision import bundle as bundles_module
from models.decision.mapping import MappingRow
from service.api.problems import KINDS
from service.app import create_app
from service.console import auth, blueprint, customer_form, matrix, summaries
from service.console.auth import SignedOut
from service.console.charts import bar
from service.outcomes.events import Report
from service.outcomes.reports import report_row
from service.security.access import make_key, write_keys
from service.settings import RateLimit, Settings, SettingsError
from testing.shipped import LIFE_EVENTS, read_signals

START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
PAGES = (
    "/",
    "/groups",
    "/mapping",
    "/rules/job-loss-guidance",
    "/customer",
    "/drafts",
    "/content",
    "/model",
    "/outcomes",
    "/accessibility",
)
KEY = "a key for tests"


@pytest.fixture
def moment():
    return SimpleNamespace(now=START)


@pytest.fixture
def keys(tmp_path, moment):
    """A file with a key of each kind, and the keys."""
    pairs = {
        name: make_key(scope, expires=moment.now + timedelta(days=1))
        for name, scope in (
            ("reader", ["content:read"]),
            ("asker", ["recommend"]),
            ("editor", ["content:read", "content:write"]),
        )
    }
    write_keys(tmp_path / "keys.json", [record for _, record in pairs.values()])
    return {name: key for name, (key, _) in pairs.items()} | {"file": tmp_path / "keys.json", "pairs": pairs}


@pytest.fixture
def guarded(bundles, store, keys, moment, tmp_path):
    """The service with a file of keys, at a moment that a test may move."""
    settings = Settings(bundles=bundles, keys=keys["file"], secret="s" * 40, run=tmp_path / "run")
    return create_app(settings, store=store, clock=lambda: moment.now)


def enter(client, key, language="en"):
    """Come in as a browser does; the last answer."""
    token = token_of(client.get(f"/console/{language}/sign-in").text)
    return client.post(f"/console/{language}/sign-in", data={"token": token, "key": key})


@pytest.fixture(scope="module")
def cookie(app):
    """A session's cookie, made once: sign-in is limited."""
    client = app.test_client()
    assert enter(client, KEY).status_code == 303
    return client.get_cookie("arki-console", path="/console").value


@pytest.fixture
def team(app, cookie):
    """A browser that came in with the development key."""
    client = app.test_client()
    client.set_cookie("arki-console", cookie, path="/console")
    return client


def test_the_console_begins_in_the_language_of_the_browser(stranger):
    for asked, language in (("sv-FI,sv;q=0.9", "sv"), ("de", "fi"), ("en-GB", "en")):
        response = stranger.get("/console", headers={"Accept-Language": asked})
        assert response.location == f"/console/{language}/"


def test_without_a_session_every_closed_page_leads_to_the_sign_in(app):
    closed = [rule for rule in app.url_map.iter_rules() if rule.endpoint in blueprint.CLOSED_CONSOLE]
    assert len(closed) >= 15
    for rule in closed:
        path = re.sub("<any[^>]*>", "fi", re.sub("<(?!any)[^>]*>", "x", rule.rule))
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            response = app.test_client().open(path, method=method)
            assert (response.status_code, response.location) == (303, "/console/fi/sign-in"), rule


def test_a_key_with_the_scope_comes_in_and_one_without_does_not(guarded, keys):
    assert enter(guarded.test_client(), keys["reader"]).location == "/console/en/"
    refused = enter(guarded.test_client(), keys["asker"])
    assert refused.status_code == 403
    assert "content:read" in refused.text
    assert "Set-Cookie" not in [name for name, value in refused.headers if "arki-console=" in value]
    assert enter(guarded.test_client(), "wrong").status_code == 403


def test_a_key_that_may_only_read_sends_no_draft(guarded, keys):
    reader, editor = guarded.test_client(), guarded.test_client()
    for client, name, forms in ((reader, "reader", 0), (editor, "editor", 2)):
        enter(client, keys[name])
        shown = client.get("/console/en/drafts").text
        assert shown.count('/console/en/drafts"') + shown.count('/console/en/spreadsheet"') >= forms
        assert ("scope content:write" in shown) == (name == "reader")
    token = token_of(reader.get("/console/en/customer").text)
    for path in ("/console/en/drafts", "/console/en/spreadsheet"):
        refused = reader.post(path, data={"token": token})
        assert (refused.status_code, "content:write" in refused.text) == (403, True)
    token = token_of(editor.get("/console/en/drafts").text)
    assert editor.post("/console/en/drafts", data={"token": token}).status_code == 422  # no file was chosen


def test_the_cookie_names_the_key_by_its_id_alone_and_scripts_cannot_read_it(guarded, keys):
    client = guarded.test_client()
    response = enter(client, keys["reader"])
    [cookie] = [
        value for value in response.headers.getlist("Set-Cookie") if value.startswith("arki-console=")
    ]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/console" in cookie
    assert "Secure" not in cookie  # loopback has no TLS
    assert keys["reader"].split("_")[2] not in cookie
    far = guarded.test_client()
    far.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    far.environ_base["wsgi.url_scheme"] = "https"
    [cookie] = enter(far, keys["reader"]).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-arki-console=")
    assert cookie.endswith("; Secure; HttpOnly; Path=/; SameSite=Strict")
    assert far.get("/console/en/").status_code == 200
    far.set_cookie("arki-console", cookie.partition("=")[2].partition(";")[0], path="/console")
    far.delete_cookie("__Host-arki-console", path="/")
    assert (
        far.get("/console/en/").status_code == 303
    )  # a cookie that another host of the domain could set is not read


def test_a_revoked_key_ends_its_session(guarded, keys):
    client = guarded.test_client()
    enter(client, keys["reader"])
    assert client.get("/console/en/").status_code == 200
    write_keys(keys["file"], [keys["pairs"]["asker"][1]])
    time.sleep(1.1)  # the ring looks at its file once a second
    assert client.get("/console/en/").location == "/console/en/sign-in"


def test_a_session_ends_after_half_an_hour_of_silence(guarded, keys, moment):
    client = guarded.test_client()
    enter(client, keys["reader"])
    for _ in range(3):
        moment.now += timedelta(minutes=29)
        assert client.get("/console/en/").status_code == 200
    moment.now += timedelta(minutes=31)
    assert client.get("/console/en/").status_code == 303


def test_a_session_ends_after_eight_hours_however_busy(guarded, keys, moment):
    client = guarded.test_client()
    enter(client, keys["reader"])
    for _ in range(24):
        moment.now += timedelta(minutes=20)
        assert client.get("/console/en/").status_code == 200
    moment.now += timedelta(minutes=1)
    assert client.get("/console/en/").status_code == 303


def test_who_signs_out_is_out_and_a_copy_of_the_cookie_opens_nothing(guarded, keys):
    client, other, thief = (guarded.test_client() for _ in range(3))
    for one in (client, other):
        enter(one, keys["reader"])
    thief.set_cookie(
        "arki-console", client.get_cookie("arki-console", path="/console").value, path="/console"
    )
    assert thief.get("/console/en/").status_code == 200
    token = token_of(client.get("/console/en/").text)
    assert client.post("/console/en/sign-out", data={"token": token}).status_code == 303
    assert client.get("/console/en/").status_code == 303
    assert thief.get("/console/en/").status_code == 303
    assert (
        other.get("/console/en/").status_code == 200
    )  # another session of the same key, begun in the same second


def test_every_worker_refuses_a_session_that_was_signed_out_until_its_cookie_ends(tmp_path):
    one, other = SignedOut(tmp_path / "out"), SignedOut(tmp_path / "out")
    one.add("a")
    assert (other.holds("a"), other.holds("b")) == (True, False)
    old = time.time() - auth.LONGEST.total_seconds() - 1
    os.utime(tmp_path / "out" / "a", (old, old))
    other.add("b")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b"]


def test_every_machine_refuses_a_session_that_was_signed_out_and_none_fails_for_redis(tmp_path):
    kept, failures = {}, []
    redis = SimpleNamespace(
        set=lambda name, value, ex: kept.update({name: ex}), exists=lambda name: name in kept
    )
    one, other = (SignedOut(tmp_path / name, redis) for name in ("one", "other"))
    one.add("a")
    assert (other.holds("a"), other.holds("b")) == (True, False)
    assert set(kept.values()) == {8 * 3600}
    away = SignedOut(tmp_path / "one", SimpleNamespace(), lambda: failures.append(1))
    assert (away.holds("a"), away.holds("b"), away.holds("b")) == (True, False, False)
    assert failures == [1]  # asked once, and then it rests


def test_sessions_and_forms_are_signed_with_sha_256(guarded):
    made = auth.make_door(Settings(bundles=None, secret="s" * 40))
    for serializer in (made.sessions, made.forms):
        signature = serializer.dumps("x").rpartition(".")[2]
        assert len(base64.urlsafe_b64decode(signature + "=")) == 32


def test_an_altered_cookie_opens_nothing(team):
    cookie = team.get_cookie("arki-console", path="/console")
    start, sign, last = (
        cookie.value[:-2],
        cookie.value[-2],
        cookie.value[-1],
    )  # two bits of the last say nothing
    team.set_cookie("arki-console", start + ("A" if sign != "A" else "B") + last, path="/console")
    assert team.get("/console/en/").status_code == 303


@pytest.mark.parametrize("token", ["", "x", None], ids=["empty", "wrong", "none"])
def test_a_form_without_the_token_of_its_session_is_refused(team, token):
    sent = {} if token is None else {"token": token}
    for path in ("/customer", "/drafts", "/spreadsheet", "/sign-out"):
        response = team.post(f"/console/en{path}", data=sent)
        assert response.status_code == 403
        assert "The form is out of date" in response.text


def test_a_form_of_another_site_is_refused_even_with_the_token(team):
    token = token_of(team.get("/console/en/customer").text)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        response = team.post("/console/en/customer", data={"token": token}, headers=headers)
        assert response.status_code == 403
    assert enter_with_headers(team.application, {"Sec-Fetch-Site": "same-site"}).status_code == 403


def enter_with_headers(app, headers):
    client = app.test_client()
    token = token_of(client.get("/console/en/sign-in").text)
    return client.post("/console/en/sign-in", data={"token": token, "key": KEY}, headers=headers)


def test_the_sign_in_form_works_in_the_browser_that_asked_for_it_alone(app):
    token = token_of(app.test_client().get("/console/en/sign-in").text)
    assert app.test_client().post("/console/en/sign-in", data={"token": token, "key": KEY}).status_code == 403


def test_sign_in_is_tried_ten_times_a_minute_at_most(guarded, keys):
    client = guarded.test_client()
    answers = [enter(client, "wrong") for _ in range(21)]
    assert [answer.status_code for answer in answers[:10]] == [403] * 10
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused  # the twenty-first at the latest, wherever the minute begins
    assert int(refused[0].headers["Retry-After"]) <= 60


def test_console_requests_count_against_the_limit_of_the_key(bundles, store, keys, tmp_path):
    settings = Settings(
        bundles=bundles, keys=keys["file"], secret="s" * 40, run=tmp_path, rate_limit=RateLimit(2, 3600)
    )
    client = create_app(settings, store=store, clock=lambda: START).test_client()
    enter(client, keys["reader"])
    assert [client.get("/console/en/").status_code for _ in range(3)] == [200, 200, 429]


def test_the_key_and_the_signals_reach_no_log(capfd, settings, store):
    client = create_app(settings, store=store, clock=lambda: START).test_client()
    enter(client, KEY)
    token = token_of(client.get("/console/en/customer").text)
    sent = {"token": token, "customer_type": "person", "s.open_matter": "conscripts_allowance", "limit": "3"}
    answers = [
        client.post("/console/en/customer", data=sent | {"s.phone_contacts_90d": n}) for n in ("", "zyx")
    ]
    assert [answer.status_code for answer in answers] == [200, 422]
    said = "".join(capfd.readouterr())
    assert said.count('"route":"/console/<any(fi, sv, en):language>/customer"') == 3
    for secret in (KEY, token, "conscripts", "zyx"):
        assert secret not in said


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_in_its_language_under_a_policy_without_scripts(team, path, language):
    response = team.get(f"/console/{language}{path}")
    assert response.status_code == 200
    assert f'<html lang="{language}">' in response.text
    assert response.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    assert response.headers["Cache-Control"] == "no-store"
    assert "<script" not in response.text
    assert " style=" not in response.text


def test_whatever_is_not_there_is_a_page_that_says_so(team):
    for path in (
        "/nothing",
        "/rules/none",
        "/model/classifier.joblib",
        "/drafts/x",
        "/drafts/x/y",
        "/customer/x",
    ):
        response = team.get(f"/console/sv{path}")
        assert response.status_code == 404
        assert "Hittades inte" in response.text
        assert "content-security-policy" in {name.lower() for name, _ in response.headers}


def test_a_failure_is_a_page_with_an_id_and_nothing_else(settings, store):
    app = create_app(settings, store=store, clock=lambda: START)
    client = app.test_client()
    enter(client, KEY)
    app.view_functions["console.overview"] = lambda: 1 / 0
    response = client.get("/console/en/")
    assert response.status_code == 500
    assert response.headers["X-Request-Id"] in response.text
    assert "ZeroDivision" not in response.text


def test_no_bundle_is_a_page_too(settings, store):
    served = SimpleNamespace(bundle=store.bundle, problem=None)
    client = create_app(settings, store=served, clock=lambda: START).test_client()
    enter(client, KEY)

    def none():
        raise bundles_module.BundleError("gone")

    served.bundle = none
    response = client.get("/console/en/")
    assert response.status_code == KINDS[bundles_module.BundleError].status
    assert "Try again in a minute." in response.text


def test_the_overview_tells_segments_shares_and_versions(team, store):
    text = team.get("/console/fi/").text
    for name in ("Tasainen arki", "Muuttuva arki", "Tuettava arki", "Työnantaja"):
        assert name in text
    assert re.search(r"7\d,\d\N{NO-BREAK SPACE}%", text)
    assert store.recommender().versions.bundle in text
    assert "3\N{NO-BREAK SPACE}144\N{NO-BREAK SPACE}259" in text


def test_the_overview_names_the_rules_that_changed_last(settings, bundles, tmp_path, authored):
    folder = tmp_path / "bundles"
    edited = json.loads(json.dumps(authored.parts()))
    edited["rulebook.json"]["person"][0]["owner"] = "another-team"
    for parts in (authored.parts(), edited):
        bundles_module.activate(folder, bundles_module.build(folder, parts))
    made = create_app(Settings(bundles=folder, dev_key=KEY, secret="s" * 40), clock=lambda: START)
    client = made.test_client()
    enter(client, KEY)
    text = client.get("/console/en/").text
    assert "changed" in text
    assert f"/console/en/rules/{edited['rulebook.json']['person'][0]['id']}" in text


def test_every_cell_of_the_mapping_is_the_rule_that_decides(store):
    bundle = store.bundle()
    shown = matrix.matrix(bundle, "person", {"digital": "offline"}, START, "fi")
    assert [value for value, _ in shown.rows] == [*LIFE_EVENTS, "none", "unknown"]
    table = bundle.recommender.rulebook.tables["person"].on(START.date())
    for _, cells in shown.rows:
        for cell in cells:
            assert table.choose(cell.facts) is cell.rule
            assert cell.relaxed == (cell.facts["segment"] == "unknown")
            assert cell.facts["digital"] == ("unknown" if cell.relaxed else "offline")


def cell_of(shown, row, column):
    return dict(shown.rows)[row][shown.columns.index(column)]


@pytest.mark.parametrize(
    "filters", [{}, {"digital": "unknown"}, {"friction": "none", "confidence": "high"}], ids=str
)
def test_a_cell_opens_on_what_most_of_its_customers_get_with_their_share(store, filters):
    bundle, weights = store.bundle(), {}
    table = bundle.recommender.rulebook.tables["person"].on(START.date())
    population = read_sample().population  # row by row, as no page reads it
    for at, weight in zip(population.question_of, population.weight, strict=True):
        facts = lookups_of(population.questions[at], bundle.recommender.facts)[0]
        if population.questions[at].customer_type == "employer":
            continue
        fixed = filters.items() if facts["segment"] != "unknown" else ()
        if facts["personalisation"] == "allowed" and all(facts[name] == value for name, value in fixed):
            rules = weights.setdefault((facts["life_event"], facts["segment"]), Counter())
            rules[table.choose(facts).id] += weight
    shown = matrix.matrix(bundle, "person", filters, START, "en")
    for row, cells in shown.rows:
        for column, cell in zip(shown.columns, cells, strict=True):
            rules = weights.get((row, column))
            if rules is None:
                assert cell.share is None
                continue
            assert rules[cell.rule.id] == pytest.approx(max(rules.values()))
            assert cell.share == pytest.approx(max(rules.values()) / sum(rules.values()))


def test_losing_a_job_opens_on_the_suggestion_that_most_get_and_the_minority_can_be_chosen(store):
    opened = cell_of(matrix.matrix(store.bundle(), "person", {}, START, "en"), "KE8", "changing")
    assert (opened.rule.id, opened.rule.channel) == ("job-loss-self-service", "omakela_nudge")
    chosen = matrix.matrix(store.bundle(), "person", {"digital": "unknown"}, START, "en")
    assert cell_of(chosen, "KE8", "changing").rule.id == "job-loss-guidance"


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_a_cell_shows_the_items_that_such_a_customer_is_offered_in_the_language_of_the_page(store, language):
    bundle = store.bundle()
    cell = cell_of(matrix.matrix(bundle, "person", {}, START, language), "KE8", "changing")
    item = cell.items[0]
    assert item.content.language == language
    assert item.content.title == bundle.recommender.catalogue.items[item.content.id].languages[language].title
    assert {item.channel for item in cell.items} == {cell.rule.channel}


def test_the_mapping_says_its_shares_are_simulated_and_links_to_the_items(team, store):
    text = team.get("/console/en/mapping").text
    assert "The shares are of a simulated population, not of Kela's customers" in text
    assert "as such customers are" in text
    assert "% of such customers" in text
    item = cell_of(matrix.matrix(store.bundle(), "person", {}, START, "en"), "KE8", "changing").items[0]
    assert f'<a href="{item.content.url}">{item.content.title}</a>' in text


def test_a_rule_shows_the_items_that_it_offers_on_each_of_its_topics(team, store):
    text = team.get("/console/sv/rules/job-loss-guidance").text
    listed = matrix.one_rule(store.bundle(), "job-loss-guidance", START.date())
    [(topic, items)] = matrix.items_by_topic(store.bundle(), listed, START, "sv")
    assert "Innehåll som den erbjuder i dag" in text
    assert store.recommender().vocabulary.topics[topic].name["sv"] in text
    assert items
    for item in items:
        assert f'<a href="{item.content.url}">{item.content.title}</a>' in text


def test_the_mapping_narrows_by_employer_facts(team):
    text = team.get("/console/en/mapping?type=employer&digital=offline&first_claim=yes").text
    assert "Employers by kind of claim and size" in text
    assert "Digital readiness: not online" in text
    assert "250 employees or more" in text


def test_five_hundred_rules_stay_readable_and_searchable(settings, store, authored):
    documents = json.loads(json.dumps(authored.parts()))
    first = documents["rulebook.json"]["person"][0]
    extra = [{**first, "id": f"invented-{at}", "owner": f"team-{at % 7}"} for at in range(440)]
    documents["rulebook.json"]["person"][:0] = extra
    rules = sum(len(documents["rulebook.json"][kind]) for kind in ("person", "employer"))
    many = bundles_module.preview(documents)
    served = SimpleNamespace(bundle=lambda: many, problem=None)
    client = create_app(settings, store=served, clock=lambda: START).test_client()
    enter(client, KEY)
    text = client.get("/console/en/mapping").text
    assert f"{rules} rules found." in text
    assert text.count('<td class="n">') == matrix.PAGE
    assert "Page 1 of 11" in text
    assert "1 rule found." in client.get("/console/en/mapping?q=invented-401").text
    assert "63 rules found." in client.get("/console/en/mapping?owner=team-3").text
    assert "No rule holds all these words" in client.get("/console/en/mapping?q=nowhere").text
    assert client.get("/console/en/mapping?page=999999999").status_code == 200


def test_a_rule_shows_its_words_in_three_languages_and_its_examples(team):
    text = team.get("/console/fi/rules/job-loss-guidance").text
    for sentence in ("Työsi on päättynyt.", "Din anställning har upphört.", "Your job has ended."):
        assert sentence in text
    assert "example-job-loss-guidance" in text
    assert "Työttömäksi jääminen" in text


def test_the_mapping_is_downloaded_safe_against_formulas(team):
    response = team.get("/console/sv/mapping.csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="arki-mapping.csv"'
    rows = list(csv.reader(io.StringIO(response.text)))
    assert len(rows) > 100
    assert tuple(rows[0]) == (
        *MappingRow._fields,
        "commonest_share",
        "commonest_channel",
        "commonest_content_types",
        "commonest_rule",
        "commonest_titles",
    )
    named = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    [lost] = [row for row in named if (row["segment"], row["value"]) == ("changing", "KE8")]
    assert (lost["rule"], lost["commonest_rule"]) == ("job-loss-guidance", "job-loss-self-service")
    assert 0.5 < float(lost["commonest_share"]) < 1
    assert " | " in lost["commonest_titles"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def ask(team, **sent):
    token = token_of(team.get("/console/en/customer").text)
    return team.post("/console/en/customer", data={"token": token, **sent})


def test_every_persona_can_be_tried_and_gets_what_the_recommender_gives(team, recommender):
    for persona in customer_form.personas():
        response = ask(team, persona=persona["id"])
        assert response.status_code == 200
        first = re.search(r'<h3 lang="\w\w">([^<]+)</h3>', response.text)
        if persona["expect"].get("content_types"):
            assert first, persona["id"]
        assert "Why" in response.text


def test_the_personas_of_the_console_are_the_fixtures():
    from models.authoring.personas import all_personas

    assert list(customer_form.personas()) == all_personas(), "run `make golden`"


def test_a_typed_customer_is_read_by_the_contract_of_the_api(team):
    response = ask(
        team,
        customer_type="person",
        **{
            "s.life_events.0": "KE8",
            "s.life_events.0.months": "1",
            "s.benefits_started_6m": "1",
            "s.active_benefits": "none",
            "day": "2026-11-18",
            "limit": "2",
            "customer_language": "en",
        },
    )
    assert response.status_code == 200
    assert "18 Nov 2026" in response.text
    assert "Your job has ended." in response.text
    assert "job-loss-guidance" in response.text
    assert response.text.count('<article class="offer"') == 2


def test_faults_are_told_at_the_top_and_at_the_field(team):
    response = ask(
        team,
        customer_type="person",
        **{"s.applications_12m": "many", "s.applications_online_12m": "3", "day": "soon", "limit": "99"},
    )
    assert response.status_code == 422
    assert '<a href="#s.applications_12m">' in response.text
    assert 'id="e-s.applications_12m"' in response.text
    assert "Error: Try a customer" in response.text
    assert 'value="many"' in response.text


def test_an_employer_and_an_objector_are_explained_too(team):
    employer = ask(
        team, customer_type="employer", **{"s.employees": "7", "s.first_claim": "yes", "limit": "3"}
    )
    assert "Employer: known from the request, not inferred." in employer.text
    objector = ask(team, customer_type="person", **{"s.personalisation": "objected", "limit": "3"})
    assert "The model was not asked" in objector.text


def test_every_form_is_read_back_as_it_was_typed(recommender, at):
    for persona in customer_form.personas():
        asked = customer_form.from_persona(persona["id"], day="", draft="")
        tried, faults = customer_form.try_customer(recommender, asked, now=at)
        assert not faults
        assert tried.signals == read_signals(persona["customer_type"], persona["signals"])


@given(kind=st.sampled_from(CUSTOMER_TYPES), data=st.data())
def test_whatever_the_contract_allows_can_be_typed(kind, data):
    signals = data.draw(given_signals(kind))
    asked = customer_form.from_customer({"customer_type": kind, "signals": signals}, "fi")
    known = {name: value for name, value in signals.items() if value is not None}
    assert read_signals(kind, customer_form._json_of(asked)) == read_signals(kind, known)


def test_the_content_page_tells_holes_and_what_ends(team, store):
    covered = summaries.coverage(store.bundle(), START.date())
    text = team.get("/console/en/content?holes=1").text
    holes = [row for row in covered if row.has_hole]
    assert text.count('<td class="n hole">') == sum(
        count == 0 for row in holes for _, counts in row.counts for count in counts
    )
    assert "expired" in team.get("/console/en/content?status=expired").text
    assert "Nothing holds all these words" in team.get("/console/en/content?q=xyzzy").text


def test_coverage_looks_where_a_rule_looks_when_nothing_was_stated(store):
    rules = {rule.id: rule for rule in store.recommender().rulebook.tables["person"].rules}
    sought = summaries._sought(store.bundle(), "person", "changing")
    assert set(rules["change-guidance"].content) <= sought["general"]
    assert set(rules["moving-guidance"].content) <= sought["moving"]


def test_the_model_page_shows_only_files_that_its_manifest_names(team, store):
    response = team.get("/console/en/model/plot-calibration.png")
    assert response.content_type == "image/png"
    text = team.get("/console/fi/model").text
    assert store.recommender().versions.model in text
    assert "0,361" in text
    assert team.get("/console/en/model/MODEL_CARD.md").headers["Content-Disposition"].startswith("attachment")


def test_a_bar_is_drawn_within_its_picture():
    for value in (-2.0, 0.0, 0.5, 2.0):
        drawn = bar(value, 2.0, signed=True, low=value, high=value)
        places = [float(place) for place in re.findall(r'x="([\d.]+)"', drawn)]
        assert all(0 <= place <= 100 for place in places)
    assert "style" not in bar(1, 1)


def test_the_statement_names_the_contact_where_there_is_one(bundles, store):
    for contact, shown in (
        ("team@example.fi", "mailto:team@example.fi"),
        ("https://example.fi/x", "https://example.fi/x"),
    ):
        made = create_app(
            Settings(bundles=bundles, dev_key=KEY, secret="s" * 40, contact=contact), store=store
        )
        assert f'href="{shown}"' in made.test_client().get("/console/en/accessibility").text
    with pytest.raises(SettingsError, match="ARKI_CONTACT"):
        Settings.from_environ({"ARKI_CONTACT": "javascript:alert(1)"})


def test_outcomes_show_shares_with_intervals_and_none_of_too_few(team, app, monkeypatch):
    from service.console import views_read

    rows = (
        report_row("callback", Counter(shown=1200, opened=480), 8),
        report_row(None, Counter(shown=1200, opened=480), 4),
        report_row("paper", Counter(shown=45), 684),
        report_row("long-gone", Counter(shown=45), None),
    )
    report = Report("channel", START.date(), START.date(), rows)
    assert "Nothing has been reported yet." in team.get("/console/en/outcomes").text
    monkeypatch.setattr(views_read, "_reports", lambda: [report])
    text = team.get("/console/en/outcomes").text
    assert "Call request" in text
    assert "Customers who objected, and minors" in text
    assert "40.0% <span" in text
    assert text.count("too few yet to say") == 4
    assert "684" in text
    assert "not known" in text
    assert 'class="whisker"' in text
    assert "Nothing has been reported yet." not in text


def test_outcomes_are_told_to_keys_that_may_read_them_alone(guarded, keys):
    reader = guarded.test_client()
    enter(reader, keys["reader"])
    text = reader.get("/console/en/outcomes").text
    assert "Ask for a key with the scope outcomes:read." in text
    assert "Nothing has been reported yet." not in text


def test_a_rule_that_tries_variants_shows_their_shares(settings, store, authored):
    documents = json.loads(json.dumps(authored.parts()))
    rule = next(one for one in documents["rulebook.json"]["person"] if one["id"] == "job-loss-guidance")
    rule["experiment"] = {
        "id": "video-first",
        "control_share": 60,
        "variants": [{"id": "video", "share": 40, "content": ["explainer_video", "guide"]}],
    }
    made = bundles_module.preview(documents)
    client = create_app(
        settings, store=SimpleNamespace(bundle=lambda: made, problem=None), clock=lambda: START
    ).test_client()
    enter(client, KEY)
    text = client.get("/console/en/rules/job-loss-guidance").text
    assert "video-first" in text
    assert "60%" in text
    assert "40%" in text
