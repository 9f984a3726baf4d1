"""Signals and a prediction become the finite facts that the rulebook sees; each fact is declared here, once.

A declaration holds the fact's values, its row form and its examples. Its column form is registered under the same name in
`models.columns.facts`; whatever else needs facts (the grid, promises, example customers, the console) asks the declaration.
Every fact has few values, `unknown` among them wherever a signal may be missing, so that a rulebook can be checked over all
of them. What is observed of behaviour is used only where a segment was named; what the customer stated is used also where
none was; an objector's or a minor's facts hold language needs alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from models.contract.codes import (
    BENEFITS,
    CLAIM_KINDS,
    CUSTOMER_TYPES,
    LIFE_EVENTS,
    UNKNOWN,
    CustomerType,
)
from models.contract.segments import PERSON_SEGMENTS
from models.contract.signals import LifeEvent, Signals
from models.decision.fact_forms import (
    EMPLOYER_DIGITAL,
    EMPLOYER_FRICTION,
    EVENTS_AGO,
    PERSON_DIGITAL,
    PERSON_FRICTION,
    STAFF_COUNTS,
    Fact,
    Lookups,
    Row,
    SignalValues,
    stated,
)
from models.decision.scorecard import Prediction

Facts = dict[str, str]
LOG_IN: Final = "strong_identification"
"""The fact, and the signal, that says whether a customer can use OmaKela."""
_STATUTORY_SIGNALS: Final = ("open_matter", "active_benefits", "claim_kinds")
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


def _life_events(values: SignalValues) -> tuple[str, ...]:
    """Distinct parent codes, the most recent first; then, for an open matter, none."""
    if "life_events" not in values:
        return (UNKNOWN,)
    events: tuple[LifeEvent, ...] = values["life_events"]
    parents = ((event.months_ago, LIFE_EVENTS.index(event.event.partition(".")[0])) for event in events)
    codes = tuple(dict.fromkeys([LIFE_EVENTS[code] for _, code in sorted(parents)]))
    return (*codes, "none") if "open_matter" in values or not codes else codes


def _claims(values: SignalValues) -> tuple[str, ...]:
    """The claim that is open, then the kinds of claim made, in the order of the code list."""
    kinds = [values["open_matter"]] if "open_matter" in values else []
    kinds += [kind for kind in CLAIM_KINDS if kind in values.get("claim_kinds", ()) and kind not in kinds]
    return tuple(kinds) or (UNKNOWN,)


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

PERSON_FACTS: Final = (
    Fact(
        "personalisation",
        ("allowed", "objected", "minor"),
        "Whether signals may be used at all",
        _personalisation,
        {"objected": _OBJECTED, "minor": ({"minor": True},)},
        "always",
    ),
    Fact(
        "segment",
        (*PERSON_SEGMENTS, UNKNOWN),
        "The inferred life situation; unknown where the model abstains",
        lambda _, prediction: prediction.segment.value,  # type: ignore[union-attr]  # known beside a segment alone
        known="named",
    ),
    Fact(
        "confidence",
        ("high", "moderate", UNKNOWN),
        "How sure the model is of the segment",
        lambda _, prediction: "high" if prediction.confident else "moderate",  # type: ignore[union-attr]
        known="named",
    ),
    Fact(
        "life_event",
        (*LIFE_EVENTS, "none", UNKNOWN),
        "The life event looked up, child codes folded into parents",
        None,
        EVENTS_AGO,
        looked_up=_life_events,
    ),
    Fact(
        "open_matter",
        (*BENEFITS, UNKNOWN),
        "The benefit a matter is open on",
        _open_matter,
        {benefit: ({"open_matter": benefit},) for benefit in BENEFITS},
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
EMPLOYER_FACTS: Final = (
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
        (*CLAIM_KINDS, UNKNOWN),
        "The kind of claim that is open or made",
        None,
        {kind: ({"open_matter": kind},) for kind in CLAIM_KINDS},
        looked_up=_claims,
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
FACTS: Final[Mapping[CustomerType, tuple[Fact, ...]]] = {"person": PERSON_FACTS, "employer": EMPLOYER_FACTS}
VARYING: Final[Mapping[CustomerType, str]] = {
    kind: next(fact.name for fact in FACTS[kind] if fact.looked_up) for kind in CUSTOMER_TYPES
}
"""The fact that differs between a customer's lookups."""
NEEDS: Final[Mapping[CustomerType, tuple[str, ...]]] = {
    kind: tuple(fact.name for fact in FACTS[kind] if fact.known == "always" and fact.signal)
    for kind in CUSTOMER_TYPES
}
"""Language needs, which are served as stated whoever asks."""

