"""Conditions as the content team writes them, of groups and stated segments, checked and compiled; and values that are barred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.authoring import yaml_source
from models.authoring.findings import Authored, Phrase, list_at, one_of, phrase
from models.contract.codes import CustomerType
from models.decision.fact_set import FactSet
from models.decision.groups import ALL, ANY, GROUP, NOT, WORDS

_DEEPEST: Final = 8


def compile_condition(
    authored: Authored,
    subject: str,
    customer_type: CustomerType,
    written: object,
    facts: FactSet,
    *,
    stated: bool = False,
    depth: int = 0,
) -> dict[str, Any]:
    """A condition with every value a list, and a finding for each fault in it.

    Parameters
    ----------
    authored : Authored
    subject : str
    customer_type : {"person", "employer"}
    written : object
    facts : FactSet
        Without groups.
    stated : bool
        Whether it may name only what the customer stated: no group, and no fact that is known beside a segment alone.
    depth : int
        How many conditions this one stands in.
    """
    if not isinstance(written, Mapping) or not written or depth > _DEEPEST:
        authored.find(subject, "bad_condition")
        return {}
    known = {fact.name: fact for fact in facts.of[customer_type] if not (stated and fact.known == "named")}
    words = WORDS if not stated else tuple(word for word in WORDS if word != GROUP)
    compiled: dict[str, Any] = {}
    for key, value in written.items():
        if key == NOT:
            compiled[key] = compile_condition(
                authored, subject, customer_type, value, facts, stated=stated, depth=depth + 1
            )
        elif key in {ALL, ANY} and isinstance(value, list) and value:
            compiled[key] = [
                compile_condition(
                    authored, subject, customer_type, each, facts, stated=stated, depth=depth + 1
                )
                for each in value
            ]
        elif key in {ALL, ANY}:
            authored.find(subject, "bad_condition")
        elif key == GROUP and not stated:
            compiled[key] = list_at(authored, subject, key, value)
            others = [c for c, term in authored.vocabulary["groups"].items() if term["for"] == customer_type]
            for each in compiled[key]:
                one_of(authored, subject, "group", each, others)
        elif one_of(authored, subject, "fact", key, (*known, *words)) and key in known:
            compiled[key] = allowed_values(authored, subject, key, value, known[key].values)
    return compiled


def allowed_values(
    authored: Authored,
    subject: str,
    name: str,
    written: object,
    values: tuple[str, ...],
    *,
    may_bar: bool = True,
    what: Phrase | None = None,
) -> list[str]:
    """The values that a condition on a fact allows: those written, or, where it may bar some, all but those under `not`.

    `what` is what one of them is called; by default a value of the fact.
    """
    barring = may_bar and isinstance(written, Mapping) and set(written) == {NOT}
    listed = list_at(authored, subject, name, written[NOT] if barring else written)  # type: ignore[index]  # a mapping
    named = [yaml_source.word(each) for each in listed]
    for value in named:
        one_of(authored, subject, what or phrase("value_of", name=name), value, values)
    return [value for value in values if value not in named] if barring else named


def named_groups(condition: Mapping[str, Any]) -> Iterator[str]:
    """The groups that a compiled condition names."""
    for key, value in condition.items():
        if key == GROUP:
            yield from value
        elif key == NOT:
            yield from named_groups(value)
        elif key in {ALL, ANY}:
            for each in value:
                yield from named_groups(each)
