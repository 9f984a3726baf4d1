"""No literal of a code that the content team owns: `python -m testing.codes` prints each in `models` and `service`, and exits 1.

The vocabulary of the bundle says which segments, groups, channels, benefits, events, kinds of content, languages and topics
there are. A string in the code that equals one of them would go on naming it after the team has renamed it.
`models.contract` is left out: it reads the vocabulary, and knows what bundles were before they had one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from models.authoring.succession import codes_of
from models.contract.vocabulary import Vocabulary
from testing.shipped import VOCABULARY

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("models", "service")
LEFT_OUT: Final = Path("models/contract")


class Literal(NamedTuple):
    """A string that equals a code: its file, its line, and what the vocabulary has under that code."""

    path: str
    line: int
    code: str
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code!r} is a code ({', '.join(self.kinds)})"


class Exempt(NamedTuple):
    """Strings of a file, or of every file under a folder, that are codes by chance alone."""

    path: str
    codes: frozenset[str]
    reason: str

    def covers(self, literal: Literal) -> bool:
        """Whether a literal is one of them."""
        return literal.code in self.codes and Path(literal.path).is_relative_to(self.path)


_SPOKEN: Final = frozenset({"fi", "sv", "en"})
EXEMPT: Final = (
    Exempt("service/api/requests.py", _SPOKEN, "languages that Arki's own pages are translated into"),
    Exempt("models/cli", _SPOKEN, "languages in which commands speak to the team"),
    Exempt(
        "models/cli/rulebook.py", frozenset({"employers"}), "what a count is of; the topic is another thing"
    ),
    Exempt("models/authoring/messages.py", _SPOKEN, "languages in which findings are told to the team"),
    Exempt("models/authoring/findings.py", frozenset({"en"}), "the language that findings are written in"),
    Exempt("models/authoring/sheet_files.py", frozenset({"en"}), "the language that findings are written in"),
    Exempt("models/authoring/wording.py", _SPOKEN, "languages for which forbidden wordings are known"),
    Exempt("models/authoring/phrases.py", frozenset({"employer"}), "the English word for a customer type"),
    Exempt("models/authoring/canonical_yaml.py", frozenset({"x"}), "a sign that stands for any other"),
    Exempt("models/decision/fact_set.py", frozenset({"en"}), "the language in which facts are explained"),
    Exempt("service/console/auth.py", frozenset({"form"}), "a part of the names of cookies"),
    Exempt(
        "service/console/labels.py",
        frozenset({"easy_language"}),
        "a signal and a fact; the topic is another thing",
    ),
    Exempt(
        "models/decision/facts.py",
        frozenset({"easy_language"}),
        "a signal and a fact; the topic is another thing",
    ),
)


def judged(vocabulary: Vocabulary = VOCABULARY) -> tuple[list[Literal], list[Exempt]]:
    """Every literal of a code that is not exempt, by file and line; and the exemptions that nothing needs any more."""
    every = list(_all(codes_by_kind(vocabulary)))
    literals = [one for one in every if not any(exempt.covers(one) for exempt in EXEMPT)]
    return literals, [exempt for exempt in EXEMPT if not any(exempt.covers(one) for one in every)]


def codes_by_kind(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Every code, with what the vocabulary has under it."""
    kinds: dict[str, tuple[str, ...]] = {}
    for kind, code in sorted(codes_of(vocabulary)):
        kinds[code] = (*kinds.get(code, ()), kind)
    return kinds


def literals_in(source: str, codes: dict[str, tuple[str, ...]], path: str = "") -> list[Literal]:
    """The literals of codes in the text of a module, by line; strings that stand alone are documentation."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    literals = [
        Literal(path, node.lineno, node.value, codes[node.value])
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node.value in codes and id(node) not in documentation
    ]
    return sorted(literals)


def _all(codes: dict[str, tuple[str, ...]]) -> Iterator[Literal]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT)
            if not path.is_relative_to(LEFT_OUT):
                yield from literals_in(file.read_text(encoding="utf-8"), codes, path.as_posix())


def main() -> int:
    """Print each literal, and each exemption that nothing needs; 1 where there is any."""
    listed, needless = judged()
    for literal in listed:
        sys.stdout.write(f"{literal}\n")
    for exempt in needless:
        sys.stdout.write(
            f"{exempt.path}: no literal needs the exemption of {', '.join(sorted(exempt.codes))}\n"
        )
    sys.stdout.write(f"{len(listed)} literals of codes\n")
    return 1 if listed or needless else 0


if __name__ == "__main__":
    sys.exit(main())
