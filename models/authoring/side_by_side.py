"""Two versions asked the same: each distinct question of a population put to both recommenders, and what differs.

Questions that the rules, the guarantees and what was stated make alike are asked once, and those are left out for which
nothing that decides their answers differs. The time of day decides nothing that is compared, so they are asked at noon.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.authoring.answer_changes import Change, Comparing
from models.authoring.impact_report import CHANGES
from models.authoring.periods import Days
from models.authoring.questions import Answerer, Population, Question, lookups_of, owed_signals, signals_of
from models.contract.channels import HELSINKI
from models.contract.codes import CUSTOMER_TYPES, CustomerType, Language
from models.contract.signals import Signals
from models.decision.campaigns import Campaign
from models.decision.catalogue import ContentItem
from models.decision.decision_table import STATED_TOPIC, Rule, Table
from models.decision.experiments import BUCKETS, Draw
from models.decision.facts import Facts
from models.decision.recommendation import Recommendation
from models.decision.recommender import Recommender

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Masks = NDArray[np.int64]

NOON: Final = time(12)


class Compared(NamedTuple):
    """What differs on some days: a bit per change and language for each row, and what is seen first, if anything."""

    days: Days
    rows: Masks
    seen: Sequence[Change | None]
    seen_of: Masks


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rules that decide a lookup in both versions (None in a gap), with all that may send it to another channel."""

    old: Rule | None
    new: Rule | None
    places: tuple[int, ...]
    concerned: tuple[str, ...]
    same: bool
    follows: bool


