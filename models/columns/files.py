"""Customer files, whatever their format, as record batches: the one reader of them.

Parquet, Arrow, CSV and JSON Lines. A file is cut into chunks that can be read apart, each into batches of bounded size.
No row stops a run: one that cannot be read at all comes with a fault beside its batch. What the folders of a file say
(`partitions`) is among its columns. Never imported by the serving process.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from models.columns.arrow_types import read_as, readable
from models.columns.partitions import Partition, partitions_of, row_values, used, with_partitions
from models.columns.paths import SUFFIXES, CustomerFileError, customer_files
from models.columns.rows import CARRIED, KEY, SIGNALS
from models.columns.text_blocks import CustomerBatch, read_csv_block, read_json_block
from models.columns.text_lines import BLOCK, RowBlock, row_blocks
from models.contract.codes import BARRED
from models.contract.signals import SignalContract

__all__ = [
    "BATCH_ROWS",
    "TEXT_FORMATS",
    "Chunk",
    "CustomerFileError",
    "check_columns",
    "chunks",
    "columns_of",
    "customer_files",
    "format_of",
    "key_type",
    "read_chunk",
]
TEXT_FORMATS: Final = frozenset(["csv", "jsonl"])
BATCH_ROWS: Final = 65_536
_MAGIC: Final = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"), (b"{", "jsonl"))
_BOM: Final = b"\xef\xbb\xbf"


class Chunk(NamedTuple):
    """A part of a file that is read by itself.

    `start` and `stop` are bytes of a text file, and row groups or record batches of another; `first_row` counts rows, or
    lines after the header, from 1. `partitions` are the columns that the file's folders name.
    """

    path: str
    format: str
    start: int
    stop: int
    first_row: int
    rows: int
    partitions: tuple[Partition, ...] = ()


def format_of(path: Path) -> str:
    """Which format a file has: by its ending, or by its first bytes where the ending tells nothing."""
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix]
    if path.suffix and path.suffix != ".part":
        raise CustomerFileError(f"{path.name} is not one of {', '.join(SUFFIXES)}.")
    with path.open("rb") as file:
        head = file.read(8).removeprefix(_BOM)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "csv")


def columns_of(path: Path, *, also: Collection[str] = ()) -> list[str]:
    """The columns of a file and its folders; of JSON Lines, where each row names its own, none.

    Of those that folders name, signals, what is carried, and `also`.
    """
    kind = format_of(path)
    with _naming_file(path):
        folders = [name for name, _ in used(partitions_of(path), also)]
        if kind == "jsonl":
            return []
        names = _header(path)[0] if kind == "csv" else _typed_names(_schema(path, kind))
        return names + [name for name in folders if name not in names]


def key_type(path: Path) -> str:
    """The type that customers' keys have in a file; text where it has none."""
    kind = format_of(path)
    if kind in TEXT_FORMATS:
        return "string"
    with _naming_file(path):
        schema = _schema(path, kind)
        if KEY not in schema.names:
            return "string"
        return str(readable(schema.field(KEY).type, key=True))


