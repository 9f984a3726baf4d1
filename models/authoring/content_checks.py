"""Checks the content team's channels, texts, topics and items, each by itself; `authoring` reads them.

What passes is put back in the shape declared, so that rules and analysis can rely on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from models.authoring.fields import Fields, is_number, is_whole, shaped
from models.authoring.findings import (
    Authored,
    closest,
    in_all_languages,
    one_of,
    phrase,
    section_at,
)
from models.authoring.opening_days import compile_opening_days, is_span
from models.authoring.yaml_source import visible
from models.contract.channels import PTV_CHANNEL_TYPES, WEEKDAYS
from models.contract.codes import CUSTOMER_TYPES, EVERYONE
from models.decision.catalogue import USUAL_PRIORITY
from models.decision.scorecard import FEATURE_SIGNAL

REVIEW_AHEAD_DAYS: Final = 60
HIGHEST_PRIORITY: Final = 9
AUDIENCES: Final = (*CUSTOMER_TYPES, EVERYONE)
ITEM_FIELDS: Final[Fields] = {
    "id": "text",
    "type": "text",
    "class": "text",
    "audience": "text",
    "topics": "list",
    "life_events": "list",
    "benefits": "list",
    "channel": "list",
    "languages": "mapping",
    "owner": "text",
    "review_by": "day",
    "priority": "any",
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
    "retired": "day",
    "successor": "text",
}
_CHANNEL_OPTIONAL: Final = (
    "hours_vary",
    "cost_eur",
    "capacity_per_day",
    "grade",
    "name",
    "retired",
    "successor",
)
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_FILES: Final[Mapping[str, Fields]] = {
    "channels.yaml": {
        "channels": "mapping",
        "human_fallback": "list",
        "holidays": "mapping",
        "eves": "mapping",
        "exceptions": "any",
    },
    "texts.yaml": {
        "notice": "mapping",
        "preferred_channel": "mapping",
        "signals": "mapping",
    },
}

_SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "channels.yaml": ("channels",),
    "texts.yaml": ("signals",),
}
"""The parts that a file cannot do without."""


def check_content(authored: Authored) -> None:
    """Check everything of the content that needs no rule and no grid, and nothing that needs a file not read."""
    if "texts.yaml" not in authored.unread:
        _keep_known(authored, "texts.yaml", authored.texts)
        _check_texts(authored)
    authored.catalogue["items"] = [_checked_item(item, authored) for item in authored.catalogue["items"]]


def check_channels(authored: Authored) -> None:
    """Check the channels, which are of the vocabulary; they need its languages and kinds of content."""
    if "channels.yaml" not in authored.unread:
        _keep_known(authored, "channels.yaml", authored.channels)
        _check_channels(authored)
    authored.channels.setdefault("channels", {})


def find_expiring(authored: Authored, today: date) -> None:
    """Warn of content that soon expires. Said when asked, never part of a bundle: it depends on today's date."""
    soon = (today + timedelta(days=REVIEW_AHEAD_DAYS)).isoformat()
    for item in authored.catalogue.get("items", ()):
        last = item.get("valid_until", "9999")
        if item.get("status") == "approved" and today.isoformat() <= last <= soon:
            authored.find(item["id"], "expires", day=last, warning=True)


def check_kinds(authored: Authored, subject: str, kinds: list[object], channel: object) -> None:
    """Each kind of content exists, and the channel can carry it."""
    every = authored.codes("content_types")
    carried = authored.channels.get("channels", {}).get(str(channel), {}).get("carries", every)
    for kind in kinds:
        if one_of(authored, subject, "content_type", kind, every) and kind not in carried:
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
    channels = {}
    for name, described in section.items():
        subject = f"channel {name}"
        if _CODE.fullmatch(str(name)):
            channels[name] = _checked_channel(authored, subject, name, described)
        else:
            authored.find(subject, "bad_code", value=visible(str(name)))
    for name, channel in channels.items():
        _check_successor(authored, name, channel, channels)
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
        one_of(authored, subject, "content_type", kind, authored.codes("content_types"))
    for language in channel.get("languages", ()):
        one_of(authored, subject, "language", language, authored.codes("languages"))
    if channel.get("human") and channel.get("hours") == "always":
        authored.find(subject, "human_always", value=name)
    if "hours" in channel and not _are_hours(channel["hours"]):
        authored.find(subject, "hours_form", value=name)
    capacity = channel.get("capacity_per_day", 1)
    if not is_number(capacity) or capacity <= 0:
        authored.find(subject, "no_capacity", value=name)
    channel.setdefault("audience", EVERYONE)  # where it was no word at all, which is told
    return channel


def _check_successor(
    authored: Authored, name: str, channel: Mapping[str, Any], channels: Mapping[str, Mapping[str, Any]]
) -> None:
    """A channel that takes another's place is there, is for the same customers, and stays longer."""
    subject, successor = f"channel {name}", channel.get("successor")
    if successor is None:
        return
    if "retired" not in channel:
        authored.find(subject, "succeeded_without_end", value=successor)
    elif one_of(authored, subject, "channel", successor, set(channels) - {name}):
        other = channels[successor]
        if other.get("audience") not in {channel.get("audience"), EVERYONE}:
            authored.find(subject, "successor_for_others", value=successor)
        if other.get("retired", "9999") <= channel["retired"]:
            authored.find(subject, "successor_retired", value=successor)


def _are_hours(hours: object) -> bool:
    """Whether hours are `always`, or an opening and a later closing time for each weekday named."""
    if not isinstance(hours, dict):
        return hours == "always"
    return all(day in WEEKDAYS and is_span(span) for day, span in hours.items())


def _checked_item(written: dict[str, Any], authored: Authored) -> dict[str, Any]:
    name = written["id"]
    item = shaped(
        authored, name, written, ITEM_FIELDS, required=("type", "class", "audience", "status", "owner")
    )
    item["id"] = name
    for key, what, allowed in (
        ("type", "content_type", authored.codes("content_types")),
        ("class", "class", ("statutory", "service", "guidance")),
        ("audience", "audience", AUDIENCES),
        ("status", "status", ("approved", "draft")),
    ):
        if key in item:
            one_of(authored, name, what, item[key], allowed)
    item.setdefault("topics", [])
    for key, what, codes in (
        ("topics", "topic", authored.codes("topics")),
        ("channel", "channel", authored.codes("channels")),
        ("life_events", "life_event", authored.codes("life_events")),
        ("benefits", "benefit", (*authored.codes("benefits"), *authored.codes("claim_kinds"))),
    ):
        _known(authored, name, what, item.get(key, ()), codes)
    if item.get("status") == "approved" and not item["topics"]:
        authored.find(name, "no_topics")
    priority = item.get("priority", USUAL_PRIORITY)
    if not is_whole(priority) or not 1 <= priority <= HIGHEST_PRIORITY:
        authored.find(name, "bad_priority")
        del item["priority"]
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
        if one_of(authored, name, "language", language, authored.codes("languages")):
            fields = shaped(authored, name, text, TEXT_FIELDS)
            if not ("title" in fields and "url" in fields):
                authored.find(name, "no_title", language=language)
            languages[language] = fields
    if item.get("status") == "approved" and not languages:
        authored.find(name, "no_language")
    return languages