class SideBySide:
    """Puts the questions of a population to both versions.

    Attributes
    ----------
    languages : tuple of str
        In which they are asked: those that the new version has, by the old one's default where the old one lacks it.
    lookups : list of list of Facts
        The facts of each question's lookups, as the new version knows them.
    by_change, by_language : tuple of int
        The bits of each of `CHANGES`, one per language, and of each language, one per change.
    """

    def __init__(self, old: Recommender, new: Recommender, population: Population, limit: int) -> None:
        self.sides = (Answerer(old), Answerer(new))
        self.old, self.new, self.population, self._limit = old, new, population, limit
        self.languages: tuple[Language, ...] = tuple(new.vocabulary.languages)
        width, places = len(CHANGES), range(len(self.languages))
        self.by_change = tuple(sum(1 << width * place + at for place in places) for at in range(width))
        self.by_language = tuple(((1 << width) - 1) << width * place for place in places)
        self._touching = None if _differ_elsewhere(old, new) else _differing_items(old, new)
        self.lookups = [lookups_of(question, new.facts) for question in population.questions]
        self._old_lookups = self.lookups
        if old.vocabulary != new.vocabulary or _names(old) != _names(new):
            self._old_lookups = [lookups_of(question, old.facts) for question in population.questions]
        self._chosen: dict[CustomerType, tuple[tuple[Table, ...], dict[tuple[str, ...], Chosen]]] = {}

    def compare(self, days: Days) -> Compared:
        """What differs for each row of the population on some days."""
        comparing = Comparing(self.old.channels, self.new.channels, *days)
        chosen = [self.chosen(at, days.start) for at in range(len(self.lookups))]
        changes: dict[Change | None, int] = {None: 0}
        questions = self.population.questions

        def answers(at: int, draw: Draw | None, language: Language) -> list[Recommendation | None]:
            return [self.ask(side, questions[at], days.start, language, draw) for side in self.sides]

        def owing(at: int, _draw: Draw | None, language: Language) -> list[Recommendation | None]:
            signals = owed_signals(self.population.owed[at])
            return [
                _answer(side.recommender, signals, days.start, language, self._limit) for side in self.sides
            ]

        no_duty = self._touching is not None and not any(item.statutory for item in self._touching)
        owed = [None if no_duty else owed for owed in self.population.owed]
        items = _each_once(
            self._keys(chosen, _items_key, self._may_differ, days.start),
            answers,
            comparing.items,
            _draws(chosen, self._running(days.start)),
            changes,
            self.languages,
        )
        human = _each_once(
            self._keys(chosen, _human_key, self._human_may_differ, days.start),
            answers,
            comparing.human,
            [None],
            changes,
            self.languages,
        )
        statutory = _each_once(owed, owing, comparing.statutory, [None], changes, self.languages)
        of, to = self.population.question_of, self.population.owed_of
        masks, firsts = np.stack([items[:, of], human[:, of], statutory[:, to]], axis=1)
        return Compared(
            days,
            np.bitwise_or.reduce(masks),
            list(changes),
            np.take_along_axis(firsts, (firsts > 0).argmax(axis=0)[None], axis=0)[0],
        )

    def ask(
        self, side: Answerer, question: Question, day: date, language: Language, draw: Draw | None = None
    ) -> Recommendation | None:
        """A version's answer to a question at noon of a day; None in a gap of an unsound draft."""
        return _answer(side.stating(question), signals_of(question), day, language, self._limit, draw)

    def chosen(self, at: int, day: date) -> list[Chosen]:
        """What decides for each lookup of a question, in both versions."""
        kind = self.population.questions[at].customer_type
        tables = tuple(recommender.rulebook.tables[kind].on(day) for recommender in (self.old, self.new))
        if kind not in self._chosen or self._chosen[kind][0] != tables:
            self._chosen[kind] = (tables, {})
        known = self._chosen[kind][1]
        choices = []
        for was, now in zip(self._old_lookups[at], self.lookups[at], strict=True):
            cell = tuple(now.values()) if was is now else (*was.values(), *now.values())
            if cell not in known:
                known[cell] = self._choose(kind, tables, (was, now))
            choices.append(known[cell])
        return choices

    def item_keys(self, day: date) -> list[Hashable]:
        """For each question a key; questions of one key are offered the same items."""
        chosen = [self.chosen(at, day) for at in range(len(self.lookups))]
        return self._keys(chosen, _items_key, lambda *_: True, day)

    def _choose(self, kind: CustomerType, tables: Sequence[Table], known: tuple[Facts, Facts]) -> Chosen:
        """What decides for facts, as the old and as the new version knows them."""
        rules = [_rule(table, facts) for table, facts in zip(tables, known, strict=True)]
        # An id is a cheap name of a rule, and a safe one: both tables live longer than the keys that are made of it.
        places = tuple(-1 if rule is None else id(rule) for rule in rules)
        concerned = tuple(
            guarantee.id
            for recommender, facts in zip((self.old, self.new), known, strict=True)
            for guarantee in recommender.rulebook.guarantees
            if guarantee.customer_type == kind and guarantee.concerns(facts)
        )
        follows = any(rule is not None and rule.topic == STATED_TOPIC for rule in rules)
        return Chosen(rules[0], rules[1], places, concerned, rules[0] == rules[1], follows)

    def _may_differ(self, question: Question, facts: Facts, chosen: Chosen) -> bool:
        """Whether what a lookup offers may differ: its rules do, or an item that differs is of a kind and topic of theirs."""
        if self._touching is None or not chosen.same or chosen.old is None:
            return True
        rule, catalogue, kind = chosen.old, self.old.catalogue, question.customer_type
        stated = catalogue.stated_topic(kind, facts.get("life_event"), facts["open_matter"])
        kinds = {content for arm in rule.arms() for content in arm.content}
        if question.preferred in self.old.channels:
            kinds.add(self.old.channels[question.preferred].card)
        return self._touched(kind, kinds, stated if rule.topic == STATED_TOPIC else rule.topic)

    def _human_may_differ(self, question: Question, _facts: Facts, chosen: Chosen) -> bool:
        """Whether the human channel may differ: the rules do, or an item that differs may be the card of one."""
        if self._touching is None or not chosen.same or chosen.old is None:
            return True
        kind = question.customer_type
        cards = {channel.card for channel in self.old.channels.values() if channel.human}
        return self._touched(kind, cards, self.old.vocabulary.starts[kind])

    def _touched(self, kind: CustomerType, kinds: set[str], topic: str) -> bool:
        near = set(self.old.catalogue.topic_chain(topic))
        return any(
            item.is_for(kind) and item.type in kinds and not near.isdisjoint(item.topics)
            for item in self._touching or ()
        )

    def _keys(
        self,
        chosen: Sequence[Sequence[Chosen]],
        key: Callable[..., Hashable],
        may_differ: Callable[[Question, Facts, Chosen], bool],
        day: date,
    ) -> list[Hashable]:
        """A key of each question; None where nothing that decides its answer differs, so that it need not be asked."""
        return [
            (key(question, lookups, rules), self._met(at, day))
            if any(map(partial(may_differ, question), lookups, rules))
            else None
            for at, (question, lookups, rules) in enumerate(
                zip(self.population.questions, self.lookups, chosen, strict=True)
            )
        ]

    def _met(self, at: int, day: date) -> tuple[str | None, ...]:
        """The campaign of each version that a customer who asks a question meets on a day."""
        kind = self.population.questions[at].customer_type
        met = (
            side.rulebook.campaigns.meeting(kind, lookups[at], day)
            for side, lookups in ((self.old, self._old_lookups), (self.new, self.lookups))
        )
        return tuple(None if campaign is None else campaign.id for campaign in met)

    def _running(self, day: date) -> list[Campaign]:
        """The campaigns of both versions that run on a day."""
        return [
            campaign
            for side in (self.old, self.new)
            for kind in CUSTOMER_TYPES
            for campaign in side.rulebook.campaigns.running(kind, day)
        ]


