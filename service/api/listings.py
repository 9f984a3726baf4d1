"""What the content team owns, for reading: segments, mapping, rulebook, content, channels, model; shapes and payloads."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from marshmallow import Schema, fields

from models.contract.channels import HELSINKI
from models.contract.codes import CHANNELS, CONTENT_TYPES, CUSTOMER_TYPES, LANGUAGES, UNKNOWN
from models.contract.segments import Segment
from models.decision.bundle import Bundle
from models.decision.catalogue import ContentItem
from models.decision.decision_table import Guarantee, Rule
from models.decision.mapping import MappingRow
from service.api.compiled import dumper
from service.api.fields import Choice, StrictSchema, Text, WholeNumber
from service.api.problems import NotFoundError
from service.api.schemas import VersionsSchema
from service.http.csv_cells import as_text
from service.outcomes.experiments import ExperimentSchema

LARGEST_PAGE: Final = 500
_SEGMENTS: Final = (*map(str, Segment), UNKNOWN)


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

    language = Choice(LANGUAGES, metadata={"description": "Items that exist in this language."})
    type = Choice(CONTENT_TYPES, metadata={"description": "Kind of content."})
    topic = Text(100, metadata={"description": "Items filed under this topic."})
    status = Choice(("approved", "draft"), metadata={"description": "A draft is never recommended."})
    limit = QueryNumber(1, LARGEST_PAGE, load_default=100, metadata={"description": "Items in a page."})
    offset = QueryNumber(0, 100_000, load_default=0, metadata={"description": "Items to pass over."})


class MappingQuerySchema(StrictSchema):
    """Which rows of the mapping to show, and as what."""

    customer_type = Choice(CUSTOMER_TYPES)
    segment = Choice(_SEGMENTS)
    fact = Text(100, metadata={"description": "The second fact, such as life_event."})
    value = Text(100, metadata={"description": "A value of that fact, such as KE8."})
    channel = Choice(CHANNELS)
    content_type = Choice(CONTENT_TYPES, metadata={"description": "Rows that offer this kind of content."})
    rule = Text(100, metadata={"description": "Rows decided by this rule."})
    format = Choice(("json", "csv"), metadata={"description": "Goes before the Accept header."})


class TextsSchema(Schema):
    """The same in each language."""

    fi = fields.String(required=True)
    sv = fields.String(required=True)
    en = fields.String(required=True)


class SegmentSchema(Schema):
    """A life situation in Kela's words."""

    id = fields.String(required=True, metadata={"enum": [str(segment) for segment in Segment]})
    inferred = fields.Boolean(required=True, metadata={"description": "False where the request says it."})
    name = fields.Nested(TextsSchema, required=True)
    description = fields.Nested(TextsSchema, required=True)
    source = fields.String(required=True, allow_none=True)


class SegmentsSchema(Schema):
    """The segments."""

    segments = fields.Nested(SegmentSchema, many=True, required=True)


class MappingRowSchema(Schema):
    """What a segment gets where one more fact is known and all else is not."""

    customer_type = fields.String(required=True, metadata={"enum": list(CUSTOMER_TYPES)})
    segment = fields.String(required=True, metadata={"enum": list(_SEGMENTS)})
    fact = fields.String(required=True)
    value = fields.String(required=True)
    channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
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
    channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    content = fields.List(fields.String(), required=True)
    topic = fields.String(required=True)
    human_channel = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    because = fields.Nested(TextsSchema, required=True)
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


class RulebookSchema(Schema):
    """The decision table of each customer type, and what it promises: guarantees of the table, promises beside it."""

    hit_policy = fields.String(required=True, metadata={"enum": ["first"]})
    answer_valid_days = fields.Integer(required=True, strict=True)
    person = fields.Nested(RuleSchema, many=True, required=True)
    employer = fields.Nested(RuleSchema, many=True, required=True)
    guarantees = fields.Nested(GuaranteeSchema, many=True, required=True)
    promises = fields.Nested(PromiseSchema, many=True, required=True)
    versions = fields.Nested(VersionsSchema, required=True)


