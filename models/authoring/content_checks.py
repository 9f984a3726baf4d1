"""Checks the content team's channels, texts, topics and items, each by itself; `authoring` reads them.

What passes is put back in the shape declared, so that rules and analysis can rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from models.authoring.fields import Fields, is_number, shaped
from models.authoring.findings import (
    Authored,
    closest,
    in_all_languages,
    mapping_at,
    one_of,
    phrase,
    section_at,
)
from models.authoring.opening_days import compile_opening_days, is_span
from models.contract.channels import PTV_CHANNEL_TYPES, WEEKDAYS
from models.contract.codes import BENEFITS, CHANNELS, CLAIM_KINDS, CONTENT_TYPES, LANGUAGES, LIFE_EVENTS
from models.contract.segments import Segment
from models.decision.catalogue import EMPLOYERS, GENERAL
from models.decision.scorecard import FEATURE_SIGNAL

REVIEW_AHEAD_DAYS: Final = 60
AUDIENCES: Final = ("person", "employer", "both")
ITEM_FIELDS: Final[Fields] = {
    "id": "text",
    "type": "text",
    "class": "text",
    "audience": "text",
    "topics": "list",
    "life_events": "list",
    "benefits": "list",
    "channel": "text",
    "languages": "mapping",
    "owner": "text",
    "review_by": "day",
    "status": "text",
    "evidence": "text",
    "legacy_address": "flag",
    "valid_from": "day",
    "valid_until": "day",
}
TEXT_FIELDS: Final[Fields] = {
    "title": "text",
    "url": "text",
    "body": "texts",
    "script": "scenes",
    "captions": "texts",
    "text_alternative": "text",
}
CHANNEL_FIELDS: Final[Fields] = {
    "ptv_channel": "text",
    "human": "flag",
    "audience": "text",
    "needs_strong_identification": "flag",
    "hours_vary": "flag",
    "hours": "any",
    "languages": "list",
    "cost_eur": "number",
    "capacity_per_day": "any",
    "grade": "number",
    "carries": "list",
    "card": "text",
    "name": "mapping",
}
_CHANNEL_OPTIONAL: Final = ("hours_vary", "cost_eur", "capacity_per_day", "grade", "name")
_TOPIC_FIELDS: Final[Fields] = {"parent": "text", **dict.fromkeys(LANGUAGES, "text")}
_FILES: Final[Mapping[str, Fields]] = {
    "channels.yaml": {
        "channels": "mapping",
        "human_fallback": "list",
        "holidays": "mapping",
        "eves": "mapping",
        "exceptions": "any",
    },
    "texts.yaml": {
        "source": "text",
        "segments": "mapping",
        "notice": "mapping",
        "preferred_channel": "mapping",
        "signals": "mapping",
    },
    "topics.yaml": {
        "topics": "mapping",
        "event_topics": "mapping",
        "benefit_topics": "mapping",
        "claim_topics": "mapping",
    },
}

_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "channels.yaml": ("channels",),
    "texts.yaml": ("segments", "signals"),
    "topics.yaml": ("topics", "event_topics", "benefit_topics", "claim_topics"),
}
"""The parts that a file cannot do without."""


def check_content(authored: Authored) -> None:
    """Check everything of the content that needs no rule and no grid, and nothing that needs a file not read."""
    documents = {
        "channels.yaml": authored.channels,
        "texts.yaml": authored.texts,
        "topics.yaml": authored.catalogue["topics"],
    }
    for file, check in _CHECKS.items():
        if file not in authored.unread:
            _keep_known(authored, file, documents[file])
            check(authored)
    authored.catalogue["items"] = [_checked_item(item, authored) for item in authored.catalogue["items"]]


def find_expiring(authored: Authored, today: date) -> None:
    """Warn of content that soon expires. Said when asked, never part of a bundle: it depends on today's date."""
    soon = (today + timedelta(days=REVIEW_AHEAD_DAYS)).isoformat()
    for item in authored.catalogue["items"]:
        last = item.get("valid_until", "9999")
        if item.get("status") == "approved" and today.isoformat() <= last <= soon:
            authored.find(item["id"], "expires", day=last, warning=True)


