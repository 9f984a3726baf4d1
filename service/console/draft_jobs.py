"""Long work in child processes: started by one worker, seen by all, tied to the key that asked for it.

A job is a folder with an unguessable name in the folder of drafts: what was sent, how far it came, what came of it. The child
inherits a locked file, so that any worker sees whether it still lives; one child works at a time, the others wait for
their turn. Jobs go after an hour, or when newer ones need the room; together they take `MOST_BYTES` at most, and what has no
room is refused. Nothing here is about a customer.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from models.contract.environment import BUNDLES
from service.api.problems import NotFoundError
from service.console.job_files import JOB, RESULT, JobFileError, read_job_file, write_job_file

KEPT_S: Final = 3600
MOST_KEPT: Final = 12
MOST_UNFINISHED: Final = 4
MOST_OF_A_KEY: Final = 2
"""Unfinished ones that were asked for with one key, so that nobody keeps all others waiting."""
MOST_BYTES: Final = 48 << 20
JOB_BYTES: Final = 6 << 20
"""What a job takes at most: 2 MB sent, the draft made of it, and its results; `work` allows no larger file."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_CODE: Final = Path(__file__).parent.parent.parent
_LOG: Final = 2  # standard error, where `service.observability.logs` writes
_THREADS: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
State = Literal["waiting", "running", "done", "failed"]


class DraftsBusyError(RuntimeError):
    """As much is being worked on as may be. Try again in a moment."""


@dataclass(frozen=True, slots=True)
class DraftJob:
    """What is known of one piece of work.

    Attributes
    ----------
    key_id : str or None
        The key that asked for it; None for the development key.
    kind : {"check", "export"}
    asked : mapping
        What it was started with, the names of files sent among them.
    stage : str
        The last stage that the child has begun.
    seconds : float
        Since it was started.
    result : mapping or None
        What the child found, once it is done.
    """

    token: str
    folder: Path
    key_id: str | None
    kind: str
    asked: Mapping[str, Any]
    state: State
    stage: str
    seconds: float
    result: Mapping[str, Any] | None


