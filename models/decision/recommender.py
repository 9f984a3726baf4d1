"""The one way from signals to a recommendation; the API, the console and batch scoring all call it.

Signals -> prediction, or none -> facts to look up -> one rule each -> items of the catalogue -> `Recommendation` with
reasons and versions. Whatever happens here is a function of the bundle and the arguments alone: nothing is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from models.contract.channels import Channel, in_use
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, CustomerType, Language
from models.contract.signals import SignalContract, Signals
from models.contract.vocabulary import Vocabulary
from models.decision.caches import BoundedCache
from models.decision.campaigns import Campaign
from models.decision.catalogue import Catalogue, ContentItem
from models.decision.combinations import Combinations, count_combinations, possible_combinations
from models.decision.composition import Composer, content_of
from models.decision.decision_table import Rule, Rulebook
from models.decision.experiments import CONTROL, Assignment, Draw, arm_of
from models.decision.fact_set import FactSet
from models.decision.facts import Facts, is_identified, may_personalise
from models.decision.mapping import MappingRow, mapping_rows
from models.decision.offers import Offer, drawn, kinds_offered, topic_for
from models.decision.query import EVERYTHING, Query, Showable, query_of
from models.decision.recommendation import (
    Explanation,
    LookupTrace,
    Offered,
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

    @property
    def facts(self) -> FactSet:
        """The facts that the rulebook is about."""
        return self.rulebook.facts

    @property
    def contract(self) -> SignalContract:
        """The signals that customers may have."""
        return self.rulebook.facts.contract

    @property
    def vocabulary(self) -> Vocabulary:
        """The codes of the bundle."""
        return self.rulebook.facts.vocabulary

    def recommend(
        self,
        customers: Sequence[Signals],
        *,
        at: datetime,
        language: Language | None = None,
        limit: int = 3,
        shown: Collection[str] = (),
        draw: Draw | None = None,
        showable: Showable = EVERYTHING,
    ) -> list[Recommendation]:
        """A recommendation for each customer, in order.

        Parameters
        ----------
        customers : sequence of Signals
        at : datetime
            The aware moment the answer is made for, to the second; decides validity and opening hours.
        language : str, optional
            Of texts and, where it exists, content: one of the vocabulary, by default its first. Chooses nothing else.
        limit : int
            At most so many items, 1 to 10. Nothing is padded.
        shown : collection of str
            At most 50 content ids already shown; they are left out, statutory ones excepted.
        draw : Draw, optional
            Of the one customer asked about; without it, every rule offers its own content.
        showable : Showable
            What can be shown; items beside it are left out and not counted, and `restricted` says whether any was.
        """
        query = self._query(at, language, limit, shown, draw, showable=showable)
        return [self._recommend(signals, self._predict(signals), query) for signals in customers]

    def offered(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        *,
        at: datetime,
        language: Language | None = None,
        limit: int = 3,
        identified: bool = False,
        campaign: Campaign | None = None,
    ) -> Offered:
        """The items of some offers in order, and what goes with them; batch scoring asks once for all alike.

        `identified` says whether the customers are known to have strong identification: it decides their human channel.
        `campaign` is the one that they meet.
        """
        query = self._query(at, language, limit)
        return self._offered(customer_type, offers, query, identified=identified, campaign=campaign)

    def degraded(
        self,
        signals: Signals,
        *,
        at: datetime,
        language: Language | None = None,
        limit: int = 3,
        showable: Showable = EVERYTHING,
    ) -> Recommendation:
        """The neutral answer, marked so, for when making the real one failed. The model is not asked."""
        query = self._query(at, language, limit, degraded=True, showable=showable)
        return self._recommend(self.facts.neutral_signals(signals), None, query)

    def explain(  # noqa: PLR0913  (a request's wishes, each by its name)
        self,
        signals: Signals,
        *,
        at: datetime,
        language: Language | None = None,
        limit: int = 3,
        shown: Collection[str] = (),
        draw: Draw | None = None,
        showable: Showable = EVERYTHING,
        degraded: bool = False,
    ) -> Explanation:
        """The same recommendation with every contribution, every rule passed over and why no other item is offered.

        `degraded` explains the neutral answer that `degraded` gives; the model is not asked.
        """
        shown = () if degraded else shown
        query = self._query(at, language, limit, shown, draw, degraded=degraded, showable=showable)
        signals = self.facts.neutral_signals(signals) if degraded else signals
        prediction = None if degraded else self._predict(signals)
        table = self.rulebook.tables[signals.customer_type].on(query.day)
        looked_up = self.facts.lookups(signals, prediction)
        offers, _ = self._offers(signals, looked_up, query)
        contributions: tuple[Contribution, ...] = ()
        if prediction is not None:
            most_likely = prediction.probabilities.index(prediction.probability)
            towards = prediction.segment or self.scorecard.segments[most_likely]
            contributions = tuple(self.scorecard.contributions(signals, towards))
        recommendation = self._recommend(signals, prediction, query)
        return Explanation(
            recommendation=recommendation,
            probabilities={}
            if prediction is None
            else dict(zip(self.scorecard.segments, prediction.probabilities, strict=True)),
            abstained=prediction is not None and prediction.segment is None,
            contributions=contributions,
            lookups=tuple(
                LookupTrace(facts, offer.rule.id, offer.channel.id, tuple(table.passed_over(facts)))
                for facts, offer in zip(looked_up, offers, strict=True)
            ),
            why_not=tuple(
                self._composer().why_not(signals.customer_type, offers, query, recommendation.items)
            ),
        )

    def mapping(self, fixed: Mapping[str, str] | None = None, *, day: date = date.max) -> list[MappingRow]:
        """Who gets what on a day: each segment with each value of each other fact, `fixed` facts as given, the rest unknown."""
        return [row for kind in CUSTOMER_TYPES for row in mapping_rows(self.rulebook, kind, fixed or {}, day)]

    def combinations(self) -> Combinations:
        """How many combinations of rule, content, channel, language and variant answers can name; counted once."""
        return self.cache.combinations.value(
            None,
            lambda: count_combinations(
                possible_combinations(self.rulebook, self.catalogue, self.channels),
                tuple(self.vocabulary.languages),
            ),
        )

    def _predict(self, signals: Signals) -> Prediction | None:
        """The model's answer; None for an employer, an objector and a minor: the model is not asked."""
        if signals.customer_type == EMPLOYER or not may_personalise(signals):
            return None
        return self.scorecard.predict(signals)

    def _recommend(self, signals: Signals, prediction: Prediction | None, query: Query) -> Recommendation:
        looked_up = self.facts.lookups(signals, prediction)
        offers, assignment = self._offers(signals, looked_up, query)
        campaign = self.rulebook.campaigns.meeting(signals.customer_type, looked_up, query.day)
        if campaign is not None:
            campaign, assignment = _in_campaign(campaign, offers[0].rule, assignment, query)
        identified = is_identified(signals)
        offered = self._offered(
            signals.customer_type, offers, query, identified=identified, campaign=campaign
        )
        statutory, statutory_until = self._statutory(signals, query)
        segment = self._segment(signals, prediction, looked_up[0], query.language)
        return Recommendation(
            personalised=not query.degraded and _is_personalised(signals, segment),
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
            restricted=offered.restricted,
            shown=query.shown,
            showable=query.showable,
            experiment=assignment
            and next((assignment for item in offered.items if item.reason.rule == assignment.rule), None),
            drawn=assignment,
        )

    def _offers(
        self, signals: Signals, looked_up: Sequence[Facts], query: Query
    ) -> tuple[list[Offer], Assignment | None]:
        """What each lookup comes to, with the content that was drawn; nobody who objected and no minor is drawn."""
        table = self.rulebook.tables[signals.customer_type].on(query.day)
        offers = []
        for facts in looked_up:
            rule = table.choose(facts)
            topic = topic_for(rule, signals.customer_type, facts, self.catalogue)
            offers.append(Offer(rule, self._channel(signals, facts, rule, query.day), topic))
        if query.draw is None or not may_personalise(signals):
            return offers, None
        return drawn(offers, query.draw)

    def _statutory(self, signals: Signals, query: Query) -> tuple[tuple[StatutoryItem, ...], date]:
        """What the law attaches to the benefits that are named, and until when; which were named together is not kept."""
        language, latest = query.language, self.rulebook.latest(query.day)
        benefits = self.facts.statutory_benefits(signals)
        if not benefits:
            return (), latest
        wanted: Any = {"customer_type": signals.customer_type, "language": language, "day": query.day}
        until = self.catalogue.statutory_until(benefits, **wanted, latest=latest)
        return tuple(
            self._owed(item, language) for item in self.catalogue.statutory(benefits, **wanted)
        ), until

    def _owed(self, item: ContentItem, language: Language) -> StatutoryItem:
        return self.cache.owed.value(
            (item.id, language), lambda: StatutoryItem(item.type, content_of(item, language))
        )

    def _offered(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        query: Query,
        *,
        identified: bool,
        campaign: Campaign | None,
    ) -> Offered:
        """Items and human channel of some offers, which are the same for a minute, whoever the customer is."""

        def compose() -> Offered:
            return self._composer().compose(
                customer_type, offers, query, identified=identified, campaign=campaign
            )

        # What was shown differs from customer to customer: it would fill the cache and rarely be found again.
        if query.shown:
            return compose()
        # Hours of opening begin and end on whole minutes, so within one an answer stays as it is.
        minute = query.at.timestamp() // 60
        named = None if campaign is None else campaign.id
        wishes = (query.language, query.limit, minute, query.showable, named)
        return self.cache.offered.value((customer_type, identified, *wishes, *map(_named, offers)), compose)

    def _composer(self) -> Composer:
        return Composer(self.rulebook, self.catalogue, self.channels, self.texts)

    def _channel(self, signals: Signals, facts: Facts, rule: Rule, day: date) -> Channel:
        """The rule's channel, or the one the customer prefers, or what took its place, where no guarantee forbids it."""
        preferred = signals.values.get("preferred_channel")
        if not isinstance(preferred, str) or preferred == rule.channel or not may_personalise(signals):
            return self.channels[rule.channel]
        preferred = in_use(self.channels, preferred, day)
        wished = self.channels.get(preferred)
        if wished is None or preferred == rule.channel or wished.is_retired(day):
            return self.channels[rule.channel]
        content = kinds_offered(rule, wished, self.vocabulary)
        permitted = self.rulebook.permits(signals.customer_type, facts, channel=preferred, content=content)
        return wished if permitted else self.channels[rule.channel]

    def _segment(
        self, signals: Signals, prediction: Prediction | None, facts: Facts, language: Language
    ) -> SegmentAnswer | None:
        """The segment that is known or stated, else the one that the model named."""
        if not may_personalise(signals):
            return None
        known = self.facts.certain_segment(signals.customer_type, facts)
        if known is not None:
            return SegmentAnswer(known, known=True, probability=None, confidence=None, reasons=())
        if prediction is None or prediction.segment is None:
            return None
        phrases = self.texts["signals"]
        return SegmentAnswer(
            id=prediction.segment,
            known=False,
            probability=prediction.probability,
            confidence="high" if prediction.confident else "moderate",
            reasons=tuple(
                SegmentReason(names, ", ".join(phrases[name][language] for name in names), log_odds)
                for names, log_odds in self.scorecard.reasons(signals, prediction)[:REASONS_SHOWN]
            ),
        )

    def _query(
        self,
        at: datetime,
        language: Language | None,
        limit: int,
        shown: Collection[str] = (),
        draw: Draw | None = None,
        *,
        degraded: bool = False,
        showable: Showable = EVERYTHING,
    ) -> Query:
        spoken = language or self.vocabulary.default_language
        return query_of(at, spoken, limit, shown, draw, degraded=degraded, showable=showable)


