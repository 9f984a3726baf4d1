"""The same function on Apache Spark, for customers that already lie there: a frame in, a frame of answers out.

Spark hands each worker Arrow record batches (`mapInArrow`); the files of the bundle are broadcast once. `run_on_spark` is
the engine of `arki-score --engine spark`: the same tasks on Spark's executors, so the same parts and the same crash safety.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from models.decision import bundle
from training.scoring.chunk_store import ChunkMark
from training.scoring.engine_local import EngineError
from training.scoring.job import ScoringJob
from training.scoring.request import ScoringRequest
from training.scoring.task import Task, run_task, scorer_of, ship

JAVA: Final = 17


def spark_recommendations(
    customers: DataFrame, request: ScoringRequest, bundles: Path, digest: str | None = None
) -> DataFrame:
    """The answers to a frame of customers: the columns of `ScoringRequest.columns` and ``refused``, a list of faults.

    Parameters
    ----------
    customers : DataFrame
        ``customer_type``, and any signals; lists as arrays, life events as arrays of struct(event, months_ago).
    request : ScoringRequest
    bundles : Path
        Folder of bundles, read on the driver alone.
    digest : str, optional
        The bundle to answer from; the current one if left out.
    """
    named = digest or bundle.current(bundles)
    if named is None:
        raise bundle.BundleError(f"no bundle is active in {bundles}; run `make setup`")
    shipped = customers.sparkSession.sparkContext.broadcast(bundle.read_contents(bundles, named))

    def answered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        ship(named, shipped.value)
        scorer = scorer_of("", named, request)
        for batch in batches:
            yield _plain(scorer.score(batch))

    ship(named, shipped.value)
    empty = pa.RecordBatch.from_pydict({"customer_type": pa.array([], pa.string())})
    columns = {field.name: field.type for field in _plain(scorer_of("", named, request).score(empty)).schema}
    return customers.mapInArrow(
        answered, ", ".join(f"`{n}` {_SQL.get(str(t), 'string')}" for n, t in columns.items())
    )


_SQL: Final = {
    "bool": "boolean",
    "double": "double",
    "list<item: struct<column: string, code: string, message: string>>": "array<struct<column:string,code:string,message:string>>",
}


def run_on_spark(
    job: ScoringJob, tasks: Sequence[Task], folder: str | None, *, master: str
) -> Iterator[ChunkMark]:
    """What each task tells. Raises `EngineError` where no fit Java is found, or Spark gives up."""
    _need_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.master(master)
        .appName("arki-score")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    try:
        shipped = session.sparkContext.broadcast(bundle.read_contents(Path(job.bundles), job.digest))

        def run_shipped(task: Task) -> ChunkMark:
            ship(job.digest, shipped.value)
            return run_task(job, task, folder)

        if tasks:
            yield from (
                session.sparkContext.parallelize(tasks, len(tasks))
                .map(run_shipped)
                .toLocalIterator(prefetchPartitions=True)
            )
    finally:
        session.stop()


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same batch without dictionaries, which Spark does not read."""
    columns = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _need_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    command = [java or "java", "-version"]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stderr if java else ""  # noqa: S603  (the java of this machine)
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < JAVA:
        installed = "none was found" if version is None else f"Java {version[1]} was found"
        raise EngineError(
            f"--engine spark needs Java {JAVA} or newer, and {installed}. Install it, or set JAVA_HOME"
        )