@dataclass(slots=True)
class Jobs:
    """The jobs of an installation, in a folder that its workers share.

    Parameters
    ----------
    folder : Path or None
        Where jobs live; a private temporary folder if None.
    bundles : Path
        Where bundles live, for the child.
    """

    folder: Path | None
    bundles: Path
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, kind: str, key_id: str | None, files: Mapping[str, bytes], asked: Mapping[str, Any]
    ) -> str:
        """Start a job and return its name. Raises `DraftsBusyError`, also where there is no room on the disk."""
        self._tidy()
        unfinished = [job for job in self._all() if job.state in {"waiting", "running"}]
        own = sum(job.key_id == key_id for job in unfinished if key_id is not None)
        if len(unfinished) >= MOST_UNFINISHED or own >= MOST_OF_A_KEY:
            raise DraftsBusyError
        if self._bytes() + (len(unfinished) + 1) * JOB_BYTES > MOST_BYTES:
            raise DraftsBusyError
        token = secrets.token_urlsafe(16)
        folder = self._root() / token
        try:
            (folder / "sent").mkdir(mode=0o700, parents=True)
            for name, content in files.items():
                (folder / "sent" / name).write_bytes(content)
            order = {"kind": kind, "key": key_id, "at": time.time(), "asked": dict(asked)}
            write_job_file(folder / "job.json", JOB, order)
            self._spawn(folder)
        except OSError as error:  # no room, no more processes or files
            shutil.rmtree(folder, ignore_errors=True)
            raise DraftsBusyError from error
        return token

    def find(self, token: str, key_id: str | None) -> DraftJob:
        """A job by its name, for the key that started it. Raises `NotFoundError`."""
        self._reap()
        folder = self._root() / token
        try:
            job = _job(folder) if _TOKEN.fullmatch(token) and folder.is_dir() else None
        except JobFileError:  # of another version, which wrote other fields
            job = None
        if job is None or job.key_id != key_id:
            raise NotFoundError("There is no such work, or it was too long ago.")
        return job

    def of_key(self, key_id: str | None) -> list[DraftJob]:
        """All jobs of a key, the newest first."""
        self._tidy()
        mine = [job for job in self._all() if job.key_id == key_id]
        return sorted(mine, key=lambda job: job.seconds)

    def _spawn(self, folder: Path) -> None:
        environ = {
            BUNDLES: str(self.bundles.absolute()),
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(_CODE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            **_THREADS,
        }
        lock = os.open(folder / "alive", os.O_RDWR | os.O_CREAT, 0o600)
        log = os.dup(_LOG)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the child keeps it by inheriting it, until it ends
            self._children.append(
                subprocess.Popen(  # noqa: S603  (our own module, by a fixed command)
                    [sys.executable, "-m", "service.console.draft_worker", str(folder), str(log)],
                    env=environ,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(lock, log),
                    start_new_session=True,
                )
            )
        finally:
            os.close(lock)
            os.close(log)

    def _root(self) -> Path:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="arki-console-"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder

    def _all(self) -> Iterator[DraftJob]:
        for folder in self._root().iterdir():
            if _TOKEN.fullmatch(folder.name):
                with suppress(
                    OSError, ValueError, LookupError, TypeError
                ):  # being made or removed, or of another version
                    yield _job(folder, is_checked=False)

    def _bytes(self) -> int:
        """What all jobs take."""
        total = 0
        for folder, _, names in os.walk(self._root()):
            for name in names:
                with suppress(OSError):  # another worker is removing it
                    total += (Path(folder) / name).stat().st_size
        return total

    def _tidy(self) -> None:
        """Remove what is old, and the oldest of what is finished where there is too much."""
        self._reap()
        jobs = sorted(self._all(), key=lambda job: job.seconds)
        finished = [job for job in jobs if job.state in {"done", "failed"}]
        for (
            folder
        ) in self._root().iterdir():  # those that cannot be read too: another version may have made them
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > KEPT_S:
                    shutil.rmtree(folder, ignore_errors=True)
        for job in jobs:
            if job.seconds > KEPT_S or job in finished[MOST_KEPT - 1 :]:
                shutil.rmtree(job.folder, ignore_errors=True)
        while len(finished) > 1 and self._bytes() > MOST_BYTES - MOST_UNFINISHED * JOB_BYTES:
            shutil.rmtree(finished.pop().folder, ignore_errors=True)

    def _reap(self) -> None:
        self._children[:] = [child for child in self._children if child.poll() is None]


def _job(folder: Path, *, is_checked: bool = True) -> DraftJob:
    """The job of a folder. For lists it is not checked, since a check costs as much as a page."""
    job, outcome = (JOB, RESULT) if is_checked else (None, None)

    def result_in(name: str) -> dict[str, Any] | None:
        return read_job_file(folder / name, outcome) if (folder / name).exists() else None

    asked = read_job_file(folder / "job.json", job)
    result = result_in("result.json")
    alive = result is None and _is_held(folder / "alive")
    if result is None and not alive:
        # It ended between the two looks, or was killed when its findings were ready.
        result = result_in("result.json") or result_in("checked.json")
    stage = (folder / "stage").read_text() if (folder / "stage").exists() else "waiting"
    if result is not None:
        state: State = "failed" if "failure" in result else "done"
    elif alive:
        state = "waiting" if stage == "waiting" else "running"
    else:
        state = "failed"
    return DraftJob(
        folder.name,
        folder,
        asked["key"],
        asked["kind"],
        asked["asked"],
        state,
        stage,
        time.time() - asked["at"],
        result,
    )


def _is_held(lock: Path) -> bool:
    """Whether the child that inherited the lock still lives."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return True  # it is being started
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
