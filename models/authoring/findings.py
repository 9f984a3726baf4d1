"""Findings: what is wrong with what the content team wrote, where, and what to do about it; and what was read so far.

A finding is kept as a code and names, and told in a language of the team by `messages`. Nothing here reads a file.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from models.authoring.messages import TeamLanguage, phrased, said
from models.contract.signals import SignalContract
from models.contract.vocabulary import EMPTY, Vocabulary
from models.decision.fact_set import FactSet

_MOST_NAMES: Final = 40  # a readable list


class Phrase(NamedTuple):
    """Words that differ by language, to fill a message with."""

    code: str
    names: Mapping[str, Any]


def phrase(code: str, **names: object) -> Phrase:
    """A phrase of `messages.PHRASES` with its names filled in when it is told."""
    return Phrase(code, names)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in what the content team wrote. An *error* stops a bundle, a *warning* does not.

    Attributes
    ----------
    example : mapping
        The facts that say something of a customer whom the fault touches; empty where it touches none.
    customer : mapping or None
        Such a customer as `arki-rulebook explain` reads one; None where the current model leads nobody there.
    """

    severity: Literal["error", "warning"]
    file: str
    line: int
    subject: str
    code: str
    names: Mapping[str, Any] = field(default_factory=dict)
    example: Mapping[str, str] = field(default_factory=dict)
    customer: Mapping[str, Any] | None = None

    @property
    def message(self) -> str:
        """What was found, in English."""
        return self.message_in("en")

    @property
    def remedy(self) -> str:
        """What to do, in English."""
        return self.remedy_in("en")

    def message_in(self, language: TeamLanguage) -> str:
        """What was found."""
        return told(said(self.code, language).message, self.names, language)

    def remedy_in(self, language: TeamLanguage) -> str:
        """What to do."""
        return told(said(self.code, language).remedy, self.names, language)

    def sentence(self, language: TeamLanguage = "en") -> str:
        """File, line, rule, what was found and what to do, without the example."""
        severity = phrased(self.severity, language)
        return (
            f"{self.file}:{self.line}: {severity}: {self.subject}: "
            f"{self.message_in(language)} {self.remedy_in(language)}"
        )

    def told(self, language: TeamLanguage = "en") -> str:
        """The whole finding, with the example customer."""
        return self.sentence(language) + self._example(language)

    def __str__(self) -> str:
        return self.told()

    def _example(self, language: TeamLanguage) -> str:
        if not self.example and self.customer is None:
            return ""
        facts = ", ".join(f"{name}={value}" for name, value in self.example.items())
        shown = f" {phrased('for_example', language)}: {facts}." if facts else ""
        if self.customer is None:
            return f"{shown} {phrased('nobody_leads', language)}"
        customer = json.dumps(self.customer, ensure_ascii=False)
        return f"{shown} {phrased('try_customer', language)}: {customer}"


