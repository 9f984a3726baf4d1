"""Chromium for tests: a page that remembers what went wrong on it, and axe-core run over it."""

import os
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

PROGRAM = Path("/usr/bin/chromium")
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
PATIENCE_MS = 180_000
"""A page is waited for so long: on two cores that also run other tests, checking a draft takes most of a minute."""
_WCAG_21_AA = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
_TELL_CSP = "addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"


@contextmanager
def running():
    """A running Chromium; skipped by name where there is none, failed in CI."""
    if not PROGRAM.exists():
        missing = "chromium is not installed"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def open_page(browser, *, width=1280, height=900):
    """A page in a fresh profile, and the list of what went wrong on it: refused by CSP, failed, or asked of elsewhere."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(_TELL_CSP)
    page = context.new_page()
    wrong = []
    page.on(
        "console",
        lambda said: (
            wrong.append(said.text) if "CSP" in said.text or "Content Security" in said.text else None
        ),
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None
            if urlsplit(asked.url).hostname == "127.0.0.1" or asked.url.startswith(("data:", "blob:"))
            else wrong.append(asked.url)
        ),
    )
    try:
        yield page, wrong
    finally:
        context.close()


def violations(page):
    """What axe-core finds against WCAG 2.1 A and AA, one line each. Looks at shadow trees too."""
    found = Axe().run(page, options=_WCAG_21_AA).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['target']}" for one in found]


def fits(page):
    """Whether nothing makes the page scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")
