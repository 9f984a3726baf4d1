"""The page /demo in Chromium against the running service, and the module it is served with."""

import gettext
import json
import os
import re
from dataclasses import replace

import chromium
import pytest
from conftest import ROOT

from drills.server import KEY, serving
from models.authoring.personas import all_personas
from service.api.requests import INTERFACE_LANGUAGES
from service.app import create_app
from service.settings import Settings
from service.site.demo import DEMO_CSP, PERSONAS

pytestmark = pytest.mark.xdist_group("chromium")  # one browser at a time on two cores
TRANSLATIONS = {
    language: gettext.translation(
        "messages", ROOT / "service" / "translations", [language], fallback=language == "en"
    )
    for language in INTERFACE_LANGUAGES
}
SCREENSHOTS = ROOT / "docs" / "screenshots"


@pytest.fixture(scope="module")
def house(tmp_path_factory, bundles):
    folder = tmp_path_factory.mktemp("demo")
    with (
        serving(folder, bundles, workers=1, ARKI_LOG_REQUESTS="off") as server,
        chromium.running() as browser,
    ):
        yield browser, f"http://127.0.0.1:{server.port}/demo"


@pytest.fixture
def open_demo(house):
    """A function that opens the demo in a fresh tab; at the end nothing went wrong in any of them."""
    browser, address = house
    opened = []

    def open_demo(language="en", *, key=KEY, away=False):
        context = chromium.open_page(browser)
        page, wrong = context.__enter__()
        opened.append((context, wrong))
        if away:
            page.route("**/v1/recommendations", lambda route: route.abort())
        page.goto(f"{address}?language={language}")
        if key:
            page.fill("#key", key)
            page.keyboard.press("Enter")
            said(page, {"away": away})
        return page

    yield open_demo
    for context, wrong in opened:
        assert wrong == []
        context.__exit__(None, None, None)


def said(page, state):
    """Wait until the page says that the suggestion is there, or that the service is away."""
    language = page.locator("html").get_attribute("lang")
    words = TRANSLATIONS[language].gettext(
        "The service did not answer. You see plain links." if state["away"] else "The suggestion is below."
    )
    page.locator("#status", has_text=words).wait_for()


EVERY = [(language, state) for language in INTERFACE_LANGUAGES for state in ("normal", "away", "no-key")]
FAST = {("fi", "normal"), ("sv", "away"), ("en", "no-key")}  # make test-full looks at the rest


@pytest.mark.parametrize(
    ("language", "state"),
    [pytest.param(*one, marks=() if one in FAST else pytest.mark.slow) for one in EVERY],
)
def test_the_page_is_accessible_in_each_state_at_both_widths(open_demo, language, state):
    page = open_demo(language, key=None if state == "no-key" else KEY, away=state == "away")
    for width in chromium.WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        shown = page.locator("arki-recommendation section")
        assert shown.count() == (1 if state == "normal" else 0)
        assert page.locator("arki-recommendation > ul a").first.is_visible() == (state != "normal")
        assert chromium.fits(page)
        assert chromium.violations(page) == []
        if os.environ.get("ARKI_SCREENSHOTS") == "1":
            SCREENSHOTS.mkdir(exist_ok=True)
            name = "" if state == "normal" else f"-{state}"
            page.evaluate("document.activeElement.blur()")
            page.screenshot(path=SCREENSHOTS / f"demo-{width}-{language}{name}.png", full_page=True)


@pytest.mark.parametrize(
    "language", ["fi", *(pytest.param(one, marks=pytest.mark.slow) for one in ("sv", "en"))]
)
def test_every_persona_gets_suggestions_with_reasons_a_person_and_the_notice(open_demo, language):
    page = open_demo(language)
    element = page.locator("arki-recommendation")
    for persona in PERSONAS:
        with page.expect_response("**/v1/recommendations") as response:
            page.evaluate(
                "id => { const s = document.getElementById('persona'); s.value = id; s.dispatchEvent(new Event('change')) }",
                persona["id"],
            )
        answer = response.value.json()
        page.locator("#raw", has_text=answer["recommendation_id"]).wait_for(state="attached")
        assert json.loads(page.locator("#raw").text_content()) == answer
        titles = [one["content"]["title"] for one in answer["items"] + answer["statutory"]]
        assert element.locator("[part=item] a").all_text_contents() == titles
        reasons = element.locator("[part=reason]").all_text_contents()
        assert reasons[: len(answer["items"])] == [item["reason"]["text"] for item in answer["items"]]
        assert answer["human_channel"]["name"] in element.locator("[part=human]").text_content()
        assert page.locator("#story").text_content() == TRANSLATIONS[language].gettext(persona["story"])


