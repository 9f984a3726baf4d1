"""Wire shapes of what is listed for reading: segments and groups, mapping, rulebook, content, channels, model; and their queries."""

from __future__ import annotations

from typing import Final, get_args

from marshmallow import Schema, fields

from models.contract.codes import CUSTOMER_TYPES
from models.contract.vocabulary import Origin
from service.api.fields import AUDIENCES, Choice, Code, StrictSchema, Text, Texts, WholeNumber
from service.api.schemas import VersionsSchema
from service.outcomes.experiments import ExperimentSchema

LARGEST_PAGE: Final = 500


class QueryNumber(WholeNumber):
    """A whole number written in digits, as queries have it."""

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isdecimal()
            and len(value) <= len(str(self.maximum))
        ):
            return super()._deserialize(int(value))
        raise self.refusal("out_of_range")


class NoQuerySchema(StrictSchema):
    """No parameters."""


class ContentQuerySchema(StrictSchema):
    """Which items to list, and which page of them."""

    language = Code("languages", description="Items that exist in this language.")
    type = Code("content_types", description="Kind of content.")
    channel = Code("channels", description="Items that may be offered in this channel.")
    topic = Text(100, metadata={"description": "Items filed under this topic."})
    status = Choice(("approved", "draft"), metadata={"description": "A draft is never recommended."})
    limit = QueryNumber(1, LARGEST_PAGE, load_default=100, metadata={"description": "Items in a page."})
    offset = QueryNumber(0, 100_000, load_default=0, metadata={"description": "Items to pass over."})


class MappingQuerySchema(StrictSchema):
    """Which rows of the mapping to show, and as what."""

    customer_type = Choice(CUSTOMER_TYPES)
    segment = Code("mapped_segments")
    group = Code("groups", description="Rows whose facts make a customer of this group.")
    fact = Text(100, metadata={"description": "The second fact, such as life_event."})
    value = Text(100, metadata={"description": "A value of that fact, such as KE8."})
    channel = Code("channels")
    content_type = Code("content_types", description="Rows that offer this kind of content.")
    rule = Text(100, metadata={"description": "Rows decided by this rule."})
    format = Choice(("json", "csv"), metadata={"description": "Goes before the Accept header."})


_Condition = fields.Dict(
    keys=fields.String(),
    required=True,
    allow_none=True,
    metadata={
        "description": "Allowed values by fact, all of which must hold; `all` and `any` hold lists of conditions, `not` holds "
        "one, and `group` holds groups whose conditions must hold too."
    },
)


class SegmentSchema(Schema):
    """A life situation in Kela's words."""

    id = fields.String(required=True, metadata={"codes": "segments"})
    customer_type = fields.String(required=True, metadata={"enum": list(CUSTOMER_TYPES)})
    origin = fields.String(
        required=True,
        metadata={
            "enum": list(get_args(Origin)),
            "description": "Inferred by the model, known from the customer type, or stated by facts.",
        },
    )
    inferred = fields.Boolean(required=True, metadata={"description": "True where the model infers it."})
    name = Texts(required=True)
    description = Texts(required=True)
    source = fields.String(required=True, allow_none=True)
    condition = _Condition


class GroupSchema(Schema):
    """A further customer group: everyone of a customer type whose facts meet a condition. It may overlap with others."""

    id = fields.String(required=True, metadata={"codes": "groups"})
    customer_type = fields.String(required=True, metadata={"enum": list(CUSTOMER_TYPES)})
    name = Texts(required=True)
    description = Texts(required=True)
    source = fields.String(required=True)
    condition = _Condition


class SegmentsSchema(Schema):
    """The segments, and the further groups that rules and reports may name."""

    segments = fields.Nested(SegmentSchema, many=True, required=True)
    groups = fields.Nested(GroupSchema, many=True, required=True)


class MappingRowSchema(Schema):
    """What a segment gets where one more fact is known and all else is not."""

    customer_type = fields.String(required=True, metadata={"enum": list(CUSTOMER_TYPES)})
    segment = fields.String(required=True, metadata={"codes": "mapped_segments"})
    fact = fields.String(required=True)
    value = fields.String(required=True)
    channel = fields.String(required=True, metadata={"codes": "channels"})
    content_types = fields.List(fields.String(), required=True)
    topic = fields.String(required=True)
    rule = fields.String(required=True)


class MappingSchema(Schema):
    """Which segment gets what."""

    rows = fields.Nested(MappingRowSchema, many=True, required=True)
    versions = fields.Nested(VersionsSchema, required=True)


_Conditions = fields.Dict(
    keys=fields.String(),
    values=fields.List(fields.String()),
    required=True,
    metadata={"description": "Each fact with its allowed values; a fact not named may have any."},
)


class RuleSchema(Schema):
    """One row of the decision table; the first whose conditions all hold decides."""

    id = fields.String(required=True)
    when = _Conditions
    channel = fields.String(required=True, metadata={"codes": "channels"})
    content = fields.List(fields.String(), required=True)
    topic = fields.String(required=True)
    human_channel = fields.String(required=True, metadata={"codes": "channels"})
    because = Texts(required=True)
    owner = fields.String(required=True)
    source = fields.String(required=True)
    valid_from = fields.Date(
        required=True, allow_none=True, metadata={"description": "First day; null is always."}
    )
    valid_until = fields.Date(
        required=True, allow_none=True, metadata={"description": "Last day; null is always."}
    )
    experiment = fields.Nested(ExperimentSchema, required=True, allow_none=True)


