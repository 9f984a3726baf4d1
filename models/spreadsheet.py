"""The rules as a spreadsheet, and the edits of one brought back into the YAML.

`export` writes a sheet for each segment, one for rules of several or none, and one for employers. `import_` compares each
row with the rule it came from and splices only what differs into the text, so that comments, order and every other byte
stay. Cells are text: nothing typed into one is ever run, and a formula is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models import rule_text, written
from models.authoring import RULE_FIELDS
from models.codes import CHANNELS, CONTENT_TYPES, CUSTOMER_TYPES, LANGUAGES, CustomerType
from models.facts import FACTS
from models.findings import Authored
from models.messages import MESSAGES
from models.rule_text import Row
from models.segments import Segment

SHEETS: Final = ("several", "steady", "changing", "supported", "unknown", "employer")
_LISTS: Final = "lists"
_OUTCOMES: Final = ("channel", "content", "topic", "human_channel")
_BECAUSE: Final = tuple(f"because_{language}" for language in LANGUAGES)
_TAIL: Final = ("owner", "source", "valid_from", "valid_until", "experiment")
_WIDE: Final = {
    "because_fi": 50,
    "because_sv": 50,
    "because_en": 50,
    "source": 40,
    "id": 32,
    "content": 34,
    "experiment": 50,
}
_EMPTY_ROWS: Final = 50  # rows below the rules in which drop-downs work too
_HELP: Final = (
    "Rows decide from the top: `order` says where a rule stands among all rules of its customers; 12.5 comes between 12 "
    "and 13. Several values in one cell are parted by commas; an empty condition means any. Delete a row to remove its rule."
)


class SheetError(ValueError):
    """A table that cannot be written or read; the message says what to change."""


@dataclass(frozen=True, slots=True)
class _Written:
    """rules.yaml as text and as rows, in order."""

    text: str
    rows: Mapping[CustomerType, list[Row]]


def columns_of(customer_type: CustomerType) -> tuple[str, ...]:
    """The columns of a sheet, in order."""
    facts = tuple(fact.name for fact in FACTS[customer_type])
    return ("order", "id", *facts, *_OUTCOMES, *_BECAUSE, *_TAIL)


def export(folder: Path, table: Path) -> int:
    """Write the rules of a folder to an .xlsx; the number of rules written. Raises `SheetError`."""
    from openpyxl import Workbook  # noqa: PLC0415  (in the command's process only)

    given = _read_rules(folder)
    book = Workbook()
    lists = _write_lists(book)
    book.remove(book.worksheets[0])
    for name in SHEETS:
        kind: CustomerType = "employer" if name == "employer" else "person"
        rows = [(at, row) for at, row in enumerate(given.rows[kind], start=1) if _sheet_of(kind, row) == name]
        _write_sheet(book.create_sheet(name, len(book.worksheets) - 1), kind, rows, lists)
    book.active = 0
    book.save(table)
    return sum(map(len, given.rows.values()))


def import_(table: Path, folder: Path, *, write: bool = True) -> list[str]:
    """Bring the edits of an .xlsx into `rules.yaml`; what changed, one sentence each.

    Raises
    ------
    SheetError
        If a sheet or column is missing, a cell holds a formula, or two rows have one id. Nothing is written.
    """
    given = _read_rules(folder)
    wanted = {kind: _read_sheets(table, kind) for kind in CUSTOMER_TYPES}
    text, told = given.text, []
    for kind in CUSTOMER_TYPES:
        text, changes = rule_text.merge(text, kind, given.rows[kind], wanted[kind])
        told += changes
    if write and text != given.text:
        rules = folder / "rules.yaml"
        aside = rules.with_name(".rules.yaml.importing")
        aside.write_bytes(text.encode())
        aside.replace(rules)
    return told


def _read_rules(folder: Path) -> _Written:
    """The rules as rows of plain text, one cell for each column. Raises `SheetError` where they cannot be read."""
    authored = Authored()
    document = written.load(folder / "rules.yaml", authored)
    if authored.findings:
        raise SheetError(str(authored.findings[0]))
    text = (folder / "rules.yaml").read_bytes().decode()
    return _Written(
        text, {kind: [_row(rule) for rule in document.get(kind) or []] for kind in CUSTOMER_TYPES}
    )


def _row(rule: Mapping[str, Any]) -> Row:
    """One rule as cells; conditions of several values are parted by commas."""
    foreign = [key for key in rule if key not in RULE_FIELDS]
    if foreign or not isinstance(rule.get("id"), str):
        raise SheetError("rules.yaml has rules that are not whole; run `arki-rulebook check` first.")
    then, because, valid = (rule.get(key) or {} for key in ("then", "because", "valid"))
    cells = {"id": rule["id"], **{name: _cell(value) for name, value in (rule.get("when") or {}).items()}}
    cells |= {name: _cell(then.get(name)) for name in _OUTCOMES}
    cells |= {f"because_{language}": _cell(because.get(language)) for language in LANGUAGES}
    cells |= {"owner": _cell(rule.get("owner")), "source": _cell(rule.get("source"))}
    cells |= {f"valid_{key}": _cell(valid.get(key)) for key in ("from", "until")}
    if "experiment" in rule:
        cells["experiment"] = _experiment_cell(rule["experiment"])
    return {name: value for name, value in cells.items() if value}


def _experiment_cell(experiment: Any) -> str:  # noqa: ANN401
    """An experiment as a cell; one that would not come back as it went is refused, never dropped."""
    given = written.plain(experiment)
    try:
        for variant in given["variants"]:
            kinds = variant["content"]
            variant["content"] = [kinds] if isinstance(kinds, str) else kinds
        cell = rule_text.experiment_cell(given)
    except (KeyError, TypeError):
        cell = ""
    if rule_text.read_experiment(cell) != given:
        raise SheetError("rules.yaml has an experiment that is not whole; run `arki-rulebook check` first.")
    return cell


def _cell(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(written.word(entry) for entry in value)
    return written.word(written.plain(value))


def _sheet_of(kind: CustomerType, row: Row) -> str:
    if kind == "employer":
        return "employer"
    segment = row.get("segment", "")
    return segment if segment in SHEETS else "several"


def _write_lists(book: Any) -> dict[str, str]:  # noqa: ANN401
    """A hidden sheet of allowed values; where each list stands, by column."""
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    sheet = book.create_sheet(_LISTS)
    sheet.sheet_state = "hidden"
    values: dict[str, tuple[str, ...]] = {
        f"{kind}.{fact.name}": fact.values for kind in CUSTOMER_TYPES for fact in FACTS[kind]
    }
    values |= {"channel": CHANNELS, "content": CONTENT_TYPES, "human_channel": CHANNELS}
    places = {}
    for at, (name, allowed) in enumerate(values.items(), start=1):
        for line, value in enumerate((name, *allowed), start=1):
            _put(sheet.cell(line, at), str(value))
        letter = get_column_letter(at)
        places[name] = f"{_LISTS}!${letter}$2:${letter}${len(allowed) + 1}"
    return places


def _write_sheet(
    sheet: Any,  # noqa: ANN401
    kind: CustomerType,
    rows: list[tuple[int, Row]],
    lists: Mapping[str, str],
) -> None:
    from openpyxl.comments import Comment  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    columns = columns_of(kind)
    for at, name in enumerate(columns, start=1):
        _put(sheet.cell(1, at), name)
        sheet.cell(1, at).font = Font(bold=True)
        letter = get_column_letter(at)
        sheet.column_dimensions[letter].width = _WIDE.get(name, 18)
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


def _put(cell: Any, text: str) -> None:  # noqa: ANN401
    """Text, whatever it begins with: never a formula, also when the sheet is saved again."""
    cell.value = text
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(("=", "+", "-", "@", "\t", "\r"))


def _read_sheets(table: Path, kind: CustomerType) -> list[Row]:
    """The rows of a customer type's sheets, in the order they say."""
    from zipfile import BadZipFile  # noqa: PLC0415

    from openpyxl import load_workbook  # noqa: PLC0415

    try:
        book = load_workbook(table)
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        raise SheetError(f"{table} is not a table that can be read: {error}") from error
    found: list[tuple[float, Row]] = []
    for name in SHEETS:
        if (name == Segment.EMPLOYER) == (kind == "employer"):
            if name not in book.sheetnames:
                raise SheetError(
                    f"The sheet `{name}` is missing. Export the table again and move your edits into it."
                )
            found += _read_sheet(book[name], kind)
    ids = [row["id"] for _, row in found]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise SheetError(
            f"{', '.join(twice)}: {MESSAGES['id_taken'][0].message} {MESSAGES['id_taken'][0].remedy}"
        )
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def _read_sheet(sheet: Any, kind: CustomerType) -> Iterator[tuple[float, Row]]:  # noqa: ANN401
    header = {str(cell.value).strip(): cell.column for cell in sheet[1] if cell.value is not None}
    for name in columns_of(kind):
        if name not in header:
            raise SheetError(_said("sheet_columns", value=name, sheet=sheet.title))
    for cells in sheet.iter_rows(min_row=2):
        values = {name: cells[at - 1] for name, at in header.items() if name in columns_of(kind)}
        for cell in values.values():
            if cell.data_type == "f":
                raise SheetError(_said("sheet_formula", cell=f"{sheet.title}!{cell.coordinate}"))
        row = {name: text for name, cell in values.items() if name != "order" and (text := _text(cell.value))}
        if not row:
            continue
        order = values["order"].value
        if isinstance(order, bool) or not isinstance(order, int | float):
            raise SheetError(_said("sheet_order", cell=f"{sheet.title}!{values['order'].coordinate}"))
        if "id" not in row:
            raise SheetError(f"{sheet.title}!{values['id'].coordinate} {MESSAGES['no_id'][0].message}")
        if "experiment" in row and rule_text.read_experiment(row["experiment"]) is None:
            cell = f"{sheet.title}!{values['experiment'].coordinate}"
            raise SheetError(_said("sheet_experiment", cell=cell))
        yield float(order), row


def _text(value: Any) -> str:  # noqa: ANN401
    """A cell as text: yes and no survive programs that turn them into truth values, days those that make dates."""
    if value is None:
        return ""
    if hasattr(value, "date"):
        return str(value.date().isoformat())
    return written.word(written.plain(value)).strip()


def _said(code: str, **names: object) -> str:
    message, remedy = MESSAGES[code][0]
    return f"The table {message.format(**names)} {remedy}"
