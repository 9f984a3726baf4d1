"""How many customers of a batch are in each group of the vocabulary, whether rules name it or not; for reports.

Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.columns.facts import FactColumns
from models.columns.groups import Test, condition_test
from models.columns.signals import Codes, Flags
from models.contract.codes import CustomerType
from models.decision.fact_set import FactSet
from models.decision.groups import facts_named


class _Group(NamedTuple):
    """A group, who is in it, and whether one lookup of a customer may be in it and another not."""

    code: str
    test: Test
    moves: bool


class GroupCounts:
    """The groups of one customer type, made ready to be counted."""

    def __init__(self, facts: FactSet, customer_type: CustomerType) -> None:
        every, groups = facts.of[customer_type], facts.vocabulary.groups
        values = {fact.name: fact.values for fact in every}
        moving = {facts.varying[customer_type]}
        # A segment may be stated in one lookup and not in the next, and with it comes what is known beside it.
        if facts.vocabulary.stated_segments(customer_type):
            moving.update(fact.name for fact in every if fact.known == "named")
        self._groups = tuple(
            _Group(
                code,
                condition_test(term.when, values, groups),
                not moving.isdisjoint(facts_named(term.when, groups)),
            )
            for code, term in groups.items()
            if term.customer_type == customer_type
        )

    def of(self, part: FactColumns, among: Flags) -> dict[str, int]:
        """How many customers are in each group in some lookup of theirs; nobody is who may not be personalised.

        Parameters
        ----------
        part : FactColumns
        among : ndarray of shape (n_customers,)
            The customers to count.
        """
        if not self._groups:
            return {}
        first, further = part.lookup(part.first), list(further_lookups(part))
        allowed = among & ~part.neutral
        counted = {}
        for code, test, moves in self._groups:
            within = test(first)
            for who, facts in further if moves else ():
                within[who] |= test(facts)
            counted[code] = int(np.count_nonzero(within & allowed))
        return counted


def further_lookups(part: FactColumns) -> Iterator[tuple[NDArray[np.int64], dict[str, Codes]]]:
    """The further lookups: the customers who have one, and its facts."""
    for codes in part.further.T:
        more = np.flatnonzero(codes >= 0)
        if len(more):
            who = part.has_further[more]
            yield who, part.lookup(codes[more], who)
