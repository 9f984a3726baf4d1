"""The rules as a spreadsheet, and the edits of one brought back into the YAML.

`export` writes a sheet for each segment, one for rules of several or none, and one for employers. `bring_in` compares each
row with the rule it came from and edits only what differs, so that comments, order and every rule that was not edited
stay. A hidden sheet says which rules a table was made from: where others have changed them since, nothing is brought in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.authoring import canonical_yaml, rule_edits, sheet_rows, yaml_source
from models.authoring.edits import to_move
from models.authoring.findings import Authored, Phrase, phrase
from models.authoring.loader import RULE_FIELDS, facts_beside
from models.authoring.rule_edits import Row
from models.authoring.sheet_files import Line, SheetError, read_workbook
from models.authoring.sheet_rows import OUTCOMES, SEVERAL, columns_of, sheets_of
from models.contract.codes import CUSTOMER_TYPES, PERSON, CustomerType
from models.decision.decision_table import STATED_TOPIC
from models.decision.fact_set import FactSet
from models.decision.facts import SEGMENT

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["SheetError", "SheetTable", "bring_in", "columns_of", "export", "import_", "read", "sheets_of"]
_LISTS: Final = "lists"
_BASE: Final = "made_from"
_MOST_NAMES: Final = 20
_WIDE: Final = {
    "source": 40,
    "id": 32,
    "content": 34,
    "experiment": 50,
}
_REFORMATTED: Final = (
    "rules.yaml: written in the canonical form of `arki-rulebook fmt`, which it did not have"
)
_EMPTY_ROWS: Final = 50  # rows below the rules in which drop-downs work too
_HELP: Final = (
    "Rows decide from the top: `order` says where a rule stands among all rules of its customers; 12.5 comes between 12 "
    "and 13. Several values in one cell are parted by commas; an empty condition means any. Delete a row to remove its rule."
)


@dataclass(frozen=True, slots=True)
class _Written:
    """rules.yaml as text and as rows, in order."""

    text: str
    rows: Mapping[CustomerType, list[Row]]


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A spreadsheet as read.

    Attributes
    ----------
    rows : mapping
        The rules of each customer type, in the order the table says.
    cells : mapping
        Where each rule stands, as `steady!B4`, by its id.
    base : dict or None
        The digest of each rule that the table was made from, in order; None where it does not say.
    """

    rows: Mapping[CustomerType, list[Row]]
    cells: Mapping[str, str]
    base: dict[str, str] | None


def export(folder: Path, table: Path) -> int:
    """Write the rules of a folder to an .xlsx; the number of rules written.

    Its sheets, columns and drop-downs are those of the vocabulary beside the folder, else of the shipped one.

    Raises
    ------
    SheetError
        If the rules or the vocabulary cannot be read, or the table cannot be written.
    """
    from openpyxl import Workbook  # noqa: PLC0415  (in the command's process only)

    current, facts = _read_rules(folder), _facts_of(folder)
    book = Workbook()
    lists = _write_lists(book, facts)
    book.remove(book.worksheets[0])
    sheets = sheets_of(facts)
    for name, kind in sheets.items():
        rows = [
            (at, row)
            for at, row in enumerate(current.rows[kind], start=1)
            if _sheet_of(kind, row, sheets) == name
        ]
        sheet = book.create_sheet(name, len(book.worksheets) - 1)
        _write_sheet(sheet, kind, columns_of(kind, facts), rows, lists)
    _write_base(book, _digests(current.rows))
    book.active = 0
    try:
        book.save(table)
    except OSError as error:
        raise SheetError("not_opened", where=str(table), problem=error.strerror) from error
    return sum(map(len, current.rows.values()))


def read(table: Path, facts: FactSet) -> SheetTable:
    """A spreadsheet, whoever saved it last. Raises `SheetError` where it holds what no table of such rules does."""
    sheets = read_workbook(table, (*sheets_of(facts), _BASE))
    rows, cells = sheet_rows.read_rows(sheets, facts)
    return SheetTable(rows, cells, _read_base(sheets.get(_BASE, [])))


