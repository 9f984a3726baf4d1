"""The signal contract: what may be observed of a customer, and the one check of it.

Signals are declared here; the codes that some of them may name are a vocabulary's, and `SignalContract` joins the two. The
API, batch scoring and the training data are all checked by it, so that a body the API refuses is a row that batch scoring
refuses, for the same reason. A signal left out, or null, is *unknown* and stays so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from models.contract.codes import (
    BARRED,
    CUSTOMER_TYPES,
    EMPLOYER,
    PERSON,
    CustomerType,
)
from models.contract.identity_codes import holds_identity_code
from models.contract.near_names import LONGEST_NAME, NearNames
from models.contract.signal_kinds import KINDS, Fault, LifeEvent, SignalKind, Value, read_count
from models.contract.vocabulary import Vocabulary

__all__ = [
    "AT_MOST",
    "DECLARED",
    "EMPLOYER_SIGNALS",
    "MOST_FAULTS",
    "MOST_HINTS",
    "PERSON_SIGNALS",
    "Fault",
    "FaultLimit",
    "InvalidSignalsError",
    "LifeEvent",
    "Signal",
    "SignalContract",
    "Signals",
    "Value",
    "more_faults",
    "read_count",
]
_READERS: Final = {name: kind.read for name, kind in KINDS.items()}
MOST_FAULTS: Final = 20
MOST_HINTS: Final = 5


@dataclass(slots=True)
class FaultLimit:
    """How many faults may still be listed, and how many of them with the name that was probably meant."""

    faults: int = MOST_FAULTS
    hints: int = MOST_HINTS


class InvalidSignalsError(ValueError):
    """Signals break the contract: `faults` says where and what is allowed, `unlisted` how many more there are.

    Correct the request or row.
    """

    def __init__(self, faults: list[Fault], unlisted: int = 0) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.message}" for fault in faults))
        self.faults, self.unlisted = faults, unlisted


Codes = Literal["", "benefits", "claim_kinds", "life_events", "channels"]
"""The part of a vocabulary that gives a signal its values; empty where it has none, or they are declared."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One declared signal: its type and range, what it means, why it may be used and by what.

    Where `codes` names a part of the vocabulary, `values` are empty until a `SignalContract` fills them in.
    """

    name: str
    kind: Literal["count", "yes_no", "choice", "choices", "life_events"]
    used_by: Literal["model", "rules", "both"]
    meaning: str
    why: str
    maximum: int = 0
    unit: str = ""
    values: tuple[str, ...] = ()
    codes: Codes = ""
    near: NearNames | None = field(default=None, repr=False, compare=False)

    def read(self, value: object, pointer: str, faults: list[Fault]) -> Value | None:
        """The value in the contract's own type; None, with a fault added, if it is not allowed."""
        return _READERS[self.kind](self, value, pointer, faults)

    @property
    def forms(self) -> SignalKind:
        """All that follows from its kind."""
        return KINDS[self.kind]


@dataclass(frozen=True, slots=True)
class Signals:
    """Checked signals of one customer; a name that is absent is unknown. `SignalContract.read` makes them."""

    customer_type: CustomerType
    values: Mapping[str, Value]


def _count(name: str, maximum: int, unit: str, meaning: str, why: str) -> Signal:
    return Signal(name, "count", "both", meaning, why, maximum=maximum, unit=unit)


_CHANGE = "change is what tells a changing life situation from a steady one (Kela's definition)"
_ACCUMULATION = "duration and accumulation of support are what Kela's supported segment is defined by"
_HANDLING = "how matters get handled shows whether guidance is clear enough or a person is needed"
_CHANNEL = "which channel a customer already uses is the plainest sign of which one serves"
_STATED = "the need is stated by the customer and is served as stated; never an input of the model"

