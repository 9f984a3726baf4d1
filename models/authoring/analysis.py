"""Exact analysis of a rulebook: every feasible cell of facts gets its rule, so nothing is sampled.

From the grid come gaps, rules that never apply, rows that change nothing, misleading rows and broken guarantees, each with
an example customer; beside it the worked examples are run, references followed and promises kept. Each period between
days on which a rule begins or ends is analysed by itself, so nothing depends on today's date.

References
----------
Missing, masked and subsumed rules of decision tables: Calvanese et al., BPM 2016; OMG DMN 1.5, 8.2.10. *Misleading*:
DMN validators use the word, under hit policy *priority*, for a row whose entries promise what another row takes. Under
*first* that is a row that names a value for which it never decides; a general row below a particular one is no fault.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Final

from models.authoring.coverage import find_dead_references
from models.authoring.example_customers import Inventor, telling
from models.authoring.findings import Authored, Phrase, closest, mapping_at, one_of, phrase
from models.authoring.grid import GAP, Cell, Conditions, Decided, TooLargeError, decide
from models.authoring.loader import MODELS
from models.authoring.promises import check_promises, outcome_of
from models.authoring.vocabulary_checks import find_untrained
from models.authoring.yaml_source import word
from models.contract.channels import Channel, read_channels
from models.contract.codes import CUSTOMER_TYPES, PERSON, CustomerType
from models.decision.catalogue import read_catalogue
from models.decision.decision_table import Guarantee, Rule, Rulebook, Table, read_rulebook
from models.decision.experiments import CONTROL
from models.decision.facts import Facts
from models.decision.scorecard import ArtifactError, Scorecard, read_scorecard

SCORECARD: Final = MODELS / "artifacts" / "scorecard.json"


@dataclass(frozen=True, slots=True)
class _Period:
    """A table in one period, decided over every feasible cell. `start` is None in the first."""

    start: date | None
    table: Table
    decided: Decided

    @property
    def since(self) -> Phrase | str:
        return phrase("from_day", day=self.start.isoformat()) if self.start else ""

    def row(self, rule_id: str) -> int | None:
        return next((at for at, rule in enumerate(self.table.rules) if rule.id == rule_id), None)


def analyse(authored: Authored, *, scorecard: Path = SCORECARD) -> None:
    """Check a compiled rulebook and its catalogue whole, adding findings and the number of cells to `authored`.

    Where reading already found errors there is nothing whole to analyse, and nothing is.

    Parameters
    ----------
    authored : Authored
    scorecard : Path
        The model through which example customers are found; without one, findings give facts alone.
    """
    if authored.errors:
        return
    rulebook = read_rulebook(authored.rulebook, authored.facts.contract)
    catalogue = read_catalogue(authored.catalogue, authored.terms)
    channels = read_channels(authored.channels, authored.terms)
    model = read_model(scorecard)
    if model is not None:
        find_untrained(authored, model.segments)
        if authored.errors:
            return
    inventor = Inventor(model, rulebook.facts)
    for customer_type in CUSTOMER_TYPES:
        table = rulebook.tables[customer_type]
        try:
            periods = decided_periods(rulebook, table)
        except TooLargeError as error:
            fact = {"fact": error.fact, "number": error.values}
            authored.find("rules.yaml", "too_tangled", problem=str(error), names=fact)
            continue
        authored.cells += periods[0].decided.cells
        gap = _find_gaps(authored, table, periods, inventor)
        _find_unreachable(authored, table, periods)
        _find_idle(authored, table, periods, inventor)
        _find_misleading(authored, table, periods, inventor)
        _find_broken_guarantees(authored, rulebook, table, periods, inventor)
        preferable = authored.terms.channels_for(PERSON) if customer_type == PERSON else ()
        guaranteed = {
            kind: [name for name in preferable if kind in channels[name].carries]
            for guarantee in rulebook.guarantees
            if guarantee.customer_type == customer_type
            for kind in guarantee.content
        }
        find_dead_references(authored, table, catalogue, guaranteed)
        _find_retired(authored, table, channels)
        if gap:
            break
    _find_failed_examples(authored, rulebook)
    if not any(finding.code == "gap" for finding in authored.findings):
        check_promises(authored, rulebook, channels)


def decided_periods(rulebook: Rulebook, table: Table) -> list[_Period]:
    """Each period's table, decided over every feasible cell. Raises `TooLargeError`."""
    blocks = table.facts.blocks(table.customer_type)
    also = [g.every for g in rulebook.guarantees if g.customer_type == table.customer_type]
    return [
        _Period(
            None if start == date.min else start,
            of_period,
            decide(blocks, [rule.when for rule in of_period.rules], also=also),
        )
        for start, of_period in table.periods
    ]


