"""What an edit would do to people, as figures: the form that `impact` fills and that pages and commands read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple

from models.authoring.example_customers import Inventor
from models.contract.channels import Channel
from models.contract.codes import CustomerType
from models.decision.facts import Facts

WORKING_DAYS_A_MONTH: Final = 21
"""Of the 30 days that an answer holds, those on which a person serves; an assumption."""
EXAMPLES: Final = 20
LOOKED_AT: Final = 2_000
"""Cells that examples are chosen from, those with the most customers."""
MOST_SEEN: Final = 20
MOST_ALIKE: Final = 4
"""Examples of one pair of rules; more of them would be near copies of each other."""
NO_RULE: Final = "(no rule)"
CHANGES: Final = ("rules", "content", "channels", "texts")
"""What of an answer differs: the channel or kind of content; which items; a channel's name or hours; a sentence."""


class Move(NamedTuple):
    """Customers who go from one thing to another, such as from a channel to a channel."""

    old: str
    new: str
    customers: int


class Period(NamedTuple):
    """Days from `start` to `end`, both among them, and how many customers get another answer on them.

    `by_change` has a number for each of `CHANGES`; a customer may count in several.
    """

    start: date
    end: date
    changed: int
    by_change: tuple[int, ...]


class Seen(NamedTuple):
    """What customers see first that differs, before and after. `change` is one of `CHANGES`; empty text is nothing."""

    change: str
    old: str
    new: str
    customers: int


class Group(NamedTuple):
    """An audit group: its size, how many change, and how many are offered a person first, before and after."""

    column: str
    group: str
    customers: int
    changed: int
    human_old: int
    human_new: int


class Load(NamedTuple):
    """A human channel: customers offered it first, before and after, and what it can serve in a day, if stated."""

    channel: str
    old: int
    new: int
    capacity_per_day: float | None


class ExampleCell(NamedTuple):
    """A cell whose answer changes: its customers, its rules, and an invented customer who lands there."""

    customer_type: CustomerType
    customers: int
    old_rule: str
    new_rule: str
    facts: Facts
    customer: Mapping[str, Any] | None


@dataclass(slots=True)
class Impact:
    """What changes for a population. A customer changes whose answer differs in some language.

    Attributes
    ----------
    periods : list of Period
        Every period from the first day asked about to the last that was looked at.
    day : date
        The day that all other figures are of: of the first period in which anybody changes, else the first.
    limit : int
        How many items an answer has at most.
    sampled : int
        The number of simulated customers whom the figures are scaled up from; 0 where each customer was counted.
    languages : list of Move
        How many change in each language.
    channels, contents : list of Move
        Of those who change: the channel and the kind of content offered first, from and to.
    cost_old, cost_new : float or None
        The mean cost of one contact (EUR) over the customers whose first channel has a public cost, `costed_old` and
        `costed_new` of them.
    """

    customers: int
    changed: int
    day: date
    limit: int
    sampled: int
    periods: list[Period]
    by_change: tuple[int, ...] = (0,) * len(CHANGES)
    languages: list[Move] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    channels: list[Move] = field(default_factory=list)
    contents: list[Move] = field(default_factory=list)
    segments: list[Move] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    examples: list[ExampleCell] = field(default_factory=list)
    cost_old: float | None = None
    cost_new: float | None = None
    costed_old: int = 0
    costed_new: int = 0

    @property
    def until(self) -> date:
        """The last day of the period that begins on `day`."""
        return next(period.end for period in self.periods if period.start == self.day)

    @property
    def ever_changed(self) -> bool:
        """Whether anybody gets another answer in any period."""
        return any(period.changed for period in self.periods)


def mean_cost(offered: Mapping[str, float], channels: Mapping[str, Channel]) -> tuple[float | None, int]:
    """Mean cost of one contact (EUR), and over how many customers: those offered a channel with a public cost first.

    Parameters
    ----------
    offered : mapping of str to float
        How many customers are offered each channel first.
    channels : mapping of str to Channel
    """
    costs = {name: channels[name].cost_eur for name in offered if name in channels}
    known = {name: n for name, n in offered.items() if costs.get(name) is not None}
    total = sum(known.values())
    mean = sum(n * (costs[name] or 0) for name, n in known.items()) / total if total else None
    return mean, round(total)


def example_cells(cells: Iterable[ExampleCell], inventor: Inventor) -> Iterator[ExampleCell]:
    """Cells to show, each with an invented customer: one for each pair of rules, then the next largest of each pair.

    Parameters
    ----------
    cells : iterable of ExampleCell
        Cells whose answer changes, the largest first, without customers.
    inventor : Inventor
    """
    met: Counter[tuple[str, str]] = Counter()
    first: list[ExampleCell] = []
    more: list[ExampleCell] = []
    for cell in cells:
        pair = (cell.old_rule, cell.new_rule)
        met[pair] += 1
        if met[pair] <= MOST_ALIKE:
            (more if met[pair] > 1 else first).append(cell)
    for cell in (first + more)[:EXAMPLES]:
        signals = inventor.signals_for(cell.customer_type, cell.facts)
        customer = None if signals is None else {"customer_type": cell.customer_type, "signals": signals}
        yield cell._replace(customer=customer)
