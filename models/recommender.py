"""The one way from signals to a recommendation; the API, the console and batch scoring all call it.

Signals -> prediction, or none -> facts to look up -> one rule each -> items of the catalogue -> `Recommendation` with
reasons and versions. Whatever happens here is a function of the bundle and the arguments alone: nothing is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from models.catalogue import Catalogue, ContentItem
from models.channels import HELSINKI, Channel
from models.codes import BENEFITS, CUSTOMER_TYPES, CustomerType, Language
from models.experiments import Assignment, Draw
from models.facts import Facts, lookups, may_personalise
from models.mapping import MappingRow, mapping_rows
from models.offers import Sought, Wanted, WhyNot, drawn, kinds_offered, why_not
from models.rulebook import STATED_TOPIC, PassedOver, Rule, Rulebook
from models.scorecard import Contribution, Prediction, Scorecard
from models.segments import PERSON_SEGMENTS, Segment
from models.signals import Signals

REASONS_SHOWN: Final = 3
_NEEDS: Final = ("interpreter_needed", "easy_language")
_STATUTORY_SIGNALS: Final = ("open_matter", "active_benefits")


class Versions(NamedTuple):
    """What one answer was made with."""

    bundle: str
    model: str
    rulebook: str
    catalogue: str


class Content(NamedTuple):
    """A content item in the language it is offered in."""

    id: str
    title: str
    url: str
    language: Language
    body: str | None


class Reason(NamedTuple):
    """The rule that offers an item, and its approved sentence."""

    rule: str
    text: str


class Item(NamedTuple):
    """One suggestion: where, what and why. `open_now` is None where hours vary, `opens_at` where it is open."""

    rank: int
    channel: str
    ptv_channel: str
    open_now: bool | None
    opens_at: datetime | None
    content_type: str
    content: Content
    reason: Reason


class StatutoryItem(NamedTuple):
    """Content that the law wants to reach the customer whatever else is suggested."""

    content_type: str
    content: Content


class HumanChannel(NamedTuple):
    """Where a person can always be reached, and the page that tells how."""

    id: str
    ptv_channel: str
    name: str
    url: str | None
    open_now: bool | None
    opens_at: datetime | None


class SegmentReason(NamedTuple):
    """Why the model leaned towards the segment: the signals, an approved phrase, and the log-odds they added."""

    signals: tuple[str, ...]
    text: str
    log_odds: float


class SegmentAnswer(NamedTuple):
    """The segment, for those who may read it. An employer's is known, so it has no probability."""

    id: str
    known: bool
    probability: float | None
    confidence: str | None
    reasons: tuple[SegmentReason, ...]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to offer a customer next. Information only: it decides nothing."""

    personalised: bool
    degraded: bool
    notice: str
    as_of: datetime
    valid_until: date
    items: tuple[Item, ...]
    statutory: tuple[StatutoryItem, ...]
    human_channel: HumanChannel
    segment: SegmentAnswer | None
    versions: Versions
    language: Language
    experiment: Assignment | None = None


class LookupTrace(NamedTuple):
    """One lookup: the facts, the rule that decided, and each rule above it with the condition that failed."""

    facts: Facts
    rule: str
    channel: str
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a recommendation came about. `probabilities` is empty where the model was not asked."""

    recommendation: Recommendation
    probabilities: Mapping[str, float]
    abstained: bool
    contributions: tuple[Contribution, ...]
    lookups: tuple[LookupTrace, ...]
    why_not: tuple[WhyNot, ...]


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
        draw: Draw | None = None,
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
        draw : Draw, optional
            Of the one customer asked about; without it, every rule offers its own content.
        """
        asked = _Asked(at, language, limit, shown, draw)
        return [self._recommend(signals, self._predict(signals), asked) for signals in customers]

    def degraded(
        self, signals: Signals, *, at: datetime, language: Language = "fi", limit: int = 3
    ) -> Recommendation:
        """The neutral answer, marked so, for when making the real one failed. The model is not asked."""
        return self._recommend(_neutral(signals), None, _Asked(at, language, limit, (), degraded=True))

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
        asked = _Asked(at, language, limit, () if degraded else shown, draw, degraded)
        signals = _neutral(signals) if degraded else signals
        prediction = None if degraded else self._predict(signals)
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
                    facts, rule.id, self._channel(signals, facts, rule).id, tuple(table.passed_over(facts))
                )
                for facts, rule in self._choose(signals, prediction, asked)[0]
            ),
            why_not=tuple(self._why_not(signals, prediction, asked)),
        )

    def mapping(self, fixed: Mapping[str, str] | None = None, *, day: date = date.max) -> list[MappingRow]:
        """Who gets what on a day: each segment with each value of each other fact, `fixed` facts as given, the rest unknown."""
        return [row for kind in CUSTOMER_TYPES for row in mapping_rows(self.rulebook, kind, fixed or {}, day)]

    def _predict(self, signals: Signals) -> Prediction | None:
        """The model's answer; None for an employer, an objector and a minor: the model is not asked."""
        if signals.customer_type == "employer" or not may_personalise(signals):
            return None
        return self.scorecard.predict(signals)

    def _recommend(self, signals: Signals, prediction: Prediction | None, asked: _Asked) -> Recommendation:
        chosen, experiment = self._choose(signals, prediction, asked)
        items = self._items(signals, chosen, asked)
        segment = self._segment(signals, prediction, asked.language)
        return Recommendation(
            personalised=not asked.degraded and _is_personalised(signals, prediction),
            degraded=asked.degraded,
            notice=self.texts["notice"][asked.language],
            as_of=asked.at,
            valid_until=self._valid_until(items, asked.day),
            items=items,
            statutory=tuple(
                StatutoryItem(item.type, _content(item, asked.language))
                for item in self.catalogue.statutory(
                    _statutory_benefits(signals),
                    customer_type=signals.customer_type,
                    language=asked.language,
                    day=asked.day,
                )
            ),
            human_channel=self._human_channel(signals.customer_type, chosen[0][1], asked),
            segment=None if asked.degraded else segment,
            versions=self.versions,
            language=asked.language,
            experiment=experiment
            and next((experiment for i in items if i.reason.rule == experiment.rule), None),
        )

    def _choose(
        self, signals: Signals, prediction: Prediction | None, asked: _Asked
    ) -> tuple[list[tuple[Facts, Rule]], Assignment | None]:
        """The rule of each lookup, with the content that was drawn; nobody who objected and no minor is drawn."""
        table = self.rulebook.tables[signals.customer_type].on(asked.day)
        chosen = [(facts, table.choose(facts)) for facts in lookups(signals, prediction)]
        if asked.draw is None or not may_personalise(signals):
            return chosen, None
        return drawn(chosen, asked.draw, lambda facts, rule: self._channel(signals, facts, rule).id)

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

    def _items(self, signals: Signals, chosen: list[tuple[Facts, Rule]], asked: _Asked) -> tuple[Item, ...]:
        items: dict[str, Item] = {}
        for facts, rule in chosen:
            channel = self._channel(signals, facts, rule)
            opening = channel.opening(asked.at)
            because = rule.because if channel.id == rule.channel else self.texts["preferred_channel"]
            for kind in kinds_offered(rule, channel):
                if len(items) == asked.limit:
                    return tuple(items.values())
                item = self.catalogue.pick(
                    kind,
                    self._topic(signals.customer_type, facts, rule),
                    customer_type=signals.customer_type,
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
        kind, sought = signals.customer_type, []
        for facts, rule in self._choose(signals, prediction, asked)[0]:
            channel, topic = self._channel(signals, facts, rule), self._topic(kind, facts, rule)
            sought += [Sought(content, topic, channel.id) for content in kinds_offered(rule, channel)]
        wanted = Wanted(kind, asked.language, asked.day, asked.shown, asked.limit)
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
    draw: Draw | None = None
    degraded: bool = False

    @property
    def day(self) -> date:
        return self.at.astimezone(HELSINKI).date()


def _neutral(signals: Signals) -> Signals:
    """What is left of a customer when nothing may be asked of the model: needs, and what the law attaches content to."""
    kept = (*_NEEDS, *_STATUTORY_SIGNALS)
    values = {name: value for name, value in signals.values.items() if name in kept}
    return Signals(signals.customer_type, values | {"personalisation": "objected"})


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
