"""The one way from signals to a recommendation; the API, the console and batch scoring all call it.

Signals -> prediction, or none -> facts to look up -> one rule each -> items of the catalogue -> `Recommendation` with
reasons and versions. Whatever happens here is a function of the bundle and the arguments alone: nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from models.contract.channels import HELSINKI, Channel, human_channel
from models.contract.codes import CUSTOMER_TYPES, CustomerType, Language
from models.contract.segments import PERSON_SEGMENTS, Segment
from models.contract.signals import Signals
from models.decision.caches import BoundedCache
from models.decision.catalogue import Catalogue, ContentItem, same_until
from models.decision.combinations import Combinations, count_combinations, possible_combinations
from models.decision.decision_table import Rule, Rulebook
from models.decision.experiments import Assignment, Draw
from models.decision.facts import (
    Facts,
    is_identified,
    lookups,
    may_personalise,
    neutral_signals,
    statutory_benefits,
)
from models.decision.mapping import MappingRow, mapping_rows
from models.decision.offers import Offer, Sought, Wanted, WhyNot, drawn, kinds_offered, topic_for, why_not
from models.decision.recommendation import (
    Content,
    Explanation,
    HumanChannel,
    Item,
    LookupTrace,
    Offered,
    Reason,
    Recommendation,
    SegmentAnswer,
    SegmentReason,
    StatutoryItem,
    Versions,
)
from models.decision.scorecard import Contribution, Prediction, Scorecard

REASONS_SHOWN: Final = 3
MOST_OFFERED: Final = 1_024
MOST_OWED: Final = 1_024
"""Statutory items of a bundle, each in three languages; no catalogue has as many."""


class OfferCache:
    """What the answers of one bundle share: it follows from rules, content and the minute, never from who is asked about.

    Attributes
    ----------
    offered : BoundedCache of Offered
        Items and human channel of some offers in a minute.
    owed : BoundedCache of StatutoryItem
        By item and language.
    combinations : BoundedCache of Combinations
        The one count of the bundle.
    """

    __slots__ = ("combinations", "offered", "owed")

    def __init__(self) -> None:
        self.offered: BoundedCache[Offered] = BoundedCache(MOST_OFFERED)
        self.owed: BoundedCache[StatutoryItem] = BoundedCache(MOST_OWED)
        self.combinations: BoundedCache[Combinations] = BoundedCache(1)


@dataclass(frozen=True, slots=True)
class Recommender:
    """Everything one answer is made from, of one bundle."""

    scorecard: Scorecard
    rulebook: Rulebook
    catalogue: Catalogue
    channels: Mapping[str, Channel]
    texts: Mapping[str, Any]
    versions: Versions
    cache: OfferCache = field(default_factory=OfferCache, repr=False, compare=False)

    def recommend(
        self,
        customers: Sequence[Signals],
        *,
        at: datetime,
        language: Language = "fi",
        limit: int = 3,
        shown: Collection[str] = (),
        draw: Draw | None = None,
    ) -> list[Recommendation]:
        """A recommendation for each customer, in order.

        Parameters
        ----------
        customers : sequence of Signals
        at : datetime
            The aware moment the answer is made for, to the second; decides validity and opening hours.
        language : {"fi", "sv", "en"}
            Of texts and, where it exists, content. Chooses nothing else.
        limit : int
            At most so many items, 1 to 10. Nothing is padded.
        shown : collection of str
            At most 50 content ids already shown; they are left out, statutory ones excepted.
        draw : Draw, optional
            Of the one customer asked about; without it, every rule offers its own content.
        """
        query = _query(at, language, limit, shown, draw)
        return [self._recommend(signals, self._predict(signals), query) for signals in customers]

    def offered(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        *,
        at: datetime,
        language: Language = "fi",
        limit: int = 3,
        identified: bool = False,
    ) -> Offered:
        """The items of some offers in order, and what goes with them; batch scoring asks once for all alike.

        `identified` says whether the customers are known to have strong identification: it decides their human channel.
        """
        return self._offered(customer_type, offers, _query(at, language, limit), identified=identified)

    def degraded(
        self, signals: Signals, *, at: datetime, language: Language = "fi", limit: int = 3
    ) -> Recommendation:
        """The neutral answer, marked so, for when making the real one failed. The model is not asked."""
        return self._recommend(neutral_signals(signals), None, _query(at, language, limit, degraded=True))

    def explain(
        self,
        signals: Signals,
        *,
        at: datetime,
        language: Language = "fi",
        limit: int = 3,
        shown: Collection[str] = (),
        draw: Draw | None = None,
        degraded: bool = False,
    ) -> Explanation:
        """The same recommendation with every contribution, every rule passed over and why no other item is offered.

        `degraded` explains the neutral answer that `degraded` gives; the model is not asked.
        """
        query = _query(at, language, limit, () if degraded else shown, draw, degraded=degraded)
        signals = neutral_signals(signals) if degraded else signals
        prediction = None if degraded else self._predict(signals)
        table = self.rulebook.tables[signals.customer_type].on(query.day)
        looked_up = lookups(signals, prediction)
        offers, _ = self._offers(signals, looked_up, query)
        contributions: tuple[Contribution, ...] = ()
        if prediction is not None:
            towards = (
                prediction.segment or PERSON_SEGMENTS[prediction.probabilities.index(prediction.probability)]
            )
            contributions = tuple(self.scorecard.contributions(signals, towards))
        return Explanation(
            recommendation=self._recommend(signals, prediction, query),
            probabilities={}
            if prediction is None
            else dict(zip(map(str, PERSON_SEGMENTS), prediction.probabilities, strict=True)),
            abstained=prediction is not None and prediction.segment is None,
            contributions=contributions,
            lookups=tuple(
                LookupTrace(facts, offer.rule.id, offer.channel.id, tuple(table.passed_over(facts)))
                for facts, offer in zip(looked_up, offers, strict=True)
            ),
            why_not=tuple(self._why_not(signals.customer_type, offers, query)),
        )

    def mapping(self, fixed: Mapping[str, str] | None = None, *, day: date = date.max) -> list[MappingRow]:
        """Who gets what on a day: each segment with each value of each other fact, `fixed` facts as given, the rest unknown."""
        return [row for kind in CUSTOMER_TYPES for row in mapping_rows(self.rulebook, kind, fixed or {}, day)]

    def combinations(self) -> Combinations:
        """How many combinations of rule, content, channel, language and variant answers can name; counted once."""
        return self.cache.combinations.value(
            None,
            lambda: count_combinations(possible_combinations(self.rulebook, self.catalogue, self.channels)),
        )

    def _predict(self, signals: Signals) -> Prediction | None:
        """The model's answer; None for an employer, an objector and a minor: the model is not asked."""
        if signals.customer_type == "employer" or not may_personalise(signals):
            return None
        return self.scorecard.predict(signals)

    def _recommend(self, signals: Signals, prediction: Prediction | None, query: _Query) -> Recommendation:
        offers, assignment = self._offers(signals, lookups(signals, prediction), query)
        identified = is_identified(signals)
        offered = self._offered(signals.customer_type, offers, query, identified=identified)
        statutory, statutory_until = self._statutory(signals, query)
        segment = self._segment(signals, prediction, query.language)
        return Recommendation(
            personalised=not query.degraded and _is_personalised(signals, prediction),
            degraded=query.degraded,
            notice=self.texts["notice"][query.language],
            as_of=query.at,
            valid_until=min(offered.valid_until, statutory_until),
            items=offered.items,
            statutory=statutory,
            human_channel=offered.human_channel,
            segment=None if query.degraded else segment,
            versions=self.versions,
            language=query.language,
            limit=query.limit,
            shown=query.shown,
            experiment=assignment
            and next((assignment for item in offered.items if item.reason.rule == assignment.rule), None),
            drawn=assignment,
        )

    def _offers(
        self, signals: Signals, looked_up: Sequence[Facts], query: _Query
    ) -> tuple[list[Offer], Assignment | None]:
        """What each lookup comes to, with the content that was drawn; nobody who objected and no minor is drawn."""
        table = self.rulebook.tables[signals.customer_type].on(query.day)
        offers = []
        for facts in looked_up:
            rule = table.choose(facts)
            topic = topic_for(rule, signals.customer_type, facts, self.catalogue)
            offers.append(Offer(rule, self._channel(signals, facts, rule), topic))
        if query.draw is None or not may_personalise(signals):
            return offers, None
        return drawn(offers, query.draw)

    def _statutory(self, signals: Signals, query: _Query) -> tuple[tuple[StatutoryItem, ...], date]:
        """What the law attaches to the benefits that are named, and until when; which were named together is not kept."""
        language, benefits, latest = query.language, statutory_benefits(signals), self._latest(query.day)
        if not benefits:
            return (), latest
        wanted: Any = {"customer_type": signals.customer_type, "language": language, "day": query.day}
        until = self.catalogue.statutory_until(benefits, **wanted, latest=latest)
        return tuple(
            self._owed(item, language) for item in self.catalogue.statutory(benefits, **wanted)
        ), until

    def _owed(self, item: ContentItem, language: Language) -> StatutoryItem:
        return self.cache.owed.value(
            (item.id, language), lambda: StatutoryItem(item.type, _content(item, language))
        )

    def _offered(
        self, customer_type: CustomerType, offers: Sequence[Offer], query: _Query, *, identified: bool
    ) -> Offered:
        """Items and human channel of some offers, which are the same for a minute, whoever the customer is."""
        # What was shown differs from customer to customer: it would fill the cache and rarely be found again.
        if query.shown:
            return self._compose(customer_type, offers, query, identified=identified)
        # Hours of opening begin and end on whole minutes, so within one an answer stays as it is.
        minute = query.at.timestamp() // 60
        return self.cache.offered.value(
            (customer_type, identified, query.language, query.limit, minute, *map(_named, offers)),
            lambda: self._compose(customer_type, offers, query, identified=identified),
        )

    def _compose(
        self, customer_type: CustomerType, offers: Sequence[Offer], query: _Query, *, identified: bool
    ) -> Offered:
        wish, language = offers[0].rule.human_channel, query.language
        usable = human_channel(self.channels, wish, customer_type, identified=identified, language=language)
        human = usable or self.channels[wish]
        return Offered(
            self._items(customer_type, offers, query),
            self._way_to(human, customer_type, query),
            self._offered_until(customer_type, offers, query, human),
        )

    def _way_to(self, channel: Channel, customer_type: CustomerType, query: _Query) -> HumanChannel:
        card = self._picks(customer_type, self._card(customer_type, channel), query.language)(day=query.day)
        url = None if card is None else card.languages[card.language_for(query.language)].url
        name = channel.names[query.language]
        return HumanChannel(channel.id, channel.ptv_channel, name, url, *channel.opening(query.at))

    def _items(self, customer_type: CustomerType, offers: Sequence[Offer], query: _Query) -> tuple[Item, ...]:
        items: dict[str, Item] = {}
        for rule, channel, topic in offers:
            opening = channel.opening(query.at)
            # The rule's sentence speaks of its own channel, which is not the one that the customer asked for.
            because = rule.because if channel.id == rule.channel else self.texts["preferred_channel"]
            for kind in kinds_offered(rule, channel):
                if len(items) == query.limit:
                    return tuple(items.values())
                sought = Sought(kind, topic, channel.id)
                item = self._picks(customer_type, sought, query.language, query.shown)(day=query.day)
                if item is not None and item.id not in items:
                    items[item.id] = Item(
                        len(items) + 1,
                        channel.id,
                        channel.ptv_channel,
                        *opening,
                        kind,
                        _content(item, query.language),
                        Reason(rule.id, because[query.language]),
                    )
        return tuple(items.values())

    def _why_not(self, customer_type: CustomerType, offers: Sequence[Offer], query: _Query) -> list[WhyNot]:
        sought = [
            Sought(content, topic, channel.id)
            for rule, channel, topic in offers
            for content in kinds_offered(rule, channel)
        ]
        wanted = Wanted(customer_type, query.language, query.day, query.shown, query.limit)
        return why_not(self.catalogue, sought, wanted)

    def _channel(self, signals: Signals, facts: Facts, rule: Rule) -> Channel:
        """The rule's channel, or the one the customer prefers where no guarantee forbids it."""
        preferred = signals.values.get("preferred_channel")
        if not isinstance(preferred, str) or preferred == rule.channel or not may_personalise(signals):
            return self.channels[rule.channel]
        wished = self.channels.get(preferred)
        if wished is None:  # a bundle made before there was such a channel
            return self.channels[rule.channel]
        content = kinds_offered(rule, wished)
        permitted = self.rulebook.permits(signals.customer_type, facts, channel=preferred, content=content)
        return wished if permitted else self.channels[rule.channel]

    def _segment(
        self, signals: Signals, prediction: Prediction | None, language: Language
    ) -> SegmentAnswer | None:
        if not may_personalise(signals):
            return None
        if signals.customer_type == "employer":
            return SegmentAnswer(
                Segment.EMPLOYER.value, known=True, probability=None, confidence=None, reasons=()
            )
        if prediction is None or prediction.segment is None:
            return None
        phrases = self.texts["signals"]
        return SegmentAnswer(
            id=prediction.segment.value,
            known=False,
            probability=prediction.probability,
            confidence="high" if prediction.confident else "moderate",
            reasons=tuple(
                SegmentReason(names, ", ".join(phrases[name][language] for name in names), log_odds)
                for names, log_odds in self.scorecard.reasons(signals, prediction)[:REASONS_SHOWN]
            ),
        )

    def _latest(self, day: date) -> date:
        """The last day on which an answer of a day may still be shown: a segment expires."""
        return day + timedelta(days=self.rulebook.answer_valid_days)

    def _offered_until(
        self, customer_type: CustomerType, offers: Sequence[Offer], query: _Query, human: Channel
    ) -> date:
        """The last day up to which the same rules give the same items and the same way to a person.

        Follows `_items`: what the limit leaves unread decides nothing. Batch scoring knows offers alone, so a rule that
        begins counts where anyone whom the same rule takes could meet it, for rows too.
        """
        table, until = self.rulebook.tables[customer_type], self._latest(query.day)
        card = self._card(customer_type, human)
        until = self._picked_until(customer_type, card, query, until, shown=())
        item_ids: set[str] = set()
        for rule, channel, topic in offers:
            if len(item_ids) < query.limit:
                until = min(until, table.decides_until(rule, query.day))
            for kind in kinds_offered(rule, channel):
                if len(item_ids) < query.limit:
                    sought = Sought(kind, topic, channel.id)
                    until = self._picked_until(customer_type, sought, query, until, shown=query.shown)
                    item = self._picks(customer_type, sought, query.language, query.shown)(day=query.day)
                    item_ids.update(() if item is None else (item.id,))
        return until

    def _picked_until(
        self,
        customer_type: CustomerType,
        sought: Sought,
        query: _Query,
        latest: date,
        *,
        shown: Collection[str],
    ) -> date:
        kind, topic, channel = sought
        changes = self.catalogue.change_days(kind, topic, customer_type=customer_type, channel=channel)
        picks = self._picks(customer_type, sought, query.language, shown)
        return same_until(picks, changes, day=query.day, latest=latest)

    def _card(self, customer_type: CustomerType, channel: Channel) -> Sought:
        """What tells how to reach a channel."""
        return Sought(channel.card, self.catalogue.stated_topic(customer_type, None, None), channel.id)

    def _picks(
        self, customer_type: CustomerType, sought: Sought, language: Language, shown: Collection[str] = ()
    ) -> Callable[..., ContentItem | None]:
        """`Catalogue.pick` for what is looked for, but for the day."""
        kind, topic, channel = sought
        wanted: Any = {"customer_type": customer_type, "channel": channel, "language": language}
        return partial(self.catalogue.pick, kind, topic, **wanted, shown=shown)


