"""Signals and a prediction become the finite facts that the rulebook sees.

Every fact has few allowed values, `unknown` among them wherever a signal may be missing, so that a rulebook can be
checked over all of them. What is observed of behaviour is used only where a segment was named; what the customer
stated is used also where none was; an objector's or a minor's facts hold language needs alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.contract.codes import BENEFITS, CLAIM_KINDS, LIFE_EVENTS, UNKNOWN, CustomerType
from models.contract.segments import PERSON_SEGMENTS
from models.contract.signals import LifeEvent, Signals
from models.decision.scorecard import Prediction

Facts = dict[str, str]

_NEEDS: Final = ("interpreter_needed", "easy_language")
_LOG_IN: Final = "strong_identification"
_STATUTORY_SIGNALS: Final = ("open_matter", "active_benefits", "claim_kinds")

MISSING_DOCUMENTS_FROM: Final = 2  # requests in 12 months; assumption: one may be chance, two call for advice
REPEAT_CONTACTS_FROM: Final = 3  # contacts in 30 days on one matter; assumption
ASSISTED_FROM: Final = 3  # phone contacts and visits in 90 days beside online use; assumption
SIZE_CLASSES: Final = (
    (10, "micro"),
    (50, "small"),
    (250, "medium"),
)  # staff below; Recommendation 2003/361/EC


@dataclass(frozen=True, slots=True)
class Fact:
    """An input of the decision table (DMN): its allowed values and what it means."""

    name: str
    values: tuple[str, ...]
    meaning: str


_YES_NO: Final = ("yes", "no", UNKNOWN)
PERSON_FACTS: Final = (
    Fact("personalisation", ("allowed", "objected", "minor"), "Whether signals may be used at all"),
    Fact(
        "segment",
        (*PERSON_SEGMENTS, UNKNOWN),
        "The inferred life situation; unknown where the model abstains",
    ),
    Fact("confidence", ("high", "moderate", UNKNOWN), "How sure the model is of the segment"),
    Fact(
        "life_event",
        (*LIFE_EVENTS, "none", UNKNOWN),
        "The life event looked up, child codes folded into parents",
    ),
    Fact("open_matter", (*BENEFITS, UNKNOWN), "The benefit a matter is open on"),
    Fact(
        "digital",
        ("self_service", "assisted", "offline", UNKNOWN),
        "How the customer is seen to use online service",
    ),
    Fact(
        "friction",
        ("missing_documents", "repeat_contacts", "none", UNKNOWN),
        "Where handling a matter gets stuck",
    ),
    Fact("strong_identification", _YES_NO, "Has means of strong electronic identification"),
    Fact("acts_through_mandate", _YES_NO, "Someone acts for the customer by mandate"),
    Fact("interpreter_needed", _YES_NO, "Has said an interpreter is needed"),
    Fact("easy_language", _YES_NO, "Has asked for easy language (selkokieli)"),
)
EMPLOYER_FACTS: Final = (
    Fact("personalisation", ("allowed", "objected"), "Whether signals may be used at all"),
    Fact("employer_size", ("micro", "small", "medium", "large", UNKNOWN), "Size class from the staff count"),
    Fact("first_claim", _YES_NO, "Is about to make its first claim"),
    Fact("open_matter", (*CLAIM_KINDS, UNKNOWN), "The kind of claim that is open or made"),
    Fact(
        "digital",
        ("self_service", "assisted", "offline", UNKNOWN),
        "How the employer is seen to send its claims",
    ),
    Fact("friction", ("late_claims", "returned_claims", "none", UNKNOWN), "Where claims get stuck"),
)
FACTS: Final[Mapping[CustomerType, tuple[Fact, ...]]] = {"person": PERSON_FACTS, "employer": EMPLOYER_FACTS}
VARYING: Final[Mapping[CustomerType, str]] = {"person": "life_event", "employer": "open_matter"}
"""The fact that differs between a customer's lookups."""

