"""Wire shapes of outcomes: events in, what became of each out, and the report; read and written here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validates_schema

from models.contract.signals import Fault, FaultLimit
from service.api.compiled import dumper
from service.api.fields import (
    LONGEST_ID,
    Choice,
    ContractField,
    Moment,
    Parts,
    StrictSchema,
    Text,
    WholeNumber,
)
from service.api.problems import InvalidRequestError, problem_of
from service.api.requests import limit_of_request, load
from service.api.schemas import ProblemSchema
from service.http.body import Document
from service.outcomes.events import DIMENSIONS, EVENTS, RATINGS, WIDEST_BY_WAITING, Event, Report, Verdict
from service.security.references import LONGEST_REFERENCE

MOST_EVENTS: Final = 100
LARGEST_EVENTS_BODY: Final = 512 * 1024
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


class EventId(ContractField):
    """A UUID in its usual form."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        schema = {"type": "string", "format": "uuid", "pattern": f"^{_UUID.pattern}$"}
        super().__init__("must be a UUID such as 0190c2f4-7d1a-4b7e-9f6e-3f1c2b5a6d70.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> UUID:
        if not isinstance(value, str):
            raise self.refusal()
        if not _UUID.fullmatch(value):
            raise self.refusal("unknown_value")
        return UUID(value)


class Instant(Moment):
    """A moment with its offset; a bare day will not do."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)
        self.json_schema = {"type": "string", "format": "date-time", "pattern": "^(20[0-9]{2}|2100)-.*T"}
        self.says = (
            "must be a date-time with an offset such as 2026-06-01T12:00:00+03:00, in the years 2000 to 2100."
        )

    def _deserialize(self, value: object, *args: object, **settings: object) -> datetime:
        if isinstance(value, str) and "T" not in value:
            raise self.refusal("unknown_value")
        return super()._deserialize(value, *args, **settings)


class Day(ContractField):
    """A day of this century."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        schema = {"type": "string", "format": "date", "pattern": "^20[0-9]{2}-"}
        super().__init__("must be a date such as 2026-06-01, in the years 2000 to 2099.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> date:
        if not isinstance(value, str):
            raise self.refusal()
        try:
            if _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        raise self.refusal("unknown_value")


class OutcomeEventSchema(StrictSchema):
    """What came of one item of an answer."""

    event_id = EventId(
        required=True, metadata={"description": "Your own; sent again, the event is stored once."}
    )
    recommendation_id = Text(
        LONGEST_REFERENCE, required=True, metadata={"description": "As the answer gave it."}
    )
    item = Text(LONGEST_ID, required=True, metadata={"description": "A content id of that answer."})
    event = Choice(EVENTS, required=True)
    occurred_at = Instant(
        required=True, metadata={"description": "At most 72 hours ago. Checked, and not kept."}
    )
    grade = WholeNumber(
        0, 10, metadata={"description": "How much it helped; with helpful and not_helpful only."}
    )

    @validates_schema(skip_on_field_errors=False)
    def _grades_rate(self, event: Mapping[str, Any], **_: object) -> None:
        if "grade" in event and event.get("event") in EVENTS and event["event"] not in RATINGS:
            message = "goes with helpful or not_helpful only. Leave it out here."
            raise ValidationError({"grade": [Fault("", "not_allowed_here", message)]})


class OutcomeEventsSchema(StrictSchema):
    """Up to 100 events."""

    events = Parts("events", "OutcomeEvent", MOST_EVENTS, required=True)


class OutcomeResultSchema(Schema):
    """What became of an event: stored now, stored already, or refused with the problem."""

    index = fields.Integer(required=True, strict=True, metadata={"minimum": 0})
    event_id = fields.UUID()
    result = fields.String(required=True, metadata={"enum": ["stored", "already_stored", "refused"]})
    problem = fields.Nested(ProblemSchema)


class OutcomesAnswerSchema(Schema):
    """One result per event, in order. What is said to be stored is on disk."""

    results = fields.Nested(OutcomeResultSchema, many=True, required=True)


class ReportQuerySchema(StrictSchema):
    """What to count by, over which weeks, and as what."""

    by = Choice(DIMENSIONS, load_default="rule", metadata={"description": "One dimension at a time."})
    from_ = Day(data_key="from", metadata={"description": "From the week of this day; default 12 weeks."})
    to = Day(metadata={"description": "To the week of this day; default this week."})
    format = Choice(("json", "csv"), metadata={"description": "Goes before the Accept header."})

    @validates_schema
    def _in_order(self, query: Mapping[str, Any], **_: object) -> None:
        if "from_" in query and "to" in query and query["to"] < query["from_"]:
            raise ValidationError({"to": [Fault("", "out_of_range", "must not lie before from.")]})


class RateSchema(Schema):
    """At least `count` of at least `of`. The share is null while too few are counted to say: see `waiting_at_most`."""

    count = fields.Integer(required=True, strict=True, metadata={"description": "At least so many."})
    of = fields.Integer(required=True, strict=True, metadata={"description": "At least so many."})
    share = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Of those counted. Null where there are none, or where what may still wait could move it "
            f"by more than {WIDEST_BY_WAITING:.0%}: it is then too early to say."
        },
    )
    low = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Low end of the 95 % Wilson interval, whatever waits. Null with the share."},
    )
    high = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "High end of the 95 % Wilson interval, whatever waits. Null with the share."
        },
    )


