"""Edits of rules as changes to the text of `rules.yaml`: only what differs is written, all else keeps its bytes.

A rule's place in the text comes from YAML's own marks. A changed value replaces its value; a new rule is written in the
house style after the one before it; a removed or moved rule takes its own lines along and leaves comments where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from models.authoring.edits import to_move
from models.authoring.yaml_source import compose
from models.contract.codes import LANGUAGES, CustomerType
from models.decision.experiments import CONTROL
from models.decision.facts import FACTS

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node

Row = dict[str, str]
"""A rule as cells of text, by column; an empty cell is left out."""

_THEN: Final = ("channel", "content", "topic", "human_channel")
_PLAIN: Final = re.compile(r"[^\W\d_][\w .,;()/%–’'!?-]*", re.UNICODE)
_RESERVED: Final = {"null", "true", "false", "~", "on", "off", "y", "n"}


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of the text, from its first character to the one after its last."""

    start: int
    end: int


def merge(text: str, kind: CustomerType, present: list[Row], wanted: list[Row]) -> tuple[str, list[str]]:
    """The text with a customer type's rules as wanted, and what changed, one sentence each."""
    changes: list[str] = []
    old = {row["id"]: row for row in present}
    new = {row["id"]: row for row in wanted}
    for name in [name for name in old if name in new]:
        changed = [
            key
            for key in sorted(_keys(old[name]) | _keys(new[name]))
            if old[name].get(key, "") != new[name].get(key, "")
        ]
        if changed:
            text = _edited(text, kind, name, old[name], new[name], changed)
            changes.append(f"{name}: {', '.join(changed)} changed")
    for name in old:
        if name not in new:
            text, _ = _cut(text, kind, name)
            changes.append(f"{name}: removed")
    order = [name for name in old if name in new]
    for at, row in enumerate(wanted):
        name = row["id"]
        before = wanted[at - 1]["id"] if at else None
        if name not in old:
            text = _put(text, kind, _rule_lines(row, kind), before)
            order.insert(order.index(before) + 1 if before else 0, name)
            changes.append(f"{name}: added")
    for name in to_move(order, list(new)):
        at = list(new).index(name)
        text, lines = _cut(text, kind, name)
        text = _put(text, kind, lines, list(new)[at - 1] if at else None)
        changes.append(f"{name}: moved")
    return text, sorted(changes)


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


def _keys(row: Row) -> set[str]:
    return set(row) - {"id"}


def _edited(text: str, kind: CustomerType, name: str, old: Row, new: Row, changed: list[str]) -> str:
    """The text with the changed cells of one rule written over."""
    facts = [fact.name for fact in FACTS[kind]]
    if set(changed) & set(facts):
        order = [f for f in old if f in facts and f in new] + [f for f in facts if f in new and f not in old]
        when = {fact: _values(new[fact]) for fact in order}
        text = _set(text, kind, name, ("when",), _flow(when) if when else None)
    for key in changed:
        if key in facts:
            continue
        value = new.get(key)
        if key in _THEN:
            shown = value if value is None else _values(value, always=key == "content")
            text = _set(text, kind, name, ("then", key), shown)
        elif key.startswith("because_"):
            text = _set(text, kind, name, ("because", key.removeprefix("because_")), value and _scalar(value))
        elif key == "experiment":
            text = _set(text, kind, name, (key,), value and _experiment(value))
        elif not key.startswith("valid_"):
            text = _set(text, kind, name, (key,), value and _scalar(value))
    if any(key.startswith("valid_") for key in changed):
        days = _days(new)
        text = _set(text, kind, name, ("valid",), _flow(days) if days else None)
    return text


def _set(text: str, kind: CustomerType, name: str, path: tuple[str, ...], value: str | None) -> str:
    """The text with one value of a rule written, added or (None) removed."""
    node = _rule_node(text, kind, name)
    for key in path[:-1]:
        node = next(value for name_node, value in node.value if name_node.value == key)
    pair = next(((key, value_node) for key, value_node in node.value if key.value == path[-1]), None)
    if pair is None:
        return text if value is None else _added(text, node, path[-1], value)
    key, value_node = pair
    if value is not None:
        span = _value_span(text, value_node)
        return text[: span.start] + value + text[span.end :]
    if node.flow_style:
        rest = {k.value: text[slice(*_bounds(text, v))] for k, v in node.value if k is not key}
        inner = ", ".join(f"{k}: {v}" for k, v in rest.items())
        return text[: node.start_mark.index] + "{" + inner + "}" + text[node.end_mark.index :]
    first = text.rfind("\n", 0, key.start_mark.index) + 1
    last = text.find("\n", _value_span(text, value_node).end)
    return text[:first] + text[(last + 1) if last >= 0 else len(text) :]


def _added(text: str, node: MappingNode, key: str, value: str) -> str:
    """A new entry at the end of a mapping; conditions come right after the id."""
    last_key, last = node.value[0] if key == "when" else node.value[-1]
    end = _value_span(text, last).end
    if node.flow_style:
        return text[:end] + f", {key}: {value}" + text[end:]
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    indent = " " * last_key.start_mark.column
    return text[:line_end] + f"\n{indent}{key}: {value}" + text[line_end:]