class ContentTextSchema(Schema):
    """An item in one language."""

    title = fields.String(required=True)
    url = fields.String(required=True)


class ContentItemSchema(Schema):
    """One item of the catalogue."""

    id = fields.String(required=True)
    type = fields.String(required=True, metadata={"enum": list(CONTENT_TYPES)})
    class_ = fields.String(
        required=True, data_key="class", metadata={"enum": ["statutory", "service", "guidance"]}
    )
    status = fields.String(required=True, metadata={"enum": ["approved", "draft"]})
    audience = fields.String(required=True, metadata={"enum": ["person", "employer", "both"]})
    topics = fields.List(fields.String(), required=True)
    life_events = fields.List(fields.String(), required=True)
    benefits = fields.List(fields.String(), required=True)
    channel = fields.String(required=True, allow_none=True)
    valid_from = fields.Date(required=True, allow_none=True)
    valid_until = fields.Date(required=True, allow_none=True)
    languages = fields.Dict(
        keys=fields.String(metadata={"enum": list(LANGUAGES)}),
        values=fields.Nested(ContentTextSchema),
        required=True,
    )
    owner = fields.String(required=True, allow_none=True)
    review_by = fields.Date(required=True, allow_none=True)
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

    id = fields.String(required=True, metadata={"enum": list(CHANNELS)})
    ptv_channel = fields.String(required=True)
    name = fields.Nested(TextsSchema, required=True)
    human = fields.Boolean(required=True)
    audience = fields.String(required=True, metadata={"enum": ["person", "employer", "both"]})
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


class ChannelsSchema(Schema):
    """The channels."""

    channels = fields.Nested(ChannelSchema, many=True, required=True)
    versions = fields.Nested(VersionsSchema, required=True)


class ModelSchema(Schema):
    """The model as served: its manifest, and the scorecard whole, which is the model."""

    manifest = fields.Dict(keys=fields.String(), required=True)
    scorecard = fields.Dict(keys=fields.String(), required=True)
    versions = fields.Nested(VersionsSchema, required=True)


_rule: Final = dumper(RuleSchema(exclude=("because", "valid_from", "valid_until")))
_guarantee: Final = dumper(GuaranteeSchema())
_row: Final = dumper(MappingRowSchema())


def segments(bundle: Bundle) -> list[dict[str, object]]:
    """Every segment."""
    texts = bundle.recommender.texts["segments"]
    return [
        {
            "id": segment.value,
            "inferred": segment is not Segment.EMPLOYER,
            "name": _texts(texts[segment.value]["name"]),
            "description": _texts(texts[segment.value]["description"]),
            "source": texts[segment.value].get("source"),
        }
        for segment in Segment
    ]


def segment(bundle: Bundle, name: str) -> dict[str, object]:
    """One segment. Raises `NotFoundError`."""
    entry = next((one for one in segments(bundle) if one["id"] == name), None)
    if entry is None:
        raise NotFoundError(f"There is no such segment. The segments are {', '.join(map(str, Segment))}.")
    return entry


def mapping_rows(bundle: Bundle, query: Mapping[str, Any], *, at: datetime) -> list[dict[str, Any]]:
    """The rows that a query asks for, by the rules that hold at a moment."""
    wanted = {name: value for name, value in query.items() if name not in {"format", "content_type"}}
    kind = query.get("content_type")
    return [
        _row(row)
        for row in bundle.recommender.mapping(day=at.astimezone(HELSINKI).date())
        if all(getattr(row, name) == value for name, value in wanted.items())
        and (kind is None or kind in row.content_types)
    ]


