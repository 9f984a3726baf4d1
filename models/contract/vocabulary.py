"""The vocabulary of a bundle: the codes that the content team owns, each with its names. Standard library only.

`models/vocabulary/*.yaml` declare them; `authoring` checks what was written, this module reads the compiled form. Code knows
what a benefit or a channel is, never which there are: whoever needs the codes asks the vocabulary of the bundle at hand.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, EVERYONE, PERSON, CustomerType, Language

Origin = Literal["inferred", "known", "stated"]
"""How a segment is come by: from the model, from the customer type, or from facts that the customer stated."""
Condition = Mapping[str, Any]
"""A condition over facts: allowed values by fact, all of which must hold; `any`, `all` and `not` nest, `group` names another."""
Names = Mapping[str, str]
"""By language; one for every language of the vocabulary."""


@dataclass(frozen=True, slots=True)
class SegmentTerm:
    """A life-situation segment. `when` is the condition of a *stated* one."""

    code: str
    customer_type: CustomerType
    origin: Origin
    name: Names
    description: Names
    source: str = ""
    when: Condition = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupTerm:
    """A further customer group: everyone of a customer type whose facts meet a condition."""

    code: str
    customer_type: CustomerType
    name: Names
    description: Names
    source: str
    when: Condition


@dataclass(frozen=True, slots=True)
class BenefitTerm:
    """A benefit of persons, or a kind of claim of employers: its topic, its days, and what came before and comes after."""

    code: str
    name: Names
    topic: str
    valid_from: date = date.min
    valid_until: date = date.max
    predecessor: str | None = None
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class EventTerm:
    """A life event of the suomi.fi Service Catalogue (PTV). `children` fold into it; `hard` ones carry no campaign."""

    code: str
    name: Names
    topic: str
    hard: bool = False
    children: Mapping[str, Names] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContentTerm:
    """A kind of content. Where `easy` is true it is easy language, which leads wherever it is offered."""

    code: str
    name: Names
    easy: bool = False


@dataclass(frozen=True, slots=True)
class LanguageTerm:
    """A language of answers.

    Attributes
    ----------
    national : bool
        Whether statutory content and what rules offer must exist in it (Language Act 423/2003).
    complete : bool
        Whether every approved text must exist in it; in others a text is that of the first fallback that has one.
    fallback : tuple of str
        The other languages that are tried, in order.
    beside_notice : mapping
        What a customer who asks for it is told beside the notice; empty where nothing is.
    """

    code: str
    name: Names
    national: bool
    complete: bool
    fallback: tuple[str, ...]
    beside_notice: Names = field(default_factory=dict)

    @property
    def chain(self) -> tuple[str, ...]:
        """The language itself, then its fallbacks."""
        return (self.code, *self.fallback)

    def spoken(self, languages: Container[Language]) -> Language | None:
        """Which of some languages stands in for this one: itself, else the first fallback among them; None where none is."""
        return next((language for language in self.chain if language in languages), None)


@dataclass(frozen=True, slots=True)
class TopicTerm:
    """A topic of content and the one above it; None at the root."""

    code: str
    name: Names
    parent: str | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every code of one bundle, in the order declared.

    Attributes
    ----------
    channels : mapping of str to str
        Audience of each channel (person, employer or both); what else there is to know of one is a `Channel`.
    retired : mapping of str to date
        The first day on which a channel is there no more, of those that were retired.
    duties : mapping of customer type to mapping of str to BenefitTerm
        What statutory content is attached to: benefits of persons, kinds of claim of employers.
    starts : mapping of customer type to str
        The topic of a customer who stated nothing.
    """

    segments: Mapping[str, SegmentTerm]
    groups: Mapping[str, GroupTerm]
    channels: Mapping[str, str]
    duties: Mapping[CustomerType, Mapping[str, BenefitTerm]]
    life_events: Mapping[str, EventTerm]
    content_types: Mapping[str, ContentTerm]
    languages: Mapping[str, LanguageTerm]
    topics: Mapping[str, TopicTerm]
    starts: Mapping[CustomerType, str]
    retired: Mapping[str, date] = field(default_factory=dict)
    version: str = "1.0"

    @property
    def inferred(self) -> tuple[str, ...]:
        """The segments that the model infers, in the order of every probability row."""
        return tuple(code for code, term in self.segments.items() if term.origin == "inferred")

    def known_segment(self, customer_type: CustomerType) -> str | None:
        """The segment that follows from the customer type alone; None where there is none."""
        return next(
            (
                code
                for code, term in self.segments.items()
                if term.origin == "known" and term.customer_type == customer_type
            ),
            None,
        )

    def stated_segments(self, customer_type: CustomerType) -> tuple[SegmentTerm, ...]:
        """The segments of a customer type that facts state, in order: the first that holds counts."""
        return tuple(
            term
            for term in self.segments.values()
            if term.origin == "stated" and term.customer_type == customer_type
        )

    @property
    def personal_segments(self) -> tuple[str, ...]:
        """The segments that facts of persons may name: those inferred, then those stated."""
        return (*self.inferred, *(term.code for term in self.stated_segments(PERSON)))

    @property
    def default_language(self) -> Language:
        """The language of who asks for none."""
        return next(iter(self.languages))

    @property
    def national_languages(self) -> tuple[Language, ...]:
        """In which statutory content and what rules offer must exist."""
        return tuple(code for code, term in self.languages.items() if term.national)

    @property
    def complete_languages(self) -> tuple[Language, ...]:
        """In which every approved text must exist."""
        return tuple(code for code, term in self.languages.items() if term.complete)

    def chain(self, language: Language) -> tuple[Language, ...]:
        """A language and those that are tried after it. Raises `KeyError` on one that the vocabulary lacks."""
        return self.languages[language].chain

    def served_with(self, language: Language) -> tuple[Language, ...]:
        """The languages in which a person may answer who asks for one: itself, and where it is not complete its fallbacks."""
        term = self.languages[language]
        return (language,) if term.complete else term.chain

    @property
    def event_codes(self) -> tuple[str, ...]:
        """Every code of a life event that may be sent: parents, then children."""
        children = (child for term in self.life_events.values() for child in term.children)
        return (*self.life_events, *children)

    @property
    def parents(self) -> Mapping[str, str]:
        """The parent of each code of a life event; of a parent itself."""
        folded = {code: code for code in self.life_events}
        for code, term in self.life_events.items():
            folded |= dict.fromkeys(term.children, code)
        return folded

    @property
    def event_places(self) -> Mapping[str, int]:
        """Where the parent of each code of a life event stands among the life events; of a parent itself."""
        places = {code: place for place, code in enumerate(self.life_events)}
        return {code: places[parent] for code, parent in self.parents.items()}

    def channels_for(self, customer_type: CustomerType) -> tuple[str, ...]:
        """The channels that such customers may use, and prefer."""
        return tuple(
            code for code, audience in self.channels.items() if audience in {customer_type, EVERYONE}
        )

    def in_every_language(self, texts: Mapping[str, Any]) -> dict[str, Any]:
        """A text for every language: its own, or that of the first fallback that has one; none where no fallback has."""
        return in_every(self.languages, texts)

    def texts_of_answers(self, texts: Mapping[str, Any]) -> dict[str, Any]:
        """The texts that answers quote, in every language; to the notice belongs what who asks for a language is told."""
        notice = self.in_every_language(texts["notice"])
        for code, term in self.languages.items():
            beside = self.in_every_language(term.beside_notice).get(code)
            notice[code] = f"{notice[code]} {beside}" if beside else notice[code]
        return {
            **texts,
            "notice": notice,
            "preferred_channel": self.in_every_language(texts["preferred_channel"]),
            "signals": {name: self.in_every_language(phrase) for name, phrase in texts["signals"].items()},
        }