def _in_campaign(
    campaign: Campaign, rule: Rule, assignment: Assignment | None, query: Query
) -> tuple[Campaign | None, Assignment | None]:
    """The campaign whose item a customer is shown, if any, and what they are drawn into.

    An answer takes part in one experiment at most: who was drawn into a rule's meets no campaign. Whoever gives no key is
    shown the item and counts for neither arm.
    """
    arms = campaign.arms()
    if assignment is not None:
        return None, assignment
    if not arms or query.draw is None:
        return campaign, None
    arm = arm_of(arms, query.draw(campaign.id))
    drawn_into = Assignment(rule.id, campaign.id, arm.id, arm.share / 100)
    return (None if arm.id == CONTROL else campaign), drawn_into


def _named(offer: Offer) -> tuple[str, tuple[str, ...], str, str]:
    """All that tells two offers of one bundle and day apart; an experiment gives a rule other content."""
    return offer.rule.id, offer.rule.content, offer.channel.id, offer.topic


def _is_personalised(signals: Signals, segment: SegmentAnswer | None) -> bool:
    """Whether signals chose the answer: a segment was named, or an employer told something of itself."""
    if signals.customer_type == EMPLOYER:
        return may_personalise(signals) and any(name != "personalisation" for name in signals.values)
    return segment is not None
