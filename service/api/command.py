"""`arki-rulebook` whole: the commands of `models`, and `replay`, which reads references that the service signs.

Only click is imported before a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import click

from models.cli.missing_extras import with_extra
from models.cli.rulebook import main

if TYPE_CHECKING:
    from service.settings import Settings

__all__ = ["main"]


@main.command()
@click.argument("reference")
@click.argument("customer", type=click.File("rb"))
@click.option("--with-segment", is_flag=True, help="As a key with the scope segments:read was answered.")
def replay(reference: str, customer: BinaryIO, *, with_segment: bool) -> None:
    """Make the answer of a REFERENCE again for CUSTOMER, the JSON of its request, or - for standard input.

    REFERENCE is the recommendation_id of the answer. Run it with the settings of the service: the bundle is looked for in
    $ARKI_BUNDLES, $ARKI_SECRET checks the signature, $ARKI_PUBLIC_URL is part of addresses. Prints the answer as the API gave it, byte for byte; exit code 1 where that cannot be done, with the
    reason.
    """
    from service.api.problems import InvalidRequestError  # noqa: PLC0415
    from service.api.replay import ReplayError  # noqa: PLC0415
    from service.api.replay import replay as made_again  # noqa: PLC0415
    from service.http.body import MalformedBodyError  # noqa: PLC0415
    from service.security.references import BadReferenceError, References  # noqa: PLC0415

    settings = _settings()
    try:
        said = References(settings.secret).verified(reference)
        replayed = made_again(
            said,
            reference,
            customer.read(),
            folder=settings.bundles,
            public_url=settings.public_url,
            shows_segment=with_segment,
        )
    except BadReferenceError as error:
        _stop(f"The reference {error}", 1)
    except ReplayError as error:
        _stop(str(error), 1)
    except MalformedBodyError as error:
        _stop(f"CUSTOMER is not JSON: {error} Give the request as it was sent.", 2)
    except InvalidRequestError as error:
        _stop("\n".join(f"{fault.pointer or '/'} {fault.message}" for fault in error.faults), 2)
    click.echo(replayed.body)


def _settings() -> Settings:
    from service.settings import Settings, SettingsError  # noqa: PLC0415

    if not os.environ.get("ARKI_SECRET", "").strip():
        _stop(
            "ARKI_SECRET is not set. Set it as the service had it, so that the reference can be believed.", 2
        )
    try:
        return Settings.from_environ(os.environ)
    except SettingsError as error:
        _stop(str(error), 2)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


with_extra(replay, "serve")
