"""Who gets what, for reading: the matrix of segments and life events, and the rules as a list that can be searched.

Facts that nobody chose are those of the simulated population: a cell shows what its customers there get most often. What
facts and groups there are, the rulebook's `FactSet` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Final, NamedTuple

from models.authoring.population_sample import FirstLookups, read_first_lookups
from models.authoring.questions import as_known
from models.contract.channels import HELSINKI
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, PERSON, UNKNOWN, CustomerType, Language
from models.decision.bundle import Bundle
from models.decision.decision_table import Rule, Table
from models.decision.fact_forms import Fact
from models.decision.fact_set import FactSet
from models.decision.facts import CONFIDENCE, SEGMENT, Facts
from models.decision.groups import Box, divide
from models.decision.offers import Offer, topic_for, topics_of
from models.decision.recommendation import Item

PAGE: Final = 50
_ACROSS: Final[Mapping[CustomerType, str]] = {PERSON: SEGMENT, EMPLOYER: "employer_size"}
_LEFT_OUT: Final = {"personalisation", "open_matter", "strong_identification", "acts_through_mandate"}
"""Facts without a filter of their own, so that the page stays short."""


class MatrixCell(NamedTuple):
    """What the customers of a cell get most often.

    `share` is the part of the cell's customers in the simulated population whom the rule takes, None where it has no such
    customer and whatever was not chosen is unknown. `facts` are the commonest of those customers'. `relaxed` says that
    the filter cannot hold for them and was left out.
    """

    facts: Facts
    rule: Rule
    share: float | None
    items: tuple[Item, ...]
    relaxed: bool


class Commonest(NamedTuple):
    """The rule that takes the most customers of a group, their share, and the commonest facts among them."""

    rule: Rule
    share: float
    facts: Facts


class Matrix(NamedTuple):
    """A table of cells: the fact and values across, the fact and values down, the rows of cells; None where nobody can be."""

    across: str
    columns: tuple[str, ...]
    down: str
    rows: tuple[tuple[str, tuple[MatrixCell | None, ...]], ...]


class Listed(NamedTuple):
    """A rule in the list: its place in its table, and whether it holds on the day."""

    customer_type: CustomerType
    order: int
    rule: Rule
    holds: bool


class FoundRules(NamedTuple):
    """One page of what a search found."""

    rules: tuple[Listed, ...]
    total: int
    page: int
    pages: int


def filter_facts(facts: FactSet, customer_type: CustomerType) -> list[Fact]:
    """The facts by which the matrix can be narrowed; groups have a filter of their own."""
    apart = {_ACROSS[customer_type], facts.varying[customer_type], *_LEFT_OUT}
    return [fact for fact in facts.of[customer_type] if fact.name not in apart and not fact.is_group]


def chosen_filters(facts: FactSet, customer_type: CustomerType, query: Mapping[str, str]) -> dict[str, str]:
    """The filters of a query that are facts with a value they can have; others are left out."""
    return {
        fact.name: query[fact.name]
        for fact in filter_facts(facts, customer_type)
        if query.get(fact.name) in fact.values and (fact.name, query[fact.name]) != (CONFIDENCE, UNKNOWN)
    }


def groups_for(facts: FactSet, customer_type: CustomerType) -> list[str]:
    """The further groups of a customer type."""
    return [code for code, term in facts.vocabulary.groups.items() if term.customer_type == customer_type]


def chosen_group(facts: FactSet, customer_type: CustomerType, query: Mapping[str, str]) -> str:
    """The group that a query names; empty where it names none of the customer type."""
    return next((code for code in groups_for(facts, customer_type) if code == query.get("group")), "")


def matrix(
    bundle: Bundle,
    customer_type: CustomerType,
    filters: Mapping[str, str],
    at: datetime,
    language: Language,
    group: str = "",
) -> Matrix:
    """The table of a customer type at a moment, items in a language; of those in a group alone, where one is named."""
    table = bundle.recommender.rulebook.tables[customer_type].on(at.astimezone(HELSINKI).date())
    known, terms = table.facts, table.facts.vocabulary.groups
    boxes: Sequence[Box] = known.blocks(customer_type)
    if group:
        boxes, _ = divide(boxes, terms[group].when, terms)
    across, down = _ACROSS[customer_type], known.varying[customer_type]
    columns, values = known.fact(customer_type, across).values, known.fact(customer_type, down).values
    by_cell: dict[tuple[str, str], list[_Weighed]] = {}
    names = _names_of(table)
    sides = names.index(across), names.index(down)
    for one in _members(table, group) if group else _weighed(table):
        by_cell.setdefault((one.values[sides[0]], one.values[sides[1]]), []).append(one)

    def cell(column: str, value: str) -> MatrixCell | None:
        possible = _facts(table, boxes, {across: column, down: value}, filters)
        if possible is None:
            return None
        facts, relaxed = possible
        left_out = _behaviour(known, customer_type) if relaxed else ()
        fixed = {name: facts[name] for name in filters if name not in left_out}
        fixed["personalisation"] = "allowed"
        most = _commonest(table, by_cell.get((column, value), []), fixed)
        rule, share, facts = most or (table.choose(facts), None, facts)
        return MatrixCell(
            facts, rule, share, offered_to(bundle, customer_type, rule, facts, at, language), relaxed
        )

    rows = tuple((value, tuple(cell(column, value) for column in columns)) for value in values)
    return Matrix(across, columns, down, rows)


@lru_cache(maxsize=4)
def commonest(table: Table) -> dict[tuple[str, str, str], Commonest]:
    """For each segment (of employers, the one that is known), fact and value, what such customers of the population get most often.

    Whoever objected, and minors, count for the fact that says so alone.
    """
    known = table.facts.vocabulary.known_segment(table.customer_type) or UNKNOWN
    names = _names_of(table)
    groups: dict[tuple[str, str, str], list[_Weighed]] = {}
    for one in _weighed(table):
        facts = dict(zip(names, one.values, strict=True))
        segment = facts.get(SEGMENT, known)
        allowed = facts["personalisation"] == "allowed"
        for name, value in facts.items() if allowed else [("personalisation", facts["personalisation"])]:
            groups.setdefault((segment, name, value), []).append(one)
    by_group = {key: _commonest(table, group, {}) for key, group in groups.items()}
    return {key: one for key, one in by_group.items() if one is not None}


def items_by_topic(
    bundle: Bundle, listed: Listed, at: datetime, language: Language
) -> list[tuple[str, tuple[Item, ...]]]:
    """What a rule offers at a moment on each topic that it may look on, in a language."""
    kind, rule = listed.customer_type, listed.rule
    recommender = bundle.recommender
    topics = sorted(topics_of(rule, kind, recommender.facts, recommender.catalogue))
    return [(topic, _items(bundle, kind, rule, topic, at, language)) for topic in topics]


def offered_to(
    bundle: Bundle,
    customer_type: CustomerType,
    rule: Rule,
    facts: Facts,
    at: datetime,
    language: Language,
) -> tuple[Item, ...]:
    """The items that a rule offers to customers with some facts who prefer no channel."""
    topic = topic_for(rule, customer_type, facts, bundle.recommender.catalogue)
    return _items(bundle, customer_type, rule, topic, at, language)


@cache
def first_lookups() -> FirstLookups:
    """The simulated population, read once."""
    return read_first_lookups()


def find_rules(bundle: Bundle, query: Mapping[str, str], day: date) -> FoundRules:
    """The rules that hold every word of a search and match its filters, a page of them."""
    words = query.get("q", "").lower().split()
    rules = [
        listed
        for listed in _listed(bundle, day)
        if query.get("customer_type") in {None, "", listed.customer_type}
        and query.get("channel") in {None, "", listed.rule.channel}
        and (not query.get("content") or query["content"] in listed.rule.content)
        and (not query.get("owner") or query["owner"] == listed.rule.owner)
        and (not query.get("segment") or _names(listed.rule, SEGMENT, query["segment"]))
        and (not query.get("life_event") or _names(listed.rule, "life_event", query["life_event"]))
        and all(word in _text(listed.rule) for word in words)
    ]
    pages = max(1, -(-len(rules) // PAGE))
    asked = query.get("page", "1")
    page = min(max(int(asked) if asked.isdecimal() and len(asked) < 6 else 1, 1), pages)  # noqa: PLR2004
    return FoundRules(tuple(rules[(page - 1) * PAGE : page * PAGE]), len(rules), page, pages)


def owners(bundle: Bundle) -> list[str]:
    """Everyone who owns a rule."""
    return sorted({rule.owner for kind in CUSTOMER_TYPES for rule in _rules(bundle, kind)})


def one_rule(bundle: Bundle, rule_id: str, day: date) -> Listed | None:
    """A rule by id; None if there is none."""
    return next((listed for listed in _listed(bundle, day) if listed.rule.id == rule_id), None)


def examples_of(bundle: Bundle, listed: Listed) -> list[dict[str, object]]:
    """The worked examples that this rule decides: id, the facts they give, and whether one expects it by name."""
    known = bundle.recommender.facts
    examples = []
    for example in bundle.parts["check.json"].get("examples", ()):
        if example["for"] != listed.customer_type:
            continue
        stated = {
            name: value if isinstance(value, str) else "yes" if value else "no"
            for name, value in example["facts"].items()
        }
        facts = known.completed(listed.customer_type, stated)
        day = date.fromisoformat(example["as_of"]) if "as_of" in example else date.max
        table = bundle.recommender.rulebook.tables[listed.customer_type]
        if table.on(day).choose(facts).id == listed.rule.id:
            examples.append({"id": example["id"], "facts": stated, "as_of": example.get("as_of")})
    return examples


class _Weighed(NamedTuple):
    """Values of all facts, how many customers of Finland they stand for, and the place of the rule that takes them."""

    values: tuple[str, ...]
    weight: float
    rule: int


def _names_of(table: Table) -> list[str]:
    """The facts of a table, in the order of `_Weighed.values`."""
    return [fact.name for fact in table.facts.of[table.customer_type]]


@lru_cache(maxsize=4)
def _weighed(table: Table) -> tuple[_Weighed, ...]:
    """The simulated population under a table, which a bundle's check proved to have no gap."""
    population, kind = first_lookups(), table.customer_type
    places = {id(rule): at for at, rule in enumerate(table.rules)}
    names, weighed = population.names[kind], []
    for values, weight in population.weights[kind].items():
        facts = as_known(kind, dict(zip(names, values, strict=True)), table.facts)
        known = tuple(facts.values())
        # Most are as in the sample, whose values are kept once.
        weighed.append(
            _Weighed(values if known == values else known, weight, places[id(table.choose(facts))])
        )
    return tuple(weighed)