def mapping_csv(rows: list[dict[str, object]]) -> str:
    """The rows as CSV; a cell that a spreadsheet would take for a formula is written as text."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0] if rows else MappingRow._fields)
    for row in rows:
        cells = (" ".join(cell) if isinstance(cell, list | tuple) else str(cell) for cell in row.values())
        writer.writerow(map(as_text, cells))
    return text.getvalue()


def rulebook(bundle: Bundle) -> dict[str, object]:
    """The decision tables and guarantees."""
    book = bundle.recommender.rulebook
    guarantees: tuple[Guarantee, ...] = book.guarantees
    tables: dict[str, list[dict[str, object]]] = {}
    for kind in CUSTOMER_TYPES:
        rules: tuple[Rule, ...] = book.tables[kind].rules
        tables[kind] = [_rule(rule) | {"because": _texts(rule.because)} | _validity(rule) for rule in rules]
    return {
        "hit_policy": "first",
        "answer_valid_days": book.answer_valid_days,
        **tables,
        "guarantees": [_guarantee(guarantee) for guarantee in guarantees],
        "promises": [
            {"id": promise.id, "check": promise.check, "says": promise.says} for promise in book.promises
        ],
        "versions": versions(bundle),
    }


def content(bundle: Bundle, query: Mapping[str, Any]) -> dict[str, object]:
    """A page of the catalogue, in order of id."""
    items = [
        item
        for _, item in sorted(bundle.recommender.catalogue.items.items())
        if query.get("language") in {None, *item.languages}
        and query.get("type") in {None, item.type}
        and query.get("topic") in {None, *item.topics}
        and query.get("status") in {None, item.source["status"]}
    ]
    limit, offset = query["limit"], query["offset"]
    return {
        "items": [_content_item(item) for item in items[offset : offset + limit]],
        "total": len(items),
        "limit": limit,
        "offset": offset,
        "versions": versions(bundle),
    }


def channels(bundle: Bundle, *, at: datetime) -> dict[str, object]:
    """Every channel, open or not at a moment."""
    listed = []
    for channel in bundle.recommender.channels.values():
        open_now, opens_at = channel.opening(at)
        hours = (
            None
            if channel.hours is None
            else {day: [f"{clock:%H:%M}" for clock in span] for day, span in channel.hours.items()}
        )
        listed.append(
            {
                "id": channel.id,
                "ptv_channel": channel.ptv_channel,
                "name": _texts(channel.names),
                "human": channel.human,
                "audience": channel.audience,
                "needs_strong_identification": channel.needs_strong_identification,
                "open_now": open_now,
                "opens_at": opens_at,
                "hours": hours,
                "languages": channel.languages,
                "carries": channel.carries,
                "cost_eur": channel.cost_eur,
                "grade": channel.grade,
            }
        )
    return {"channels": listed, "versions": versions(bundle)}


def model(bundle: Bundle) -> dict[str, object]:
    """The manifest and the scorecard."""
    return {
        "manifest": bundle.parts["manifest.json"],
        "scorecard": bundle.parts["scorecard.json"],
        "versions": versions(bundle),
    }


def versions(bundle: Bundle) -> dict[str, str]:
    """What a bundle is made of."""
    return bundle.recommender.versions._asdict()


def _content_item(item: ContentItem) -> dict[str, object]:
    source = item.source
    languages = {
        language: {"title": text.title, "url": text.url} for language, text in item.languages.items()
    }
    lists = {name: source.get(name) or [] for name in ("topics", "life_events", "benefits")}
    known = ("id", "type", "class", "status", "audience")
    maybe = ("channel", "valid_from", "valid_until", "owner", "review_by", "evidence")
    return {
        **{name: source[name] for name in known},
        **lists,
        **{name: source.get(name) for name in maybe},
        "languages": languages,
        "legacy_address": source.get("legacy_address", False),
    }


def _validity(rule: Rule) -> dict[str, str | None]:
    return {
        "valid_from": None if rule.valid_from == date.min else rule.valid_from.isoformat(),
        "valid_until": None if rule.valid_until == date.max else rule.valid_until.isoformat(),
    }


def _texts(texts: Mapping[Any, str]) -> dict[str, str]:
    return {language: texts[language] for language in LANGUAGES}