def check_kinds(authored: Authored, subject: str, kinds: list[object], channel: object) -> None:
    """Each kind of content exists, and the channel can carry it."""
    carried = authored.channels.get("channels", {}).get(str(channel), {}).get("carries", CONTENT_TYPES)
    for kind in kinds:
        if one_of(authored, subject, "content_type", kind, CONTENT_TYPES) and kind not in carried:
            authored.find(subject, "cannot_carry", value=kind, channel=channel, hint=closest("", carried))


def _keep_known(authored: Authored, file: str, document: dict[str, Any]) -> None:
    """Leave in a file what it may hold, in the shape declared; its sections are looked at by its own check.

    Where a section is missing, that is the finding: a field that may be its misspelt name is not told as well.
    """
    sections = {key: document[key] for key in _SECTIONS[file] if key in document}
    may = _FILES[file] if len(sections) < len(_SECTIONS[file]) else document
    others = {key: value for key, value in document.items() if key in may and key not in sections}
    known = shaped(authored, file, others, _FILES[file]) | sections
    document.clear()
    document.update(known)


def _check_texts(authored: Authored) -> None:
    texts = authored.texts
    for key in ("notice", "preferred_channel"):
        in_all_languages(authored, "texts.yaml", key, texts.get(key))
    segments = texts["segments"] = section_at(authored, "texts.yaml", "segments", texts.get("segments"))
    _known(authored, "texts.yaml", "segment", segments, tuple(Segment))
    for segment in Segment if segments else ():
        entry = mapping_at(authored, "texts.yaml", segment.value, segments.get(segment.value))
        for key in ("name", "description"):
            what = phrase("of", what=phrase(key), name=f"segment {segment.value}")
            in_all_languages(authored, "texts.yaml", what, entry.get(key))
        for key in entry:
            one_of(authored, "texts.yaml", "field", key, ("name", "description"))
    signals = texts["signals"] = section_at(authored, "texts.yaml", "signals", texts.get("signals"))
    named = sorted(set(FEATURE_SIGNAL.values()))
    _known(authored, "texts.yaml", "signal", signals, named)
    for name in named if signals else ():
        what = phrase("of", what=phrase("phrase"), name=name)
        in_all_languages(authored, "texts.yaml", what, signals.get(name))


def _known(
    authored: Authored, subject: str, what: str, keys: Iterable[object], allowed: Iterable[str]
) -> None:
    for key in keys:
        one_of(authored, subject, what, key, allowed)


def _check_channels(authored: Authored) -> None:
    section = section_at(authored, "channels.yaml", "channels", authored.channels.get("channels"))
    authored.channels["channels"] = {}
    if not section:
        authored.unread.add("channels.yaml")
    for name in CHANNELS if section else ():
        if name not in section:
            authored.find("channels.yaml", "lacks_channel", value=name)
    channels = {}
    for name, described in section.items():
        subject = f"channel {name}"
        if one_of(authored, subject, "channel", name, CHANNELS):
            channels[name] = _checked_channel(authored, subject, name, described)
    authored.channels["channels"] = channels
    for name in authored.channels.get("human_fallback", ()) if section else ():
        if one_of(authored, "channels.yaml", "channel", name, channels) and not channels[name].get("human"):
            authored.find("channels.yaml", "no_person", value=name)
    compile_opening_days(authored)


def _checked_channel(authored: Authored, subject: str, name: str, described: object) -> dict[str, Any]:
    required = tuple(field for field in CHANNEL_FIELDS if field not in _CHANNEL_OPTIONAL)
    channel = shaped(authored, subject, described, CHANNEL_FIELDS, required=required)
    in_all_languages(authored, subject, "name", channel.get("name"))
    for key, allowed in (("ptv_channel", PTV_CHANNEL_TYPES), ("audience", AUDIENCES)):
        if key in channel:
            one_of(authored, subject, key, channel[key], allowed)
    for kind in (*channel.get("carries", ()), *([channel["card"]] if "card" in channel else ())):
        one_of(authored, subject, "content_type", kind, CONTENT_TYPES)
    for language in channel.get("languages", ()):
        one_of(authored, subject, "language", language, LANGUAGES)
    if channel.get("human") and channel.get("hours") == "always":
        authored.find(subject, "human_always", value=name)
    if "hours" in channel and not _are_hours(channel["hours"]):
        authored.find(subject, "hours_form", value=name)
    capacity = channel.get("capacity_per_day", 1)
    if not is_number(capacity) or capacity <= 0:
        authored.find(subject, "no_capacity", value=name)
    return channel


