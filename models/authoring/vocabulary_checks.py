"""Checks the vocabulary that the content team wrote, each entry by itself and against the others, and compiles it.

What passes is put back in the shape that `models.contract.vocabulary` reads; of an entry with a fault as much as keeps its
code known, so that one fault is told once. Channels have checks of their own, in `content_checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.authoring import yaml_source
from models.authoring.conditions import compile_condition, named_groups
from models.authoring.fields import Fields, shaped
from models.authoring.findings import (
    Authored,
    closest,
    in_all_languages,
    one_of,
    phrase,
    section_at,
)
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, PERSON
from models.contract.signals import SignalContract
from models.contract.vocabulary import read_vocabulary
from models.decision.fact_set import FactSet
from models.decision.groups import WORDS, divide

FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "languages.yaml": ("languages",),
    "content_types.yaml": ("content_types",),
    "topics.yaml": ("topics", "starts"),
    "benefits.yaml": ("benefits", "claim_kinds"),
    "life_events.yaml": ("life_events",),
    "segments.yaml": ("segments",),
    "groups.yaml": ("groups",),
}
"""The parts of each file, in the order in which they lean on each other."""
ORIGINS: Final = ("inferred", "known", "stated")
_MAY_BE_EMPTY: Final = ("groups",)
_WORDS: Final[Mapping[str, str]] = {
    "languages": "language",
    "content_types": "content_type",
    "topics": "topic",
    "benefits": "benefit",
    "claim_kinds": "claim_kind",
    "life_events": "life_event",
    "segments": "segment",
    "groups": "group",
}
"""What one entry of each part is called."""
_LANGUAGE_FIELDS: Final[Fields] = {
    "name": "mapping",
    "national": "flag",
    "complete": "flag",
    "fallback": "list",
    "told": "mapping",
}
_CONTENT_FIELDS: Final[Fields] = {"name": "mapping", "easy": "flag"}
_DUTY_FIELDS: Final[Fields] = {
    "topic": "text",
    "name": "mapping",
    "valid_from": "day",
    "valid_until": "day",
    "predecessor": "text",
    "successor": "text",
}
_EVENT_FIELDS: Final[Fields] = {"topic": "text", "name": "mapping", "hard": "flag", "children": "mapping"}
_SEGMENT_FIELDS: Final[Fields] = {
    "for": "text",
    "origin": "text",
    "name": "mapping",
    "description": "mapping",
    "source": "text",
    "when": "mapping",
}
_GROUP_FIELDS: Final[Fields] = {
    "for": "text",
    "name": "mapping",
    "description": "mapping",
    "source": "text",
    "when": "mapping",
}
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_EVENT_CODE: Final = re.compile(r"KE[0-9]{1,3}(\.[0-9]{1,3})?")
_LANGUAGE_CODE: Final = re.compile(r"[a-z]{2,3}")
_FORMS: Final = {"languages": _LANGUAGE_CODE, "life_events": _EVENT_CODE}


def place_terms(authored: Authored, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the place where each entry of the vocabulary was written."""
    for file, sections in FILES.items():
        for section in sections:
            entries = files[file].get(section)
            for name in entries if section in _WORDS and isinstance(entries, Mapping) else ():
                at = (file, yaml_source.line_of(entries, name))
                authored.places[_subject(section, name)] = at


