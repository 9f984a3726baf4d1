"""What differs between two rulebooks with their content: every part, entry by entry, field by field, each in its file.

Nothing here knows the parts by name but to say in which file the team wrote them; a part or field that is added later is
compared as the others are. Whether a guarantee promises less than before is decided exactly, over every feasible cell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Literal, NamedTuple, TypeGuard

from models.authoring.findings import Authored, phrase
from models.authoring.vocabulary_checks import FILES
from models.decision.decision_table import Guarantee, read_guarantees
from models.decision.fact_set import FactSet

_NOT_AUTHORED: Final = {"scorecard.json", "manifest.json", "sources"}
_OUTCOMES: Final = {"check.json": {"cells", "errors", "warnings", "sources"}}
_FILES: Final = {
    ("rulebook.json", "guarantees"): "guarantees.yaml",
    ("rulebook.json", "promises"): "guarantees.yaml",
    ("rulebook.json", "campaigns"): "campaigns.yaml",
    ("catalogue.json", "topics"): "topics.yaml",  # of bundles made before vocabularies were data
    ("check.json", "examples"): "examples.yaml",
    ("vocabulary.json", "version"): "version.yaml",
    **{("vocabulary.json", part): file for file, parts in FILES.items() for part in parts},
}
_NAMES: Final = {"rulebook.json": "rules.yaml"}
Leaf = str | int | float | bool | None | list[Any] | dict[str, Any]


class Field(NamedTuple):
    """One value, before and after, as shown; empty where it was not there."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry that differs: a rule, a guarantee, an item, a channel, a text.

    Attributes
    ----------
    file : str
        The file in which the team writes it.
    section : str
        Its list or group in that file, such as `person` or `channels`.
    """

    file: str
    section: str
    id: str
    edit: Literal["added", "removed", "changed", "moved"]
    fields: tuple[Field, ...] = ()


def edits(
    old: Mapping[str, Any], new: Mapping[str, Any], *, files: Mapping[str, str] | None = None
) -> list[Edit]:
    """Everything that differs between the parts of two bundles, or of a bundle and a draft.

    Parameters
    ----------
    old, new : mapping
        Parts by name, as `Authored.parts` gives them. The model and the outcome of the check are left out.
    files : mapping or None
        The file of an entry, by its id, where its part does not say it.
    """
    changes: list[Edit] = []
    for part in dict.fromkeys((*old, *new)):
        if part not in _NOT_AUTHORED:
            was, now = (_authored(part, parts.get(part)) for parts in (old, new))
            for key in dict.fromkeys((*was, *now)):
                changes += _edits_of_key(part, key, was.get(key), now.get(key), files or {})
    return changes


def find_weakened(authored: Authored, old: Mapping[str, Any]) -> set[str]:
    """Add a warning, before all other findings, for each promise of a rulebook that a draft demands less of or lacks.

    Parameters
    ----------
    authored : Authored
        The draft.
    old : mapping
        The compiled rulebook to compare with.

    Returns
    -------
    set of str
        The ids of those guarantees and promises.
    """
    others, authored.findings = authored.findings, []
    now = {guarantee.id: guarantee for guarantee in read_guarantees(authored.rulebook)}
    for guarantee in read_guarantees(old):
        if guarantee.id not in now:
            _warn(authored, guarantee.id, "guarantee_removed", says=guarantee.says)
        elif how := weaker(guarantee, now[guarantee.id], authored.facts):
            _warn(authored, guarantee.id, "guarantee_weaker", what=phrase(how), says=guarantee.says)
    checks = {promise["id"]: promise["check"] for promise in authored.rulebook["promises"]}
    for promise in old.get("promises", ()):
        if checks.get(promise["id"]) != promise["check"]:
            _warn(authored, promise["id"], "guarantee_removed", says=promise["says"])
    weakened = {finding.subject for finding in authored.findings}
    authored.findings += others
    return weakened


def weaker(old: Guarantee, new: Guarantee, facts: FactSet) -> str | None:
    """Whether some answer to some customer breaks the old guarantee and not the new: the phrase that says how, or None.

    An answer is a channel and one or more kinds of content; the customers are the feasible cells of facts. A value that the
    facts lack is nobody's.
    """
    fewer = _leaves_customers_out(old, new, facts)
    looser = _meet(old, new, facts) and _allows_more(old, new, facts)
    if fewer and looser:
        return "weaker_both"
    return "weaker_every" if fewer else "weaker_must" if looser else None


def _warn(authored: Authored, subject: str, code: str, **names: object) -> None:
    at = authored.places.get(subject, ("guarantees.yaml", 1))
    authored.find(subject, code, at=at, warning=True, names=names)


def _leaves_customers_out(old: Guarantee, new: Guarantee, facts: FactSet) -> bool:
    """Whether a cell of which the old guarantee demands something is none of the new one's."""
    if not _demands(old, facts):
        return False
    for block in facts.blocks(old.customer_type):
        cells = _within(block, old)
        if all(cells.values()) and (
            old.customer_type != new.customer_type
            or any(set(cells.get(fact, ())) - set(values) for fact, values in new.every.items())
        ):
            return True
    return False


