"""Reads what the content team wrote: YAML with line numbers in, compiled documents and findings out.

Used where a bundle is made or a rulebook checked, never where one is served. Everything a person may get wrong here is
a `Finding` in their words, with file, line and remedy; nothing raises on bad content.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from models.channels import PTV_CHANNEL_TYPES
from models.codes import (
    BENEFITS,
    CHANNELS,
    CLAIM_KINDS,
    CONTENT_TYPES,
    CUSTOMER_TYPES,
    LANGUAGES,
    LIFE_EVENTS,
    CustomerType,
)
from models.facts import FACTS
from models.rulebook import STATED_TOPIC

MODELS: Final = Path(__file__).parent
RULEBOOK: Final = MODELS / "rulebook"
CONTENT: Final = MODELS / "content"
MAX_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in what the content team wrote. An *error* stops a bundle, a *warning* does not."""

    severity: Literal["error", "warning"]
    file: str
    line: int
    subject: str
    message: str
    remedy: str
    example: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        example = (
            f" For example: {', '.join(f'{k}={v}' for k, v in self.example.items())}." if self.example else ""
        )
        return (
            f"{self.file}:{self.line}: {self.severity}: {self.subject}: {self.message} {self.remedy}{example}"
        )


@dataclass(slots=True)
class Authored:
    """Compiled documents, JSON types only, and where each rule, guarantee and item was written.

    `cells` is how many cells of facts `analysis` checked; 0 until it did.
    """

    rulebook: dict[str, Any] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    catalogue: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    cells: int = 0

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop a bundle."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def parts(self) -> dict[str, Any]:
        """The documents as parts of a bundle, by file name, with the outcome of the check."""
        check = {
            "cells": self.cells,
            "errors": len(self.errors),
            "warnings": [str(found) for found in self.findings],
        }
        return {
            "rulebook.json": self.rulebook,
            "catalogue.json": self.catalogue,
            "channels.json": self.channels,
            "texts.json": self.texts,
            "check.json": check,
        }

    def find(
        self,
        subject: str,
        message: str,
        remedy: str,
        *,
        warning: bool = False,
        example: Mapping[str, str] | None = None,
    ) -> None:
        """Add a finding at the place where its subject was written."""
        file, line = self.places.get(subject, ("rules.yaml", 1))
        severity: Literal["error", "warning"] = "warning" if warning else "error"
        self.findings.append(Finding(severity, file, line, subject, message, remedy, example or {}))


def read_authored(rulebook: Path = RULEBOOK, content: Path = CONTENT) -> Authored:
    """Read both folders of the content team and check everything that needs no grid; `analysis` does the rest."""
    return read_rules(read_content(content), rulebook)


def read_content(folder: Path) -> Authored:
    """Read topics, channels, texts and items, and check each by itself."""
    authored = Authored()
    topics = _load(folder / "topics.yaml", authored)
    authored.channels = _plain(_load(folder / "channels.yaml", authored))
    authored.texts = _plain(_load(folder / "texts.yaml", authored))
    items = [
        _plain(item)
        for name in ("catalogue.yaml", "nudges.yaml", "pages.yaml")
        for item in _placed(_load(folder / name, authored).get("items", []), name, authored)
    ]
    authored.catalogue = {"topics": _plain(topics), "items": items}
    _check_texts(authored)
    _check_channels(authored)
    _check_topics(authored)
    for item in items:
        _check_item(item, authored)
    return authored


def read_rules(authored: Authored, folder: Path) -> Authored:
    """Read rules, guarantees and examples into what was read of the content, and check each against it."""
    rules = _load(folder / "rules.yaml", authored)
    guarantees = _load(folder / "guarantees.yaml", authored)
    examples = _load(folder / "examples.yaml", authored)
    authored.rulebook = {
        "hit_policy": rules.get("hit_policy"),
        "answer_valid_days": rules.get("answer_valid_days", 30),
        **{kind: _placed(rules.get(kind, []), "rules.yaml", authored) for kind in CUSTOMER_TYPES},
        "guarantees": _placed(guarantees.get("guarantees", []), "guarantees.yaml", authored),
    }
    authored.examples = _plain(_placed(examples.get("examples", []), "examples.yaml", authored))
    _compile_rules(authored, rules.get("human_channel", {}))
    _compile_guarantees(authored)
    return authored


