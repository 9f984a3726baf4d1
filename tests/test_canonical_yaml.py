"""The team's YAML has one form: `arki-rulebook fmt` keeps values, comments and order, and a second run changes nothing."""

import contextlib
import re
import shutil
from datetime import date

import pytest
from click.testing import CliRunner
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from models.authoring import canonical_yaml, loader, yaml_source
from models.authoring.canonical_yaml import WIDTH, formatted
from models.authoring.yaml_source import RefusedError, loads, plain
from models.cli import rulebook as arki_rulebook

SOUND = ROOT / "fixtures" / "rulebooks" / "sound"
SHIPPED = [
    *(loader.RULEBOOK / name for name in loader.RULEBOOK_FILES),
    *(loader.CONTENT / name for name in loader.CONTENT_FILES),
    *sorted(SOUND.glob("*.yaml")),
    ROOT / "fixtures" / "owed_answers.yaml",
    ROOT / "fixtures" / "personas.yaml",
    ROOT / "fixtures" / "rulebooks" / "job-loss-experiment.yaml",
]
LONG = "A sentence of many words, which goes on and on: "

FORMS = {
    "two spaces of indentation": (
        "a:\n    b:\n    - c\n    -   d: 1\n        e: 2\n",
        "a:\n  b:\n    - c\n    - d: 1\n      e: 2\n",
    ),
    "quotes where they are needed": (
        "a: 'plain'\nb: \"x: y\"\nc: 'yes'\nd: '1'\ne: \"2026-01-01\"\nf: '- x'\ng: ''\n",
        'a: plain\nb: "x: y"\nc: yes\nd: "1"\ne: "2026-01-01"\nf: "- x"\ng: ""\n',
    ),
    "numbers, days and truth values as they are": (
        "a: 0.30\nb: 0x10\nc: 2026-01-01\nd: True\ne: ~\nf:\n",
        "a: 0.30\nb: 0x10\nc: 2026-01-01\nd: True\ne: null\nf: null\n",
    ),
    "braces and brackets without spaces": ("a: { b: [ c,d ], }\ne: []\n", "a: {b: [c, d]}\ne: []\n"),
    "what readers of YAML 1.1 take otherwise is quoted": (
        "a: '12:00'\nb: {c: 'https://www.kela.fi'}\nd: 'https://www.kela.fi'\n",
        'a: "12:00"\nb: {c: "https://www.kela.fi"}\nd: https://www.kela.fi\n',
    ),
    "a comma in braces is quoted": ('a: {b: "c, d"}\n', 'a: {b: "c, d"}\n'),
    "what is too long for braces is a block": (
        f"a: {{b: [c, d], e: {'f' * WIDTH}}}\n",
        f"a:\n  b: [c, d]\n  e: {'f' * WIDTH}\n",
    ),
    "a long text is folded": (
        f'a: "{LONG}{LONG}{LONG}end"\n',
        f"a: >-\n  {LONG}{LONG}A sentence of many\n  words, which goes on and on: end\n",
    ),
    "a text of lines keeps its lines": (
        'a: "one\\n\\ntwo"\nb: |\n      three\n',
        "a: |-\n  one\n\n  two\nb: |\n  three\n",
    ),
    "what cannot be seen is written as its code": ('a: "b\u00a0c\\td"\n', 'a: "b\\xa0c\\td"\n'),
    "one blank line parts": ("\n\n# top\n\n\n\na: 1\n\n\nb: 2\n\n\n", "# top\n\na: 1\n\nb: 2\n"),
    "comments stay with their entry": (
        "# top\na:   # beside a\n    # above b\n    b: 1      # beside b\n    # below b\n# above c\nc: 2\n# end\n",
        "# top\na:  # beside a\n  # above b\n  b: 1  # beside b\n  # below b\n# above c\nc: 2\n# end\n",
    ),
    "a comment makes a block of braces": (
        "a: {b: 1,  # of b\n    c: [d, e]}\n",
        "a:\n  b: 1  # of b\n  c: [d, e]\n",
    ),
    "comments behind a dash stand above it": (
        "a:\n- # one\n  # two\n  b: 1\n- c\n",
        "a:\n  # one\n  # two\n  - b: 1\n  - c\n",
    ),
    "a comment beside a folded text": (
        "a: >-  # why\n    b\n    c\n\n# d\ne: 1\n",
        "a: b c  # why\n\n# d\ne: 1\n",
    ),
    "the end of a list keeps its comments": (
        "a:\n  - b: 1\n    # in b\n  # - c: 2\nd: 3\n",
        "a:\n  - b: 1\n    # in b\n  # - c: 2\nd: 3\n",
    ),
    "marks of a document go": ("--- # why\na: 1\n...\n", "# why\na: 1\n"),
}


@pytest.mark.parametrize("name", FORMS)
def test_the_form(name):
    text, canonical = FORMS[name]
    assert formatted(text) == canonical
    assert formatted(canonical) == canonical
    assert formatted(text.replace("\n", "\r\n")) == canonical.replace("\n", "\r\n")