@lru_cache(maxsize=16)
def _members(table: Table, group: str) -> tuple[_Weighed, ...]:
    """Those of the simulated population who are in a group."""
    names, known = _names_of(table), table.facts
    return tuple(
        one for one in _weighed(table) if known.is_in(group, dict(zip(names, one.values, strict=True)))
    )


def _commonest(table: Table, group: list[_Weighed], fixed: Mapping[str, str]) -> Commonest | None:
    """The rule that takes the most of a group whose facts are as fixed."""
    names = _names_of(table)
    wanted = [(names.index(name), value) for name, value in fixed.items()]
    matching = [one for one in group if all(one.values[at] == value for at, value in wanted)]
    weights: dict[int, float] = {}
    for one in matching:
        weights[one.rule] = weights.get(one.rule, 0.0) + one.weight
    if not weights:
        return None
    rule = max(weights, key=lambda at: (weights[at], -at))
    first = max((one for one in matching if one.rule == rule), key=lambda one: (one.weight, one.values))
    share = weights[rule] / sum(weights.values())
    return Commonest(table.rules[rule], share, dict(zip(names, first.values, strict=True)))


def _items(
    bundle: Bundle,
    customer_type: CustomerType,
    rule: Rule,
    topic: str,
    at: datetime,
    language: Language,
) -> tuple[Item, ...]:
    """The items of a rule on a topic, in the rule's own channel."""
    recommender = bundle.recommender
    offer = Offer(rule, recommender.channels[rule.channel], topic)
    return recommender.offered(customer_type, [offer], at=at, language=language).items