def _load(path: Path, authored: Authored) -> Mapping[str, Any]:
    """One YAML file as a mapping with line numbers; an unreadable one is a finding and an empty mapping."""
    from ruamel.yaml import YAML  # noqa: PLC0415  (never imported by the serving process)
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    authored.places[path.name] = (path.name, 1)
    try:
        if path.stat().st_size > MAX_BYTES:
            authored.find(
                path.name, f"is larger than {MAX_BYTES >> 20} MiB.", "Split it or remove what is not needed."
            )
            return {}
        loaded = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        authored.find(path.name, "is missing.", "Restore it from the last published version.")
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        authored.places[path.name] = (path.name, mark.line + 1 if mark else 1)
        problem = getattr(error, "problem", None) or "the text is not UTF-8"
        authored.find(
            path.name, f"cannot be read: {problem}.", "Check indentation, colons and quotes on this line."
        )
    else:
        if isinstance(loaded, Mapping):
            return loaded
        authored.find(
            path.name, "does not hold `name: value` entries.", "Start from the comments in the shipped file."
        )
    return {}


def _placed(entries: Any, file: str, authored: Authored) -> list[Any]:  # noqa: ANN401
    """Entries of a list that have an id, each with its place kept; a repeated or missing id is a finding."""
    kept = []
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        line = getattr(getattr(entries, "lc", None), "data", {}).get(at, (0, 0))[0] + 1
        name = entry.get("id") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            authored.places[f"entry {at + 1}"] = (file, line)
            authored.find(
                f"entry {at + 1}", "has no id.", "Give it an `id:` of its own, in lower case with hyphens."
            )
        elif name in authored.places:
            authored.findings.append(
                Finding("error", file, line, name, "uses an id that is taken.", "Give it an id of its own.")
            )
        else:
            authored.places[name] = (file, line)
            kept.append(entry)
    return kept