def lines_of_comment(text):
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_file_of_the_team_keeps_values_and_comments_however_it_was_indented(path):
    text = path.read_text(encoding="utf-8")
    untidy = re.sub("(?m)^(?=.)", "   ", text).replace(": {", ":   { ").replace("]\n", " ]\n\n\n")
    canonical = formatted(untidy)
    assert formatted(canonical) == canonical
    assert repr(plain(loads(canonical))) == repr(plain(loads(untidy)))
    assert lines_of_comment(canonical) == lines_of_comment(untidy)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_files_that_ship_have_the_form(path):
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


SIGNS = "ab :#-,[]{}&*!|>'\"%@`?\\\n\täÖ–§\u00a0\u2028\ufeff😀=<~012.\u0085\u200b"
texts = st.one_of(
    st.text(SIGNS, max_size=12),
    st.sampled_from(
        ["yes", "null", "~", "1", "2026-01-01", "<<", "---", "...", "0x1", ".inf", "a: b", "- a"]
    ),
    st.lists(st.sampled_from(["word", "Kela:", "#1", "–", "x" * 40]), min_size=20, max_size=60).map(" ".join),
)
scalars = st.one_of(
    texts, st.integers(-9, 9), st.booleans(), st.none(), st.dates(date(2000, 1, 1), date(2100, 1, 1))
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.tuples(st.booleans(), st.lists(inner, max_size=3)),
        st.tuples(
            st.booleans(), st.dictionaries(texts.filter(lambda key: len(key) < 100), inner, max_size=3)
        ),
    ),
    max_leaves=12,
)
rulebooks = st.dictionaries(texts.filter(lambda key: len(key) < 100), trees, min_size=1, max_size=4)
"""A group is its style and its entries: (flow, {…}) or (flow, […])."""


class Writer:
    """Writes a tree as someone in a hurry would: quotes, indentation and, where wanted, comments by chance."""

    def __init__(self, chance, *, comments):
        self.chance, self.comments, self.written = chance, comments, []

    def scalar(self, value):
        if value is None:
            return self.chance.choice(["null", "~"]) if not self.comments else "null"
        if isinstance(value, bool):
            return str(value).lower()
        if not isinstance(value, str):
            return str(value)
        if re.fullmatch("[ab]{2,}", value) and self.chance.random() < 0.5:
            return value
        if re.fullmatch(r"[ -~äÖ–§]*", value) and self.chance.random() < 0.5:
            return "'" + value.replace("'", "''") + "'"
        return (
            '"'
            + "".join(
                sign if re.match(r"[ !#-\[\]-~äÖ–§]", sign) else f"\\U{ord(sign):08x}" for sign in value
            )
            + '"'
        )

    def comment(self, pad):
        """A line of a comment or a blank line, sometimes."""
        if not self.comments or self.chance.random() < 0.7:
            return ""
        if self.chance.random() < 0.3:
            return "\n"
        self.written.append(f"¤{len(self.written)}")
        return f"{pad}{' ' * self.chance.choice([0, 0, 0, 1, 2, 5])}# {self.written[-1]}\n"

    def beside(self):
        if not self.comments or self.chance.random() < 0.8:
            return ""
        self.written.append(f"¤{len(self.written)}")
        return f"{' ' * self.chance.randint(1, 3)}# {self.written[-1]}"

    def flow(self, value, pad):
        if not isinstance(value, tuple):
            return self.scalar(value)
        entries = value[1]
        parted = []
        for entry in entries:
            one = self.flow(entries[entry] if isinstance(entries, dict) else entry, pad)
            parted.append(f"{self.scalar(entry)}: {one}" if isinstance(entries, dict) else one)
        parts = ""
        for at, part in enumerate(parted):
            parts += part + ("," if at + 1 < len(parted) else "")
            remark = self.beside()
            parts += f"{remark}\n{self.comment(pad + ' ')}{pad} " if remark else " "
        return f"{{{parts}}}" if isinstance(entries, dict) else f"[{parts}]"

    def block(self, entries, pad):
        lines = ""
        for entry in entries:
            value = entries[entry] if isinstance(entries, dict) else entry
            lines += self.comment(pad)
            head = f"{pad}{self.scalar(entry)}:" if isinstance(entries, dict) else f"{pad}-"
            if isinstance(value, tuple) and not value[0] and value[1]:
                deeper = pad + " " * self.chance.choice([1, 2, 4])
                lines += f"{head}{self.beside()}\n{self.block(value[1], deeper)}"
            else:
                lines += f"{head} {self.flow(value, pad + '  ')}{self.beside()}\n"
            lines += self.comment(pad)
        return lines