def read_model(path: Path = SCORECARD) -> Scorecard | None:
    """The model that example customers are led by; None if there is none that can be read."""
    try:
        return read_scorecard(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, ArtifactError):
        return None


def changes_nothing(decided: Decided, row: int, outcomes: Sequence[object]) -> set[int]:
    """The rows that would give a row's cells the same answer were it not there; none if it makes a difference."""
    if outcomes[row] not in outcomes[row + 1 :] or row not in decided.rows():
        return set()
    beneath = decided.beneath(row)
    same = GAP not in beneath and all(outcomes[other] == outcomes[row] for other in beneath)
    return beneath if same else set()


def idle_values(decided: Decided, row: int, when: Conditions) -> Iterator[tuple[str, list[str]]]:
    """Facts with the values that a row names and for which it never decides; nothing for a row that never does."""
    if row in decided.rows():
        for name, allowed in when.items():
            deciding = decided.values(row, name)
            idle = [value for value in allowed if value not in deciding]
            if idle:
                yield name, idle


def _find_gaps(authored: Authored, table: Table, periods: list[_Period], inventor: Inventor) -> bool:
    for period in periods:
        if GAP in period.decided.rows():
            cells = period.decided.examples(GAP, {}, inventor.telling)
            facts, customer = inventor.first(table.customer_type, cells)
            authored.find(
                "rules.yaml",
                "gap",
                kind=phrase(table.customer_type),
                period=period.since,
                example=telling(facts or {}),
                customer=customer,
            )
            return True
    return False


def _find_unreachable(authored: Authored, table: Table, periods: list[_Period]) -> None:
    for rule in table.rules:
        covering: dict[str, None] = {}
        for period in periods:
            row = period.row(rule.id)
            if row is None:
                continue
            if row in period.decided.rows():
                break
            covering |= dict.fromkeys(_deciders(rule, period, table.customer_type))
        else:
            if covering:
                authored.find(rule.id, "never_covered", deciders=", ".join(covering))
            else:
                authored.find(rule.id, "never_nobody")


def _deciders(rule: Rule, period: _Period, customer_type: CustomerType, **more: tuple[str, ...]) -> list[str]:
    """The rules that decide the cells a rule would accept, in order."""
    blocks = [_inside(block, {**rule.when, **more}) for block in period.table.facts.blocks(customer_type)]
    whole = [block for block in blocks if all(block.values())]
    if not whole:
        return []
    rows = decide(whole, [other.when for other in period.table.rules]).rows()
    return [period.table.rules[at].id for at in sorted(rows) if at != GAP]


def _inside(block: Conditions, box: Conditions) -> Conditions:
    return {
        name: tuple(value for value in values if name not in box or value in box[name])
        for name, values in block.items()
    }