def _plain(value: Any) -> Any:  # noqa: ANN401
    """The same data in JSON types: dates as ISO text, no line numbers."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _closest(value: object, allowed: Iterable[str]) -> str:
    names = list(allowed)
    close = difflib.get_close_matches(str(value), names, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Allowed: {', '.join(names[:40])}{' …' if len(names) > 40 else ''}."  # noqa: PLR2004  (a readable list)


def _one_of(authored: Authored, subject: str, what: str, value: object, allowed: Iterable[str]) -> bool:
    names = tuple(allowed)
    if value in names:
        return True
    authored.find(subject, f"names the {what} `{value}`, which does not exist.", _closest(value, names))
    return False


def _in_all_languages(authored: Authored, subject: str, what: str, texts: object) -> None:
    """Every language has a text that is not empty."""
    given = texts if isinstance(texts, Mapping) else {}
    for language in LANGUAGES:
        if not isinstance(given.get(language), str) or not given[language].strip():
            authored.find(subject, f"has no {what} in `{language}`.", f"Write `{language}:` under it.")


def _check_texts(authored: Authored) -> None:
    from models.scorecard import FEATURE_SIGNAL  # noqa: PLC0415
    from models.segments import Segment  # noqa: PLC0415

    texts = authored.texts
    _in_all_languages(authored, "texts.yaml", "notice", texts.get("notice"))
    for segment in Segment:
        entry = texts.get("segments", {}).get(segment.value, {})
        _in_all_languages(authored, "texts.yaml", f"name of segment {segment.value}", entry.get("name"))
        _in_all_languages(
            authored, "texts.yaml", f"description of segment {segment.value}", entry.get("description")
        )
    for name in sorted(set(FEATURE_SIGNAL.values())):
        _in_all_languages(authored, "texts.yaml", f"phrase for {name}", texts.get("signals", {}).get(name))


def _check_channels(authored: Authored) -> None:
    channels = authored.channels.get("channels", {})
    for name in CHANNELS:
        if name not in channels:
            authored.find(
                "channels.yaml",
                f"lacks the channel `{name}`.",
                "Every channel of the code list is described.",
            )
    for name, channel in channels.items():
        if not _one_of(authored, "channels.yaml", "channel", name, CHANNELS):
            continue
        _in_all_languages(authored, "channels.yaml", f"name of {name}", channel.get("name"))
        _one_of(authored, "channels.yaml", "PTV channel type", channel.get("ptv_channel"), PTV_CHANNEL_TYPES)
        for kind in (channel.get("card"), *channel.get("carries", ())):
            _one_of(authored, "channels.yaml", "content type", kind, CONTENT_TYPES)
        if channel.get("human") and channel.get("hours") == "always":
            authored.find(
                "channels.yaml", f"says a person answers at {name} at all hours.", "Give its opening hours."
            )


def _check_topics(authored: Authored) -> None:
    topics = authored.catalogue["topics"]
    known = topics.get("topics", {})
    for name, labels in known.items():
        _in_all_languages(authored, "topics.yaml", f"label of {name}", labels)
        if "parent" in labels:
            _one_of(authored, "topics.yaml", f"parent topic of {name}", labels["parent"], known)
    for key, codes in (
        ("event_topics", LIFE_EVENTS),
        ("benefit_topics", BENEFITS),
        ("claim_topics", CLAIM_KINDS),
    ):
        for code in codes:
            _one_of(authored, "topics.yaml", f"topic of {code}", topics.get(key, {}).get(code), known)


def _check_item(item: dict[str, Any], authored: Authored) -> None:
    name = item["id"]
    _one_of(authored, name, "content type", item.get("type"), CONTENT_TYPES)
    _one_of(authored, name, "class", item.get("class"), ("statutory", "service", "guidance"))
    _one_of(authored, name, "audience", item.get("audience"), ("person", "employer", "both"))
    _one_of(authored, name, "status", item.get("status"), ("approved", "draft"))
    for topic in item.setdefault("topics", []):
        _one_of(authored, name, "topic", topic, authored.catalogue["topics"].get("topics", {}))
    for event in item.get("life_events", ()):
        _one_of(authored, name, "life event", event, LIFE_EVENTS)
    for benefit in item.get("benefits", ()):
        _one_of(authored, name, "benefit", benefit, (*BENEFITS, *CLAIM_KINDS))
    if item.get("channel"):
        _one_of(authored, name, "channel", item["channel"], CHANNELS)
    if item.get("class") == "statutory" and not item.get("benefits"):
        authored.find(
            name, "is statutory but names no benefit.", "List whose customers must get it under `benefits:`."
        )
    _check_languages(item, authored)
    for key in ("valid_from", "valid_until", "review_by"):
        try:
            date.fromisoformat(item.get(key, "2026-01-01"))
        except (TypeError, ValueError):
            authored.find(name, f"has a `{key}` that is no date.", "Write it as 2026-05-31.")


def _check_languages(item: dict[str, Any], authored: Authored) -> None:
    name = item["id"]
    languages = item.setdefault("languages", {})
    for language, text in languages.items():
        if _one_of(authored, name, "language", language, LANGUAGES) and not (
            text.get("title") and text.get("url")
        ):
            authored.find(
                name, f"has no title or address in `{language}`.", "Add both, or leave the language out."
            )
    if item.get("status") == "approved" and not languages:
        authored.find(
            name, "is approved but has no language.", "Add a title and address, or make it a draft."
        )


def _compile_rules(authored: Authored, human_channels: Mapping[str, str]) -> None:
    """Rules to plain data with every condition a list and every default filled in."""
    if authored.rulebook["hit_policy"] != "first":
        authored.find(
            "rules.yaml", "does not say `hit_policy: first`.", "It is the only one there is: first rule wins."
        )
    for customer_type in CUSTOMER_TYPES:
        kept = []
        for entry in authored.rulebook[customer_type]:
            before = len(authored.findings)
            rule = _compile_rule(_plain(entry), customer_type, human_channels, authored)
            if len(authored.findings) == before:
                kept.append(rule)
        authored.rulebook[customer_type] = kept


def _compile_rule(
    rule: dict[str, Any], customer_type: CustomerType, human_channels: Mapping[str, str], authored: Authored
) -> dict[str, Any]:
    name, then = rule["id"], rule.get("then") or {}
    for key in rule:
        _one_of(authored, name, "field", key, ("id", "when", "then", "because", "owner", "source"))
    for key in then:
        _one_of(authored, name, "outcome", key, ("channel", "content", "topic", "human_channel"))
    rule["when"] = _compile_conditions(rule.get("when") or {}, name, customer_type, authored)
    then.setdefault("topic", STATED_TOPIC)
    then.setdefault("human_channel", human_channels.get(customer_type))
    rule["then"] = then
    _check_outcome(name, then, customer_type, authored)
    _in_all_languages(authored, name, "reason", rule.get("because"))
    for key in ("owner", "source"):
        if not rule.get(key):
            authored.find(name, f"has no {key}.", f"Say who answers for it and why it is so: `{key}:`.")
    return rule


def _check_outcome(
    name: str, then: Mapping[str, Any], customer_type: CustomerType, authored: Authored
) -> None:
    """Channels exist and serve such customers, a person answers where one must, each kind fits its channel."""
    known = authored.channels.get("channels", {})
    for what in ("channel", "human_channel"):
        if _one_of(authored, name, "channel", then.get(what), known):
            channel = known[then[what]]
            if channel["audience"] not in {customer_type, "both"}:
                authored.find(
                    name,
                    f"uses `{then[what]}`, which is not for {customer_type}s.",
                    "Choose a channel meant for them.",
                )
            if what == "human_channel" and not channel["human"]:
                authored.find(name, f"has no person at `{then[what]}`.", "Choose a human channel.")
    carried = known.get(then.get("channel"), {}).get("carries", CONTENT_TYPES)
    for kind in then.get("content") or [None]:
        if _one_of(authored, name, "content type", kind, CONTENT_TYPES) and kind not in carried:
            authored.find(
                name, f"puts `{kind}` in `{then['channel']}`, which cannot carry it.", _closest("", carried)
            )
    if then["topic"] != STATED_TOPIC:
        _one_of(authored, name, "topic", then["topic"], authored.catalogue["topics"].get("topics", {}))


def _compile_guarantees(authored: Authored) -> None:
    kept = []
    for entry in map(_plain, authored.rulebook["guarantees"]):
        before, name = len(authored.findings), entry["id"]
        if _one_of(authored, name, "customer type", entry.get("for"), CUSTOMER_TYPES):
            entry["every"] = _compile_conditions(entry.get("every") or {}, name, entry["for"], authored)
        must = entry.setdefault("must", {})
        checks: dict[str, Callable[[], tuple[str, ...]]] = {
            "channel": lambda: CHANNELS,
            "content": lambda: CONTENT_TYPES,
        }
        for key, values in must.items():
            if _one_of(authored, name, "promise", key, checks):
                must[key] = values if isinstance(values, list) else [values]
                for value in must[key]:
                    _one_of(authored, name, key, value, checks[key]())
        if not entry.get("says"):
            authored.find(name, "does not say what it promises.", "Write one sentence under `says:`.")
        if len(authored.findings) == before:
            kept.append(entry)
    authored.rulebook["guarantees"] = kept


def _compile_conditions(
    when: Mapping[str, Any], subject: str, customer_type: CustomerType, authored: Authored
) -> dict[str, list[str]]:
    """Conditions as lists of allowed values; YAML's yes/no read as text."""
    facts = {fact.name: fact.values for fact in FACTS[customer_type]}
    compiled: dict[str, list[str]] = {}
    for name, given in when.items():
        if not _one_of(authored, subject, "fact", name, facts):
            continue
        compiled[name] = [_word(value) for value in (given if isinstance(given, list) else [given])]
        for value in compiled[name]:
            _one_of(authored, subject, f"value of {name}", value, facts[name])
    return compiled


def _word(value: object) -> str:
    """YAML 1.1 reads yes and no as true and false; the content team means the words."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
