"""Signals and a prediction become the finite facts that the rulebook sees; each fact is declared here, once.

A declaration holds the fact's values, its row form and its examples. Its column form is registered under the same name in
`models.columns.facts`; whatever else needs facts (the grid, promises, example customers, the console) asks the declaration.
Codes come from a vocabulary; `models.decision.fact_set` holds the facts of one bundle.
Every fact has few values, `unknown` among them wherever a signal may be missing, so that a rulebook can be checked over all
of them. What is observed of behaviour is used only where a segment was named; what the customer stated is used also where
none was; an objector's or a minor's facts hold language needs alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.contract.codes import EMPLOYER, PERSON, UNKNOWN, CustomerType
from models.contract.signals import LifeEvent, Signals
from models.contract.vocabulary import Vocabulary
from models.decision.fact_forms import (
    EMPLOYER_DIGITAL,
    EMPLOYER_FRICTION,
    PERSON_DIGITAL,
    PERSON_FRICTION,
    STAFF_COUNTS,
    Fact,
    Lookups,
    SignalValues,
    events_ago,
    stated,
)
from models.decision.scorecard import Prediction

Facts = dict[str, str]
SEGMENT: Final = "segment"
CONFIDENCE: Final = "confidence"
SURE: Final = "high"
LOG_IN: Final = "strong_identification"
"""The fact, and the signal, that says whether a customer can use OmaKela."""
MISSING_DOCUMENTS_FROM: Final = 2  # requests in 12 months; assumption: one may be chance, two call for advice
REPEAT_CONTACTS_FROM: Final = 3  # contacts in 30 days on one matter; assumption
ASSISTED_FROM: Final = 3  # phone contacts and visits in 90 days beside online use; assumption
SIZE_CLASSES: Final = (
    (10, "micro"),
    (50, "small"),
    (250, "medium"),
)  # staff below; Recommendation 2003/361/EC


def _personalisation(values: SignalValues, _: Prediction | None = None) -> str:
    if values.get("minor") is True:
        return "minor"
    return "objected" if values.get("personalisation") == "objected" else "allowed"


def _open_matter(values: SignalValues, _: Prediction | None) -> str:
    matter: str = values.get("open_matter", UNKNOWN)
    return matter


def _life_events(vocabulary: Vocabulary) -> Lookups:
    """Distinct parent codes, the most recent first; then, for an open matter, none."""
    codes = tuple(vocabulary.life_events)
    places = vocabulary.event_places

    def looked_up(values: SignalValues) -> tuple[str, ...]:
        if "life_events" not in values:
            return (UNKNOWN,)
        events: tuple[LifeEvent, ...] = values["life_events"]
        parents = sorted([(event.months_ago, places[event.event]) for event in events])
        distinct = tuple(dict.fromkeys([codes[place] for _, place in parents]))
        return (*distinct, _NO_EVENT) if "open_matter" in values or not distinct else distinct

    return looked_up


def _claims(vocabulary: Vocabulary) -> Lookups:
    """The claim that is open, then the kinds of claim made, in the order of the code list."""
    codes = tuple(vocabulary.duties[EMPLOYER])

    def looked_up(values: SignalValues) -> tuple[str, ...]:
        kinds = [values["open_matter"]] if "open_matter" in values else []
        kinds += [kind for kind in codes if kind in values.get("claim_kinds", ()) and kind not in kinds]
        return tuple(kinds) or (UNKNOWN,)

    return looked_up


def _person_digital(values: SignalValues, _: Prediction | None) -> str:
    """How the customer is seen to deal with Kela; who was not seen to deal with it at all is unknown, not offline."""
    logins, online = values.get("omakela_logins_90d"), values.get("applications_online_12m")
    helped = values.get("phone_contacts_90d", 0) + values.get("service_point_visits_90d", 0)
    if logins or online or values.get("chat_contacts_90d"):
        return "assisted" if helped >= ASSISTED_FROM else "self_service"
    if (online == 0 and values.get("applications_12m")) or (logins == 0 and helped):
        return "offline"
    return UNKNOWN


def _person_friction(values: SignalValues, _: Prediction | None) -> str:
    requests, repeats = values.get("attachment_requests_12m"), values.get("repeat_contacts_30d")
    if requests is not None and requests >= MISSING_DOCUMENTS_FROM:
        return "missing_documents"
    if repeats is not None and repeats >= REPEAT_CONTACTS_FROM:
        return "repeat_contacts"
    return UNKNOWN if requests is None or repeats is None else "none"


def _size_class(values: SignalValues, _: Prediction | None) -> str:
    employees = values.get("employees")
    if employees is None:
        return UNKNOWN
    return next((size for below, size in SIZE_CLASSES if employees < below), "large")


def _employer_digital(values: SignalValues, _: Prediction | None) -> str:
    uses = [
        values.get("uses_employer_service"),
        values.get("uses_incomes_register"),
        values.get("claims_online_12m"),
    ]
    if any(uses):
        return "assisted" if values.get("phone_contacts_90d", 0) >= ASSISTED_FROM else "self_service"
    on_paper = uses[2] == 0 and values.get("claims_12m")
    return "offline" if on_paper or (uses[0] is False and uses[1] is False) else UNKNOWN


def _employer_friction(values: SignalValues, _: Prediction | None) -> str:
    late, returned = values.get("late_claims_12m"), values.get("claims_returned_12m")
    if late:
        return "late_claims"
    if returned:
        return "returned_claims"
    return UNKNOWN if late is None or returned is None else "none"


_OBJECTED: Final = ({"personalisation": "objected"},)
_NO_EVENT: Final = "none"


def _segment_facts(vocabulary: Vocabulary) -> tuple[Fact, ...]:
    return (
        Fact(
            SEGMENT,
            (*vocabulary.personal_segments, UNKNOWN),
            "The life situation, inferred or stated; unknown where the model abstains",
            lambda _, prediction: prediction.segment,  # type: ignore[union-attr, arg-type, return-value]  # known beside a segment alone
            known="named",
        ),
        Fact(
            CONFIDENCE,
            (SURE, "moderate", UNKNOWN),
            "How sure the model is of the segment",
            lambda _, prediction: SURE if prediction.confident else "moderate",  # type: ignore[union-attr]
            known="named",
        ),
    )


def _person_facts(vocabulary: Vocabulary) -> tuple[Fact, ...]:
    return (
        Fact(
            "personalisation",
            ("allowed", "objected", "minor"),
            "Whether signals may be used at all",
            _personalisation,
            {"objected": _OBJECTED, "minor": ({"minor": True},)},
            "always",
        ),
        *_segment_facts(vocabulary),
        Fact(
            "life_event",
            (*vocabulary.life_events, _NO_EVENT, UNKNOWN),
            "The life event looked up, child codes folded into parents",
            None,
            events_ago(vocabulary.life_events),
            looked_up=_life_events(vocabulary),
        ),
        Fact(
            "open_matter",
            (*vocabulary.duties[PERSON], UNKNOWN),
            "The benefit a matter is open on",
            _open_matter,
            {benefit: ({"open_matter": benefit},) for benefit in vocabulary.duties[PERSON]},
            signal="open_matter",
        ),
        Fact(
            "digital",
            ("self_service", "assisted", "offline", UNKNOWN),
            "How the customer is seen to use online service",
            _person_digital,
            PERSON_DIGITAL,
            "named",
            scarce=("offline", "assisted"),
        ),
        Fact(
            "friction",
            ("missing_documents", "repeat_contacts", "none", UNKNOWN),
            "Where handling a matter gets stuck",
            _person_friction,
            PERSON_FRICTION,
            "named",
            scarce=("missing_documents", "repeat_contacts"),
        ),
        stated(LOG_IN, "Has means of strong electronic identification", scarce=("no",)),
        stated("acts_through_mandate", "Someone acts for the customer by mandate"),
        stated("interpreter_needed", "Has said an interpreter is needed", is_need=True),
        stated("easy_language", "Has asked for easy language (selkokieli)", is_need=True),
    )


def _employer_facts(vocabulary: Vocabulary) -> tuple[Fact, ...]:
    return (
        Fact(
            "personalisation",
            ("allowed", "objected"),
            "Whether signals may be used at all",
            _personalisation,
            {"objected": _OBJECTED},
            "always",
        ),
        Fact(
            "employer_size",
            ("micro", "small", "medium", "large", UNKNOWN),
            "Size class from the staff count",
            _size_class,
            STAFF_COUNTS,
        ),
        stated("first_claim", "Is about to make its first claim"),
        Fact(
            "open_matter",
            (*vocabulary.duties[EMPLOYER], UNKNOWN),
            "The kind of claim that is open or made",
            None,
            {kind: ({"open_matter": kind},) for kind in vocabulary.duties[EMPLOYER]},
            looked_up=_claims(vocabulary),
        ),
        Fact(
            "digital",
            ("self_service", "assisted", "offline", UNKNOWN),
            "How the employer is seen to send its claims",
            _employer_digital,
            EMPLOYER_DIGITAL,
            scarce=("offline", "assisted"),
        ),
        Fact(
            "friction",
            ("late_claims", "returned_claims", "none", UNKNOWN),
            "Where claims get stuck",
            _employer_friction,
            EMPLOYER_FRICTION,
            scarce=("late_claims", "returned_claims"),
        ),
    )


def declared_facts(vocabulary: Vocabulary) -> Mapping[CustomerType, tuple[Fact, ...]]:
    """The facts of each customer type with the codes of a vocabulary, without its groups."""
    return {PERSON: _person_facts(vocabulary), EMPLOYER: _employer_facts(vocabulary)}


def may_personalise(signals: Signals) -> bool:
    """False for a customer who has objected, and for a minor (GDPR 21, recital 71)."""
    values = signals.values
    return values.get("personalisation") != "objected" and values.get("minor") is not True


def is_identified(signals: Signals) -> bool:
    """Whether the customer is known to have means of strong identification, which OmaKela needs."""
    return signals.values.get(LOG_IN) is True
