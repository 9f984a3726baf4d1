"""What outcomes can be counted by: every combination of rule, content, channel, language and variant that answers can name.

It follows from the rules, the catalogue and the channels alone, never from what customers did, so it may be published.
The reports of outcomes tell by it how much may still wait unseen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from models.contract.channels import Channel
from models.contract.codes import CUSTOMER_TYPES, PERSON, CustomerType, Language
from models.contract.vocabulary import Vocabulary
from models.decision.catalogue import Catalogue
from models.decision.decision_table import Rule, Rulebook
from models.decision.offers import kinds_offered, topics_of

STATUTORY: Final = ("statutory", "none")
"""Rule and channel under which content that the law wants to reach everyone is counted."""


class Combination(NamedTuple):
    """What an item of an answer is counted by, beside its language; `variant` is empty where no experiment chose it."""

    rule: str
    content: str
    channel: str
    variant: str


@dataclass(frozen=True, slots=True)
class Combinations:
    """How many combinations there are by each value of `rule`, `content`, `channel`, `language` and `variant`, and in all."""

    by: Mapping[str, Mapping[str, int]]
    total: int

    def of(self, dimension: str, value: str) -> int | None:
        """How many have a value; None where no answer can name it, as with a rule that was taken out."""
        return self.by[dimension].get(value)


def count_combinations(combinations: set[Combination], languages: Sequence[Language]) -> Combinations:
    """The numbers of a set of combinations, each of them in every language."""
    by = {
        name: {value: n * len(languages) for value, n in Counter(values).items()}
        for name, values in zip(Combination._fields, zip(*combinations, strict=True), strict=True)
    }
    by_language = dict.fromkeys(languages, len(combinations))
    return Combinations({**by, "language": by_language}, len(combinations) * len(languages))


def possible_combinations(
    rulebook: Rulebook, catalogue: Catalogue, channels: Mapping[str, Channel]
) -> set[Combination]:
    """Every combination that an answer can name, on any day, whatever the customer prefers and was shown before."""
    combinations = {
        Combination(STATUTORY[0], item.id, STATUTORY[1], "")
        for item in catalogue.items.values()
        if item.statutory and item.approved
    }
    for kind in CUSTOMER_TYPES:
        combinations.update(_offered(kind, rulebook, catalogue, channels))
    combinations.update(_campaigned(rulebook, combinations))
    return combinations


def _offered(
    kind: CustomerType, rulebook: Rulebook, catalogue: Catalogue, channels: Mapping[str, Channel]
) -> Iterator[Combination]:
    @cache
    def items(content_type: str, topic: str, channel: str) -> list[str]:
        candidates = catalogue.candidates(content_type, topic, customer_type=kind, channel=channel)
        return [item.id for item in candidates]

    for rule in rulebook.tables[kind].rules:
        topics = topics_of(rule, kind, rulebook.facts, catalogue)
        for channel, kinds, variant in _looked_for(kind, rule, channels, rulebook.facts.vocabulary):
            for content_type, topic in product(kinds, topics):
                for item in items(content_type, topic, channel):
                    yield Combination(rule.id, item, channel, variant)


def _campaigned(rulebook: Rulebook, offered: set[Combination]) -> Iterator[Combination]:
    """What campaigns add: their item in every channel, and everything that rules offer to those who are drawn into one."""
    for campaign in rulebook.campaigns.all:
        arms = ["", *(f"{campaign.id}/{arm.id}" for arm in campaign.arms())]
        channels = {each.channel for each in offered if each.rule != STATUTORY[0]}
        for channel, arm in product(channels, arms):
            yield Combination(campaign.id, campaign.item, channel, arm)
        for arm in arms[1:]:
            for each in offered:
                if each.rule != STATUTORY[0] and not each.variant:
                    yield each._replace(variant=arm)


def _looked_for(
    kind: CustomerType, rule: Rule, channels: Mapping[str, Channel], vocabulary: Vocabulary
) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Channel, kinds and variant: by the rule, by each arm of its experiment, and in each channel that one may prefer."""
    yield rule.channel, rule.content, ""
    if rule.experiment is not None:
        for arm in rule.arms():
            yield rule.channel, arm.content, f"{rule.experiment.id}/{arm.id}"
    for preferred in vocabulary.channels_for(PERSON) if kind == PERSON else ():
        if preferred != rule.channel:
            yield preferred, kinds_offered(rule, channels[preferred], vocabulary), ""
