"""What a command says where an extra that it needs is not installed: which one, and how to install it.

Commands import heavy libraries when they run, so `--help` answers without them. `with_extra` wraps each command once, at its
entry point; what the extras hold is read from the metadata of the installed distribution, that is from pyproject.toml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import metadata
from pathlib import Path
from typing import Any, Final, TypeVar

import click

DISTRIBUTION: Final = "arki"
EXTRAS: Final = ("serve", "rulebook", "score", "train", "cluster", "spark", "tracing")
"""Extras that a person installs to use Arki, the usual before the rare; the others are for making it."""
IN_CHECKOUT: Final = (Path(__file__).parent.parent.parent / "Makefile").exists()
_DISTRIBUTION_OF: Final = {
    "opentelemetry": "opentelemetry-sdk",
    "ruamel": "ruamel-yaml",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Where a distribution is not named as the module that it installs."""
_Command = TypeVar("_Command", bound=click.Command)


class MissingExtraError(click.ClickException):
    """An extra that the command needs is not installed; the message names it and says how to install it."""

    exit_code = 2


def with_extra(command: _Command, extra: str) -> _Command:
    """The same command, which raises `MissingExtraError` where a library is missing, as do its subcommands.

    Parameters
    ----------
    command : click.Command
    extra : str
        The extra that the command needs in any case: named first where a library belongs to several.
    """
    if command.callback is not None:
        command.callback = _guarded(command.callback, extra)
    for subcommand in getattr(command, "commands", {}).values():
        with_extra(subcommand, extra)
    return command


def extra_of(module: str, *, first: str = "") -> str | None:
    """The extra that installs a module; None where it belongs to none.

    Parameters
    ----------
    module : str
        As imported, such as ``sklearn`` or ``ruamel.yaml``.
    first : str, optional
        The extra to name where several install it.
    """
    top = module.partition(".")[0]
    wanted = _normalised(_DISTRIBUTION_OF.get(top, top))
    holding = {extra for name, extra in _requirements() if name == wanted}
    return next((extra for extra in (first, *EXTRAS) if extra in holding), None)


def how_to_install(extra: str, *, checkout: bool = IN_CHECKOUT) -> str:
    """What to do to get an extra, in a checkout or where Arki's wheel is installed."""
    if checkout and extra == "spark":
        return "Run `make spark` in the checkout, then the same command from .venv-spark/bin."
    if checkout:
        return "Run `make dev` in the checkout, then the same command from .venv/bin."
    wheel = f"{DISTRIBUTION}-{metadata.version(DISTRIBUTION)}-py3-none-any.whl"
    return f"Install it from Arki's wheel, which is on no package index: pip install './{wheel}[{extra}]'."


def _guarded(callback: Callable[..., Any], extra: str) -> Callable[..., Any]:
    @wraps(callback)
    def guarded(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401  (whatever the command takes)
        try:
            return callback(*arguments, **options)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            needed = extra_of(missing, first=extra)
            if needed is None:  # a fault of the installation or of the code, which a traceback tells best
                raise
            command = click.get_current_context().command_path
            raise MissingExtraError(
                f"{command} needs the extra `{needed}`, which is not installed here: there is no module {missing}. "
                + how_to_install(needed)
            ) from error

    return guarded


def _requirements() -> Iterator[tuple[str, str]]:
    """Distributions that extras bring, as pairs of a name and an extra."""
    for requirement in metadata.requires(DISTRIBUTION) or ():
        name = re.match(r"[\w.-]+", requirement)
        marker = re.search(r"""extra == ['"]([\w-]+)['"]""", requirement)
        if name and marker:
            yield _normalised(name[0]), marker[1]


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