def _bounds(text: str, node: Node) -> tuple[int, int]:
    span = _value_span(text, node)
    return span.start, span.end


def _value_span(text: str, node: Any) -> _Span:  # noqa: ANN401  (any node of YAML)
    """Where a value stands, without the blank lines and comments that YAML counts to its end."""
    if isinstance(node.value, list) and not node.flow_style and node.value:
        last = node.value[-1]
        return _Span(
            node.start_mark.index, _value_span(text, last[1] if isinstance(last, tuple) else last).end
        )
    shown = text[node.start_mark.index : node.end_mark.index]
    return _Span(node.start_mark.index, node.start_mark.index + len(shown.rstrip()))


def _rule_node(text: str, kind: CustomerType, name: str) -> MappingNode:
    return next(rule for rule in _rules(text, kind) if _id_of(rule) == name)


def _rules(text: str, kind: CustomerType) -> list[MappingNode]:
    return list(next(value for key, value in compose(text).value if key.value == kind).value)


def _id_of(rule: MappingNode) -> str:
    return str(next(value.value for key, value in rule.value if key.value == "id"))


def _lines_of(text: str, rule: MappingNode) -> _Span:
    """A rule's own lines, from its dash to the end of its last value's line."""
    start = text.rfind("\n", 0, rule.start_mark.index) + 1
    end = text.find("\n", _value_span(text, rule).end)
    return _Span(start, len(text) if end < 0 else end + 1)


def _cut(text: str, kind: CustomerType, name: str) -> tuple[str, str]:
    """The text without a rule's lines and the blank line after them, and those lines."""
    span = _lines_of(text, _rule_node(text, kind, name))
    end = span.end + 1 if text[span.end : span.end + 1] == "\n" else span.end
    return text[: span.start] + text[end:], text[span.start : span.end]


def _put(text: str, kind: CustomerType, lines: str, after: str | None) -> str:
    """The text with a rule's lines after another rule, or before the first."""
    rules = _rules(text, kind)
    if after is None:
        at = _lines_of(text, rules[0]).start
        return text[:at] + lines + "\n" + text[at:]
    at = _lines_of(text, _rule_node(text, kind, after)).end
    ended = "" if text[:at].endswith("\n") else "\n"
    return text[:at] + ended + "\n" + lines + text[at:]


def _rule_lines(row: Row, kind: CustomerType) -> str:
    """A new rule in the house style."""
    return "\n".join(_new_lines(row, kind)) + "\n"


def _new_lines(row: Row, kind: CustomerType) -> Iterator[str]:
    yield f"  - id: {_scalar(row['id'])}"
    when = {fact.name: _values(row[fact.name]) for fact in FACTS[kind] if fact.name in row}
    if when:
        yield f"    when: {_flow(when)}"
    yield "    then:"
    yield from (f"      {key}: {_values(row[key], always=key == 'content')}" for key in _THEN if key in row)
    yield "    because:"
    yield from (
        f"      {language}: {_scalar(row[f'because_{language}'])}"
        for language in LANGUAGES
        if f"because_{language}" in row
    )
    yield from (f"    {key}: {_scalar(row[key])}" for key in ("owner", "source") if key in row)
    days = _days(row)
    if days:
        yield f"    valid: {_flow(days)}"
    if "experiment" in row:
        yield f"    experiment: {_experiment(row['experiment'])}"


def _values(cell: str, *, always: bool = False) -> str:
    """A cell of values parted by commas as a value or list of YAML."""
    values = [_scalar(value.strip()) for value in cell.split(",") if value.strip()]
    return values[0] if len(values) == 1 and not always else f"[{', '.join(values)}]"


def _arm(part: str) -> tuple[str, int, list[str]]:
    """One arm of an experiment's cell: its id, its share, its kinds of content. Raises `ValueError`."""
    head, _, content = part.partition(":")
    name, share = head.split()
    return name, int(share), [kind.strip() for kind in content.split(",") if kind.strip()]


def _experiment(cell: str) -> str:
    """An experiment's cell as a mapping of YAML."""
    experiment = read_experiment(cell) or {}
    variants = [
        _flow(
            {
                "id": _scalar(variant["id"]),
                "share": str(variant["share"]),
                "content": _values(", ".join(variant["content"]), always=True),
            }
        )
        for variant in experiment["variants"]
    ]
    return _flow(
        {
            "id": _scalar(experiment["id"]),
            "control_share": str(experiment["control_share"]),
            "variants": f"[{', '.join(variants)}]",
        }
    )


def _days(row: Row) -> dict[str, str]:
    return {
        key.removeprefix("valid_"): _scalar(row[key]) for key in ("valid_from", "valid_until") if key in row
    }


def _flow(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in entries.items()) + "}"


def _scalar(value: str) -> str:
    """Text as YAML: bare where nothing in it could be taken for anything else, else in double quotes."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    bare = _PLAIN.fullmatch(value) and value.lower() not in _RESERVED and not value.endswith((" ", ":"))
    if bare and "," not in value:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
