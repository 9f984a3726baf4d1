"""Conditions over facts, by which a vocabulary names groups of customers: who meets one, and the boxes of facts that do.

A condition maps facts to allowed values, all of which must hold. `all` and `any` hold lists of conditions, `not` one, and
`group` names a group whose condition must hold. `divide` cuts boxes of facts in two exactly, so that a group is proven like
a fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from models.contract.vocabulary import Condition, GroupTerm

Box = Mapping[str, tuple[str, ...]]
"""Allowed values of every fact."""
ALL: Final = "all"
ANY: Final = "any"
NOT: Final = "not"
GROUP: Final = "group"
WORDS: Final = (ALL, ANY, NOT, GROUP)
"""What a condition may hold beside facts."""


def holds(condition: Condition, facts: Mapping[str, str], groups: Mapping[str, GroupTerm]) -> bool:
    """Whether facts meet a condition. Raises `KeyError` on a fact or group that there is not."""
    for key, value in condition.items():
        if key == ALL:
            met = all(holds(each, facts, groups) for each in value)
        elif key == ANY:
            met = any(holds(each, facts, groups) for each in value)
        elif key == NOT:
            met = not holds(value, facts, groups)
        elif key == GROUP:
            met = all(holds(groups[name].when, facts, groups) for name in value)
        else:
            met = facts[key] in value
        if not met:
            return False
    return True


def divide(
    boxes: Sequence[Box], condition: Condition, groups: Mapping[str, GroupTerm]
) -> tuple[list[Box], list[Box]]:
    """Disjoint boxes cut by a condition: the parts that meet it, and those that do not."""
    inside, outside = list(boxes), []
    for key, value in condition.items():
        inside, cut_off = _divide_one(inside, key, value, groups)
        outside += cut_off
    return inside, outside


def _divide_one(
    boxes: Sequence[Box],
    key: str,
    value: Any,  # noqa: ANN401  (what stands under a key of a condition)
    groups: Mapping[str, GroupTerm],
) -> tuple[list[Box], list[Box]]:
    if key == NOT:
        inside, outside = divide(boxes, value, groups)
        return outside, inside
    if key == ANY:
        return _divide_any(boxes, value, groups)
    if key in {ALL, GROUP}:
        inside, outside = list(boxes), []
        for each in value:
            inside, cut_off = divide(inside, groups[each].when if key == GROUP else each, groups)
            outside += cut_off
        return inside, outside
    return [*_kept(boxes, key, value, among=True)], [*_kept(boxes, key, value, among=False)]


def _divide_any(
    boxes: Sequence[Box], conditions: Sequence[Condition], groups: Mapping[str, GroupTerm]
) -> tuple[list[Box], list[Box]]:
    inside: list[Box] = []
    rest = list(boxes)
    for condition in conditions:
        met, rest = divide(rest, condition, groups)
        inside += met
    return inside, rest


def _kept(boxes: Sequence[Box], fact: str, values: Sequence[str], *, among: bool) -> Iterator[Box]:
    """The parts of boxes in which a fact is among some values, or is not."""
    for box in boxes:
        left = tuple(value for value in box[fact] if (value in values) == among)
        if left:
            yield {**box, fact: left}


def facts_named(condition: Condition, groups: Mapping[str, GroupTerm]) -> set[str]:
    """The facts that a condition hangs on, also through the groups that it names."""
    named: set[str] = set()
    for key, value in condition.items():
        if key == NOT:
            named |= facts_named(value, groups)
        elif key in {ALL, ANY}:
            named.update(*(facts_named(each, groups) for each in value))
        elif key == GROUP:
            named.update(*(facts_named(groups[each].when, groups) for each in value))
        else:
            named.add(key)
    return named
