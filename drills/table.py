"""A row of the drills' table, and what a drill may say of a machine that cannot run it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """What a drill found, and what was promised; `timed` where other tenants of the machine can spoil the figure."""

    drill: str
    figure: str
    bound: str
    ok: bool
    timed: bool = False


class CannotRunError(Exception):
    """This machine lacks what the drill needs; the message names it."""


def needs(program: str) -> str:
    """The path of a program. Raises `CannotRunError` where it is missing; a test makes that a failure in CI."""
    found = shutil.which(program)
    if found is None:
        raise CannotRunError(f"{program} is not installed")
    return found


def judged(drill: Callable[[], list[Row]]) -> list[Row]:
    """The rows of a drill; run once more if nothing but a timed figure was missed, and then as it comes."""
    rows = drill()
    missed = [row for row in rows if not row.ok]
    return drill() if missed and all(row.timed for row in missed) else rows


def in_ci() -> bool:
    """Whether a missing program is a failure."""
    return os.environ.get("CI") == "true"
