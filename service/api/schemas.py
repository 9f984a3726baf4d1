"""Every wire shape of the recommendations: marshmallow parses, serialises and documents them, once each.

Requests are strict: nothing is coerced, nothing unknown passes. The signals themselves are checked by
`models.contract.signals.SignalContract` and documented from it. Schemas are made once, at import, and serve every bundle: a
field whose values are codes names the list in its metadata (`service.api.fields.CODES`), which is looked up when a request is
checked or a document made. `service.api.compiled` turns schemas into plain functions, since they are used far more often
than described.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from marshmallow import Schema, ValidationError, fields, missing

from models.contract.channels import PTV_CHANNEL_TYPES
from models.contract.codes import CUSTOMER_TYPES, Language
from models.contract.signals import Signals
from models.decision.query import Showable
from models.decision.recommendation import Recommendation, SegmentAnswer
from service.api.fields import (
    PLAIN,
    UNRESERVED,
    Choice,
    Code,
    Codes,
    ContentIds,
    Moment,
    Parts,
    SignalsField,
    StrictSchema,
    Text,
    WholeNumber,
)
from service.outcomes.experiments import ABOUT_KEYS, AssignmentSchema

MOST_ITEMS: Final = 10
MOST_CUSTOMERS: Final = 500
LONGEST_REF: Final = 64


class Ask(NamedTuple):
    """One customer's request, checked; without a language it is answered in the first of the vocabulary."""

    signals: Signals
    language: Language | None
    limit: int
    shown: tuple[str, ...]
    as_of: datetime | None
    ref: str | None = None
    assignment_key: str | None = None
    channels: tuple[str, ...] | None = None
    content_types: tuple[str, ...] | None = None

    @property
    def showable(self) -> Showable:
        """What whoever asks can show."""
        return Showable(self.channels, self.content_types)


class Batch(NamedTuple):
    """The customers of a batch, none of them checked yet, and the lists of those that give none of their own."""

    customers: list[object]
    channels: tuple[str, ...] | None = None
    content_types: tuple[str, ...] | None = None

    def complete(self, ask: Ask) -> Ask:
        """One customer's request with the lists of the batch where it has none."""
        if self.channels is None and self.content_types is None:
            return ask
        return ask._replace(
            channels=ask.channels or self.channels, content_types=ask.content_types or self.content_types
        )


class Answer(NamedTuple):
    """A recommendation with its reference, and its segment if the key may see it."""

    recommendation_id: str
    recommendation: Recommendation
    segment: SegmentAnswer | None
    information_only: bool = True  # purpose is fixed: Arki decides nothing


_CHANNELS: Final = Codes(
    "channels",
    "channel",
    description="Channels in which items can be shown; items of others are left out. Default all. Statutory content and the"
    " human channel are given in any case.",
)
_CONTENT_TYPES: Final = Codes(
    "content_types",
    "kind of content",
    description="Kinds of content that can be shown; items of others are left out. Default all.",
)


class RecommendationRequestSchema(StrictSchema):
    """One customer and what is wished for."""

    customer_type = Choice(CUSTOMER_TYPES, required=True, metadata={"description": "Known, never inferred."})
    signals = SignalsField(
        required=True,
        metadata={"description": "What was observed; one left out, or null, is unknown and stays so."},
    )
    language = Code(
        "languages",
        description="Of the texts; chooses nothing else. Without it the first of these.",
    )
    limit = WholeNumber(1, MOST_ITEMS, load_default=3, metadata={"description": "At most so many items."})
    shown = ContentIds(
        load_default=(), metadata={"description": "Content ids already shown; left out of items."}
    )
    channels = _CHANNELS
    content_types = _CONTENT_TYPES
    as_of = Moment(
        metadata={
            "description": "The moment answered for; a bare date is 00:00 that day in Helsinki. Default now."
        },
    )

    assignment_key = Text(LONGEST_REF, pattern=PLAIN, metadata={"description": ABOUT_KEYS})

    def read(self, values: Mapping[str, Any]) -> Ask:
        """The request that values make: what each field's `deserialize` gives of its own. Raises `ValidationError`.

        `Schema.load` comes to the same, as a test holds, and costs a tenth of a whole request's instructions more, most of it
        for what these fields do not have.
        """
        faults: dict[str, Any] = {}
        checked: dict[str, Any] = {}
        for name, field in self.load_fields.items():
            try:
                value = field.deserialize(values.get(name, missing), name, values)
            except ValidationError as error:
                faults[name] = error.messages
            else:
                checked[name] = None if value is missing else value
        for name in values.keys() - self.load_fields.keys():
            faults[name] = [self.error_messages["unknown"]]
        if faults:
            raise ValidationError(faults)
        del checked["customer_type"]  # the signals know it
        return Ask(**checked)