EMPTY: Final = Vocabulary({}, {}, {}, {kind: {} for kind in CUSTOMER_TYPES}, {}, {}, {}, {}, {})
"""No codes at all, for what is declared whatever the vocabulary."""


def read_vocabulary(document: Mapping[str, Any], channels: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of a bundle.

    Parameters
    ----------
    document : mapping
        `vocabulary.json`.
    channels : mapping
        `channels.json`.

    Raises
    ------
    KeyError
        On data that was never checked.
    """
    languages = {code: _read_language(code, term) for code, term in document["languages"].items()}
    names = _Names(languages)
    return Vocabulary(
        segments={code: _read_segment(code, term, names) for code, term in document["segments"].items()},
        groups={code: _read_group(code, term, names) for code, term in document["groups"].items()},
        channels={code: channel["audience"] for code, channel in channels["channels"].items()},
        duties={
            kind: {code: _read_benefit(code, term, names) for code, term in document[section].items()}
            for kind, section in SECTIONS_OF_DUTIES.items()
        },
        life_events={code: _read_event(code, term, names) for code, term in document["life_events"].items()},
        content_types={
            code: ContentTerm(code, names.of(term["name"]), term.get("easy", False))
            for code, term in document["content_types"].items()
        },
        languages=languages,
        topics={
            code: TopicTerm(code, names.of(term["name"]), term.get("parent"))
            for code, term in document["topics"].items()
        },
        starts=dict(document["starts"]),
        retired={
            code: date.fromisoformat(channel["retired"])
            for code, channel in channels["channels"].items()
            if "retired" in channel
        },
        version=document.get("version", "1.0"),
    )


def in_every(languages: Mapping[str, LanguageTerm], texts: Mapping[str, Any]) -> dict[str, Any]:
    """A text for each language that has one, or a fallback that has."""
    spoken = ((code, term.spoken(texts)) for code, term in languages.items())
    return {code: texts[language] for code, language in spoken if language is not None}


SECTIONS_OF_DUTIES: Final[Mapping[CustomerType, str]] = {PERSON: "benefits", EMPLOYER: "claim_kinds"}
"""Where the document has what statutory content is attached to."""


class _Names:
    """Fills texts with those of fallbacks."""

    def __init__(self, languages: Mapping[str, LanguageTerm]) -> None:
        self._languages = languages

    def of(self, texts: Mapping[str, str]) -> dict[str, str]:
        return dict.fromkeys(self._languages, "") | in_every(self._languages, texts)


def _read_language(code: str, term: Mapping[str, Any]) -> LanguageTerm:
    return LanguageTerm(
        code,
        dict(term["name"]),
        term["national"],
        term["complete"],
        tuple(term["fallback"]),
        dict(term.get("told", {})),
    )


def _read_benefit(code: str, term: Mapping[str, Any], names: _Names) -> BenefitTerm:
    return BenefitTerm(
        code,
        names.of(term["name"]),
        term["topic"],
        date.fromisoformat(term["valid_from"]) if "valid_from" in term else date.min,
        date.fromisoformat(term["valid_until"]) if "valid_until" in term else date.max,
        term.get("predecessor"),
        term.get("successor"),
    )


def _read_segment(code: str, term: Mapping[str, Any], names: _Names) -> SegmentTerm:
    name, description = names.of(term["name"]), names.of(term["description"])
    source, when = term.get("source", ""), term.get("when", {})
    return SegmentTerm(code, term["for"], term["origin"], name, description, source, when)


def _read_group(code: str, term: Mapping[str, Any], names: _Names) -> GroupTerm:
    name, description = names.of(term["name"]), names.of(term["description"])
    return GroupTerm(code, term["for"], name, description, term["source"], term["when"])


def _read_event(code: str, term: Mapping[str, Any], names: _Names) -> EventTerm:
    children = {child: names.of(text) for child, text in term.get("children", {}).items()}
    return EventTerm(code, names.of(term["name"]), term["topic"], term.get("hard", False), children)
