"""What the team should know at a glance: segments and shares, what changed last, findings, content that ends; coverage."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from models.authoring.population_sample import segment_shares
from models.contract.codes import CUSTOMER_TYPES, CustomerType
from models.decision.bundle import Bundle, history
from models.decision.catalogue import ContentItem
from models.decision.decision_table import Rulebook
from models.decision.fact_set import FactSet
from models.decision.facts import SEGMENT
from models.decision.groups import Box, divide
from models.decision.offers import topics_of

AHEAD: Final = timedelta(days=60)
PAGE: Final = 50
_SHOWN_ACTIVATIONS: Final = 5


class Ending(NamedTuple):
    """An item whose validity ends or whose review is due: the item, the day, and which of the two."""

    item: ContentItem
    day: date
    what: str


class Shares(NamedTuple):
    """Share of each segment in the sample; `fits` where the model served is the one that named them."""

    shares: Mapping[str, float]
    model: str
    fits: bool


class Coverage(NamedTuple):
    """Items on a topic by segment and complete language; None where no rule of the segment looks there."""

    topic: str
    counts: tuple[tuple[str, tuple[int | None, ...]], ...]

    @property
    def has_hole(self) -> bool:
        """Whether some rule looks on this topic where a language has nothing of its own."""
        return any(count == 0 for _, counts in self.counts for count in counts)


def shares(bundle: Bundle) -> Shares:
    """The sample's shares."""
    model, of_sample = _sample_shares()
    return Shares(of_sample, model, model == bundle.recommender.versions.model)


def ending(bundle: Bundle, day: date) -> list[Ending]:
    """Approved items that end within sixty days, or whose review is due by then or overdue; the nearest first."""
    endings = []
    for item in bundle.recommender.catalogue.items.values():
        if not item.approved:
            continue
        if item.valid_until < day:
            continue
        if item.valid_until <= day + AHEAD:
            endings.append(Ending(item, item.valid_until, "expires"))
        if date.min < item.review_by <= day + AHEAD:
            endings.append(Ending(item, item.review_by, "review"))
    return sorted(endings, key=lambda ending: (ending.day, ending.item.id))


def expired(bundle: Bundle, day: date) -> int:
    """How many approved items have expired and still stand in the catalogue."""
    return sum(
        item.approved and item.valid_until < day for item in bundle.recommender.catalogue.items.values()
    )


def activations(bundles: Path) -> list[dict[str, Any]]:
    """The last activations, the newest first, each with what it changed."""
    records = history(bundles)
    shown = []
    for at in range(len(records) - 1, max(-1, len(records) - 1 - _SHOWN_ACTIVATIONS), -1):
        before = records[at - 1]["bundle"] if at else None
        shown.append({**records[at], "edits": _edits(bundles, before, records[at]["bundle"])})
    return shown


