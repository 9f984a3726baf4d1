"""The commands `arki-rulebook` and `arki-bundle`: thin doors to `authoring`, `analysis` and `bundle`.

Only click is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models import personas, rulebook_commands
from models.local_paths import bundles_folder
from models.missing_extras import with_extra
from models.options import FOLDER, Moment, as_of_option, content_option, folders, rulebook_option, today

if TYPE_CHECKING:
    from models.findings import Authored
    from models.messages import TeamLanguage
    from models.recommender import Explanation, Recommender


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def rulebook() -> None:
    """Check the content team's rulebook, and explain what it does with a customer."""


@rulebook.command()
@rulebook_option
@content_option
@click.option(
    "--language",
    type=click.Choice(["en", "fi", "sv"]),
    default="en",
    show_default=True,
    help="Language of the findings.",
)
def check(rulebook_folder: Path | None, content_folder: Path | None, language: TeamLanguage) -> None:
    """Check rules, guarantees, examples and catalogue. Exit 1 where there is an error."""
    from models.content_checks import find_expiring  # noqa: PLC0415
    from models.opening_days import find_years_ahead  # noqa: PLC0415

    authored = _checked(rulebook_folder, content_folder)
    find_expiring(authored, today())
    find_years_ahead(authored, datetime.now(UTC).date())
    errors = _report(authored, language=language)
    warnings = len(authored.findings) - errors
    persons, employers = (len(authored.rulebook.get(kind, ())) for kind in ("person", "employer"))
    promises = len(authored.rulebook["guarantees"]) + len(authored.rulebook["promises"])
    items = len(authored.catalogue["items"])
    if language == "sv":
        cells = f"{authored.cells:,}".replace(",", " ")
        click.echo(
            f"{persons} regler för personer och {employers} för arbetsgivare, {promises} löften, {items} innehåll, "
            f"{cells} fall kontrollerade: {errors} fel, {warnings} varningar."
        )
    elif language == "fi":
        cells = f"{authored.cells:,}".replace(",", " ")
        click.echo(
            f"{persons} henkilöasiakkaiden ja {employers} työnantajien sääntöä, {promises} lupausta, {items} sisältöä, "
            f"{cells} tapausta tarkistettu: {errors} virhettä, {warnings} varoitusta."
        )
    else:
        click.echo(
            f"{persons} rules for persons, {employers} for employers, {promises} guarantees, {items} items, "
            f"checked over {authored.cells:,} cells: {errors} errors, {warnings} warnings."
        )
    sys.exit(1 if errors else 0)


@rulebook.command()
@click.argument("customer", type=click.File("r"), required=False)
@click.option("--persona", help="A persona by id, instead of a file.")
@click.option("--language", type=click.Choice(["fi", "sv", "en"]), default="fi", show_default=True)
@as_of_option("The day to explain, from midnight in Finland", "now")
@click.option("--at", type=Moment(), help="The moment to explain, as 2026-05-31T12:00, instead of a day.")
@click.option(
    "--limit", type=click.IntRange(1, 10), default=3, show_default=True, help="At most so many items."
)
@click.option("--shown", multiple=True, help="A content id that was shown before; may be repeated.")
@click.option(
    "--bundle", "digest", help="Explain by the kept bundle whose digest begins so (default: the current one)."
)
@rulebook_option
@content_option
def explain(customer: Any, persona: str | None, **asked: Any) -> None:  # noqa: ANN401
    """Explain a CUSTOMER: a JSON file {"customer_type": …, "signals": {…}}, or - for standard input.

    By the current bundle, by the one that --bundle names, or by what is written where --rulebook or --content names a
    folder. Shows what was offered and why, and each rule passed over with its first condition that failed.
    """
    from models.bundle import BundleError  # noqa: PLC0415
    from models.channels import HELSINKI  # noqa: PLC0415
    from models.signals import InvalidSignalsError, read_signals  # noqa: PLC0415

    if asked["at"] and asked["as_of"]:
        raise click.UsageError("--at and --as-of both name the moment. Give one of them.")
    try:
        given = personas.persona(persona) if persona else json.load(customer or sys.stdin)
        signals = read_signals(given["customer_type"], given["signals"])
        day = asked["as_of"] and datetime.combine(asked["as_of"], datetime.min.time(), HELSINKI)
        explanation = _recommender(**asked).explain(
            signals,
            at=asked["at"] or day or datetime.now(UTC),
            language=asked["language"],
            limit=asked["limit"],
            shown=asked["shown"],
        )
    except InvalidSignalsError as error:
        _stop("\n".join(f"{fault.pointer}: {fault.message}" for fault in error.faults))
    except (BundleError, KeyError, ValueError) as error:
        _stop(f"{type(error).__name__}: {error}")
    _tell(explanation)


def _recommender(
    *, digest: str | None, rulebook_folder: Path | None, content_folder: Path | None, **_others: object
) -> Recommender:
    """What explains: a kept bundle, what is written in folders, or the current bundle."""
    from models import bundle as bundles  # noqa: PLC0415

    if digest and (rulebook_folder or content_folder):
        raise click.UsageError(
            "--bundle and --rulebook or --content both name what to explain by. Give one of them."
        )
    if digest:
        return bundles.load(_bundles(), _matching(digest)).recommender
    if rulebook_folder or content_folder:
        return bundles.preview(_checked(rulebook_folder, content_folder).parts()).recommender
    return bundles.BundleStore(_bundles()).recommender()


