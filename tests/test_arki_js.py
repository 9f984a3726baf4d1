"""clients/arki.js in Chromium, against a small server that answers as it is told and remembers what it was sent."""

import email.utils
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import chromium
import pytest
from conftest import ROOT

from service.site.demo import DEMO_CSP

pytestmark = pytest.mark.xdist_group("chromium")  # one browser at a time on two cores

MODULE = ROOT / "clients" / "arki.js"
PAGE = b'<!doctype html><html lang="en"><title>page</title><h1>Page</h1><script type="module" src="/start.js"></script>'
START = b'import {createClient} from "/clients/arki.js"; window.createClient = createClient'
ASK = {"customer_type": "person", "signals": {}}
SENT = "POST", "/v1/outcomes"
CONTENT = {"id": "guide-a", "title": "A guide", "url": "/content/guide-a", "language": "sv"}
ITEM = {
    "rank": 1,
    "channel": "phone_appointment",
    "ptv_channel": "Phone",
    "open_now": True,
    "opens_at": None,
    "content_type": "guide",
    "content": CONTENT,
    "reason": {"rule": "r", "text": "Because you asked."},
}
ANSWER = {
    "recommendation_id": "ref",
    "notice": "Information only.",
    "items": [ITEM],
    "statutory": [{"content_type": "guide", "content": CONTENT | {"id": "duty", "title": "A duty"}}],
    "human_channel": {
        "id": "callback",
        "ptv_channel": "Phone",
        "name": "Call request",
        "url": "/content/contact-callback",
        "open_now": False,
        "opens_at": "2026-11-23T09:00:00+02:00",
    },
}


class Fake:
    """A service that answers each POST by `answer(path, how_many_before)`, and remembers what came."""

    def __init__(self):
        self.came, self.stopped = [], threading.Event()
        self.arrived = threading.Condition()
        self.answer = lambda path, before: (
            200,
            {},
            ANSWER if path.endswith("recommendations") else {"results": []},
        )

    def posted(self, path="/v1/outcomes"):
        return [one for one in self.came if one.path == path]

    def wait_for(self, count, path="/v1/outcomes"):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.posted(path)) >= count, timeout=30)
        return self.posted(path)


def handler(current):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body, kind = {
                "/clients/arki.js": (MODULE.read_bytes(), "text/javascript"),
                "/start.js": (START, "text/javascript"),
            }.get(self.path, (PAGE, "text/html; charset=utf-8"))
            self.give(
                200,
                {"Content-Type": kind, "Content-Security-Policy": DEMO_CSP, "Set-Cookie": "visitor=1"},
                body,
            )

        def do_POST(self):
            fake = current[0]
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with fake.arrived:
                before = len(fake.posted(self.path))
                fake.came.append(
                    SimpleNamespace(path=self.path, headers=self.headers, body=body, at=time.time())
                )
                fake.arrived.notify_all()
            answer = fake.answer(self.path, before)
            if answer is None:  # no answer while the test lasts
                fake.stopped.wait()
                self.close_connection = True
                return
            status, headers, said = answer
            self.give(status, {"Content-Type": "application/json", **headers}, json.dumps(said).encode())

        def give(self, status, headers, body):
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # a browser that leaves hangs up
        pass


