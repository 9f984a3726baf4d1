"""A real browser before a real server, for tests of the console: Debian's Chromium, driven by Playwright."""

import os
import re
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (1280, 320)
PATIENCE_MS = 60_000
AXE_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "resultTypes": ["violations"],
}


@contextmanager
def chromium():
    """A browser; a skip that says so where there is none on a desk, a failure in CI."""
    if not Path(CHROMIUM).exists():
        message = f"{CHROMIUM} is not installed (Debian package chromium)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A window at one width, with all that went wrong in it: policy reports, errors, requests to elsewhere."""

    def __init__(self, browser, address, *, width=1280, script=True):
        self.address, self.wrongs = address, []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=script, accept_downloads=True
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self.wrongs.append(said.text) if _is_wrong(said) else None)
        self.page.on("pageerror", lambda error: self.wrongs.append(str(error)))
        self.page.on("request", lambda asked: self._watch(asked.url))

    def _watch(self, url):
        if not url.startswith((self.address, "data:", "about:", "blob:")):
            self.wrongs.append(f"asked {url}")

    def go(self, path):
        """Open a page of the console."""
        return self.page.goto(f"{self.address}{path}")

    def sign_in(self, key, language="en"):
        """Come in as a person does."""
        self.go(f"/console/{language}/sign-in")
        self.page.fill("#key", key)
        self.page.click("main button[type=submit]")
        self.page.wait_for_selector("nav.pages")

    def violations(self):
        """What axe-core finds against WCAG 2.1 A and AA, in one line each."""
        self.page.evaluate(axe_source())
        found = self.page.evaluate("rules => axe.run(document, rules)", AXE_RULES)
        return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]

    def is_too_wide(self):
        """Whether the page itself scrolls sideways."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )

    def close(self):
        self.context.close()


def axe_source():
    """An expression that makes `axe` known, run by the debugger, which no policy of a page binds."""
    import axe_playwright_python

    path = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    return f"(() => {{ {path.read_text(encoding='utf-8')} }})()"


def token_of(html):
    """The token in a page's form."""
    return re.search(r'name="token" value="([^"]+)"', html)[1]


def _is_wrong(said):
    """Messages of level error, save those that only tell of a status that a test asked for."""
    return said.type == "error" and "Failed to load resource" not in said.text
