"""Experiments as the API tells them: their wire shapes, and what each variant gained over control.

`lifts` is for the report of outcomes: it takes counts, never events, so it can be given what a report may show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from marshmallow import Schema, fields

from models.contract.intervals import Interval, Range, newcombe_over, part_range, two_way_range
from models.decision.experiments import CONTROL
from service.outcomes.events import WIDEST_BY_WAITING

ABOUT_KEYS: Final = (
    "A random name that you keep for this customer, never a customer number. It draws the customer into experiments, "
    "the same name into the same variant. It is no signal: nothing else reads it, and it is neither stored nor logged. "
    "Without it, and for a minor or a customer who objects, there is no experiment."
)
_SHARE: Final = {"minimum": 1, "maximum": 99}


class AssignmentSchema(Schema):
    """The experiment or campaign that an answer takes part in, and its variant; `control` is the rule's own content alone."""

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
    """How often a variant of an experiment was shown, and how often that came to something, such as *helpful*.

    Both are the least there were: up to `waiting` more of each are not counted yet, None where that is not known. In a
    `two_way` count `shown` is successes and failures, which wait apart.
    """

    experiment: str
    variant: str
    shown: int
    successes: int
    waiting: int | None = 0
    two_way: bool = False

    @property
    def share(self) -> float:
        """Of those counted; successes wait apart and may be ahead by a few, which is then all."""
        return min(self.successes, self.shown) / self.shown


@dataclass(frozen=True, slots=True)
class Lift:
    """What a variant gained over control.

    Attributes
    ----------
    experiment, variant : str
    one, control : VariantCount
    difference : Interval or None
        Difference of their shares of success, with a 95 % interval that holds whatever waits; None where what may wait
        moves one of the shares too far, or is not known.
    """

    experiment: str
    variant: str
    one: VariantCount
    control: VariantCount
    difference: Interval | None


def lifts(rows: Iterable[VariantCount]) -> list[Lift]:
    """The lift of each variant whose control was shown too, in the order of the rows, of which each variant has one."""
    arms = {(row.experiment, row.variant): row for row in rows if row.shown}
    return [
        Lift(experiment, variant, row, control, _difference(row, control))
        for (experiment, variant), row in arms.items()
        if variant != CONTROL and (control := arms.get((experiment, CONTROL)))
    ]


def _difference(one: VariantCount, control: VariantCount) -> Interval | None:
    both = [_range(row) for row in (one, control)]
    ranges = [shares for shares in both if shares is not None and shares.width <= WIDEST_BY_WAITING]
    if len(ranges) < len(both):
        return None
    return newcombe_over(ranges[0], ranges[1], one.share - control.share)


def _range(row: VariantCount) -> Range | None:
    if row.waiting is None:
        return None
    if row.two_way:
        return two_way_range(row.successes, row.shown - row.successes, waiting=row.waiting)
    return part_range(row.successes, row.shown, waiting=row.waiting)