def bring_in(table: SheetTable, folder: Path, *, write: bool = True) -> list[str]:
    """Bring the edits of a table into the `rules.yaml` of a folder; what changed, one sentence each.

    Raises
    ------
    SheetError
        If the table was made from other rules than the folder now holds, or does not say from which. Nothing is written.
    """
    current, facts = _read_rules(folder), _facts_of(folder)
    now = _digests(current.rows)
    if table.base is None:
        raise SheetError("sheet_no_base")
    if table.rows == current.rows:
        return []
    if list(table.base.items()) != list(now.items()):
        raise SheetError("sheet_stale", changes=_changes(table.base, now))
    text = current.text
    changed: list[str] = []
    try:
        for kind in CUSTOMER_TYPES:
            text, of_kind = rule_edits.merge(text, kind, current.rows[kind], table.rows[kind], facts)
            changed += of_kind
        if canonical_yaml.formatted(current.text) != current.text:
            changed.append(_REFORMATTED)
    except yaml_source.RefusedError as error:
        raise SheetError(error.code, where=f"rules.yaml:{error.line}") from error
    if write and changed:
        ends = "\r\n" if "\r\n" in current.text else "\n"
        canonical_yaml.replace(folder / "rules.yaml", text.replace("\n", ends))
    return changed


def import_(table: Path, folder: Path, *, write: bool = True) -> list[str]:
    """Read a spreadsheet and bring its edits in. Raises `SheetError`."""
    return bring_in(read(table, _facts_of(folder)), folder, write=write)


def _facts_of(folder: Path) -> FactSet:
    """The facts of the vocabulary that goes with a folder of rules. Raises `SheetError` where it cannot be read."""
    authored = facts_beside(folder)
    for fault in authored.errors:
        raise SheetError(fault.code, where=f"{fault.file}:{fault.line}", **fault.names)
    return authored.facts


def _digests(rows: Mapping[CustomerType, list[Row]]) -> dict[str, str]:
    """The digest of each rule by its customer type and id, in order: together they name a table of rules."""
    return {
        f"{kind} {row['id']}": hashlib.sha256(json.dumps(sorted(row.items())).encode()).hexdigest()[:16]
        for kind in CUSTOMER_TYPES
        for row in rows[kind]
    }


def _digest(base: Mapping[str, str]) -> str:
    """The digest of a table of rules."""
    return hashlib.sha256("".join(f"{name} {mark}\n" for name, mark in base.items()).encode()).hexdigest()


def _read_base(rows: list[Line]) -> dict[str, str] | None:
    """What the hidden sheet says; None where it says nothing or is damaged."""
    texts = [(str(row.cell(0).value), str(row.cell(1).value)) for row in rows]
    if not texts:
        return None
    (_, digest), *marks = texts
    base = dict(marks)
    return base if _digest(base) == digest else None


def _changes(base: Mapping[str, str], now: Mapping[str, str]) -> Phrase:
    """Which rules are otherwise than when a table was made."""
    both = [name for name in base if name in now]
    moved = to_move(both, [name for name in now if name in base])
    kinds = {
        "since_edited": [name for name in both if base[name] != now[name]],
        "since_added": [name for name in now if name not in base],
        "since_removed": [name for name in base if name not in now],
        "since_moved": moved,
    }
    names = {code: phrase(code, rules=_listed(rules)) if rules else "" for code, rules in kinds.items()}
    return phrase("since", **names)


def _listed(names: list[str]) -> str:
    more = " …" if len(names) > _MOST_NAMES else ""
    return ", ".join(name.split(" ", 1)[1] for name in names[:_MOST_NAMES]) + more


def _read_rules(folder: Path) -> _Written:
    """The rules as rows of plain text, one cell for each column. Raises `SheetError` where they cannot be read."""
    authored = Authored()
    document = yaml_source.load(folder / "rules.yaml", authored)
    for fault in authored.findings:
        raise SheetError(fault.code, where=f"{fault.file}:{fault.line}", **fault.names)
    try:
        rows: dict[CustomerType, list[Row]] = {
            kind: [_row(rule) for rule in document.get(kind) or []] for kind in CUSTOMER_TYPES
        }
    except (AttributeError, TypeError):  # lists where names should stand, and the like
        raise _not_whole("rule") from None
    return _Written(authored.sources["rules.yaml"], rows)


def _row(rule: Mapping[str, Any]) -> Row:
    """One rule as cells; conditions of several values are parted by commas."""
    foreign = [key for key in rule if key not in RULE_FIELDS]
    if foreign or not isinstance(rule.get("id"), str):
        raise _not_whole("rule")
    then, because, valid = (rule.get(key) or {} for key in ("then", "because", "valid"))
    cells = {"id": rule["id"], **{name: _cell(value) for name, value in (rule.get("when") or {}).items()}}
    cells |= {name: _cell(then.get(name)) for name in OUTCOMES}
    cells |= {f"because_{language}": _cell(text) for language, text in because.items()}
    cells |= {"owner": _cell(rule.get("owner")), "source": _cell(rule.get("source"))}
    cells |= {f"valid_{key}": _cell(valid.get(key)) for key in ("from", "until")}
    if "experiment" in rule:
        cells["experiment"] = _experiment_cell(rule["experiment"])
    return {name: sheet_rows.tidy(name, value) for name, value in cells.items() if value}


