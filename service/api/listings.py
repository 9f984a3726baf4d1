"""What the content team owns, for reading: segments and groups, mapping, rulebook, content, channels, model."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from models.contract.channels import HELSINKI
from models.contract.codes import CUSTOMER_TYPES
from models.contract.vocabulary import GroupTerm, SegmentTerm, Vocabulary
from models.decision.bundle import Bundle
from models.decision.catalogue import ContentItem
from models.decision.decision_table import Guarantee, Rule
from models.decision.fact_forms import YES
from models.decision.mapping import MappingRow
from service.api.compiled import dumper
from service.api.listing_schemas import (
    CampaignSchema,
    GuaranteeSchema,
    MappingRowSchema,
    RuleSchema,
)
from service.api.problems import NotFoundError
from service.http.csv_cells import as_text

_rule: Final = dumper(RuleSchema(exclude=("because", "valid_from", "valid_until")))
_guarantee: Final = dumper(GuaranteeSchema())
_campaign: Final = dumper(CampaignSchema())
_row: Final = dumper(MappingRowSchema())


def segments(vocabulary: Vocabulary) -> list[dict[str, object]]:
    """Every segment."""
    return [
        _described(term) | {"origin": term.origin, "inferred": term.code in vocabulary.inferred}
        for term in vocabulary.segments.values()
    ]


def groups(vocabulary: Vocabulary) -> list[dict[str, object]]:
    """Every further customer group."""
    return [_described(term) for term in vocabulary.groups.values()]


def segment(vocabulary: Vocabulary, name: str) -> dict[str, object]:
    """One segment. Raises `NotFoundError`."""
    entry = next((one for one in segments(vocabulary) if one["id"] == name), None)
    if entry is None:
        raise NotFoundError(f"There is no such segment. The segments are {', '.join(vocabulary.segments)}.")
    return entry


def mapping_rows(bundle: Bundle, query: Mapping[str, Any], *, at: datetime) -> list[dict[str, Any]]:
    """The rows that a query asks for, by the rules that hold at a moment."""
    others = {"format", "content_type", "group"}
    wanted = {name: value for name, value in query.items() if name not in others}
    kind, group = query.get("content_type"), query.get("group")
    fixed = {} if group is None else {group: YES}
    return [
        _row(row)
        for row in bundle.recommender.mapping(fixed, day=at.astimezone(HELSINKI).date())
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
    """The decision tables, guarantees and campaigns."""
    book = bundle.recommender.rulebook
    guarantees: tuple[Guarantee, ...] = book.guarantees
    tables: dict[str, list[dict[str, object]]] = {}
    for kind in CUSTOMER_TYPES:
        rules: tuple[Rule, ...] = book.tables[kind].rules
        tables[kind] = [_rule(rule) | {"because": rule.because} | _validity(rule) for rule in rules]
    return {
        "hit_policy": "first",
        "answer_valid_days": book.answer_valid_days,
        **tables,
        "guarantees": [_guarantee(guarantee) for guarantee in guarantees],
        "promises": [
            {"id": promise.id, "check": promise.check, "says": promise.says} for promise in book.promises
        ],
        "campaigns": [_campaign(campaign) for campaign in book.campaigns.all],
        "versions": versions(bundle),
    }


def content(bundle: Bundle, query: Mapping[str, Any]) -> dict[str, object]:
    """A page of the catalogue, in order of id."""
    items = [
        item
        for _, item in sorted(bundle.recommender.catalogue.items.items())
        if query.get("language") in {None, *item.languages}
        and query.get("type") in {None, item.type}
        and ("channel" not in query or item.fits(query["channel"]))
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
                "name": channel.names,
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
                "retired": channel.retired,
                "successor": channel.successor,
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


def _described(term: SegmentTerm | GroupTerm) -> dict[str, object]:
    """What segments and groups have in common."""
    return {
        "id": term.code,
        "customer_type": term.customer_type,
        "name": term.name,
        "description": term.description,
        "source": term.source or None,
        "condition": term.when or None,
    }


def _content_item(item: ContentItem) -> dict[str, object]:
    source = item.source
    languages = {
        language: {"title": text.title, "url": text.url} for language, text in item.languages.items()
    }
    lists = {name: source.get(name) or [] for name in ("topics", "life_events", "benefits")}
    known = ("id", "type", "class", "status", "audience")
    maybe = ("valid_from", "valid_until", "owner", "review_by", "evidence")
    channels = sorted(item.channels)
    return {
        **{name: source[name] for name in known},
        **lists,
        **{name: source.get(name) for name in maybe},
        "channel": channels[0] if len(channels) == 1 else None,
        "channels": channels,
        "priority": item.priority,
        "languages": languages,
        "legacy_address": source.get("legacy_address", False),
    }


def _validity(rule: Rule) -> dict[str, str | None]:
    return {
        "valid_from": None if rule.valid_from == date.min else rule.valid_from.isoformat(),
        "valid_until": None if rule.valid_until == date.max else rule.valid_until.isoformat(),
    }