class ReportRowSchema(Schema):
    """What came of a group. Counts grow by five or more at a time, so each is the least there were; the rest waits.

    An event counts in the week in which its group was large enough, so a few may have happened in a week before.
    """

    value = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Null is the total of customers who objected, and of minors."},
    )
    shown = fields.Integer(required=True, strict=True, metadata={"description": "At least so many."})
    opened = fields.Nested(RateSchema, required=True)
    completed = fields.Nested(RateSchema, required=True)
    dismissed = fields.Nested(RateSchema, required=True)
    helpful = fields.Nested(RateSchema, required=True)
    grades = fields.Integer(required=True, strict=True, metadata={"description": "At least so many."})
    mean_grade = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "Of the grades counted. Null where there are none, or where those that may still wait could "
            "move it by more than one."
        },
    )
    waiting_at_most = fields.Integer(
        required=True,
        allow_none=True,
        strict=True,
        metadata={
            "minimum": 0,
            "description": "How many more of each count may wait. It follows from how many combinations of rule, "
            "content, channel, language and variant the bundle in use can offer, never from what waits. Null where "
            "nothing in use can be counted under this value any more, such as a rule that was taken out: no share "
            "is given then.",
        },
    )


class ReportSchema(Schema):
    """Counts and rates over whole weeks, named by their Mondays."""

    by = fields.String(required=True, metadata={"enum": list(DIMENSIONS)})
    first = fields.Date(required=True)
    last = fields.Date(required=True)
    rows = fields.Nested(ReportRowSchema, many=True, required=True)


EVENT: Final = OutcomeEventSchema()
EVENTS_BODY: Final = OutcomeEventsSchema()
_report: Final = dumper(ReportSchema())


def read_events(document: Document) -> tuple[list[Event | InvalidRequestError], bool]:
    """The events of a body, a broken one as its error, and whether it is a list.

    Raises
    ------
    InvalidRequestError
        If the body is neither a list of events nor a sound event.
    """
    body, limit = document.json, limit_of_request()
    if not (isinstance(body, dict) and "events" in body):
        return [_read_event(document, body, "", limit)], False
    others = {key: value for key, value in body.items() if key != "events"}
    events = load(EVENTS_BODY, body, document.identity_faults(others), "", limit_of_request())["events"]
    entries: list[Event | InvalidRequestError] = []
    for index, event in enumerate(events):
        try:
            entries.append(_read_event(document, event, f"/events/{index}", limit))
        except InvalidRequestError as error:
            entries.append(error)
    return entries, True


def results(
    events: Sequence[Event | InvalidRequestError], verdicts: Sequence[Verdict], *, listed: bool
) -> dict[str, Any]:
    """What became of each event, in order, given the verdicts on the sound ones.

    Raises
    ------
    InvalidRequestError
        If the event was sent alone, not `listed`, and is refused.
    """
    remaining, shown = iter(verdicts), []
    for index, event in enumerate(events):
        if isinstance(event, InvalidRequestError):
            shown.append({"index": index, "result": "refused", "problem": problem_of(event)})
            continue
        verdict = next(remaining)
        named = {"index": index, "event_id": str(event.event_id), "result": verdict.result}
        if verdict.fault is not None and not listed:
            raise InvalidRequestError([verdict.fault])
        if verdict.fault is not None:
            where = verdict.fault._replace(pointer=f"/events/{index}{verdict.fault.pointer}")
            named["problem"] = problem_of(InvalidRequestError([where]))
        shown.append(named)
    return {"results": shown}


def report_json(report: Report) -> dict[str, Any]:
    """A report as its schema says."""
    return _report(report)


def _read_event(document: Document, event: object, pointer: str, limit: FaultLimit) -> Event:
    others = event
    if isinstance(
        event, dict
    ):  # 1 in 25,000 UUIDs looks like an identity code; these two are checked otherwise
        others = {key: value for key, value in event.items() if key not in {"event_id", "recommendation_id"}}
    loaded = load(EVENT, event, document.identity_faults(others, pointer), pointer, limit)
    return Event(**loaded | {"grade": loaded.get("grade")})
