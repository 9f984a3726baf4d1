"""The whole loop in a browser: a suggestion shown on the demonstration page, found helpful, and told in the console's report."""

from __future__ import annotations

from contextlib import closing

import pytest
from browsing import Visit, running
from conftest import migrated

from drills.server import KEY, serving

pytestmark = pytest.mark.xdist_group("chromium")  # one browser at a time on two cores
ENOUGH = 5  # a count is published five at a time


def test_what_visitors_of_the_demonstration_say_is_seen_in_the_console(tmp_path, bundles):
    url = migrated(f"sqlite:///{tmp_path}/outcomes.db")
    with (
        serving(tmp_path, bundles, ARKI_OUTCOMES_URL=url) as server,
        running() as browser,
        closing(Visit(browser, f"http://127.0.0.1:{server.port}")) as visit,
    ):
        visit.go("/demo?language=en")
        visit.page.fill("#key", KEY)
        visit.page.keyboard.press("Enter")
        for _ in range(ENOUGH):
            with visit.page.expect_response(
                lambda answer: (
                    answer.url.endswith("/v1/outcomes")
                    and '"helpful"' in (answer.request.post_data or "")
                    and answer.status == 200
                )
            ):
                visit.page.get_by_role("button", name="Yes").click()
            visit.page.reload()
        visit.sign_in(KEY)
        visit.go("/console/en/outcomes")
        row = visit.page.locator("tr", has_text="job-loss-guidance").first.inner_text()
        assert "at least 5" in row, "five visitors said that it helped"
        assert "too few yet to say" in row, "five events bear no rate"
        assert not visit.faults()
