"""``arki-train compare``, ``drift``, ``sign``, ``promote``: two models side by side, a model today, accepted, in use.

Only click is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from models.columns.local_paths import LocalPath
from models.contract.codes import UNKNOWN
from models.contract.environment import bundles_folder
from training.reporting.artifacts import ARTIFACTS, ArtifactsError, read, verified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.decision.scorecard import Scorecard
    from training.learning.documents import Manifest

COMPARED_CUSTOMERS: Final = 5_000
DRIFTED: Final = 3  # exit code; 1 is could not run, 2 wrong use
_FOLDER = LocalPath(exists=True, file_okay=False)


@click.command()
@click.argument("one", metavar="A", type=_FOLDER)
@click.argument("other", metavar="B", type=_FOLDER)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=1,
    show_default=True,
    help="Of the customers compared on.",
)
def compare(one: Path, other: Path, seed: int) -> None:
    """Compare the models in folders A and B: figures with intervals, thresholds, pairs, gates and whom they name otherwise.

    Figures are those of each model's own test part, so compare them only where both were measured on the same data; the
    agreement is over simulated customers that neither has seen. Exit code 2 where this version cannot ask one of the models,
    because it was trained for other features.
    """
    try:
        manifests = [verified(folder) for folder in (one, other)]
        evaluations = [read(folder, "evaluation.json") for folder in (one, other)]
    except ArtifactsError as error:
        raise click.ClickException(str(error)) from error
    cards = [
        _scorecard(folder) for folder in (one, other)
    ]  # first: without answers there is nothing to compare
    click.echo(f"{'':26}{manifests[0]['version']:>26}{manifests[1]['version']:>26}")
    served = [next(iter(evaluation["intervals"].values())) for evaluation in evaluations]
    for figure in dict.fromkeys((*served[0], *served[1])):
        cells = [_interval(intervals.get(figure)) for intervals in served]
        click.echo(f"{figure.replace('_', ' '):26}{cells[0]:>26}{cells[1]:>26}")
    for name in manifests[0]["thresholds"]:
        values = [str(manifest["thresholds"][name]["value"]) for manifest in manifests]
        click.echo(f"{name:26}{values[0]:>26}{values[1]:>26}")
    same_data = manifests[0]["data"].get("test_sha256") == manifests[1]["data"].get("test_sha256")
    click.echo(
        f"measured on the same customers: {'yes' if same_data else 'no, figures are not comparable one by one'}"
    )
    for manifest in manifests:
        pairs = ", ".join(manifest["pairs"]) or "none"
        failed = sum(not gate["passed"] for gate in manifest["gates"])
        click.echo(f"{manifest['version']}: pairs {pairs}; {failed} of {len(manifest['gates'])} gates failed")
    _compare_answers(cards, seed)


class OtherContractError(click.ClickException):
    """A model that this version cannot ask."""

    exit_code = 2


def _scorecard(folder: Path) -> Scorecard:
    from models.decision.scorecard import ArtifactError, read_scorecard  # noqa: PLC0415  (heavy)

    try:
        return read_scorecard(read(folder, "scorecard.json"))
    except ArtifactError as error:
        raise OtherContractError(
            f"{folder} holds a model that this version of Arki cannot compare, since it cannot ask it: {error}."
        ) from error


def _compare_answers(cards: Sequence[Scorecard], seed: int) -> None:
    from training.learning.offers import signals  # noqa: PLC0415  (heavy)
    from training.simulation.population import population  # noqa: PLC0415  (heavy)

    customers = signals(population(COMPARED_CUSTOMERS, seed, with_employers=False))
    answers = [[card.predict(customer) for customer in customers] for card in cards]
    one, other = (card.segments for card in cards)
    shared = [(one.index(segment), other.index(segment)) for segment in one if segment in other]
    moves: dict[tuple[str, str], int] = {}
    largest = 0.0
    for first, second in zip(*answers, strict=True):
        largest = max([largest, *(abs(first.probabilities[a] - second.probabilities[b]) for a, b in shared)])
        if first.segment != second.segment:
            move = (first.segment or UNKNOWN, second.segment or UNKNOWN)
            moves[move] = moves.get(move, 0) + 1
    same = 1 - sum(moves.values()) / len(customers)
    click.echo(
        f"same answer for {same:.1%} of {len(customers):,} simulated customers; a probability differs by {largest:.3f} at most"
    )
    names = [*dict.fromkeys((*one, *other)), UNKNOWN]
    if different := sorted({*one} ^ {*other}):
        click.echo(f"inferred by one of them alone: {', '.join(different)}")
    for (before, after), count in sorted(moves.items(), key=lambda item: (-item[1], names.index(item[0][0]))):
        click.echo(f"  {before} -> {after}: {count}")


@click.command()
@click.option(
    "--reference",
    type=_FOLDER,
    default=ARTIFACTS,
    help="Folder of the model in use.  [default: models/artifacts]",
)
@click.option(
    "--current",
    type=LocalPath(exists=True, dir_okay=False),
    required=True,
    help="Today's customers, .csv or .parquet in the signal contract; no labels are needed.",
)
@click.option("--config", type=LocalPath(exists=True, dir_okay=False), help="Thresholds.")
def drift(reference: Path, current: Path, config: Path | None) -> None:
    """Tell how far today's customers are from those the model was measured on.

    Population stability index per signal (unknown is a bin) and of the segment mix. Exit codes: 0 no alarm, 1 could not run,
    2 wrong use, 3 alarm: a signal or the mix has moved; find out why, then train again.
    """
    from training.files import CustomerFileError, read_table  # noqa: PLC0415  (heavy)
    from training.learning.drift import measure_drift  # noqa: PLC0415  (heavy)
    from training.learning.gates import CONFIG, ConfigError, read_config  # noqa: PLC0415  (heavy)
    from training.learning.leakage import TrainingDataError  # noqa: PLC0415  (heavy)

    try:
        limits = read_config(config or CONFIG)["drift"]
        expected = read(reference, "evaluation.json")["reference"]
        measured = measure_drift(
            read_table(current), expected, read(reference, "scorecard.json"), str(current)
        )
    except (ArtifactsError, ConfigError, CustomerFileError, TrainingDataError) as error:
        raise click.ClickException(str(error)) from error
    customers, indices = measured
    if customers < limits["fewest_customers"]:
        raise click.ClickException(
            f"{current}: {customers:,} persons to compare, fewer than {limits['fewest_customers']:,}; chance alone would move"
            " the index. Give more customers."
        )
    for name, index in sorted(indices.items(), key=lambda item: -item[1]):
        verdict = "ALARM" if index >= limits["alarm"] else "watch" if index >= limits["watch"] else ""
        click.echo(f"{name:30}{index:8.3f}  {verdict}".rstrip())
    alarmed = sum(index >= limits["alarm"] for index in indices.values())
    click.echo(f"{customers:,} persons; {alarmed} of {len(indices)} at or above {limits['alarm']}")
    sys.exit(DRIFTED if alarmed else 0)


@click.command()
@click.argument("folder", type=_FOLDER)
@click.argument("signatures", required=False, type=LocalPath(exists=True, dir_okay=False))
def sign(folder: Path, signatures: Path | None) -> None:
    """Print the failed gates of the model in FOLDER that nobody has signed for; or sign those that SIGNATURES accepts.

    Save what it prints, write a reason, a name and a date into each entry that you accept, and give the file as SIGNATURES.
    A signature holds for these customers, this group and this side, and for no larger failure. Exit code 1 where a file is
    not whole; nothing is signed then.
    """
    from training.learning.signatures import SignatureError, read_signatures, to_sign  # noqa: PLC0415  (heavy)
    from training.learning.signatures import sign as write_into  # noqa: PLC0415  (heavy)
    from training.reporting.artifacts import rewrite_manifest  # noqa: PLC0415  (heavy)

    try:
        manifest = _to_be_signed(folder)
        if signatures is None:
            click.echo(to_sign(manifest), nl=False)
            click.echo(_left(manifest), err=True)
            return
        void = write_into(manifest, read_signatures(signatures))
        rewrite_manifest(folder, manifest)
    except (ArtifactsError, SignatureError) as error:
        raise click.ClickException(str(error)) from error
    for each in void:
        click.echo(f"{signatures}: {each}")
    click.echo(_left(manifest))


def _to_be_signed(folder: Path) -> Manifest:
    manifest = verified(folder)
    if "group_limits" not in manifest:
        raise ArtifactsError(
            f"{folder}: holds a model of an earlier Arki, whose gates do not say what a signature is bound to. Train it again."
        )
    return manifest


def _left(manifest: Manifest) -> str:
    from training.learning.signatures import failures, unsigned  # noqa: PLC0415  (heavy)

    failed, left = len(failures(manifest)), len(unsigned(manifest))
    return f"model {manifest['version']}: {failed} to be signed for, {left} of them not signed"


@click.command()
@click.argument("version")
@click.option(
    "--artifacts",
    type=_FOLDER,
    multiple=True,
    default=(ARTIFACTS,),
    help="Folders to look for it in; may be given more than once.  [default: models/artifacts]",
)
def promote(version: str, artifacts: tuple[Path, ...]) -> None:
    """Put the model VERSION in use: a new bundle with the shipped rulebook and catalogue, activated in $ARKI_BUNDLES.

    Refused where a gate failed and nobody signed a reason, and where the rulebook has errors. `arki-bundle rollback` goes back.
    """
    from models.authoring import analysis, loader  # noqa: PLC0415  (heavy)
    from models.decision import bundle  # noqa: PLC0415  (heavy)
    from training.learning.signatures import unsigned  # noqa: PLC0415  (heavy)

    folder, manifest = _find(version, artifacts)
    left = [gate["name"] for gate in unsigned(manifest)]
    if left:
        shown = "; ".join(left[:5]) + (f"; and {len(left) - 5} more" if len(left) > 5 else "")
        raise click.ClickException(
            f"model {manifest['version']} is not promoted: {len(left)} failed gate{'s are' if len(left) > 1 else ' is'} not signed"
            f" for ({shown}). `arki-train sign {folder} > signatures.toml` writes them out: write a reason, a name and a date into"
            f" each, then `arki-train sign {folder} signatures.toml`; or correct the model."
        )
    authored = loader.read_authored()
    analysis.analyse(authored)
    if authored.errors:
        raise click.ClickException(
            f"the rulebook has {len(authored.errors)} errors; `arki-rulebook check` shows them. No bundle was made."
        )
    bundles = bundles_folder()
    try:
        digest = bundle.build(bundles, authored.parts(), artifacts=folder)
        bundle.activate(bundles, digest, action="promote")
    except bundle.BundleError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"model {manifest['version']} is in use: bundle {digest[:16]} is current")


def _find(version: str, folders: tuple[Path, ...]) -> tuple[Path, Manifest]:
    matching: list[tuple[Path, Manifest]] = []
    known = []
    for folder in folders:
        try:
            manifest = verified(folder)
        except ArtifactsError as error:
            raise click.ClickException(str(error)) from error
        known.append(manifest["version"])
        if version and manifest["version"].startswith(version):
            matching.append((folder, manifest))
    if len(matching) != 1:
        raise click.ClickException(
            f"{len(matching)} models are named {version}; there {'is' if len(known) == 1 else 'are'} {', '.join(known)}."
            " Name one, or give its folder with --artifacts."
        )
    return matching[0]


def _interval(interval: list[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.4f} ({interval[1]:.4f}–{interval[2]:.4f})"
