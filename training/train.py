"""``arki-train``: fit, calibrate, compile, prove, measure and write the model's files; or write a simulated population.

With no subcommand it trains. Heavy libraries are imported only where a command needs them, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from training.progress import step

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from training.dataset import Dataset, Split

ARTIFACTS: Final = Path(__file__).resolve().parent.parent / "models" / "artifacts"
DEFAULT_CUSTOMERS: Final = 200_000
QUICK_CUSTOMERS: Final = 12_000
DEFAULT_SEED: Final = 20_260
SIMULATION: Final = "the simulated population"
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@click.group(invoke_without_command=True)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labelled customers, .parquet or .csv in the signal contract plus a segment column. Default: the simulation.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=ARTIFACTS,
    help="Directory of the model's files.  [default: models/artifacts]",
)
@click.option(
    "--customers",
    type=click.IntRange(2_000, 5_000_000),
    default=None,
    help=f"Simulated customers.  [default: {DEFAULT_CUSTOMERS}]",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=DEFAULT_SEED, show_default=True)
@click.option("--quick", is_flag=True, help=f"A small simulation of {QUICK_CUSTOMERS} customers, for tests.")
@click.pass_context
def main(
    context: click.Context, data: Path | None, out: Path, customers: int | None, seed: int, *, quick: bool
) -> None:
    """Train the segment model and write scorecard.json, classifier.joblib, manifest.json and MODEL_CARD.md.

    The model suggests content and channel, nothing else. Trained on the simulation, its figures measure how well Arki's
    own labelling guideline is recovered, not validity at Kela.
    """
    if context.invoked_subcommand is None:
        if data is not None and (customers or quick):
            raise click.UsageError(
                "--customers and --quick belong to the simulation; leave them out with --data."
            )
        _limit_threads()
        n_customers = customers or (QUICK_CUSTOMERS if quick else DEFAULT_CUSTOMERS)
        with _told_plainly():
            _train(data, out, n_customers, seed)


@main.command("population")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--customers", type=click.IntRange(1, 5_000_000), default=100_000, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=DEFAULT_SEED, show_default=True)
@click.option(
    "--with-labels", is_flag=True, help="Add segment and audit_ columns: a file for arki-train --data."
)
def population_command(out: Path, customers: int, seed: int, *, with_labels: bool) -> None:
    """Write simulated customers to OUT (.csv or .parquet), a file for arki-score.

    In CSV, an empty cell is unknown, lists are a;b, life events KE8:1;KE4.2:3, and a list known to be empty is -.
    """
    _limit_threads()
    with _told_plainly():
        from training.files import write_table  # noqa: PLC0415  (heavy)
        from training.population import population  # noqa: PLC0415  (heavy)

        with step(f"Simulating {customers:,} customers"):
            table = population(customers, seed)
        if not with_labels:
            table = table.drop_columns(
                [n for n in table.column_names if n == "segment" or n.startswith("audit_")]
            )
        with step(f"Writing {out}"):
            write_table(table, out)
    click.echo(f"{out}: {customers:,} simulated customers, {len(table.column_names)} columns.")


def _train(data: Path | None, out: Path, customers: int, seed: int) -> None:
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  (heavy)

    with threadpool_limits(1):
        with step("Reading customers" if data else f"Simulating {customers:,} customers"):
            dataset, source = _read(data, customers, seed)
        report = _fit_and_measure(dataset, source, seed)
    with step(f"Writing {out}"):
        _write(report, out)
    _tell(report, out)


def _read(data: Path | None, customers: int, seed: int) -> tuple[Dataset, str]:
    from training.dataset import read_dataset  # noqa: PLC0415  (heavy)

    if data is not None:
        from training.files import read_table  # noqa: PLC0415  (heavy)

        return read_dataset(read_table(data), str(data)), data.name
    from training.population import population  # noqa: PLC0415  (heavy)

    return read_dataset(population(customers, seed, with_employers=False), SIMULATION), SIMULATION


def _fit_and_measure(dataset: Dataset, source: str, seed: int) -> dict[str, Any]:
    """Everything that is written: the manifest's content, the scorecard and the fitted pipeline."""
    from training.dataset import split  # noqa: PLC0415  (heavy)
    from training.evaluate import choose_thresholds  # noqa: PLC0415  (heavy)
    from training.pipeline import calibrate, check_compiled, compile_scorecard, fit_with_pairs  # noqa: PLC0415  (heavy)

    parts = split(dataset, seed)
    with step(f"Fitting on {len(parts.train.y):,} customers"):
        pipeline, pairs = fit_with_pairs(parts.train, parts.validation)
        temperature = calibrate(pipeline, parts.validation)
        thresholds, reasons = choose_thresholds(parts.validation, pipeline.predict_proba(parts.validation.X))
        scorecard = compile_scorecard(pipeline, thresholds)
    with step(f"Proving the compiled scorecard equal on {len(parts.test.y):,} customers"):
        difference = check_compiled(scorecard, pipeline, parts.test.X)
    with step("Measuring, beside baselines"):
        measured = _measure(parts, pipeline, thresholds, seed)
    manifest = {
        "version": scorecard["version"],
        "created_for": "suggesting content and channel to customers of Kela; never eligibility, amounts or order",
        "labels": "simulated by training/LABELLING.md" if source == SIMULATION else f"as given in {source}",
        "data": {
            "source": source,
            "sha256": dataset.digest,
            "customers": len(dataset.y),
            "train": len(parts.train.y),
            "validation": len(parts.validation.y),
            "test": len(parts.test.y),
        },
        "seed": seed,
        "feature_contract": scorecard["feature_contract"],
        "pairs": pairs,
        "thresholds": {name: {"value": value, "reason": reasons[name]} for name, value in thresholds.items()},
        "temperature": round(temperature, 4),
        "compiled_equal_within": float(f"{difference:.1e}"),
        "metrics": measured,
        "libraries": _libraries(),
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    return {"manifest": manifest, "scorecard": scorecard, "pipeline": pipeline}


def _measure(parts: Split, pipeline: Pipeline, thresholds: dict[str, Any], seed: int) -> dict[str, Any]:
    from training.evaluate import answered, baselines, metrics  # noqa: PLC0415  (heavy)

    test = parts.test
    probabilities = pipeline.predict_proba(test.X)
    return {
        "scorecard": metrics(test.y, probabilities, test.weight),
        "answered": answered(test, probabilities, thresholds),
        "beside": {
            name: metrics(test.y, beside, test.weight)
            for name, beside in baselines(parts.train, test, seed).items()
        },
    }


def _libraries() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415  (slow for --help)

    return {name: version(name) for name in ("joblib", "numpy", "pyarrow", "scikit-learn", "scipy")}


def _write(report: dict[str, Any], out: Path) -> None:
    """Write all files beside `out` first, then rename each: an interrupted run leaves the old files or the new."""
    import joblib  # noqa: PLC0415  (heavy)

    from training.model_card import model_card  # noqa: PLC0415  (heavy)

    out.mkdir(parents=True, exist_ok=True)
    manifest = report["manifest"]
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
        new = Path(made)
        (new / "scorecard.json").write_text(_scorecard_text(report["scorecard"]), encoding="utf-8")
        joblib.dump(report["pipeline"], new / "classifier.joblib", compress=("zlib", 6), protocol=5)
        (new / "MODEL_CARD.md").write_text(model_card(manifest, report["scorecard"]), encoding="utf-8")
        names = sorted(path.name for path in new.iterdir())
        manifest["files"] = {name: hashlib.sha256((new / name).read_bytes()).hexdigest() for name in names}
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (new / "manifest.json").write_text(text, encoding="utf-8")
        # The manifest goes last: until then the old manifest's digests refuse a half-changed directory.
        for name in (*names, "manifest.json"):
            with (new / name).open("rb") as file:
                os.fsync(file.fileno())
        for name in (*names, "manifest.json"):
            (new / name).replace(out / name)


def _scorecard_text(scorecard: dict[str, Any]) -> str:
    """JSON with a line per row of a table, so that a difference of two models can be read."""
    text = json.dumps({**scorecard, "tables": "@"}, indent=1)
    tables = []
    for table in scorecard["tables"]:
        rows = ",\n   ".join(json.dumps(row) for row in table["rows"])
        tables.append(
            f'  {{"features": {json.dumps(table["features"])}, "edges": {json.dumps(table["edges"])},'
            f' "rows": [\n   {rows}]}}'
        )
    return text.replace('"@"', "[\n" + ",\n".join(tables) + "]") + "\n"


def _tell(report: dict[str, Any], out: Path) -> None:
    manifest = report["manifest"]
    measured = manifest["metrics"]
    rows = {"scorecard": measured["scorecard"], **measured["beside"]}
    click.echo(f"{'':34}{'log loss':>10}{'macro F1':>10}{'Brier':>8}{'calibration':>13}")
    for name, figures in rows.items():
        click.echo(
            f"{name:34}{figures['log_loss']:>10.4f}{figures['macro_f1']:>10.3f}{figures['brier']:>8.3f}"
            f"{figures['calibration_error']:>13.4f}"
        )
    for segment, figures in measured["scorecard"]["segments"].items():
        click.echo(
            f"{segment:12} share {figures['share']:.3f}  recall {figures['recall']:.3f}"
            f"  precision {figures['precision'] if figures['precision'] is not None else '-'}"
        )
    answers = measured["answered"]
    values = ", ".join(f"{name} {entry['value']}" for name, entry in manifest["thresholds"].items())
    click.echo(
        f"abstains for {answers['abstention_rate']:.1%}; right for {answers['accuracy']:.1%} of the rest ({values})"
    )
    click.echo(f"model {manifest['version']} written to {out}")


def _limit_threads() -> None:
    """One thread each, set before the libraries load: default OpenMP threading slows small fits tens of times."""
    for name in THREADS:
        os.environ.setdefault(name, "1")


@contextlib.contextmanager
def _told_plainly() -> Iterator[None]:
    """Errors that a caller can act on, as one sentence and exit code 1."""
    from training.dataset import TrainingDataError  # noqa: PLC0415  (heavy)
    from training.files import CustomerFileError  # noqa: PLC0415  (heavy)

    try:
        yield
    except (TrainingDataError, CustomerFileError, OSError) as error:
        raise click.ClickException(str(error)) from error
