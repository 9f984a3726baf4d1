"""Rulebook lookup on columns: codes of facts in, offers out, by the same bit masks as one row's lookup.

An offer is one number: the rule, whether the preferred channel replaces the rule's own, and the topic. Each distinct one
is turned into an `Offer` once. Used by `training.scoring.scorer` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.columns.facts import FactColumns
from models.columns.signals import MISSING, Codes, Flags
from models.contract.channels import in_use
from models.contract.codes import PERSON, CustomerType
from models.decision.decision_table import STATED_TOPIC, Guarantee
from models.decision.fact_forms import Fact
from models.decision.offers import Offer, kinds_offered
from models.decision.recommender import Recommender

_WORD: Final = 64
_ONES: Final = (1 << _WORD) - 1
Words = list[NDArray[np.uint64]]
"""A bit mask per customer, 64 bits at a time; bits are rules, or guarantees."""


class RuleColumns:
    """The decision table of one customer type on a day.

    `offers` is the number of offers there could be; each is below it.
    """

    def __init__(self, recommender: Recommender, customer_type: CustomerType, day: date) -> None:
        self._recommender, self._type = recommender, customer_type
        facts = recommender.facts.of[customer_type]
        table = recommender.rulebook.tables[customer_type].on(day)
        self.rules = table.rules
        guarantees = [g for g in recommender.rulebook.guarantees if g.customer_type == customer_type]
        self._accepts = _Masks(facts, table.masks, len(self.rules))
        self._concerns = _Masks(facts, _masks_of(facts, guarantees), len(guarantees))
        self._breaks = np.array(
            [_words([not g.kept_by(rule.channel, rule.content) for g in guarantees]) for rule in self.rules]
        )
        self._channels = tuple(recommender.channels)
        # For each channel that may be preferred its own position, and that of what took its place by the day, if anything did.
        preferred = recommender.contract.signals[PERSON]["preferred_channel"].values
        self._named = np.array([self._channels.index(name) for name in preferred], np.int32)
        self._serving = np.array([self._position_in_use(name, day) for name in preferred], np.int32)
        vocabulary = recommender.vocabulary
        self._forbids = np.array(
            [
                [
                    _words(
                        not g.kept_by(channel.id, kinds_offered(rule, channel, vocabulary))
                        for g in guarantees
                    )
                    for channel in recommender.channels.values()
                ]
                for rule in self.rules
            ]
        )
        self._rule_channel = np.array([self._channels.index(rule.channel) for rule in self.rules], np.int32)
        self._follows = np.array([rule.topic == STATED_TOPIC for rule in self.rules])
        self._topics, self._topic_of = self._stated_topics()
        self.offers = len(self.rules) * (1 + len(self._channels)) * (1 + len(self._topics))

    def choose(
        self,
        part: FactColumns,
        codes: Codes,
        preferred: Codes,
        *,
        at: NDArray[np.int64] | slice = slice(None),
        closed: frozenset[str] = frozenset(),
    ) -> NDArray[np.int64]:
        """The offer of each customer's lookup.

        Parameters
        ----------
        part : FactColumns
        codes : ndarray of shape (n_asked,)
            Code of the varying fact.
        preferred : ndarray of shape (n_customers,)
            Position of the preferred channel in its signal's values; `MISSING` where none may be used.
        at : ndarray of shape (n_asked,) or slice
            The customers asked about.
        closed : set of str
            Channels without room; the next rule that applies and breaks no guarantee is taken, if there is one.
        """
        facts = part.lookup(codes, at)
        hits = self._accepts.of(facts)
        rule = _first(hits)
        wants, wished = self._wishes(preferred[at], rule)
        concerns = self._concerns.of({name: values[wants] for name, values in facts.items()})
        allowed = ~_any(concerns, self._forbids[rule[wants], wished])
        channel = np.zeros(len(rule), np.int64)
        channel[wants[allowed]] = wished[allowed] + 1
        if closed:
            self._move(rule, channel, hits, facts, closed)
        topic = np.where(self._follows[rule], self._topic_of[self._stated_cell(facts)] + 1, 0)
        return (rule * (1 + len(self._channels)) + channel) * (1 + len(self._topics)) + topic

    def offer(self, number: int) -> Offer:
        """The offer of a number."""
        number, topic = divmod(number, 1 + len(self._topics))
        at, channel = divmod(number, 1 + len(self._channels))
        rule = self.rules[at]
        return Offer(
            rule,
            self._recommender.channels[self._channels[channel - 1] if channel else rule.channel],
            self._topics[topic - 1] if topic else rule.topic,
        )

    def _wishes(
        self, preferred: Codes, rule: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Who wishes for another channel than the rule's, and which that is, or what took its place."""
        asking = np.flatnonzero(preferred >= 0)
        named, serving = self._named[preferred[asking]], self._serving[preferred[asking]]
        own = self._rule_channel[rule[asking]]
        other = (serving >= 0) & (named != own) & (serving != own)
        return asking[other], serving[other]

    def _position_in_use(self, name: str, day: date) -> int:
        """Position of the channel that serves in the place of one on a day; `MISSING` where none does any more."""
        channels = self._recommender.channels
        serving = in_use(channels, name, day)
        return MISSING if channels[serving].is_retired(day) else self._channels.index(serving)

    def _move(
        self,
        rule: NDArray[np.int64],
        channel: NDArray[np.int64],
        hits: Words,
        facts: Mapping[str, Codes],
        closed: frozenset[str],
    ) -> None:
        """Where the channel offered is closed, put the next open one that keeps every guarantee, in place."""
        shut = np.array([name in closed for name in self._channels])
        preferred_shut = (channel > 0) & shut[channel - 1]
        # A wish for a full channel is not a reason to leave the rule: its own channel may still have room.
        channel[preferred_shut] = 0
        own_shut = np.array([each.channel in closed for each in self.rules])
        moving = np.flatnonzero((channel == 0) & own_shut[rule])
        if not len(moving):
            return
        # A rule whose channel is full can take nobody, so its bit goes for all at once. The rule that each customer has goes with
        # it, for they move because its channel is full.
        barred = _words(own_shut)
        open_hits = [word[moving] & ~mask for word, mask in zip(hits, barred, strict=True)]
        concerns = self._concerns.of({name: values[moving] for name, values in facts.items()})
        # Each turn tries the next rule of everyone who is left, so there are at most as many turns as rules. Whoever has none left
        # keeps the rule they had: a guarantee outranks room.
        for _ in self.rules:
            left = np.flatnonzero(np.logical_or.reduce([word != 0 for word in open_hits]))
            if not len(left):
                return
            next_rule = _first([word[left] for word in open_hits])
            allowed = ~_any([word[left] for word in concerns], self._breaks[next_rule])
            rule[moving[left[allowed]]] = next_rule[allowed]
            # The rule just tried is crossed out, and for those who got it all others too: an empty mask is what ends the turns.
            for at, word in enumerate(open_hits):
                bit = np.where(
                    next_rule // _WORD == at,
                    np.left_shift(np.uint64(1), (next_rule % _WORD).astype(np.uint64)),
                    np.uint64(0),
                )
                word[left] &= ~bit
                word[left[allowed]] = 0

    def _stated_cell(self, facts: Mapping[str, Codes]) -> Codes:
        matter = facts["open_matter"]
        if self._type != PERSON:
            return matter
        return facts["life_event"] * len(self._values("open_matter")) + matter

    def _stated_topics(self) -> tuple[list[str], NDArray[np.int64]]:
        """Every topic that something stated leads to, and its position by what was stated."""
        events = self._values("life_event") if self._type == PERSON else (None,)
        named = [
            self._recommender.catalogue.stated_topic(self._type, event, matter)
            for event in events
            for matter in self._values("open_matter")
        ]
        topics = sorted(set(named))
        return topics, np.array([topics.index(topic) for topic in named])

    def _values(self, name: str) -> tuple[str, ...]:
        return self._recommender.facts.fact(self._type, name).values


