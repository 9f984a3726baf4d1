"""What Arki says to people: gathered from code and templates, kept in .po files, compiled to .mo. Run by `make words`.

There are two catalogues: the pages of the service, and the findings that `models.authoring` tells the content team.

A new word comes into each .po file untranslated, and the tests fail until somebody has translated it. Persona stories are
words too.
"""

from __future__ import annotations

import io
import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from models.authoring import messages

ROOT: Final = Path(__file__).parent.parent
SERVICE: Final = ROOT / "service"
LANGUAGES: Final = ("fi", "sv")
_METHODS: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.md", "jinja2")]
_KEYWORDS: Final = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS: Final = {"**/templates/**.html": {"trimmed": "true"}, "**/templates/**.md": {"trimmed": "true"}}


@dataclass(frozen=True)
class Words:
    """The words of one home: where its .po and .mo files are, and what gathers its words in English."""

    folder: Path
    gather: Callable[[], Catalog]

    def po_file(self, language: str) -> Path:
        """Where a language's words are written."""
        return self.folder / language / "LC_MESSAGES" / "messages.po"

    def read(self, language: str) -> Catalog:
        """The words of a language as written."""
        path = self.po_file(language)
        if not path.exists():
            return Catalog(locale=language)
        return read_po(io.BytesIO(path.read_bytes()), locale=language)

    def updated(self, language: str) -> Catalog:
        """A language's words with new ones added, empty, and those no longer used left out."""
        written, catalogue = self.read(language), Catalog(locale=language, project="Arki")
        for message in self.gather():
            if message.id:
                known = written.get(message.id, message.context)
                catalogue.add(
                    message.id,
                    known.string if known is not None else None,
                    locations=dict.fromkeys(message.locations),
                    context=message.context,
                )
        return catalogue


def page_words() -> Catalog:
    """Every word of the pages, in English."""
    catalogue = Catalog(project="Arki")
    texts = extract_from_dir(SERVICE, _METHODS, _OPTIONS, _KEYWORDS)
    for file, _line, message, _comments, _context in sorted(texts, key=lambda entry: (entry[0], entry[1])):
        catalogue.add(message, locations=[(f"service/{file}", 0)])
    for persona in json.loads((SERVICE / "personas.json").read_bytes()):
        catalogue.add(persona["story"], locations=[("fixtures/personas.yaml", 0)])
    return catalogue


def finding_words() -> Catalog:
    """Every text of `models.authoring.messages`, under its code."""
    catalogue = Catalog(project="Arki")
    for code, text in messages.texts():
        catalogue.add(text, context=code, locations=[("models/authoring/messages.py", 0)])
    return catalogue


PAGES: Final = Words(SERVICE / "translations", page_words)
FINDINGS: Final = Words(messages.TRANSLATIONS, finding_words)


def untranslated(catalogue: Catalog) -> list[str]:
    """Words that have no translation."""
    found = []
    for message in catalogue:
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not all(strings):
            found.append(str(message.id))
    return found


def as_po(catalogue: Catalog) -> bytes:
    """A .po file."""
    text = io.BytesIO()
    write_po(
        text, catalogue, width=0, omit_header=True, no_location=False, sort_output=False, include_lineno=False
    )
    header = f'msgid ""\nmsgstr ""\n"Language: {catalogue.locale}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    header += f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    return header.encode() + text.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """The compiled words; the same words give the same bytes."""
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 11, 21, tzinfo=UTC)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def main() -> None:
    """Write every .po and .mo; say what is untranslated."""
    missing = 0
    for words, language in itertools.product((PAGES, FINDINGS), LANGUAGES):
        catalogue, path = words.updated(language), words.po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(catalogue))
        path.with_suffix(".mo").write_bytes(as_mo(words.read(language)))
        for word in untranslated(catalogue):
            missing += 1
            sys.stdout.write(f"{language}: {word}\n")
    sys.stdout.write(f"{missing} words to translate\n")


if __name__ == "__main__":
    main()