Block = Mapping[str, tuple[str, ...]]


def feasible_blocks(customer_type: CustomerType) -> tuple[Block, ...]:
    """The boxes of fact values that `lookups` can give, together every feasible cell and no other; for analysis."""
    facts = {fact.name: fact.values for fact in FACTS[customer_type]}
    nothing = dict.fromkeys(facts, (UNKNOWN,))
    if customer_type == "employer":
        return (facts | {"personalisation": ("allowed",)}, nothing | {"personalisation": ("objected",)})
    needs = {name: facts[name] for name in ("interpreter_needed", "easy_language")}
    allowed = facts | {"personalisation": ("allowed",)}
    unsure = dict.fromkeys(("segment", "confidence", "digital", "friction"), (UNKNOWN,))
    named = {"segment": tuple(PERSON_SEGMENTS), "confidence": ("high", "moderate")}
    return (allowed | named, allowed | unsure, nothing | needs | {"personalisation": ("objected", "minor")})


def is_feasible(customer_type: CustomerType, facts: Facts) -> bool:
    """Whether `lookups` can give these facts."""
    return any(
        all(value in block[name] for name, value in facts.items()) for block in feasible_blocks(customer_type)
    )


def lookups(signals: Signals, prediction: Prediction | None) -> list[Facts]:
    """The facts to look up, in order: most recent event first, further events, then the open matter.

    Parameters
    ----------
    signals : Signals
    prediction : Prediction or None
        The model's answer; None for an employer and where the model was not asked.

    Returns
    -------
    list of Facts
        At least one. Events tie by code order; a child code counts as its parent.
    """
    if signals.customer_type == "employer":
        return _employer_lookups(signals)
    return _person_lookups(signals, prediction)


def may_personalise(signals: Signals) -> bool:
    """False for a customer who has objected, and for a minor (GDPR 21, recital 71)."""
    values = signals.values
    return values.get("personalisation") != "objected" and values.get("minor") is not True


def is_identified(signals: Signals) -> bool:
    """Whether the customer is known to have means of strong identification, which OmaKela needs."""
    return signals.values.get(_LOG_IN) is True


def neutral_signals(signals: Signals) -> Signals:
    """What is left of a customer when the model may not be asked: needs, log-in, and what the law attaches content to."""
    usable = (*_NEEDS, *_STATUTORY_SIGNALS, _LOG_IN)
    values = {name: value for name, value in signals.values.items() if name in usable}
    return Signals(signals.customer_type, values | {"personalisation": "objected"})


def statutory_benefits(signals: Signals) -> list[str]:
    """Open matter first, then active benefits or kinds of claim: all that chooses statutory content."""
    values: Mapping[str, Any] = signals.values
    open_matter = [values["open_matter"]] if "open_matter" in values else []
    employer = signals.customer_type == "employer"
    named = values.get("claim_kinds" if employer else "active_benefits")
    if not named:
        return open_matter
    return open_matter + [benefit for benefit in (CLAIM_KINDS if employer else BENEFITS) if benefit in named]


def _person_lookups(signals: Signals, prediction: Prediction | None) -> list[Facts]:
    values: Mapping[str, Any] = signals.values
    facts = dict.fromkeys((fact.name for fact in PERSON_FACTS), UNKNOWN)
    facts["interpreter_needed"] = _yes_no(values.get("interpreter_needed"))
    facts["easy_language"] = _yes_no(values.get("easy_language"))
    if not may_personalise(signals):
        facts["personalisation"] = "minor" if values.get("minor") is True else "objected"
        return [facts]
    facts["personalisation"] = "allowed"
    facts["open_matter"] = values.get("open_matter", UNKNOWN)
    facts["strong_identification"] = _yes_no(values.get("strong_identification"))
    facts["acts_through_mandate"] = _yes_no(values.get("acts_through_mandate"))
    if prediction is not None and prediction.segment is not None:
        facts["segment"] = prediction.segment.value
        facts["confidence"] = "high" if prediction.confident else "moderate"
        facts["digital"] = _person_digital(values)
        facts["friction"] = _person_friction(values)
    if "life_events" not in values:
        return [facts]
    events = _events_by_recency(values["life_events"])
    if not events:
        return [facts | {"life_event": "none"}]
    looked_up = [facts | {"life_event": event} for event in events]
    if facts["open_matter"] != UNKNOWN:
        looked_up.append(facts | {"life_event": "none"})
    return looked_up