class _Masks:
    """Per fact and value the conditions that accept it, as words of 64 bits."""

    def __init__(self, facts: Sequence[Fact], masks: Mapping[str, Mapping[str, int]], count: int) -> None:
        self._words = range(max(1, -(-count // _WORD)))
        every = (1 << count) - 1
        self._tables = {
            fact.name: [
                np.array([masks[fact.name][v] >> _WORD * word & _ONES for v in fact.values], np.uint64)
                for word in self._words
            ]
            for fact in facts
            if any(masks[fact.name][v] != every for v in fact.values)
        }
        self._every = [np.uint64(every >> _WORD * word & _ONES) for word in self._words]

    def of(self, facts: Mapping[str, Codes]) -> Words:
        """The conditions that hold for each customer."""
        count = len(next(iter(facts.values())))
        words = [np.full(count, every) for every in self._every]
        for name, tables in self._tables.items():
            for at, table in enumerate(tables):
                words[at] &= table[facts[name]]
        return words


def _masks_of(facts: Sequence[Fact], guarantees: Sequence[Guarantee]) -> dict[str, dict[str, int]]:
    return {
        fact.name: {
            value: sum(
                1 << at for at, g in enumerate(guarantees) if value in g.every.get(fact.name, fact.values)
            )
            for value in fact.values
        }
        for fact in facts
    }


def _first(hits: Words) -> NDArray[np.int64]:
    """Position of the lowest bit. A checked table has no gap, so there is one."""
    position = np.zeros(len(hits[0]), np.int64)
    for at in range(len(hits) - 1, -1, -1):
        word = hits[at]
        # What is below the lowest bit, counted: 64 where the word is empty, which the next line passes over.
        lowest = np.bitwise_count((word & (~word + np.uint64(1))) - np.uint64(1))
        position = np.where(word != 0, at * _WORD + lowest.astype(np.int64), position)
    return position


def _any(hits: Words, others: NDArray[np.uint64]) -> Flags:
    """Whether two masks share a bit; `others` has the shape (n_customers, n_words)."""
    return np.asarray(np.logical_or.reduce([(word & others[:, at]) != 0 for at, word in enumerate(hits)]))


def _words(flags: Iterable[bool]) -> list[np.uint64]:
    flags = list(flags)
    mask = sum(1 << at for at, flag in enumerate(flags) if flag)
    return [np.uint64(mask >> _WORD * word & _ONES) for word in range(max(1, -(-len(flags) // _WORD)))]
