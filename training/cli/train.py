"""``arki-train``: fit, calibrate, compile, prove, measure, judge and write the model's files; or write a simulated population.

With no subcommand it trains. Heavy libraries are imported only where a command needs them, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from models.cli.missing_extras import with_extra
from models.columns.local_paths import LocalPath
from training.cli.models import compare, drift, promote, sign
from training.cli.outcomes import estimate_draft, read_outcomes, tell_agreement
from training.progress import step
from training.reporting.artifacts import ARTIFACTS
from training.segments import inferred_segments

if TYPE_CHECKING:
    from training.learning.documents import Manifest
    from training.learning.run import TrainingReport, TrainingRequest
    from training.learning.signatures import Signature

DEFAULT_CUSTOMERS: Final = 200_000
QUICK_CUSTOMERS: Final = 12_000
QUICK_BOOTSTRAP: Final = 40
DEFAULT_SEED: Final = 20_261_121
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_PROCESSES = click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=min(2, os.cpu_count() or 1),
    show_default=True,
    help="To simulate in; the result is the same whatever their number.",
)


def _named(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """The segments of ``--segments``."""
    from models.decision.scorecard import can_be_inferred  # noqa: PLC0415  (heavy)

    if text is None:
        return None
    segments = tuple(name.strip() for name in text.split(","))
    if not can_be_inferred(segments):
        raise click.BadParameter(
            f"{text} is no list of segments: give two distinct codes or more, of small letters, digits and underscores after a"
            " letter, with commas between them; employer is known, and unknown is none"
        )
    return segments


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    type=LocalPath(exists=True, dir_okay=False),
    help="Labelled customers, .parquet or .csv: the signal contract plus segment, optionally weight, customer_ref and"
    " audit_ columns. Default: the simulation.",
)
@click.option(
    "--out",
    type=LocalPath(file_okay=False),
    default=ARTIFACTS,
    help="Directory of the model's files.  [default: models/artifacts]",
)
@click.option(
    "--config",
    type=LocalPath(exists=True, dir_okay=False),
    help="Gates and their limits.  [default: training/config.toml]",
)
@click.option(
    "--signatures",
    type=LocalPath(exists=True, dir_okay=False),
    help="Signed reasons of an earlier training of the same data, as `arki-train sign` prints them."
    "  [default: training/signatures.toml, the shipped model's]",
)
@click.option(
    "--customers",
    type=click.IntRange(2_000, 5_000_000),
    default=None,
    help=f"Simulated customers to train on.  [default: {DEFAULT_CUSTOMERS}]",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=DEFAULT_SEED, show_default=True)
@click.option(
    "--outcomes",
    type=LocalPath(exists=True, dir_okay=False),
    help="What `arki-outcomes export` wrote: tells how outcomes agree with segments. Nothing is trained on it.",
)
@click.option(
    "--segments",
    callback=_named,
    metavar="A,B,...",
    help="Every segment that the labels of --data may name, in the order of the model's rows; two or more."
    "  [default: those that the shipped model infers]",
)
@click.option("--quick", is_flag=True, help=f"A small simulation of {QUICK_CUSTOMERS} customers, for tests.")
@_PROCESSES
@click.pass_context
def main(  # noqa: PLR0913  (each is an option of the command)
    context: click.Context,
    data: Path | None,
    out: Path,
    config: Path | None,
    signatures: Path | None,
    customers: int | None,
    seed: int,
    *,
    outcomes: Path | None,
    segments: tuple[str, ...] | None,
    quick: bool,
    processes: int,
) -> None:
    """Train the segment model and write its scorecard, estimator, manifest, card, evaluation and register entry.

    The model suggests content and channel, nothing else. Trained on the simulation, its figures measure how well Arki's
    own labelling guideline is recovered, not validity at Kela. Nothing is written where a gate that stops a training fails.
    """
    if context.invoked_subcommand is None:
        if data is not None and (customers or quick):
            raise click.UsageError(
                "--customers and --quick belong to the simulation; leave them out with --data."
            )
        if data is None and segments:
            raise click.UsageError("--segments says what the labels of --data may name; give both.")
        _limit_threads()
        n_customers = customers or (QUICK_CUSTOMERS if quick else DEFAULT_CUSTOMERS)
        with _told_plainly():
            from training.learning.run import TrainingRequest  # noqa: PLC0415  (heavy)

            log = read_outcomes(outcomes) if outcomes else None
            limits, signed = _judged_by(config, signatures, quick=quick)
            inferred = segments or inferred_segments()
            request = TrainingRequest(data, n_customers, seed, limits, processes, signed, inferred)
            _train(request, out, tell_void=signatures is not None)
            if log is not None:
                tell_agreement(log)


main.add_command(compare)
main.add_command(drift)
main.add_command(sign)
main.add_command(promote)
main.add_command(estimate_draft)


@main.command("population")
@click.argument("out", type=LocalPath(dir_okay=False))
@click.option("--customers", type=click.IntRange(1, 20_000_000), default=100_000, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=DEFAULT_SEED, show_default=True)
@click.option(
    "--with-labels", is_flag=True, help="Add segment and audit_ columns: a file for arki-train --data."
)
@_PROCESSES
def population_command(out: Path, customers: int, seed: int, *, with_labels: bool, processes: int) -> None:
    """Write simulated customers to OUT (.csv or .parquet), a file for arki-score.

    In CSV, an empty cell is unknown, lists are a;b, life events KE8:1;KE4.2:3, and a list known to be empty is -.
    """
    _limit_threads()
    with _told_plainly():
        from training.files import write_tables  # noqa: PLC0415  (heavy)
        from training.simulation.population import population_blocks  # noqa: PLC0415  (heavy)

        blocks = (
            table
            if with_labels
            else table.drop_columns(
                [n for n in table.column_names if n == "segment" or n.startswith("audit_")]
            )
            for table in population_blocks(customers, seed, processes=processes)
        )
        columns = write_tables(blocks, out)
    click.echo(f"{out}: {customers:,} simulated customers, {columns} columns.")


def _judged_by(
    config: Path | None, signatures: Path | None, *, quick: bool
) -> tuple[dict[str, Any], tuple[Signature, ...]]:
    from training.learning.gates import CONFIG, read_config  # noqa: PLC0415  (heavy)
    from training.learning.signatures import SHIPPED, read_signatures  # noqa: PLC0415  (heavy)

    limits = read_config(config or CONFIG)
    if quick:
        limits["evaluation"]["bootstrap"] = min(QUICK_BOOTSTRAP, limits["evaluation"]["bootstrap"])
    return limits, tuple(read_signatures(signatures or SHIPPED))


def _train(request: TrainingRequest, out: Path, *, tell_void: bool) -> None:
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  (heavy)

    from training.learning.run import train  # noqa: PLC0415  (heavy)
    from training.reporting.artifacts import write  # noqa: PLC0415  (heavy)

    with threadpool_limits(1):
        report = train(request)
    with step(f"Writing {out}"):
        write(report, out)
    _tell(report, out)
    for void in report.void if tell_void else ():
        click.echo(void)


def _tell(report: TrainingReport, out: Path) -> None:
    from training.reporting.card_figures import share  # noqa: PLC0415  (heavy)
    from training.reporting.model_card import unknown_signals  # noqa: PLC0415  (heavy)

    manifest = report.manifest
    click.echo(f"{'':34}{'log loss':>10}{'macro F1':>10}{'Brier':>8}{'calibration':>13}")
    for name, figures in report.evaluation["metrics"].items():
        click.echo(
            f"{name:34}{figures['log_loss']:>10.4f}{figures['macro_f1']:>10.3f}{figures['brier']:>8.3f}"
            f"{figures['calibration_error']:>13.4f}"
        )
    for segment, of_segment in manifest["metrics"]["scorecard"]["segments"].items():
        recall, precision = of_segment["recall"], of_segment["precision"]
        click.echo(
            f"{segment:12} share {of_segment['share']:.3f}  recall {'-' if recall is None else f'{recall:.3f}'}"
            f"  precision {'-' if precision is None else precision}"
        )
    answers = manifest["metrics"]["answered"]
    values = ", ".join(f"{name} {entry['value']}" for name, entry in manifest["thresholds"].items())
    click.echo(
        f"abstains for {answers['abstention_rate']:.1%}; right for {share(answers['accuracy'])} of the rest ({values})"
    )
    if manifest["data"]["unknown_signals"]:
        click.echo(unknown_signals(manifest["data"]))
    for sentence in manifest.get("not_judged", ()):
        click.echo(sentence)
    _tell_gates(manifest, out)
    click.echo(f"model {manifest['version']} written to {out}")


def _tell_gates(manifest: Manifest, out: Path) -> None:
    from training.learning.signatures import unsigned  # noqa: PLC0415  (heavy)

    gates = manifest["gates"]
    failed, left = sum(not gate["passed"] for gate in gates), len(unsigned(manifest))
    click.echo(
        f"{len(gates) - failed} gates passed, {failed} to be signed for, {left} of them not signed"
        + (f": not to be promoted; `arki-train sign {out}` prints them" if left else "")
    )


def _limit_threads() -> None:
    """One thread each, set before the libraries load: default OpenMP threading slows small fits tens of times."""
    for name in THREADS:
        os.environ.setdefault(name, "1")


@contextlib.contextmanager
def _told_plainly() -> Iterator[None]:
    """Errors that a caller can act on, as one sentence and exit code 1."""
    from training.files import CustomerFileError  # noqa: PLC0415  (heavy)
    from training.learning.gates import ConfigError, GatesFailedError  # noqa: PLC0415  (heavy)
    from training.learning.leakage import TrainingDataError  # noqa: PLC0415  (heavy)
    from training.learning.signatures import SignatureError  # noqa: PLC0415  (heavy)

    try:
        yield
    except (
        TrainingDataError, CustomerFileError, ConfigError, SignatureError, GatesFailedError, OSError,
    ) as error:  # fmt: skip
        raise click.ClickException(str(error)) from error


with_extra(main, "train")
