"""Blocks of whole rows, CSV or JSON, as customer batches: at once where every line is a sound row, else row by row.

The fast way is trusted only where it gives exactly one row per line; whatever else a block holds (line breaks in cells,
open quotes, ragged lines, other encodings, NUL), the slow way reads each row by itself, so that a bad one costs no other.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json

from models.columns.rows import CARRIED, KEY, SIGNALS, TYPE, is_missing, read_row
from models.columns.text_lines import BLOCK, RowBlock, has_quote_within
from models.contract.signals import InvalidSignalsError, LifeEvent, Signal, SignalContract

NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_WORDS: Final = pa.dictionary(pa.int32(), pa.string())
EVENTS_TYPE: Final = pa.list_(pa.struct([("event", pa.string()), ("months_ago", pa.int64())]))
LIST_TYPE: Final = pa.list_(pa.string())
ARROW_TYPES: Final = {
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "list<string>": LIST_TYPE,
    "list<struct<event: string, months_ago: int64>>": EVENTS_TYPE,
}
"""What the signal contract spells, where columns have types."""
_ODD_JSON: Final = re.compile(rb"\}[ \t\r]*[{n]|\n[ \t\r]*n")
"""A second value on a line, or a line that begins like null: Arrow takes either for a row, and ends on a null that comes first."""
_BAD_QUOTE: Final = "is not a row of CSV: a quote is not closed, or stands within a cell."
_NOT_TEXT: Final = "holds bytes that are not UTF-8 text."
_NOT_JSON: Final = "is not a JSON object in UTF-8."


class Unreadable(NamedTuple):
    """A row that could not be read: its number in the file, the column (or none), a code and a sentence."""

    row: int
    column: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CustomerBatch:
    """Rows read: a record batch, whether its cells are text, each row's number in the file, and what could not be read."""

    batch: pa.RecordBatch
    textual: bool
    numbers: Sequence[int]
    unreadable: tuple[Unreadable, ...] = ()


def arrow_type(signal: Signal) -> pa.DataType:
    """The type of a signal's column where columns have types."""
    return ARROW_TYPES[signal.forms.arrow_type]


def read_csv_block(rows: RowBlock, names: list[str]) -> CustomerBatch:
    """Rows of CSV, each numbered by its first line; blank lines are no rows."""
    block, first, lines = rows.content, rows.first, rows.lines
    if block is None:
        return _too_long(first)
    plain = b'"' not in block or not (any(rows.spans) or has_quote_within(block))
    # To Arrow a lone carriage return ends a row; with a blank line, which is none, the number of rows would be right again.
    plain = plain and block.count(b"\r") == block.count(b"\r\n")
    if plain and b"\0" not in block and _is_text(block):
        try:
            table = pyarrow.csv.read_csv(pa.BufferReader(block), *_csv_options(names))
        except pa.ArrowInvalid:
            table = None
        if table is not None and table.num_rows == lines:
            return CustomerBatch(_one_batch(table), textual=True, numbers=range(first, first + lines))
    cells: list[list[str]] = []
    numbers: list[int] = []
    unreadable: list[Unreadable] = []
    for at, line in _rows_of(block, rows):
        text = line.removesuffix(b"\r")
        parsed = (_BAD_QUOTE if at in rows.spans.odd else _csv_row(text, len(names))) if text else None
        if isinstance(parsed, str):
            unreadable.append(Unreadable(first + at, "", "malformed", parsed))
        elif parsed is not None:
            cells.append(parsed)
            numbers.append(first + at)
    columns = [pa.array([row[at] or None for row in cells], _csv_type(name)) for at, name in enumerate(names)]
    return CustomerBatch(
        pa.RecordBatch.from_arrays(columns, names),
        textual=True,
        numbers=numbers,
        unreadable=tuple(unreadable),
    )


def read_json_block(
    lines_read: RowBlock,
    contract: SignalContract,
    language_column: str = "language",
    defaults: Mapping[str, object] = NOTHING,
) -> CustomerBatch:
    """Lines of JSON, one object each, numbered; blank lines are no rows. `defaults` is known of every row that is silent."""
    block, first, lines = lines_read.content, lines_read.first, lines_read.lines
    if block is None:
        return _too_long(first)
    # Two values of a line are two rows to Arrow; with a blank line, which is none, the number of rows would be right again.
    plain = b"\0" not in block and not _ODD_JSON.search(block) and not block.lstrip().startswith(b"n")
    if plain and _is_text(block):
        try:
            table = pyarrow.json.read_json(
                pa.BufferReader(block), *_json_options(len(block), language_column)
            )
        except pa.ArrowException:
            table = None
        if table is not None and table.num_rows == lines and _events_are_whole(table):
            return CustomerBatch(_one_batch(table), textual=False, numbers=range(first, first + lines))
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    unreadable: list[Unreadable] = []
    for number, line in enumerate(block.split(b"\n")[:lines], start=first):
        if not line.strip():
            continue
        try:
            rows.append(_json_row(line, contract, language_column, defaults))
            numbers.append(number)
        except InvalidSignalsError as error:
            unreadable += [
                Unreadable(
                    number, fault.pointer.removeprefix("/signals").strip("/").partition("/")[0], *fault[1:]
                )
                for fault in error.faults
            ]
        except ValueError:
            unreadable.append(Unreadable(number, "", "malformed", _NOT_JSON))
    schema = _json_schema(language_column)
    return CustomerBatch(
        pa.RecordBatch.from_pylist(rows, schema), textual=False, numbers=numbers, unreadable=tuple(unreadable)
    )


