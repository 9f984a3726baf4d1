"""The rules of a workbook's sheets, read as people leave them: tidied where that is safe, else refused with sheet and cell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from models.authoring import rule_edits, yaml_source
from models.authoring.loader import LONGEST_ID, is_id
from models.authoring.rule_edits import Row
from models.authoring.sheet_files import Cell, Line, SheetError
from models.contract.codes import CUSTOMER_TYPES, PERSON, UNKNOWN, CustomerType
from models.decision.fact_set import FactSet
from models.decision.facts import SEGMENT

SEVERAL: Final = "several"
"""The sheet of rules for several segments, or none."""
OUTCOMES: Final = ("channel", "content", "topic", "human_channel")
_TAIL: Final = ("owner", "source", "valid_from", "valid_until", "experiment")
_ERRORS: Final = {"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!"}
_ESCAPED: Final = re.compile(r"_x00(0[0-9A-Fa-f]|1[0-9A-Fa-f]|7[Ff])_")  # how .xlsx writes what XML cannot
_FINNISH_DAY: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_TEXTS: Final = (*_TAIL, "order")
_BECAUSE: Final = "because_"


def sheets_of(facts: FactSet) -> dict[str, CustomerType]:
    """The sheets of a workbook, in order, each with the customers whose rules it holds."""
    segments = [value for value in facts.fact(PERSON, SEGMENT).values if value != UNKNOWN]
    persons = (SEVERAL, *segments, UNKNOWN)
    known = [term for term in facts.vocabulary.segments.values() if term.origin == "known"]
    return {**dict.fromkeys(persons, PERSON), **{term.code: term.customer_type for term in known}}


def columns_of(customer_type: CustomerType, facts: FactSet) -> tuple[str, ...]:
    """The columns of a sheet, in order."""
    names = tuple(fact.name for fact in facts.of[customer_type])
    because = tuple(f"{_BECAUSE}{language}" for language in facts.vocabulary.complete_languages)
    return ("order", "id", *names, *OUTCOMES, *because, *_TAIL)


def read_rows(
    sheets: Mapping[str, list[Line]], facts: FactSet
) -> tuple[dict[CustomerType, list[Row]], dict[str, str]]:
    """The rules of each customer type in the order their numbers say, and the cell of each by its id.

    Raises
    ------
    SheetError
        If a sheet or column is missing, or a cell holds what no rule does.
    """
    rows: dict[CustomerType, list[Row]] = {}
    cells: dict[str, str] = {}
    names = sheets_of(facts)
    for kind in CUSTOMER_TYPES:
        places: dict[float, tuple[str, Row]] = {}
        for name, of_kind in names.items():
            if of_kind == kind:
                for at, order, row in _read_sheet(name, sheets.get(name), kind, facts):
                    if row["id"] in cells:
                        raise SheetError("sheet_id_taken", value=row["id"], cell=at, other=cells[row["id"]])
                    if order in places:
                        raise SheetError(
                            "sheet_same_order", value=f"{order:g}", cell=at, other=places[order][0]
                        )
                    cells[row["id"]], places[order] = at, (at, row)
        rows[kind] = [places[order][1] for order in sorted(places)]
    return rows, cells


def tidy(column: str, text: str) -> str:
    """A cell's text without what makes no difference: spaces around it, and in a list of codes around each."""
    if not _is_code(column):
        return text.strip()
    return ", ".join(value for part in text.split(",") if (value := " ".join(part.split())))


def _is_code(column: str) -> bool:
    """Whether a column holds an id or codes, not a text, a day or a number."""
    return column not in _TEXTS and not column.startswith(_BECAUSE)


def _read_sheet(
    name: str, rows: list[Line] | None, kind: CustomerType, facts: FactSet
) -> Iterator[tuple[str, float, Row]]:
    """The cell of each rule's id, its place and its row."""
    if not rows:
        raise SheetError("sheet_missing", sheet=name, sheets=", ".join(sheets_of(facts)))
    header = _read_header(name, rows[0], kind, facts)
    for line in rows[1:]:
        texts = {column: _text(line.cell(at), column) for column, at in header.items()}
        row = {column: text for column, text in texts.items() if column != "order" and text}
        if row:
            place = line.cell(header["id"]).place
            _check_id(row.get("id"), place)
            if "experiment" in row and rule_edits.read_experiment(row["experiment"]) is None:
                raise SheetError("sheet_experiment", cell=line.cell(header["experiment"]).place)
            yield place, _order(texts["order"], line.cell(header["order"]).place), row


def _read_header(name: str, line: Line, kind: CustomerType, facts: FactSet) -> dict[str, int]:
    """Where each column stands. A table that was made before there was some group has no column of it."""
    header: dict[str, int] = {}
    for at, cell in line.cells.items():
        title = str(cell.value).strip()
        if title in columns_of(kind, facts):
            if title in header:
                raise SheetError("sheet_twice", value=title, cell=cell.place)
            header[title] = at
    groups = {fact.name for fact in facts.of[kind] if fact.is_group}
    for title in columns_of(kind, facts):
        if title not in header and title not in groups:
            raise SheetError("sheet_columns", value=title, sheet=name)
    return header


def _text(cell: Cell, column: str) -> str:
    """A cell as text: yes and no survive programs that turn them into truth values, days those that make dates."""
    if cell.value is None:
        return ""
    if cell.kind == "f":
        raise SheetError("sheet_formula", cell=cell.place)
    text = str(cell.value.date().isoformat()) if hasattr(cell.value, "date") else _word(cell.value)
    if cell.kind == "e" or text.strip() in _ERRORS:
        raise SheetError("sheet_error", cell=cell.place, value=text.strip())
    text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).replace("\r\n", "\n")
    _check_signs(text, column, cell.place)
    text = tidy(column, text)
    day = _FINNISH_DAY.fullmatch(text) if column.startswith("valid_") else None
    return f"{day[3]}-{int(day[2]):02}-{int(day[1]):02}" if day else text


def _word(value: object) -> str:
    return yaml_source.word(yaml_source.plain(value))


def _check_signs(text: str, column: str, place: str) -> None:
    """Refuse what cannot be seen or printed, and in codes what parts several values but is no comma."""
    is_code = _is_code(column)
    for sign in text.strip():
        category = unicodedata.category(sign)
        if (category == "Cc" and sign not in "\n\t") or (is_code and category in {"Cf", "Co", "Cn"}):
            raise SheetError("sheet_sign", cell=place, value=yaml_source.visible(sign))
    if is_code and column != "id" and re.search(r"[;\n\t|]", text.strip()):
        raise SheetError("sheet_separator", cell=place, value=" ".join(text.split()))


def _check_id(name: str | None, place: str) -> None:
    if name is None:
        raise SheetError("sheet_no_id", cell=place)
    if not is_id(name):
        raise SheetError("sheet_id", cell=place, limit=LONGEST_ID)


def _order(text: str, place: str) -> float:
    """A place as a number; one typed with a comma or kept as text is one too."""
    if not re.fullmatch(r"-?\d{1,9}([.,]\d{1,9})?", text):
        raise SheetError("sheet_order", cell=place)
    return float(text.replace(",", "."))