def test_everything_can_be_done_from_the_keyboard(open_demo):
    page = open_demo(key=None)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(20):
        if page.evaluate("document.activeElement.id") == "key":
            break
        page.keyboard.press("Tab")
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    said(page, {"away": False})
    assert page.evaluate("document.activeElement.id") == "persona"
    with page.expect_response("**/v1/recommendations"):
        page.keyboard.press("ArrowDown")
    said(page, {"away": False})
    for _ in range(20):
        page.keyboard.press("Tab")
        if (
            page.evaluate(
                "document.querySelector('arki-recommendation').shadowRoot.activeElement?.textContent"
            )
            == "Yes"
        ):
            break
    page.keyboard.press("Enter")
    page.locator("arki-recommendation").get_by_text("Thank you for your feedback.").wait_for()


def test_the_key_stays_in_the_tab_and_out_of_the_address(open_demo):
    page = open_demo()
    assert KEY not in page.url
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    page.get_by_role("link", name="Svenska").click()
    said(page, {"away": False})
    assert KEY not in page.url
    page.click("#forget")
    page.locator("#key").wait_for()
    assert KEY not in page.evaluate("JSON.stringify(sessionStorage)")
    assert page.locator("arki-recommendation section").count() == 0


def test_a_key_that_is_refused_is_asked_for_again(open_demo):
    page = open_demo(key=None)
    page.fill("#key", "not the key")
    page.keyboard.press("Enter")
    page.locator("#status", has_text="The key is not valid. Give another.").wait_for()
    assert page.evaluate("document.activeElement.id") == "key"


def test_what_became_of_a_suggestion_is_shown(open_demo):
    page = open_demo()
    page.locator("arki-recommendation").get_by_role("button", name="No").click()
    page.locator("#told li", has_text="not_helpful").wait_for(state="attached")


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_the_personas_of_the_page_are_those_of_the_fixtures_in_its_language(stranger, language):
    page = stranger.get(f"/demo?language={language}").text
    shown = json.loads(re.search(r'id="personas">(.*?)</script>', page)[1])
    keys = ("id", "customer_type", "language", "signals")
    assert [{key: one[key] for key in keys} for one in shown] == [
        {key: one[key] for key in keys} for one in all_personas()
    ]
    for one, persona in zip(shown, all_personas(), strict=True):
        assert one["story"] == TRANSLATIONS[language].gettext(persona["story"])
        assert one["story"].endswith(".")
        assert (one["story"] == persona["story"]) == (language == "en")


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_the_page_says_that_it_is_a_demonstration_and_that_a_back_end_holds_the_key(stranger, language):
    response = stranger.get(f"/demo?language={language}")
    assert response.headers["Content-Security-Policy"] == DEMO_CSP
    assert response.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in DEMO_CSP
    assert f'<html lang="{language}" data-language="{language}">' in response.text
    for text in (
        "Demonstration page made by the independent Arki project. It is not Kela's service, and its customers are invented.",
        "In a real service the key is not in the browser. The site's own back end holds it, gathers what is known of the customer, and passes the question to Arki.",
    ):
        assert TRANSLATIONS[language].gettext(text) in response.text


def test_the_module_is_served_as_javascript_that_may_be_kept_for_an_hour(stranger):
    with stranger.get("/clients/arki.js") as response:
        assert response.data == (ROOT / "clients" / "arki.js").read_bytes()
        assert response.content_type == "text/javascript; charset=utf-8"
        assert response.headers["Cache-Control"] == "public, max-age=3600"
        again = {"If-None-Match": response.headers["ETag"]}
    with stranger.get("/clients/arki.js", headers=again) as response:
        assert response.status_code == 304


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"ARKI_DEV_KEY": "k"}, True),
        ({"ARKI_DEV_KEY": "k", "ARKI_DEMO": "off"}, False),
        ({"ARKI_DEMO": "on"}, True),
    ],
    ids=["production", "desk", "desk-off", "asked-for"],
)
def test_the_page_is_on_a_desk_and_elsewhere_only_if_asked_for(environ, on):
    assert Settings.from_environ(environ).demo is on


def test_where_it_is_off_there_is_no_page(settings, store):
    response = create_app(replace(settings, demo=False), store=store).test_client().get("/demo")
    assert response.status_code == 404
    assert response.json["detail"] == "The demonstration is off; ARKI_DEMO=on shows it."