def check_columns(names: Iterable[str], *, also: Collection[str] = ()) -> None:
    """Refuse a file with a column that is neither a signal nor carried.

    Raises
    ------
    CustomerFileError
        Which column it is and what to do.
    """
    names = list(names)
    for name in names:
        if name in SIGNALS or name in CARRIED or name in also:
            continue
        if name.lower() in BARRED:
            raise CustomerFileError(
                f"column {name} is never used by Arki to choose a segment or content. Remove it."
            )
        raise CustomerFileError(
            f"column {name} is not a signal. Remove it, or see `GET /openapi.json` for the names."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CustomerFileError(f"column {twice} stands twice. Remove one.")


def chunks(path: Path, rows: int) -> Iterator[Chunk]:
    """Cut a file into chunks of about so many rows; one row group or record batch at least.

    Raises
    ------
    CustomerFileError
        If the file is none of the formats.
    """
    kind = format_of(path)
    with _naming_file(path):
        partitions = partitions_of(path)
        if kind in TEXT_FORMATS:
            yield from _text_chunks(path, kind, rows, partitions)
            return
        if kind == "parquet":
            metadata = pq.read_metadata(path)
            sizes = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
        else:
            with _arrow(path) as (_, batches):
                sizes = [batch.num_rows for batch in batches]
    start, first = 0, 1
    for stop in range(1, len(sizes) + 1):
        held = sum(sizes[start:stop])
        if stop == len(sizes) or held + sizes[stop] > rows:
            yield Chunk(str(path), kind, start, stop, first, held, partitions)
            start, first = stop, first + held


def read_chunk(
    chunk: Chunk,
    columns: Collection[str] | None = None,
    *,
    contract: SignalContract | None = None,
    language_column: str = "language",
    plain: bool = False,
) -> Iterator[CustomerBatch]:
    """The batches of a chunk, of the columns wanted (or all), of bounded size; words as dictionaries unless `plain`.

    Parameters
    ----------
    chunk : Chunk
    columns : collection of str, optional
    contract : SignalContract, optional
        What JSON Lines need: where Arrow cannot read a block, each row is read and checked by itself.
    language_column : str
    plain : bool

    Raises
    ------
    CustomerFileError
        If the file turns out to be damaged.
    TypeError
        For JSON Lines without a contract.
    """
    path = Path(chunk.path)
    with _naming_file(path):
        folders = used(chunk.partitions, {language_column})
        folders = tuple(each for each in folders if columns is None or each[0] in columns)
        if chunk.format == "csv":
            names, _ = _header(path)
            batches: Iterable[CustomerBatch] = (read_csv_block(each, names) for each in _text_blocks(chunk))
        elif chunk.format == "jsonl":
            values = row_values(folders)
            if contract is None:
                raise TypeError("JSON Lines are read by a contract")
            batches = (
                read_json_block(block, contract, language_column, values) for block in _text_blocks(chunk)
            )
        else:
            batches = _typed_batches(chunk, columns, language_column, plain=plain)
        for batch in batches:
            yield with_partitions(batch, folders)


def _typed_batches(
    chunk: Chunk, columns: Collection[str] | None, language_column: str, *, plain: bool
) -> Iterator[CustomerBatch]:
    parquet = chunk.format == "parquet"
    row = chunk.first_row
    for batch in _parquet_batches(chunk, columns, plain=plain) if parquet else _arrow_batches(chunk, columns):
        read = pa.RecordBatch.from_arrays(
            [
                _read_as(column, name, language_column)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ],
            batch.schema.names,
        )
        yield CustomerBatch(read, textual=False, numbers=range(row, row + batch.num_rows))
        row += batch.num_rows


def _read_as(column: pa.Array, name: str, language_column: str) -> pa.Array:
    if name not in SIGNALS and name not in CARRIED and name != language_column:
        return column
    try:
        return read_as(column, key=name == KEY)
    except CustomerFileError as error:
        raise CustomerFileError(f"has a column {name} that {error}") from None


def _typed_names(schema: pa.Schema) -> list[str]:
    """The columns of a schema. Raises `CustomerFileError` where one is of a type that is never read."""
    for field in schema:
        if field.name in SIGNALS or field.name in CARRIED:
            try:
                readable(field.type, key=field.name == KEY)
            except CustomerFileError as error:
                raise CustomerFileError(f"has a column {field.name} that {error}") from None
    return list(schema.names)


def _schema(path: Path, kind: str) -> pa.Schema:
    if kind == "parquet":
        return pq.read_schema(path)
    with _arrow(path) as (schema, _):
        return schema


def _parquet_batches(
    chunk: Chunk, columns: Collection[str] | None, *, plain: bool
) -> Iterator[pa.RecordBatch]:
    described = pq.read_metadata(chunk.path).schema
    names = [n for n in described.to_arrow_schema().names if columns is None or n in columns]
    # Words inside lists stay plain: Arrow cannot read them as dictionaries across row groups.
    leaves = [] if plain else [described.column(at) for at in range(len(described))]
    wanted = {*SIGNALS, *CARRIED[1:]} & set(names)
    words = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and leaf.path in wanted]
    # Neither buffering ahead nor threads: both cost more time and memory than they save.
    with pq.ParquetFile(chunk.path, pre_buffer=False, read_dictionary=words) as parquet:
        groups = list(range(chunk.start, chunk.stop))
        yield from parquet.iter_batches(BATCH_ROWS, row_groups=groups, columns=names, use_threads=False)


