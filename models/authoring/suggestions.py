"""Proposes worked examples: few of them, yet every rule decides one and every condition is tried just outside its edge.

An *edge* of a rule's condition is a customer whom the rule would take if that one condition were not there. The set is
found by greedy set cover and then thinned until no example can be spared; where it is as small as the number of rules
that must each decide one, it is proven smallest, else a lower bound is told.

References
----------
Greedy set cover: Chvátal, *A Greedy Heuristic for the Set-Covering Problem* (1979), at most ln n + 1 times the smallest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final, NamedTuple

from models.authoring.analysis import example_facts, read_model
from models.authoring.example_customers import Inventor, telling
from models.authoring.findings import Authored
from models.authoring.grid import GAP, decide_boxes
from models.contract.codes import CUSTOMER_TYPES, CustomerType
from models.decision.decision_table import Table, read_rulebook
from models.decision.facts import Facts

PER_EDGE: Final = 40  # candidate cells looked at for each edge
Need = tuple[str, str]
"""What an example must cover: (rule, "") that the rule decides it, or (rule, fact) the edge of a condition."""


class Example(NamedTuple):
    """A proposed worked example, in the form of examples.yaml. `as_of` is None where the rules have no days."""

    id: str
    customer_type: CustomerType
    facts: Facts
    rule: str
    channel: str
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Proposed examples, what they cover, and the least number that could."""

    examples: tuple[Example, ...]
    rules: int
    edges: int
    at_least: int

    @property
    def is_smallest(self) -> bool:
        """Whether it is proven that no smaller set covers as much."""
        return len(self.examples) <= self.at_least


def suggest(authored: Authored, *, missing: bool = False) -> Suggestion:
    """Examples that cover every rule and every edge that a customer can stand on.

    Parameters
    ----------
    authored : Authored
        Compiled rules without errors.
    missing : bool
        Leave out what the team's own examples cover already.
    """
    rulebook = read_rulebook(authored.rulebook, authored.facts.contract)
    inventor = Inventor(read_model(), rulebook.facts)
    examples: list[Example] = []
    rules = edges = at_least = 0
    covered = _covered_already(authored, rulebook.tables) if missing else set()
    taken = {example["id"] for example in authored.examples} if missing else set()
    for customer_type in CUSTOMER_TYPES:
        for start, table in rulebook.tables[customer_type].periods:
            day = None if start == date.min else start
            candidates = dict(_candidates(table, inventor))
            needs = set().union(*candidates.values()) - covered
            chosen = _cover(needs, candidates)
            rules += sum(fact == "" for _, fact in needs)
            edges += sum(fact != "" for _, fact in needs)
            at_least += _lower_bound(needs, candidates)
            covered |= needs
            for cell in chosen:
                facts = dict(cell)
                rule = table.choose(facts)
                name = _free(f"try-{rule.id}", taken)
                examples.append(Example(name, customer_type, facts, rule.id, rule.channel, day))
    return Suggestion(tuple(examples), rules, edges, at_least)


def as_yaml(suggestion: Suggestion) -> str:
    """The examples as text to paste into examples.yaml."""
    lines = ["examples:"]
    for example in suggestion.examples:
        facts = ", ".join(f"{name}: {value}" for name, value in telling(example.facts).items())
        lines += [
            f"  - id: {example.id}",
            f"    for: {example.customer_type}",
            f"    facts: {{{facts}}}",
            f"    expect: {{rule: {example.rule}, channel: {example.channel}}}",
        ]
        if example.as_of is not None:
            lines.append(f"    as_of: {example.as_of.isoformat()}")
    return "\n".join(lines) + "\n"


def needs_of(table: Table, facts: Facts) -> set[Need]:
    """What a customer with these facts covers: the rule that decides, and the edges of rules above it."""
    met: set[Need] = set()
    for rule in table.rules:
        failed = [name for name, allowed in rule.when.items() if facts[name] not in allowed]
        if not failed:
            met.add((rule.id, ""))
            break
        if len(failed) == 1:
            met.add((rule.id, failed[0]))
    return met


Cell = tuple[tuple[str, str], ...]


def _candidates(table: Table, inventor: Inventor) -> Iterator[tuple[Cell, set[Need]]]:
    """Cells worth choosing from, each with what it covers; those that the model leads somebody to come first."""
    blocks = table.facts.blocks(table.customer_type)
    whens = [rule.when for rule in table.rules]
    decided = decide_boxes(blocks, whens)
    every = {fact.name: fact.values for fact in table.facts.of[table.customer_type]}
    names = list(every)
    for at, rule in enumerate(table.rules):
        cells = [decided.examples(at, {}, names)] if at in decided.rows() else []
        for fact in rule.when:
            outside = {**rule.when, fact: tuple(v for v in every[fact] if v not in rule.when[fact])}
            inside = [
                {name: tuple(v for v in block[name] if v in outside.get(name, block[name])) for name in names}
                for block in blocks
            ]
            reachable = [block for block in inside if all(block.values())]
            if reachable:
                left = decide_boxes(reachable, whens[:at])
                cells.append(left.examples(GAP, {}, names))
        for some in cells:
            looked_at = list(islice(some, PER_EDGE))
            lands = [
                cell for cell in looked_at if inventor.signals_for(table.customer_type, cell) is not None
            ]
            for cell in lands or looked_at:
                yield tuple(cell.items()), needs_of(table, cell)


def _cover(needs: set[Need], candidates: Mapping[Cell, set[Need]]) -> list[Cell]:
    """Greedy cover, then thinned: a cell whose needs the others meet is dropped."""
    left, chosen = set(needs), []
    order = sorted(candidates, key=lambda cell: (len(telling(dict(cell))), cell))
    while left:
        best = max(order, key=lambda cell: len(candidates[cell] & left))
        if not candidates[best] & left:
            break
        chosen.append(best)
        left -= candidates[best]
    for cell in list(reversed(chosen)):
        others = set().union(*(candidates[other] for other in chosen if other != cell))
        if needs & candidates[cell] <= others:
            chosen.remove(cell)
    return chosen


def _lower_bound(needs: set[Need], candidates: Mapping[Cell, set[Need]]) -> int:
    """No fewer will do: needs no two of which one candidate meets, gathered greedily, the rarest first."""
    meeting: dict[Need, set[Cell]] = {need: set() for need in needs}
    for cell, met in candidates.items():
        for need in met & needs:
            meeting[need].add(cell)
    apart: list[set[Cell]] = []
    for need in sorted(needs, key=lambda need: (len(meeting[need]), need)):
        if all(meeting[need].isdisjoint(cells) for cells in apart):
            apart.append(meeting[need])
    return max(len(apart), sum(fact == "" for _, fact in needs))


def _covered_already(authored: Authored, tables: Mapping[CustomerType, Table]) -> set[Need]:
    covered: set[Need] = set()
    for example in authored.examples:
        facts = example_facts(authored, example)
        if facts is not None:
            table = tables[example["for"]]
            day = date.fromisoformat(example["as_of"]) if "as_of" in example else date.max
            covered |= needs_of(table.on(day), facts)
    return covered


def _free(name: str, taken: set[str]) -> str:
    """A name that is not taken, which it then is."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free
