"""`arki-rulebook`: checks what the content team wrote, and explains what it does with a customer.

Only click is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from models.authoring import personas
from models.cli import rulebook_changes
from models.cli.missing_extras import with_extra
from models.cli.options import (
    MomentType,
    as_of_option,
    checked,
    content_option,
    matching_bundle,
    report,
    rulebook_option,
    stop,
    today,
)
from models.contract.codes import CUSTOMER_TYPES, UNKNOWN
from models.contract.environment import bundles_folder

if TYPE_CHECKING:
    from models.authoring.messages import TeamLanguage
    from models.decision.recommendation import Explanation, SegmentAnswer
    from models.decision.recommender import Recommender


@click.group("arki-rulebook", context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Check the content team's rulebook, and explain what it does with a customer."""


@main.command()
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
    from models.authoring.content_checks import find_expiring  # noqa: PLC0415
    from models.authoring.messages import phrased  # noqa: PLC0415
    from models.authoring.opening_days import find_years_ahead  # noqa: PLC0415

    authored = checked(rulebook_folder, content_folder)
    find_expiring(authored, today())
    find_years_ahead(authored, datetime.now(UTC).date())
    errors = report(authored, language=language)
    warnings = len(authored.findings) - errors
    persons, employers = (len(authored.rulebook.get(kind, ())) for kind in CUSTOMER_TYPES)
    promises = len(authored.rulebook["guarantees"]) + len(authored.rulebook["promises"])
    items = len(authored.catalogue["items"])
    counts = {
        "persons": persons,
        "employers": employers,
        "promises": promises,
        "items": items,
        "cells": f"{authored.cells:,}".replace(",", phrased("thousands", language)),
        "errors": errors,
        "warnings": warnings,
    }
    click.echo(phrased("checked", language).format_map(counts))
    sys.exit(1 if errors else 0)


@main.command()
@click.argument("customer", type=click.File("r"), required=False)
@click.option("--persona", help="A persona by id, instead of a file.")
@click.option("--language", help="Language of the answer (default: the first of the vocabulary).")
@as_of_option("The day to explain, from midnight in Finland", "now")
@click.option("--at", type=MomentType(), help="The moment to explain, as 2026-05-31T12:00, instead of a day.")
@click.option(
    "--limit", type=click.IntRange(1, 10), default=3, show_default=True, help="At most so many items."
)
@click.option("--shown", multiple=True, help="A content id that was shown before; may be repeated.")
@click.option(
    "--bundle", "digest", help="Explain by the kept bundle whose digest begins so (default: the current one)."
)
@rulebook_option
@content_option
def explain(customer: TextIO | None, persona: str | None, **options: Any) -> None:  # noqa: ANN401
    """Explain a CUSTOMER: a JSON file {"customer_type": …, "signals": {…}}, or - for standard input.

    By the current bundle, by the one that --bundle names, or by what is written where --rulebook or --content names a
    folder. Shows what was offered and why, and each rule passed over with its first condition that failed.
    """
    from models.contract.channels import HELSINKI  # noqa: PLC0415
    from models.contract.signals import InvalidSignalsError  # noqa: PLC0415
    from models.decision.bundle import BundleError  # noqa: PLC0415

    if options["at"] and options["as_of"]:
        raise click.UsageError("--at and --as-of both name the moment. Give one of them.")
    try:
        request = personas.persona(persona) if persona else json.load(customer or sys.stdin)
        recommender = _recommender(**options)
        signals = recommender.contract.read(request["customer_type"], request["signals"])
        if options["language"] and options["language"] not in recommender.vocabulary.languages:
            raise ValueError(  # noqa: TRY301  (told as the others are)
                f"{options['language']} is no language of the vocabulary. Choose one of {', '.join(recommender.vocabulary.languages)}."
            )
        day = options["as_of"] and datetime.combine(options["as_of"], datetime.min.time(), HELSINKI)
        explanation = recommender.explain(
            signals,
            at=options["at"] or day or datetime.now(UTC),
            language=options["language"],
            limit=options["limit"],
            shown=options["shown"],
        )
    except InvalidSignalsError as error:
        stop("\n".join(f"{fault.pointer}: {fault.message}" for fault in error.faults))
    except (BundleError, KeyError, ValueError) as error:
        stop(f"{type(error).__name__}: {error}")
    _tell(explanation)


def _recommender(
    *, digest: str | None, rulebook_folder: Path | None, content_folder: Path | None, **_others: object
) -> Recommender:
    """What explains: a kept bundle, what is written in folders, or the current bundle."""
    from models.decision import bundle as bundles  # noqa: PLC0415

    if digest and (rulebook_folder or content_folder):
        raise click.UsageError(
            "--bundle and --rulebook or --content both name what to explain by. Give one of them."
        )
    if digest:
        return bundles.load(bundles_folder(), matching_bundle(digest)).recommender
    if rulebook_folder or content_folder:
        return bundles.preview(checked(rulebook_folder, content_folder).parts()).recommender
    return bundles.BundleStore(bundles_folder()).recommender()


def _tell(explanation: Explanation) -> None:
    answer, segment = explanation.recommendation, explanation.recommendation.segment
    click.echo(f"segment: {segment.id if segment else 'unknown'}" + _probability(segment))
    for contribution in explanation.contributions[:5]:
        click.echo(f"  {contribution.log_odds:+.2f} {', '.join(contribution.signals)}")
    for lookup in explanation.lookups:
        stated = {name: value for name, value in lookup.facts.items() if value != UNKNOWN}
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
    rulebook_changes.coverage,
    rulebook_changes.diff,
    rulebook_changes.impact,
    rulebook_changes.format_,
    rulebook_changes.export,
    rulebook_changes.import_,
    rulebook_changes.suggest_examples,
):
    main.add_command(_command)


def _probability(segment: SegmentAnswer | None) -> str:
    if segment is None or segment.probability is None:
        return ""
    return f" (probability {segment.probability:.2f}, {segment.confidence} confidence)"


with_extra(main, "rulebook")
