"""``arki-train estimate-draft`` and what ``--outcomes`` tells: outcomes beside drafts and models, never inside them.

Only click is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.columns.local_paths import LocalPath
from models.contract.environment import bundles_folder

if TYPE_CHECKING:
    from models.contract.intervals import Interval
    from training.off_policy.estimate import Estimate
    from training.off_policy.outcome_log import Counted


@click.command("estimate-draft")
@click.argument("old")
@click.argument("new")
@click.option(
    "--outcomes",
    type=LocalPath(exists=True, dir_okay=False),
    required=True,
    help="What came of OLD, as `arki-outcomes export` writes it.",
)
def estimate_draft(old: str, new: str, outcomes: Path) -> None:
    """Estimate what the draft NEW would have come to, from the outcomes of OLD.

    OLD and NEW are each a folder (of rules.yaml, or with rulebook/ and content/ in it) or a bundle's digest. NEW may change
    variants that were tried and their shares, nothing else. The figures are of customers who can be drawn; intervals are
    95 %, normal, and take for granted that all items of one answer fare alike.
    """
    from models.authoring.diff import EditionError, read_edition  # noqa: PLC0415  (heavy)
    from training.off_policy import estimate  # noqa: PLC0415  (heavy)
    from training.off_policy.outcome_log import OutcomeLogError, read_log  # noqa: PLC0415  (heavy)

    bundles = bundles_folder()
    try:
        one, other = (read_edition(name, bundles) for name in (old, new))
        estimates = estimate.estimate_draft(one, other, read_log(outcomes))
    except (EditionError, OutcomeLogError, estimate.DraftError) as error:
        raise click.ClickException(str(error)) from error
    for each in estimates:
        _tell(each)


def read_outcomes(path: Path) -> list[Counted]:
    """The log of outcomes, or one sentence that says what is wrong with it."""
    from training.off_policy.outcome_log import OutcomeLogError, read_log  # noqa: PLC0415  (heavy)

    try:
        return read_log(path)
    except OutcomeLogError as error:
        raise click.ClickException(str(error)) from error


def tell_agreement(log: list[Counted]) -> None:
    """Say how outcomes agree with the segments of the shipped rules."""
    from models.decision.decision_table import read_rulebook  # noqa: PLC0415  (heavy)
    from training.authored import authored, contract  # noqa: PLC0415  (heavy)
    from training.off_policy.agreement import NEUTRAL, agreement  # noqa: PLC0415  (heavy)

    click.echo("outcomes by the segment that rules name (told, not trained on)")
    click.echo(f"{'':28}{'shown':>9}  {'opened':22}{'rated':>8}  helpful")
    rows = agreement(log, read_rulebook(authored().rulebook, contract()))
    for row in rows:
        opened, helpful = _as_text(row.opened), _as_text(row.helpful)
        click.echo(f"{row.segment:28}{row.shown:>9,}  {opened:22}{row.rated:>8,}  {helpful}")
    for row in rows:
        if row.gain is not None:
            verdict = "more often helpful than" if row.is_better else "no better than"
            click.echo(
                f"{row.segment}: {verdict} rules that name {NEUTRAL} ({_as_text(row.gain, signed=True)})"
            )
    click.echo("Customers of these rules differ in more than the rule: a reason to look, not an effect.")


def _tell(estimate: Estimate) -> None:
    shares = ", ".join(f"{arm} {before} -> {after} %" for arm, (before, after) in estimate.shares.items())
    click.echo(f"{estimate.rule}, experiment {estimate.experiment}: {shares}")
    click.echo(f"{estimate.shown:,} items shown; worth {estimate.effective:,.0f} answers of the draft itself")
    click.echo(f"{'':12}{'as logged':24}{'draft, IPS':24}draft, self-normalised")
    for share in estimate.outcomes:
        texts = [_as_text(interval) for interval in (share.logged, share.ips, share.self_normalised)]
        click.echo(f"{share.outcome:12}{texts[0]:24}{texts[1]:24}{texts[2]}")
    if any(share.ips is None and share.outcome != "helpful" for share in estimate.outcomes):
        click.echo("IPS is left out: variants were shown unlike their shares, which it takes for granted.")


def _as_text(interval: Interval | None, *, signed: bool = False) -> str:
    if interval is None:
        return "–"
    sign = "+" if signed else ""
    return f"{interval.estimate:{sign}.3f} ({interval.low:{sign}.3f}–{interval.high:{sign}.3f})"
