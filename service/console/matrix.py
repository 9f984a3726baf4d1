"""Who gets what, for reading: the matrix of segments and life events, and the rules as a list that can be searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from models.bundle import Bundle
from models.codes import CLAIM_KINDS, CUSTOMER_TYPES, LANGUAGES, LIFE_EVENTS, UNKNOWN, CustomerType
from models.facts import FACTS, Facts, is_feasible
from models.rulebook import Rule
from models.segments import PERSON_SEGMENTS

PAGE: Final = 50
FILTERS: Final[Mapping[CustomerType, tuple[str, ...]]] = {
    "person": ("confidence", "digital", "friction", "interpreter_needed", "easy_language"),
    "employer": ("first_claim", "digital", "friction"),
}
"""The facts by which the matrix can be narrowed; all others are unknown in it."""
_COLUMNS: Final = {
    "person": ("segment", (*map(str, PERSON_SEGMENTS), UNKNOWN)),
    "employer": ("employer_size", ("micro", "small", "medium", "large", UNKNOWN)),
}
_ROWS: Final = {
    "person": ("life_event", (*LIFE_EVENTS, "none", UNKNOWN)),
    "employer": ("open_matter", (*CLAIM_KINDS, UNKNOWN)),
}


class MatrixCell(NamedTuple):
    """What customers with these facts get; `relaxed` where the filter cannot hold for them and was left out."""

    facts: Facts
    rule: Rule
    relaxed: bool


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


class Found(NamedTuple):
    """One page of what a search found."""

    rules: tuple[Listed, ...]
    total: int
    page: int
    pages: int


def chosen_filters(customer_type: CustomerType, given: Mapping[str, str]) -> dict[str, str]:
    """The filters of a query that are facts with a value they can have; others are left out."""
    allowed = {fact.name: fact.values for fact in FACTS[customer_type]}
    return {
        name: given[name]
        for name in FILTERS[customer_type]
        if given.get(name) in allowed[name] and given[name] != UNKNOWN
    }


def matrix(bundle: Bundle, customer_type: CustomerType, filters: Mapping[str, str], day: date) -> Matrix:
    """The table of a customer type on a day."""
    table = bundle.recommender.rulebook.tables[customer_type].on(day)
    (across, columns), (down, values) = _COLUMNS[customer_type], _ROWS[customer_type]
    rows = []
    for value in values:
        cells = []
        for column in columns:
            facts, relaxed = _facts(customer_type, {across: column, down: value}, filters)
            cells.append(MatrixCell(facts, table.choose(facts), relaxed))
        rows.append((value, tuple(cells)))
    return Matrix(across, columns, down, tuple(rows))


def find_rules(bundle: Bundle, query: Mapping[str, str], day: date) -> Found:
    """The rules that hold every word of a search and match its filters, a page of them."""
    words = query.get("q", "").lower().split()
    kept = [
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
    pages = max(1, -(-len(kept) // PAGE))
    asked = query.get("page", "1")
    page = min(max(int(asked) if asked.isdecimal() and len(asked) < 6 else 1, 1), pages)  # noqa: PLR2004
    return Found(tuple(kept[(page - 1) * PAGE : page * PAGE]), len(kept), page, pages)


def owners(bundle: Bundle) -> list[str]:
    """Everyone who owns a rule."""
    return sorted({rule.owner for kind in CUSTOMER_TYPES for rule in _rules(bundle, kind)})


def one_rule(bundle: Bundle, rule_id: str, day: date) -> Listed | None:
    """A rule by id; None if there is none."""
    return next((listed for listed in _listed(bundle, day) if listed.rule.id == rule_id), None)


def examples_of(bundle: Bundle, listed: Listed) -> list[dict[str, Any]]:
    """The worked examples that this rule decides: id, the facts they give, and whether one expects it by name."""
    values = [fact.name for fact in FACTS[listed.customer_type]]
    found = []
    for example in bundle.parts["check.json"].get("examples", ()):
        if example["for"] != listed.customer_type:
            continue
        given = {
            name: value if isinstance(value, str) else "yes" if value else "no"
            for name, value in example["facts"].items()
        }
        facts = dict.fromkeys(values, UNKNOWN) | {"personalisation": "allowed"} | given
        day = date.fromisoformat(example["as_of"]) if "as_of" in example else date.max
        table = bundle.recommender.rulebook.tables[listed.customer_type]
        if table.on(day).choose(facts).id == listed.rule.id:
            found.append({"id": example["id"], "facts": given, "as_of": example.get("as_of")})
    return found


def _facts(customer_type: CustomerType, cell: Facts, filters: Mapping[str, str]) -> tuple[Facts, bool]:
    """The facts of a cell, as a customer can have them: behaviour counts only beside a named segment."""
    unknown = {fact.name: UNKNOWN for fact in FACTS[customer_type]} | {"personalisation": "allowed"}
    facts: Facts = {**unknown, **filters, **cell}
    if customer_type == "person":
        named = facts["segment"] != UNKNOWN
        facts["confidence"] = filters.get("confidence", "high") if named else UNKNOWN
    if is_feasible(customer_type, facts):
        return facts, facts["segment"] == UNKNOWN and "confidence" in filters if "segment" in facts else False
    relaxed = dict.fromkeys(("confidence", "digital", "friction"), UNKNOWN)
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
