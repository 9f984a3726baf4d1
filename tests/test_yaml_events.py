"""Files are read quickly, and as ruamel.yaml reads them: the same data, the same lines, or left to it."""

import pytest
from conftest import ROOT
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from models.authoring import loader, yaml_source
from models.authoring.yaml_events import NotEverydayError, read

TOKENS = (
    *(
        "a",
        "b:",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "# c",
        "[",
        "]",
        "{",
        "}",
        ",",
        "|\n",
        ">-\n",
    ),
    *(
        "'",
        '"',
        "1",
        "0x1f",
        "0o7",
        "010",
        "1_000",
        "1.5",
        "1e3",
        ".inf",
        "~",
        "null",
        "yes",
        "true",
        "=",
        "<<",
    ),
    *(
        "2026-11-27",
        "2026-11-27T10:00:00Z",
        "12:30",
        "&a ",
        "*a",
        "!x ",
        "!!str ",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
    ),
    *("\t", "ä", "\u2028", "\u00a0", "\ufeff", "\0", "\r", "👍", "\\/", "\\x41"),
)


def lines(value):
    """The first line of each entry, all the way down."""
    if isinstance(value, dict):
        return {key: (yaml_source.line_of(value, key), lines(entry)) for key, entry in value.items()}
    if isinstance(value, list):
        return [(yaml_source.line_of(value, at), lines(entry)) for at, entry in enumerate(value)]
    return None


def agree(text):
    """What is read quickly is what ruamel.yaml reads; whether it was read quickly."""
    try:
        found = read(text)
    except NotEverydayError:
        return False
    whole = yaml_source._reader().load(text)
    assert repr(yaml_source.plain(found)) == repr(yaml_source.plain(whole))
    assert lines(found) == lines(whole)
    return True


@given(
    st.tuples(
        st.sampled_from(["", "a: ", "a:\n  ", "a:\n- ", "a: [", "a: {"]),
        st.lists(st.sampled_from(TOKENS), max_size=20).map("".join),
        st.sampled_from(["", "]\n", "}\n", "\nb: 1\n"]),
    ).map("".join)
)
@example("a: 1\na: 2\n")
@example("a: [b, 'c': d]\n")
@example("? a\n: b\n")
def test_whatever_is_written_is_read_as_ruamel_reads_it_or_left_to_it(text):
    agree(text)


FILES = sorted(
    path
    for folder in (loader.RULEBOOK, loader.CONTENT, ROOT / "fixtures" / "rulebooks")
    for path in folder.rglob("*.yaml")
    if "Windows" not in path.name
)


def test_every_shipped_file_is_read_quickly():
    quick = {path: agree(path.read_text(encoding="utf-8")) for path in FILES}
    assert [path.name for path, is_quick in quick.items() if not is_quick] == []


@pytest.mark.parametrize(
    "text", ["a: &b 1", "a: !!str 1", "a: 1\na: 2", "%YAML 1.1\n---\na: yes", "a: [", "[" * 30]
)
def test_what_is_not_everyday_is_left_to_the_whole_loader(text):
    with pytest.raises(NotEverydayError):
        read(text)


def test_a_flood_of_brackets_is_refused_before_it_costs_anything():
    with pytest.raises((yaml_source.RefusedError, YAMLError)):
        yaml_source.loads("[" * 1_000_000)
