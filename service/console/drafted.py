"""What was sent, looked at before it is opened, and laid beside the shipped files as a draft. For child processes alone.

A spreadsheet is a zip of XML: it is refused unless it stays small when unpacked and declares no entities. YAML is
bounded by `models.written`. Nothing that was sent names a path.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models import authoring, spreadsheet

LARGEST_UNPACKED: Final = 32 << 20
MOST_PARTS: Final = 200
RULEBOOK_FILES: Final = ("rules.yaml", "guarantees.yaml", "examples.yaml")
CONTENT_FILES: Final = (
    "catalogue.yaml",
    "nudges.yaml",
    "pages.yaml",
    "channels.yaml",
    "texts.yaml",
    "topics.yaml",
)
_TELLING: Final = (
    (re.compile(rb"^(?:person|employer|hit_policy)[ \t]*:", re.MULTILINE), "rules.yaml"),
    (re.compile(rb"^(?:guarantees|promises)[ \t]*:", re.MULTILINE), "guarantees.yaml"),
    (re.compile(rb"^examples[ \t]*:", re.MULTILINE), "examples.yaml"),
    (re.compile(rb"^channels[ \t]*:", re.MULTILINE), "channels.yaml"),
    (re.compile(rb"^segments[ \t]*:", re.MULTILINE), "texts.yaml"),
    (re.compile(rb"^topics[ \t]*:", re.MULTILINE), "topics.yaml"),
)
_DECLARES: Final = (b"<!DOCTYPE", b"<!ENTITY")
_CHUNK: Final = 1 << 16


class DraftError(Exception):
    """What was sent is no draft; `code` says why, `said` holds more where there is more."""

    def __init__(self, code: str, said: str = "") -> None:
        super().__init__(code)
        self.code, self.said = code, said


def place_files(sent: Path, draft: Path, names: Mapping[str, str]) -> list[str]:
    """Copy the shipped rulebook and content to `draft`, and what was sent over them; the names of files replaced.

    Parameters
    ----------
    sent : Path
        Folder of the files as they came, named by number.
    draft : Path
        Folder to make, with `rulebook` and `content` in it.
    names : mapping
        Number to the name the file had.

    Raises
    ------
    DraftError
        If a file is none of a draft, stands twice, or is a spreadsheet that cannot be read.
    """
    shutil.copytree(authoring.RULEBOOK, draft / "rulebook", ignore=shutil.ignore_patterns("*.md"))
    shutil.copytree(authoring.CONTENT, draft / "content", ignore=shutil.ignore_patterns("*.md"))
    placed: list[str] = []
    for number, name in names.items():
        file = sent / number
        with file.open("rb") as stream:
            is_zip = stream.read(4) == b"PK\x03\x04"
        place = "rules.yaml" if is_zip else _place(name, file.read_bytes())
        if place in placed:
            raise DraftError("twice", place)
        if is_zip:
            _bring_in(file, draft / "rulebook")
        else:
            shutil.copy(file, draft / ("rulebook" if place in RULEBOOK_FILES else "content") / place)
        placed.append(place)
    return placed


def look_into(table: Path) -> None:
    """Unpack a spreadsheet to nowhere, counting. Raises `DraftError` where it is not what an honest one is."""
    unpacked = 0
    try:
        with zipfile.ZipFile(table) as book:
            if len(book.infolist()) > MOST_PARTS:
                raise DraftError("sheet_parts")
            for part in book.infolist():
                before = b""
                with book.open(part) as stream:
                    while chunk := stream.read(_CHUNK):
                        unpacked += len(chunk)
                        if unpacked > LARGEST_UNPACKED:
                            raise DraftError("sheet_unpacks")
                        if any(word in (before + chunk).upper() for word in _DECLARES):
                            raise DraftError("sheet_declares")
                        before = chunk[-16:]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise DraftError("sheet_unreadable", type(error).__name__) from error


def _place(name: str, content: bytes) -> str:
    """Which of the team's files this is: by its name, else by what stands at the left edge."""
    plain = name.rpartition("/")[2].rpartition("\\")[2].lower()
    if plain in {*RULEBOOK_FILES, *CONTENT_FILES}:
        return plain
    found = next((place for pattern, place in _TELLING if pattern.search(content)), None)
    if found is None:
        raise DraftError("unknown_file", plain[:60])
    return found


def _bring_in(table: Path, rulebook: Path) -> None:
    look_into(table)
    book = table.with_name("table.xlsx")  # openpyxl goes by the name
    table.rename(book)
    try:
        spreadsheet.import_(book, rulebook)
    except spreadsheet.SheetError as error:
        raise DraftError("sheet", str(error).replace(str(book), book.name)) from error