def _meet(old: Guarantee, new: Guarantee, facts: FactSet) -> bool:
    """Whether both concern some cell."""
    return old.customer_type == new.customer_type and any(
        all(set(values) & set(new.every.get(fact, values)) for fact, values in _within(block, old).items())
        for block in facts.blocks(old.customer_type)
    )


def _within(block: Mapping[str, Sequence[str]], guarantee: Guarantee) -> dict[str, list[str]]:
    """The values of each fact, within a block, of the cells that a guarantee concerns."""
    return {
        fact: [value for value in values if value in guarantee.every.get(fact, values)]
        for fact, values in block.items()
    }


def _demands(guarantee: Guarantee, facts: FactSet) -> bool:
    """Whether some answer breaks a guarantee."""
    channels, kinds = facts.vocabulary.channels, facts.vocabulary.content_types
    return any(
        allowed and set(every) - set(allowed)
        for allowed, every in ((guarantee.channel, channels), (guarantee.content, kinds))
    )


def _allows_more(old: Guarantee, new: Guarantee, facts: FactSet) -> bool:
    """Whether some channel with some kinds of content keeps the new guarantee and breaks the old."""
    every, every_kind = set(facts.vocabulary.channels), set(facts.vocabulary.content_types)
    channels = (set(new.channel) or every) - (set(old.channel) or every)
    kinds = (set(new.content) or every_kind) - (set(old.content) or every_kind)
    return bool(channels or kinds)


def _authored(part: str, content: object) -> dict[str, Any]:
    """What people wrote of a part, by key."""
    entries = content if isinstance(content, Mapping) else {} if content is None else {"": content}
    return {key: value for key, value in entries.items() if key not in _OUTCOMES.get(part, ())}


def _edits_of_key(
    part: str,
    key: str,
    old: Any,  # noqa: ANN401
    new: Any,  # noqa: ANN401
    files: Mapping[str, str],
) -> Iterator[Edit]:
    file = _FILES.get((part, key)) or _NAMES.get(part) or f"{PurePath(part).stem}.yaml"
    if (part, key) == ("catalogue.json", "topics"):  # a whole file inside a part
        for inner in dict.fromkeys((*(old or {}), *(new or {}))):
            yield from _between(file, inner, (old or {}).get(inner), (new or {}).get(inner), files)
    else:
        yield from _between(file, key, old, new, files)


def _between(file: str, section: str, old: object, new: object, files: Mapping[str, str]) -> Iterator[Edit]:
    """The edits of one section: removed entries first, then those changed or added, then those moved."""
    was, now = _entries(section, old), _entries(section, new)
    for name in was:
        if name not in now:
            yield Edit(files.get(name, file), section, name, "removed")
    for name, entry in now.items():
        if name not in was:
            yield Edit(files.get(name, file), section, name, "added")
        elif fields := tuple(_fields(was[name], entry)):
            yield Edit(files.get(name, file), section, name, "changed", fields)
    if _has_ids(old) and _has_ids(new):
        for name in to_move([name for name in was if name in now], [name for name in now if name in was]):
            yield Edit(files.get(name, file), section, name, "moved")


def to_move(order: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The fewest names to move so that an order becomes the one wanted, in the order to move them: all but a longest run.

    Both hold the same names; `wanted` may hold more.
    """
    place = {name: at for at, name in enumerate(wanted)}
    runs: list[list[str]] = [[]]
    for name in order:
        fitting: list[list[str]] = [run for run in runs if not run or place[run[-1]] < place[name]]
        longest = max(fitting, key=_length)
        runs.append([*longest, name])
    staying = max(runs, key=_length)
    moving = set(order) - set(staying)
    return [name for name in wanted if name in moving]


def _length(run: list[str]) -> int:
    return len(run)


def _entries(section: str, value: object) -> dict[str, Any]:
    """The entries of a section by name: of a list by id, of a group of groups by its path, else the section itself."""
    if value is None:
        return {}
    if _has_ids(value):
        return {entry["id"]: entry for entry in value}
    if isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values()):
        return {f"{section}.{name}": inner for name, inner in value.items()}
    return {section: value}


def _has_ids(value: object) -> TypeGuard[list[dict[str, Any]]]:
    if not isinstance(value, list) or not all(
        isinstance(entry, Mapping) and isinstance(entry.get("id"), str) for entry in value
    ):
        return False
    return len({entry["id"] for entry in value}) == len(value)


def _fields(old: object, new: object) -> Iterator[Field]:
    was, now = dict(_leaves(old)), dict(_leaves(new))
    for path in dict.fromkeys((*was, *now)):
        before, after = (json.dumps(side[path]) if path in side else None for side in (was, now))
        if before != after:
            shown = [_shown(side[path]) if path in side else "" for side in (was, now)]
            if shown[0] == shown[1]:  # such as the number 1 and the text "1"
                shown = [
                    json.dumps(side[path], ensure_ascii=False) if path in side else "–" for side in (was, now)
                ]
            yield Field(".".join(path), *shown)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Leaf]]:  # noqa: ANN401
    """Each value of an entry that holds no further ones, with its path; a list of plain values is one value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        for at, inner in enumerate(value, start=1):
            yield from _leaves(inner, (*path, str(at)))
    else:
        yield path, value


def _shown(value: Leaf) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
