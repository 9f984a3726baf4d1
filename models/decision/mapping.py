"""Who gets what: the cells of the decision tables that people ask about first, as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from models.contract.codes import UNKNOWN, CustomerType
from models.contract.segments import PERSON_SEGMENTS, Segment
from models.decision.decision_table import Rulebook
from models.decision.facts import FACTS, is_feasible


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
    """Each segment with each value of each other fact of a customer type; none where a fixed fact is not of it."""
    facts, table = FACTS[customer_type], rulebook.tables[customer_type].on(day)
    names = {fact.name for fact in facts}
    if not names.issuperset(fixed):
        return
    unknown = dict.fromkeys(names, UNKNOWN) | {"personalisation": "allowed", **fixed}
    person = customer_type == "person"
    for segment in (*PERSON_SEGMENTS, UNKNOWN) if person else (Segment.EMPLOYER,):
        named = {"segment": str(segment), "confidence": UNKNOWN if segment == UNKNOWN else "high"}
        cell = unknown | (named if person else {})
        for fact in facts:
            if fact.name in {"segment", "confidence", *fixed}:
                continue
            for value in fact.values:
                if is_feasible(customer_type, cell | {fact.name: value}):
                    rule = table.choose(cell | {fact.name: value})
                    yield MappingRow(
                        customer_type,
                        str(segment),
                        fact.name,
                        value,
                        rule.channel,
                        rule.content,
                        rule.topic,
                        rule.id,
                    )