class BatchCustomerSchema(RecommendationRequestSchema):
    """One customer of a batch."""

    ref = Text(
        LONGEST_REF,
        pattern=UNRESERVED,
        metadata={
            "description": "A name of your own for the row, given back: no customer number, and no identity code in any form."
        },
    )


class BatchRequestSchema(StrictSchema):
    """Up to 500 customers. Its own `channels` and `content_types` are those of each customer that gives none."""

    customers = Parts("customers", "BatchCustomer", MOST_CUSTOMERS, required=True)
    channels = _CHANNELS
    content_types = _CONTENT_TYPES


class ContentSchema(Schema):
    """A content item in the language it is offered in."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    url = fields.String(required=True)
    language = fields.String(required=True, metadata={"codes": "languages"})
    body = fields.String(metadata={"optional": True, "description": "The sentence of a nudge."})


class ReasonSchema(Schema):
    """The rule that offers an item, and its sentence, approved by the content team."""

    rule = fields.String(required=True)
    text = fields.String(required=True)


class ItemSchema(Schema):
    """One suggestion: where, what and why."""

    rank = fields.Integer(required=True, strict=True, metadata={"minimum": 1, "maximum": MOST_ITEMS})
    channel = fields.String(required=True, metadata={"codes": "channels"})
    ptv_channel = fields.String(required=True, metadata={"enum": list(PTV_CHANNEL_TYPES)})
    open_now = fields.Boolean(required=True, allow_none=True)
    opens_at = fields.AwareDateTime(required=True, allow_none=True)
    content_type = fields.String(required=True, metadata={"codes": "content_types"})
    content = fields.Nested(ContentSchema, required=True)
    reason = fields.Nested(ReasonSchema, required=True)


class StatutoryItemSchema(Schema):
    """Content that the law wants to reach the customer whatever else is suggested."""

    content_type = fields.String(required=True, metadata={"codes": "content_types"})
    content = fields.Nested(ContentSchema, required=True)


class HumanChannelSchema(Schema):
    """Where a person can always be reached, and the page that tells how."""

    id = fields.String(required=True, metadata={"codes": "channels"})
    ptv_channel = fields.String(required=True, metadata={"enum": list(PTV_CHANNEL_TYPES)})
    name = fields.String(required=True)
    url = fields.String(required=True, allow_none=True)
    open_now = fields.Boolean(required=True, allow_none=True)
    opens_at = fields.AwareDateTime(required=True, allow_none=True)


class SegmentReasonSchema(Schema):
    """Signals that led towards the segment, and by how much."""

    signals = fields.List(fields.String(), required=True)
    text = fields.String(required=True)
    log_odds = fields.Float(required=True)


class SegmentAnswerSchema(Schema):
    """The life situation, for keys with `segments:read`: inferred, or known from what was stated; an employer's is known."""

    id = fields.String(required=True, metadata={"codes": "segments"})
    known = fields.Boolean(required=True)
    probability = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "minimum": 0,
            "maximum": 1,
            "description": "Rounded to six decimals, as it is compared with the thresholds of the model.",
        },
    )
    confidence = fields.String(required=True, allow_none=True, metadata={"enum": ["high", "moderate", None]})
    reasons = fields.Nested(SegmentReasonSchema, many=True, required=True)


class VersionsSchema(Schema):
    """What the answer was made with; the same bundle and code give the same answer to the same signals and moment again."""

    bundle = fields.String(required=True)
    model = fields.String(required=True)
    rulebook = fields.String(required=True)
    catalogue = fields.String(required=True)
    code = fields.String(
        required=True,
        metadata={"description": "Digest of the thresholds and contracts of the code that decided."},
    )


