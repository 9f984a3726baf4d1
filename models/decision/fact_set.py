"""The facts of one bundle: those declared, with its vocabulary's codes, and the groups that its rules name.

From signals to the facts to look up, from some facts to all of them and back to signals, and every combination that there
can be, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, UNKNOWN, CustomerType
from models.contract.signals import SignalContract, Signals
from models.contract.vocabulary import GroupTerm, SegmentTerm
from models.decision.fact_forms import NO, YES, Fact, Lookups, Row, SignalValues
from models.decision.facts import CONFIDENCE, LOG_IN, SEGMENT, SURE, Facts, declared_facts
from models.decision.groups import Box, divide, holds
from models.decision.scorecard import Prediction

Block = Box
"""Allowed values of every fact; a part of the grid."""
_OF_SEGMENT: Final = (SEGMENT, CONFIDENCE)
_STATUTORY_SIGNALS: Final = ("open_matter", "active_benefits", "claim_kinds")


def _group_fact(term: GroupTerm) -> Fact:
    """The fact that says who is in a group; `FactSet.completed` works it out."""
    return Fact(term.code, (YES, NO), term.name.get("en", term.code), None, is_group=True)


class _Plan(NamedTuple):
    """The row forms of a customer type by whom they are known of, made ready for `lookups`."""

    nothing: Facts
    always: tuple[tuple[str, Row], ...]
    allowed: tuple[tuple[str, Row], ...]
    named: tuple[tuple[str, Row], ...]
    varying: str
    looked_up: Lookups
    groups: tuple[GroupTerm, ...]
    stated: tuple[SegmentTerm, ...]


class FactSet:
    """The facts of one bundle: those declared, with the codes of its vocabulary, and a fact for each group that rules name.

    Parameters
    ----------
    contract : SignalContract
    groups : iterable of str
        The groups that some condition of the rulebook names; others cost nothing.

    Attributes
    ----------
    of : mapping of customer type to tuple of Fact
    varying : mapping of customer type to str
        The fact that differs between a customer's lookups.
    needs : mapping of customer type to tuple of str
        Language needs, which are served as stated whoever asks.
    """

    def __init__(self, contract: SignalContract, groups: Iterable[str] = ()) -> None:
        self.contract, self.vocabulary = contract, contract.vocabulary
        named = [self.vocabulary.groups[code] for code in sorted(set(groups))]
        declared = declared_facts(self.vocabulary)
        self.of: Mapping[CustomerType, tuple[Fact, ...]] = {
            kind: (*declared[kind], *(_group_fact(term) for term in named if term.customer_type == kind))
            for kind in CUSTOMER_TYPES
        }
        self.varying: Mapping[CustomerType, str] = {
            kind: next(fact.name for fact in self.of[kind] if fact.looked_up) for kind in CUSTOMER_TYPES
        }
        self.needs: Mapping[CustomerType, tuple[str, ...]] = {
            kind: tuple(fact.name for fact in self.of[kind] if fact.known == "always" and fact.signal)
            for kind in CUSTOMER_TYPES
        }
        self._plans = {kind: self._plan(kind, named) for kind in CUSTOMER_TYPES}
        self._known_segment = {kind: self.vocabulary.known_segment(kind) for kind in CUSTOMER_TYPES}
        self._blocks: dict[CustomerType, tuple[Block, ...]] = {}

    def fact(self, customer_type: CustomerType, name: str) -> Fact:
        """A fact by its name. Raises `KeyError` where there is no such."""
        for fact in self.of[customer_type]:
            if fact.name == name:
                return fact
        raise KeyError(name)

    def blocks(self, customer_type: CustomerType) -> tuple[Block, ...]:
        """The disjoint boxes of fact values that `lookups` can give, together every feasible cell and no other; for analysis."""
        if customer_type not in self._blocks:  # no serving process asks
            self._blocks[customer_type] = self._feasible_blocks(customer_type)
        return self._blocks[customer_type]

    def is_feasible(self, customer_type: CustomerType, facts: Facts) -> bool:
        """Whether `lookups` can give these facts."""
        return any(
            all(value in block[name] for name, value in facts.items()) for block in self.blocks(customer_type)
        )

    def lookups(self, signals: Signals, prediction: Prediction | None) -> list[Facts]:
        """The facts to look up, in order: most recent event first, further events, then the open matter.

        Parameters
        ----------
        signals : Signals
        prediction : Prediction or None
            The model's answer; None for an employer and where the model was not asked.

        Returns
        -------
        list of Facts
            At least one. Events tie by code order; a child code counts as its parent.
        """
        values, plan = signals.values, self._plans[signals.customer_type]
        facts = plan.nothing.copy()
        for name, row in plan.always:
            facts[name] = row(values, prediction)
        if facts["personalisation"] != "allowed":
            return [facts]
        for name, row in plan.allowed:
            facts[name] = row(values, prediction)
        named = prediction is not None and prediction.segment is not None
        if named:
            for name, row in plan.named:
                facts[name] = row(values, prediction)
        first, *further = plan.looked_up(values)
        facts[plan.varying] = first
        looked_up = [facts, *[facts | {plan.varying: value} for value in further]]
        if plan.stated:
            looked_up = [
                self._with_stated(signals.customer_type, each, values, prediction) for each in looked_up
            ]
        if plan.groups:
            for each in looked_up:
                self._join(plan, each)
        return looked_up

    def _with_stated(
        self, customer_type: CustomerType, facts: Facts, values: SignalValues, prediction: Prediction | None
    ) -> Facts:
        """Facts with the segment that they state, where they state one; what is known beside a segment is known then."""
        stated = self.stated_segment(customer_type, facts)
        if not stated:
            return facts
        named = self._plans[customer_type].named
        known = {name: row(values, prediction) for name, row in named if name not in _OF_SEGMENT}
        return facts | known | stated

    def stated_segment(self, customer_type: CustomerType, facts: Facts) -> Facts:
        """The first segment that facts state, for sure, as the facts that say so; empty where they state none."""
        for term in self._plans[customer_type].stated:
            if holds(term.when, facts, self.vocabulary.groups):
                return {SEGMENT: term.code, CONFIDENCE: SURE}
        return {}

    def _join(self, plan: _Plan, facts: Facts) -> None:
        """Put into facts which groups they are of; whoever may not be personalised is of none."""
        for term in plan.groups:
            facts[term.code] = YES if holds(term.when, facts, self.vocabulary.groups) else NO

    def certain_segment(self, customer_type: CustomerType, facts: Facts) -> str | None:
        """The segment that needs no model, being known or stated; None where there is none."""
        stated = self._plans[customer_type].stated
        if stated and any(facts[SEGMENT] == term.code for term in stated):
            return facts[SEGMENT]
        return self._known_segment[customer_type]

    def completed(self, customer_type: CustomerType, facts: Mapping[str, str]) -> Facts:
        """Every fact of a customer of whom some are stated: the others are unknown, and groups follow."""
        plan = self._plans[customer_type]
        whole: Facts = {**plan.nothing, "personalisation": "allowed", **facts}
        if whole["personalisation"] == "allowed":
            self._join(plan, whole)
        return whole

    def is_in(self, group: str, facts: Facts) -> bool:
        """Whether a customer with these facts is in a group of the vocabulary, used by rules or not."""
        return facts["personalisation"] == "allowed" and holds(
            self.vocabulary.groups[group].when, facts, self.vocabulary.groups
        )

    def statutory_benefits(self, signals: Signals) -> list[str]:
        """Open matter first, then active benefits or kinds of claim: all that chooses statutory content."""
        values: Mapping[str, Any] = signals.values
        open_matter = [values["open_matter"]] if "open_matter" in values else []
        named = values.get("claim_kinds" if signals.customer_type == EMPLOYER else "active_benefits")
        if not named:
            return open_matter
        return open_matter + [
            benefit for benefit in self.vocabulary.duties[signals.customer_type] if benefit in named
        ]

    def neutral_signals(self, signals: Signals) -> Signals:
        """What is left of a customer when the model may not be asked: needs, log-in, and what the law attaches content to."""
        usable = (*self.needs[signals.customer_type], *_STATUTORY_SIGNALS, LOG_IN)
        values = {name: value for name, value in signals.values.items() if name in usable}
        return Signals(signals.customer_type, values | {"personalisation": "objected"})

    def plainest_signals(self, customer_type: CustomerType, facts: Mapping[str, str]) -> dict[str, Any]:
        """The plainest signals that give some facts, but for what the model infers; those that are unknown are left out."""
        signals: dict[str, Any] = {}
        for fact in self.of[customer_type]:
            value = facts.get(fact.name, UNKNOWN)
            if value != UNKNOWN and value in fact.examples:
                signals |= fact.examples[value][0]
        return {name: value for name, value in signals.items() if value is not None}

    def _plan(self, customer_type: CustomerType, groups: list[GroupTerm]) -> _Plan:
        every = self.of[customer_type]
        varying = next(fact for fact in every if fact.looked_up)
        rows: dict[str, list[tuple[str, Row]]] = {"always": [], "allowed": [], "named": []}
        for fact in every:
            if fact.row is not None:
                rows[fact.known].append((fact.name, fact.row))
        return _Plan(
            {fact.name: NO if fact.is_group else UNKNOWN for fact in every},
            tuple(rows["always"]),
            tuple(rows["allowed"]),
            tuple(rows["named"]),
            varying.name,
            cast("Lookups", varying.looked_up),
            tuple(term for term in groups if term.customer_type == customer_type),
            self.vocabulary.stated_segments(customer_type),
        )

    def _feasible_blocks(self, customer_type: CustomerType) -> tuple[Block, ...]:
        facts, plan = self.of[customer_type], self._plans[customer_type]
        every = {fact.name: fact.values for fact in facts if not fact.is_group}
        refused = {
            "personalisation": tuple(value for value in every["personalisation"] if value != "allowed")
        }
        allowed = every | {"personalisation": ("allowed",)}
        needs = {name: every[name] for name in self.needs[customer_type]}
        outside = {term.code: (NO,) for term in plan.groups}
        neutral = dict.fromkeys(every, (UNKNOWN,)) | needs | refused | outside
        return (*self._joined(plan, self._named_blocks(customer_type, plan, allowed)), neutral)

    def _named_blocks(self, customer_type: CustomerType, plan: _Plan, allowed: Block) -> list[Block]:
        """The boxes of those who may be personalised: with a stated segment, an inferred one, and none."""
        named = [fact for fact in self.of[customer_type] if fact.known == "named"]
        if not named:
            return [allowed]
        blocks: list[Block] = []
        rest: list[Block] = [allowed]
        for term in plan.stated:
            inside, rest = divide(rest, term.when, self.vocabulary.groups)
            blocks += [{**block, SEGMENT: (term.code,), CONFIDENCE: (SURE,)} for block in inside]
        sure = {
            fact.name: tuple(value for value in fact.values if value != UNKNOWN)
            for fact in named
            if fact.is_inferred
        } | {SEGMENT: self.vocabulary.inferred}
        unsure = {fact.name: (UNKNOWN,) for fact in named}
        return [*blocks, *({**block, **sure} for block in rest), *({**block, **unsure} for block in rest)]

    def _joined(self, plan: _Plan, blocks: list[Block]) -> list[Block]:
        """Boxes cut by each group that rules name, with the fact that says who is in it."""
        for term in plan.groups:
            inside, outside = divide(blocks, term.when, self.vocabulary.groups)
            blocks = [
                *({**block, term.code: (YES,)} for block in inside),
                *({**block, term.code: (NO,)} for block in outside),
            ]
        return blocks
