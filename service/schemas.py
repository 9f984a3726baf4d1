"""Every wire shape of the recommendations: marshmallow parses, serialises and documents them, once each.

Requests are strict: nothing is coerced, nothing unknown passes. The signals themselves are checked by
`models.signals.read_signals` and documented from its contract. Schemas are made once, at import, and reused;
`service.compiled` turns them into plain functions, since they are used far more often than described.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple

from marshmallow import RAISE, Schema, ValidationError, fields, post_load

from models.catalogue import MOST_SHOWN
from models.channels import HELSINKI, PTV_CHANNEL_TYPES
from models.codes import CHANNELS, CONTENT_TYPES, CUSTOMER_TYPES, LANGUAGES, Language
from models.recommender import Recommendation, SegmentAnswer
from models.segments import Segment
from models.signals import Fault, FaultLimit, InvalidSignalsError, Signals, read_count, read_signals
from service.experiments import ABOUT_KEYS, AssignmentSchema

MOST_ITEMS: Final = 10
MOST_CUSTOMERS: Final = 500
LONGEST_ID: Final = 100
LONGEST_REF: Final = 64
FAULT_LIMIT: Final[ContextVar[FaultLimit]] = ContextVar("fault_limit")
"""What signals may list. Where nobody has set it, nobody shows their faults, and few sentences are made in vain."""
_ONE_FAULT: Final = FaultLimit(1, 0)
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_YEARS: Final = "^(20[0-9]{2}|2100)-"  # the same, for the document
NO_NUL: Final = "^[^\\u0000]*$"
PLAIN: Final = "^[A-Za-z0-9_-]*$"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class Ask(NamedTuple):
    """One customer's request, checked."""

    signals: Signals
    language: Language
    limit: int
    shown: tuple[str, ...]
    at: datetime | None
    ref: str | None
    assignment_key: str | None = None


class Answer(NamedTuple):
    """A recommendation with its reference, and its segment if the key may see it."""

    recommendation_id: str
    recommendation: Recommendation
    segment: SegmentAnswer | None
    information_only: bool = True  # purpose is fixed: Arki decides nothing


class ContractField(fields.Raw):
    """A field that refuses with one sentence, in the contract's own words, and documents itself.

    Parameters
    ----------
    says : str
        What is allowed, as a sentence that follows the field's name.
    json_schema : mapping
        The same for OpenAPI.
    """

    default_error_messages: dict[str, str | list[Any] | dict[Any, Any]] = {"required": "missing"}  # noqa: RUF012  (marshmallow declares it so)

    def __init__(self, says: str, json_schema: Mapping[str, Any], **settings: Any) -> None:  # noqa: ANN401
        self.says, self.json_schema = says, json_schema
        super().__init__(**settings)
        self.error_messages["null"] = [Fault("", "wrong_type", says)]

    def refusal(self, code: str = "wrong_type", pointer: str = "") -> ValidationError:
        """The error of this field; `pointer` is relative to it."""
        return ValidationError([Fault(pointer, code, self.says)])


