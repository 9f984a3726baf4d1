"""Experiments as the API tells them: their wire shapes, and what each variant gained over control.

`lifts` is for the report of outcomes: it takes counts, never events, so it can be given what a report may show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from marshmallow import Schema, fields

from models.experiments import CONTROL
from models.proportions import Interval, newcombe, wilson

ABOUT_KEYS: Final = (
    "A random name that you keep for this customer, never a customer number. It draws the customer into experiments, "
    "the same name into the same variant. It is no signal: nothing else reads it, and it is neither stored nor logged. "
    "Without it, and for a minor or a customer who objects, there is no experiment."
)
_SHARE: Final = {"minimum": 1, "maximum": 99}


class AssignmentSchema(Schema):
    """The experiment that an answer takes part in, and its variant; `control` is the rule's own content."""

    id = fields.String(required=True, attribute="experiment")
    variant = fields.String(required=True)


class VariantSchema(Schema):
    """Kinds of content, in order, and the share (percent) of the customers drawn who are offered them."""

    id = fields.String(required=True)
    share = fields.Integer(required=True, strict=True, metadata=_SHARE)
    content = fields.List(fields.String(), required=True)


class ExperimentSchema(Schema):
    """What a rule tries beside its own content, which the control group and whoever is not drawn are offered."""

    id = fields.String(required=True)
    control_share = fields.Integer(required=True, strict=True, metadata=_SHARE)
    variants = fields.Nested(VariantSchema, many=True, required=True)


@dataclass(frozen=True, slots=True)
class VariantCount:
    """How often a variant of an experiment was shown, and how often that came to something, such as *helpful*."""

    experiment: str
    variant: str
    shown: int
    successes: int


@dataclass(frozen=True, slots=True)
class Lift:
    """What a variant gained over control: the difference of their shares of success, with its 95 % interval."""

    experiment: str
    variant: str
    share: Interval
    control: Interval
    difference: Interval


def lifts(rows: Iterable[VariantCount]) -> list[Lift]:
    """The lift of each variant whose control was shown too, in the order of the rows.

    A variant or control that was never shown has no lift. Rows of one variant add up.

    Raises
    ------
    ValueError
        If a row has more successes than it was shown.
    """
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        shown, successes = totals.get((row.experiment, row.variant), (0, 0))
        totals[row.experiment, row.variant] = (shown + row.shown, successes + row.successes)
    shares = {arm: wilson(successes, shown) for arm, (shown, successes) in totals.items() if shown}
    return [
        Lift(experiment, variant, share, control, newcombe(share, control))
        for (experiment, variant), share in shares.items()
        if variant != CONTROL and (control := shares.get((experiment, CONTROL)))
    ]
