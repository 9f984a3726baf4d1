"""Edits of rules in the document that `rules.yaml` is: what differs is replaced, all else stays as it was written.

A changed value takes the place of the old one; a removed or moved rule leaves the comments above it where they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from models.authoring import canonical_yaml
from models.authoring.canonical_yaml import Collection, Entry, Scalar
from models.authoring.edits import to_move
from models.contract.codes import CustomerType
from models.decision.experiments import CONTROL
from models.decision.fact_set import FactSet

Row = dict[str, str]
"""A rule as cells of text, by column; an empty cell is left out."""

_THEN: Final = ("channel", "content", "topic", "human_channel")


def merge(
    text: str, kind: CustomerType, present: list[Row], wanted: list[Row], facts: FactSet
) -> tuple[str, list[str]]:
    """The canonical text with a customer type's rules as wanted, and what changed, one sentence each.

    Where nothing changes, the text comes back as it is.
    """
    old, new = ({row["id"]: row for row in rows} for rows in (present, wanted))
    if present == wanted:
        return text, []
    names_of_facts = [fact.name for fact in facts.of[kind]]
    document = canonical_yaml.read(text)
    rules = _child(document, kind, is_list=True)
    changes: list[str] = []
    for name, row in old.items():
        if name not in new:
            _cut(rules, name)
            changes.append(f"{name}: removed")
        elif changed := [key for key in sorted({*row, *new[name]}) if row.get(key) != new[name].get(key)]:
            _edit(_find(rules, name)[1], names_of_facts, row, new[name], changed)
            changes.append(f"{name}: {', '.join(changed)} changed")
    order = [name for name in old if name in new]
    before: str | None = None
    for name, row in new.items():
        if name not in old:
            _put(rules, Entry(_new_rule(row, names_of_facts)), before)
            order.insert(order.index(before) + 1 if before else 0, name)
            changes.append(f"{name}: added")
        before = name
    names = list(new)
    for name in to_move(order, names):
        at = names.index(name)
        _put(rules, _cut(rules, name), names[at - 1] if at else None)
        changes.append(f"{name}: moved")
    return canonical_yaml.write(document), sorted(changes)


def experiment_cell(experiment: Mapping[str, Any]) -> str:
    """An experiment as one cell: `an-id; control 50; a-variant 50: guide, nudge`. Raises `KeyError` if it is not whole."""
    parts = [str(experiment["id"]), f"{CONTROL} {experiment['control_share']}"]
    parts += [f"{v['id']} {v['share']}: {', '.join(v['content'])}" for v in experiment["variants"]]
    return "; ".join(parts)


def read_experiment(cell: str) -> dict[str, Any] | None:
    """The experiment of a cell; None if it cannot be read. Whether it makes sense, `arki-rulebook check` says."""
    name, *parts = cell.split(";")
    try:
        (control, control_share, own), *variants = [_arm(part) for part in parts]
    except ValueError:
        return None
    if control != CONTROL or own or not variants or not all(content for *_, content in variants):
        return None
    arms = [{"id": arm, "share": share, "content": content} for arm, share, content in variants]
    return {"id": name.strip(), "control_share": control_share, "variants": arms}


def _edit(rule: Collection, facts: list[str], old: Row, new: Row, changed: list[str]) -> None:
    """Write the changed cells of one rule over."""
    if set(changed) & set(facts):
        order = [f for f in old if f in facts and f in new] + [f for f in facts if f in new and f not in old]
        _set(rule, "when", _conditions(new, order))
    for key in changed:
        if key in _THEN:
            _set(
                _child(rule, "then"), key, _values(new[key], is_list=key == "content") if key in new else None
            )
        elif key.startswith("because_"):
            _set(_child(rule, "because"), key.removeprefix("because_"), _scalar(new.get(key)))
        elif key == "experiment":
            _set(rule, key, _experiment(new[key]) if key in new else None)
        elif key in {"owner", "source"}:
            _set(rule, key, _scalar(new.get(key)))
    if any(key.startswith("valid_") for key in changed):
        _set(rule, "valid", _days(new))


def _child(group: Collection, key: str, *, is_list: bool = False) -> Collection:
    """The mapping or list under a key, made where there is none."""
    entry = group.entry(key)
    if entry is None:
        entry = Entry(Collection(is_list=is_list), Scalar(key))
        group.entries.append(entry)
    if not isinstance(entry.value, Collection):
        entry.value = Collection(is_list=is_list)
    return entry.value


def _set(group: Collection, key: str, value: Scalar | Collection | None) -> None:
    """Write, add or (None) remove a value. A new one comes last, conditions right after the id."""
    entry = group.entry(key)
    if value is None:
        if entry is not None:
            _take(group, group.entries.index(entry))
    elif entry is not None:
        entry.above += _comments(entry.value)
        entry.value = value
    else:
        group.entries.insert(1 if key == "when" else len(group.entries), Entry(value, Scalar(key)))


def _comments(value: Scalar | Collection) -> Iterator[str]:
    """The comments within a value, which stay above the one that takes its place."""
    if isinstance(value, Collection):
        for entry in value.entries:
            yield from (line for line in [*entry.above, entry.beside] if line)
            yield from _comments(entry.value)
        yield from (line for line in value.below if line)


def _find(rules: Collection, name: str) -> tuple[int, Collection]:
    """Where the rule of a name stands, and the rule."""
    return next(
        (at, entry.value)
        for at, entry in enumerate(rules.entries)
        if isinstance(entry.value, Collection)
        and (name_entry := entry.value.entry("id")) is not None
        and name_entry.value == Scalar(name)
    )


def _cut(rules: Collection, name: str) -> Entry:
    return _take(rules, _find(rules, name)[0])


def _take(group: Collection, at: int) -> Entry:
    """Take an entry out; the comments above it stay, above the next entry or at the end."""
    entry = group.entries.pop(at)
    if at == len(group.entries):
        group.below[:0] = entry.above if any(entry.above) else []
    else:
        following = group.entries[at]
        has_comments = any(entry.above) and any(following.above)
        following.above = entry.above + (following.above if has_comments else _unparted(following.above))
    entry.above = []
    return entry


def _unparted(lines: list[str]) -> list[str]:
    return lines[1:] if lines[:1] == [""] else lines


def _put(rules: Collection, rule: Entry, before: str | None) -> None:
    """Put a rule after another, or first: below the comments above the first, which stand over them all."""
    at = 0 if before is None else _find(rules, before)[0] + 1
    rule.above = [""]
    if at == 0 and rules.entries:
        rule.above, rules.entries[0].above = rules.entries[0].above, [""]
    rules.entries.insert(at, rule)


def _new_rule(row: Row, facts: list[str]) -> Collection:
    """A rule in the house style."""
    parts: dict[str, Scalar | Collection | None] = {
        "id": Scalar(row["id"]),
        "when": _conditions(row, [name for name in facts if name in row]),
        "then": _group({key: _values(row[key], is_list=key == "content") for key in _THEN if key in row}),
        "because": _group(
            {
                name.removeprefix("because_"): _scalar(text)
                for name, text in row.items()
                if name.startswith("because_")
            }
        ),
        "owner": _scalar(row.get("owner")),
        "source": _scalar(row.get("source")),
        "valid": _days(row),
        "experiment": _experiment(row["experiment"]) if "experiment" in row else None,
    }
    return _group(parts)


def _group(parts: Mapping[str, Scalar | Collection | None], *, is_flow: bool = False) -> Collection:
    entries = [Entry(value, Scalar(key)) for key, value in parts.items() if value is not None]
    return Collection(is_flow=is_flow, entries=entries)


def _list(values: list[Scalar | Collection]) -> Collection:
    return Collection(is_list=True, is_flow=True, entries=[Entry(value) for value in values])


def _conditions(row: Row, facts: list[str]) -> Collection | None:
    return _group({fact: _values(row[fact]) for fact in facts}, is_flow=True) if facts else None


def _values(cell: str, *, is_list: bool = False) -> Scalar | Collection:
    """A cell of values parted by commas as a value, or as a list."""
    values: list[Scalar | Collection] = [Scalar(value.strip()) for value in cell.split(",") if value.strip()]
    return values[0] if len(values) == 1 and not is_list else _list(values)


def _scalar(value: str | None) -> Scalar | None:
    return None if value is None else Scalar(value, is_bare=_is_day(value))


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _days(row: Row) -> Collection | None:
    days = {key: _scalar(row.get(f"valid_{key}")) for key in ("from", "until")}
    return _group(days, is_flow=True) if any(days.values()) else None


def _arm(part: str) -> tuple[str, int, list[str]]:
    """One arm of an experiment's cell: its id, its share, its kinds of content. Raises `ValueError`."""
    head, _, content = part.partition(":")
    name, share = head.split()
    return name, int(share), [kind.strip() for kind in content.split(",") if kind.strip()]


def _experiment(cell: str) -> Collection:
    """An experiment's cell as a mapping."""
    experiment = read_experiment(cell) or {}
    variants: list[Scalar | Collection] = [
        _group(
            {
                "id": Scalar(variant["id"]),
                "share": Scalar(str(variant["share"]), is_bare=True),
                "content": _list([Scalar(kind) for kind in variant["content"]]),
            },
            is_flow=True,
        )
        for variant in experiment["variants"]
    ]
    return _group(
        {
            "id": Scalar(experiment["id"]),
            "control_share": Scalar(str(experiment["control_share"]), is_bare=True),
            "variants": _list(variants),
        },
        is_flow=True,
    )