@contextmanager
def listening(handler):
    """The address of a server on loopback that answers by a handler class."""
    with Quiet(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def house():
    """One server, one browser and one tab for all tests of this file; each test has a page and a memory of its own."""
    current = [Fake()]
    with (
        listening(handler(current)) as address,
        chromium.running() as browser,
        chromium.open_page(browser) as (page, wrong),
    ):
        yield SimpleNamespace(current=current, address=address, page=page, wrong=wrong)


@pytest.fixture
def fake(house):
    house.current[0] = Fake()
    yield house.current[0]
    house.current[0].stopped.set()


@pytest.fixture
def page(house, fake):
    house.page.goto(f"{house.address}/page")
    until(house.page, "window.createClient")
    yield house.page
    fake.stopped.set()
    house.page.goto("about:blank")
    assert house.wrong == []


def until(page, expression):
    """Wait in the page itself; Playwright's own waiting evaluates text, which the CSP refuses."""
    page.evaluate(
        f"""async () => {{
            const end = Date.now() + {chromium.PATIENCE_MS}
            while (!({expression})) {{
                if (Date.now() > end) throw Error("not in time")
                await new Promise(done => setTimeout(done, 20))
            }}
        }}"""
    )


def make_client(page, **options):
    page.evaluate("options => { window.client = createClient(options) }", options)


def recommend(page, times=1):
    """What each of several asks, made one after the other, came to: "answer", or the error's status."""
    return page.evaluate(
        """async ([ask, times]) => {
            const came = []
            for (let n = 0; n < times; n++) await client.recommend(ask).then(() => came.push("answer"), e => came.push(e.status ?? null))
            return came
        }""",
        [ASK, times],
    )


def send(page, event="shown"):
    return page.evaluate(
        "event => client.sendOutcome({recommendation_id: 'ref', item: 'guide-a', event})", event
    )


def earn_a_retry(page):
    assert recommend(page, 12) == ["answer"] * 12


def statuses(fake, *those, path="/v1/recommendations", after=0, **headers):
    """From the request after `after` on: these statuses, then 200."""
    sound = fake.answer
    fake.answer = lambda asked, before: (
        (those[before - after], headers, {"title": "no"})
        if asked == path and after <= before < after + len(those)
        else sound(asked, before)
    )


def test_the_module_is_under_6_kb_and_needs_nothing():
    text = MODULE.read_text(encoding="utf-8")
    assert len(MODULE.read_bytes()) < 6000
    for word in ("import ", "import(", "localStorage", "sessionStorage", "innerHTML", "cookie", "eval("):
        assert word not in text


def test_an_ask_carries_the_key_and_the_clients_language(page, fake):
    make_client(page, key="k", language="sv")
    assert recommend(page) == ["answer"]
    [asked] = fake.posted("/v1/recommendations")
    assert asked.headers["Authorization"] == "Bearer k"
    assert asked.body == ASK | {"language": "sv"}


def test_a_clients_own_headers_take_the_keys_place(page, fake):
    make_client(page, headers={"X-Csrf-Token": "t"})
    recommend(page)
    [asked] = fake.posted("/v1/recommendations")
    assert asked.headers["X-Csrf-Token"] == "t"
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_that_passes_is_retried_within_the_budget(page, fake, status):
    make_client(page)
    earn_a_retry(page)
    statuses(fake, status, after=12)
    assert recommend(page) == ["answer"]
    assert len(fake.posted("/v1/recommendations")) == 14


def test_any_other_refusal_is_not_retried(page, fake):
    make_client(page)
    earn_a_retry(page)
    refusals = [400, 401, 404, 422, 500, 502]
    statuses(fake, *refusals, after=12)
    assert recommend(page, 6) == refusals
    assert len(fake.posted("/v1/recommendations")) == 18


def test_a_client_retries_no_more_than_a_tenth_and_one(page, fake):
    make_client(page, timeoutMs=1500)
    assert recommend(page, 40) == ["answer"] * 40
    statuses(fake, *[503] * 100, after=40)
    page.evaluate("ask => Promise.allSettled(Array.from({length: 20}, () => client.recommend(ask)))", ASK)
    assert 1 <= len(fake.posted("/v1/recommendations")) - 60 <= 7


def test_over_all_visitors_retries_are_about_a_tenth_though_each_asks_once(page, fake):
    statuses(fake, *[503] * 1000)
    page.evaluate(
        "ask => Promise.allSettled(Array.from({length: 200}, () => createClient({timeoutMs: 10000}).recommend(ask)))",
        ASK,
    )
    retries = len(fake.posted("/v1/recommendations")) - 200
    assert 0 < retries < 45  # 18 expected; six deviations off is a fault


def test_retry_after_in_seconds_is_waited_for(page, fake):
    make_client(page, timeoutMs=20_000)
    earn_a_retry(page)
    statuses(fake, 503, after=12, **{"Retry-After": "1"})
    assert recommend(page) == ["answer"]
    refused, answered = fake.posted("/v1/recommendations")[12:]
    assert answered.at - refused.at >= 1


def test_retry_after_as_a_date_is_waited_for(page, fake):
    make_client(page, timeoutMs=20_000)
    earn_a_retry(page)
    until = int(time.time()) + 2
    statuses(fake, 429, after=12, **{"Retry-After": email.utils.formatdate(until, usegmt=True)})
    assert recommend(page) == ["answer"]
    assert fake.posted("/v1/recommendations")[-1].at >= until


def test_while_asked_to_wait_longer_than_the_visitor_would_nothing_is_sent(page, fake):
    make_client(page, timeoutMs=2000)
    earn_a_retry(page)
    statuses(fake, 503, after=12, **{"Retry-After": "60"})
    assert recommend(page, 3) == [503, None, None]
    assert len(fake.posted("/v1/recommendations")) == 13


def test_a_service_that_does_not_answer_is_given_up_in_time(page, fake):
    fake.answer = lambda *_: None
    make_client(page, timeoutMs=300)
    assert recommend(page) == [None]


def test_outcomes_go_together_with_an_id_and_a_moment_each(page, fake):
    make_client(page, key="k")
    ids = [send(page, "shown"), send(page, "opened")]
    sent = fake.wait_for(1)
    events = [event for one in sent for event in one.body["events"]]
    assert [event["event_id"] for event in events] == ids
    assert [event["event"] for event in events] == ["shown", "opened"]
    assert all(event["occurred_at"].endswith("Z") and event["recommendation_id"] == "ref" for event in events)


def test_an_outcome_that_is_sent_again_keeps_its_id(page, fake):
    make_client(page, key="k")
    earn_a_retry(page)
    statuses(fake, 503, path="/v1/outcomes")
    event_id = send(page)
    first, second = fake.wait_for(2)
    assert first.body == second.body
    assert second.body["events"][0]["event_id"] == event_id


@pytest.mark.parametrize("status", [404, 422])
def test_an_outcome_that_is_refused_is_let_go_and_the_next_still_goes(page, fake, status):
    make_client(page, key="k")
    earn_a_retry(page)
    statuses(fake, status, path="/v1/outcomes")
    send(page)
    fake.wait_for(1)
    kept = send(page)
    sent = fake.wait_for(2)
    assert [event["event_id"] for event in sent[1].body["events"]] == [kept]


def test_leaving_the_page_sends_outcomes_with_the_key(page, fake):
    make_client(page, key="k")
    page.evaluate(
        "client.sendOutcome({recommendation_id: 'ref', item: 'a', event: 'opened'}); location.href = '/next'"
    )
    [sent] = fake.wait_for(1)
    page.wait_for_url("**/next")
    assert sent.headers["Authorization"] == "Bearer k"
    assert sent.body["events"][0]["event"] == "opened"


def test_leaving_the_page_sends_outcomes_by_beacon_where_a_cookie_says_who_calls(page, fake):
    make_client(page)
    page.evaluate("() => { window.fetch = () => Promise.reject(Error('nothing but a beacon may go')) }")
    page.evaluate(
        "client.sendOutcome({recommendation_id: 'ref', item: 'a', event: 'opened'}); location.href = '/next'"
    )
    [sent] = fake.wait_for(1)
    page.wait_for_url("**/next")
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Cookie"] == "visitor=1"


def test_hiding_the_page_sends_what_waits(page, fake):
    make_client(page)
    page.evaluate(
        """() => { for (let n = 0; n < 70; n++) client.sendOutcome({recommendation_id: 'ref', item: 'a', event: 'shown'})
        document.dispatchEvent(new Event("visibilitychange", {bubbles: true})) }"""
    )
    sent = fake.wait_for(2)
    assert sorted(len(one.body["events"]) for one in sent) == [20, 50]
    assert len({event["event_id"] for one in sent for event in one.body["events"]}) == 70


def put(page, answer=ANSWER, *, language="en", before="", options=None):
    """An element on the page that has been given an answer; what it tells is in window.told."""
    page.evaluate(
        """([answer, language, before, options]) => {
            window.told = []
            for (const type of ["shown", "opened", "dismissed", "helpful", "not_helpful"])
                addEventListener(type, e => told.push([type, e.detail.item, e.detail.recommendation_id]))
            document.body.insertAdjacentHTML("beforeend", before + "<arki-recommendation><a href='/plain'>Plain</a></arki-recommendation>")
            window.element = document.querySelector("arki-recommendation")
            element.show(answer, createClient({language, ...options}))
        }""",
        [answer, language, before, options or {}],
    )
    return page.locator("arki-recommendation")


WORDS = {
    "fi": ("Ehdotuksia", "Avoinna nyt", "Avautuu 23.11.2026 klo 9.00", "Puhu ihmisen kanssa: Call request", "Muista myös tämä."),
    "sv": ("Förslag", "Öppet nu", "Öppnar 23 nov. 2026 9.00", "Tala med en människa: Call request", "Kom också ihåg det här."),
    "en": ("Suggestions", "Open now", "Opens 23 Nov 2026, 9.00", "Talk with a person: Call request", "Remember this, too."),
}  # fmt: skip


@pytest.mark.parametrize("language", WORDS)
def test_an_answer_is_shown_with_reason_hours_notice_and_the_way_to_a_person(page, language):
    element = put(page, language=language)
    heading, now, opens, person, also = WORDS[language]
    assert element.get_by_role("region", name=heading).count() == 1
    first, duty = element.get_by_role("listitem").all()
    assert first.inner_text().split("\n\n") == ["A guide", "Because you asked.", now]
    assert duty.inner_text().split("\n\n") == ["A duty", also]
    shown = element.locator("section").inner_text()
    for words in (opens, person, "Information only."):
        assert words in shown
    assert chromium.violations(page) == []


def test_in_a_language_that_the_element_has_no_words_of_they_are_finnish(page):
    element = put(page, language="se")
    assert element.get_by_role("region", name=WORDS["fi"][0]).count() == 1


def test_arkis_own_pages_are_opened_in_the_items_language_and_others_as_they_are(page):
    other = ITEM | {"content": CONTENT | {"url": "https://www.kela.fi/x", "title": "B"}}
    element = put(
        page, ANSWER | {"items": [ITEM, other]}, options={"endpoint": "https://arki.example.fi/api"}
    )
    links = [link.get_attribute("href") for link in element.locator("li a").all()]
    assert links[:2] == ["https://arki.example.fi/content/guide-a?language=sv", "https://www.kela.fi/x"]
    assert element.locator("li a").first.get_attribute("lang") == "sv"


def test_a_body_is_text_and_never_markup(page):
    hostile = "<img src=/x onerror=alert(1)><b>bold</b>"
    nudge = ITEM | {"content": CONTENT | {"body": hostile, "title": hostile}}
    element = put(page, ANSWER | {"items": [nudge], "notice": hostile})
    assert element.locator("[part=body]").first.inner_text() == hostile
    assert element.locator("img, b").count() == 0


def test_a_person_without_a_page_is_named_all_the_same(page):
    element = put(page, ANSWER | {"human_channel": ANSWER["human_channel"] | {"url": None}})
    assert "Talk with a person: Call request" in element.locator("section").inner_text()


def test_shown_is_told_only_of_what_came_into_view(page, fake):
    put(page, before="<p id='tall'>tall</p>" * 100)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("told") == []
    page.evaluate("element.scrollIntoView()")
    until(page, "told.length == 2")
    assert sorted(page.evaluate("told")) == [["shown", "duty", "ref"], ["shown", "guide-a", "ref"]]
    page.evaluate("scrollTo(0, 0); element.scrollIntoView()")
    sent = [event for one in fake.wait_for(1) for event in one.body["events"]]
    assert sorted((event["event"], event["item"]) for event in sent) == [
        ("shown", "duty"),
        ("shown", "guide-a"),
    ]


def test_following_a_link_tells_that_it_was_opened(page, fake):
    element = put(page, options={"key": "k"})
    element.get_by_role("link", name="A guide").click()
    page.wait_for_url("**/content/guide-a?language=sv")
    sent = [event["event"] for one in fake.wait_for(1) for event in one.body["events"]]
    assert "opened" in sent


@pytest.mark.parametrize(("button", "event"), [("Yes", "helpful"), ("No", "not_helpful")])
def test_whether_it_helped_is_told_once_and_thanked_for(page, button, event):
    element = put(page)
    element.get_by_role("button", name=button).press("Enter")
    assert element.get_by_role("status").inner_text() == "Thank you for your feedback."
    assert [event, "guide-a", "ref"] in page.evaluate("told")
    assert element.get_by_role("button").count() == 0
    assert page.evaluate("element.shadowRoot.activeElement.localName") == "section"


def test_hiding_suggestions_leaves_duties_the_person_and_the_notice(page):
    element = put(page)
    element.get_by_role("button", name="Hide suggestions").press("Space")
    shown = element.locator("section").inner_text()
    assert "A guide" not in shown
    for words in ("A duty", "Call request", "Information only."):
        assert words in shown
    assert element.get_by_role("link", name="Plain").is_visible()
    assert ["dismissed", "guide-a", "ref"] in page.evaluate("told")


@pytest.mark.parametrize("endpoint", ["/suggestions", "suggestions", "/", "https://arki.example.fi/api"])
def test_an_answer_is_shown_whatever_form_the_endpoint_has(page, house, endpoint):
    other = ITEM | {"content": CONTENT | {"url": "https://www.kela.fi/x", "title": "B"}}
    element = put(page, ANSWER | {"items": [ITEM, other]}, options={"endpoint": endpoint})
    origin = "https://arki.example.fi" if endpoint.startswith("https") else house.address
    links = [link.get_attribute("href") for link in element.locator("li a").all()]
    assert links[:2] == [f"{origin}/content/guide-a?language=sv", "https://www.kela.fi/x"]


@pytest.fixture
def said(page):
    """What the page writes to the console as an error, less what the browser itself says of statuses."""
    lines = []

    def keep(message):
        if message.type == "error" and "Failed to load resource" not in message.text:
            lines.append(message.text)

    page.on("console", keep)
    yield lines
    page.remove_listener("console", keep)


def load(page, options, ask=ASK):
    """What an element resolves to, and the details of the events `unavailable` that it emits."""
    return page.evaluate(
        """async ([options, ask]) => {
            const told = []
            element.addEventListener("unavailable", ({detail}) =>
                told.push([detail.name, detail.message, detail.status ?? null, detail.problem?.title ?? null]))
            return [await element.load(createClient(options), ask) ?? null, told]
        }""",
        [options, ask],
    )


@pytest.mark.parametrize("status", [401, 422, 503])
def test_a_page_learns_why_there_is_no_answer(page, fake, said, status):
    fake.answer = lambda *_: (status, {}, {"title": "The reason"})
    put(page, None)
    assert load(page, {"timeoutMs": 500}) == [None, [["Error", "No answer", status, "The reason"]]]
    [line] = said
    assert line.startswith("Error: No answer")


def test_a_fault_in_code_does_not_look_like_an_outage(page, fake, said):
    element = put(page, None)
    resolved, told = load(page, {"headers": {"no header": "has a space"}})
    [[name, message, status, _]] = told
    assert (resolved, name, status) == (None, "TypeError", None)
    assert message != "No answer"
    assert said[0].startswith("TypeError")
    assert fake.came == []
    assert element.get_by_role("link", name="Plain").is_visible()


def test_an_answer_that_cannot_be_shown_is_reported_and_the_links_stay(page, fake, said):
    element = put(page, ANSWER)
    fake.answer = lambda *_: (200, {}, {"items": 1})
    resolved, [[name, *_]] = load(page, {})
    assert (resolved, name) == (None, "TypeError")
    assert said[0].startswith("TypeError")
    assert element.get_by_role("link", name="Plain").is_visible()
    assert element.locator("section").count() == 0


@pytest.mark.parametrize("fault", ["away", "slow", "nothing", "nonsense"])
def test_plain_links_stay_where_there_is_no_answer(page, fake, fault):
    answers = {
        "away": (503, {}, {}),
        "slow": None,
        "nothing": (200, {}, None),
        "nonsense": (200, {}, {"items": 1}),
    }
    fake.answer = lambda *_: answers[fault]
    element = put(page, None)
    assert page.evaluate("ask => element.load(createClient({timeoutMs: 300}), ask)", ASK) is None
    assert element.get_by_role("link", name="Plain").is_visible()
    assert element.locator("section").count() == 0


def test_a_late_answer_does_not_replace_a_later_asks(page):
    element = put(page, None)
    page.evaluate(
        """async answer => {
            let finish
            const slow = {recommend: () => new Promise(done => finish = () => done({...answer, notice: "first"}))}
            const quick = {recommend: async () => ({...answer, notice: "second"})}
            const first = element.load(slow, {})
            await element.load(quick, {})
            finish()
            await first
        }""",
        ANSWER,
    )
    assert element.locator("[part=notice]").inner_text() == "second"


def test_the_browser_keeps_nothing(page, fake):
    make_client(page, key="k")
    recommend(page)
    send(page)
    fake.wait_for(1)
    kept = page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]"
    )
    assert kept == [0, 0, 0]
