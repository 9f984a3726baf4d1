"""What Arki says to people: gathered from code and templates, kept in .po files, compiled to .mo. Run by `make words`.

A new word comes into each .po file untranslated, and the tests fail until somebody has translated it. Persona stories are
words too.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).parent.parent
SERVICE: Final = ROOT / "service"
FOLDER: Final = SERVICE / "translations"
LANGUAGES: Final = ("fi", "sv")
_METHODS: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.md", "jinja2")]
_KEYWORDS: Final = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}
_OPTIONS: Final = {"**/templates/**.html": {"trimmed": "true"}, "**/templates/**.md": {"trimmed": "true"}}


def gathered() -> Catalog:
    """Every word of the pages, in English."""
    catalogue = Catalog(project="Arki")
    found = extract_from_dir(SERVICE, _METHODS, _OPTIONS, _KEYWORDS)
    for file, _line, message, _comments, _context in sorted(found, key=lambda entry: (entry[0], entry[1])):
        catalogue.add(message, locations=[(f"service/{file}", 0)])
    for persona in json.loads((SERVICE / "personas.json").read_bytes()):
        catalogue.add(persona["story"], locations=[("fixtures/personas.yaml", 0)])
    return catalogue


def read(language: str) -> Catalog:
    """The words of a language as written."""
    path = po_file(language)
    return (
        read_po(io.BytesIO(path.read_bytes()), locale=language) if path.exists() else Catalog(locale=language)
    )


def po_file(language: str) -> Path:
    """Where a language's words are written."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def updated(language: str) -> Catalog:
    """A language's words with new ones added, empty, and those no longer used left out."""
    written, made = read(language), Catalog(locale=language, project="Arki")
    for message in gathered():
        if message.id:
            known = written.get(message.id)
            made.add(
                message.id,
                known.string if known is not None else None,
                locations=dict.fromkeys(message.locations),
            )
    return made


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
    for language in LANGUAGES:
        made = updated(language)
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_po(made))
        path.with_suffix(".mo").write_bytes(as_mo(read(language)))
        for word in untranslated(made):
            missing += 1
            sys.stdout.write(f"{language}: {word}\n")
    sys.stdout.write(f"{missing} words to translate\n")


if __name__ == "__main__":
    main()
