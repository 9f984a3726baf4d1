"""A run of batch scoring from plan to published output: resumable at any point, and never half published.

Chunks lie in a hidden folder beside OUT until all are done. Then the output gets its name, the manifest is written, and
`_SUCCESS` last; whoever sees `_SUCCESS` sees a whole output.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from models.columns.files import Chunk
from training.scoring import answer_files, capacity
from training.scoring.answer_files import SUFFIX_OF
from training.scoring.chunk_store import ChunkMark, ChunkStore, digest, put, sync
from training.scoring.job import QUARANTINE_COLUMNS, ScoringJob
from training.scoring.tallies import Tally, tally_of
from training.scoring.task import Task, as_document

Engine = Callable[[ScoringJob, Sequence[Task], "str | None"], Iterator[ChunkMark]]
SUCCESS: Final = "_SUCCESS"
MANIFEST_FORMAT: Final = 1


class OtherRunError(ValueError):
    """What was begun here is another run; the message says what differs. Run without --resume to begin anew."""


class TooManyBadError(Exception):
    """More rows were refused than the run allows. The refused rows are written, the answers are not."""


class NoRowsError(Exception):
    """IN holds no rows. Look at what should have written them."""


class NothingScoredError(Exception):
    """Every row was refused. The refused rows are written, no answers are."""


class ForeignOutputError(ValueError):
    """OUT is something that batch scoring did not make. Name another, or remove it."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where answers go: one file, or a folder with a file per chunk."""

    path: Path
    kind: str
    folder: bool

    @property
    def work(self) -> Path:
        """Where chunks lie until all are done."""
        return self.path.with_name(f".{self.path.name}.arki")

    @property
    def refused(self) -> Path:
        """The file of refused rows."""
        return self.beside("refused.csv")

    @property
    def refused_of_no_answers(self) -> Path:
        """Where the refused rows are when nothing is published: beside a file, but in no folder that holds older answers."""
        return self.work / "refused" if self.folder else self.refused

    def beside(self, name: str) -> Path:
        """A file that goes with the output: inside a folder, hidden from readers of data sets; next to a file."""
        if self.folder:
            return self.path / (name if name.startswith("_") else f"_{name}")
        return self.path.with_name(f"{self.path.name}.{name}")

    def check(self) -> None:
        """Raise `ForeignOutputError` where writing would destroy what is not ours."""
        ours = (self.path / "_manifest.json").exists() if self.folder else not self.path.is_dir()
        empty = self.path.is_dir() and not any(self.path.iterdir())
        if self.path.exists() and not ours and not (self.folder and empty):
            raise ForeignOutputError(
                f"{self.path} was not made by arki-score. Name another OUT, or remove it."
            )


class Plan(NamedTuple):
    """All of a run: what decides its bytes, its chunks, what it reads, and where it writes.

    `files` names the file of each path where there are several; `warnings` are sentences for whoever started the run.
    """

    job: ScoringJob
    chunks: Sequence[Chunk]
    sources: Sequence[Mapping[str, object]]
    output: Output
    files: Mapping[str, str] = MappingProxyType({})
    warnings: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """The run as plain JSON; two runs with equal ones give equal bytes."""
        return {
            "job": as_document(self.job),
            "sources": [dict(source) for source in self.sources],
            "chunks": len(self.chunks),
            "output": {"kind": self.output.kind, "folder": self.output.folder},
        }

    def tasks(self) -> list[Task]:
        """The chunks, numbered."""
        return [
            Task(number, chunk, self.files.get(chunk.path, "")) for number, chunk in enumerate(self.chunks)
        ]


class Outcome(NamedTuple):
    """What a run came to: its counts, how many chunks were done before, and what capacity was given."""

    tally: Tally
    resumed: int
    allocated: Mapping[str, Any] | None


def count_only(plan: Plan, engine: Engine, advance: Callable[[int, int], None]) -> Outcome:
    """Everything but writing."""
    tally = Tally()
    for document in engine(plan.job, plan.tasks(), None):
        one = tally_of(document["tally"])
        tally.add(one)
        advance(one.rows, one.refused)
    return Outcome(tally, 0, None)


def judge(tally: Tally, max_bad: float) -> None:
    """Do nothing where a run came to a result.

    Raises
    ------
    NoRowsError, NothingScoredError, TooManyBadError
    """
    if tally.scored and tally.refused <= max_bad * tally.rows:
        return
    codes = ", ".join(f"{code} {count:,}" for code, count in tally.groups["refused_code"].most_common(3))
    if not tally.rows:
        raise NoRowsError("IN holds no rows. There is nothing to score.")
    if not tally.scored:
        raise NothingScoredError(f"all {tally.rows:,} rows were refused ({codes}), so nothing is scored.")
    raise TooManyBadError(
        f"{tally.refused:,} of {tally.rows:,} rows were refused ({codes}), more than --max-bad {max_bad:.4g} allows."
    )


