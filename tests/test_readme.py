"""What the README and the fixtures show is what the code does."""

import importlib.util
import json
import re

import pytest
from conftest import KEY, ROOT

SPEC = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
refresh = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(refresh)
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [match[0] for match in refresh._SHOWN.finditer(README)]


def without_figures(answer):
    """The answer less versions and the model's own figures, which change with each training."""
    segment = answer["segment"] and {k: answer["segment"][k] for k in ("id", "known")}
    return {k: v for k, v in answer.items() if k not in {"versions", "recommendation_id"}} | {
        "segment": segment
    }


def test_each_request_of_the_fixtures_gives_its_response(app):
    answers = refresh.responses(app.test_client(), KEY)
    assert len(answers) >= 6
    for name, answer in answers.items():
        shown = json.loads((refresh.RESPONSES / name).read_text(encoding="utf-8"))
        assert without_figures(answer) == without_figures(shown), name


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_the_readme_shows_the_real_output(block, bundles, tmp_path):
    again = refresh.refreshed(block, refresh.run_here(bundles, tmp_path))
    assert refresh.masked(again) == refresh.masked(block)


def test_the_readme_shows_every_command():
    shown = " ".join(BLOCKS)
    for command in (
        "arki-rulebook check",
        "arki-rulebook explain",
        "arki-score",
        "arki-bundle",
        "arki-keys create",
    ):
        assert command in shown


def test_the_readme_says_whose_arki_is():
    assert re.search(r"independent.*not Kela's own", README.partition("## ")[0], re.DOTALL)


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
