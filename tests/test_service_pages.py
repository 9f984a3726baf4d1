"""What is open to anyone, what the content team's data look like from outside, and the headers of every answer."""

from __future__ import annotations

import csv
import io
import re
from types import SimpleNamespace

import pytest

from models.decision.bundle import BundleError
from service.api import listings
from service.app import create_app
from testing.shipped import CHANNELS

MARKING = {
    "fi": "Esimerkkisivu. Sivun on tehnyt riippumaton Arki-hanke. Se ei ole Kelan oma sivu.",
    "sv": "Exempelsida. Sidan är gjord av det oberoende projektet Arki. Den är inte FPA:s egen sida.",
    "en": "Example page made by the independent Arki project. It is not Kela's own page.",
}


def test_liveness_asks_nothing_of_the_bundle(settings):
    app = create_app(settings, store=SimpleNamespace(bundle=lambda: 1 / 0, problem=None))
    assert app.test_client().get("/healthz").json == {"status": "ok"}


def test_readiness_names_what_is_served(stranger, store):
    response = stranger.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "ready", **store.recommender().versions._asdict(), "problem": None}


def test_readiness_says_why_a_newer_bundle_was_refused(settings, store):
    kept = SimpleNamespace(
        bundle=store.bundle, problem="bundle 0123 is not what its name says; build it again"
    )
    response = create_app(settings, store=kept).test_client().get("/readyz")
    assert response.status_code == 200
    assert response.json["problem"] == kept.problem