def values_of(tree):
    if isinstance(tree, tuple):
        return values_of(tree[1])
    if isinstance(tree, dict):
        return {key: values_of(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [values_of(value) for value in tree]
    return tree.isoformat() if isinstance(tree, date) else tree


@given(tree=rulebooks, chance=st.randoms(use_true_random=False))
def test_texts_of_the_same_values_and_styles_have_one_form(tree, chance):
    one, other = (Writer(chance, comments=False).block(tree, "") for _ in range(2))
    canonical = formatted(one)
    assert canonical == formatted(other) == formatted(canonical)
    assert repr(plain(loads(canonical))) == repr(values_of(tree))
    assert all(
        len(line) <= WIDTH or " " not in line.strip() or "\\" in line or '"' in line
        for line in canonical.splitlines()
    )


@given(tree=rulebooks, chance=st.randoms(use_true_random=False))
def test_no_comment_and_no_value_is_lost_wherever_they_stand(tree, chance):
    writer = Writer(chance, comments=True)
    text = writer.block(tree, "")
    canonical = formatted(text)
    assert formatted(canonical) == canonical
    assert repr(plain(loads(canonical))) == repr(values_of(tree))
    assert sorted(re.findall("¤[0-9]+", canonical)) == sorted(writer.written)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &b 1\nc: *b\n", "alias"),
        ("a: !!python/object:os.system x\n", "tag"),
        ("a: " + "[" * 50 + "]" * 50 + "\n", "too_deep"),
        ("- a\n", "not_formatted"),
        ("? [a, b]\n: 1\n", "not_formatted"),
        ("%YAML 1.1\n---\na: yes\n", "not_formatted"),
    ],
)
def test_what_no_file_of_the_team_holds_is_refused(text, code):
    with pytest.raises(RefusedError) as error:
        formatted(text)
    assert error.value.code == code


@pytest.mark.parametrize(
    "text",
    ["a: 1\nf: |", "a: 1\nf: >-", "a: |\n \n\n  l2\n", "a: 1 # x\u2028# y\nb: 2\n"],
    ids=["an open literal", "an open fold", "a blank in a literal", "a line separator in a comment"],
)
def test_what_readers_of_yaml_disagree_on_is_written_alike_or_refused(text):
    with contextlib.suppress(RefusedError):
        assert repr(plain(loads(formatted(text)))) == repr(plain(loads(text)))


def test_a_collection_that_loses_its_last_entry_keeps_the_comments_below():
    document = canonical_yaml.read("person:\n  - id: one\n  # about what follows\nother: 1\n")
    [collection] = [entry.value for entry in document.entries if entry.key.text == "person"]
    collection.entries.clear()
    assert canonical_yaml.write(document) == "person: []\n  # about what follows\nother: 1\n"


def test_a_link_stays_one_and_a_file_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    untidy, link = tmp_path / "rules.yaml", tmp_path / "link.yaml"
    untidy.write_text("a:   1\n")
    link.symlink_to(untidy)
    assert run(link).exit_code == 0
    assert link.is_symlink()
    assert untidy.read_text() == "a: 1\n"

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    untidy.write_text("a:   1\n")
    monkeypatch.setattr(canonical_yaml, "replace", refuse)
    shown = run(untidy)
    assert shown.exit_code == 2
    assert "rules.yaml:1: error: rules.yaml: cannot be opened: Permission denied." in shown.output


def test_a_file_that_is_refused_is_so_before_it_is_composed(monkeypatch):
    monkeypatch.setattr(yaml_source, "compose", None)
    with pytest.raises(RefusedError):
        canonical_yaml.read("a: &b [1]\n" + "".join(f"x{at}: [*b, *b]\n" for at in range(99)))


def run(*arguments):
    return CliRunner().invoke(arki_rulebook.main, ["fmt", *map(str, arguments)])


def test_the_command_names_what_differs_and_rewrites_it_when_told(tmp_path):
    folder = shutil.copytree(SOUND, tmp_path / "rulebook")
    assert run("--check", "--rulebook", folder).output == ""
    rules = folder / "rules.yaml"
    canonical = rules.read_bytes()
    rules.write_bytes(canonical.replace(b"hit_policy: first", b'hit_policy:   "first"'))
    untidy = rules.read_bytes()
    checked = run("--check", "--rulebook", folder)
    assert (checked.exit_code, checked.output) == (
        1,
        f"{rules}: not in the canonical form\nRun `arki-rulebook fmt` to rewrite.\n",
    )
    assert rules.read_bytes() == untidy
    shown = run(rules)
    assert (shown.exit_code, shown.output) == (0, f"{rules}: rewritten\n")
    assert rules.read_bytes() == canonical
    assert run(rules).output == ""


def test_the_command_leaves_a_file_it_cannot_read_and_says_where(tmp_path):
    broken, untidy = tmp_path / "rules.yaml", tmp_path / "texts.yaml"
    broken.write_text("a: 1\nb: [\n")
    untidy.write_text("a:   1\n")
    shown = run(broken, untidy)
    assert shown.exit_code == 2
    assert "rules.yaml:3: error: rules.yaml: cannot be read: a bracket was left open" in shown.output
    assert broken.read_text() == "a: 1\nb: [\n"
    assert untidy.read_text() == "a: 1\n"
    untidy.write_text("? [a]\n: 1\n")
    assert "texts.yaml:1: error: texts.yaml: holds what the canonical form cannot keep" in run(untidy).output
