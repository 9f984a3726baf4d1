"""Answers written to files: one chunk as a part, and parts joined into the file that was asked for.

A part of CSV or JSON Lines is a piece of the final text, of a folder of Parquet a whole file; for one Parquet or Arrow file
parts are Arrow, encoded once when they are joined. Equal answers give equal bytes, however they were made.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

from models.columns.rows import KEY

FORMATS: Final = ("parquet", "csv", "jsonl", "arrow")
SUFFIX_OF: Final = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "arrow": ".arrow"}
_COPY_BYTES: Final = 1 << 20
_MOST_LINES: Final = 8_192


class Joined(Protocol):
    """Takes the parts of a run in order."""

    def add(self, part: Path) -> None:
        """Append one part."""


def part_format(final: str, *, folder: bool) -> str:
    """The format in which chunks are written: what can be joined without being read again, where there is one."""
    return "arrow" if final == "parquet" and not folder else final


def write_part(
    table: pa.Table, path: Path, kind: str, *, metadata: Mapping[str, str], header: bool = False
) -> None:
    """Write a table of answers as a part; `header` where the part is a CSV file by itself."""
    if kind == "parquet":
        with _parquet_writer(path, _described(table.schema, metadata)) as writer:
            writer.write_table(_cast(table, metadata), row_group_size=max(table.num_rows, 1))
    elif kind == "arrow":
        described = _described(table.schema, metadata)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, described) as arrow:
            arrow.write_table(_cast(table, metadata))
    else:
        with path.open("wb") as file:
            if kind == "csv":
                _write_csv(table, file, header=header)
            else:
                _write_json(table, file)


def read_part(path: Path) -> pa.Table:
    """The table of a part in Arrow."""
    with pa.memory_map(str(path)) as mapped:
        return pa.ipc.open_file(mapped).read_all()


@contextmanager
def joining(path: Path, kind: str, columns: tuple[str, ...]) -> Iterator[Joined]:
    """Something that parts are added to, in order, to make one file."""
    if kind in {"csv", "jsonl"}:
        with path.open("wb") as file:
            if kind == "csv":
                file.write((",".join(columns) + "\n").encode())
            yield _Bytes(file)
        return
    tables = _Tables(path, kind)
    try:
        yield tables
    finally:
        tables.close()


class _Bytes:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, part: Path) -> None:
        with part.open("rb") as source:
            shutil.copyfileobj(source, self._file, _COPY_BYTES)


class _Tables:
    """One Parquet or Arrow file; each part becomes a row group or record batches."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind
        self._writer: Any = None

    def add(self, part: Path) -> None:
        table = read_part(part)
        if self._kind == "arrow":
            table = _without_own_words(table)
        if self._writer is None:
            make = _parquet_writer if self._kind == "parquet" else _arrow_writer
            self._writer = make(self._path, table.schema)
        if self._kind == "parquet":
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        else:
            self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _without_own_words(table: pa.Table) -> pa.Table:
    """The column whose words differ from part to part as plain text: an Arrow file holds one dictionary per column."""
    at = table.schema.get_field_index("statutory")
    return table if at < 0 else table.set_column(at, "statutory", table.column(at).cast(pa.string()))


def _arrow_writer(path: Path, schema: pa.Schema) -> pa.Table:
    return pa.ipc.new_file(str(path), schema)


def _parquet_writer(path: Path, schema: pa.Schema) -> pa.Table:
    """A writer whose settings were measured: dictionaries for words alone, no statistics nobody reads."""
    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    integers = KEY in schema.names and pa.types.is_integer(schema.field(KEY).type)
    keys = {KEY: "DELTA_BINARY_PACKED"} if integers else {}
    chances = {f.name: "BYTE_STREAM_SPLIT" for f in schema if pa.types.is_float64(f.type)}
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=words,
        write_statistics=False,
        column_encoding=(keys | chances) or None,
        store_schema=True,
    )


def _described(schema: pa.Schema, metadata: Mapping[str, str]) -> pa.Table:
    return schema.with_metadata({f"arki.{name}": value for name, value in metadata.items()})


def _cast(table: pa.Table, metadata: Mapping[str, str]) -> pa.Table:
    return table.replace_schema_metadata({f"arki.{name}": value for name, value in metadata.items()})


def _write_csv(table: pa.Table, file: BinaryIO, *, header: bool) -> None:
    """Cells are quoted only in a chunk where one needs it."""
    if header:
        file.write((",".join(table.schema.names) + "\n").encode())
    began = file.tell()
    for style in ("none", "needed"):
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style=style)
        try:
            pyarrow.csv.write_csv(table, pa.PythonFile(file, "w"), options)
        except pa.ArrowInvalid:
            if style == "needed":
                raise
            file.seek(began)
            file.truncate()
        else:
            return


def _write_json(table: pa.Table, file: BinaryIO) -> None:
    for batch in table.to_batches(max_chunksize=_MOST_LINES):
        file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in batch.to_pylist())