def _find_idle(authored: Authored, table: Table, periods: list[_Period], inventor: Inventor) -> None:
    """Rows whose customers would get the same answer without them, in every period in which they decide."""
    for rule in table.rules:
        beneath: dict[str, None] = {}
        example: tuple[Facts | None, dict[str, Any] | None] = (None, None)
        for period in periods:
            row = period.row(rule.id)
            if row is None or row not in period.decided.rows():
                continue
            successors = changes_nothing(
                period.decided, row, [outcome_of(other) for other in period.table.rules]
            )
            if not successors:
                break
            beneath |= dict.fromkeys(period.table.rules[at].id for at in sorted(successors))
            cells = period.decided.examples(row, {}, inventor.telling)
            example = inventor.first(table.customer_type, cells) if example[0] is None else example
        else:
            if beneath:
                names = ", ".join(beneath)
                facts, customer = example
                authored.find(
                    rule.id,
                    "changes_nothing",
                    warning=True,
                    deciders=names,
                    example=telling(facts or {}),
                    customer=customer,
                )


def _find_misleading(authored: Authored, table: Table, periods: list[_Period], inventor: Inventor) -> None:
    """Rows that name a value for which they decide in no period."""
    for rule in table.rules:
        held = [(period, row) for period in periods if (row := period.row(rule.id)) is not None]
        if not any(row in period.decided.rows() for period, row in held):
            continue
        for name, allowed in rule.when.items():
            deciding = set().union(*(period.decided.values(row, name) for period, row in held))
            idle = tuple(value for value in allowed if value not in deciding)
            if not idle:
                continue
            period = held[0][0]
            names = _deciders(rule, period, table.customer_type, **{name: idle})
            facts, customer = None, None
            if names:
                row = period.row(names[0])
                cells = period.decided.examples(row or 0, {**rule.when, name: idle}, inventor.telling)
                facts, customer = inventor.first(table.customer_type, _matching(cells, name, idle))
            authored.find(
                rule.id,
                "misleading",
                warning=True,
                fact=name,
                values=", ".join(f"`{value}`" for value in idle),
                deciders=phrase("taken_by", deciders=", ".join(names)) if names else phrase("nobody_such"),
                example=telling(facts or {}),
                customer=customer,
            )


def _matching(cells: Iterator[Cell], name: str, values: tuple[str, ...]) -> Iterator[Cell]:
    return (cell | {name: cell[name] if cell[name] in values else values[0]} for cell in cells)


def _find_broken_guarantees(
    authored: Authored, rulebook: Rulebook, table: Table, periods: list[_Period], inventor: Inventor
) -> None:
    for guarantee in rulebook.guarantees:
        if guarantee.customer_type != table.customer_type:
            continue
        for period in periods:
            cells = chain.from_iterable(
                period.decided.examples(row, every, inventor.telling)
                for row, rule in enumerate(period.table.rules)
                for every in _breaking(rule, guarantee)
            )
            facts, customer = inventor.first(table.customer_type, cells)
            if facts is not None:
                rule = period.table.choose(facts)
                arms = [arm.id for arm in rule.arms() if not guarantee.kept_by(rule.channel, arm.content)]
                authored.find(
                    rule.id,
                    "breaks",
                    guarantee=guarantee.id,
                    says=guarantee.says,
                    variant="" if CONTROL in arms else phrase("in_variant", value=arms[0]),
                    period=period.since,
                    example=telling(facts),
                    customer=customer,
                )
                break


def _breaking(rule: Rule, guarantee: Guarantee) -> Iterator[Conditions]:
    """The customers whom a guarantee is about and a rule would break it for: all by its own content, drawn ones by a variant."""
    own, *variants = (guarantee.kept_by(rule.channel, arm.content) for arm in rule.arms())
    if not own:
        yield guarantee.every
    elif not all(variants) and "allowed" in guarantee.every.get("personalisation", ("allowed",)):
        yield {**guarantee.every, "personalisation": ("allowed",)}


def _find_retired(authored: Authored, table: Table, channels: Mapping[str, Channel]) -> None:
    """Rules that offer a channel, or name a human one, on days on which it is there no more."""
    for rule in table.rules:
        for name in dict.fromkeys((rule.channel, rule.human_channel)):
            retired = channels[name].retired
            if retired is not None and rule.valid_until >= retired:
                hint = closest(channels[name].successor or "", channels)
                authored.find(rule.id, "retired_channel", value=name, day=retired.isoformat(), hint=hint)


