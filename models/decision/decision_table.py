"""The decision table as served: first hit decides, by bit masks.

One table per customer type. For each fact and value an integer holds one bit per rule that accepts it; AND-ing the
customer's masks leaves the rules that apply, and the lowest set bit is the first. Conditions are closed data (fact,
allowed values); no text is evaluated. Written rules are read and checked in `authoring` and `analysis`.

References
----------
Decision tables with hit policy *first*: OMG DMN 1.5, section 8.2.10.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from models.contract.codes import CUSTOMER_TYPES, CustomerType, Language
from models.contract.signals import SignalContract
from models.contract.vocabulary import Vocabulary
from models.decision.campaigns import Campaigns, read_campaigns
from models.decision.experiments import CONTROL, Experiment, Variant
from models.decision.fact_set import FactSet
from models.decision.facts import Facts

STATED_TOPIC: Final = "stated"
"""A rule's topic when it follows what the customer stated: the event looked up, else the open matter."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: `when` holds the allowed values of each fact it names, `because` the reason a citizen reads.

    It holds from `valid_from` to `valid_until`, both days among them.
    """

    id: str
    when: Mapping[str, tuple[str, ...]]
    channel: str
    content: tuple[str, ...]
    topic: str
    human_channel: str
    because: Mapping[Language, str]
    owner: str
    source: str
    valid_from: date = date.min
    valid_until: date = date.max
    experiment: Experiment | None = None

    def accepts(self, facts: Facts) -> bool:
        """Whether every condition holds."""
        return all(facts[name] in values for name, values in self.when.items())

    def arms(self) -> tuple[Variant, ...]:
        """Every list of content that the rule may offer, its own (control) first; that alone without an experiment."""
        if self.experiment is None:
            return (Variant(CONTROL, 100, self.content),)
        return (Variant(CONTROL, self.experiment.control_share, self.content), *self.experiment.variants)


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What the table promises of every customer whose facts match `every`."""

    id: str
    customer_type: CustomerType
    every: Mapping[str, tuple[str, ...]]
    channel: tuple[str, ...]
    content: tuple[str, ...]
    says: str

    def concerns(self, facts: Facts) -> bool:
        """Whether the promise is about a customer with these facts."""
        return all(facts[name] in values for name, values in self.every.items())

    def kept_by(self, channel: str, content: tuple[str, ...]) -> bool:
        """Whether an offer keeps it: channel among those allowed, a demanded kind of content first, so that no limit drops it."""
        return (not self.channel or channel in self.channel) and (
            not self.content or (bool(content) and content[0] in self.content)
        )


class PassedOver(NamedTuple):
    """A rule above the one that decided, and its first condition that failed."""

    rule: str
    fact: str
    value: str
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """What holds whatever the rules say; `check` names the function that checks it where bundles are made."""

    id: str
    check: str
    says: str


