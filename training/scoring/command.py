"""Batch scoring, `arki-score IN OUT`: customers in, answers out, by the same function as the API's.

This module is the command: what may be asked, what is told, and with which exit code it ends. The work is in `runs`.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from models.cli.missing_extras import with_extra
from models.columns.local_paths import LocalPath
from models.contract.environment import bundles_folder
from training.scoring.options import CAPACITY, SHARE, Options, as_of_day

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from training.scoring.request import ScoringRequest
    from training.scoring.runs import Plan

COULD_NOT, WRONG_USE, NO_RESULT, INTERRUPTED = 1, 2, 3, 130
_SPOOLED: Final = re.compile(r"\S*standard-input\.part")
ENGINES: Final = ("local", "dask", "spark")
_LIBRARIES: Final = {"dask": "distributed", "spark": "pyspark"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="IN", type=LocalPath(readable=False, path_type=str))
@click.argument("target", metavar="OUT", type=LocalPath(readable=False, path_type=str))
@click.option(
    "--as-of", callback=as_of_day, help="The day of the answers, as 2026-05-31.  [default: today in Finland]"
)
@click.option(
    "--language",
    metavar="L",
    help="Where a row says none: a language of the bundle.  [default: its first, as fi]",
)
@click.option(
    "--language-column",
    default="language",
    show_default=True,
    metavar="C",
    help="Column of each row's language.",
)
@click.option("--limit", type=click.IntRange(1, 10), default=3, show_default=True, help="Items per customer.")
@click.option("--columns", metavar="A,B,…", help="Columns of the answers to write.  [default: all]")
@click.option("--with-texts", is_flag=True, help="Add each item's reason as the customer reads it.")
@click.option("--with-segment", is_flag=True, help="Add segment columns, for checking the mapping only.")
@click.option("--purpose", metavar="TEXT", help="Why segments are needed; required with --with-segment.")
@click.option(
    "--out-format",
    type=click.Choice(["parquet", "csv", "jsonl", "arrow"]),
    help="Where OUT does not tell: a folder, or -.",
)
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes.  [default: one per core, one for small files]"
)
@click.option(
    "--chunk-rows",
    type=click.IntRange(1),
    default=131_072,
    show_default=True,
    help="Rows that a crash costs at most.",
)
@click.option(
    "--max-bad",
    type=SHARE,
    default="5%",
    show_default=True,
    metavar="5%",
    help="Share of refused rows above which nothing is published; 100% publishes whatever was scored.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with a run of the same IN, OUT and options that ended early."
)
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option(
    "--capacity",
    type=CAPACITY,
    metavar="C=N,…",
    help="How many may be offered a channel first, as phone_appointment=5000.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the draw among equals, with --capacity.",
)
@click.option("--engine", type=click.Choice(ENGINES), default="local", show_default=True)
@click.option(
    "--scheduler", metavar="tcp://…", help="Of a running Dask cluster.  [default: one on this machine]"
)
@click.option("--master", default="local[2]", show_default=True, help="Of Spark.")
@click.option(
    "--report",
    type=LocalPath(dir_okay=False),
    help="Write the summary with plots as one HTML page.",
)
@click.option("--json", "as_json", is_flag=True, help="Tell the summary as JSON.")
@click.option("--no-input", is_flag=True, help="Never ask; an older OUT is replaced.")
def main(source: str, target: str, **arguments: object) -> None:
    """Score the customers in IN and write their answers to OUT.

    IN: Parquet, CSV, JSON Lines or Arrow; a file, a folder, a glob, or - for standard input. OUT: a file of one of these
    formats, a folder (a name without ending: one Parquet file per chunk), or -.

    IN has the columns customer_ref (optional), customer_type, a language (optional) and any signals. In CSV an empty cell is
    unknown, lists are written a;b, life events KE8:1;KE4.2:3, a list known to be empty -. Rows that break the signal contract go
    to OUT.refused.csv (row, column, code, message; never a value).

    Exit codes: 0 scored; 1 could not go on (what was done is kept for --resume); 2 wrong use; 3 nothing scored, or more bad
    rows than --max-bad; 130 interrupted.
    """
    options = Options(source=source, target=target, **arguments)  # type: ignore[arg-type]
    options.check()
    with _ending(options):
        _score(options)


def spark_recommendations(customers: DataFrame, request: ScoringRequest | None = None) -> DataFrame:
    """The answers to a Spark frame of customers: a row each, with the faults of a refused one in ``refused``.

    Parameters
    ----------
    customers : pyspark.sql.DataFrame
        ``customer_type``, and any signals.
    request : ScoringRequest, optional
        Day, language and number of items; today in Finnish if left out.

    Raises
    ------
    BundleError
        If no bundle is active in `ARKI_BUNDLES`.
    """
    from datetime import datetime  # noqa: PLC0415

    from models.contract.channels import HELSINKI  # noqa: PLC0415
    from training.scoring import engine_spark  # noqa: PLC0415  (an extra)
    from training.scoring.request import ScoringRequest  # noqa: PLC0415

    bundles = bundles_folder()
    return engine_spark.spark_recommendations(
        customers, request or ScoringRequest(datetime.now(HELSINKI)), bundles
    )


def _score(options: Options) -> None:
    if options.engine in _LIBRARIES:  # the first to be missed, since its extra brings the others
        importlib.import_module(_LIBRARIES[options.engine])
    from training.progress import RowProgress  # noqa: PLC0415
    from training.scoring import planning, runs  # noqa: PLC0415  (heavy)
    from training.scoring.report import report, summary  # noqa: PLC0415

    _ask_before_replacing(options)
    began = time.perf_counter()
    with planning.planned(options) as plan:
        _log_purpose(options)
        engine = planning.engine_of(options, plan)
        with RowProgress(sum(chunk.rows for chunk in plan.chunks)) as progress:
            if options.dry_run:
                outcome = runs.count_only(plan, engine, progress.advance)
            else:
                outcome = runs.run(
                    plan, engine, progress.advance, resume=options.resume, max_bad=options.max_bad
                )
        seconds = time.perf_counter() - began
        if options.report:
            report(options.report, plan, outcome, seconds)
        click.echo(summary(options, plan, outcome, seconds), err=options.target == "-")
        if options.dry_run:
            runs.judge(outcome.tally, options.max_bad)
        if options.target == "-" and not options.dry_run:
            _to_stdout(plan)


def _to_stdout(plan: Plan) -> None:
    import shutil  # noqa: PLC0415

    with plan.output.path.open("rb") as answers:
        shutil.copyfileobj(answers, sys.stdout.buffer, 1 << 20)
    sys.stdout.buffer.flush()


def _ask_before_replacing(options: Options) -> None:
    asks = sys.stdin.isatty() and not (options.no_input or options.dry_run or options.resume)
    if asks and options.target != "-" and Path(options.target).exists():
        click.confirm(f"{options.target} exists. Replace it?", abort=True, err=True)


def _log_purpose(options: Options) -> None:
    if options.with_segment:
        click.echo(f"arki-score: segments are written for: {options.purpose}", err=True)


@contextmanager
def _ending(options: Options) -> Iterator[None]:
    """Every way a run can end, told in a sentence, with its exit code."""
    from models.decision.bundle import BundleError  # noqa: PLC0415

    how_to_resume = (
        ""
        if options.dry_run or "-" in (options.source, options.target)
        else " What was done is kept: run again with --resume."
    )
    try:
        yield
    except (click.exceptions.Exit, ModuleNotFoundError):
        raise
    except (KeyboardInterrupt, click.exceptions.Abort):
        _stop(f"stopped.{how_to_resume}", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _stop("whoever was reading the answers has gone.", COULD_NOT)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        why = (
            "no space is left to write to"
            if full
            else f"{error.strerror or error} ({error.filename or options.target})"
        )
        _stop(f"{why}.{how_to_resume}", COULD_NOT)
    except BundleError as error:
        _stop(str(error), COULD_NOT)
    except Exception as error:  # noqa: BLE001  (told apart below; what is not known is raised again)
        _stop_for(error, options, how_to_resume)


def _stop_for(error: Exception, options: Options, how_to_resume: str) -> None:
    from models.columns.files import CustomerFileError  # noqa: PLC0415
    from training.scoring.chunk_store import BusyError  # noqa: PLC0415
    from training.scoring.engine_local import EngineError  # noqa: PLC0415
    from training.scoring.runs import (  # noqa: PLC0415
        ForeignOutputError,
        NoRowsError,
        NothingScoredError,
        OtherRunError,
        TooManyBadError,
    )

    if isinstance(error, NoRowsError):
        _stop(_SPOOLED.sub("standard input", str(error)), NO_RESULT)
    if isinstance(error, TooManyBadError | NothingScoredError):
        _stop(f"{error} No answers are published.{_refused_rows(options)}", NO_RESULT)
    if isinstance(error, OtherRunError | ForeignOutputError):
        _stop(str(error), WRONG_USE)
    if isinstance(error, EngineError):
        _stop(f"{error}.{how_to_resume}", COULD_NOT)
    if isinstance(error, CustomerFileError | BusyError):
        _stop(_SPOOLED.sub("standard input", str(error)), COULD_NOT)
    raise error


def _refused_rows(options: Options) -> str:
    """Where the reasons are, if they were written and are still there."""
    from training.scoring.runs import Output  # noqa: PLC0415  (heavy)

    where = Output(Path(options.target), options.kind, options.folder).refused_of_no_answers
    written = not options.dry_run and options.target != "-" and where.exists()
    return f" Refused rows, with reasons: {where}" if written else ""


def _stop(message: str, code: int) -> None:
    click.echo(f"arki-score: {message}", err=True)
    sys.exit(code)


with_extra(main, "score")
