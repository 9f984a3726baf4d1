"""Groups and stated segments of many customers at once, from their conditions; the column form of `models.decision.groups`.

Both hang on the fact that differs between a customer's lookups, so they are worked out for a lookup. A bundle whose rules
name no group, and which states no segment, has no conditions. Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

import numpy as np

from models.columns.signals import MISSING, Codes, Flags
from models.contract.codes import CustomerType
from models.contract.vocabulary import Condition, GroupTerm, Vocabulary
from models.decision.fact_forms import NO, YES
from models.decision.fact_set import FactSet
from models.decision.facts import CONFIDENCE, SEGMENT, SURE
from models.decision.groups import ALL, ANY, GROUP, NOT

Test = Callable[[Mapping[str, Codes]], Flags]
"""From codes of facts: which customers meet a condition."""
_Values = Mapping[str, tuple[str, ...]]


def segments_of(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Every segment an answer may have: those inferred, those that persons state, then the others."""
    of_fact = vocabulary.personal_segments
    return (*of_fact, *(code for code in vocabulary.segments if code not in of_fact))


def condition_test(condition: Condition, values: _Values, groups: Mapping[str, GroupTerm]) -> Test:
    """A test of which customers meet a condition; `models.decision.groups.holds` is the same for one.

    Parameters
    ----------
    condition : Condition
    values : mapping of str to tuple of str
        The values of each fact, in the order of its codes.
    groups : mapping of str to GroupTerm
        The groups that a condition may name.
    """
    return _every([_key_test(key, value, values, groups) for key, value in condition.items()])


class ConditionColumns:
    """What a vocabulary adds to the facts of a lookup: the segment that is stated, and the groups that rules name.

    Its truth value is False where it adds nothing.

    Attributes
    ----------
    stated : tuple of (int, Test)
        The stated segments in order, each by its position in `segments_of`; the first that holds counts.
    """

    def __init__(self, facts: FactSet, customer_type: CustomerType) -> None:
        vocabulary = facts.vocabulary
        self._values = {fact.name: fact.values for fact in facts.of[customer_type]}
        segments = segments_of(vocabulary)
        known = vocabulary.known_segment(customer_type)
        self._known = None if known is None else np.int32(segments.index(known))
        self.stated = tuple(
            (segments.index(term.code), condition_test(term.when, self._values, vocabulary.groups))
            for term in vocabulary.stated_segments(customer_type)
        )
        self._groups = tuple(
            (fact.name, condition_test(vocabulary.groups[fact.name].when, self._values, vocabulary.groups))
            for fact in facts.of[customer_type]
            if fact.is_group
        )

    def __bool__(self) -> bool:
        return bool(self.stated or self._groups)

    def answered(self, named: Codes, codes: Mapping[str, Codes], allowed: Flags) -> Codes:
        """The segment of each answer as a position in `segments_of`: the one stated, else the one known, else the one named.

        Parameters
        ----------
        named : ndarray of shape (n_customers,)
            What the model named, `MISSING` for none.
        codes : mapping of str to ndarray of shape (n_customers,)
            The facts of the first lookup.
        allowed : ndarray of shape (n_customers,)
            Who may be personalised; nobody else has a segment.
        """
        if self._known is not None:
            named = np.where(allowed, self._known, np.int32(MISSING))
        if not self.stated:
            return named
        stated = self._stating(codes, allowed)
        return np.where(stated < 0, named, stated)

    def applied(
        self, codes: Mapping[str, Codes], allowed: Flags, beside: Mapping[str, Codes]
    ) -> dict[str, Codes]:
        """The facts of a lookup with the segment that they state, what is known beside it, and the groups.

        `beside` are the codes of what is known beside a segment, as if one were named.
        """
        facts = dict(codes)
        if self.stated and SEGMENT in facts:
            segment = self._stating(codes, allowed)
            states = segment >= 0
            sure = np.int32(self._values[CONFIDENCE].index(SURE))
            known: dict[str, Any] = {**beside, SEGMENT: segment, CONFIDENCE: sure}
            facts |= {name: np.where(states, value, facts[name]) for name, value in known.items()}
        for name, test in self._groups:
            within, outside = (np.int32(self._values[name].index(value)) for value in (YES, NO))
            facts[name] = np.where(test(facts) & allowed, within, outside)
        return facts

    def _stating(self, codes: Mapping[str, Codes], allowed: Flags) -> Codes:
        """The position of the segment that each customer states, `MISSING` for none."""
        segment = np.full(len(allowed), MISSING, np.int32)
        for position, test in reversed(self.stated):
            segment = np.where(test(codes) & allowed, np.int32(position), segment)
        return segment


def _key_test(
    key: str,
    value: Any,  # noqa: ANN401  (what stands under a key of a condition)
    values: _Values,
    groups: Mapping[str, GroupTerm],
) -> Test:
    if key == NOT:
        inner = condition_test(value, values, groups)
        return lambda codes: ~inner(codes)
    if key in {ALL, ANY}:
        tests = [condition_test(each, values, groups) for each in value]
        return _every(tests) if key == ALL else _some(tests)
    if key == GROUP:
        return _every([condition_test(groups[name].when, values, groups) for name in value])
    accepted = np.array([each in value for each in values[key]])
    return lambda codes: accepted[codes[key]]


def _every(tests: Iterable[Test]) -> Test:
    tests = tuple(tests)
    if not tests:
        return lambda codes: np.ones(_rows(codes), bool)
    return lambda codes: reduce(and_, (test(codes) for test in tests))


def _some(tests: Iterable[Test]) -> Test:
    tests = tuple(tests)
    if not tests:
        return lambda codes: np.zeros(_rows(codes), bool)
    return lambda codes: reduce(or_, (test(codes) for test in tests))


def _rows(codes: Mapping[str, Codes]) -> int:
    return len(next(iter(codes.values())))