def _not_whole(what: str) -> SheetError:
    return SheetError("rules_not_whole", where="rules.yaml", what=phrase(what))


def _experiment_cell(experiment: Any) -> str:  # noqa: ANN401
    """An experiment as a cell; one that would not come back as it went is refused, never dropped."""
    plain = yaml_source.plain(experiment)
    try:
        for variant in plain["variants"]:
            kinds = variant["content"]
            variant["content"] = [kinds] if isinstance(kinds, str) else kinds
        cell = rule_edits.experiment_cell(plain)
    except (KeyError, TypeError):
        cell = ""
    if rule_edits.read_experiment(cell) != plain:
        raise _not_whole("experiment")
    return cell


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(yaml_source.word(entry) for entry in value)
    return yaml_source.word(yaml_source.plain(value))


def _sheet_of(kind: CustomerType, row: Row, sheets: Mapping[str, CustomerType]) -> str:
    if kind != PERSON:
        return next(name for name, of_kind in sheets.items() if of_kind == kind)
    segment = row.get(SEGMENT, "")
    return segment if segment in sheets else SEVERAL


def _write_lists(book: Workbook, facts: FactSet) -> dict[str, str]:
    """A hidden sheet of allowed values; where each list stands, by column."""
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    sheet = book.create_sheet(_LISTS)
    sheet.sheet_state = "hidden"
    values: dict[str, tuple[str, ...]] = {
        f"{kind}.{fact.name}": fact.values for kind in CUSTOMER_TYPES for fact in facts.of[kind]
    }
    channels = tuple(facts.vocabulary.channels)
    values |= {
        "channel": channels,
        "content": tuple(facts.vocabulary.content_types),
        "human_channel": channels,
        "topic": (STATED_TOPIC, *facts.vocabulary.topics),
    }
    places = {}
    for at, (name, allowed) in enumerate(values.items(), start=1):
        for line, value in enumerate((name, *allowed), start=1):
            _put(sheet.cell(line, at), str(value))
        letter = get_column_letter(at)
        places[name] = f"{_LISTS}!${letter}$2:${letter}${len(allowed) + 1}"
    return places


def _write_base(book: Workbook, base: Mapping[str, str]) -> None:
    """A hidden sheet of what the table was made from: the digest of all rules, then of each."""
    sheet = book.create_sheet(_BASE)
    sheet.sheet_state = "hidden"
    for line, (name, mark) in enumerate((("rules", _digest(base)), *base.items()), start=1):
        _put(sheet.cell(line, 1), name)
        _put(sheet.cell(line, 2), mark)


def _write_sheet(
    sheet: Worksheet,
    kind: CustomerType,
    columns: tuple[str, ...],
    rows: list[tuple[int, Row]],
    lists: Mapping[str, str],
) -> None:
    from openpyxl.comments import Comment  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    for at, name in enumerate(columns, start=1):
        _put(sheet.cell(1, at), name)
        sheet.cell(1, at).font = Font(bold=True)
        letter = get_column_letter(at)
        sheet.column_dimensions[letter].width = 50 if name.startswith("because_") else _WIDE.get(name, 18)
        place = lists.get(name) or lists.get(f"{kind}.{name}")
        if place:
            # one value or several parted by commas: the drop-down offers, the import checks
            alone = name in {"channel", "human_channel"}
            offered = DataValidation(type="list", formula1=place, allow_blank=True, showErrorMessage=alone)
            sheet.add_data_validation(offered)
            offered.add(f"{letter}2:{letter}{len(rows) + 1 + _EMPTY_ROWS}")
    sheet.cell(1, 1).comment = Comment(_HELP, "Arki", width=420, height=140)
    for line, (order, row) in enumerate(rows, start=2):
        sheet.cell(line, 1).value = order
        for at, name in enumerate(columns[1:], start=2):
            if name in row:
                _put(sheet.cell(line, at), row[name])
                sheet.cell(line, at).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "C2"


def _put(cell: Cell, text: str) -> None:
    """Text, whatever it begins with: never a formula, also when the sheet is saved again."""
    from openpyxl.utils.exceptions import IllegalCharacterError  # noqa: PLC0415

    try:
        cell.value = text
    except IllegalCharacterError:
        raise SheetError("rules_sign", where="rules.yaml", value=yaml_source.visible(text)[:80]) from None
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(("=", "+", "-", "@", "\t", "\r"))
