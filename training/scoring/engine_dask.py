"""The same tasks on Dask distributed: each reads its row groups, scores them and writes its own part; a lost worker costs its own.

Files are shared between workers, as on one machine; the files of the bundle travel to each worker once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from distributed import Client, LocalCluster, Worker, WorkerPlugin, as_completed

from models.decision import bundle
from training.scoring.chunk_store import ChunkMark
from training.scoring.engine_local import EngineError
from training.scoring.job import ScoringJob
from training.scoring.task import Task, run_task, ship

RETRIES: Final = 3


class ShippedBundle(WorkerPlugin):
    """The files of one bundle, handed to each worker when it starts, late ones and restarted ones too."""

    name = "arki-bundle"

    def __init__(self, digest: str, contents: dict[str, bytes]) -> None:
        self._digest, self._contents = digest, contents

    def setup(self, worker: Worker) -> None:  # noqa: ARG002  (the plugin's signature)
        """Keep the files where tasks look for them."""
        ship(self._digest, self._contents)


def run_on_dask(
    job: ScoringJob,
    tasks: Sequence[Task],
    folder: str | None,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
) -> Iterator[ChunkMark]:
    """What each task tells, as they end.

    Parameters
    ----------
    scheduler : str, optional
        Address of a running cluster; without one, a cluster of processes on this machine.
    workers : int, optional
        Processes of that cluster.

    Raises
    ------
    EngineError
        If the cluster is not there, or a task was lost again and again.
    """
    with ExitStack() as stack:
        address: Any = scheduler
        if scheduler is None:
            local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            address = stack.enter_context(local)
        try:
            client = stack.enter_context(Client(address, set_as_default=False))
        except OSError:
            raise EngineError(f"no Dask scheduler answers at {scheduler}") from None
        client.register_plugin(ShippedBundle(job.digest, bundle.read_contents(Path(job.bundles), job.digest)))
        futures = [
            client.submit(run_task, job, task, folder, pure=False, retries=RETRIES, key=f"arki-{task.number}")
            for task in tasks
        ]
        for future in as_completed(futures, loop=client.loop):
            if future.status == "error" and "KilledWorker" in type(future.exception()).__name__:
                raise EngineError("workers were lost again and again at the same chunk (out of memory?)")
            yield future.result()
