"""A population as the distinct questions that its customers put to the recommender, and how many put each.

A question holds the facts and signals that an answer may depend on, and nothing else of a customer; groups and stated segments
follow from them, by the vocabulary of whichever version is asked. `signals_of` turns a question into signals again, so that
the recommender itself answers it: the model's segment is given, for the model has been asked before.
Imports numpy for types alone: the pages that show shares of the sample have no need of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from models.contract.codes import EMPLOYER, PERSON, UNKNOWN, CustomerType
from models.contract.signals import LifeEvent, SignalContract, Signals
from models.contract.vocabulary import EMPTY
from models.decision.fact_set import FactSet
from models.decision.facts import CONFIDENCE, LOG_IN, SEGMENT, SURE, Facts, declared_facts
from models.decision.recommender import Recommender
from models.decision.scorecard import Prediction, Scorecard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMES: Final = {kind: tuple(fact.name for fact in facts) for kind, facts in declared_facts(EMPTY).items()}
"""The facts that are declared, whatever the vocabulary."""
_BESIDE: Final = tuple(
    fact.name
    for fact in declared_facts(EMPTY)[PERSON]
    if fact.known == "named" and fact.name not in {SEGMENT, CONFIDENCE}
)
"""What is known beside a segment alone."""


class Question(NamedTuple):
    """What items and the human channel may depend on.

    Attributes
    ----------
    facts : tuple of str
        Of the first lookup, in the order of `NAMES`; the segment is the model's. What is known beside a segment alone may be
        there also where the model names none.
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


def lookups_of(question: Question, facts: FactSet) -> list[Facts]:
    """The facts of each lookup, in order, as one version knows them."""
    kind = question.customer_type
    first, varying = dict(zip(NAMES[kind], question.facts, strict=True)), facts.varying[kind]
    return [as_known(kind, first | {varying: value}, facts) for value in (first[varying], *question.further)]


def as_known(customer_type: CustomerType, counted: Facts, facts: FactSet) -> Facts:
    """The facts of a lookup as one version knows them: with the segment that they state, and the groups that its rules name.

    Parameters
    ----------
    customer_type : {"person", "employer"}
    counted : Facts
        Those of `NAMES`, as questions hold them.
    facts : FactSet
        Of the version.
    """
    known = counted
    if counted.get(SEGMENT) == UNKNOWN:
        known = counted | dict.fromkeys(_BESIDE, UNKNOWN)
    if counted["personalisation"] == "allowed":
        stated = facts.stated_segment(customer_type, known)
        known = counted | stated if stated else known
    return facts.completed(customer_type, known)


def signals_of(question: Question) -> Signals:
    """Signals of a customer who asks this question, once the model's segment is given."""
    kind = question.customer_type
    values = _declared_facts().plainest_signals(kind, dict(zip(NAMES[kind], question.facts, strict=True)))
    if question.open_matter == UNKNOWN:
        values.pop("open_matter", None)
    else:
        values["open_matter"] = question.open_matter
    return Signals(kind, values | (_of_person if kind == PERSON else _of_employer)(question))


def owed_signals(owed: Owed) -> Signals:
    """Signals of a customer to whom such statutory content is owed."""
    name = "active_benefits" if owed.customer_type == PERSON else "claim_kinds"
    matter = {} if owed.open_matter == UNKNOWN else {"open_matter": owed.open_matter}
    return Signals(owed.customer_type, {**matter, name: owed.benefits})


class Answerer:
    """Asks a recommender questions; the segment is the question's own, not the scorecard's."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self._stating: dict[Prediction, Recommender] = {}

    def stating(self, question: Question) -> Recommender:
        """The recommender, with a model that names the question's segment."""
        prediction = _prediction_of(question)
        if prediction is None:
            return self.recommender
        if prediction not in self._stating:
            stated = cast("Scorecard", _Stated(prediction))
            self._stating[prediction] = replace(self.recommender, scorecard=stated)
        return self._stating[prediction]


@dataclass(frozen=True, slots=True)
class _Stated:
    """In place of a scorecard: one prediction for everybody."""

    prediction: Prediction

    def predict(self, _signals: Signals) -> Prediction:
        return self.prediction

    def reasons(self, _signals: Signals, _prediction: Prediction) -> list[Any]:
        return []


@cache
def _declared_facts() -> FactSet:
    return FactSet(SignalContract(EMPTY))


def _prediction_of(question: Question) -> Prediction | None:
    """The model's answer; None for employers, of whom it is not asked."""
    if question.customer_type == EMPLOYER:
        return None
    facts = dict(zip(NAMES[PERSON], question.facts, strict=True))
    segment = None if facts[SEGMENT] == UNKNOWN else facts[SEGMENT]
    return Prediction(segment, 1.0, (), facts[CONFIDENCE] == SURE)


def _of_person(question: Question) -> dict[str, Any]:
    facts = dict(zip(NAMES[PERSON], question.facts, strict=True))
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
    facts = dict(zip(NAMES[EMPLOYER], question.facts, strict=True))
    stated = (facts["open_matter"], *question.further)
    claims = tuple(kind for kind in stated if kind not in {UNKNOWN, question.open_matter})
    return {"claim_kinds": claims} if claims else {}
