"""Checks the content team's channels, texts, topics and items, each by itself; `authoring` reads them."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from models.channels import PTV_CHANNEL_TYPES, WEEKDAYS
from models.codes import BENEFITS, CHANNELS, CLAIM_KINDS, CONTENT_TYPES, LANGUAGES, LIFE_EVENTS
from models.findings import (
    Authored,
    closest,
    in_all_languages,
    list_at,
    mapping_at,
    one_of,
    phrase,
    section_at,
)
from models.scorecard import FEATURE_SIGNAL
from models.segments import Segment


def check_content(authored: Authored) -> None:
    """Check everything of the content that needs no rule and no grid, and nothing that needs a file not read."""
    for file, check in (
        ("texts.yaml", _check_texts),
        ("channels.yaml", _check_channels),
        ("topics.yaml", _check_topics),
    ):
        if file not in authored.unread:
            check(authored)
    for item in authored.catalogue["items"]:
        _check_item(item, authored)


def check_kinds(authored: Authored, subject: str, kinds: list[Any], channel: object) -> None:
    """Each kind of content exists, and the channel can carry it."""
    described = authored.channels.get("channels")
    known = described if isinstance(described, dict) else {}
    carrier = known.get(str(channel))
    carried = carrier.get("carries", CONTENT_TYPES) if isinstance(carrier, dict) else CONTENT_TYPES
    for kind in kinds:
        if one_of(authored, subject, "content_type", kind, CONTENT_TYPES) and kind not in carried:
            authored.find(subject, "cannot_carry", value=kind, channel=channel, hint=closest("", carried))


def is_day(value: object) -> bool:
    """Whether a value is a date as 2026-05-31."""
    try:
        date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _check_texts(authored: Authored) -> None:
    texts = authored.texts
    in_all_languages(authored, "texts.yaml", "notice", texts.get("notice"))
    segments = section_at(authored, "texts.yaml", "segments", texts.get("segments"))
    for segment in Segment if segments else ():
        entry = mapping_at(authored, "texts.yaml", segment.value, segments.get(segment.value))
        for key in ("name", "description"):
            what = phrase("of", what=phrase(key), name=f"segment {segment.value}")
            in_all_languages(authored, "texts.yaml", what, entry.get(key))
    signals = section_at(authored, "texts.yaml", "signals", texts.get("signals"))
    for name in sorted(set(FEATURE_SIGNAL.values())) if signals else ():
        what = phrase("of", what=phrase("phrase"), name=name)
        in_all_languages(authored, "texts.yaml", what, signals.get(name))


def _check_channels(authored: Authored) -> None:
    channels = section_at(authored, "channels.yaml", "channels", authored.channels.get("channels"))
    if not channels:
        authored.unread.add("channels.yaml")
        return
    for name in CHANNELS:
        if name not in channels:
            authored.find("channels.yaml", "lacks_channel", value=name)
    for name, described in channels.items():
        if not one_of(authored, "channels.yaml", "channel", name, CHANNELS):
            continue
        channel = mapping_at(authored, "channels.yaml", name, described)
        what = phrase("of", what=phrase("name"), name=name)
        in_all_languages(authored, "channels.yaml", what, channel.get("name"))
        one_of(authored, "channels.yaml", "ptv_channel", channel.get("ptv_channel"), PTV_CHANNEL_TYPES)
        audiences = ("person", "employer", "both")
        one_of(authored, "channels.yaml", "audience", channel.get("audience"), audiences)
        for kind in (channel.get("card"), *list_at(authored, name, "carries", channel.get("carries"))):
            one_of(authored, "channels.yaml", "content_type", kind, CONTENT_TYPES)
        if channel.get("human") and channel.get("hours") == "always":
            authored.find("channels.yaml", "human_always", value=name)
        if not _are_hours(channel.get("hours")):
            authored.find("channels.yaml", "hours_form", value=name)
        capacity = channel.get("capacity_per_day", 1)
        if isinstance(capacity, bool) or not isinstance(capacity, int | float) or capacity <= 0:
            authored.find("channels.yaml", "no_capacity", value=name)


def _are_hours(hours: object) -> bool:
    """Whether hours are `always`, or an opening and a later closing time for each weekday named."""
    if not isinstance(hours, dict):
        return hours == "always"
    try:
        return all(
            day in WEEKDAYS and time.fromisoformat(opens) < time.fromisoformat(closes)
            for day, (opens, closes) in hours.items()
        )
    except (TypeError, ValueError):
        return False


def _check_topics(authored: Authored) -> None:
    topics = authored.catalogue["topics"]
    known = section_at(authored, "topics.yaml", "topics", topics.get("topics"))
    if not known:
        authored.unread.add("topics.yaml")
        return
    for name, labels in known.items():
        in_all_languages(authored, "topics.yaml", phrase("of", what=phrase("label"), name=name), labels)
        if isinstance(labels, dict) and "parent" in labels:
            what = phrase("of", what=phrase("parent_topic"), name=name)
            one_of(authored, "topics.yaml", what, labels["parent"], known)
    for key, codes in (
        ("event_topics", LIFE_EVENTS),
        ("benefit_topics", BENEFITS),
        ("claim_topics", CLAIM_KINDS),
    ):
        given = section_at(authored, "topics.yaml", key, topics.get(key))
        for code in codes if given else ():
            what = phrase("of", what=phrase("topic"), name=code)
            one_of(authored, "topics.yaml", what, given.get(code), known)


def _check_item(item: dict[str, Any], authored: Authored) -> None:
    name = item["id"]
    one_of(authored, name, "content_type", item.get("type"), CONTENT_TYPES)
    one_of(authored, name, "class", item.get("class"), ("statutory", "service", "guidance"))
    one_of(authored, name, "audience", item.get("audience"), ("person", "employer", "both"))
    one_of(authored, name, "status", item.get("status"), ("approved", "draft"))
    item["topics"] = list_at(authored, name, "topics", item.get("topics"))
    for topic in item["topics"] if "topics.yaml" not in authored.unread else ():
        one_of(authored, name, "topic", topic, authored.catalogue["topics"]["topics"])
    for event in list_at(authored, name, "life_events", item.get("life_events")):
        one_of(authored, name, "life_event", event, LIFE_EVENTS)
    for benefit in list_at(authored, name, "benefits", item.get("benefits")):
        one_of(authored, name, "benefit", benefit, (*BENEFITS, *CLAIM_KINDS))
    if item.get("channel"):
        one_of(authored, name, "channel", item["channel"], CHANNELS)
    if item.get("class") == "statutory" and not item.get("benefits"):
        authored.find(name, "statutory_for_nobody")
    _check_languages(item, authored)
    for key in ("valid_from", "valid_until", "review_by"):
        if key in item and not is_day(item[key]):
            authored.find(name, "no_date", key=key)


def _check_languages(item: dict[str, Any], authored: Authored) -> None:
    name = item["id"]
    languages = item["languages"] = mapping_at(authored, name, "languages", item.get("languages"))
    for language, text in languages.items():
        if one_of(authored, name, "language", language, LANGUAGES) and not (
            isinstance(text, dict) and text.get("title") and text.get("url")
        ):
            authored.find(name, "no_title", language=language)
    if item.get("status") == "approved" and not languages:
        authored.find(name, "no_language")
