"""README.md is short, every page is found from the index, and every link leads to a file and heading that exist."""

import re
from collections import Counter
from urllib.parse import unquote

import pytest
from conftest import ROOT

LIMIT_BYTES = 8192
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+?)\s*$", re.MULTILINE)
FOLDERS = ("tutorials", "how-to", "reference", "explanation")


def links_of(page):
    """Targets of the links and images of a page that lead to a file of this repository."""
    text = CODE.sub(lambda code: re.sub(r"[\[\]()#]", " ", code[0]), page.read_text(encoding="utf-8"))
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def anchors_of(page):
    """Names under which a forge opens the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    anchors, before = set(), Counter()
    for heading in HEADING.findall(text):
        shown = re.sub(r"\]\([^)]*\)", "", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        anchors.add(f"{anchor}-{before[anchor]}" if before[anchor] else anchor)
        before[anchor] += 1
    return anchors


def broken(page):
    """Links of a page whose file or heading is missing."""
    found = []
    for link in links_of(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if (
            not target.exists()
            or not target.is_relative_to(ROOT)
            or (anchor and anchor not in anchors_of(target))
        ):
            found.append(link)
    return found


def test_the_readme_has_at_most_8192_bytes():
    assert (ROOT / "README.md").stat().st_size <= LIMIT_BYTES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_heading_that_exist(page):
    assert broken(page) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path):
    page = ROOT / "docs" / "README.md"
    with_faults = tmp_path / "page.md"
    with_faults.write_text(
        "[a](gone.md) [`b`](#gone) [c](#here-it-is) `[d](gone)` [e](https://example.org)\n\n# Here, it is\n"
    )
    assert links_of(with_faults) == ["gone.md", "#gone", "#here-it-is"]
    assert anchors_of(with_faults) == {"here-it-is"}
    assert len(links_of(page)) > 30


def test_the_index_leads_to_every_page():
    index = ROOT / "docs" / "README.md"
    reached = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    pages = set((ROOT / "docs").rglob("*.md")) - {index}
    assert {str(page.relative_to(ROOT)) for page in pages - reached} == set()


def test_pages_that_teach_guide_state_and_explain_have_folders_of_their_own():
    for folder in FOLDERS:
        assert list((ROOT / "docs" / folder).glob("*.md")), folder
    assert {path.name for path in (ROOT / "docs").iterdir() if path.is_dir()} - {
        "screenshots",
        "__pycache__",
    } == {*FOLDERS}
