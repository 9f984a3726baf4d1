"""Who gets what: the cells of the decision tables that people ask about first, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from models.contract.codes import UNKNOWN, CustomerType
from models.decision.decision_table import Rulebook
from models.decision.fact_forms import YES
from models.decision.facts import CONFIDENCE, SEGMENT, SURE


class MappingRow(NamedTuple):
    """One cell of the mapping: a segment and one more fact, all else as given or unknown."""

    customer_type: CustomerType
    segment: str
    fact: str
    value: str
    channel: str
    content_types: tuple[str, ...]
    topic: str
    rule: str


def mapping_rows(
    rulebook: Rulebook, customer_type: CustomerType, fixed: Mapping[str, str], day: date
) -> Iterator[MappingRow]:
    """Each segment with each value of each other fact of a customer type; none where a fixed fact or group is not of it.

    Groups have no rows of their own: one that is fixed, named by rules or not, leaves the rows of those who are in it.
    """
    known, table = rulebook.facts, rulebook.tables[customer_type].on(day)
    facts, terms = known.of[customer_type], known.vocabulary.groups
    members = {name: value for name, value in fixed.items() if name in terms}
    stated = {name: value for name, value in fixed.items() if name not in terms}
    if any(terms[name].customer_type != customer_type for name in members):
        return
    if not {fact.name for fact in facts}.issuperset(stated):
        return
    for segment, named in _segments(rulebook, customer_type):
        for fact in facts:
            if fact.is_group or fact.name in {*named, *fixed}:
                continue
            for value in fact.values:
                cell = known.completed(customer_type, {**stated, **named, fact.name: value})
                belongs = all(known.is_in(name, cell) == (value == YES) for name, value in members.items())
                if belongs and known.is_feasible(customer_type, cell):
                    rule = table.choose(cell)
                    yield MappingRow(
                        customer_type,
                        segment,
                        fact.name,
                        value,
                        rule.channel,
                        rule.content,
                        rule.topic,
                        rule.id,
                    )


def _segments(rulebook: Rulebook, customer_type: CustomerType) -> Iterator[tuple[str, dict[str, str]]]:
    """Each segment of a customer type with the facts that say so; of employers, whose segment is known, none do."""
    known = rulebook.facts.vocabulary.known_segment(customer_type)
    if known is not None:
        yield known, {}
        return
    for segment in rulebook.facts.fact(customer_type, SEGMENT).values:
        yield segment, {SEGMENT: segment, CONFIDENCE: UNKNOWN if segment == UNKNOWN else SURE}
