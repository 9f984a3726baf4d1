"""What was sent, laid over the files of the bundle in use as a draft. For child processes alone.

A spreadsheet is bounded by `models.authoring.sheet_files`, YAML by `models.authoring.yaml_source`, both before anything is opened. Nothing that was
sent names a path.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.authoring import loader, spreadsheet, yaml_source
from models.authoring.loader import CAMPAIGNS, CONTENT_FILES, ITEM_FILES, RULEBOOK_FILES, VOCABULARY_FILES
from models.decision import bundle

_PARTS: Final = {
    "rulebook": (loader.RULEBOOK, (*RULEBOOK_FILES, CAMPAIGNS)),
    "content": (loader.CONTENT, CONTENT_FILES),
    "vocabulary": (loader.VOCABULARY, VOCABULARY_FILES),
}
"""Folder of a draft, where the installed files are, and their names."""
_FOLDER_OF: Final = {name: part for part, (_, names) in _PARTS.items() for name in names}
_TELLING: Final = (
    (re.compile(rb"^(?:person|employer|hit_policy)[ \t]*:", re.MULTILINE), "rules.yaml"),
    (re.compile(rb"^(?:guarantees|promises)[ \t]*:", re.MULTILINE), "guarantees.yaml"),
    (re.compile(rb"^examples[ \t]*:", re.MULTILINE), "examples.yaml"),
    (re.compile(rb"^channels[ \t]*:", re.MULTILINE), "channels.yaml"),
    (re.compile(rb"^notice[ \t]*:", re.MULTILINE), "texts.yaml"),
    (re.compile(rb"^segments[ \t]*:", re.MULTILINE), "segments.yaml"),
    (re.compile(rb"^groups[ \t]*:", re.MULTILINE), "groups.yaml"),
    (re.compile(rb"^(?:benefits|claim_kinds)[ \t]*:", re.MULTILINE), "benefits.yaml"),
    (re.compile(rb"^life_events[ \t]*:", re.MULTILINE), "life_events.yaml"),
    (re.compile(rb"^content_types[ \t]*:", re.MULTILINE), "content_types.yaml"),
    (re.compile(rb"^languages[ \t]*:", re.MULTILINE), "languages.yaml"),
    (re.compile(rb"^topics[ \t]*:", re.MULTILINE), "topics.yaml"),
    (re.compile(rb"^campaigns[ \t]*:", re.MULTILINE), CAMPAIGNS),
    (re.compile(rb"^version[ \t]*:", re.MULTILINE), "version.yaml"),
)


class UnreadableDraftError(Exception):
    """What was sent is no draft; `code` says why, `said` holds more where there is more.

    `finding` is what is wrong in a spreadsheet, to be told in the reader's language.
    """

    def __init__(self, code: str, said: str = "", finding: spreadsheet.SheetError | None = None) -> None:
        super().__init__(code)
        self.code, self.said, self.finding = code, said, finding


@dataclass(frozen=True, slots=True)
class Base:
    """What a draft is laid over: the bundle in use, and the text of each of the team's files by name.

    Attributes
    ----------
    is_in_use : bool
        False where the bundle was made before bundles kept all of their texts: these are then the installed ones.
    """

    digest: str
    texts: Mapping[str, str]
    is_in_use: bool

    def lay(self, draft: Path) -> None:
        """Write the files to `draft`, with `rulebook`, `content` and `vocabulary` in it."""
        for part in _PARTS:
            (draft / part).mkdir(parents=True)
        for name, text in self.texts.items():
            place_of(draft, name).write_bytes(text.encode())


def place_of(draft: Path, name: str) -> Path:
    """Where one of the team's files is in the folder of a draft."""
    return draft / _FOLDER_OF[name] / name


def base_in_use(bundles: Path) -> Base:
    """The files of the bundle in use. Raises `UnreadableDraftError` where there is none or it is damaged."""
    digest = bundle.current(bundles)
    if digest is None:
        raise UnreadableDraftError("no_bundle")
    try:
        texts = bundle.sources(bundles, digest)
    except bundle.BundleError as error:
        raise UnreadableDraftError("damaged_bundle", str(error)) from error
    if texts.keys() >= _FOLDER_OF.keys() - {CAMPAIGNS}:
        return Base(
            digest, {name: text for name, text in texts.items() if name in _FOLDER_OF}, is_in_use=True
        )
    installed = {
        name: (folder / name).read_bytes().decode() for folder, names in _PARTS.values() for name in names
    }
    return Base(digest, installed, is_in_use=False)


def place_files(
    sent: Path, draft: Path, names: Mapping[str, str], base: Base
) -> tuple[list[str], dict[str, str]]:
    """Write the files of the base to `draft`, and what was sent over them.

    Parameters
    ----------
    sent : Path
        Folder of the files as they came, named by number.
    draft : Path
        Folder to make, with `rulebook`, `content` and `vocabulary` in it.
    names : mapping
        Number to the name the file had.
    base : Base
        Where what was left out comes from.

    Returns
    -------
    list of str
        The names of the files replaced.
    dict
        The cell of each rule by its id, where a spreadsheet was sent.

    Raises
    ------
    UnreadableDraftError
        If a file is none of a draft, stands twice, or is a spreadsheet that cannot be read.
    """
    base.lay(draft)
    placed: list[str] = []
    cells: dict[str, str] = {}
    for number, name in names.items():
        file = sent / number
        with file.open("rb") as stream:
            is_zip = stream.read(4) == b"PK\x03\x04"
        place = "rules.yaml" if is_zip else _place(name, file.read_bytes())
        if place in placed:
            raise UnreadableDraftError("twice", place)
        if is_zip:
            cells = _bring_in(file, draft / "rulebook")
        else:
            shutil.copy(file, place_of(draft, place))
        placed.append(place)
    return placed, cells


def item_files(base: Base, draft: Path, placed: list[str]) -> dict[str, str]:
    """The file of each item, of the base and of a draft, among the files that were sent."""
    file_of: dict[str, str] = {}
    for name in ITEM_FILES:
        if name in placed:
            for text in (base.texts[name], place_of(draft, name).read_bytes().decode()):
                file_of |= {item["id"]: name for item in yaml_source.loads(text).get("items", ())}
    return file_of


def _place(name: str, content: bytes) -> str:
    """Which of the team's files this is: by its name, else by what stands at the left edge."""
    plain = name.rpartition("/")[2].rpartition("\\")[2].lower()
    if plain in _FOLDER_OF:
        return plain
    recognised = next((place for pattern, place in _TELLING if pattern.search(content)), None)
    if recognised is None:
        raise UnreadableDraftError("unknown_file", plain[:60])
    return recognised


def _bring_in(table: Path, rulebook: Path) -> dict[str, str]:
    try:
        read = spreadsheet.read(table, loader.facts_beside(rulebook).facts)
        spreadsheet.bring_in(read, rulebook)
    except spreadsheet.SheetError as error:
        raise UnreadableDraftError("sheet", str(error), error) from error
    return dict(read.cells)