def _rule(table: Table, facts: Facts) -> Rule | None:
    try:
        return table.choose(facts)
    except LookupError:
        return None


def _names(recommender: Recommender) -> list[tuple[str, ...]]:
    """The facts that a version's rules are about, groups among them."""
    return [tuple(fact.name for fact in recommender.facts.of[kind]) for kind in CUSTOMER_TYPES]


def _differ_elsewhere(old: Recommender, new: Recommender) -> bool:
    """Whether anything but rules and their items differs, so that any answer may: the order of the items is such a thing."""
    one, other = old.catalogue.items, new.catalogue.items
    added = {campaign.item for campaign in new.rulebook.campaigns.all}
    return (
        [name for name in one if name in other] != [name for name in other if name in one]
        or old.vocabulary != new.vocabulary
        or old.channels != new.channels
        or old.texts != new.texts
        or old.rulebook.guarantees != new.rulebook.guarantees
        or old.rulebook.campaigns.all != new.rulebook.campaigns.all
        or any(old.catalogue.items.get(name) != new.catalogue.items.get(name) for name in added)
    )


def _differing_items(old: Recommender, new: Recommender) -> list[ContentItem]:
    """The items that differ, as they are in either version."""
    one, other = old.catalogue.items, new.catalogue.items
    return [
        items[name]
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
        for items in (one, other)
        if name in items
    ]


def _items_key(question: Question, lookups: Sequence[Facts], rules: Sequence[Chosen]) -> Hashable:
    """All that the items of an answer may depend on.

    A guarantee matters to a preferred channel alone, and what was stated to a rule whose topic follows it.
    """
    stated = [
        (
            each.places,
            each.follows and (facts.get("life_event"), facts["open_matter"]),
            question.preferred and each.concerned,
        )
        for facts, each in zip(lookups, rules, strict=True)
    ]
    return (question.customer_type, lookups[0]["personalisation"], question.preferred, *stated)


def _human_key(question: Question, _lookups: Sequence[Facts], rules: Sequence[Chosen]) -> Hashable:
    """All that the human channel of an answer may depend on: the first rule, and whether a customer can log in to it."""
    return (question.customer_type, question.strong_identification == "yes", rules[0].places)


def _answer(
    recommender: Recommender,
    signals: Signals,
    day: date,
    language: Language,
    limit: int,
    draw: Draw | None = None,
) -> Recommendation | None:
    at = datetime.combine(day, NOON, HELSINKI)
    language = (
        language if language in recommender.vocabulary.languages else recommender.vocabulary.default_language
    )
    try:
        return recommender.recommend([signals], at=at, language=language, limit=limit, draw=draw)[0]
    except LookupError:
        return None


def _draws(chosen: Iterable[Sequence[Chosen]], running: Iterable[Campaign]) -> list[Draw | None]:
    """A draw for each bucket in which some experiment or campaign of either version offers something else."""
    experiments = {
        rule.experiment.id: rule.experiment
        for rules in chosen
        for each in rules
        for rule in (each.old, each.new)
        if rule is not None and rule.experiment is not None
    }
    # Between two cuts every experiment offers the same variant, so one bucket of each stretch stands for all of it.
    cuts = {0}
    for experiment in experiments.values():
        end = 0
        for share in (experiment.control_share, *(variant.share for variant in experiment.variants)):
            end += share * BUCKETS // 100
            cuts.add(end)
    cuts.update(campaign.control_share * BUCKETS // 100 for campaign in running)
    if cuts == {0}:
        return [None]
    return [partial(_bucket, cut) for cut in sorted(cuts - {BUCKETS})]


def _bucket(bucket: int, _experiment: str) -> int:
    return bucket


def _each_once(
    keys: Sequence[Hashable],
    ask: Callable[[int, Draw | None, Language], list[Recommendation | None]],
    differ: Callable[[Recommendation | None, Recommendation | None], Iterator[Change]],
    draws: Sequence[Draw | None],
    changes: dict[Change | None, int],
    languages: Sequence[Language],
) -> Masks:
    """For each entry a bit per change and language, and the number of the first change; shape (2, n_entries).

    Each key is asked once.
    """
    met: dict[Hashable, tuple[int, int]] = {None: (0, 0)}
    masks = np.zeros((2, len(keys)), np.int64)
    for at, key in enumerate(keys):
        if key not in met:
            mask, first = 0, 0
            for place, language in enumerate(languages):
                for draw in draws:
                    for change in differ(*ask(at, draw, language)):
                        mask |= 1 << len(CHANGES) * place + CHANGES.index(change.change)
                        first = first or changes.setdefault(change, len(changes))
            met[key] = (mask, first)
        masks[:, at] = met[key]
    return masks
