"""Customer files: CSV and Parquet in the signal contract, read into Arrow tables and written from them.

In CSV an empty cell is unknown, yes/no is ``true``/``false``, life events are ``KE8:1;KE4.2:3`` (event:months_ago), lists
are ``a;b``, and ``-`` is a list known to be empty (Parquet has empty lists of its own). Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from models.columns.files import CustomerFileError, chunks, read_chunk
from models.columns.rows import SIGNAL_COLUMNS, SIGNALS
from models.columns.text_blocks import EVENTS_TYPE, LIST_TYPE, arrow_type
from models.contract.signal_kinds import EMPTY_LIST
from models.contract.signals import Signal

__all__ = ["EVENTS_TYPE", "LIST_TYPE", "SIGNAL_COLUMNS", "CustomerFileError", "read_table", "write_table"]
CHUNK_ROWS: Final = 131_072


def read_table(path: Path) -> pa.Table:
    """Read a ``.csv`` or ``.parquet`` file, each signal column in the contract's own type.

    Raises
    ------
    CustomerFileError
        If the ending is neither, the file is no such file, or a column does not hold what its signal is.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise CustomerFileError(f"{path}: ends in {suffix or 'nothing'}. Give a .csv or .parquet file.")
    table = _read_whole(path)
    for at, name in enumerate(table.column_names):
        if name in SIGNALS:
            table = table.set_column(at, name, _typed(table[name], SIGNALS[name], path))
    return table


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as CSV or Parquet, by the ending of `path`, whole or not at all. Raises as `write_tables`."""
    write_tables([table], path)


def write_tables(tables: Iterable[pa.Table], path: Path) -> int:
    """Write tables one after the other, of which one is in memory at a time; returns the number of columns.

    Raises
    ------
    CustomerFileError
        If the ending of `path` is neither .csv nor .parquet.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise CustomerFileError(f"{path}: ends in {suffix or 'nothing'}. Name a .csv or .parquet file.")
    part = path.with_name(f".{path.name}.part")
    writer: Any = None
    schema: pa.Schema = None
    try:
        for table in tables:
            ready = table if suffix == ".parquet" else _flattened(table)
            if writer is None:
                schema = ready.schema
                writer = _writer(part, schema, suffix)
            rows = {"row_group_size": CHUNK_ROWS} if suffix == ".parquet" else {}
            writer.write_table(ready.select(schema.names).cast(schema), **rows)
        writer.close()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(schema)


def _writer(path: Path, schema: pa.Schema, suffix: str) -> Any:  # noqa: ANN401  (one of two of Arrow's)
    if suffix == ".parquet":
        return pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")
    return pyarrow.csv.CSVWriter(path, schema, write_options=pyarrow.csv.WriteOptions(quoting_style="needed"))


def _flattened(table: pa.Table) -> pa.Table:
    return pa.table({name: _flat(table[name]) for name in table.column_names})


def _read_whole(path: Path) -> pa.Table:
    """Every row, words as plain text. Raises `CustomerFileError` where a row cannot be read at all."""
    tables = []
    for chunk in chunks(path, CHUNK_ROWS):
        for read in read_chunk(chunk, plain=True):
            if read.unreadable:
                wrong = read.unreadable[0]
                raise CustomerFileError(
                    f"{path}: row {wrong.row} {wrong.message} Correct it or leave it out."
                )
            plain = [
                column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
                for column in read.batch.columns
            ]
            tables.append(pa.Table.from_arrays(plain, names=read.batch.schema.names))
    if not tables:
        raise CustomerFileError(f"{path}: holds no rows. Add some.")
    return pa.concat_tables(tables)


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """A list column as text; other columns as they are."""
    if column.type == EVENTS_TYPE:
        return pa.array([_events_text(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_list(column.type):
        return pa.array([_list_text(value) for value in column.to_pylist()], pa.string())
    return column


def _events_text(events: list[dict[str, object]] | None) -> str | None:
    texts = None if events is None else [f"{each['event']}:{each['months_ago']}" for each in events]
    return _list_text(texts)


def _list_text(values: list[str] | None) -> str | None:
    if values is None:
        return None
    return ";".join(values) or EMPTY_LIST


def _typed(column: pa.ChunkedArray, signal: Signal, path: Path) -> pa.ChunkedArray | pa.Array:
    wanted, forms = arrow_type(signal), signal.forms
    textual = pa.types.is_string(column.type)
    try:
        if textual and forms.entries != "none":
            texts = column.to_pylist()
            return pa.array([None if text is None else forms.read_text(text) for text in texts], wanted)
        if textual or pa.types.is_boolean(column.type) == pa.types.is_boolean(wanted):
            return pc.cast(column, wanted)
        fault = str(column.type)
    except (pa.ArrowException, ValueError) as error:
        fault = str(error)
    raise CustomerFileError(
        f"{path}: column {signal.name} must hold {forms.allowed(signal)}, or be empty where unknown ({fault}). Correct the column."
    )
