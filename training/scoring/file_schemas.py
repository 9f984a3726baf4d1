"""Whether the files of one run have the same columns, checked before any customer is scored.

A row may leave a signal out, but a file that lost a column its neighbours have is a fault of whoever wrote it. For
`minor` and `personalisation` the run stops, since silence would profile minors and customers who objected (hard rule 4);
any other column is named in a warning. In JSON Lines, which has no header, a column is there if its name is anywhere.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from models.columns.files import BATCH_ROWS, CustomerFileError, chunks, columns_of, format_of, read_chunk
from models.columns.partitions import partitions_of
from models.columns.paths import names_apart
from models.columns.rows import SIGNAL_COLUMNS, TYPE
from models.contract.codes import CUSTOMER_TYPES
from models.contract.signals import DECLARED, SignalContract

PROTECTED: Final[Mapping[str, str]] = {
    "minor": "minors would be profiled",
    "personalisation": "customers who objected would be profiled",
}
"""Columns whose loss stops a run, and what it would do."""
_NAMED: Final = 5


def check_same_columns(paths: Sequence[Path], contract: SignalContract) -> tuple[str, ...]:
    """What to warn of: a sentence about columns that some files lack, or nothing.

    Parameters
    ----------
    paths : sequence of Path
    contract : SignalContract
        By which JSON Lines are read.

    Raises
    ------
    CustomerFileError
        If a file with customers concerned has no column `minor` or `personalisation`, and another file has it.
    """
    if len(paths) == 1:
        return ()
    columns = {path: set(columns_of(path)) for path in paths}
    for name in PROTECTED:
        having = [path for path in paths if name in columns[path] or _names(path, name)]
        if having:
            for path in sorted(set(paths) - set(having)):
                _stop_where_concerned(path, name, having[0], contract)
    return _warnings(paths, columns)


def _stop_where_concerned(path: Path, name: str, other: Path, contract: SignalContract) -> None:
    concerned = [kind for kind in CUSTOMER_TYPES if name in DECLARED[kind]]
    if _customer_types(path, contract).isdisjoint(concerned):
        return
    raise CustomerFileError(
        f"{path} has no column {name}, which {other} has: {PROTECTED[name]}. Write the column into every file, empty where"
        " unknown, or score this file by itself."
    )


def _customer_types(path: Path, contract: SignalContract) -> set[object]:
    """The customer types that occur in a file."""
    named = dict(partitions_of(path)).get(TYPE)
    if named is not None:
        return {named}
    batches = (
        read.batch
        for chunk in chunks(path, BATCH_ROWS)
        for read in read_chunk(chunk, {TYPE}, contract=contract)
    )
    return {
        value for batch in batches if batch is not None for value in batch.column(TYPE).unique().to_pylist()
    }


def _names(path: Path, name: str) -> bool:
    """Whether a file of JSON Lines names a column anywhere, or one of its folders does."""
    if format_of(path) != "jsonl":
        return False
    if name in dict(partitions_of(path)):
        return True
    with path.open("rb") as file:
        if not path.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(f'"{name}"'.encode()) >= 0


def _warnings(paths: Sequence[Path], columns: Mapping[Path, set[str]]) -> tuple[str, ...]:
    """One sentence about the columns that files with a header lack, where their customers could have them."""
    headed = [path for path in paths if columns[path]]
    names = dict(zip(paths, names_apart(paths), strict=True))
    lacking = []
    for signal in SIGNAL_COLUMNS:
        without = [
            path for path in headed if signal not in columns[path] and _could_have(columns[path], signal)
        ]
        if without and len(without) < len(headed) and any(signal in columns[path] for path in headed):
            more = f" and {len(without) - 1} more" if len(without) > 1 else ""
            lacking.append(f"{signal} (not in {names[without[0]]}{more})")
    if not lacking:
        return ()
    rest = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    return (f"columns that some files lack, unknown there: {', '.join(lacking[:_NAMED])}{rest}",)


def _could_have(columns: set[str], signal: str) -> bool:
    """Whether a file's customers may have a signal: those of the customer types that its other columns are about."""
    own = {
        kind: set(DECLARED[kind])
        - {name for other in CUSTOMER_TYPES if other != kind for name in DECLARED[other]}
        for kind in CUSTOMER_TYPES
    }
    about = [kind for kind in CUSTOMER_TYPES if own[kind] & columns] or list(CUSTOMER_TYPES)
    return any(signal in DECLARED[kind] for kind in about)