def _tell(explanation: Explanation) -> None:
    answer, segment = explanation.recommendation, explanation.recommendation.segment
    click.echo(f"segment: {segment.id if segment else 'unknown'}" + _probability(segment))
    for contribution in explanation.contributions[:5]:
        click.echo(f"  {contribution.log_odds:+.2f} {', '.join(contribution.signals)}")
    for lookup in explanation.lookups:
        stated = {name: value for name, value in lookup.facts.items() if value != "unknown"}
        click.echo(f"\n{', '.join(f'{name}={value}' for name, value in stated.items())}")
        for passed in lookup.passed_over:
            click.echo(
                f"  passed over {passed.rule}: {passed.fact} is {passed.value}, not {' or '.join(passed.allowed)}"
            )
        click.echo(f"  -> {lookup.rule}: {lookup.channel}")
    click.echo("")
    for item in answer.items:
        click.echo(
            f"{item.rank}. {item.channel} · {item.content_type} · {item.content.title}\n   {item.reason.text}"
        )
    for duty in answer.statutory:
        click.echo(f"statutory · {duty.content.title}")
    click.echo(f"a person: {answer.human_channel.name}")


for _command in (
    rulebook_commands.coverage,
    rulebook_commands.diff,
    rulebook_commands.impact,
    rulebook_commands.export,
    rulebook_commands.import_,
    rulebook_commands.suggest_examples,
):
    rulebook.add_command(_command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bundle() -> None:
    """Make, activate and roll back bundles in $ARKI_BUNDLES (default: ./bundles)."""


@bundle.command()
@rulebook_option
@content_option
@click.option("--artifacts", type=FOLDER, help="Folder of scorecard.json (default: the shipped one).")
@click.option("--activate", "then_activate", is_flag=True, help="Serve it at once.")
def build(
    rulebook_folder: Path | None, content_folder: Path | None, artifacts: Path | None, *, then_activate: bool
) -> None:
    """Check everything and make a bundle. Nothing is made where there is an error."""
    from models import bundle as bundles  # noqa: PLC0415

    authored = _checked(rulebook_folder, content_folder)
    if _report(authored, warnings=False):
        _stop("No bundle was made.")
    try:
        digest = bundles.build(_bundles(), authored.parts(), artifacts=artifacts or bundles.ARTIFACTS)
        if then_activate:
            bundles.activate(_bundles(), digest)
    except bundles.BundleError as error:
        _stop(str(error))
    click.echo(
        f"bundle {digest[:16]} {'is current' if then_activate else 'made'} ({authored.cells:,} cells checked)"
    )


@bundle.command()
@click.argument("digest")
def activate(digest: str) -> None:
    """Make the bundle whose digest starts with DIGEST the current one."""
    from models import bundle as bundles  # noqa: PLC0415

    name = _matching(digest)
    try:
        bundles.activate(_bundles(), name)
    except bundles.BundleError as error:
        _stop(str(error))
    click.echo(f"bundle {name[:16]} is current")


@bundle.command("list")
def list_() -> None:
    """List bundles; the current one is marked."""
    from models import bundle as bundles  # noqa: PLC0415

    now = bundles.current(_bundles())
    last = {record["bundle"]: record["at"] for record in bundles.history(_bundles())}
    for digest in bundles.available(_bundles()):
        mark = "*" if digest == now else " "
        click.echo(f"{mark} {digest[:16]}  last activated {last.get(digest, 'never')}")


@bundle.command()
def rollback() -> None:
    """Go back to the bundle that was current before this one."""
    from models import bundle as bundles  # noqa: PLC0415

    try:
        digest = bundles.rollback(_bundles())
    except bundles.BundleError as error:
        _stop(str(error))
    click.echo(f"bundle {digest[:16]} is current again")


def _matching(digest: str) -> str:
    """The one bundle whose digest begins so; else the command stops."""
    from models import bundle as bundles  # noqa: PLC0415

    matching = [name for name in bundles.available(_bundles()) if name.startswith(digest)]
    if len(matching) != 1:
        _stop(f"{len(matching)} bundles start with {digest}; `arki-bundle list` shows them.")
    return matching[0]


def _checked(rulebook_folder: Path | None, content_folder: Path | None) -> Authored:
    """What the content team wrote, read and, where it could be read without error, analysed."""
    from models import analysis, authoring  # noqa: PLC0415

    authored = authoring.read_authored(*folders(rulebook_folder, content_folder))
    analysis.analyse(authored)
    return authored


def _report(authored: Authored, *, warnings: bool = True, language: TeamLanguage = "en") -> int:
    """Print findings; the number of errors among them."""
    for finding in authored.findings:
        if warnings or finding.severity == "error":
            click.echo(finding.told(language), err=True)
    return len(authored.errors)


def _probability(segment: Any) -> str:  # noqa: ANN401
    if segment is None or segment.probability is None:
        return ""
    return f" (probability {segment.probability:.2f}, {segment.confidence} confidence)"


_bundles = bundles_folder


def _stop(message: str) -> Any:  # noqa: ANN401  (never returns)
    click.echo(message, err=True)
    sys.exit(2)


with_extra(rulebook, "rulebook")
with_extra(bundle, "rulebook")
