"""The task that every engine runs: read a chunk, score it, write its part.

A task needs only its chunk and the run; it gives the same bytes wherever and however often it runs. What it is made from
(the files of a bundle) travels with the run, once per process.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from models.columns.files import Chunk, read_chunk
from models.columns.rows import CARRIED, SIGNALS
from models.decision import bundle
from training.scoring import answer_files, capacity
from training.scoring.chunk_store import ChunkMark, ChunkStore
from training.scoring.job import Refusal, ScoredBatch, ScoringJob
from training.scoring.request import ScoringRequest
from training.scoring.scorer import REFUSED, Scored, Scorer
from training.scoring.tallies import ABSTAINED, NEUTRAL, Tally


class Task(NamedTuple):
    """A chunk with its number, and the name of its file where it is one of several."""

    number: int
    chunk: Chunk
    file: str = ""


def run_task(job: ScoringJob, task: Task, folder: str | None) -> ChunkMark:
    """Score a chunk and commit its part; without a folder, count only. What it tells is what the store keeps of it."""
    scorer = scorer_of(job.bundles, job.digest, job.asked)
    tally = Tally()
    tables: list[pa.Table] = []
    quarantine: list[Refusal] = []
    wishes: list[capacity.Wishes] = []
    for batch in _scored(scorer, task.chunk, job.asked.language_column):
        tally.rows += batch.rows
        quarantine += batch.refusals
        tally.refused += len({row for row, *_ in batch.refusals})
        if batch.scored is not None:
            counted(tally, batch.scored, scorer.segments)
            tally.groups["group"].update(scorer.groups(batch.scored))
            answers = batch.scored.batch
            if batch.scored.refused.any():
                answers = answers.filter(pc.is_null(answers.column(REFUSED)))
            if job.limits:
                offset = sum(table.num_rows for table in tables)
                wishes.append(capacity.wishes(scorer, batch, job.limits, job.seed, offset))
            tables.append(pa.Table.from_batches([answers.select(job.part_columns)]))
    tally.groups["refused_code"].update(code for _, code in {(row, code) for row, _, code, _ in quarantine})
    document: ChunkMark = {"task": task.number, "chunk": list(task.chunk), "tally": tally.as_json()}
    if folder is None:
        return document
    store = ChunkStore(Path(folder))
    with store.writing(task.number) as write:
        table = _joined(tables or [_no_answers(scorer, job)])
        write(
            "part",
            lambda path: answer_files.write_part(
                table, path, job.part_format, metadata=job.metadata, header=job.header
            ),
        )
        if quarantine:
            source = [task.file] if task.file else []
            lines = [orjson.dumps([*source, *row]) for row in quarantine]
            write("refused", lambda path: path.write_bytes(b"\n".join(lines) + b"\n"))
        if wishes:
            write("wishes", lambda path: capacity.write_wishes(wishes, path))
        return write.commit(document)


def _no_answers(scorer: Scorer, job: ScoringJob) -> pa.Table:
    empty = pa.RecordBatch.from_pydict({"customer_type": pa.array([], pa.string())})
    return pa.Table.from_batches([scorer.score(empty).select(job.part_columns)])


def _scored(scorer: Scorer, chunk: Chunk, language_column: str) -> Iterator[ScoredBatch]:
    wanted = {*SIGNALS, *CARRIED[:2], language_column}
    contract = scorer.recommender.contract
    for read in read_chunk(chunk, wanted, contract=contract, language_column=language_column):
        refusals: list[Refusal] = [(*each,) for each in read.unreadable]
        rows = len({row for row, *_ in refusals})
        scored = None
        if read.batch is not None and read.batch.num_rows:
            scored = scorer.scored(read.batch, textual=read.textual)
            rows += read.batch.num_rows
            if scored.refused.any():
                faults = scored.batch.column(REFUSED)
                for at in np.flatnonzero(scored.refused).tolist():
                    refusals += [(read.numbers[at], *each.values()) for each in faults[at].as_py()]
        yield ScoredBatch(rows, scored, read.batch, read.textual, read.numbers, sorted(refusals))


def counted(tally: Tally, scored: Scored, segments: Sequence[str]) -> None:
    """Count the answers of a batch."""
    batch, answered = scored.batch, ~scored.refused
    personalised = batch.column("personalised")
    tally.not_personalised += len(personalised) - personalised.null_count - personalised.true_count
    for name in ("channel", "content_type", "rule"):
        column = batch.column(f"item_1_{name}")
        numbers = np.bincount(
            pc.fill_null(column.indices.cast(pa.int32()), len(column.dictionary)).to_numpy(
                zero_copy_only=False
            ),
            minlength=len(column.dictionary),
        )
        for value, count in zip(column.dictionary.to_pylist(), numbers.tolist(), strict=False):
            if count:
                tally.groups[name][value] += count
    neutral = scored.neutral & answered
    for at, segment in enumerate(segments):
        tally.groups["segment"][segment] += int(np.count_nonzero(scored.segment == at))
    tally.groups["segment"][NEUTRAL] += int(np.count_nonzero(neutral))
    tally.groups["segment"][ABSTAINED] += int(np.count_nonzero((scored.segment < 0) & answered & ~neutral))
    tally.groups["segment"] = +tally.groups["segment"]


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """One table of a chunk's batches; the one column whose dictionary differs between them gets one."""
    table = pa.concat_tables(tables)
    if "statutory" not in table.schema.names:
        return table
    texts = pa.chunked_array([table["statutory"].cast(pa.string()).combine_chunks().dictionary_encode()])
    return table.set_column(table.schema.get_field_index("statutory"), "statutory", texts)


_SHIPPED: Final[dict[str, dict[str, bytes]]] = {}


def ship(digest: str, contents: dict[str, bytes]) -> None:
    """Keep the files of a bundle that came with a cluster's task, for a worker that does not see the folder of bundles."""
    _SHIPPED[digest] = contents


@lru_cache(maxsize=2)
def scorer_of(bundles: str, digest: str, request: ScoringRequest) -> Scorer:
    """The scorer of a bundle, once per process."""
    contents = _SHIPPED.get(digest) or bundle.read_contents(Path(bundles), digest)
    return Scorer(bundle.verified(digest, contents).recommender, request)


def as_document(job: ScoringJob) -> dict[str, Any]:
    """A job as plain JSON, for comparing runs and for the manifest."""
    document: dict[str, Any] = orjson.loads(orjson.dumps(dataclasses.asdict(job)))
    del document["bundles"]  # where, not what
    return document
