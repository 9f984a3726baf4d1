"""The console in a real Chromium: accessible on every page, usable with keys alone, and never asking anyone else.

The short form (English wide, Finnish narrow, every page as it normally is) runs in `make test`; the whole product, errors and
empty pages among it, in `make test-full`. `make screenshots` makes the pictures in docs/screenshots.
"""

from __future__ import annotations

import io
import os
from contextlib import closing

import pytest
from browsing import WIDTHS, Visit, running
from chromium import fits
from conftest import ROOT

from drills.server import KEY, serving
from models.authoring import loader
from models.decision import bundle

SHOTS = ROOT / "docs" / "screenshots"
RULES = (loader.RULEBOOK / "rules.yaml").read_text(encoding="utf-8")
NORMAL = {
    "overview": "/",
    "groups": "/groups",
    "mapping": "/mapping",
    "rule": "/rules/job-loss-guidance",
    "customer": "/customer",
    "drafts": "/drafts",
    "content": "/content",
    "model": "/model",
    "outcomes": "/outcomes",
    "accessibility": "/accessibility",
}
SHORT = {"mapping": "/mapping?q=job-loss", "content": "/content?q=guide&holes=1"}
"""The longest pages cut to what a look needs; the full ones take axe-core ten seconds each."""
EMPTY = {
    "mapping": "/mapping?q=nothing-holds-this&type=employer&digital=offline",
    "content": "/content?q=nothing-holds-this&holes=1",
    "customer": "/customer?type=employer",
    "model": "/model?by=sex",
}
ERRORS = {"not-found": "/rules/none", "no-draft": "/drafts/none", "nowhere": "/nowhere"}
pytestmark = pytest.mark.xdist_group("chromium")  # one browser at a time on two cores


@pytest.fixture(scope="module")
def server(tmp_path_factory, authored):
    """The service with two workers, before a bundle that was taken into use after another."""
    folder = tmp_path_factory.mktemp("browser")
    bundles = folder / "bundles"
    older = authored.parts()
    older["rulebook.json"] = older["rulebook.json"] | {"answer_valid_days": 29}
    for parts in (older, authored.parts()):
        bundle.activate(bundles, bundle.build(bundles, parts))
    with serving(folder, bundles, workers=2) as started:
        yield started


@pytest.fixture(scope="module")
def browser():
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def session(server, browser):
    """Cookies of one sign-in, shared by all visits: sign-in is limited."""
    with closing(Visit(browser, f"http://127.0.0.1:{server.port}")) as visit:
        visit.sign_in(KEY)
        assert visit.wrongs == []
        return visit.context.cookies()


@pytest.fixture
def visit(server, browser, session):
    """A function that opens a signed-in window of a width."""
    opened = []

    def open_(width=1280, **options):
        made = Visit(browser, f"http://127.0.0.1:{server.port}", width=width, **options)
        made.context.add_cookies(session)
        opened.append(made)
        return made

    yield open_
    for made in opened:
        made.close()


def faults_of(window, where):
    """Everything wrong with the page that a window shows."""
    return [f"{where}: {one}" for one in window.faults()]


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("fi", 320)])
def test_every_page_is_accessible_and_asks_nobody_else(visit, language, width):
    window, faults = visit(width), []
    for name, path in (NORMAL | SHORT).items():
        assert window.go(f"/console/{language}{path}").status == 200
        faults += faults_of(window, name)
    assert faults == []


def try_persona(window, language, persona="veikko-year-on-assistance"):
    window.go(f"/console/{language}/customer")
    window.page.select_option("#persona", persona)
    window.page.click("form.filters button")
    window.page.wait_for_selector("#answer")


def send_draft(window, language, folder, text=None):
    """Send a draft and wait on its page as it loads itself anew, to the end."""
    at = RULES.index("- id: job-loss-guidance\n")
    draft = folder / "rules.yaml"
    draft.write_text(text or RULES[:at] + RULES[at:].replace("channel: web_page", "channel: callback", 1))
    window.go(f"/console/{language}/drafts")
    window.page.set_input_files("#file", draft)
    window.page.click("form[enctype] button")


def test_why_a_customer_got_something_takes_two_clicks(visit):
    window = visit()
    try_persona(window, "en")  # the first click: Try this person
    window.page.click(".offer a[href='#why']")
    assert window.page.evaluate("location.hash") == "#why"
    window.page.click(".lookup summary")
    assert window.page.is_visible(".lookup table")
    assert faults_of(window, "answer") == []


@pytest.mark.slow
def test_the_console_works_without_scripts(visit, tmp_path):
    window = visit(script=False)
    try_persona(window, "sv")
    send_draft(window, "fi", tmp_path)
    window.page.wait_for_selector("#impact")  # by the page's own Refresh
    assert window.wrongs == []


def press_until(window, wanted, key="Tab", most=120):
    """Press a key until what has the focus matches a selector."""
    for _ in range(most):
        window.page.keyboard.press(key)
        if window.page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"{wanted} is not reached by {key}")