def find_items(
    bundle: Bundle, query: Mapping[str, str], day: date
) -> tuple[list[ContentItem], int, int, int]:
    """Items that match a query: a page of them, how many there are, which page and how many pages."""
    words = query.get("q", "").lower().split()
    items = [
        item
        for _, item in sorted(bundle.recommender.catalogue.items.items())
        if query.get("type") in {None, "", item.type}
        and (not query.get("topic") or query["topic"] in item.topics)
        and (not query.get("in") or query["in"] in item.languages)
        and _has_status(item, query.get("status", ""), day)
        and all(word in _text(item) for word in words)
    ]
    pages = max(1, -(-len(items) // PAGE))
    asked = query.get("page", "1")
    page = min(max(int(asked) if asked.isdecimal() and len(asked) < 6 else 1, 1), pages)  # noqa: PLR2004
    return items[(page - 1) * PAGE : page * PAGE], len(items), page, pages


def coverage(bundle: Bundle, day: date) -> list[Coverage]:
    """For each topic, what each segment's rules can find on it in each language, the nearest topic alone."""
    recommender, segments = bundle.recommender, mapped_segments(bundle.recommender.rulebook)
    languages = recommender.vocabulary.complete_languages
    sought = {name: _sought(bundle, kind, name) for kind, name in segments}
    rows = []
    for topic in recommender.vocabulary.topics:
        items = [
            item
            for item in recommender.catalogue.items.values()
            if topic in item.topics and item.approved and item.holds_on(day) and not item.statutory
        ]
        counts = []
        for kind, name in segments:
            kinds = sought[name].get(topic)
            fitting = [item for item in items if kinds and item.type in kinds and item.is_for(kind)]
            counts.append(
                (
                    name,
                    tuple(
                        None if kinds is None else sum(language in item.languages for item in fitting)
                        for language in languages
                    ),
                )
            )
        if any(count is not None for _, row in counts for count in row):
            rows.append(Coverage(topic, tuple(counts)))
    return rows


def mapped_segments(rulebook: Rulebook) -> list[tuple[CustomerType, str]]:
    """Each segment with its customer type, `unknown` for those of whom none is named."""
    facts = rulebook.facts
    known = {kind: facts.vocabulary.known_segment(kind) for kind in CUSTOMER_TYPES}
    return [
        (kind, segment)
        for kind, of_type in known.items()
        for segment in (facts.fact(kind, SEGMENT).values if of_type is None else (of_type,))
    ]


class GroupSummary(NamedTuple):
    """A further customer group, the rules that name it, and the groups that it shares members with."""

    code: str
    rules: tuple[str, ...]
    overlaps: tuple[str, ...]


def groups(bundle: Bundle) -> list[GroupSummary]:
    """Every further customer group."""
    rulebook = bundle.recommender.rulebook
    overlaps = _overlaps(rulebook.facts)
    return [
        GroupSummary(
            term.code,
            tuple(rule.id for rule in rulebook.tables[term.customer_type].rules if term.code in rule.when),
            overlaps[term.code],
        )
        for term in rulebook.facts.vocabulary.groups.values()
    ]


@lru_cache(maxsize=2)
def _overlaps(facts: FactSet) -> dict[str, tuple[str, ...]]:
    """For each group the others that a customer may be in at once, by every combination of facts; once for a bundle."""
    terms = facts.vocabulary.groups
    members: dict[str, list[Box]] = {}
    for code, term in terms.items():
        whole = [box for box in facts.blocks(term.customer_type) if box["personalisation"] == ("allowed",)]
        members[code], _ = divide(whole, term.when, terms)
    return {
        code: tuple(
            other
            for other, term in terms.items()
            if other != code
            and term.customer_type == terms[code].customer_type
            and divide(members[code], term.when, terms)[0]
        )
        for code in terms
    }


def _sought(bundle: Bundle, kind: CustomerType, segment: str) -> dict[str, set[str]]:
    """Topics that rules for a segment look on, with the kinds of content they look for."""
    types_by_topic: dict[str, set[str]] = {}
    for rule in bundle.recommender.rulebook.tables[kind].rules:
        if segment not in rule.when.get(SEGMENT, (segment,)):
            continue
        for topic in topics_of(rule, kind, bundle.recommender.facts, bundle.recommender.catalogue):
            types_by_topic.setdefault(topic, set()).update(rule.content)
    return types_by_topic


def _has_status(item: ContentItem, status: str, day: date) -> bool:
    if status == "expired":
        return item.approved and item.valid_until < day
    if status == "expiring":
        return item.approved and day <= item.valid_until <= day + AHEAD
    return status in {"", "approved" if item.approved else "draft"}


def _text(item: ContentItem) -> str:
    titles = (f"{text.title} {text.url}" for text in item.languages.values())
    return " ".join((item.id, *titles, str(item.source.get("owner", "")))).lower()


@cache
def _sample_shares() -> tuple[str, dict[str, float]]:
    return segment_shares()


@cache
def _edits(bundles: Path, before: str | None, after: str) -> dict[str, list[str]] | None:
    """Rules added, removed and changed between two bundles; None where one of them is no longer there."""
    if before is None or before == after:
        return None
    try:
        tables = [
            orjson.loads((bundles / digest / "rulebook.json").read_bytes()) for digest in (before, after)
        ]
    except OSError:
        return None
    was, now = (
        {rule["id"]: rule for kind in CUSTOMER_TYPES for rule in document[kind]} for document in tables
    )
    return {
        "added": [name for name in now if name not in was],
        "removed": [name for name in was if name not in now],
        "changed": [name for name in now if name in was and now[name] != was[name]],
    }
