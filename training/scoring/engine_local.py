"""The engine of one machine: the tasks of a run in this process, or in worker processes that share nothing but files."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process

import pyarrow as pa

from training.scoring.chunk_store import ChunkMark
from training.scoring.job import ScoringJob
from training.scoring.task import Task, run_task


class EngineError(Exception):
    """Work that an engine could not finish; the message says why. What is done is kept, so the run can be resumed."""


def run_here(
    job: ScoringJob, tasks: Sequence[Task], folder: str | None, *, workers: int
) -> Iterator[ChunkMark]:
    """What each task tells, as they end.

    Raises
    ------
    EngineError
        If a worker process died.
    """
    if workers == 1 or len(tasks) <= 1:
        for task in tasks:
            yield run_task(job, task, folder)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        for future in as_completed([pool.submit(run_task, job, task, folder) for task in tasks]):
            yield future.result()
    except BrokenProcessPool:
        raise EngineError("a worker process was lost (killed, or out of memory)") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """One thread of Arrow per process; Ctrl+C is the parent's to answer, and a worker never outlives its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.set_cpu_count(1)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
