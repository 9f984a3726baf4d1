"""Opens a workbook that anybody may have sent or saved: looked into before it is opened, then read cell by cell.

An .xlsx is a zip of XML. It is refused unless it is one, stays small when unpacked, declares no entities in whatever
encoding, and merges no cells; reading it then takes a bounded time. What is wrong is told with sheet and cell.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from models.authoring.findings import phrase, told
from models.authoring.messages import TeamLanguage, said

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

LARGEST_UNPACKED: Final = 32 << 20
MOST_PARTS: Final = 200
MOST_CELLS: Final = 100_000  # of a sheet, rows counted too; the shipped table has 1,200
MOST_COLUMNS: Final = 100
LAST_ROW: Final = 1 << 20
CHUNK: Final = 1 << 16
_OVERLAP: Final = 80
_DECLARES: Final = (b"<!DOCTYPE", b"<!ENTITY")
_CELL: Final = re.compile(rb"<(?:\w+:)?(?:c|row)(?=[ >/])")
_PLACE: Final = re.compile(rb"<(?:\w+:)?c (?:[^<>]{0,200}? )?r=\"([A-Z]{1,3}[0-9]{1,7})\"")
_MERGED: Final = re.compile(rb"<(?:\w+:)?mergeCell (?:[^<>]{0,200}? )?ref=\"([A-Z0-9:]{1,30})\"")
_DEFINITIONS: Final = re.compile(rb"<(?:\w+:)?definitions\b")
_BY_NAME: Final = {
    ".dmn": "a_dmn",
    ".yaml": "a_yaml",
    ".yml": "a_yaml",
    ".csv": "a_csv",
    ".tsv": "a_csv",
    ".txt": "another_file",
}


class SheetError(ValueError):
    """A table that cannot be written or read; told in the team's languages from a code of `messages` and names.

    `where` is the file, where that is not the table itself.
    """

    def __init__(self, code: str, *, where: str = "", **names: object) -> None:
        self.code, self.where, self.names = code, where, names
        super().__init__(self.told("en"))

    def told(self, language: TeamLanguage) -> str:
        """What was found and what to do."""
        subject = f"{self.where}: " if self.where else "The table " if language == "en" else ""
        message, remedy = (told(part, self.names, language) for part in said(self.code, language))
        return f"{subject}{message} {remedy}"


class Cell(NamedTuple):
    """A cell: where it stands, as `steady!B4`, what it holds, and whether that is a formula or an error."""

    place: str
    value: object
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a sheet, from 1; its cells by column, from 0, without those that are empty."""

    sheet: str
    number: int
    cells: Mapping[int, Cell]

    def cell(self, column: int) -> Cell:
        """The cell of a column, empty or not."""
        return self.cells.get(column) or Cell(_place(self.sheet, column, self.number), None, "n")


@dataclass(slots=True)
class _Part:
    """What was seen of a part while it was unpacked to nowhere."""

    cells: int = 0
    last: str = ""
    merged: str = ""


def read_workbook(table: Path, names: Iterable[str]) -> dict[str, list[Line]]:
    """The rows of some sheets that hold anything, by sheet; a sheet that is not there is left out.

    Raises
    ------
    SheetError
        If the file is no .xlsx, is damaged, or holds what no table of rules does.
    """
    from openpyxl import load_workbook  # noqa: PLC0415  (in the command's process only)

    parts = look_into(table)
    sheets = {}
    try:
        with table.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions that it leaves out
            book = load_workbook(stream, read_only=True)
            for name in names:
                if name in book.sheetnames:
                    sheet = book[name]
                    _bound(name, parts.get(sheet._worksheet_path, _Part()))  # noqa: SLF001  (said nowhere else)
                    sheets[name] = list(_rows(sheet))
    except (SheetError, MemoryError):
        raise
    except Exception as error:  # a damaged part raises whatever openpyxl, zipfile or expat does
        raise SheetError("sheet_unreadable") from error
    return sheets


def look_into(table: Path) -> dict[str, _Part]:
    """Unpack a spreadsheet to nowhere, counting. Raises `SheetError` where it is not what an honest one is."""
    _be_xlsx(table)
    try:
        return _unpacked(table)
    except (SheetError, MemoryError):
        raise
    except Exception as error:  # what is packed may be damaged in any way
        raise SheetError("sheet_unreadable") from error


