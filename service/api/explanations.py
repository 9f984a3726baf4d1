"""The wire shape of an explanation: each signal's contribution, each rule passed over, why no other item is offered."""

from __future__ import annotations

from typing import Final

from marshmallow import Schema, fields

from models.decision.offers import GATES
from service.api.schemas import RecommendationSchema


class ContributionSchema(Schema):
    """What a signal (or declared pair) added to the segment's log-odds; an unknown signal adds something too."""

    signals = fields.List(fields.String(), required=True)
    log_odds = fields.Float(required=True)


class PassedOverSchema(Schema):
    """A rule above the one that decided, with its first condition that failed."""

    rule = fields.String(required=True)
    fact = fields.String(required=True)
    value = fields.String(required=True)
    allowed = fields.List(fields.String(), required=True)


class LookupSchema(Schema):
    """One look-up in the decision table: the facts, the rule and channel they gave, the rules they passed over."""

    facts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    rule = fields.String(required=True)
    channel = fields.String(required=True, metadata={"codes": "channels"})
    passed_over = fields.Nested(PassedOverSchema, many=True, required=True)


class WhyNotSchema(Schema):
    """An item that is not offered, with the first gate it failed for the kind of content where it came furthest."""

    content = fields.String(required=True)
    gate = fields.String(
        required=True,
        metadata={
            "enum": list(GATES),
            "description": "In order: a draft; not for such customers; statutory, which is a list of its own; of a kind "
            "not looked for; not for the channel; on another topic; not valid on the day; another on its topic is in the "
            "language asked for; shown before; another goes first; of a channel or kind that cannot be shown; the limit was "
            "reached.",
        },
    )


class HowSchema(Schema):
    """How a recommendation came about, without the recommendation."""

    abstained = fields.Boolean(
        required=True, metadata={"description": "The model was asked and named no segment."}
    )
    probabilities = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        required=True,
        metadata={
            "description": "Of each segment that the model infers, to six decimals; empty where the model was not asked."
        },
    )
    contributions = fields.Nested(ContributionSchema, many=True, required=True)
    lookups = fields.Nested(LookupSchema, many=True, required=True)
    why_not = fields.Nested(WhyNotSchema, many=True, required=True)


class ExplanationSchema(HowSchema):
    """A recommendation and how it came about."""

    recommendation = fields.Nested(RecommendationSchema, required=True)


EXPLANATION: Final = HowSchema()
