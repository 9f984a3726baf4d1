"""A population as the distinct questions that its customers put to the recommender, and how many put each.

A question holds the facts and signals that an answer may depend on, and nothing else of a customer. `signals_of` turns one
into signals again, so that the recommender itself answers it: the segment is stated, for the model has been asked before.
Imports numpy for types alone: the pages that show shares of the sample have no need of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from models.contract.codes import UNKNOWN, CustomerType
from models.contract.segments import Segment
from models.contract.signals import LifeEvent, Signals
from models.decision.facts import FACTS, LOG_IN, VARYING, Facts, plainest_signals
from models.decision.recommender import Recommender
from models.decision.scorecard import Prediction, Scorecard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMES: Final = {kind: tuple(fact.name for fact in FACTS[kind]) for kind in FACTS}


class Question(NamedTuple):
    """What items and the human channel may depend on.

    Attributes
    ----------
    facts : tuple of str
        Of the first lookup, in the order of `NAMES`.
    further : tuple of str
        The varying fact of each further lookup.
    preferred : str
        The preferred channel; empty where there is none that may be used.
    open_matter, strong_identification : str
        The signals, which facts do not hold of those who objected; `unknown` where they are not known.
    """

    customer_type: CustomerType
    facts: tuple[str, ...]
    further: tuple[str, ...]
    preferred: str
    open_matter: str
    strong_identification: str


class Owed(NamedTuple):
    """What statutory content depends on: the open matter, and active benefits (of an employer: kinds of claim)."""

    customer_type: CustomerType
    open_matter: str
    benefits: tuple[str, ...]


class Audit(NamedTuple):
    """An audit attribute: its groups, and the position of each row's group."""

    groups: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Population:
    """Customers counted by what they ask.

    Attributes
    ----------
    question_of, owed_of : ndarray of shape (n_rows,)
        Positions in `questions` and `owed`.
    weight : ndarray of shape (n_rows,)
        The customers of a row: counted, or, where `sampled`, those of Finland that it stands for.
    audit : mapping of str to Audit
    sampled : int
        The number of simulated customers whom the sample was made from; 0 where each customer was counted.
    """

    questions: Sequence[Question]
    owed: Sequence[Owed]
    question_of: NDArray[np.int64]
    owed_of: NDArray[np.int64]
    weight: NDArray[np.float64]
    audit: Mapping[str, Audit]
    sampled: int = 0


def lookups_of(question: Question) -> list[Facts]:
    """The facts of each lookup, in order."""
    first = dict(zip(NAMES[question.customer_type], question.facts, strict=True))
    varying = VARYING[question.customer_type]
    return [first, *(first | {varying: value} for value in question.further)]


def signals_of(question: Question) -> Signals:
    """Signals of a customer who asks this question, once their segment is stated."""
    kind = question.customer_type
    values = plainest_signals(kind, dict(zip(NAMES[kind], question.facts, strict=True)))
    if question.open_matter == UNKNOWN:
        values.pop("open_matter", None)
    else:
        values["open_matter"] = question.open_matter
    return Signals(kind, values | (_of_person if kind == "person" else _of_employer)(question))


def owed_signals(owed: Owed) -> Signals:
    """Signals of a customer to whom such statutory content is owed."""
    name = "active_benefits" if owed.customer_type == "person" else "claim_kinds"
    matter = {} if owed.open_matter == UNKNOWN else {"open_matter": owed.open_matter}
    return Signals(owed.customer_type, {**matter, name: owed.benefits})


class Answerer:
    """Asks a recommender questions; the segment is the question's own, not the scorecard's."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self._stating: dict[tuple[str, str], Recommender] = {}

    def stating(self, question: Question) -> Recommender:
        """The recommender, with a model that names the question's segment."""
        if question.customer_type == "employer":
            return self.recommender
        facts = dict(zip(NAMES["person"], question.facts, strict=True))
        key = (facts["segment"], facts["confidence"])
        if key not in self._stating:
            segment = None if key[0] == UNKNOWN else Segment(key[0])
            stated = _Stated(Prediction(segment, 1.0, (), key[1] == "high"))
            self._stating[key] = replace(self.recommender, scorecard=cast("Scorecard", stated))
        return self._stating[key]


@dataclass(frozen=True, slots=True)
class _Stated:
    """In place of a scorecard: one prediction for everybody."""

    prediction: Prediction

    def predict(self, _signals: Signals) -> Prediction:
        return self.prediction

    def reasons(self, _signals: Signals, _prediction: Prediction) -> list[Any]:
        return []


def _of_person(question: Question) -> dict[str, Any]:
    facts = dict(zip(NAMES["person"], question.facts, strict=True))
    values: dict[str, Any] = {}
    if question.strong_identification != UNKNOWN:
        values[LOG_IN] = question.strong_identification == "yes"
    if question.preferred:
        values["preferred_channel"] = question.preferred
    if facts["life_event"] != UNKNOWN:
        events = [event for event in (facts["life_event"], *question.further) if event != "none"]
        values["life_events"] = tuple(LifeEvent(event, months) for months, event in enumerate(events))
    return values


def _of_employer(question: Question) -> dict[str, Any]:
    facts = dict(zip(NAMES["employer"], question.facts, strict=True))
    stated = (facts["open_matter"], *question.further)
    claims = tuple(kind for kind in stated if kind not in {UNKNOWN, question.open_matter})
    return {"claim_kinds": claims} if claims else {}
