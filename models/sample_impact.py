"""What an edit of the rulebook would do to the customers that the sample population stands for. Imports numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from models.codes import CUSTOMER_TYPES, CustomerType
from models.comparison import Edition
from models.example_customers import Inventor
from models.facts import Facts
from models.impact_report import (
    LOOKED_AT,
    NO_RULE,
    ExampleCell,
    Group,
    Impact,
    Load,
    Move,
    example_cells,
    mean_cost,
)
from models.rulebook import Rule, Table
from models.sample import Sample, SampleCell


def sample_impact(old: Edition, new: Edition, sample: Sample, *, day: date, inventor: Inventor) -> Impact:
    """What changes between two rulebooks on a day for the customers that the sample stands for.

    Each customer counts by the first lookup alone, in the rule's own channel: a preferred channel is no part of the sample.
    """
    sums = _Sums(old, new)
    for kind in CUSTOMER_TYPES:
        tables = (old.rulebook.tables[kind].on(day), new.rulebook.tables[kind].on(day))
        for cell in sample.cells[kind]:
            sums.add(kind, cell, *(_chosen(table, cell.facts) for table in tables))
    return sums.told(inventor)


class _Sums:
    def __init__(self, old: Edition, new: Edition) -> None:
        self.old, self.new = old, new
        self.customers = self.changed = 0.0
        self.channels: Counter[tuple[str, str]] = Counter()
        self.contents: Counter[tuple[str, str]] = Counter()
        self.segments: Counter[str] = Counter()
        self.groups: dict[tuple[str, str], list[float]] = {}
        self.offered: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.cells: Counter[tuple[CustomerType, str, str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, kind: CustomerType, cell: SampleCell, was: Rule | None, now: Rule | None) -> None:
        weight: Any = cell.weight
        places = [rule.channel if rule else NO_RULE for rule in (was, now)]
        kinds = [rule.content[0] if rule else NO_RULE for rule in (was, now)]
        moved = _answer(was) != _answer(now)
        self.customers += weight
        self.changed += weight * moved
        self.channels[places[0], places[1]] += weight
        self.contents[kinds[0], kinds[1]] += weight
        for offered, place in zip(self.offered, places, strict=True):
            offered[place] += weight
        if moved:
            self.segments[cell.facts.get("segment", kind)] += weight
            names = (was.id if was else NO_RULE, now.id if now else NO_RULE)
            self.cells[kind, *names, tuple(cell.facts.items())] += weight
        human = [self._is_human(place) for place in places]
        for column, group in cell.audit.items():
            row = self.groups.setdefault((column, group), [0.0] * 4)
            for at, counts in enumerate((True, moved, *human)):
                row[at] += weight * counts

    def told(self, inventor: Inventor) -> Impact:
        found = Impact(round(self.customers), round(self.changed))
        found.channels = [Move(*pair, round(n)) for pair, n in self.channels.most_common()]
        found.contents = [Move(*pair, round(n)) for pair, n in self.contents.most_common()]
        found.segments = [Move(name, name, round(n)) for name, n in self.segments.most_common()]
        found.loads = [
            Load(
                name,
                round(self.offered[0][name]),
                round(self.offered[1][name]),
                self.new.capacities.get(name),
            )
            for name, channel in self.new.channels.items()
            if channel.human
        ]
        found.groups = [Group(*names, *map(round, counts)) for names, counts in sorted(self.groups.items())]
        found.cost_old, found.costed_old = mean_cost(self.offered[0], self.old.channels)
        found.cost_new, found.costed_new = mean_cost(self.offered[1], self.new.channels)
        found.examples = list(example_cells(self._largest(), inventor))
        return found

    def _is_human(self, place: str) -> bool:
        channel = self.new.channels.get(place)
        return channel is not None and channel.human

    def _largest(self) -> Iterator[ExampleCell]:
        for (kind, was, now, items), n in self.cells.most_common(LOOKED_AT):
            yield ExampleCell(kind, round(n), was, now, dict(items), None)


def _chosen(table: Table, facts: Facts) -> Rule | None:
    try:
        return table.choose(facts)
    except LookupError:
        return None


def _answer(rule: Rule | None) -> Any:  # noqa: ANN401  (compared alone)
    """All that a customer gets by a rule."""
    if rule is None:
        return None
    because = tuple(sorted(rule.because.items()))
    return (rule.channel, rule.content, rule.topic, rule.human_channel, because)
