"""Customer files, whatever their format, as record batches: the one reader of them.

Parquet, Arrow, CSV and JSON Lines; a file, a folder or a glob. A file is cut into chunks that can be read apart, each
into batches of bounded size. No row stops a run: one that cannot be read at all comes with a fault beside its batch. In
text a row is a line, so that an open quote costs its own line alone. Never imported by the serving process.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from models.codes import BARRED
from models.customer_rows import CARRIED, SIGNALS
from models.text_blocks import CustomerBatch, Unreadable, read_csv_block, read_json_block

SUFFIXES: Final[Mapping[str, str]] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
}
TEXT_FORMATS: Final = frozenset(["csv", "jsonl"])
BATCH_ROWS: Final = 65_536
_BLOCK: Final = 8 << 20
_MAGIC: Final = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"\xff\xff\xff\xff", "arrow"), (b"{", "jsonl"))
_BOM: Final = b"\xef\xbb\xbf"


class CustomerFileError(ValueError):
    """A file that cannot be read as customers; the message says where and what to do. Correct the file."""


class Chunk(NamedTuple):
    """A part of a file that is read by itself.

    `start` and `stop` are bytes of a text file, and row groups or record batches of another; `first_row` counts rows, or
    lines after the header, from 1.
    """

    path: str
    format: str
    start: int
    stop: int
    first_row: int
    rows: int


def customer_files(given: str) -> list[Path]:
    """The files that a path, folder or glob names, in order of name.

    Raises
    ------
    CustomerFileError
        If there is none.
    """
    path = Path(given)
    if path.is_dir():
        inside = sorted(
            p for p in path.rglob("*") if p.suffix in SUFFIXES and not p.name.startswith((".", "_"))
        )
        if not inside:
            raise CustomerFileError(f"{given} holds no file that ends in {', '.join(SUFFIXES)}.")
        return inside
    if path.exists():
        return [path]
    found = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
    if not found:
        raise CustomerFileError(f"{given} is not there. Name a file, a folder or a glob.")
    return found


def format_of(path: Path) -> str:
    """Which format a file has: by its ending, or by its first bytes where the ending tells nothing."""
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix]
    if path.suffix and path.suffix != ".part":
        raise CustomerFileError(f"{path.name} is not one of {', '.join(SUFFIXES)}.")
    with path.open("rb") as file:
        head = file.read(8).removeprefix(_BOM)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "csv")


def columns_of(path: Path) -> list[str]:
    """The columns of a file; of JSON Lines, where each row names its own, none."""
    kind = format_of(path)
    with _told(path):
        if kind == "parquet":
            return list(pq.read_schema(path).names)
        if kind == "arrow":
            with _arrow(path) as (schema, _):
                return list(schema.names)
        return _header(path)[0] if kind == "csv" else []


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
    with _told(path):
        if kind in TEXT_FORMATS:
            yield from _text_chunks(path, kind, rows)
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
            yield Chunk(str(path), kind, start, stop, first, held)
            start, first = stop, first + held


def read_chunk(
    chunk: Chunk,
    columns: Collection[str] | None = None,
    *,
    language_column: str = "language",
    plain: bool = False,
) -> Iterator[CustomerBatch]:
    """The batches of a chunk, of the columns wanted (or all), of bounded size; words as dictionaries unless `plain`.

    Raises
    ------
    CustomerFileError
        If the file turns out to be damaged.
    """
    path = Path(chunk.path)
    with _told(path):
        if chunk.format == "csv":
            names, _ = _header(path)
            yield from _text_batches(chunk, lambda block, first: read_csv_block(block, names, first))
        elif chunk.format == "jsonl":
            yield from _text_batches(
                chunk, lambda block, first: read_json_block(block, first, language_column)
            )
        else:
            if chunk.format == "parquet":
                batches = _parquet_batches(chunk, columns, plain=plain)
            else:
                batches = _arrow_batches(chunk, columns)
            row = chunk.first_row
            for batch in batches:
                yield CustomerBatch(batch, textual=False, numbers=range(row, row + batch.num_rows))
                row += batch.num_rows


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
                kept = batch.select(names)
                yield from (kept[row : row + BATCH_ROWS] for row in range(0, kept.num_rows, BATCH_ROWS))


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


def _text_chunks(path: Path, kind: str, rows: int) -> Iterator[Chunk]:
    """Cut at line ends; lines are counted, not parsed."""
    begin = _header(path)[1] if kind == "csv" else 0
    with path.open("rb") as file:
        file.seek(begin)
        start = at = begin
        first, held, ended = 1, 0, True
        while block := file.read(_BLOCK):
            lines, taken = block.count(b"\n"), 0
            while held + lines >= rows:
                for _ in range(rows - held):
                    taken = block.index(b"\n", taken) + 1
                yield Chunk(str(path), kind, start, at + taken, first, rows)
                lines -= rows - held
                start, first, held = at + taken, first + rows, 0
            held += lines
            at += len(block)
            ended = block.endswith(b"\n")
        if at > start:
            yield Chunk(str(path), kind, start, at, first, held + (not ended))


def _text_batches(chunk: Chunk, read: Callable[[bytes, int], CustomerBatch]) -> Iterator[CustomerBatch]:
    """Whole lines, a block at a time; a line longer than a block is refused."""
    row = chunk.first_row
    with Path(chunk.path).open("rb") as file:
        file.seek(chunk.start)
        left = chunk.stop - chunk.start
        rest = b""
        while left or rest:
            block = file.read(min(_BLOCK, left))
            left -= len(block)
            if not block and left:
                raise CustomerFileError("became shorter while it was read. Run again.")
            rest += block
            cut = rest.rfind(b"\n") + 1 if left else len(rest)
            if cut:
                lines = rest[:cut]
                yield read(lines, row)
                row += lines.count(b"\n")
                rest = rest[cut:]
            elif len(rest) > _BLOCK:
                yield CustomerBatch(None, textual=True, numbers=[], unreadable=(_too_long(row),))
                left -= _skip_line(file, left)
                row, rest = row + 1, b""


def _too_long(row: int) -> Unreadable:
    return Unreadable(row, "", "malformed", f"is a line of more than {_BLOCK >> 20} MiB.")


def _skip_line(file: BinaryIO, left: int) -> int:
    skipped = 0
    while skipped < left:
        line = file.readline(min(_BLOCK, left - skipped))
        skipped += len(line)
        if line.endswith(b"\n") or not line:
            break
    return skipped


def _header(path: Path) -> tuple[list[str], int]:
    """Columns of a CSV file, and where its rows begin."""
    with path.open("rb") as file:
        line = file.readline(_BLOCK)
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


class _told:  # noqa: N801  (used as a function is)
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