Block = Mapping[str, tuple[str, ...]]


def feasible_blocks(customer_type: CustomerType) -> tuple[Block, ...]:
    """The boxes of fact values that `lookups` can give, together every feasible cell and no other; for analysis."""
    every = {fact.name: fact.values for fact in FACTS[customer_type]}
    refused = {"personalisation": tuple(value for value in every["personalisation"] if value != "allowed")}
    allowed = every | {"personalisation": ("allowed",)}
    needs = {name: every[name] for name in NEEDS[customer_type]}
    neutral = dict.fromkeys(every, (UNKNOWN,)) | needs | refused
    named = [fact for fact in FACTS[customer_type] if fact.known == "named"]
    if not named:
        return (allowed, neutral)
    sure = {
        fact.name: tuple(value for value in fact.values if value != UNKNOWN)
        for fact in named
        if fact.is_inferred
    }
    unsure = {fact.name: (UNKNOWN,) for fact in named}
    return (allowed | sure, allowed | unsure, neutral)


def is_feasible(customer_type: CustomerType, facts: Facts) -> bool:
    """Whether `lookups` can give these facts."""
    return any(
        all(value in block[name] for name, value in facts.items()) for block in feasible_blocks(customer_type)
    )


class _Plan(NamedTuple):
    """The row forms of a customer type by whom they are known of, made ready for `lookups`."""

    nothing: Facts
    always: tuple[tuple[str, Row], ...]
    allowed: tuple[tuple[str, Row], ...]
    named: tuple[tuple[str, Row], ...]
    varying: str
    looked_up: Lookups


def _plan(customer_type: CustomerType) -> _Plan:
    every = FACTS[customer_type]
    varying = next(fact for fact in every if fact.looked_up)
    rows: dict[str, list[tuple[str, Row]]] = {"always": [], "allowed": [], "named": []}
    for fact in every:
        if fact.row is not None:
            rows[fact.known].append((fact.name, fact.row))
    nothing = dict.fromkeys((fact.name for fact in every), UNKNOWN)
    looked_up = cast("Lookups", varying.looked_up)
    return _Plan(
        nothing, tuple(rows["always"]), tuple(rows["allowed"]), tuple(rows["named"]), varying.name, looked_up
    )


_PLANS: Final = {kind: _plan(kind) for kind in CUSTOMER_TYPES}


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
    values, plan = signals.values, _PLANS[signals.customer_type]
    facts = plan.nothing.copy()
    for name, row in plan.always:
        facts[name] = row(values, prediction)
    if facts["personalisation"] != "allowed":
        return [facts]
    for name, row in plan.allowed:
        facts[name] = row(values, prediction)
    if prediction is not None and prediction.segment is not None:
        for name, row in plan.named:
            facts[name] = row(values, prediction)
    first, *further = plan.looked_up(values)
    facts[plan.varying] = first
    return [facts, *[facts | {plan.varying: value} for value in further]]


def may_personalise(signals: Signals) -> bool:
    """False for a customer who has objected, and for a minor (GDPR 21, recital 71)."""
    values = signals.values
    return values.get("personalisation") != "objected" and values.get("minor") is not True


def is_identified(signals: Signals) -> bool:
    """Whether the customer is known to have means of strong identification, which OmaKela needs."""
    return signals.values.get(LOG_IN) is True


def neutral_signals(signals: Signals) -> Signals:
    """What is left of a customer when the model may not be asked: needs, log-in, and what the law attaches content to."""
    usable = (*NEEDS[signals.customer_type], *_STATUTORY_SIGNALS, LOG_IN)
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


def plainest_signals(customer_type: CustomerType, facts: Mapping[str, str]) -> dict[str, Any]:
    """The plainest signals that give some facts, but for what the model infers; those that are unknown are left out."""
    signals: dict[str, Any] = {}
    for fact in FACTS[customer_type]:
        value = facts.get(fact.name, UNKNOWN)
        if value != UNKNOWN and value in fact.examples:
            signals |= fact.examples[value][0]
    return {name: value for name, value in signals.items() if value is not None}
