"""What an edit would do to people: how many customers of a population get another answer, which, what and when.

Customers count by the answers that the recommenders of both versions give them (`side_by_side`), in Finnish, Swedish and
English. The example customers are invented for the cells that change most, not taken from the population.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from models.authoring.example_customers import Inventor
from models.authoring.impact_report import (
    LOOKED_AT,
    MOST_SEEN,
    NO_RULE,
    ExampleCell,
    Group,
    Impact,
    Load,
    Move,
    Period,
    Seen,
    example_cells,
    mean_cost,
)
from models.authoring.periods import Days
from models.authoring.promises import outcome_of
from models.authoring.questions import Population
from models.authoring.side_by_side import Chosen, Compared, SideBySide
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, CustomerType
from models.decision.facts import SEGMENT
from models.decision.recommendation import Recommendation
from models.decision.recommender import Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Masks = NDArray[np.int64]

_Key = TypeVar("_Key")


def impact(
    old: Recommender,
    new: Recommender,
    population: Population,
    *,
    periods: Iterable[Days],
    inventor: Inventor,
    limit: int = 3,
    capacities: Mapping[str, float] | None = None,
) -> Impact:
    """Count what changes for a population between two versions.

    Parameters
    ----------
    old, new : Recommender
        Their scorecards are not asked; the population's questions name the segments.
    population : Population
    periods : iterable of Days
        The periods to count in, at least one; `models.authoring.periods` gives those to come.
    inventor : Inventor
    limit : int
        How many items an answer has at most, 1 to 10.
    capacities : mapping of str to float, optional
        How many customers a human channel of the new version can serve in a day.
    """
    asking = SideBySide(old, new, population, limit)
    counted: list[Period] = []
    shown = last = None
    for days in periods:
        compared = asking.compare(days)
        # Periods in which the same customers change in the same way are one to a reader.
        if last is not None and np.array_equal(last.rows, compared.rows):
            counted[-1] = counted[-1]._replace(end=days.end)
            continue
        last = compared
        counted.append(_period(days, population, compared.rows, asking.by_change))
        # Shown in full are the first days on which anything changes; an edit that begins in March is not told by today.
        if shown is None or (counted[-1].changed and not shown.rows.any()):
            shown = compared
    assert shown is not None  # noqa: S101  (there is at least one period)
    return _Figures(asking, population, shown, capacities or {}).report(counted, limit, inventor)


def _period(days: Days, population: Population, rows: Masks, by_change: tuple[int, ...]) -> Period:
    return Period(days.start, days.end, _customers(population, rows != 0), _by(by_change, population, rows))


def _customers(population: Population, rows: NDArray[np.bool_]) -> int:
    return round(float(population.weight[rows].sum()))


def _by(bits: Iterable[int], population: Population, rows: Masks) -> tuple[int, ...]:
    return tuple(_customers(population, (rows & bit) != 0) for bit in bits)


class _Figures:
    """Adds up what differs on the days that are shown in full."""

    def __init__(
        self,
        asking: SideBySide,
        population: Population,
        compared: Compared,
        capacities: Mapping[str, float],
    ) -> None:
        self._asking, self._population, self._compared = asking, population, compared
        self._capacities = capacities
        self._moved = compared.rows != 0
        sides = (asking.old.vocabulary, asking.new.vocabulary)
        # What both versions know, in the order of the new one; what only the old one has comes last.
        self._channel_codes = tuple(dict.fromkeys([*sides[1].channels, *sides[0].channels]))
        self._kind_codes = tuple(dict.fromkeys([*sides[1].content_types, *sides[0].content_types]))
        # By question: of (old, new) the first item's channel and kind, as positions; the last position is no item.
        first = self._first_items(compared.days.start)[:, :, population.question_of]
        self._channels, self._kinds = first[:, 0], first[:, 1]

    def report(self, periods: list[Period], limit: int, inventor: Inventor) -> Impact:
        """All figures, the largest first."""
        population, rows = self._population, self._compared.rows
        old, new = self._asking.old.channels, self._asking.new.channels
        channels = self._channel_codes
        offered = [
            dict(zip(channels, self._sums(codes, len(channels) + 1), strict=False))
            for codes in self._channels
        ]
        figures = Impact(
            customers=round(float(population.weight.sum())),
            changed=_customers(population, self._moved),
            day=self._compared.days.start,
            limit=limit,
            sampled=population.sampled,
            periods=periods,
            by_change=_by(self._asking.by_change, population, rows),
        )
        by_language = _by(self._asking.by_language, population, rows)
        figures.languages = [
            Move(name, name, n) for name, n in zip(self._asking.languages, by_language, strict=True)
        ]
        figures.seen = self._seen()
        figures.channels = self._moves(self._channels, channels)
        figures.contents = self._moves(self._kinds, self._kind_codes)
        figures.segments = self._segments()
        figures.loads = [
            Load(name, round(offered[0][name]), round(offered[1][name]), self._capacities.get(name))
            for name in channels
            if name in new and new[name].human
        ]
        figures.groups = list(self._groups())
        figures.cost_old, figures.costed_old = mean_cost(offered[0], old)
        figures.cost_new, figures.costed_new = mean_cost(offered[1], new)
        figures.examples = list(example_cells(self._cells(), inventor))
        return figures

    def _first_items(self, day: date) -> Masks:
        """The first item's channel and kind for each question, of shape (2 versions, 2, n_questions)."""
        keys = self._asking.item_keys(day)
        known: dict[Hashable, list[list[int]]] = {}
        for at, key in enumerate(keys):
            if key not in known:
                question = self._population.questions[at]
                known[key] = [
                    self._first_item(self._asking.ask(side, question, day, self._asking.languages[0]))
                    for side in self._asking.sides
                ]
        return np.array([known[key] for key in keys], np.int64).reshape(len(keys), 2, 2).transpose(1, 2, 0)

    def _first_item(self, answer: Recommendation | None) -> list[int]:
        if answer is None or not answer.items:
            return [len(self._channel_codes), len(self._kind_codes)]
        first = answer.items[0]
        return [self._channel_codes.index(first.channel), self._kind_codes.index(first.content_type)]

    def _sums(self, codes: Masks, size: int) -> list[float]:
        counts: list[float] = np.bincount(codes, weights=self._population.weight, minlength=size).tolist()
        return counts

    def _moves(self, codes: Masks, names: tuple[str, ...]) -> list[Move]:
        """From what to what those who change go, the most customers first."""
        width = len(names) + 1
        pairs = (codes[0] * width + codes[1])[self._moved]
        counts = np.bincount(pairs, weights=self._population.weight[self._moved], minlength=width * width)
        named = (*names, NO_RULE)
        order = np.argsort(-counts, kind="stable").tolist()
        return [
            Move(named[pair // width], named[pair % width], round(counts[pair]))
            for pair in order
            if counts[pair] > 0
        ]

    def _seen(self) -> list[Seen]:
        counts = np.bincount(
            self._compared.seen_of, weights=self._population.weight, minlength=len(self._compared.seen)
        )
        order = [at for at in np.argsort(-counts, kind="stable").tolist() if at and counts[at] > 0]
        changes = [(self._compared.seen[at], counts[at]) for at in order[:MOST_SEEN]]
        return [
            Seen(change.change, change.old, change.new, round(n))
            for change, n in changes
            if change is not None
        ]

    def _moved_by_question(self) -> list[float]:
        counts: list[float] = np.bincount(
            self._population.question_of[self._moved],
            weights=self._population.weight[self._moved],
            minlength=len(self._population.questions),
        ).tolist()
        return counts

    def _segments(self) -> list[Move]:
        counts: dict[str, float] = defaultdict(float)
        known = {kind: self._asking.new.vocabulary.known_segment(kind) or kind for kind in CUSTOMER_TYPES}
        for lookups, n in zip(self._asking.lookups, self._moved_by_question(), strict=True):
            segment = lookups[0].get(SEGMENT) or known[EMPLOYER]
            counts[segment] += n
        return [Move(name, name, round(n)) for name, n in _largest(counts) if n]

    def _groups(self) -> Iterator[Group]:
        new = self._asking.new.channels
        human = np.array([name in new and new[name].human for name in self._channel_codes] + [False])
        flags = (np.ones_like(self._moved), self._moved, human[self._channels[0]], human[self._channels[1]])
        for column, audit in sorted(self._population.audit.items()):
            counts = [
                np.bincount(
                    audit.codes[flag], weights=self._population.weight[flag], minlength=len(audit.groups)
                )
                for flag in flags
            ]
            for name, at in sorted((name, at) for at, name in enumerate(audit.groups) if name):
                yield Group(column, name, *(round(count[at]) for count in counts))

    def _cells(self) -> Iterator[ExampleCell]:
        """Cells of those who change, the most customers first: the first lookup that comes out otherwise, else the first."""
        counts: dict[tuple[CustomerType, str, str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
        for at, n in enumerate(self._moved_by_question()):
            if n:
                chosen = self._asking.chosen(at, self._compared.days.start)
                place = next((i for i, each in enumerate(chosen) if not _comes_out_alike(each)), 0)
                was, now = (rule.id if rule else NO_RULE for rule in (chosen[place].old, chosen[place].new))
                kind = self._population.questions[at].customer_type
                counts[kind, was, now, tuple(self._asking.lookups[at][place].items())] += n
        for (kind, was, now, items), n in _largest(counts)[:LOOKED_AT]:
            yield ExampleCell(kind, round(n), was, now, dict(items), None)


def _largest(counts: Mapping[_Key, float]) -> list[tuple[_Key, float]]:
    return sorted(counts.items(), key=lambda entry: -entry[1])


def _comes_out_alike(chosen: Chosen) -> bool:
    if chosen.old is None or chosen.new is None:
        return chosen.old is chosen.new
    return outcome_of(chosen.old) == outcome_of(chosen.new)
