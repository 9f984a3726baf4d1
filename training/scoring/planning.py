"""From a command line to a plan: which files in which chunks, from which bundle, on which day, by which engine."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from models.columns.files import (
    CustomerFileError,
    check_columns,
    chunks,
    columns_of,
    customer_files,
    key_type,
)
from models.columns.partitions import partitions_of, used
from models.columns.paths import names_apart
from models.columns.rows import CARRIED, KEY, TYPE
from models.contract.channels import HELSINKI
from models.contract.environment import bundles_folder
from models.decision import bundle
from training.scoring.answer_files import part_format
from training.scoring.chunk_store import ChunkStore
from training.scoring.engine_local import run_here
from training.scoring.file_schemas import check_same_columns
from training.scoring.job import ScoringJob
from training.scoring.options import Options
from training.scoring.request import ScoringRequest
from training.scoring.runs import Engine, NoRowsError, Output, Plan

SMALL_ROWS: Final = 400_000
"""Rows for which starting a second process costs more than it saves."""


@contextmanager
def planned(options: Options) -> Iterator[Plan]:
    """The plan of a command line; what was taken from standard input is kept as long.

    Raises
    ------
    CustomerFileError
        If IN cannot be read, names a foreign column, or its files disagree about columns that must not be lost.
    NoRowsError
        If it has no rows.
    BundleError
        If there is no bundle to answer from.
    click.BadParameter
        If an option names a language or channel that the bundle has not.
    """
    with ExitStack() as stack:
        output = _output(options, stack)
        begun = (ChunkStore(output.work).run() or {}).get("job", {}) if options.resume else {}
        served = _bundle(begun)
        options.check_codes(served.recommender.vocabulary)
        paths = [_spooled(stack)] if options.source == "-" else customer_files(options.source)
        for path in paths:
            _check(path, options.language_column)
        if len({key_type(path) for path in paths}) > 1:
            raise CustomerFileError(
                f"{options.source}: {KEY} has another type in some files. Give all the same."
            )
        cut = [chunk for path in paths for chunk in chunks(path, options.chunk_rows)]
        if not sum(chunk.rows for chunk in cut):
            raise NoRowsError(f"{options.source} holds no rows. There is nothing to score.")
        warnings = check_same_columns(paths, served.recommender.contract)
        job = _job(options, output, served, begun)
        names = dict(zip(paths, names_apart(paths), strict=True))
        yield Plan(
            job,
            cut,
            [_described(path, names[path], options) for path in paths],
            output,
            {str(path): name for path, name in names.items()} if len(paths) > 1 else {},
            warnings,
        )


def engine_of(options: Options, plan: Plan) -> Engine:
    """What runs the tasks."""
    if options.engine == "dask":
        from training.scoring.engine_dask import run_on_dask  # noqa: PLC0415  (an extra)

        return partial(run_on_dask, scheduler=options.scheduler, workers=options.workers)
    if options.engine == "spark":
        from training.scoring.engine_spark import run_on_spark  # noqa: PLC0415  (an extra)

        return partial(run_on_spark, master=options.master)
    small = sum(chunk.rows for chunk in plan.chunks) < SMALL_ROWS
    return partial(run_here, workers=options.workers or (1 if small else os.cpu_count() or 1))


def _check(path: Path, language_column: str) -> None:
    names = columns_of(path, also={language_column})
    try:
        check_columns(names, also={language_column})
        if names and TYPE not in names:
            raise CustomerFileError(f"has no column {TYPE}. Add it: person or employer.")  # noqa: TRY301
    except CustomerFileError as error:
        raise CustomerFileError(f"{path}: {error}") from None
    if language_column not in {*names, CARRIED[2]} and names:
        raise CustomerFileError(f"{path}: has no column {language_column}, named by --language-column.")


def _bundle(begun: Mapping[str, Any]) -> bundle.Bundle:
    """The bundle to answer from: that of the run which is resumed, else the current one."""
    folder = bundles_folder().absolute()
    digest = begun.get("digest") or bundle.current(folder)
    if digest is None:
        raise bundle.BundleError(f"no bundle is active in {folder}; run `make setup`")
    return bundle.load(folder, digest)


def _job(options: Options, output: Output, served: bundle.Bundle, begun: Mapping[str, Any]) -> ScoringJob:
    recommender = served.recommender
    day = options.as_of or datetime.now(HELSINKI).date()
    if options.as_of is None and begun:
        day = datetime.fromisoformat(begun["asked"]["at"]).date()
    request = ScoringRequest(
        datetime.combine(day, datetime.min.time(), HELSINKI),
        options.language or recommender.vocabulary.default_language,
        options.limit,
        options.with_segment,
        options.with_texts,
        options.language_column,
    )
    limits = options.capacity or ()
    final = part_format(options.kind, folder=output.folder)
    return ScoringJob(
        request,
        str(bundles_folder().absolute()),
        served.digest,
        "arrow" if limits else final,
        _columns(options, request),
        _metadata(options, day, recommender.rulebook.answer_valid_days)
        | {name: str(value) for name, value in recommender.versions._asdict().items()},
        header=output.folder and options.kind == "csv",
        limits=limits,
        given_format=final,
        seed=options.seed,
    )


def _columns(options: Options, request: ScoringRequest) -> tuple[str, ...]:
    if not options.columns:
        return request.columns
    wanted = [name.strip() for name in options.columns.split(",")]
    foreign = [name for name in wanted if name not in request.columns]
    if foreign:
        raise CustomerFileError(
            f"--columns names {foreign[0]}, which answers do not have. They have: {', '.join(request.columns)}."
        )
    return tuple(dict.fromkeys(wanted))


def _metadata(options: Options, day: date, valid_days: int) -> dict[str, str]:
    metadata = {"as_of": day.isoformat(), "information_only": "true"}
    if options.with_segment:
        until = day + timedelta(days=valid_days)
        metadata |= {"purpose": str(options.purpose), "valid_until": until.isoformat()}
    return metadata


def _output(options: Options, stack: ExitStack) -> Output:
    if options.target == "-":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="arki-score-")))
        return Output(folder / "answers", options.kind, folder=False)
    return Output(Path(options.target), options.kind, options.folder)


def _described(path: Path, name: str, options: Options) -> dict[str, object]:
    """What tells a source from another; the bytes of standard input are not known again."""
    stat = path.stat()
    if options.source == "-":
        return {"name": "-", "bytes": stat.st_size}
    partitions = dict(used(partitions_of(path), {options.language_column}))
    described = {"name": name, "bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
    return described | ({"partitions": partitions} if partitions else {})


def _spooled(stack: ExitStack) -> Path:
    """Standard input as a file, so that it can be cut into chunks."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="arki-score-"))
    path = Path(folder) / "standard-input.part"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    return path