def test_the_main_tasks_are_done_with_the_keyboard_alone(visit, server, browser, tmp_path):
    window = Visit(browser, f"http://127.0.0.1:{server.port}")
    keys = window.page.keyboard
    with closing(window):
        window.go("/console/en/sign-in")  # 1. sign in
        press_until(window, "#key")
        keys.type(KEY)
        keys.press("Enter")
        window.page.wait_for_selector("nav.pages")
        keys.press("Tab")  # 2. skip to the content
        assert window.page.evaluate("document.activeElement.className") == "skip"
        keys.press("Enter")
        assert window.page.evaluate("document.activeElement.id") == "main"
        window.page.reload()
        press_until(
            window, "nav.pages a[href='/console/en/mapping']"
        )  # 3. from a cell to its rule, and a search
        keys.press("Enter")
        window.page.wait_for_selector(".matrix")
        press_until(window, ".matrix td a")
        keys.press("Enter")
        window.page.wait_for_selector("h1 code")
        press_until(window, ".back a")
        keys.press("Enter")
        window.page.wait_for_selector("#q")
        press_until(window, "#q", most=200)
        keys.type("interpreter")
        keys.press("Enter")
        window.page.wait_for_url("**q=interpreter**")
        window.go("/console/en/customer")  # 4. try a person, and ask why
        press_until(window, "#persona")
        keys.press("ArrowDown")
        press_until(window, "form.filters button")
        keys.press("Enter")
        window.page.wait_for_selector("#answer")
        press_until(window, ".offer a[href='#why']")
        keys.press("Enter")
        press_until(window, ".lookup summary", most=200)
        keys.press("Enter")
        assert window.page.is_visible(".lookup table")
        press_until(window, ".lookup [role=region]")  # a wide table scrolls by keys
        send_draft_by_keys(window, tmp_path)  # 5. check a draft
        press_until(window, "button.quiet", key="Shift+Tab")  # 6. sign out
        window.go("/console/en/")
        press_until(window, ".out button")
        keys.press("Enter")
        window.page.wait_for_selector("#key")
        assert window.wrongs == []


def send_draft_by_keys(window, folder):
    """Send a draft: the file chooser is the browser's own, the rest is keys."""
    draft = folder / "keys.yaml"
    draft.write_text(RULES)
    window.go("/console/en/drafts")
    press_until(window, "#file")
    window.page.set_input_files("#file", draft)
    press_until(window, "form[enctype] button")
    window.page.keyboard.press("Enter")
    window.page.wait_for_selector(".note.good")
    press_until(window, "a[download]", most=200)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_every_page_in_every_state_is_accessible(visit, server, browser, language, width, tmp_path):
    window, faults = visit(width), []
    for name, path in {**NORMAL, **EMPTY, **ERRORS}.items():
        window.go(f"/console/{language}{path}")
        faults += faults_of(window, name)
    try_persona(window, language)
    window.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    faults += faults_of(window, "answer")
    try_persona(window, language, "seven-person-bakery")
    faults += faults_of(window, "employer")
    window.go(f"/console/{language}/customer")
    window.page.fill("[id='s.applications_12m']", "many")
    window.page.fill("#limit", "99")
    window.page.click("details.form button")
    window.page.wait_for_selector(".fault")
    faults += faults_of(window, "faults")
    send_draft(window, language, tmp_path)
    window.page.wait_for_selector("#impact")
    faults += faults_of(window, "draft")
    send_draft(window, language, tmp_path, "nothing: here\n")
    window.page.wait_for_selector(".note.error")
    faults += faults_of(window, "failed")
    window.go(f"/console/{language}/drafts")
    faults += faults_of(window, "drafts listed")
    stranger = Visit(browser, window.address, width=width)
    with closing(stranger):
        stranger.go(f"/console/{language}/sign-in")
        faults += faults_of(stranger, "sign-in")
        stranger.page.fill("#key", "wrong")
        stranger.page.click("main button")
        stranger.page.wait_for_selector(".note.error")
        faults += faults_of(stranger, "refused")
    assert faults == []


@pytest.mark.slow
def test_text_may_be_twice_as_large(visit):
    window, faults = visit(1280), []
    for name, path in NORMAL.items():
        window.go(f"/console/fi{path}")
        window.page.evaluate("document.documentElement.style.fontSize = '225%'")
        if not fits(window.page):
            faults.append(name)
    assert faults == []


@pytest.mark.skipif(os.environ.get("ARKI_SCREENSHOTS") != "1", reason="made on request: make screenshots")
@pytest.mark.parametrize("width", WIDTHS)
def test_screenshots_of_each_page(visit, browser, width, tmp_path):
    image = pytest.importorskip("PIL.Image")
    SHOTS.mkdir(exist_ok=True)
    window = visit(width)

    def shoot(name):
        shot = io.BytesIO(window.page.screenshot(clip=_first(window, 1600)))
        image.open(shot).convert("RGB").quantize(96).save(SHOTS / f"{name}-{width}.png", optimize=True)

    for name, path in NORMAL.items():
        window.go(f"/console/{'fi' if name != 'accessibility' else 'sv'}{path}")
        shoot(name)
    try_persona(window, "fi")
    shoot("answer")
    send_draft(window, "fi", tmp_path)
    shoot("progress")
    window.page.wait_for_selector("#impact")
    shoot("draft")
    window.go("/console/en/rules/none")
    shoot("error")
    window.context.clear_cookies()
    window.go("/console/fi/sign-in")
    shoot("sign-in")
    assert window.wrongs == []


def _first(window, most):
    """The top of a page, at most so high."""
    height = window.page.evaluate("document.documentElement.scrollHeight")
    window.page.set_viewport_size({"width": window.page.viewport_size["width"], "height": min(height, most)})
    return {"x": 0, "y": 0, "width": window.page.viewport_size["width"], "height": min(height, most)}