def _facts(
    table: Table, boxes: Sequence[Box], cell: Facts, filters: Mapping[str, str]
) -> tuple[Facts, bool] | None:
    """The facts of a cell, as a customer of some boxes can have them, and whether filters had to be left out.

    None where nobody can be. Behaviour counts only beside a named segment, and who states a segment is in it for certain.
    """
    known = table.facts
    fixed: Facts = {**filters, **cell, "personalisation": "allowed"}
    if fixed.get(SEGMENT, UNKNOWN) not in {*known.vocabulary.inferred, UNKNOWN}:
        fixed.pop(CONFIDENCE, None)
    behaviour = _behaviour(known, table.customer_type)
    for wanted in (fixed, {name: value for name, value in fixed.items() if name not in behaviour}):
        facts = _plainest(boxes, wanted)
        if facts is not None:
            return facts, len(wanted) < len(fixed)
    return None


def _plainest(boxes: Sequence[Box], wanted: Facts) -> Facts | None:
    """Facts that a customer can have, some of them as wanted and as few of the others known as can be; None where there are none."""
    possible = [
        {name: wanted.get(name, UNKNOWN if UNKNOWN in values else values[0]) for name, values in box.items()}
        for box in boxes
        if all(value in box[name] for name, value in wanted.items())
    ]
    return max(possible, key=lambda facts: Counter(facts.values())[UNKNOWN], default=None)


def _behaviour(known: FactSet, customer_type: CustomerType) -> tuple[str, ...]:
    """Facts that count only beside a named segment."""
    return tuple(
        fact.name for fact in known.of[customer_type] if fact.known == "named" and fact.name != SEGMENT
    )


def _listed(bundle: Bundle, day: date) -> Iterator[Listed]:
    for kind in CUSTOMER_TYPES:
        for order, rule in enumerate(_rules(bundle, kind), start=1):
            yield Listed(kind, order, rule, rule.valid_from <= day <= rule.valid_until)


def _rules(bundle: Bundle, kind: CustomerType) -> tuple[Rule, ...]:
    return bundle.recommender.rulebook.tables[kind].rules


def _names(rule: Rule, fact: str, value: str) -> bool:
    """Whether a rule may decide for a value of a fact."""
    return fact not in rule.when or value in rule.when[fact]


def _text(rule: Rule) -> str:
    """All that a search looks at."""
    conditions = (f"{name} {' '.join(values)}" for name, values in rule.when.items())
    parts = (
        rule.id,
        rule.channel,
        *rule.content,
        rule.topic,
        rule.owner,
        rule.source,
        *conditions,
        *rule.because.values(),
    )
    return " ".join(parts).lower()
