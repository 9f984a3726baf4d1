"""The block of docs/how-to/frontends.md, as it is written, in Chromium, with a back end of the kind it asks for."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import chromium
import pytest
from conftest import ROOT, migrated
from test_arki_js import listening, until

from drills.server import KEY, serving

pytestmark = pytest.mark.xdist_group("chromium")  # one browser at a time on two cores

GUIDE = (ROOT / "docs" / "how-to" / "frontends.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"```html\n(.*?)```", GUIDE, re.DOTALL)
PAGE = f"<!doctype html><html lang='en'><title>A page</title><main><h1>A page</h1>{BLOCK}</main>"
SIGNALS = {"life_events": [{"event": "KE8", "months_ago": 1}], "active_benefits": ["housing_allowance"]}


class BackEnd:
    """A site's own back end: it has the page and a copy of the module, adds signals and key, and passes the rest on."""

    def __init__(self, passed_on):
        self.passed_on = passed_on  # beginning of a path of the site -> beginning of a path of the service
        self.service, self.came = None, []
        self.stored = threading.Condition()

    def answer(self, method, path, body):
        own = {
            "/": (200, "text/html; charset=utf-8", PAGE.encode()),
            "/clients/arki.js": (200, "text/javascript", (ROOT / "clients" / "arki.js").read_bytes()),
        }
        if method == "GET" and path in own:
            return own[path]
        for begins, instead in self.passed_on.items():
            if path.startswith(begins):
                return self.pass_on(instead + path.removeprefix(begins), body)
        return 404, "text/plain", b"The site has no such page."

    def pass_on(self, path, body):
        if path == "/v1/recommendations":
            assert body.pop("signals") == {}
            body["signals"] = SIGNALS
        status, headers, content = self.service.ask(path, body, key=KEY if path.startswith("/v1/") else None)
        if path.startswith("/v1/"):
            with self.stored:
                self.came.append((path, json.loads(content), body))
                self.stored.notify_all()
        return status, headers["content-type"], content

    def wait_until_stored(self, kinds):
        """Wait until events of these kinds were posted, and the service has said of each that it is stored."""

        def found():
            posts = [
                (said["results"], body["events"]) for path, said, body in self.came if path == "/v1/outcomes"
            ]
            pairs = [pair for results, events in posts for pair in zip(results, events, strict=True)]
            assert {result["result"] for result, _ in pairs} <= {"stored"}
            return {event["event"] for _, event in pairs}

        with self.stored:
            assert self.stored.wait_for(lambda: found() >= kinds, timeout=30)


def handler(back_end):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self, body=None):
            status, kind, content = back_end.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            self.do_GET(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_):
            pass

    return Handler


API = {"/suggestions/": "/"}
WAYS = {
    "addresses as written, which the back end passes on": (
        {"/content/": "/content/", "/static/": "/static/"},
        False,
    ),
    "ARKI_PUBLIC_URL, here a path of a proxy": ({"/arki/": "/"}, True),
}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def house(request, tmp_path_factory, bundles):
    """The page in a tab, its back end, and the service behind it."""
    passed_on, is_public = request.param
    folder = tmp_path_factory.mktemp("frontend")
    back_end = BackEnd(API | passed_on)
    with listening(handler(back_end)) as address:
        settings = {"ARKI_PUBLIC_URL": f"{address}/arki"} if is_public else {}
        with (
            serving(
                folder,
                bundles,
                workers=1,
                ARKI_OUTCOMES_URL=migrated(f"sqlite:///{folder}/outcomes.db"),
                **settings,
            ) as back_end.service,
            chromium.running() as browser,
            chromium.open_page(browser) as (page, wrong),
        ):
            page.goto(address)
            until(page, "document.querySelector('arki-recommendation').shadowRoot.querySelector('section')")
            yield SimpleNamespace(page=page, address=address, back_end=back_end, wrong=wrong)
            assert wrong == []


def test_the_block_shows_three_suggestions_a_duty_and_the_way_to_a_person(house):
    element = house.page.locator("arki-recommendation")
    assert element.get_by_role("heading", name="Suggestions").is_visible()
    reasons = element.locator("[part=reason]").all_inner_texts()
    assert len(reasons) == 4
    assert reasons[-1] == "Remember this, too."
    assert element.locator("[part=human] a").count() == 1
    assert chromium.violations(house.page) == []


def test_what_was_shown_is_stored(house):
    house.page.locator("arki-recommendation").get_by_role("button", name="Yes").click()
    house.back_end.wait_until_stored({"shown", "helpful"})


@pytest.mark.parametrize("width", chromium.WIDTHS)
def test_the_block_fits_the_page(house, width):
    house.page.set_viewport_size({"width": width, "height": 900})
    assert chromium.fits(house.page)


def test_every_link_of_the_card_leads_to_a_page_in_english_with_its_style(house):
    links = house.page.locator("arki-recommendation").locator("section a")
    addresses = links.evaluate_all("links => links.map(link => link.href)")
    assert len(addresses) == 5
    own = [address for address in addresses if address.startswith(house.address)]
    assert [a for a in addresses if a not in own and not a.startswith("https://www.kela.fi/")] == []
    assert len(own) >= 3
    for address in own:
        response = house.page.goto(address)
        assert response.status == 200, address
        assert house.page.locator("html").get_attribute("lang") == "en"
        assert house.page.evaluate("[...document.styleSheets].every(sheet => sheet.cssRules.length)")
