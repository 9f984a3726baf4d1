"""What the content team wrote, as shipped, for whatever in training goes by its vocabulary or its rules.

Reads nothing, and imports no reader, before it is asked, so that commands answer `--help` at once. Only `training` may import
this.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.authoring.findings import Authored
    from models.contract.signals import SignalContract


@cache
def authored() -> Authored:
    """Every file of the team, compiled; read once, for it takes seconds."""
    from models.authoring import loader  # noqa: PLC0415  (heavy)

    return loader.read_authored()


@cache
def contract() -> SignalContract:
    """The signals, with the codes of the team's vocabulary, which is read without the rest."""
    from models.authoring import loader  # noqa: PLC0415  (heavy)

    return loader.facts_beside(loader.RULEBOOK).facts.contract
