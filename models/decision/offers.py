"""What a rule offers in a channel, and why each other item of the catalogue is not offered: the first gate it failed.

An item passes gates in this order: it is approved, for such customers, not statutory (those have a list of their own), of a
kind that is looked for, fit for the channel, on the topic or one above it, valid on the day, in the language asked for
where another on its topic is, not shown before, the first of its equals, of a channel and kind that whoever asks can show,
and within the limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, NamedTuple

from models.contract.channels import Channel
from models.contract.codes import UNKNOWN, CustomerType, Language
from models.contract.vocabulary import Vocabulary
from models.decision.catalogue import Catalogue, ContentItem
from models.decision.decision_table import STATED_TOPIC, Rule
from models.decision.experiments import Assignment, Draw, arm_of
from models.decision.fact_set import FactSet
from models.decision.facts import Facts
from models.decision.query import EVERYTHING, Showable

GATES: Final = (
    "draft",
    "audience",
    "statutory",
    "kind",
    "channel",
    "topic",
    "validity",
    "language",
    "shown",
    "outranked",
    "restricted",
    "limit",
)
"""In the order in which an item passes them."""


class Offer(NamedTuple):
    """What one lookup comes to: the rule that decides, in which channel it is offered, and on which topic."""

    rule: Rule
    channel: Channel
    topic: str


class Sought(NamedTuple):
    """One kind of content that a lookup looks for."""

    kind: str
    topic: str
    channel: str


class WhyNot(NamedTuple):
    """An item that is not offered, and the first gate it failed where it came furthest."""

    content: str
    gate: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom the items are for: the request's wishes that choose among items."""

    customer_type: CustomerType
    language: Language
    day: date
    shown: Collection[str]
    limit: int
    showable: Showable = EVERYTHING


def kinds_offered(rule: Rule, channel: Channel, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The rule's kinds of content; in a preferred channel, how to reach it and then what that channel carries.

    Easy language leads wherever it is offered, so that no limit drops it.
    """
    if channel.id == rule.channel:
        return rule.content
    carried = [kind for kind in rule.content if kind in channel.carries and kind != channel.card]
    easy = [kind for kind in carried if vocabulary.content_types[kind].easy]
    return (*easy, channel.card, *(kind for kind in carried if kind not in easy))


def topic_for(rule: Rule, customer_type: CustomerType, facts: Facts, catalogue: Catalogue) -> str:
    """The topic on which a rule looks for content for a customer: its own, or that of what the customer stated."""
    if rule.topic != STATED_TOPIC:
        return rule.topic
    return catalogue.stated_topic(customer_type, facts.get("life_event"), facts.get("open_matter"))


def topics_of(rule: Rule, customer_type: CustomerType, facts: FactSet, catalogue: Catalogue) -> set[str]:
    """Every topic on which a rule may look for content: its own, or those of what its customers may have stated."""
    if rule.topic != STATED_TOPIC:
        return {rule.topic}
    values = {fact.name: fact.values for fact in facts.of[customer_type]}
    return {
        catalogue.stated_topic(customer_type, event, matter)
        for event in rule.when.get("life_event", values.get("life_event", (UNKNOWN,)))
        for matter in rule.when.get("open_matter", values["open_matter"])
    }


def drawn(offers: list[Offer], draw: Draw) -> tuple[list[Offer], Assignment | None]:
    """The offers of an answer with the content that a customer is drawn into.

    An answer takes part in one experiment at most, the first that its rules meet, so that no two mix in what follows. Who
    is answered in a channel of their own choice, not the rule's, takes part in none.
    """
    for rule, channel, _ in offers:
        if rule.experiment and channel.id == rule.channel:
            arm = arm_of(rule.arms(), draw(rule.experiment.id))
            tried = replace(rule, content=arm.content)
            assignment = Assignment(rule.id, rule.experiment.id, arm.id, arm.share / 100)
            return [
                offer._replace(rule=tried) if offer.rule is rule else offer for offer in offers
            ], assignment
    return offers, None


def why_not(catalogue: Catalogue, sought: Sequence[Sought], wanted: Wanted) -> list[WhyNot]:
    """Each item of the catalogue that is not offered, by id, with the first gate it failed.

    Parameters
    ----------
    catalogue : Catalogue
    sought : sequence of Sought
        What the lookups look for, in order.
    wanted : Wanted
    """
    picked = _picked(catalogue, sought, wanted)
    offered = {item.id for want, item, reached in picked if item and reached and _is_showable(want, wanted)}
    return [
        WhyNot(item.id, _gate(item, catalogue, picked, wanted))
        for _, item in sorted(catalogue.items.items())
        if item.id not in offered
    ]


_Picked = tuple[Sought, ContentItem | None, bool]


def _picked(catalogue: Catalogue, sought: Iterable[Sought], wanted: Wanted) -> list[_Picked]:
    """What is picked for each, and whether the limit let it be reached."""
    picked: list[_Picked] = []
    offered: set[str] = set()
    for want in sought:
        reached = len(offered) < wanted.limit
        item = catalogue.pick(
            want.kind,
            want.topic,
            customer_type=wanted.customer_type,
            channel=want.channel,
            language=wanted.language,
            day=wanted.day,
            shown=wanted.shown,
        )
        picked.append((want, item, reached))
        if reached and item is not None and _is_showable(want, wanted):
            offered.add(item.id)
    return picked


def _is_showable(want: Sought, wanted: Wanted) -> bool:
    return wanted.showable.has(want.channel, want.kind)


def _gate(item: ContentItem, catalogue: Catalogue, picked: list[_Picked], wanted: Wanted) -> str:
    if not item.approved or not item.languages:
        return "draft"
    if not item.is_for(wanted.customer_type):
        return "audience"
    if item.statutory:
        return "statutory"
    gates = [_gate_within(item, catalogue, one, wanted) for one in picked if one[0].kind == item.type]
    return max(gates, key=GATES.index, default="kind")


def _gate_within(item: ContentItem, catalogue: Catalogue, picked: _Picked, wanted: Wanted) -> str:
    """The first gate failed where an item's kind was looked for."""
    want, best, _ = picked
    chain = catalogue.topic_chain(want.topic)
    if not item.fits(want.channel):
        return "channel"
    near = next((topic for topic in chain if topic in item.topics), None)
    if near is None:
        return "topic"
    if not item.holds_on(wanted.day):
        return "validity"
    nearest = best and next(topic for topic in chain if topic in best.topics)
    if not item.spoken.get(wanted.language) or (
        best and near == nearest and _spoken_better(best, item, catalogue, wanted)
    ):
        return "language"
    return _gate_of_wishes(item, picked, wanted)


def _spoken_better(best: ContentItem, item: ContentItem, catalogue: Catalogue, wanted: Wanted) -> bool:
    """Whether one item exists in a language nearer to the one asked for than another does."""
    ranks = catalogue.vocabulary.chain(wanted.language)
    return ranks.index(best.spoken[wanted.language]) < ranks.index(item.spoken[wanted.language])


def _gate_of_wishes(item: ContentItem, picked: _Picked, wanted: Wanted) -> str:
    """The first gate failed of those that whoever asks has set."""
    want, best, reached = picked
    if item.id in wanted.shown:
        return "shown"
    last = "outranked" if reached else "limit"
    return "restricted" if item is best and not _is_showable(want, wanted) else last
