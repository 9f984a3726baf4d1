"""Values that stand in the names of folders, as ``customer_type=person/minor=true/``, as columns of the files beneath.

Hive's convention, as Spark, DuckDB and pyarrow write it: names and values percent-encoded, null as
``__HIVE_DEFAULT_PARTITION__`` or nothing. Every folder of a file's whole path counts, so that a file means the same
however it is named. Values are written as cells of CSV are; names that are no signal are not looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from models.columns.paths import CustomerFileError
from models.columns.rows import CARRIED, SIGNALS, is_missing
from models.columns.text_blocks import CustomerBatch, arrow_type
from models.contract.codes import BARRED

Partition = tuple[str, "str | None"]
"""A column's name and its text, None where it is null."""
_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(path: Path) -> tuple[Partition, ...]:
    """The columns that the folders of a file name, in order.

    Raises
    ------
    CustomerFileError
        If two name one column with different values.
    """
    partitions: dict[str, str | None] = {}
    for folder in path.absolute().parent.parts:
        name, equals, text = (unquote(part) for part in folder.partition("="))
        if not (name and equals):
            continue
        value = None if text in ("", _NULL) else text
        if partitions.setdefault(name, value) != value:
            raise CustomerFileError(
                f"lies in two folders that name {name} with different values. Rename one."
            )
    return tuple(partitions.items())


def used(partitions: Sequence[Partition], also: Collection[str] = ()) -> tuple[Partition, ...]:
    """Those that are signals or carried, or named besides.

    Raises
    ------
    CustomerFileError
        If one of the others is a barred attribute.
    """
    known = {*SIGNALS, *CARRIED, *also}
    for name, _ in partitions:
        if name not in known and name.lower() in BARRED:
            raise CustomerFileError(
                f"lies in a folder {name}=…, and {name} is never used by Arki to choose a segment or content."
                " Give the files without it."
            )
    return tuple(each for each in partitions if each[0] in known)


def row_values(partitions: Sequence[Partition]) -> Mapping[str, object]:
    """The values of a row as JSON would hold them."""
    return {
        name: SIGNALS[name].forms.read_text(text) if name in SIGNALS else text
        for name, text in partitions
        if text is not None
    }


def with_partitions(read: CustomerBatch, partitions: Sequence[Partition]) -> CustomerBatch:
    """A batch with the columns of its folders; a cell that is unknown in the file is known from the folder.

    Raises
    ------
    CustomerFileError
        If the file has the column too, and holds another value.
    """
    batch = read.batch
    if batch is None:
        return read
    for name, text in partitions:
        column = _column(name, text, batch.num_rows, textual=read.textual)
        if name not in batch.schema.names:
            batch = batch.append_column(name, column)
            continue
        row = _first_other(batch.column(name), column[0].as_py() if batch.num_rows else None)
        if row is not None:
            raise CustomerFileError(
                f"has a column {name} that says another value in row {read.numbers[row]} than the folder {name}=… does."
                " Correct the row, or the folder's name."
            )
        batch = batch.set_column(batch.schema.get_field_index(name), name, column)
    return replace(read, batch=batch)


def _column(name: str, text: str | None, rows: int, *, textual: bool) -> pa.Array:
    """One value in each row: text where cells are text, else in the contract's own type where it is of it."""
    signal = None if textual else SIGNALS.get(name)
    wanted = pa.string() if signal is None else arrow_type(signal)
    if text is None:
        return pa.nulls(rows, wanted)
    value: Any = text if signal is None else signal.forms.read_text(text)
    if isinstance(value, float):
        wanted = pa.float64()
    try:
        scalar = pa.scalar(value, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # no value of the signal: the contract refuses its text
        scalar = pa.scalar(text, pa.string())
    return pa.repeat(scalar, rows)


def _first_other(column: pa.Array, value: object) -> int | None:
    """Position of the first cell that is known and another than a value."""
    try:
        distinct = pc.unique(column).to_pylist()
    except pa.ArrowNotImplementedError:
        distinct = column.to_pylist()
    if all(is_missing(each) or each == value for each in distinct):
        return None
    return next(at for at, each in enumerate(column.to_pylist()) if not (is_missing(each) or each == value))
