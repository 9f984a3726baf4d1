"""What a recommendation is made of: data alone, made by `recommender` and shown by whoever asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from models.contract.codes import Language
from models.decision.decision_table import PassedOver
from models.decision.experiments import Assignment
from models.decision.facts import Facts
from models.decision.offers import WhyNot
from models.decision.query import EVERYTHING, Showable
from models.decision.scorecard import Contribution


class Versions(NamedTuple):
    """What one answer was made with; `code` is that of `models.decision.decision_code`."""

    bundle: str
    model: str
    rulebook: str
    catalogue: str
    code: str


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
    """What to offer a customer next. Information only: it decides nothing.

    Attributes
    ----------
    as_of : datetime
        The moment answered for, aware, in Finnish time, to the second.
    limit, shown, showable
        As asked, so that the answer can be accounted for.
    restricted : bool
        Whether `showable` left out an item that the answer would hold if whoever asked could show everything.
    experiment : Assignment or None
        The experiment that some item comes from.
    drawn : Assignment or None
        The experiment that the customer was drawn into, whether or not an item came of it.
    """

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
    limit: int
    restricted: bool = False
    shown: tuple[str, ...] = ()
    showable: Showable = EVERYTHING
    experiment: Assignment | None = None
    drawn: Assignment | None = None


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


class Offered(NamedTuple):
    """The part of an answer that follows from its offers alone, whoever the customer is."""

    items: tuple[Item, ...]
    human_channel: HumanChannel
    valid_until: date
    restricted: bool = False