def _unpacked(table: Path) -> dict[str, _Part]:
    parts: dict[str, _Part] = {}
    unpacked = 0
    with zipfile.ZipFile(table) as book:
        if len(book.infolist()) > MOST_PARTS:
            raise SheetError("sheet_parts", limit=MOST_PARTS)
        for part in book.infolist():
            parts[part.filename] = content = _Part()
            before = b""
            with book.open(part) as stream:
                while chunk := stream.read(CHUNK):
                    unpacked += len(chunk)
                    if unpacked > LARGEST_UNPACKED:
                        raise SheetError("sheet_unpacks", limit=LARGEST_UNPACKED >> 20)
                    before = _look_at(content, before, chunk)
    return parts


def _look_at(part: _Part, before: bytes, chunk: bytes) -> bytes:
    """Count what a chunk holds; the end of it, to be looked at with the next."""
    plain = chunk.replace(b"\0", b"")  # UTF-16 and UTF-32 write ASCII with zeros between
    text = before + plain
    if any(word in text.upper() for word in _DECLARES):
        raise SheetError("sheet_declares")
    part.cells += len(_CELL.findall(text)) - len(_CELL.findall(before))
    places = _PLACE.findall(text)
    part.last = places[-1].decode() if places else part.last
    merged = _MERGED.search(text)
    part.merged = part.merged or (merged[1].decode() if merged else "")
    return text[-_OVERLAP:]


def _be_xlsx(table: Path) -> None:
    """Raise `SheetError` with what a file is, where it is no .xlsx."""
    if not table.exists():
        raise SheetError("no_file")
    if table.is_dir():
        raise SheetError("no_table", what=phrase("a_folder"))
    try:
        with table.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise SheetError("not_opened", problem=error.strerror) from error
    if not head.startswith(b"PK\x03\x04"):
        raise SheetError("no_table", what=phrase(_kind_of(table, head)))
    try:
        with zipfile.ZipFile(table) as book:
            kind = _kind_of_zip(book.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise SheetError("sheet_unreadable") from error
    if kind:
        raise SheetError("no_table", what=phrase(kind))


def _kind_of_zip(names: list[str]) -> str:
    """What a zip is, by the names in it; empty for an .xlsx."""
    if "[Content_Types].xml" not in names:
        return "an_ods" if "content.xml" in names else "another_zip"
    if "xl/workbook.bin" in names:
        return "an_xlsb"
    return "another_zip" if any(name.startswith(("word/", "ppt/")) for name in names) else ""


def _kind_of(table: Path, head: bytes) -> str:
    """What a file is that is no zip."""
    if not head:
        return "an_empty_file"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return "an_xls"
    if head.startswith(b"%PDF"):
        return "a_pdf"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return "a_dmn" if _DEFINITIONS.search(head) else "an_xml"
    return _BY_NAME.get(table.suffix.lower(), "another_file")


def _bound(sheet: str, part: _Part) -> None:
    if part.cells > MOST_CELLS:
        raise SheetError("sheet_cells", cell=f"{sheet}!{part.last}", limit=MOST_CELLS)
    if part.merged:
        raise SheetError("sheet_merged", cell=f"{sheet}!{part.merged}")


def _rows(sheet: ReadOnlyWorksheet) -> Iterator[Line]:
    """The rows of a sheet that hold anything, up to the last column that a table may use."""
    sheet.reset_dimensions()  # some programs write none, or a wrong one
    empty = None
    for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS), start=1):
        if number > LAST_ROW:
            raise SheetError("sheet_unreadable")
        if cells is empty:  # openpyxl gives one object for all rows that are not written
            continue
        filled = {
            at: Cell(_place(sheet.title, at, number), cell.value, cell.data_type)
            for at, cell in enumerate(cells)
            if cell.value is not None
        }
        if filled:
            yield Line(sheet.title, number, filled)
        else:
            empty = cells


def _place(sheet: str, column: int, number: int) -> str:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    return f"{sheet}!{get_column_letter(column + 1)}{number}"
