"""What an edit of the rulebook would do to people, as figures: one form for a customer file and for the sample.

`impact` counts a customer file with pyarrow, `sample_impact` the sample that ships with the model without it. Both fill
this form, so a page or a command reads one. Imports neither numpy nor pyarrow: the serving installation has no pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from models.channels import Channel
from models.codes import CustomerType
from models.example_customers import Inventor
from models.facts import Facts

WORKING_DAYS_A_MONTH: Final = 21
"""Of the 30 days that an answer holds, those on which a person serves; an assumption."""
EXAMPLES: Final = 20
LOOKED_AT: Final = 2_000
"""Cells that examples are chosen from, those with the most customers."""
NO_RULE: Final = "(no rule)"


class Move(NamedTuple):
    """Customers who go from one thing to another, such as from a channel to a channel."""

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
    """What changes for a population. Channels and content are those offered first.

    `cost_old` and `cost_new` are the mean cost of one contact (EUR) over the customers whose channel has a public cost,
    `costed_old` and `costed_new` how many those are.
    """

    customers: int = 0
    changed: int = 0
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
    """Cells to show, each with an invented customer: first one for each pair of rules, then whichever are largest.

    Parameters
    ----------
    cells : iterable of ExampleCell
        Cells whose answer changes, the largest first, without customers.
    inventor : Inventor
    """
    pairs: set[tuple[str, str]] = set()
    first: list[ExampleCell] = []
    more: list[ExampleCell] = []
    for cell in cells:
        pair = (cell.old_rule, cell.new_rule)
        (more if pair in pairs else first).append(cell)
        pairs.add(pair)
    for cell in (first + more)[:EXAMPLES]:
        given = inventor.signals_for(cell.customer_type, cell.facts)
        customer = None if given is None else {"customer_type": cell.customer_type, "signals": given}
        yield cell._replace(customer=customer)
