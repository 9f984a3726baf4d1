"""`arki-bundle`: makes, activates, lists and rolls back what is served.

Only click is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

from pathlib import Path

import click

from models.cli.missing_extras import with_extra
from models.cli.options import (
    FOLDER,
    checked,
    compare_with_current,
    content_option,
    matching_bundle,
    report,
    rulebook_option,
    stop,
)
from models.contract.environment import bundles_folder


@click.group("arki-bundle", context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make, activate and roll back bundles in $ARKI_BUNDLES (default: ./bundles)."""


@main.command()
@rulebook_option
@content_option
@click.option("--artifacts", type=FOLDER, help="Folder of scorecard.json (default: the shipped one).")
@click.option("--activate", "then_activate", is_flag=True, help="Serve it at once.")
def build(
    rulebook_folder: Path | None, content_folder: Path | None, artifacts: Path | None, *, then_activate: bool
) -> None:
    """Check everything and make a bundle. Nothing is made where there is an error."""
    from models.decision import bundle as bundles  # noqa: PLC0415

    authored = checked(rulebook_folder, content_folder)
    compare_with_current(authored)
    if report(authored, warnings=False):
        stop("No bundle was made.")
    try:
        digest = bundles.build(bundles_folder(), authored.parts(), artifacts=artifacts or bundles.ARTIFACTS)
        if then_activate:
            bundles.activate(bundles_folder(), digest)
    except bundles.BundleError as error:
        stop(str(error))
    click.echo(
        f"bundle {digest[:16]} {'is current' if then_activate else 'made'} ({authored.cells:,} cells checked)"
    )


@main.command()
@click.argument("digest")
def activate(digest: str) -> None:
    """Make the bundle whose digest starts with DIGEST the current one."""
    from models.decision import bundle as bundles  # noqa: PLC0415

    name = matching_bundle(digest)
    try:
        bundles.activate(bundles_folder(), name)
    except bundles.BundleError as error:
        stop(str(error))
    click.echo(f"bundle {name[:16]} is current")


@main.command("list")
def list_() -> None:
    """List bundles; the current one is marked."""
    from models.decision import bundle as bundles  # noqa: PLC0415

    now = bundles.current(bundles_folder())
    last = {record["bundle"]: record["at"] for record in bundles.history(bundles_folder())}
    for digest in bundles.available(bundles_folder()):
        mark = "*" if digest == now else " "
        click.echo(f"{mark} {digest[:16]}  last activated {last.get(digest, 'never')}")


@main.command()
def rollback() -> None:
    """Go back to the bundle that was current before this one."""
    from models.decision import bundle as bundles  # noqa: PLC0415

    try:
        digest = bundles.rollback(bundles_folder())
    except bundles.BundleError as error:
        stop(str(error))
    click.echo(f"bundle {digest[:16]} is current again")


with_extra(main, "rulebook")