PERSON_SIGNALS: Final = (
    _count(
        "months_on_income_support",
        600,
        "months",
        "Consecutive months with a benefit that replaces earnings, or social assistance",
        _ACCUMULATION,
    ),
    _count("benefits_started_6m", 30, "benefits", "Benefits that began in the last 6 months", _CHANGE),
    _count("benefits_ended_6m", 30, "benefits", "Benefits that ended in the last 6 months", _CHANGE),
    _count(
        "social_assistance_months_12m",
        12,
        "months",
        "Months with basic social assistance in the last 12 months",
        _ACCUMULATION,
    ),
    _count("applications_12m", 300, "applications", "Applications sent in the last 12 months", _HANDLING),
    _count(
        "applications_online_12m",
        300,
        "applications",
        "Applications sent online in the last 12 months; at most applications_12m",
        _CHANNEL,
    ),
    _count(
        "attachment_requests_12m",
        100,
        "requests",
        "Times Kela asked for a missing supporting document in the last 12 months",
        _HANDLING,
    ),
    _count(
        "reconsiderations_12m",
        50,
        "requests",
        "Corrections and appeals asked for in the last 12 months",
        _HANDLING,
    ),
    _count("omakela_logins_90d", 1000, "log-ins", "OmaKela log-ins in the last 90 days", _CHANNEL),
    _count("phone_contacts_90d", 1000, "contacts", "Phone contacts in the last 90 days", _CHANNEL),
    _count("service_point_visits_90d", 1000, "visits", "Service-point visits in the last 90 days", _CHANNEL),
    _count("chat_contacts_90d", 1000, "contacts", "Chat contacts in the last 90 days", _CHANNEL),
    _count(
        "repeat_contacts_30d",
        200,
        "contacts",
        "Contacts in the last 30 days on a matter already raised",
        _HANDLING,
    ),
    _count(
        "partner_contacts_12m",
        200,
        "contacts",
        "Contacts by another authority on the customer's behalf in the last 12 months",
        "work with other authorities is part of Kela's definition of supported everyday life",
    ),
    Signal(
        "life_events",
        "life_events",
        "both",
        "At most 5 life events of the last 24 months. The model sees how many and how recent, never which",
        "the event names the content the customer needs now; which one may be health data, so rules alone see it",
        maximum=5,
        codes="life_events",
    ),
    Signal(
        "active_benefits",
        "choices",
        "both",
        "At most 12 benefits now being paid. The model sees how many, never which",
        "statutory content follows from the benefit; the number tells how many matters run at once",
        maximum=12,
        codes="benefits",
    ),
    Signal(
        "open_matter", "choice", "rules", "The benefit a matter is open on now", _STATED, codes="benefits"
    ),
    Signal(
        "strong_identification", "yes_no", "rules", "Has means of strong electronic identification", _STATED
    ),
    Signal("acts_through_mandate", "yes_no", "rules", "Someone acts for the customer by mandate", _STATED),
    Signal("interpreter_needed", "yes_no", "rules", "Has said an interpreter is needed", _STATED),
    Signal("easy_language", "yes_no", "rules", "Has asked for easy language (selkokieli)", _STATED),
    Signal(
        "preferred_channel",
        "choice",
        "rules",
        "The channel the customer prefers; a channel of the catalogue",
        _STATED,
        codes="channels",
    ),
    Signal(
        "minor",
        "yes_no",
        "rules",
        "Is under 18",
        "a minor is never profiled (GDPR recital 71): neutral answer",
    ),
    Signal(
        "personalisation",
        "choice",
        "rules",
        "`objected` if the customer has objected to personalisation; left out, it counts as `allowed`",
        "an objection (GDPR 21) gives the neutral answer",
        values=("allowed", "objected"),
    ),
)
EMPLOYER_SIGNALS: Final = (
    _count("employees", 200_000, "employees", "Staff count", "small and large employers apply differently"),
    _count("claims_12m", 100_000, "claims", "Claims sent in the last 12 months", _HANDLING),
    _count(
        "claims_online_12m",
        100_000,
        "claims",
        "Claims sent online in the last 12 months; at most claims_12m",
        _CHANNEL,
    ),
    _count(
        "claims_returned_12m",
        100_000,
        "claims",
        "Claims returned for completion in the last 12 months; at most claims_12m",
        _HANDLING,
    ),
    _count(
        "late_claims_12m",
        100_000,
        "claims",
        "Claims sent after the deadline in the last 12 months; at most claims_12m",
        _HANDLING,
    ),
    Signal(
        "claim_kinds",
        "choices",
        "rules",
        "Kinds of claim the employer makes",
        "the kind names the content",
        maximum=5,
        codes="claim_kinds",
    ),
    Signal("first_claim", "yes_no", "rules", "Is about to make its first claim", _STATED),
    Signal("uses_employer_service", "yes_no", "rules", "Uses the e-service for employers", _CHANNEL),
    Signal("uses_incomes_register", "yes_no", "rules", "Claims through the Incomes Register", _CHANNEL),
    _count("phone_contacts_90d", 1000, "contacts", "Phone contacts in the last 90 days", _CHANNEL),
    Signal(
        "open_matter", "choice", "rules", "The kind of claim that is open now", _STATED, codes="claim_kinds"
    ),
    Signal(
        "personalisation",
        "choice",
        "rules",
        "`objected` if the employer has objected to personalisation; left out, it counts as `allowed`",
        "an objection gives the neutral answer",
        values=("allowed", "objected"),
    ),
)
DECLARED: Final[Mapping[str, Mapping[str, Signal]]] = {
    PERSON: {signal.name: signal for signal in PERSON_SIGNALS},
    EMPLOYER: {signal.name: signal for signal in EMPLOYER_SIGNALS},
}
"""The signals of each customer type, without the codes of any vocabulary."""
AT_MOST: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    PERSON: (("applications_online_12m", "applications_12m"),),
    EMPLOYER: (
        ("claims_online_12m", "claims_12m"),
        ("claims_returned_12m", "claims_12m"),
        ("late_claims_12m", "claims_12m"),
    ),
}
"""Cross-field checks: the first signal cannot exceed the second."""


