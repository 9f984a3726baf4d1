"""What commands share: options, each declared once, and reading, reporting and stopping in one way.

Only click is imported before a command runs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from models.columns.local_paths import LocalPath
from models.contract.environment import bundles_folder

if TYPE_CHECKING:
    from models.authoring.findings import Authored
    from models.authoring.loader import Folders
    from models.authoring.messages import TeamLanguage

Command = TypeVar("Command", bound=Callable[..., Any])
FOLDER: Final = LocalPath(file_okay=False)
_DAY: Final = re.compile(r"(20[0-9]{2}|2100)-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(rf"{_DAY.pattern}T[0-9]{{2}}:[0-9]{{2}}")


class DayType(click.ParamType[date]):
    """A day of the calendar, written as 2026-05-31."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401
        """The day; click's usage error, which stops the command, for anything else."""
        if isinstance(value, date):
            return value
        try:
            if _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        message = f"{value} is no day of the years 2000 to 2100. Write it as 2026-05-31."
        raise click.BadParameter(message, ctx, param)


class MomentType(click.ParamType[datetime]):
    """A moment, written as 2026-05-31T12:00; in Finnish time where it names no offset."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        """The aware moment; click's usage error, which stops the command, for anything else."""
        from models.contract.channels import HELSINKI  # noqa: PLC0415

        if isinstance(value, datetime):
            return value
        try:
            if _MOMENT.match(value):
                moment = datetime.fromisoformat(value)
                return moment if moment.tzinfo else moment.replace(tzinfo=HELSINKI)
        except ValueError:
            pass
        message = f"{value} is no moment of the years 2000 to 2100. Write it as 2026-05-31T12:00."
        raise click.BadParameter(message, ctx, param)


rulebook_option: Final = click.option(
    "--rulebook",
    "rulebook_folder",
    type=FOLDER,
    help="Folder of rules.yaml, or one with rulebook/, content/ and vocabulary/ in it (default: the shipped one).",
)
content_option: Final = click.option(
    "--content",
    "content_folder",
    type=FOLDER,
    help="Folder of catalogue.yaml (default: content/ beside the rulebook's folder, else the shipped one).",
)


def as_of_option(what: str, default: str = "today") -> Callable[[Command], Command]:
    """`--as-of`, a day; what it is for, and what holds without it."""
    return click.option("--as-of", type=DayType(), help=f"{what}, as 2026-05-31 (default: {default}).")


def today() -> date:
    """The day it is in Finland."""
    from models.contract.channels import HELSINKI  # noqa: PLC0415

    return datetime.now(UTC).astimezone(HELSINKI).date()


def folders(rulebook_folder: Path | None, content_folder: Path | None) -> Folders:
    """Where the rules, the content and the vocabulary lie that a command was told of.

    Whoever names the rules alone is told, on standard error, which content goes with them.
    """
    from models.authoring import loader  # noqa: PLC0415

    where = loader.find_folders(rulebook_folder, content_folder)
    if rulebook_folder is not None and content_folder is None:
        click.echo(f"Content: {where.content}. Name another with --content.", err=True)
    return where


def checked(rulebook_folder: Path | None, content_folder: Path | None) -> Authored:
    """What the content team wrote, read and, where it could be read without error, analysed."""
    from models.authoring import analysis, loader  # noqa: PLC0415

    authored = loader.read_authored(*folders(rulebook_folder, content_folder))
    analysis.analyse(authored)
    return authored


def compare_with_current(authored: Authored) -> None:
    """Check the vocabulary of a draft against that of the bundle in use, if there is one that can be read."""
    from models.authoring.succession import find_unsucceeded_codes  # noqa: PLC0415
    from models.decision import bundle as bundles  # noqa: PLC0415

    digest = bundles.current(bundles_folder())
    try:
        parts = bundles.load(bundles_folder(), digest).parts if digest else {}
    except bundles.BundleError:
        return  # whoever serves is told; a draft may be what mends it
    if bundles.VOCABULARY in parts:
        old = bundles.vocabulary_of(parts)
        find_unsucceeded_codes(authored, old, today=today())


def report(authored: Authored, *, warnings: bool = True, language: TeamLanguage = "en") -> int:
    """Print findings; the number of errors among them."""
    for finding in authored.findings:
        if warnings or finding.severity == "error":
            click.echo(finding.told(language), err=True)
    return len(authored.errors)


def matching_bundle(digest: str) -> str:
    """The one bundle whose digest begins so; else the command stops."""
    from models.decision import bundle as bundles  # noqa: PLC0415

    matching = [name for name in bundles.available(bundles_folder()) if name.startswith(digest)]
    if len(matching) != 1:
        stop(f"{len(matching)} bundles start with {digest}; `arki-bundle list` shows them.")
    return matching[0]


def stop(message: str) -> NoReturn:
    """Say why the command cannot go on, and exit with 2."""
    click.echo(message, err=True)
    sys.exit(2)
