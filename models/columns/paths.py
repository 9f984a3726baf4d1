"""Which files a path names: a file, a folder or a glob, without what is hidden, half written or part of a table.

Folders are read by the convention of Spark and Hive: a name that begins with ``.`` or ``_`` is passed over, unless it
begins with ``_`` and holds ``=``, which is a partition. The files of a Delta, Iceberg or Hudi table are never read loose:
which of their rows are in force stands in the table's log alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from models.columns.local_paths import NotLocalError, check_local

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
_WILD: Final = frozenset("*?[")


class CustomerFileError(ValueError):
    """A file that cannot be read as customers; the message says where and what to do. Correct the file."""


def customer_files(pattern: str) -> list[Path]:
    """The files that a path, folder or glob names, each once, in order of name.

    Raises
    ------
    CustomerFileError
        If there is none, it is an address of a store, or it is (in) the folder of a Delta, Iceberg or Hudi table.
    """
    try:
        check_local(pattern)
    except NotLocalError as error:
        raise CustomerFileError(str(error)) from None
    path = Path(pattern)
    if path.is_dir():
        files = list(_inside(path))
    elif path.exists():
        files = [path]
    else:
        files = list(_matching(path))
        if not files:
            raise CustomerFileError(f"{pattern} is not there. Name a file, a folder or a glob.")
    if not files:
        raise CustomerFileError(
            f"{pattern} holds no file that ends in {', '.join(SUFFIXES)}. Names that begin with . or _ are passed over."
        )
    above = {
        parent for file in {p.parent for p in files} for parent in (file.absolute(), *file.absolute().parents)
    }
    for folder in sorted(above):
        _refuse_table(folder)
    return sorted(set(files))


def names_apart(paths: Iterable[Path]) -> list[str]:
    """What tells files of one run from each other: each one's path below the folder that all have in common."""
    absolute = [path.absolute() for path in paths]
    if not absolute:
        return []
    common = os.path.commonpath([path.parent for path in absolute])
    return [str(path.relative_to(common)) for path in absolute]


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _inside(folder: Path) -> Iterator[Path]:
    """The customer files of a folder and of those below."""
    for at, folders, files in os.walk(folder):
        _refuse_table(Path(at))
        folders[:] = [name for name in folders if not is_hidden(name)]
        yield from (Path(at, name) for name in files if Path(name).suffix in SUFFIXES and not is_hidden(name))


def _matching(pattern: Path) -> Iterator[Path]:
    """The files that a glob names; of a folder that it names, those inside."""
    fixed = next((at for at, part in enumerate(pattern.parts) if _WILD & set(part)), len(pattern.parts))
    if fixed == len(pattern.parts):
        return
    base = Path(*pattern.parts[:fixed])
    for match in base.glob(str(Path(*pattern.parts[fixed:]))):
        if any(is_hidden(part) for part in match.relative_to(base).parts):
            continue
        if match.is_dir():
            yield from _inside(match)
        else:
            yield match


def _refuse_table(folder: Path) -> None:
    """Raise `CustomerFileError` where a folder is that of a table with deleted rows among its files."""
    metadata = folder / "metadata"
    if os.path.isdir(folder / "_delta_log"):  # noqa: PTH112  (False where a folder above may not be looked into)
        kind, sign = "a Delta table", "_delta_log"
    elif os.path.isdir(folder / ".hoodie"):  # noqa: PTH112
        kind, sign = "a Hudi table", ".hoodie"
    elif os.path.isdir(metadata) and next(metadata.glob("*.metadata.json*"), None):  # noqa: PTH112
        kind, sign = "an Iceberg table", "metadata/….metadata.json"
    else:
        return
    raise CustomerFileError(
        f"{folder} is {kind} (it holds {sign}); its folder also holds rows that were deleted or replaced. Export a"
        " snapshot of the table as Parquet, with a tool that reads its log, and give that."
    )