@dataclass(slots=True)
class Authored:
    """Compiled documents, JSON types only, and where each rule, guarantee and item was written.

    Attributes
    ----------
    sources : dict
        The text of each file that was read, by its name.
    vocabulary : dict
        The compiled vocabulary, but for the channels.
    facts : FactSet
        The facts that conditions may name, each group among them; none until the vocabulary was read.
    unread : set
        Files that are missing or cannot be read; what depends on one is not checked.
    cells : int
        How many cells of facts `analysis` checked; 0 until it did.
    """

    vocabulary: dict[str, Any] = field(default_factory=dict)
    facts: FactSet = field(default_factory=lambda: FactSet(SignalContract(EMPTY)))
    rulebook: dict[str, Any] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    catalogue: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    cells: int = 0

    @property
    def terms(self) -> Vocabulary:
        """The vocabulary as those read it who decide by it."""
        return self.facts.vocabulary

    @property
    def lacks_vocabulary(self) -> bool:
        """Whether a part of the vocabulary is missing or cannot be read, so that no code can be checked."""
        needed = (
            "languages",
            "content_types",
            "topics",
            "benefits",
            "claim_kinds",
            "life_events",
            "segments",
        )
        return not all(self.vocabulary.get(part) for part in needed) or not self.channels.get("channels")

    def codes(self, section: str) -> tuple[str, ...]:
        """The codes of a part of the vocabulary that was read."""
        entries = self.channels if section == "channels" else self.vocabulary
        return tuple(entries.get(section, ()))

    @property
    def complete_languages(self) -> tuple[str, ...]:
        """The languages in which every approved text must exist."""
        return tuple(code for code, term in self.vocabulary.get("languages", {}).items() if term["complete"])

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop a bundle."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def parts(self) -> dict[str, Any]:
        """The documents as parts of a bundle, by file name, with the outcome of the check and the examples it ran.

        The texts that they were compiled from stand under `sources`; `check.json` names each by its SHA-256.
        """
        check = {
            "cells": self.cells,
            "errors": len(self.errors),
            "warnings": [str(finding) for finding in self.findings],
            "examples": self.examples,
            "sources": {
                name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.sources.items()
            },
        }
        return {
            "vocabulary.json": self.vocabulary,
            "rulebook.json": self.rulebook,
            "catalogue.json": self.catalogue,
            "channels.json": self.channels,
            "texts.json": self.texts,
            "check.json": check,
            "sources": self.sources,
        }

    def find(
        self,
        subject: str,
        code: str,
        *,
        warning: bool = False,
        at: tuple[str, int] | None = None,
        example: Mapping[str, str] | None = None,
        customer: Mapping[str, Any] | None = None,
        names: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        """Add a finding, at the place where its subject was written unless `at` says another."""
        file, line = at or self.places.get(subject, ("rules.yaml", 1))
        severity: Literal["error", "warning"] = "warning" if warning else "error"
        all_names = {**(names or {}), **more}
        self.findings.append(Finding(severity, file, line, subject, code, all_names, example or {}, customer))


def told(template: str, names: Mapping[str, Any], language: TeamLanguage) -> str:
    """A template with its names, phrases among them told in a language."""
    filled = {
        name: told(phrased(value.code, language), value.names, language)
        if isinstance(value, Phrase)
        else value
        for name, value in names.items()
    }
    return template.format_map(filled)


def closest(value: object, allowed: Iterable[str]) -> Phrase:
    """A hint: the allowed name that is nearest to what was written, else the allowed ones."""
    names = list(allowed)
    close = difflib.get_close_matches(str(value), names, n=1)
    if close:
        return phrase("meant", value=close[0])
    more = " …" if len(names) > _MOST_NAMES else ""
    return phrase("allowed", values=", ".join(names[:_MOST_NAMES]) + more)


def one_of(
    authored: Authored, subject: str, what: str | Phrase, value: object, allowed: Iterable[str]
) -> bool:
    """Whether a value is of a closed list; if not, a finding with the closest."""
    names = tuple(allowed)
    if isinstance(value, str) and value in names:
        return True
    word = what if isinstance(what, Phrase) else phrase(what)
    authored.find(subject, "no_such", what=word, value=value, hint=closest(value, names))
    return False


def find_segments(authored: Authored, subject: str, name: str) -> None:
    """A finding for each segment that an id names: ids travel with answers, segments do not."""
    for segment in sorted(set(authored.codes("segments")) & set(name.split("-"))):
        authored.find(subject, "segment_in_id", value=segment)


def in_all_languages(authored: Authored, subject: str, what: str | Phrase, texts: object) -> None:
    """Every language that is complete has a text that is not empty; if not, a finding for each that has none."""
    by_language = texts if isinstance(texts, Mapping) else {}
    for language in authored.complete_languages:
        if not isinstance(by_language.get(language), str) or not by_language[language].strip():
            word = what if isinstance(what, Phrase) else phrase(what)
            authored.find(subject, "no_text", what=word, language=language)


def mapping_at(authored: Authored, subject: str, key: str, value: object) -> dict[str, Any]:
    """A value that must hold `name: value` entries; if it does not, a finding and none."""
    if isinstance(value, Mapping):
        return dict(value)
    if value is not None:
        authored.find(subject, "wrong_shape", key=key, shape=phrase("a_mapping"))
    return {}


def section_at(authored: Authored, file: str, key: str, value: object) -> dict[str, Any]:
    """A part that a file cannot do without; empty, after one finding, where it is missing, empty or no mapping."""
    if isinstance(value, Mapping) and value:
        return dict(value)
    if value:
        authored.find(file, "wrong_shape", key=key, shape=phrase("a_mapping"))
    else:
        authored.find(file, "no_section", key=key)
    return {}


def list_at(authored: Authored, subject: str, key: str, value: object) -> list[Any]:
    """A value that must be a list of words; a single word is a list of one. If not, a finding and none."""
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if any(isinstance(entry, Mapping | list | tuple) for entry in values) or isinstance(value, Mapping):
        authored.find(subject, "wrong_shape", key=key, shape=phrase("a_list"))
        return []
    return list(values)