class SignalContract:
    """The signals that the customers of one vocabulary may have.

    Attributes
    ----------
    vocabulary : Vocabulary
    signals : mapping of str to mapping of str to Signal
        By customer type and name, with the values that may be named.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.signals: Mapping[str, Mapping[str, Signal]] = {
            kind: {name: _with_codes(signal, vocabulary) for name, signal in declared.items()}
            for kind, declared in DECLARED.items()
        }

    def read(
        self, customer_type: str, signals: object, pointer: str = "/signals", limit: FaultLimit | None = None
    ) -> Signals:
        """Check signals against the contract and return them in its types.

        Parameters
        ----------
        customer_type : {"person", "employer"}
            Which contract applies; it is known, never inferred.
        signals : object
            A mapping of signal names to values, as parsed from JSON.
        pointer : str
            JSON pointer of `signals`, the prefix of each fault's pointer.
        limit : FaultLimit, optional
            How many faults and hints to list; its hints are used up here. By default 20 faults, 5 of them with a hint.

        Raises
        ------
        InvalidSignalsError
            With every fault found, not only the first; those beyond the limit are counted and cost nothing else.
        """
        if customer_type not in CUSTOMER_TYPES:
            raise InvalidSignalsError(
                [Fault("/customer_type", "unknown_value", "must be person or employer.")]
            )
        if not isinstance(signals, Mapping):
            raise InvalidSignalsError([Fault(pointer, "wrong_type", "must be an object of signals.")])
        contract = self.signals[customer_type]
        faults: list[Fault] = []
        foreign: list[object] = []
        values: dict[str, Value] = {}
        for name, value in signals.items():
            signal = contract.get(name)
            if signal is None:
                foreign.append(name)
            elif value is not None:
                read = signal.read(value, f"{pointer}/{name}", faults)
                if read is not None:
                    values[name] = read
        for part, whole in AT_MOST[customer_type]:
            few, many = values.get(part), values.get(whole)
            if few is not None and many is not None and few > many:  # type: ignore[operator]
                faults.append(Fault(f"{pointer}/{part}", "contradiction", f"cannot be more than {whole}."))
        if faults or foreign:
            limit = limit or FaultLimit()
            listed = [_foreign_field(customer_type, name, pointer, limit) for name in foreign[: limit.faults]]
            listed = [*listed, *faults][: limit.faults]
            raise InvalidSignalsError(listed, len(foreign) + len(faults) - len(listed))
        return Signals(customer_type, values)


def _with_codes(signal: Signal, vocabulary: Vocabulary) -> Signal:
    """A signal with the values that a vocabulary gives it."""
    if signal.codes == "channels":
        values = vocabulary.channels_for(PERSON)
    elif signal.codes == "life_events":
        values = vocabulary.event_codes
    elif signal.codes:
        values = tuple(vocabulary.duties[PERSON if signal.codes == "benefits" else EMPLOYER])
    else:
        return replace(signal, near=NearNames(signal.values)) if signal.values else signal
    return replace(signal, values=values, near=NearNames(values))


def more_faults(pointer: str, number: int) -> Fault:
    """The entry that stands for faults which are not listed."""
    return Fault(
        pointer, "more_faults", f"has {number} more fault{'s' * (number > 1)}. Correct those listed first."
    )


_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}")
_NEAR: Final = {customer_type: NearNames(names) for customer_type, names in DECLARED.items()}


def _foreign_field(customer_type: str, name: object, pointer: str, limit: FaultLimit) -> Fault:
    """The fault of an unknown field; an odd name is not echoed, it may itself be personal data."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or holds_identity_code(name):
        return Fault(pointer, "unknown_field", "has a field that is not a signal. Remove it.")
    where = f"{pointer}/{name}"
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if plain in BARRED:
        return Fault(
            where, "barred_attribute", "is never used by Arki to choose a segment or content. Remove it."
        )
    near = _NEAR[customer_type].nearest(plain) if limit.hints > 0 else None
    hint = " GET /openapi.json lists the signals."
    if near is not None:
        limit.hints -= 1
        hint = f" Did you mean {near}?"
    return Fault(where, "unknown_field", f"is not a signal of a {customer_type}.{hint}")
