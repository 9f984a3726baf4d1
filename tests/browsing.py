"""A visit to the console in the Chromium of `chromium`: signed in or not, at a width, with or without scripts."""

import re

from chromium import PATIENCE_MS, WIDTHS, fits, running, violations

__all__ = ["WIDTHS", "Visit", "running", "token_of"]


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

    def faults(self):
        """What axe-core finds against WCAG 2.1 A and AA, whether the page scrolls sideways, and what went wrong so far."""
        found = [*violations(self.page), *([] if fits(self.page) else ["scrolls sideways"]), *self.wrongs]
        self.wrongs.clear()
        return found

    def close(self):
        self.context.close()


def token_of(html):
    """The token in a page's form."""
    return re.search(r'name="token" value="([^"]+)"', html)[1]


def _is_wrong(said):
    """Messages of level error, save those that only tell of a status that a test asked for."""
    return said.type == "error" and "Failed to load resource" not in said.text