def _too_long(row: int) -> CustomerBatch:
    message = f"is a line of more than {BLOCK >> 20} MiB."
    unreadable = (Unreadable(row, "", "malformed", message),)
    return CustomerBatch(None, textual=True, numbers=[], unreadable=unreadable)


def _rows_of(block: bytes, rows: RowBlock) -> Iterator[tuple[int, bytes]]:
    """Each row with the position of its first line."""
    lines = block.split(b"\n")[: rows.lines]
    joined, at = dict(rows.spans.joined), 0
    while at < len(lines):
        count = joined.get(at, 1)
        yield at, b"\n".join(lines[at : at + count])
        at += count


def _is_text(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _one_batch(table: pa.Table) -> pa.Array:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], table.schema)


def _csv_options(
    names: list[str],
) -> tuple[pyarrow.csv.ReadOptions, pyarrow.csv.ParseOptions, pyarrow.csv.ConvertOptions]:
    return (
        pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 30),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types={name: _csv_type(name) for name in names},
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _csv_type(name: str) -> pa.Array:
    """Cells stay text; words that repeat are kept once."""
    lists = name in SIGNALS and SIGNALS[name].forms.entries != "none"
    return pa.string() if lists or name == KEY or (name not in SIGNALS and name not in CARRIED) else _WORDS


def _csv_row(line: bytes, count: int) -> list[str] | str:
    """The cells of a line, or what is wrong with it."""
    try:
        cells = next(csv.reader([line.decode()], strict=True))
    except UnicodeDecodeError:
        return _NOT_TEXT
    except csv.Error:
        return _BAD_QUOTE
    if len(cells) != count:
        return f"has {len(cells)} cells; the header names {count}."
    return "holds a NUL character." if b"\0" in line else cells


def _json_options(
    size: int, language_column: str
) -> tuple[pyarrow.json.ReadOptions, pyarrow.json.ParseOptions]:
    return (
        pyarrow.json.ReadOptions(use_threads=False, block_size=max(size + 1, 1 << 16)),
        pyarrow.json.ParseOptions(
            explicit_schema=_json_schema(language_column),
            newlines_in_values=False,
            unexpected_field_behavior="error",
        ),
    )


def _json_schema(language_column: str) -> pa.Array:
    fields = {KEY: pa.string(), TYPE: pa.string(), language_column: pa.string()}
    return pa.schema(fields | {name: arrow_type(signal) for name, signal in SIGNALS.items()})


def _events_are_whole(table: pa.Table) -> bool:
    """Whether each event has both its parts: one left out is another fault than one that is null."""
    events = pc.list_flatten(table["life_events"])
    return events.null_count == 0 and not any(
        pc.struct_field(events, name).null_count for name in ("event", "months_ago")
    )


def _json_row(
    line: bytes, contract: SignalContract, language_column: str, defaults: Mapping[str, object]
) -> dict[str, Any]:
    """A line's values in the contract's own types. Raises `ValueError` where it is no object, or breaks the contract."""
    row = json.loads(line.decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
    if not isinstance(row, dict):
        raise ValueError(_NOT_JSON)  # noqa: TRY004  (refused like any other text that is no row)
    row = {
        **defaults,
        **{name: value for name, value in row.items() if name not in defaults or not is_missing(value)},
    }
    customer = read_row(row, contract, language_column=language_column)
    values = {name: _plain(value) for name, value in customer.signals.values.items()}
    key = row.get(KEY)
    return {
        KEY: None if key is None else str(key),
        TYPE: row[TYPE],
        language_column: row.get(language_column),
        **values,
    }


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [each._asdict() if isinstance(each, LifeEvent) else each for each in value]
    return value


def _each_once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    pairs = list(pairs)
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError(_NOT_JSON)
    return dict(pairs)


def _no_number(_: str) -> NoReturn:
    raise ValueError(_NOT_JSON)