def _are_hours(hours: object) -> bool:
    """Whether hours are `always`, or an opening and a later closing time for each weekday named."""
    if not isinstance(hours, dict):
        return hours == "always"
    return all(day in WEEKDAYS and is_span(span) for day, span in hours.items())


def _check_topics(authored: Authored) -> None:
    topics = authored.catalogue["topics"]
    section = section_at(authored, "topics.yaml", "topics", topics.get("topics"))
    known: dict[str, dict[str, Any]] = {}
    for name, labels in section.items():
        subject = f"topic {name}"
        known[name] = shaped(authored, subject, labels, _TOPIC_FIELDS)
        in_all_languages(authored, subject, "label", labels)
    topics["topics"] = known
    if not known:
        authored.unread.add("topics.yaml")
        return
    for name, labels in known.items():
        if "parent" in labels:
            one_of(authored, f"topic {name}", "parent_topic", labels["parent"], known)
    for name in (GENERAL, EMPLOYERS):
        if name not in known:
            authored.find("topics.yaml", "lacks_topic", value=name)
    for key, codes, what in (
        ("event_topics", LIFE_EVENTS, "life_event"),
        ("benefit_topics", BENEFITS, "benefit"),
        ("claim_topics", CLAIM_KINDS, "benefit"),
    ):
        named = topics[key] = section_at(authored, "topics.yaml", key, topics.get(key))
        _known(authored, "topics.yaml", what, named, codes)
        for code in codes if named else ():
            of = phrase("of", what=phrase("topic"), name=code)
            one_of(authored, "topics.yaml", of, named.get(code), known)


def _checked_item(written: dict[str, Any], authored: Authored) -> dict[str, Any]:
    name = written["id"]
    item = shaped(
        authored, name, written, ITEM_FIELDS, required=("type", "class", "audience", "status", "owner")
    )
    item["id"] = name
    for key, what, allowed in (
        ("type", "content_type", CONTENT_TYPES),
        ("class", "class", ("statutory", "service", "guidance")),
        ("audience", "audience", AUDIENCES),
        ("status", "status", ("approved", "draft")),
        ("channel", "channel", CHANNELS),
    ):
        if key in item:
            one_of(authored, name, what, item[key], allowed)
    item.setdefault("topics", [])
    topics = authored.catalogue["topics"].get("topics", {})
    for key, what, codes in (
        ("topics", "topic", topics if "topics.yaml" not in authored.unread else item["topics"]),
        ("life_events", "life_event", LIFE_EVENTS),
        ("benefits", "benefit", (*BENEFITS, *CLAIM_KINDS)),
    ):
        _known(authored, name, what, item.get(key, ()), codes)
    if item.get("status") == "approved" and not item["topics"]:
        authored.find(name, "no_topics")
    first, last = item.get("valid_from", ""), item.get("valid_until", "9999")
    if first > last:
        authored.find(name, "item_reversed", start=first, until=last)
    item["languages"] = _checked_languages(item, authored)
    if item.get("class") == "statutory" and not item.get("benefits"):
        authored.find(name, "statutory_for_nobody")
    return item


def _checked_languages(item: dict[str, Any], authored: Authored) -> dict[str, Any]:
    name, languages = item["id"], {}
    for language, text in item.get("languages", {}).items():
        if one_of(authored, name, "language", language, LANGUAGES):
            fields = shaped(authored, name, text, TEXT_FIELDS)
            if not ("title" in fields and "url" in fields):
                authored.find(name, "no_title", language=language)
            languages[language] = fields
    if item.get("status") == "approved" and not languages:
        authored.find(name, "no_language")
    return languages


_CHECKS: Final = {
    "texts.yaml": _check_texts,
    "channels.yaml": _check_channels,
    "topics.yaml": _check_topics,
}