class GuaranteeSchema(Schema):
    """What the table promises of every customer whose facts match."""

    id = fields.String(required=True)
    customer_type = fields.String(required=True, metadata={"enum": list(CUSTOMER_TYPES)})
    every = _Conditions
    channel = fields.List(fields.String(), required=True)
    content = fields.List(fields.String(), required=True)
    says = fields.String(required=True)


class PromiseSchema(Schema):
    """What holds whatever the rules say, and the check that proves it before a bundle is made."""

    id = fields.String(required=True)
    check = fields.String(required=True)
    says = fields.String(required=True)


class CampaignSchema(Schema):
    """For some days, one item more for the customers of a group, beside what the rules offer; it names itself as the rule."""

    id = fields.String(required=True)
    customer_type = fields.String(required=True, metadata={"enum": list(CUSTOMER_TYPES)})
    groups = fields.List(fields.String(), required=True)
    item = fields.String(required=True)
    valid_from = fields.Date(required=True)
    valid_until = fields.Date(required=True)
    control_share = fields.Integer(
        required=True,
        strict=True,
        metadata={
            "minimum": 0,
            "maximum": 99,
            "description": "Percent of the group who are not shown the item, to measure the gain.",
        },
    )
    because = Texts(required=True)


class RulebookSchema(Schema):
    """The decision table of each customer type, what it promises (guarantees of the table, promises beside it), and campaigns."""

    hit_policy = fields.String(required=True, metadata={"enum": ["first"]})
    answer_valid_days = fields.Integer(required=True, strict=True)
    person = fields.Nested(RuleSchema, many=True, required=True)
    employer = fields.Nested(RuleSchema, many=True, required=True)
    guarantees = fields.Nested(GuaranteeSchema, many=True, required=True)
    promises = fields.Nested(PromiseSchema, many=True, required=True)
    campaigns = fields.Nested(CampaignSchema, many=True, required=True)
    versions = fields.Nested(VersionsSchema, required=True)


class ContentTextSchema(Schema):
    """An item in one language."""

    title = fields.String(required=True)
    url = fields.String(required=True)


class ContentItemSchema(Schema):
    """One item of the catalogue."""

    id = fields.String(required=True)
    type = fields.String(required=True, metadata={"codes": "content_types"})
    class_ = fields.String(
        required=True, data_key="class", metadata={"enum": ["statutory", "service", "guidance"]}
    )
    status = fields.String(required=True, metadata={"enum": ["approved", "draft"]})
    audience = fields.String(required=True, metadata={"enum": list(AUDIENCES)})
    topics = fields.List(fields.String(), required=True)
    life_events = fields.List(fields.String(), required=True)
    benefits = fields.List(fields.String(), required=True)
    channel = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The only channel it is offered in; null where there are several, or any will do."
        },
    )
    channels = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The only channels it is offered in; empty where any will do."},
    )
    valid_from = fields.Date(required=True, allow_none=True)
    valid_until = fields.Date(required=True, allow_none=True)
    languages = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ContentTextSchema),
        required=True,
    )
    owner = fields.String(required=True, allow_none=True)
    review_by = fields.Date(required=True, allow_none=True)
    priority = fields.Integer(
        required=True,
        strict=True,
        metadata={
            "minimum": 1,
            "maximum": 9,
            "description": "Among equals the highest goes first; 5 is usual.",
        },
    )
    legacy_address = fields.Boolean(
        required=True, metadata={"description": "True where only an old form of the address was seen."}
    )
    evidence = fields.String(required=True, allow_none=True)


class ContentListSchema(Schema):
    """A page of the catalogue; `total` counts what the filters left."""

    items = fields.Nested(ContentItemSchema, many=True, required=True)
    total = fields.Integer(required=True, strict=True)
    limit = fields.Integer(required=True, strict=True)
    offset = fields.Integer(required=True, strict=True)
    versions = fields.Nested(VersionsSchema, required=True)


class ChannelSchema(Schema):
    """A channel, when it is open, and whether a person answers there."""

    id = fields.String(required=True, metadata={"codes": "channels"})
    ptv_channel = fields.String(required=True)
    name = Texts(required=True)
    human = fields.Boolean(required=True)
    audience = fields.String(required=True, metadata={"enum": list(AUDIENCES)})
    needs_strong_identification = fields.Boolean(required=True)
    open_now = fields.Boolean(required=True, allow_none=True)
    opens_at = fields.AwareDateTime(required=True, allow_none=True)
    hours = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        required=True,
        allow_none=True,
        metadata={"description": "Weekday to opening and closing time in Finland; null is always open."},
    )
    languages = fields.List(fields.String(), required=True)
    carries = fields.List(fields.String(), required=True)
    cost_eur = fields.Float(required=True, allow_none=True)
    grade = fields.Float(required=True, allow_none=True)
    retired = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "First day on which it is there no more; null where it stays."},
    )
    successor = fields.String(
        required=True,
        allow_none=True,
        metadata={"codes": "channels", "description": "What takes its place from that day on."},
    )


class ChannelsSchema(Schema):
    """The channels."""

    channels = fields.Nested(ChannelSchema, many=True, required=True)
    versions = fields.Nested(VersionsSchema, required=True)


class ModelSchema(Schema):
    """The model as served: its manifest, and the scorecard whole, which is the model."""

    manifest = fields.Dict(keys=fields.String(), required=True)
    scorecard = fields.Dict(keys=fields.String(), required=True)
    versions = fields.Nested(VersionsSchema, required=True)