def run(
    plan: Plan,
    engine: Engine,
    advance: Callable[[int, int], None],
    *,
    resume: bool = False,
    max_bad: float,
) -> Outcome:
    """Score every chunk that is not done, then publish.

    Raises
    ------
    OtherRunError, NoRowsError, NothingScoredError, TooManyBadError, ForeignOutputError, BusyError
    """
    plan.output.check()
    store = ChunkStore(plan.output.work)
    with store.locked():
        done = _begun(store, plan.document(), resume=resume)
        resumed = len(done)
        for document in done.values():
            advance(document["tally"]["rows"], document["tally"]["refused"])
        tasks = [task for task in plan.tasks() if task.number not in done]
        with ExitStack() as stack:
            join = _Joiner(plan, store, stack)
            join.take(done)
            for document in engine(plan.job, tasks, str(store.folder)):
                done[document["task"]] = document
                advance(document["tally"]["rows"], document["tally"]["refused"])
                join.take(done)
            tally = Tally()
            for number in sorted(done):
                tally.add(tally_of(done[number]["tally"]))
            # Refused rows are written even where the run is then judged a failure: they say what to correct.
            _quarantine(plan, store, tally)
            judge(tally, max_bad)
            allocated = join.end(tally)
        _publish(plan, store, tally, allocated)
        store.remove()
    return Outcome(tally, resumed, allocated)


def _begun(store: ChunkStore, document: Mapping[str, object], *, resume: bool) -> dict[int, ChunkMark]:
    """What is done already of this very run; nothing where it begins anew."""
    begun = store.run() if resume else None
    if begun is None:
        store.begin(document)
        return {}
    # As the folder holds it: tuples become lists in JSON, and would otherwise differ.
    plain = orjson.loads(orjson.dumps(document))
    if begun != plain:
        differs = [name for name in plain if begun.get(name) != plain[name]]
        raise OtherRunError(
            f"{store.folder} holds another run ({', '.join(differs)} differ). Run without --resume to begin anew."
        )
    return store.done()


class _Joiner:
    """Joins parts in order while others are still being made; where capacity is to be given, only when all are there."""

    def __init__(self, plan: Plan, store: ChunkStore, stack: ExitStack) -> None:
        self._plan, self._store, self._next = plan, store, 0
        self._joined: answer_files.Joined | None = None
        output = plan.output
        if not output.folder:
            self._stack = stack
            self._open()

    def _open(self) -> None:
        output, job = self._plan.output, self._plan.job
        columns = (*job.columns, *((capacity.COLUMN,) if job.limits else ()))
        self._files = self._stack.enter_context(ExitStack())
        self._joined = self._files.enter_context(
            answer_files.joining(self._store.folder / "whole", output.kind, columns)
        )

    def take(self, done: Mapping[int, object]) -> None:
        """Append the parts that follow those already joined."""
        while self._joined is not None and not self._plan.job.limits and self._next in done:
            self._joined.add(self._store.path(self._next, "part"))
            self._next += 1

    def end(self, tally: Tally) -> Mapping[str, Any] | None:
        """Give capacity, if it is limited, and close the file."""
        allocated = None
        if self._plan.job.limits:
            allocated = capacity.give(self._plan.job, self._store, len(self._plan.chunks), tally)
            for number in range(len(self._plan.chunks) if self._joined else 0):
                self._joined.add(self._store.path(number, "given"))  # type: ignore[union-attr]
        if self._joined is not None:
            self._files.close()
        return allocated


def _quarantine(plan: Plan, store: ChunkStore, tally: Tally) -> None:
    """Write the refused rows of all chunks to one file, whole; it gets its name with the output."""
    if not tally.refused:
        return
    several = len(plan.sources) > 1
    with (store.folder / "refused").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*(["file"] if several else []), *QUARANTINE_COLUMNS])
        for number in range(len(plan.chunks)):
            path = store.path(number, "refused")
            if path.exists():
                table.writerows(orjson.loads(line) for line in path.read_bytes().splitlines())
    sync(store.folder / "refused")
    if not plan.output.folder:
        shutil.copyfile(store.folder / "refused", store.folder / "refused.out")
        (store.folder / "refused.out").replace(plan.output.refused)


def _publish(plan: Plan, store: ChunkStore, tally: Tally, allocated: Mapping[str, Any] | None) -> None:
    """Names, manifest and `_SUCCESS`, in this order."""
    output = plan.output
    # Taken away first, so that it never stands beside answers that are half replaced.
    output.beside(SUCCESS).unlink(missing_ok=True)
    if output.folder:
        names = _publish_folder(plan, store)
    else:
        if not tally.refused:
            output.refused.unlink(missing_ok=True)
        whole = store.folder / "whole"
        sync(whole)
        whole.replace(output.path)
        sync(output.path.parent)
        names = [output.path]
    manifest = {
        "format": MANIFEST_FORMAT,
        **plan.document(),
        "metadata": dict(plan.job.metadata),
        "tally": tally.as_json(),
        "capacity": allocated,
        "files": [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": digest(path)} for path in names
        ],
    }
    put(output.beside("manifest.json"), orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
    put(output.beside(SUCCESS), b"")


def _publish_folder(plan: Plan, store: ChunkStore) -> list[Path]:
    """Parts become the files of a folder, which gets its name by one rename; an older output makes way."""
    folder, output = store.folder / "folder", plan.output
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    what = "given" if plan.job.limits else "part"
    names = [f"part-{number:06d}{SUFFIX_OF[output.kind]}" for number in range(len(plan.chunks))]
    for number, name in enumerate(names):
        # Links, not moves: a crash leaves the chunks where a resumed run finds them, and no byte is copied.
        os.link(store.path(number, what), folder / name)
    if (store.folder / "refused").exists():
        (store.folder / "refused").replace(folder / "_refused.csv")
    sync(folder)
    if output.path.exists():
        # A folder that holds files cannot be renamed over, so the older one is moved into ours, which is removed at the end.
        output.path.rename(store.folder / "older")
    folder.rename(output.path)
    sync(output.path.parent)
    return [output.path / name for name in names]