class Table:
    """The rules of one customer type, in order, with their masks.

    Where rules have days on which they begin or end, `on` gives the table of a day and `periods` each table there is.
    """

    def __init__(self, customer_type: CustomerType, rules: tuple[Rule, ...], facts: FactSet) -> None:
        self.customer_type = customer_type
        self.rules = rules
        self.facts = facts
        self.periods = self._periods()
        self._starts = [start for start, _ in self.periods]
        self.masks = {
            fact.name: {
                value: sum(
                    1 << at for at, rule in enumerate(rules) if value in rule.when.get(fact.name, fact.values)
                )
                for value in fact.values
            }
            for fact in facts.of[customer_type]
        }
        # A fact that no rule names accepts everything, and costs a customer nothing.
        every = (1 << len(rules)) - 1
        self._telling = {
            name: masks for name, masks in self.masks.items() if any(mask != every for mask in masks.values())
        }
        self._all = every

    def on(self, day: date) -> Table:
        """The table of the rules that hold on a day."""
        return self.periods[bisect_right(self._starts, day) - 1][1]

    def choose(self, facts: Facts) -> Rule:
        """The first rule that applies. A checked table has no gap; in an unchecked one, `LookupError`."""
        hits = self._all
        for name, masks in self._telling.items():
            hits &= masks[facts[name]]
        if not hits:
            raise LookupError(f"no rule of the {self.customer_type} table applies")
        return self.rules[(hits & -hits).bit_length() - 1]

    def decides_until(self, rule: Rule, day: date) -> date:
        """The last day up to which a rule keeps deciding for everyone for whom it decides on a day.

        It ends with the rule, or where a rule above it begins that some of them could meet; `date.max` where neither
        comes.
        """
        at = bisect_right(self._starts, day) - 1
        above = set(_above(self.periods[at][1], rule) or ())
        for start, table in self.periods[at + 1 :]:
            now_above = _above(table, rule)
            if now_above is None or any(
                _overlap(other.when, rule.when) for name, other in now_above.items() if name not in above
            ):
                return start - timedelta(days=1)
        return date.max

    def passed_over(self, facts: Facts) -> list[PassedOver]:
        """Why each rule above the deciding one did not apply, in order."""
        passed = []
        for rule in self.rules:
            failed = next(
                ((name, values) for name, values in rule.when.items() if facts[name] not in values), None
            )
            if failed is None:
                break
            passed.append(PassedOver(rule.id, failed[0], facts[failed[0]], failed[1]))
        return passed

    def _periods(self) -> tuple[tuple[date, Table], ...]:
        """First day and table of each period in which the same rules hold, in order of time."""
        begins = {rule.valid_from for rule in self.rules if rule.valid_from > date.min}
        ends = {rule.valid_until + timedelta(days=1) for rule in self.rules if rule.valid_until < date.max}
        if not begins and not ends:
            return ((date.min, self),)
        periods: list[tuple[date, Table]] = []
        for start in sorted({date.min, *begins, *ends}):
            holding = tuple(rule for rule in self.rules if rule.valid_from <= start <= rule.valid_until)
            timeless = tuple(replace(rule, valid_from=date.min, valid_until=date.max) for rule in holding)
            periods.append((start, Table(self.customer_type, timeless, self.facts)))
        return tuple(periods)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Both tables, the facts that they are about, what they guarantee, and how long an answer holds (days)."""

    tables: Mapping[CustomerType, Table]
    guarantees: tuple[Guarantee, ...]
    answer_valid_days: int
    facts: FactSet
    campaigns: Campaigns
    promises: tuple[Promise, ...] = ()

    def latest(self, day: date) -> date:
        """The last day on which an answer of a day may still be shown: a segment expires."""
        return day + timedelta(days=self.answer_valid_days)

    def guaranteed_kinds(self, customer_type: CustomerType) -> frozenset[str]:
        """The kinds of content that a guarantee of such customers asks for."""
        return frozenset(
            kind
            for guarantee in self.guarantees
            if guarantee.customer_type == customer_type
            for kind in guarantee.content
        )

    def permits(
        self, customer_type: CustomerType, facts: Facts, *, channel: str, content: tuple[str, ...]
    ) -> bool:
        """Whether every guarantee about a customer with these facts is kept by this channel with this content, in order."""
        return all(
            guarantee.kept_by(channel, content)
            for guarantee in self.guarantees
            if guarantee.customer_type == customer_type and guarantee.concerns(facts)
        )


def read_rulebook(document: Mapping[str, Any], contract: SignalContract) -> Rulebook:
    """A rulebook from its compiled JSON. Raises `KeyError` on data that was never checked."""
    facts = FactSet(contract, groups_named(document, contract.vocabulary))
    return Rulebook(
        tables={
            customer_type: Table(
                customer_type,
                tuple(_read_rule(rule, contract.vocabulary) for rule in document[customer_type]),
                facts,
            )
            for customer_type in CUSTOMER_TYPES
        },
        guarantees=read_guarantees(document),
        answer_valid_days=document["answer_valid_days"],
        facts=facts,
        campaigns=read_campaigns(document.get("campaigns", ()), facts),
        promises=tuple(
            Promise(promise["id"], promise["check"], promise["says"])
            for promise in document.get("promises", ())
        ),
    )


def groups_named(document: Mapping[str, Any], vocabulary: Vocabulary) -> set[str]:
    """The groups that a condition of the rules or of the guarantees names, in a compiled rulebook."""
    conditions = [rule["when"] for kind in CUSTOMER_TYPES for rule in document[kind]]
    conditions += [guarantee["every"] for guarantee in document["guarantees"]]
    return {name for condition in conditions for name in condition if name in vocabulary.groups}


def read_guarantees(document: Mapping[str, Any]) -> tuple[Guarantee, ...]:
    """The guarantees of a compiled rulebook."""
    return tuple(_read_guarantee(guarantee) for guarantee in document["guarantees"])


def _read_rule(rule: Mapping[str, Any], vocabulary: Vocabulary) -> Rule:
    return Rule(
        id=rule["id"],
        when=_conditions(rule["when"]),
        channel=rule["then"]["channel"],
        content=tuple(rule["then"]["content"]),
        topic=rule["then"]["topic"],
        human_channel=rule["then"]["human_channel"],
        because=vocabulary.in_every_language(rule["because"]),
        owner=rule["owner"],
        source=rule["source"],
        valid_from=date.fromisoformat(rule["valid_from"]) if "valid_from" in rule else date.min,
        valid_until=date.fromisoformat(rule["valid_until"]) if "valid_until" in rule else date.max,
        experiment=_read_experiment(rule["experiment"]) if "experiment" in rule else None,
    )


def _read_experiment(experiment: Mapping[str, Any]) -> Experiment:
    return Experiment(
        experiment["id"],
        experiment["control_share"],
        tuple(
            Variant(variant["id"], variant["share"], tuple(variant["content"]))
            for variant in experiment["variants"]
        ),
    )


def _read_guarantee(guarantee: Mapping[str, Any]) -> Guarantee:
    return Guarantee(
        id=guarantee["id"],
        customer_type=guarantee["for"],
        every=_conditions(guarantee["every"]),
        channel=tuple(guarantee["must"].get("channel", ())),
        content=tuple(guarantee["must"].get("content", ())),
        says=guarantee["says"],
    )


def _above(table: Table, rule: Rule) -> dict[str, Rule] | None:
    """The rules above one by their ids; None where it is not in the table."""
    above: dict[str, Rule] = {}
    for other in table.rules:
        if other.id == rule.id:
            return above
        above[other.id] = other
    return None


def _overlap(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether some facts meet the conditions of both."""
    return all(set(values) & set(other.get(name, values)) for name, values in one.items())


def _conditions(when: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in when.items()}
