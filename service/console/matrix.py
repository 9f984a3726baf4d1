"""Who gets what, for reading: the matrix of segments and life events, and the rules as a list that can be searched.

Facts that nobody chose are those of the simulated population: a cell shows what its customers there get most often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Final, NamedTuple

from models.authoring.population_sample import FirstLookups, read_first_lookups
from models.contract.channels import HELSINKI
from models.contract.codes import CUSTOMER_TYPES, LANGUAGES, UNKNOWN, CustomerType, Language
from models.contract.segments import Segment
from models.decision.bundle import Bundle
from models.decision.decision_table import Rule, Table
from models.decision.facts import FACTS, VARYING, Facts, is_feasible
from models.decision.offers import Offer, topic_for, topics_of
from models.decision.recommendation import Item

PAGE: Final = 50
_ACROSS: Final[Mapping[CustomerType, str]] = {"person": "segment", "employer": "employer_size"}
_LEFT_OUT: Final = {"personalisation", "open_matter", "strong_identification", "acts_through_mandate"}
"""Facts without a filter of their own, so that the page stays short."""
FILTERS: Final[Mapping[CustomerType, tuple[str, ...]]] = {
    kind: tuple(
        fact.name
        for fact in FACTS[kind]
        if fact.name not in {_ACROSS[kind], VARYING[kind]} and fact.name not in _LEFT_OUT
    )
    for kind in CUSTOMER_TYPES
}
"""The facts by which the matrix can be narrowed."""
BEHAVIOUR: Final = tuple(
    fact.name for fact in FACTS["person"] if fact.known == "named" and fact.name != "segment"
)
"""Facts that count only beside a named segment."""


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
    """A table of cells: the fact and values across, the fact and values down, the rows of cells."""

    across: str
    columns: tuple[str, ...]
    down: str
    rows: tuple[tuple[str, tuple[MatrixCell, ...]], ...]


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


def chosen_filters(customer_type: CustomerType, query: Mapping[str, str]) -> dict[str, str]:
    """The filters of a query that are facts with a value they can have; others are left out."""
    allowed = {fact.name: fact.values for fact in FACTS[customer_type]}
    return {
        name: query[name]
        for name in FILTERS[customer_type]
        if query.get(name) in allowed[name] and (name, query[name]) != ("confidence", UNKNOWN)
    }


def matrix(
    bundle: Bundle,
    customer_type: CustomerType,
    filters: Mapping[str, str],
    at: datetime,
    language: Language,
) -> Matrix:
    """The table of a customer type at a moment, items in a language."""
    table = bundle.recommender.rulebook.tables[customer_type].on(at.astimezone(HELSINKI).date())
    across, down = _ACROSS[customer_type], VARYING[customer_type]
    allowed = {fact.name: fact.values for fact in FACTS[customer_type]}
    columns, values = allowed[across], allowed[down]
    groups: dict[tuple[str, str], list[_Weighed]] = {}
    names = first_lookups().names[customer_type]
    sides = names.index(across), names.index(down)
    for one in _weighed(table):
        groups.setdefault((one.values[sides[0]], one.values[sides[1]]), []).append(one)
    rows = []
    for value in values:
        cells = []
        for column in columns:
            facts, relaxed = _facts(customer_type, {across: column, down: value}, filters)
            fixed = {name: facts[name] for name in filters if not (relaxed and name in BEHAVIOUR)}
            fixed["personalisation"] = "allowed"
            most = _commonest(table, groups.get((column, value), []), fixed)
            rule, share, facts = most or (table.choose(facts), None, facts)
            items = offered_to(bundle, customer_type, rule, facts, at, language)
            cells.append(MatrixCell(facts, rule, share, items, relaxed))
        rows.append((value, tuple(cells)))
    return Matrix(across, columns, down, tuple(rows))


@lru_cache(maxsize=4)
def commonest(table: Table) -> dict[tuple[str, str, str], Commonest]:
    """For each segment (`employer` for employers), fact and value, what such customers of the population get most often.

    Whoever objected, and minors, count for the fact that says so alone.
    """
    names = first_lookups().names[table.customer_type]
    groups: dict[tuple[str, str, str], list[_Weighed]] = {}
    for one in _weighed(table):
        facts = dict(zip(names, one.values, strict=True))
        segment = facts.get("segment", Segment.EMPLOYER.value)
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
    topics = sorted(topics_of(rule, kind, bundle.recommender.catalogue))
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
        and (not query.get("segment") or _names(listed.rule, "segment", query["segment"]))
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
    values = [fact.name for fact in FACTS[listed.customer_type]]
    examples = []
    for example in bundle.parts["check.json"].get("examples", ()):
        if example["for"] != listed.customer_type:
            continue
        stated = {
            name: value if isinstance(value, str) else "yes" if value else "no"
            for name, value in example["facts"].items()
        }
        facts = dict.fromkeys(values, UNKNOWN) | {"personalisation": "allowed"} | stated
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


@lru_cache(maxsize=4)
def _weighed(table: Table) -> tuple[_Weighed, ...]:
    """The simulated population under a table, which a bundle's check proved to have no gap."""
    population = first_lookups()
    names, places = (
        population.names[table.customer_type],
        {id(rule): at for at, rule in enumerate(table.rules)},
    )
    return tuple(
        _Weighed(values, weight, places[id(table.choose(dict(zip(names, values, strict=True))))])
        for values, weight in population.weights[table.customer_type].items()
    )


def _commonest(table: Table, group: list[_Weighed], fixed: Mapping[str, str]) -> Commonest | None:
    """The rule that takes the most of a group whose facts are as fixed."""
    names = first_lookups().names[table.customer_type]
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


def _facts(customer_type: CustomerType, cell: Facts, filters: Mapping[str, str]) -> tuple[Facts, bool]:
    """The facts of a cell, as a customer can have them: behaviour counts only beside a named segment."""
    unknown = {fact.name: UNKNOWN for fact in FACTS[customer_type]} | {"personalisation": "allowed"}
    facts: Facts = {**unknown, **filters, **cell}
    if customer_type == "person":
        named = facts["segment"] != UNKNOWN
        facts["confidence"] = filters.get("confidence", "high") if named else UNKNOWN
    if is_feasible(customer_type, facts):
        return facts, facts["segment"] == UNKNOWN and "confidence" in filters if "segment" in facts else False
    relaxed = dict.fromkeys(BEHAVIOUR, UNKNOWN)
    return facts | relaxed, True


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
    because = (rule.because[language] for language in LANGUAGES)
    parts = (
        rule.id,
        rule.channel,
        *rule.content,
        rule.topic,
        rule.owner,
        rule.source,
        *conditions,
        *because,
    )
    return " ".join(parts).lower()
