"""Where the parts of a run lie until it is whole: a folder that survives kill -9, a full disk and a power cut.

A part is written aside, synced and renamed; the mark that says a chunk is done comes last, in the same way. So a chunk
whose mark is there is whole, and any other is done again. Nothing here knows what a part holds.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict

import orjson

RUN: Final = "run.json"
_ASIDE: Final = ".aside"


class BusyError(Exception):
    """Another run is writing the same output. Wait for it, or name another OUT."""


class StoredFile(TypedDict):
    """What a mark says of a file; one that is half written is known by it."""

    bytes: int
    sha256: str


class ChunkMark(TypedDict):
    """What came of a chunk, as its mark holds it: the task's number, its chunk, its counts, and its files once they are there."""

    task: int
    chunk: list[object]
    tally: dict[str, Any]
    files: NotRequired[dict[str, StoredFile]]


class ChunkStore:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, number: int, what: str) -> Path:
        """Where something of a chunk lies: its part, its refused rows, its mark."""
        return self.folder / f"{number:06d}.{what}"

    @contextmanager
    def writing(self, number: int) -> Iterator[_Chunk]:
        """Something that writes files of a chunk aside; they get their names when it is committed."""
        yield _Chunk(self, number)

    def done(self) -> dict[int, ChunkMark]:
        """What was kept of each chunk that is whole; what a killed run left half written is removed."""
        chunks: dict[int, ChunkMark] = {}
        for left in self.folder.glob(f"*{_ASIDE}-*"):
            left.unlink(missing_ok=True)
        for mark in sorted(self.folder.glob("*.done")):
            with suppress(orjson.JSONDecodeError, OSError):
                document = orjson.loads(mark.read_bytes())
                if all(self._is_whole(name, entry) for name, entry in document["files"].items()):
                    chunks[int(mark.stem)] = document
        return chunks

    def run(self) -> dict[str, Any] | None:
        """What this folder is for; None if it is for nothing yet."""
        try:
            document: dict[str, Any] = orjson.loads((self.folder / RUN).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return document

    def begin(self, run: Mapping[str, object]) -> None:
        """Make the folder empty and say what it is for."""
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if path.is_dir():
                shutil.rmtree(path)
            # The lock is held while the folder is emptied; removing it would let a second run lock a new file.
            elif path.name != "lock":
                path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)
        put(self.folder / RUN, orjson.dumps(run))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time. Raises `BusyError`; the lock goes with the process that holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BusyError(f"another run is writing here ({self.folder}). Wait for it to end.") from None
            yield

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_whole(self, name: str, entry: StoredFile) -> bool:
        # Sizes, since digests would read every chunk again. Files get their names when whole, so only a disk that lost data is caught.
        return (self.folder / name).stat().st_size == int(entry["bytes"])


class _Chunk:
    """The files of one chunk, written aside."""

    def __init__(self, store: ChunkStore, number: int) -> None:
        self._store, self._number = store, number
        self._written: list[tuple[Path, Path]] = []

    def __call__(self, what: str, write: Callable[[Path], object]) -> None:
        final = self._store.path(self._number, what)
        aside = final.with_name(f"{final.name}{_ASIDE}-{os.getpid()}")
        self._written.append((aside, final))
        try:
            write(aside)
            sync(aside)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise

    def commit(self, document: ChunkMark) -> ChunkMark:
        """Give the files their names, and then the mark; returns what the mark holds."""
        files: dict[str, StoredFile] = {}
        for aside, final in self._written:
            files[final.name] = {"bytes": aside.stat().st_size, "sha256": digest(aside)}
            aside.replace(final)
        # The mark comes last: a chunk without one is scored again, so a crash here costs a chunk and leaves no half of one.
        mark: ChunkMark = {**document, "files": files}
        put(self._store.path(self._number, "done"), orjson.dumps(mark))
        return mark


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, so that it is there after a power cut."""
    aside = path.with_name(f".{path.name}{_ASIDE}-{os.getpid()}")
    try:
        aside.write_bytes(content)
        sync(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    # A rename is in the folder, so it is the folder that must be on disk too.
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