def compile_vocabulary(authored: Authored, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the files of the vocabulary but the channels, and put what was written into `authored.vocabulary`.

    Files that were not read leave their parts empty.
    """
    place_terms(authored, files)
    compiled = authored.vocabulary
    compiled |= {section: {} for sections in FILES.values() for section in sections}
    for file, sections in FILES.items():
        if file in authored.unread or (compiled["languages"] == {} and file != "languages.yaml"):
            continue
        document = yaml_source.plain(files[file])
        # Where a part is missing, that is the finding: a field that may be its misspelt name is not told as well.
        for key in document if document.keys() >= set(sections) else ():
            one_of(authored, file, "field", key, (*sections, "source"))
        for section in sections:
            if section == "starts" and not compiled["topics"]:
                continue  # told once, as a file without topics
            if section in document or section not in _MAY_BE_EMPTY:
                written = section_at(authored, file, section, document.get(section))
                compiled[section] = _CHECKS[section](authored, written)
        if file == "segments.yaml" and isinstance(document.get("source"), str):
            for term in compiled["segments"].values():
                term.setdefault("source", document["source"])
        if not compiled[sections[0]] and sections[0] not in _MAY_BE_EMPTY:
            authored.unread.add(file)


def make_facts(authored: Authored) -> None:
    """Make the facts that conditions may name of the vocabulary that was read; the conditions of groups are compiled here."""
    segments, groups = authored.vocabulary["segments"], authored.vocabulary["groups"]
    plain = authored.vocabulary | {
        "segments": {code: {**term, "when": {}} for code, term in segments.items()},
        "groups": {},
    }
    bare = FactSet(SignalContract(read_vocabulary(plain, authored.channels)))
    faulty = [code for code, term in groups.items() if not _compile_group(authored, code, term, bare)]
    left_out = [*faulty, *_circles(authored, groups)]
    while left_out:  # and whatever stands on what is left out
        for code in left_out:
            groups.pop(code, None)
        left_out = [code for code, term in groups.items() if set(named_groups(term["when"])) - set(groups)]
    for code, term in segments.items():
        if term["origin"] == "stated":
            _compile_stated(authored, code, term, bare)
    authored.facts = FactSet(SignalContract(read_vocabulary(authored.vocabulary, authored.channels)), groups)
    _find_empty_groups(authored)


def find_untrained(authored: Authored, trained: tuple[str, ...]) -> None:
    """An error for each segment that the vocabulary names as inferred and the model does not know, or the other way round."""
    for code in authored.terms.inferred:
        if code not in trained:
            authored.find(_subject("segments", code), "untrained", value=code)
    for code in trained:
        if code not in authored.terms.inferred:
            authored.find("segments.yaml", "not_inferred", value=code)


def _subject(section: str, code: object) -> str:
    return f"{_WORDS[section]} {code}"


def _entries(
    authored: Authored, section: str, written: Mapping[str, Any], fields: Fields, required: tuple[str, ...]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Code, subject and whole fields of each entry; an entry whose code is no code is left out."""
    for code, entry in written.items():
        subject = _subject(section, code)
        if not _FORMS.get(section, _CODE).fullmatch(str(code)):
            authored.find(subject, "bad_code", value=yaml_source.visible(str(code)))
            continue
        term = shaped(authored, subject, entry, fields, required=required)
        if section != "languages":
            in_all_languages(authored, subject, "name", term.get("name"))
        if "description" in fields:
            in_all_languages(authored, subject, "description", term.get("description"))
        term["name"] = dict(term.get("name", {}))
        yield str(code), subject, term


def _languages(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    languages = {}
    for code, _, term in _entries(
        authored, "languages", written, _LANGUAGE_FIELDS, ("name", "national", "complete", "fallback")
    ):
        languages[code] = {"national": False, "complete": False, "fallback": [], **term}
    complete = [code for code, term in languages.items() if term["complete"]]
    for code, term in languages.items():
        subject = _subject("languages", code)
        term["fallback"] = [
            other for other in term["fallback"] if one_of(authored, subject, "language", other, languages)
        ]
        if term["national"] and not term["complete"]:
            authored.find(subject, "national_incomplete", value=code)
        if not term["complete"] and not set(term["fallback"]) & set(complete):
            authored.find(subject, "no_complete_fallback", value=code)
        for language in complete:
            if not isinstance(term["name"].get(language), str):
                authored.find(subject, "no_text", what=phrase("name"), language=language)
    if languages and not any(term["national"] for term in languages.values()):
        authored.find("languages.yaml", "no_national")
    return languages


def _content_types(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    return {
        code: term
        for code, _, term in _entries(authored, "content_types", written, _CONTENT_FIELDS, ("name",))
    }


def _topics(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    fields: Fields = {"parent": "text", **dict.fromkeys(authored.vocabulary["languages"], "text")}
    topics: dict[str, Any] = {}
    for code, labels in written.items():
        subject = _subject("topics", code)
        known = shaped(authored, subject, labels, fields)
        in_all_languages(authored, subject, "label", labels)
        name = {language: text for language, text in known.items() if language != "parent"}
        topics[code] = {"name": name, **({"parent": known["parent"]} if "parent" in known else {})}
    for code, term in topics.items():
        if "parent" in term:
            one_of(authored, _subject("topics", code), "parent_topic", term["parent"], topics)
    return topics


def _starts(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    topics = authored.vocabulary["topics"]
    for kind in written:
        one_of(authored, "topics.yaml", "customer_type", kind, CUSTOMER_TYPES)
    starts: dict[str, Any] = {}
    for kind in CUSTOMER_TYPES:
        start = str(written.get(kind))
        if start not in topics:
            authored.find("topics.yaml", "lacks_start", kind=phrase(kind), hint=closest(start, topics))
        starts[kind] = start if start in topics else next(iter(topics), "")
    return starts


def _duties(section: str) -> Any:  # noqa: ANN401  (a check)
    def check(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
        terms = {}
        for code, subject, term in _entries(authored, section, written, _DUTY_FIELDS, ("topic", "name")):
            _check_topic(authored, subject, term)
            if term.get("valid_from", "") > term.get("valid_until", "9999"):
                authored.find(subject, "item_reversed", start=term["valid_from"], until=term["valid_until"])
            terms[code] = term
        for code, term in terms.items():
            for key in ("predecessor", "successor"):
                if key in term and not one_of(
                    authored, _subject(section, code), phrase(key), term[key], set(terms) - {code}
                ):
                    del term[key]
            if "successor" in term and "valid_until" not in term:
                authored.find(_subject(section, code), "succeeded_without_end", value=term["successor"])
        return terms

    return check


def _life_events(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    events = {}
    for code, subject, term in _entries(authored, "life_events", written, _EVENT_FIELDS, ("topic", "name")):
        _check_topic(authored, subject, term)
        children = {}
        for child, names in term.pop("children", {}).items():
            if not _EVENT_CODE.fullmatch(str(child)) or not str(child).startswith(f"{code}."):
                authored.find(subject, "bad_code", value=yaml_source.visible(str(child)))
                continue
            what = phrase("of", what=phrase("name"), name=child)
            in_all_languages(authored, subject, what, names)
            children[child] = dict(names) if isinstance(names, Mapping) else {}
        events[code] = {**term, "children": children} if children else term
    return events


def _segments(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    segments: dict[str, Any] = {}
    known: dict[str, str] = {}
    required = ("for", "origin", "name", "description")
    for code, subject, term in _entries(authored, "segments", written, _SEGMENT_FIELDS, required):
        fits = one_of(authored, subject, "customer_type", term.get("for"), CUSTOMER_TYPES)
        if not one_of(authored, subject, "origin", term.get("origin"), ORIGINS) or not fits:
            continue
        kind, origin = term["for"], term["origin"]
        if (origin == "known") != (kind == EMPLOYER):
            authored.find(subject, "origin_of_kind", value=origin, kind=phrase(kind))
            continue
        if origin == "known" and kind in known:
            authored.find(subject, "known_twice", value=known[kind])
            continue
        known |= {kind: code} if origin == "known" else {}
        if ("when" in term) != (origin == "stated"):
            authored.find(subject, "stated_when")
            continue
        segments[code] = {"description": {}, **term}
    if segments and EMPLOYER not in known:
        authored.find("segments.yaml", "none_known")
    if segments and not any(term["origin"] == "inferred" for term in segments.values()):
        authored.find("segments.yaml", "none_inferred")
    return segments


def _groups(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any]:
    groups = {}
    for code, subject, term in _entries(authored, "groups", written, _GROUP_FIELDS, tuple(_GROUP_FIELDS)):
        if one_of(authored, subject, "customer_type", term.get("for"), CUSTOMER_TYPES) and "when" in term:
            groups[code] = {"description": {}, "source": "", **term}
    return groups


def _check_topic(authored: Authored, subject: str, term: dict[str, Any]) -> None:
    topics = authored.vocabulary["topics"]
    if "topics.yaml" in authored.unread or not one_of(authored, subject, "topic", term.get("topic"), topics):
        term["topic"] = next(iter(topics), "")


def _compile_group(authored: Authored, code: str, term: dict[str, Any], bare: FactSet) -> bool:
    """Whether the condition of a group can be read; it is then compiled."""
    subject = _subject("groups", code)
    if any(fact.name == code for kind in CUSTOMER_TYPES for fact in bare.of[kind]) or code in WORDS:
        authored.find(subject, "group_is_fact", value=code)
        return False
    before = len(authored.findings)
    term["when"] = compile_condition(authored, subject, term["for"], term["when"], bare)
    return len(authored.findings) == before


def _compile_stated(authored: Authored, code: str, term: dict[str, Any], bare: FactSet) -> None:
    """The condition of a stated segment: it may name nothing that is known beside a segment alone."""
    subject = _subject("segments", code)
    term["when"] = compile_condition(authored, subject, PERSON, term["when"], bare, stated=True)


def _circles(authored: Authored, groups: Mapping[str, Any]) -> list[str]:
    """The groups that stand on themselves, with a finding for each."""
    named = {code: set(named_groups(term["when"])) & set(groups) for code, term in groups.items()}
    circles = []
    for code in groups:
        reached: set[str] = set()
        waiting = set(named[code])
        while waiting:
            other = waiting.pop()
            if other not in reached:
                reached.add(other)
                waiting |= named[other]
        if code in reached:
            authored.find(_subject("groups", code), "group_circle", value=code)
            circles.append(code)
    return circles


def _find_empty_groups(authored: Authored) -> None:
    """An error for each group, and each stated segment, that nobody can be in."""
    every = FactSet(authored.facts.contract)
    for code, group in authored.terms.groups.items():
        blocks = every.blocks(group.customer_type)
        allowed = [block for block in blocks if "allowed" in block["personalisation"]]
        if not divide(allowed, group.when, authored.terms.groups)[0]:
            authored.find(_subject("groups", code), "nobody_in", value=code)
    for term in authored.terms.stated_segments(PERSON):
        if not any(term.code in block["segment"] for block in every.blocks(PERSON)):
            authored.find(_subject("segments", term.code), "nobody_in", value=term.code)


_CHECKS: Final[Mapping[str, Any]] = {
    "languages": _languages,
    "content_types": _content_types,
    "topics": _topics,
    "starts": _starts,
    "benefits": _duties("benefits"),
    "claim_kinds": _duties("claim_kinds"),
    "life_events": _life_events,
    "segments": _segments,
    "groups": _groups,
}