class _Query(NamedTuple):
    """One request's wishes, without the customer."""

    at: datetime
    day: date
    language: Language
    limit: int
    shown: tuple[str, ...]
    draw: Draw | None
    degraded: bool


def _query(
    at: datetime,
    language: Language,
    limit: int,
    shown: Collection[str] = (),
    draw: Draw | None = None,
    *,
    degraded: bool = False,
) -> _Query:
    at = at.astimezone(HELSINKI).replace(microsecond=0)
    return _Query(at, at.date(), language, limit, tuple(sorted(set(shown))) if shown else (), draw, degraded)


def _named(offer: Offer) -> tuple[str, tuple[str, ...], str, str]:
    """All that tells two offers of one bundle and day apart; an experiment gives a rule other content."""
    return offer.rule.id, offer.rule.content, offer.channel.id, offer.topic


def _is_personalised(signals: Signals, prediction: Prediction | None) -> bool:
    """Whether signals chose the answer: a segment was named, or an employer told something of itself."""
    if signals.customer_type == "employer":
        return may_personalise(signals) and any(name != "personalisation" for name in signals.values)
    return prediction is not None and prediction.segment is not None


def _content(item: ContentItem, wanted: Language) -> Content:
    language = item.language_for(wanted)
    text = item.languages[language]
    return Content(item.id, text.title, text.url, language, text.body)
