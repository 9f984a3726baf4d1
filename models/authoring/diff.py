"""Two rulebooks side by side: which cells of facts get another answer, exactly, each change with an example customer.

An *edition* is a rulebook as it is compared: read from a folder of YAML, or from a bundle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from models.authoring import loader
from models.authoring.example_customers import Inventor, telling_facts
from models.authoring.grid import GAP, Cell, Conditions, decide, decide_boxes
from models.authoring.promises import offer_of, outcome_of
from models.contract.channels import Channel, read_channels
from models.contract.codes import CUSTOMER_TYPES, CustomerType
from models.contract.signals import SignalContract
from models.decision import bundle
from models.decision.decision_table import Rule, Rulebook, Table, read_rulebook
from models.decision.fact_set import FactSet
from models.decision.facts import Facts
from models.decision.recommender import Recommender


class EditionError(ValueError):
    """A rulebook that cannot be compared; the message says where it was looked for or what is wrong in it."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A rulebook with the channels it was written for. `name` is how it was asked for.

    `parts` are all of its documents by file name, and `artifacts` is the folder of the model that goes with them.
    """

    name: str
    rulebook: Rulebook
    channels: Mapping[str, Channel]
    capacities: Mapping[str, float]
    parts: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Path = bundle.ARTIFACTS

    def recommender(self) -> Recommender:
        """What gives the answers of this edition.

        Raises
        ------
        EditionError
            If a part is missing, or the parts do not work together.
        """
        try:
            return bundle.preview(dict(self.parts), artifacts=self.artifacts).recommender
        except (bundle.BundleError, KeyError) as error:
            raise EditionError(f"{self.name} cannot answer: {error}. Build it again.") from None


class CellChange(NamedTuple):
    """Cells that one rule decided and another decides now, where the answer differs."""

    customer_type: CustomerType
    old: Rule | None
    new: Rule | None
    cells: int
    example: Facts
    customer: Mapping[str, Any] | None


class RulebookDifference(NamedTuple):
    """All changes, the largest first, and the cells there are."""

    changes: tuple[CellChange, ...]
    cells: int

    @property
    def changed(self) -> int:
        """Cells whose answer differs."""
        return sum(change.cells for change in self.changes)


def read_edition(name: str, bundles: Path) -> Edition:
    """A rulebook by folder (of `rules.yaml`, of a bundle, or with `rulebook/` in it) or by a bundle's digest.

    Raises
    ------
    EditionError
        If it is none of these, or has errors of its own.
    """
    folder = Path(name)
    if any((place / "rules.yaml").exists() for place in (folder, folder / "rulebook")):
        return _authored(name, loader.find_folders(folder))
    if (folder / "rulebook.json").exists():
        return _bundled(name, folder)
    matching = [digest for digest in bundle.available(bundles) if digest.startswith(name)]
    if len(matching) == 1:
        return _bundled(name, bundles / matching[0])
    raise EditionError(
        f"{name} is neither a folder with rules.yaml nor the digest of one bundle. `arki-bundle list` shows the bundles."
    )


def edition_of(name: str, parts: Mapping[str, Any], artifacts: Path = bundle.ARTIFACTS) -> Edition:
    """The edition of some documents, by file name as `Authored.parts` gives them."""
    channels = parts["channels.json"]
    capacities = {
        channel: float(data["capacity_per_day"])
        for channel, data in channels["channels"].items()
        if "capacity_per_day" in data
    }
    vocabulary = bundle.vocabulary_of(parts)
    return Edition(
        name,
        read_rulebook(parts["rulebook.json"], SignalContract(vocabulary)),
        read_channels(channels, vocabulary),
        capacities,
        parts,
        artifacts,
    )


def difference(
    old: Edition, new: Edition, *, day: date, inventor: Inventor | None = None
) -> RulebookDifference:
    """Every cell of facts whose answer differs on a day, by the rules that decide it, old and new.

    A rule that was only renamed, moved or rewritten to the same answer makes no difference. The cells are those of the new
    vocabulary, with the groups that either names in a rule: an old rule whose codes it lacks decides none of them.
    """
    changes: list[CellChange] = []
    cells = 0
    facts = _facts_of_both(old.rulebook.facts, new.rulebook.facts)
    for customer_type in CUSTOMER_TYPES:
        tables = (old.rulebook.tables[customer_type].on(day), new.rulebook.tables[customer_type].on(day))
        blocks = facts.blocks(customer_type)
        cells += decide(blocks, []).cells
        for boxes, was in _decided_boxes(tables[0], blocks):
            changes += _changes_within(customer_type, was, boxes, tables[1], inventor)
    changes.sort(key=lambda change: -change.cells)
    return RulebookDifference(tuple(changes), cells)


def _facts_of_both(old: FactSet, new: FactSet) -> FactSet:
    """The facts of the new vocabulary, and of both rulebooks' groups those that it has."""
    named = {
        fact.name
        for facts in (old, new)
        for kind in CUSTOMER_TYPES
        for fact in facts.of[kind]
        if fact.is_group
    }
    return FactSet(new.contract, named & set(new.vocabulary.groups))


def _decided_boxes(
    table: Table, blocks: tuple[Conditions, ...]
) -> Iterator[tuple[list[Conditions], Rule | None]]:
    """For each rule (None: no rule) the disjoint boxes of cells that it decides."""
    decided = decide_boxes(blocks, [rule.when for rule in table.rules])
    for row in sorted(decided.rows()):
        yield decided.boxes_of(row), None if row == GAP else table.rules[row]


def _changes_within(
    customer_type: CustomerType,
    was: Rule | None,
    boxes: list[Conditions],
    table: Table,
    inventor: Inventor | None,
) -> Iterator[CellChange]:
    whens = [rule.when for rule in table.rules]
    whole = decide_boxes(boxes, whens)
    for row in sorted(whole.rows()):
        now = None if row == GAP else table.rules[row]
        if was is not None and now is not None and outcome_of(was) == outcome_of(now):
            continue
        if was is None and now is None:
            continue
        decided = whole
        if was is not None and now is not None and offer_of(was) == offer_of(now):
            drawn = [box for box in boxes if "allowed" in box["personalisation"]]
            if not drawn or row not in (decided := decide_boxes(drawn, whens)).rows():
                continue  # only what is tried differs, and nobody here is in an experiment
        cells: Iterator[Cell] = decided.examples(row, {}, telling_facts(table.facts))
        facts, customer = (
            inventor.first(customer_type, cells) if inventor is not None else (next(cells), None)
        )
        yield CellChange(customer_type, was, now, decided.count(row), facts or {}, customer)


def _authored(name: str, folders: loader.Folders) -> Edition:
    authored = loader.read_authored(*folders)
    if authored.errors:
        raise EditionError(
            f"{name} has errors; `arki-rulebook check` tells them. First: {authored.errors[0]}"
        )
    return edition_of(name, authored.parts())


def _bundled(name: str, folder: Path) -> Edition:
    parts = {
        part: json.loads((folder / part).read_bytes()) for part in bundle.PARTS if (folder / part).exists()
    }
    return edition_of(name, parts, folder if "scorecard.json" in parts else bundle.ARTIFACTS)