def test_without_a_bundle_the_service_is_not_ready(settings):
    def none():
        raise BundleError("no bundle is active in bundles; run `make setup`")

    response = (
        create_app(settings, store=SimpleNamespace(bundle=none, problem=None)).test_client().get("/readyz")
    )
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/healthz",
        "/openapi.json",
        "/v1/segments",
        "/nowhere",
        "/content/nowhere",
        "/static/arki.css",
        "/clients/arki.js",
        "/demo",
    ],
)
def test_every_answer_has_its_security_headers(client, path):
    with client.get(path) as response:
        headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert re.fullmatch("[0-9a-f]{16}", headers["X-Request-Id"])
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (headers["Cache-Control"] == "no-store") is (path not in {"/static/arki.css", "/clients/arki.js"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9999", "localhost", "LOCALHOST:80", "[::1]:8080"])
def test_this_machine_is_a_trusted_host_at_any_port(stranger, host):
    assert stranger.get("/openapi.json", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["arki.example", "127.0.0.1.evil.example", "localhost:x", "::1", "[::1"])
def test_another_host_is_not_served(stranger, host):
    response = stranger.get("/openapi.json", headers={"Host": host})
    assert response.status_code == 421
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_asks_by_address_whatever_the_host(stranger, path):
    assert stranger.get(path, headers={"Host": "10.1.2.3:8080"}).status_code == 200


def test_the_docs_need_nothing_from_elsewhere(stranger):
    page = stranger.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert "<script>" not in page
    for address in addresses:
        if not address.startswith("data:"):
            assert address.startswith("/")
            with stranger.get(address) as response:
                assert response.status_code == 200
    assert "script-src 'self';" in stranger.get("/docs").headers["Content-Security-Policy"]


def test_swagger_ui_ships_with_its_licence(root):
    folder = root / "service" / "static" / "swagger"
    assert {path.name for path in folder.iterdir()} == {
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "LICENSE",
        "NOTICE",
    }


@pytest.mark.parametrize(
    ("asked", "language", "marking"),
    [
        (None, "en", "Arki is an independent open project. It is not Kela's own service."),
        ("fi-FI,fi;q=0.9,en;q=0.8", "fi", "Arki on riippumaton avoin hanke. Se ei ole Kelan oma palvelu."),
        ("sv", "sv", "Arki är ett oberoende öppet projekt. Det är inte FPA:s egen tjänst."),
        ("en-GB,sv;q=0.3", "en", "Arki is an independent open project. It is not Kela's own service."),
        ("fi-FI", "fi", "Arki on riippumaton avoin hanke. Se ei ole Kelan oma palvelu."),
        ("*", "en", "Arki is an independent open project. It is not Kela's own service."),
        ("et", "en", "Arki is an independent open project. It is not Kela's own service."),
        ("se", "fi", "Arki on riippumaton avoin hanke. Se ei ole Kelan oma palvelu."),
    ],
)
def test_the_first_page_says_that_arki_is_independent(stranger, asked, language, marking):
    page = stranger.get("/", headers={"Accept-Language": asked} if asked else {}).text
    assert f'<html lang="{language}">' in page
    assert marking in page


def example_pages(recommender):
    return [
        (item.id, language)
        for item in recommender.catalogue.items.values()
        if item.approved
        for language, text in item.languages.items()
        if text.url.startswith("/content/")
    ]


def test_every_address_of_an_example_page_answers_in_its_language_and_is_marked(stranger, recommender):
    found = example_pages(recommender)
    assert found
    for content, language in found:
        address = recommender.catalogue.items[content].languages[language].url
        response = stranger.get(f"{address}?language={language}")
        assert response.status_code == 200, address
        if address == f"/content/{content}":
            assert f'<html lang="{language}">' in response.text
            assert MARKING[language] in response.text


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_an_explainer_video_page_has_scenes_captions_and_a_text_alternative(stranger, recommender, language):
    text = recommender.catalogue.items["video-attachments-by-phone"].source["languages"][language]
    page = stranger.get(f"/content/video-attachments-by-phone?language={language}").text
    assert page.count("<h3>") == len(text["script"])
    assert page.count("<h2") == 4  # scenes, captions, text, other languages
    for scene in text["script"]:
        assert scene["narration"] in page
    assert text["captions"][0] in page


def test_an_example_page_leads_to_its_other_languages(stranger):
    page = stranger.get("/content/video-attachments-by-phone?language=sv").text
    assert 'href="?language=fi" hreflang="fi" lang="fi"' in page
    assert "language=sv" not in page


def test_a_nudge_shows_its_text(stranger, recommender):
    nudge = next(
        item
        for item in recommender.catalogue.items.values()
        if item.type == "nudge" and "fi" in item.languages
    )
    page = stranger.get(f"/content/{nudge.id}").text
    assert nudge.languages["fi"].body in page


def test_a_browser_gets_a_page_where_there_is_none(stranger):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    response = stranger.get("/content/nowhere?language=sv", headers=browser)
    assert response.status_code == 404
    assert response.content_type.startswith("text/html")
    assert "Sidan hittades inte" in response.text


def test_the_segments_are_in_kelas_words_in_three_languages(client):
    segments = client.get("/v1/segments").json["segments"]
    assert [segment["id"] for segment in segments] == ["steady", "changing", "supported", "employer"]
    assert [segment["inferred"] for segment in segments] == [True, True, True, False]
    assert [segment["origin"] for segment in segments] == ["inferred", "inferred", "inferred", "known"]
    for segment in segments:
        assert all(segment["name"].values())
        assert segment["source"]
        assert client.get(f"/v1/segments/{segment['id']}").json == segment


def test_the_mapping_can_be_narrowed(client):
    every = client.get("/v1/mapping").json["rows"]
    assert {row["segment"] for row in every} == {"steady", "changing", "supported", "unknown", "employer"}
    narrowed = client.get("/v1/mapping?segment=changing&fact=life_event&value=KE8").json["rows"]
    assert len(narrowed) == 1
    assert narrowed[0] in every
    kind = narrowed[0]["content_types"][0]
    assert narrowed[0] in client.get(f"/v1/mapping?content_type={kind}").json["rows"]
    assert client.get("/v1/mapping?segment=changing&channel=employer_service").json["rows"] == []


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?format=csv", {}), ("", {"Accept": "text/csv"}), ("?format=csv", {"Accept": "application/json"})],
    ids=["query", "accept", "query-first"],
)
def test_the_mapping_comes_as_csv_too(client, query, headers):
    response = client.get(f"/v1/mapping{query}", headers=headers)
    assert response.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    as_json = client.get("/v1/mapping").json["rows"]
    assert [row["rule"] for row in rows] == [row["rule"] for row in as_json]
    assert rows[0]["content_types"].split() == as_json[0]["content_types"]


def test_a_cell_that_looks_like_a_formula_is_written_as_text():
    text = listings.mapping_csv([{"rule": "=1+1", "channel": "@cmd", "topic": "-1", "content_types": ["+a"]}])
    assert text.splitlines()[1] == "'=1+1,'@cmd,'-1,'+a"


def test_the_catalogue_comes_in_pages(client, recommender):
    first = client.get("/v1/content?limit=7").json
    second = client.get("/v1/content?limit=7&offset=7").json
    assert first["total"] == len(recommender.catalogue.items)
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == sorted(recommender.catalogue.items)[:14]


@pytest.mark.parametrize("query", ["language=sv", "type=nudge", "topic=attachments", "status=draft"])
def test_the_catalogue_can_be_narrowed(client, query):
    name, value = query.split("=")
    items = client.get(f"/v1/content?{query}&limit=500").json["items"]
    assert items
    for item in items:
        assert value in {"language": item["languages"], "topic": item["topics"]}.get(name, [item.get(name)])


def test_content_can_be_narrowed_to_what_a_channel_may_offer(client, recommender):
    items = recommender.catalogue.items
    listed = client.get("/v1/content?channel=phone_appointment&limit=500").json["items"]
    assert {item["id"] for item in listed} == {
        name for name, item in items.items() if item.fits("phone_appointment")
    }
    assert any(
        item["channels"] == ["phone_appointment"] and item["channel"] == "phone_appointment"
        for item in listed
    )


def test_the_groups_are_listed_with_their_definition_source_and_condition(client, recommender):
    listed = client.get("/v1/segments").json["groups"]
    terms = recommender.vocabulary.groups
    assert [group["id"] for group in listed] == list(terms)
    for group in listed:
        term = terms[group["id"]]
        assert group["condition"] == term.when
        assert (group["customer_type"], group["source"]) == (term.customer_type, term.source)
        assert group["name"].keys() == group["description"].keys() == recommender.vocabulary.languages.keys()


def test_the_mapping_of_a_group_has_the_rows_that_make_a_member_and_no_others(client):
    every = client.get("/v1/mapping").json["rows"]
    rows = client.get("/v1/mapping?group=students").json["rows"]
    assert {row["customer_type"] for row in rows} == {"person"}
    assert {(row["fact"], row["value"]) for row in rows} == {
        ("life_event", "KE3"),
        ("open_matter", "student_aid"),
        ("open_matter", "school_transport"),
    }
    assert all(row in every for row in rows)
    firms = client.get("/v1/mapping?group=large_employers").json["rows"]
    assert {(row["fact"], row["value"]) for row in firms} == {("employer_size", "large")}


def test_every_channel_is_listed_with_its_hours(client):
    channels = client.get("/v1/channels").json["channels"]
    assert sorted(channel["id"] for channel in channels) == sorted(CHANNELS)
    for channel in channels:
        if channel["human"]:
            assert channel["hours"]


def test_the_rulebook_is_public_in_full(client, recommender):
    book = client.get("/v1/rulebook").json
    for kind, table in recommender.rulebook.tables.items():
        assert [rule["id"] for rule in book[kind]] == [rule.id for rule in table.rules]
    assert len(book["guarantees"]) == len(recommender.rulebook.guarantees)
    assert [one["id"] for one in book["campaigns"]] == [one.id for one in recommender.rulebook.campaigns.all]
    assert [one["groups"] for one in book["campaigns"]] == [
        list(one.groups) for one in recommender.rulebook.campaigns.all
    ]


def test_the_model_is_public_in_full(client, store):
    model = client.get("/v1/model").json
    assert model["scorecard"] == store.bundle().parts["scorecard.json"]
    assert model["manifest"] == store.bundle().parts["manifest.json"]
