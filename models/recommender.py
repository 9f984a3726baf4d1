"""The one way from signals to a recommendation; the API, the console and batch scoring all call it.

Signals -> prediction, or none -> facts to look up -> one rule each -> items of the catalogue -> `Recommendation` with
reasons and versions. Whatever happens here is a function of the bundle and the arguments alone: nothing is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from models.catalogue import Catalogue, ContentItem
from models.channels import HELSINKI, Channel
from models.codes import BENEFITS, CUSTOMER_TYPES, UNKNOWN, CustomerType, Language
from models.facts import FACTS, Facts, is_feasible, lookups, may_personalise
from models.offers import Sought, Wanted, WhyNot, kinds_offered, why_not
from models.recommendation import (
    Content,
    Explanation,
    HumanChannel,
    Item,
    LookupTrace,
    MappingRow,
    Offer,
    Offered,
    Reason,
    Recommendation,
    SegmentAnswer,
    SegmentReason,
    StatutoryItem,
    Versions,
)
from models.rulebook import STATED_TOPIC, Rule, Rulebook
from models.scorecard import Contribution, Prediction, Scorecard
from models.segments import PERSON_SEGMENTS, Segment
from models.signals import Signals

__all__ = [
    "REASONS_SHOWN",
    "Content",
    "Explanation",
    "HumanChannel",
    "Item",
    "LookupTrace",
    "MappingRow",
    "Offer",
    "Offered",
    "Reason",
    "Recommendation",
    "Recommender",
    "SegmentAnswer",
    "SegmentReason",
    "StatutoryItem",
    "Versions",
]
REASONS_SHOWN: Final = 3
_NEEDS: Final = ("interpreter_needed", "easy_language")
_STATUTORY_SIGNALS: Final = ("open_matter", "active_benefits")


@dataclass(frozen=True, slots=True)
class Recommender:
    """Everything one answer is made from, of one bundle."""

    scorecard: Scorecard
    rulebook: Rulebook
    catalogue: Catalogue
    channels: Mapping[str, Channel]
    texts: Mapping[str, Any]
    versions: Versions

    def recommend(
        self,
        customers: Sequence[Signals],
        *,
        at: datetime,
        language: Language = "fi",
        limit: int = 3,
        shown: Collection[str] = (),
    ) -> list[Recommendation]:
        """A recommendation for each customer, in order.

        Parameters
        ----------
        customers : sequence of Signals
        at : datetime
            The aware moment the answer is made for; decides validity and opening hours.
        language : {"fi", "sv", "en"}
            Of texts and, where it exists, content. Chooses nothing else.
        limit : int
            At most so many items, 1 to 10. Nothing is padded.
        shown : collection of str
            Content ids already shown; they are left out, statutory ones excepted.
        """
        asked = _Asked(at, language, limit, shown)
        return [self._recommend(signals, self._predict(signals), asked) for signals in customers]

    def offered(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        *,
        at: datetime,
        language: Language = "fi",
        limit: int = 3,
    ) -> Offered:
        """The items of some offers in order, and what goes with them; batch scoring asks once for all alike."""
        return self._offered(customer_type, offers, _Asked(at, language, limit, ()))

    def degraded(
        self, signals: Signals, *, at: datetime, language: Language = "fi", limit: int = 3
    ) -> Recommendation:
        """The neutral answer, marked so, for when making the real one failed. The model is not asked."""
        kept = (*_NEEDS, *_STATUTORY_SIGNALS)
        values = {name: value for name, value in signals.values.items() if name in kept}
        neutral = Signals(signals.customer_type, values | {"personalisation": "objected"})
        return self._recommend(neutral, None, _Asked(at, language, limit, (), degraded=True))

    def explain(
        self,
        signals: Signals,
        *,
        at: datetime,
        language: Language = "fi",
        limit: int = 3,
        shown: Collection[str] = (),
    ) -> Explanation:
        """The same recommendation with every contribution, every rule passed over and why no other item is offered."""
        prediction = self._predict(signals)
        asked = _Asked(at, language, limit, shown)
        table = self.rulebook.tables[signals.customer_type].on(asked.day)
        contributions: tuple[Contribution, ...] = ()
        if prediction is not None:
            towards = (
                prediction.segment or PERSON_SEGMENTS[prediction.probabilities.index(prediction.probability)]
            )
            contributions = tuple(self.scorecard.contributions(signals, towards))
        return Explanation(
            recommendation=self._recommend(signals, prediction, asked),
            probabilities={}
            if prediction is None
            else dict(zip(map(str, PERSON_SEGMENTS), prediction.probabilities, strict=True)),
            abstained=prediction is not None and prediction.segment is None,
            contributions=contributions,
            lookups=tuple(
                LookupTrace(
                    facts,
                    (rule := table.choose(facts)).id,
                    self._channel(signals, facts, rule).id,
                    tuple(table.passed_over(facts)),
                )
                for facts in lookups(signals, prediction)
            ),
            why_not=tuple(self._why_not(signals, prediction, asked)),
        )

    def mapping(self, fixed: Mapping[str, str] | None = None, *, day: date = date.max) -> list[MappingRow]:
        """Who gets what on a day: each segment with each value of each other fact, `fixed` facts as given, the rest unknown."""
        return [row for kind in CUSTOMER_TYPES for row in self._mapping_of(kind, fixed or {}, day)]

    def _mapping_of(
        self, customer_type: CustomerType, fixed: Mapping[str, str], day: date
    ) -> Iterator[MappingRow]:
        facts, table = FACTS[customer_type], self.rulebook.tables[customer_type].on(day)
        names = {fact.name for fact in facts}
        if not names.issuperset(fixed):
            return
        unknown = dict.fromkeys(names, UNKNOWN) | {"personalisation": "allowed", **fixed}
        person = customer_type == "person"
        segments = (*PERSON_SEGMENTS, UNKNOWN) if person else (Segment.EMPLOYER,)
        for segment in segments:
            cell = unknown | (
                {"segment": str(segment), "confidence": UNKNOWN if segment == UNKNOWN else "high"}
                if person
                else {}
            )
            for fact in facts:
                if fact.name in {"segment", "confidence", *fixed}:
                    continue
                for value in fact.values:
                    if not is_feasible(customer_type, cell | {fact.name: value}):
                        continue
                    rule = table.choose(cell | {fact.name: value})
                    yield MappingRow(
                        customer_type,
                        str(segment),
                        fact.name,
                        value,
                        rule.channel,
                        rule.content,
                        rule.topic,
                        rule.id,
                    )

    def _predict(self, signals: Signals) -> Prediction | None:
        """The model's answer; None for an employer, an objector and a minor: the model is not asked."""
        if signals.customer_type == "employer" or not may_personalise(signals):
            return None
        return self.scorecard.predict(signals)

    def _recommend(self, signals: Signals, prediction: Prediction | None, asked: _Asked) -> Recommendation:
        offered = self._offered(signals.customer_type, self._offers(signals, prediction, asked.day), asked)
        segment = self._segment(signals, prediction, asked.language)
        return Recommendation(
            personalised=not asked.degraded and _is_personalised(signals, prediction),
            degraded=asked.degraded,
            notice=self.texts["notice"][asked.language],
            as_of=asked.at,
            valid_until=offered.valid_until,
            items=offered.items,
            statutory=tuple(
                StatutoryItem(item.type, _content(item, asked.language))
                for item in self.catalogue.statutory(
                    _statutory_benefits(signals),
                    customer_type=signals.customer_type,
                    language=asked.language,
                    day=asked.day,
                )
            ),
            human_channel=offered.human_channel,
            segment=None if asked.degraded else segment,
            versions=self.versions,
            language=asked.language,
        )

    def _offers(self, signals: Signals, prediction: Prediction | None, day: date) -> list[Offer]:
        table = self.rulebook.tables[signals.customer_type].on(day)
        chosen = ((facts, table.choose(facts)) for facts in lookups(signals, prediction))
        return [
            Offer(rule, self._channel(signals, facts, rule), self._topic(signals.customer_type, facts, rule))
            for facts, rule in chosen
        ]

    def _offered(self, customer_type: CustomerType, offers: Sequence[Offer], asked: _Asked) -> Offered:
        items = self._items(customer_type, offers, asked)
        return Offered(
            items,
            self._human_channel(customer_type, offers[0].rule, asked),
            self._valid_until(items, asked.day),
        )

    def _human_channel(self, customer_type: CustomerType, rule: Rule, asked: _Asked) -> HumanChannel:
        channel = self.channels[rule.human_channel]
        card = self.catalogue.pick(
            channel.card,
            self.catalogue.stated_topic(customer_type, None, None),
            customer_type=customer_type,
            channel=channel.id,
            language=asked.language,
            day=asked.day,
        )
        url = None if card is None else card.languages[card.language_for(asked.language)].url
        name = channel.names[asked.language]
        return HumanChannel(channel.id, channel.ptv_channel, name, url, *channel.opening(asked.at))

    def _items(self, customer_type: CustomerType, offers: Sequence[Offer], asked: _Asked) -> tuple[Item, ...]:
        items: dict[str, Item] = {}
        for rule, channel, topic in offers:
            opening = channel.opening(asked.at)
            because = rule.because if channel.id == rule.channel else self.texts["preferred_channel"]
            for kind in kinds_offered(rule, channel):
                if len(items) == asked.limit:
                    return tuple(items.values())
                item = self.catalogue.pick(
                    kind,
                    topic,
                    customer_type=customer_type,
                    channel=channel.id,
                    language=asked.language,
                    day=asked.day,
                    shown=asked.shown,
                )
                if item is not None and item.id not in items:
                    items[item.id] = Item(
                        len(items) + 1,
                        channel.id,
                        channel.ptv_channel,
                        *opening,
                        kind,
                        _content(item, asked.language),
                        Reason(rule.id, because[asked.language]),
                    )
        return tuple(items.values())

    def _why_not(self, signals: Signals, prediction: Prediction | None, asked: _Asked) -> list[WhyNot]:
        sought = [
            Sought(content, topic, channel.id)
            for rule, channel, topic in self._offers(signals, prediction, asked.day)
            for content in kinds_offered(rule, channel)
        ]
        wanted = Wanted(signals.customer_type, asked.language, asked.day, asked.shown, asked.limit)
        return why_not(self.catalogue, sought, wanted)

    def _channel(self, signals: Signals, facts: Facts, rule: Rule) -> Channel:
        """The rule's channel, or the one the customer prefers where no guarantee forbids it."""
        preferred = signals.values.get("preferred_channel")
        if not isinstance(preferred, str) or preferred == rule.channel or not may_personalise(signals):
            return self.channels[rule.channel]
        permitted = self.rulebook.permits(signals.customer_type, facts, channel=preferred)
        return self.channels[preferred if permitted else rule.channel]

    def _topic(self, customer_type: CustomerType, facts: Facts, rule: Rule) -> str:
        if rule.topic != STATED_TOPIC:
            return rule.topic
        return self.catalogue.stated_topic(customer_type, facts.get("life_event"), facts.get("open_matter"))

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
        towards = [
            contribution
            for contribution in self.scorecard.contributions(signals, prediction.segment)
            if contribution.log_odds > 0 and all(name in signals.values for name in contribution.signals)
        ]
        return SegmentAnswer(
            id=prediction.segment.value,
            known=False,
            probability=prediction.probability,
            confidence="high" if prediction.confident else "moderate",
            reasons=tuple(
                SegmentReason(names, ", ".join(phrases[name][language] for name in names), log_odds)
                for names, log_odds in towards[:REASONS_SHOWN]
            ),
        )

    def _valid_until(self, items: tuple[Item, ...], day: date) -> date:
        """The last day the answer holds: a segment expires, and so does content."""
        latest = day + timedelta(days=self.rulebook.answer_valid_days)
        return min([latest, *(self.catalogue.items[item.content.id].valid_until for item in items)])


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request's wishes, without the customer."""

    at: datetime
    language: Language
    limit: int
    shown: Collection[str]
    degraded: bool = False

    @property
    def day(self) -> date:
        return self.at.astimezone(HELSINKI).date()


def _is_personalised(signals: Signals, prediction: Prediction | None) -> bool:
    """Whether signals chose the answer: a segment was named, or an employer told something of itself."""
    if signals.customer_type == "employer":
        return may_personalise(signals) and any(name != "personalisation" for name in signals.values)
    return prediction is not None and prediction.segment is not None


def _statutory_benefits(signals: Signals) -> list[str]:
    """Open matter first, then active benefits: all that chooses statutory content."""
    values: Mapping[str, Any] = signals.values
    active = values.get("active_benefits", ())
    open_matter = [values["open_matter"]] if "open_matter" in values else []
    return open_matter + [benefit for benefit in BENEFITS if benefit in active]


def _content(item: ContentItem, asked: Language) -> Content:
    language = item.language_for(asked)
    text = item.languages[language]
    return Content(item.id, text.title, text.url, language, text.body)