def _arrow_batches(chunk: Chunk, columns: Collection[str] | None) -> Iterator[pa.RecordBatch]:
    with _arrow(Path(chunk.path)) as (schema, batches):
        names = [name for name in schema.names if columns is None or name in columns]
        for at, batch in enumerate(batches):
            if at >= chunk.stop:
                return
            if at >= chunk.start:
                selected = batch.select(names)
                yield from (
                    selected[row : row + BATCH_ROWS] for row in range(0, selected.num_rows, BATCH_ROWS)
                )


class _arrow:  # noqa: N801  (used as a function is)
    """The schema and record batches of an Arrow file, in the file or the stream form; mapped, not read."""

    def __init__(self, path: Path) -> None:
        self._map = pa.memory_map(str(path))

    def __enter__(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        try:
            file = pa.ipc.open_file(self._map)
        except pa.ArrowInvalid:
            self._map.seek(0)
            stream = pa.ipc.open_stream(self._map)
            return stream.schema, iter(stream)
        return file.schema, (file.get_batch(at) for at in range(file.num_record_batches))

    def __exit__(self, *_: object) -> None:
        self._map.close()


def _text_chunks(path: Path, kind: str, rows: int, partitions: tuple[Partition, ...]) -> Iterator[Chunk]:
    """Cut where rows end; they are counted, not read."""
    begin = _header(path)[1] if kind == "csv" else 0
    with path.open("rb") as file:
        file.seek(begin)
        start = at = begin
        first, held = 1, 0
        size = max(os.fstat(file.fileno()).st_size - begin, 0)
        for block in row_blocks(file, size=size, first=1, quotes=kind == "csv"):
            taken = stop = 0
            while held + block.rows - taken >= rows:
                stop = block.row_end(rows - held, stop)
                taken += rows - held
                yield Chunk(str(path), kind, start, at + stop, first, rows, partitions)
                first = block.first + block.lines_before(stop)
                start, held = at + stop, 0
            held += block.rows - taken
            at += block.size
        if at > start:
            yield Chunk(str(path), kind, start, at, first, held, partitions)


def _text_blocks(chunk: Chunk) -> Iterator[RowBlock]:
    with Path(chunk.path).open("rb") as file:
        file.seek(chunk.start)
        size = chunk.stop - chunk.start
        try:
            yield from row_blocks(file, size=size, first=chunk.first_row, quotes=chunk.format == "csv")
        except EOFError:
            raise CustomerFileError("became shorter while it was read. Run again.") from None


def _header(path: Path) -> tuple[list[str], int]:
    """Columns of a CSV file, and where its rows begin."""
    with path.open("rb") as file:
        line = file.readline(BLOCK)
    try:
        text = line.removeprefix(_BOM).decode()
        names = next(csv.reader([text.rstrip("\r\n")], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        raise CustomerFileError(
            "has no header that can be read: the first line must name the columns in UTF-8. Save it so."
        ) from None
    if not names:
        raise CustomerFileError("has no header: the first line must name the columns. Add it.")
    return names, len(line)


class _naming_file:  # noqa: N801  (used as a function is)
    """What goes wrong with a file, told with its name; never with what it holds."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, CustomerFileError) and not str(error).startswith(str(self._path)):
            raise CustomerFileError(f"{self._path} {error}") from None
        if isinstance(error, pa.ArrowException | OSError):
            kind = "" if isinstance(error, OSError) and error.errno else f" as {format_of(self._path)}"
            why = getattr(error, "strerror", None) or "it is damaged or of another format"
            raise CustomerFileError(f"{self._path} cannot be read{kind}: {why}. Check the file.") from None