class Choice(ContractField):
    """One of a closed list of codes."""

    def __init__(self, values: Sequence[str], **settings: Any) -> None:  # noqa: ANN401
        self.values = tuple(values)
        schema = {"type": "string", "enum": list(self.values)}
        super().__init__(f"must be one of {', '.join(self.values)}.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if isinstance(value, str) and value in self.values:
            return value
        raise self.refusal("unknown_value" if isinstance(value, str) else "wrong_type")


class WholeNumber(ContractField):
    """A whole number in a range; 3.0 is one, true and "3" are not."""

    def __init__(self, minimum: int, maximum: int, **settings: Any) -> None:  # noqa: ANN401
        self.minimum, self.maximum = minimum, maximum
        schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
        super().__init__(f"must be a whole number from {minimum} to {maximum}.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        number = read_count(value, self.maximum)
        if number is None or number < self.minimum:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            raise self.refusal("out_of_range" if is_number else "wrong_type")
        return number


class Text(ContractField):
    """A string of bounded length; a plain one has letters A to Z, digits, hyphens and underscores alone."""

    def __init__(self, longest: int, *, plain: bool = False, **settings: Any) -> None:  # noqa: ANN401
        self.longest, self.pattern = longest, re.compile(PLAIN if plain else NO_NUL)
        schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": self.pattern.pattern}
        characters = "letters A to Z, digits, hyphens and underscores" if plain else "characters"
        super().__init__(f"must be a string of 1 to {longest} {characters}.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if isinstance(value, str) and 1 <= len(value) <= self.longest and self.pattern.fullmatch(value):
            return value
        raise self.refusal("out_of_range" if isinstance(value, str) else "wrong_type")


class ContentIds(ContractField):
    """Content ids already shown."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        item = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": NO_NUL}
        schema = {"type": "array", "maxItems": MOST_SHOWN, "items": item}
        super().__init__(f"must be a list of at most {MOST_SHOWN} content ids.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.refusal()
        if len(value) > MOST_SHOWN:
            raise self.refusal("out_of_range")
        for index, content in enumerate(value):
            if not isinstance(content, str) or not 1 <= len(content) <= LONGEST_ID:
                raise self.refusal(pointer=f"/{index}")
        return tuple(value)


class Moment(ContractField):
    """A day (00:00 in Helsinki) or a moment with its offset."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        schema = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}], "pattern": _YEARS}
        super().__init__(
            f"must be a date such as 2026-06-01, or a date-time with an offset such as 2026-06-01T12:00:00+03:00, in the "
            f"years {_FIRST_YEAR} to {_LAST_YEAR}.",
            schema,
            **settings,
        )

    def _deserialize(self, value: object, *_: object, **__: object) -> datetime:
        if not isinstance(value, str):
            raise self.refusal()
        try:
            if _DAY.fullmatch(value):
                at = datetime.combine(date.fromisoformat(value), time(), HELSINKI)
            elif _MOMENT.fullmatch(value):
                at = datetime.fromisoformat(value)
            else:
                raise self.refusal("unknown_value")
        except (ValueError, OverflowError) as error:
            if isinstance(error, ValidationError):
                raise
            raise self.refusal("unknown_value") from None
        if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            raise self.refusal("out_of_range")
        return at.astimezone(UTC) if at.tzinfo is not HELSINKI else at


class SignalsField(ContractField):
    """Signals of the customer type given beside them; `models.signals` checks them and documents them."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__("must be an object of signals.", {"type": "object"}, **settings)

    def _deserialize(
        self,
        value: object,
        attr: str | None,  # noqa: ARG002  (marshmallow's signature)
        data: Mapping[str, Any] | None,
        **_: Any,  # noqa: ANN401
    ) -> Signals | None:
        customer_type = (data or {}).get("customer_type")
        if not isinstance(customer_type, str) or customer_type not in CUSTOMER_TYPES:
            return None  # customer_type has a fault of its own, and says which contract would apply
        try:
            return read_signals(customer_type, value, "", FAULT_LIMIT.get(_ONE_FAULT))
        except InvalidSignalsError as error:
            raise ValidationError([*error.faults, error.unlisted]) from None


class StrictSchema(Schema):
    """A request: unknown fields are refused."""

    class Meta:
        """marshmallow's own settings."""

        unknown = RAISE


class RecommendationRequestSchema(StrictSchema):
    """One customer and what is wished for."""

    customer_type = Choice(CUSTOMER_TYPES, required=True, metadata={"description": "Known, never inferred."})
    signals = SignalsField(
        required=True,
        metadata={"description": "What was observed; one left out, or null, is unknown and stays so."},
    )
    language = Choice(
        LANGUAGES, load_default="fi", metadata={"description": "Of the texts; chooses nothing else."}
    )
    limit = WholeNumber(1, MOST_ITEMS, load_default=3, metadata={"description": "At most so many items."})
    shown = ContentIds(
        load_default=(), metadata={"description": "Content ids already shown; left out of items."}
    )
    as_of = Moment(
        metadata={
            "description": "The moment answered for; a bare date is 00:00 that day in Helsinki. Default now."
        },
    )

    assignment_key = Text(LONGEST_REF, plain=True, metadata={"description": ABOUT_KEYS})

    @post_load
    def _ask(self, given: dict[str, Any], **_: Any) -> Ask:  # noqa: ANN401
        return ask_of(given)


def ask_of(given: Mapping[str, Any]) -> Ask:
    """The request that checked fields make."""
    return Ask(
        given["signals"],
        given["language"],
        given["limit"],
        given["shown"],
        given.get("as_of"),
        given.get("ref"),
        given.get("assignment_key"),
    )


class BatchCustomerSchema(RecommendationRequestSchema):
    """One customer of a batch."""

    ref = Text(LONGEST_REF, metadata={"description": "Any name of your own, given back; not personal data."})


class Parts(ContractField):
    """A list whose parts are checked one by one later, so that a bad one refuses no other.

    Parameters
    ----------
    noun : str
        What they are, in the plural.
    schema : str
        Name of the schema of one.
    most : int
        How many there may be.
    """

    def __init__(self, noun: str, schema: str, most: int, **settings: Any) -> None:  # noqa: ANN401
        self.most = most
        items = {"$ref": f"#/components/schemas/{schema}"}
        described = {"type": "array", "minItems": 1, "maxItems": most, "items": items}
        super().__init__(f"must be a list of 1 to {most} {noun}.", described, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> list[object]:
        if not isinstance(value, list):
            raise self.refusal()
        if not 1 <= len(value) <= self.most:
            raise self.refusal("out_of_range")
        return value


class BatchRequestSchema(StrictSchema):
    """Up to 500 customers."""

    customers = Parts("customers", "BatchCustomer", MOST_CUSTOMERS, required=True)


class ContentSchema(Schema):
    """A content item in the language it is offered in."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    url = fields.String(required=True)
    language = fields.String(required=True, metadata={"enum": list(LANGUAGES)})
    body = fields.String(metadata={"optional": True, "description": "The sentence of a nudge."})


class ReasonSchema(Schema):
    """The rule that offers an item, and its sentence, approved by the content team."""

    rule = fields.String(required=True)
    text = fields.String(required=True)


class ItemSchema(Schema):
    """One suggestion: where, what and why."""

    rank = fields.Integer(required=True, strict=True, metadata={"minimum": 1, "maximum": MOST_ITEMS})
    channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    ptv_channel = fields.String(required=True, metadata={"enum": list(PTV_CHANNEL_TYPES)})
    open_now = fields.Boolean(required=True, allow_none=True)
    opens_at = fields.AwareDateTime(required=True, allow_none=True)
    content_type = fields.String(required=True, metadata={"enum": list(CONTENT_TYPES)})
    content = fields.Nested(ContentSchema, required=True)
    reason = fields.Nested(ReasonSchema, required=True)


class StatutoryItemSchema(Schema):
    """Content that the law wants to reach the customer whatever else is suggested."""

    content_type = fields.String(required=True, metadata={"enum": list(CONTENT_TYPES)})
    content = fields.Nested(ContentSchema, required=True)


class HumanChannelSchema(Schema):
    """Where a person can always be reached, and the page that tells how."""

    id = fields.String(required=True, metadata={"enum": list(CHANNELS)})
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
    """The inferred life situation, for keys with `segments:read`; an employer's is known."""

    id = fields.String(required=True, metadata={"enum": [str(segment) for segment in Segment]})
    known = fields.Boolean(required=True)
    probability = fields.Float(required=True, allow_none=True, metadata={"minimum": 0, "maximum": 1})
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
            "fits was shown before."
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