def _events_by_recency(events: tuple[LifeEvent, ...]) -> list[str]:
    """Distinct parent codes, the most recent first."""
    parents = ((event.months_ago, LIFE_EVENTS.index(event.event.partition(".")[0])) for event in events)
    return list(dict.fromkeys(LIFE_EVENTS[code] for _, code in sorted(parents)))


def _person_digital(values: Mapping[str, Any]) -> str:
    """How the customer is seen to deal with Kela; who was not seen to deal with it at all is unknown, not offline."""
    logins, online = values.get("omakela_logins_90d"), values.get("applications_online_12m")
    helped = values.get("phone_contacts_90d", 0) + values.get("service_point_visits_90d", 0)
    if logins or online or values.get("chat_contacts_90d"):
        return "assisted" if helped >= ASSISTED_FROM else "self_service"
    if (online == 0 and values.get("applications_12m")) or (logins == 0 and helped):
        return "offline"
    return UNKNOWN


def _person_friction(values: Mapping[str, Any]) -> str:
    requests, repeats = values.get("attachment_requests_12m"), values.get("repeat_contacts_30d")
    if requests is not None and requests >= MISSING_DOCUMENTS_FROM:
        return "missing_documents"
    if repeats is not None and repeats >= REPEAT_CONTACTS_FROM:
        return "repeat_contacts"
    return UNKNOWN if requests is None or repeats is None else "none"


def _employer_lookups(signals: Signals) -> list[Facts]:
    values: Mapping[str, Any] = signals.values
    facts = dict.fromkeys((fact.name for fact in EMPLOYER_FACTS), UNKNOWN)
    if not may_personalise(signals):
        return [facts | {"personalisation": "objected"}]
    facts["personalisation"] = "allowed"
    facts["employer_size"] = _size_class(values.get("employees"))
    facts["first_claim"] = _yes_no(values.get("first_claim"))
    facts["digital"] = _employer_digital(values)
    facts["friction"] = _employer_friction(values)
    kinds = [values["open_matter"]] if "open_matter" in values else []
    kinds += [kind for kind in CLAIM_KINDS if kind in values.get("claim_kinds", ()) and kind not in kinds]
    return [facts | {"open_matter": kind} for kind in kinds or [UNKNOWN]]


def _size_class(employees: int | None) -> str:
    if employees is None:
        return UNKNOWN
    return next((size for below, size in SIZE_CLASSES if employees < below), "large")


def _employer_digital(values: Mapping[str, Any]) -> str:
    uses = [
        values.get("uses_employer_service"),
        values.get("uses_incomes_register"),
        values.get("claims_online_12m"),
    ]
    if any(uses):
        return "assisted" if values.get("phone_contacts_90d", 0) >= ASSISTED_FROM else "self_service"
    on_paper = uses[2] == 0 and values.get("claims_12m")
    return "offline" if on_paper or (uses[0] is False and uses[1] is False) else UNKNOWN


def _employer_friction(values: Mapping[str, Any]) -> str:
    late, returned = values.get("late_claims_12m"), values.get("claims_returned_12m")
    if late:
        return "late_claims"
    if returned:
        return "returned_claims"
    return UNKNOWN if late is None or returned is None else "none"


def _yes_no(value: bool | None) -> str:  # noqa: FBT001  (three-valued: yes, no, unknown)
    return UNKNOWN if value is None else "yes" if value else "no"