class RecommendationSchema(Schema):
    """What to offer a customer next. Information only: it decides nothing."""

    recommendation_id = fields.String(
        required=True,
        metadata={
            "description": "Signed reference of ids and versions; holds no personal data. With the same customer it gives "
            "the same answer again: `arki-rulebook replay`."
        },
    )
    personalised = fields.Boolean(
        required=True,
        attribute="recommendation.personalised",
        metadata={
            "description": "True where the model named a segment, or an employer told something of itself. False does not "
            "mean that nothing was used: what a customer stated (an event, an open matter, a need, a channel) still "
            "chooses, unless personalisation was objected to or the customer is a minor."
        },
    )
    degraded = fields.Boolean(
        required=True,
        attribute="recommendation.degraded",
        metadata={"description": "True where making the answer failed and the neutral one stands in."},
    )
    restricted = fields.Boolean(
        required=True,
        attribute="recommendation.restricted",
        metadata={
            "description": "True where the request's `channels` or `content_types` left out an item that the answer would hold "
            "without them. False where there are no lists, or all that the answer would hold can be shown."
        },
    )
    information_only = fields.Boolean(required=True, metadata={"enum": [True]})
    notice = fields.String(required=True, attribute="recommendation.notice")
    as_of = fields.AwareDateTime(
        required=True,
        attribute="recommendation.as_of",
        metadata={"description": "The moment answered for, in Finnish time, to the second."},
    )
    valid_until = fields.Date(
        required=True,
        attribute="recommendation.valid_until",
        metadata={
            "description": "Last day up to which the same customer gets the same items by the same rules, the same "
            "statutory content and the same human channel, as far as the bundle knows days on which rules and content "
            "begin and end. Opening (`open_now`, `opens_at`) changes by the minute and is no part of it."
        },
    )
    items = fields.Nested(
        ItemSchema,
        many=True,
        required=True,
        attribute="recommendation.items",
        metadata={
            "description": "At most `limit`, best first. Nothing is padded: there may be fewer, and none where all that "
            "fits was shown before or cannot be shown."
        },
    )
    statutory = fields.Nested(
        StatutoryItemSchema, many=True, required=True, attribute="recommendation.statutory"
    )
    human_channel = fields.Nested(HumanChannelSchema, required=True, attribute="recommendation.human_channel")
    segment = fields.Nested(SegmentAnswerSchema, required=True, allow_none=True)
    versions = fields.Nested(VersionsSchema, required=True, attribute="recommendation.versions")
    experiment = fields.Nested(
        AssignmentSchema, required=True, allow_none=True, attribute="recommendation.experiment"
    )


class FaultSchema(Schema):
    """One fault: a pointer into the body, or the name of a query parameter."""

    pointer = fields.String(metadata={"description": "JSON pointer (RFC 6901) into the body."})
    parameter = fields.String(metadata={"description": "Name of a query parameter."})
    code = fields.String(required=True)
    message = fields.String(required=True)


class ProblemSchema(Schema):
    """What went wrong (RFC 9457); never repeats what was sent."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True, strict=True)
    detail = fields.String(required=True)
    errors = fields.Nested(
        FaultSchema,
        many=True,
        metadata={
            "description": "At most 20 faults of a customer or event, and 200 of a request; then one entry `more_faults` that "
            "counts the others."
        },
    )


class BatchResultSchema(Schema):
    """The answer to one customer of a batch, or the problem with it."""

    index = fields.Integer(required=True, strict=True, metadata={"minimum": 0})
    ref = fields.String()
    status = fields.Integer(required=True, strict=True, metadata={"enum": [200, 422]})
    recommendation = fields.Nested(RecommendationSchema)
    problem = fields.Nested(ProblemSchema)


class BatchSchema(Schema):
    """One result per customer, in order."""

    results = fields.Nested(BatchResultSchema, many=True, required=True)


class HealthSchema(Schema):
    """The process answers."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})


class ReadySchema(VersionsSchema):
    """What is served; `problem` says why a newer bundle was refused."""

    status = fields.String(required=True, metadata={"enum": ["ready"]})
    problem = fields.String(required=True, allow_none=True)