def _find_failed_examples(authored: Authored, rulebook: Rulebook) -> None:
    """The team's worked examples still come out; a rule that none of them covers is a warning.

    An example holds on the day it says under `as_of`, or, where it says none, in every period. What follows from a fault
    that was found already is not told again.
    """
    covered: set[str] = set()
    faulty = {finding.subject for finding in authored.errors}
    for example in authored.examples:
        facts = example_facts(authored, example)
        if facts is None:
            continue
        covered |= _run_example(authored, rulebook.tables[example["for"]], example, facts, faulty)
    if authored.errors:
        return
    for table in rulebook.tables.values():
        for rule in table.rules:
            if rule.id not in covered:
                authored.find(rule.id, "no_example", warning=True)


def _run_example(
    authored: Authored, table: Table, example: Mapping[str, Any], facts: Facts, faulty: set[str]
) -> set[str]:
    """The rules that decide an example in the periods it is about; a finding for the first that it does not expect."""
    deciding: set[str] = set()
    expected = (example.get("expect") or {}).get("rule")
    on = table.on(date.fromisoformat(example["as_of"])) if "as_of" in example else None
    for start, of_period in table.periods:
        if on is not None and on is not of_period:
            continue
        period: Phrase | str = "" if start == date.min else phrase("from_day", day=start.isoformat())
        try:
            rule = of_period.choose(facts)
        except LookupError:
            continue  # a gap, which was found already
        deciding.add(rule.id)
        if not faulty & {rule.id, expected} and not _comes_out(authored, example, rule, period):
            break
    return deciding


def example_facts(authored: Authored, example: Mapping[str, Any]) -> Facts | None:
    """All facts of a worked example; None, with findings, if it says what cannot be."""
    name, customer_type = example["id"], example.get("for")
    if customer_type not in CUSTOMER_TYPES:
        authored.find(name, "no_kind")
        return None
    before = len(authored.findings)
    for key in example:
        one_of(authored, name, "field", key, ("id", "for", "facts", "expect", "as_of"))
    values = {fact.name: fact.values for fact in authored.facts.of[customer_type]}
    facts = mapping_at(authored, name, "facts", example.get("facts"))
    stated = {key: word(value) for key, value in facts.items()}
    for key, value in stated.items():
        if one_of(authored, name, "fact", key, values):
            one_of(authored, name, phrase("value_of", name=key), value, values[key])
    try:
        date.fromisoformat(example.get("as_of", "2026-01-01"))
    except (TypeError, ValueError):
        authored.find(name, "no_date", key="as_of")
    for key, expected in mapping_at(authored, name, "expect", example.get("expect")).items():
        if one_of(authored, name, "field", key, ("rule", "channel")) and not isinstance(expected, str):
            authored.find(name, "wrong_shape", key=key, shape=phrase("a_text"))
    if len(authored.findings) > before:
        return None
    whole = authored.facts.completed(customer_type, stated)
    wrong = [
        key for key, value in stated.items() if whole[key] != value
    ]  # groups, which follow from the rest
    if wrong:
        authored.find(name, "not_in_group", value=wrong[0])
    return None if wrong else whole


def _comes_out(authored: Authored, example: Mapping[str, Any], rule: Rule, period: Phrase | str) -> bool:
    before = len(authored.findings)
    for key, actual in (("rule", rule.id), ("channel", rule.channel)):
        expected = (example.get("expect") or {}).get(key)
        if expected is not None and expected != actual:
            authored.find(
                example["id"],
                "comes_out",
                what=phrase(key),
                expected=expected,
                found=actual,
                rule=rule.id,
                period=period,
            )
    return len(authored.findings) == before
