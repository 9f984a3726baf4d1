"""Where Arki's own pages are: as written, or at ARKI_PUBLIC_URL in everything that leaves by the API."""

import dataclasses
import re
from urllib.parse import urljoin, urlsplit

import pytest
from browsing import token_of
from conftest import KEY, NOW

from models.decision.bundle import BundleStore
from service.api.operations import OPERATIONS
from service.app import create_app
from service.settings import Settings, SettingsError

PUBLIC = "https://www.example.fi/arki"
ASKS = [
    {
        "customer_type": "person",
        "language": language,
        "limit": 10,
        "signals": {
            "life_events": [{"event": "KE8", "months_ago": 1}],
            "active_benefits": ["housing_allowance"],
        },
    }
    for language in ("fi", "sv", "en")
] + [{"customer_type": "employer", "language": "sv", "signals": {"open_matter": "sickness_allowance"}}]


@pytest.fixture(scope="module")
def public(settings, bundles):
    """A client of a service that browsers reach at PUBLIC, with a key for everything."""
    app = create_app(
        dataclasses.replace(settings, public_url=PUBLIC, outcomes_url=None),
        store=BundleStore(bundles, public_url=PUBLIC),
        clock=lambda: NOW,
    )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    return client


def answers(client):
    """Every kind of answer that a key with all scopes can read, outcomes aside."""
    found = {}
    for operation in OPERATIONS:
        if operation.rule.startswith("/v1/outcomes") or operation.answer is None:
            continue
        if operation.method == "GET":
            path = operation.rule.replace("<segment>", "changing")
            found[path] = client.get(f"{path}?limit=500" if path == "/v1/content" else path).json
        elif operation.rule.endswith("batch"):
            found[operation.rule] = client.post(operation.rule, json={"customers": ASKS}).json
        else:
            found[operation.rule] = [client.post(operation.rule, json=ask).json for ask in ASKS]
    return found


def strings(document):
    if isinstance(document, str):
        yield document
    for part in (
        document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    ):
        yield from strings(part)


def test_no_answer_holds_a_relative_address_where_the_public_one_is_set(public):
    given = answers(public)
    assert len(given) >= 9
    for path, answer in given.items():
        assert [text for text in strings(answer) if text.startswith("/content/")] == [], path
    for path in ("/v1/recommendations", "/v1/recommendations/batch", "/v1/explanations", "/v1/content"):
        assert any(text.startswith(f"{PUBLIC}/content/") for text in strings(given[path])), path


def test_items_duties_and_the_person_are_at_the_public_address_in_the_language_they_are_offered_in(public):
    for ask in ASKS:
        answer = public.post("/v1/recommendations", json=ask).json
        contents = [one["content"] for one in answer["items"] + answer["statutory"]]
        own = [content for content in contents if content["url"].startswith(PUBLIC)]
        assert own
        for content in own:
            assert content["url"].endswith(f"?language={content['language']}")
        assert re.fullmatch(rf"{PUBLIC}/content/[\w-]+\?language=(fi|sv|en)", answer["human_channel"]["url"])


def test_every_public_address_leads_to_a_page_whose_own_links_lead_on(public):
    urls = {text for text in strings(answers(public)) if text.startswith(PUBLIC)}
    assert len(urls) > 100
    for url in sorted(urls):
        page = public.get(url.removeprefix(PUBLIC))
        assert page.status_code == (404 if _is_draft(public, url) else 200), url
    first = min(urls)
    page = public.get(first.removeprefix(PUBLIC)).text
    for link in re.findall(r'href="([^"]+)"', page):
        if not link.startswith(("#", "data:", "https://www.")):
            at = urljoin(first, link)
            assert at.startswith(PUBLIC + "/")
            with public.get(at.removeprefix(PUBLIC)) as response:
                assert response.status_code == 200, at


def _is_draft(client, url):
    content = urlsplit(url).path.rpartition("/")[2]
    catalogue = client.application.extensions["arki"].store.recommender().catalogue
    return not catalogue.items[content].approved


def test_without_the_setting_addresses_are_as_the_content_team_wrote_them(client, recommender):
    for item in client.get("/v1/content?limit=500").json["items"]:
        written = recommender.catalogue.items[item["id"]].source["languages"]
        assert {language: text["url"] for language, text in item["languages"].items()} == {
            language: text["url"] for language, text in written.items()
        }
    answer = client.post("/v1/recommendations", json=ASKS[0]).json
    assert answer["human_channel"]["url"].startswith("/content/")


def test_the_same_bundle_has_the_same_digest_at_any_address(bundles, store):
    assert BundleStore(bundles, public_url=PUBLIC).bundle().digest == store.bundle().digest


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("https://arki.example.fi", "https://arki.example.fi"),
        ("https://arki.example.fi/", "https://arki.example.fi"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://www.example.fi/services/arki/", "https://www.example.fi/services/arki"),
    ],
)
def test_a_public_address_may_have_a_port_and_a_path(given, kept):
    assert Settings.from_environ({"ARKI_PUBLIC_URL": given}).public_url == kept


@pytest.mark.parametrize(
    "given",
    [
        "arki.example.fi",
        "//arki.example.fi",
        "ftp://arki.example.fi",
        "https://",
        "https://Arki.example.fi",
        "https://arki.example.fi?x=1",
        "https://arki.example.fi/#x",
        "https://user:password@arki.example.fi",
        "https://arki.example.fi:0",
        "https://arki.example.fi:99999",
        "https://arki.example.fi//x",
        "https://arki.example.fi/a b",
    ],
)
def test_a_public_address_that_is_none_stops_the_start(given):
    with pytest.raises(SettingsError) as error:
        Settings.from_environ({"ARKI_PUBLIC_URL": given})
    assert str(error.value) == (
        "ARKI_PUBLIC_URL must be the address at which browsers reach the service: http:// or https://, a host name in "
        "lower case, if need be a port and a path, and nothing after it, such as https://arki.example.fi."
    )


def test_the_consoles_own_links_stay_with_the_console_whatever_name_it_is_reached_by(public):
    form = public.get("/console/en/sign-in").text
    signed = public.post("/console/en/sign-in", data={"token": token_of(form), "key": KEY})
    assert signed.status_code in {302, 303}
    page = public.get("/console/en/content").text
    assert 'href="/content/' in page
    assert PUBLIC not in page
