"""From facts back to signals: an invented customer who really lands in a given cell of the grid.

The inverse of `facts`, with the segment reached through the real scorecard: the signals that the facts leave free are
moved, one at a time, towards the segment and confidence wanted. What is found is verified with `lookups`; where nothing
is, the current model leads nobody there, and the finding says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from models.contract.codes import UNKNOWN, CustomerType
from models.contract.segments import PERSON_SEGMENTS, Segment
from models.contract.signals import InvalidSignalsError, read_signals
from models.decision.facts import Facts, lookups, may_personalise
from models.decision.scorecard import Prediction, Scorecard

SignalValues = dict[str, Any]
"""Signals as JSON has them; a name left out is unknown."""

TELLING: Final = ("personalisation", "segment", "confidence", "life_event", "digital", "friction")
"""The facts that decide whether a customer can be found at all; the others are free."""
MOST_TRIED: Final = 200
_ROUNDS: Final = 3
_FREE: Final[Mapping[str, tuple[int | None, ...]]] = {
    "months_on_income_support": (None, 0, 1, 3, 8, 14, 30, 60),
    "benefits_started_6m": (None, 0, 1, 2, 4),
    "benefits_ended_6m": (None, 0, 1, 2, 4),
    "social_assistance_months_12m": (None, 0, 2, 5, 9, 12),
    "reconsiderations_12m": (None, 0, 1, 3),
    "partner_contacts_12m": (None, 0, 1, 3),
}
_DIGITAL: Final[Mapping[str, tuple[tuple[int | None, ...], ...]]] = {
    # omakela_logins_90d, applications_online_12m, applications_12m, phone_contacts_90d, service_point_visits_90d
    "self_service": tuple(
        (logins, online, online, phone, visits)
        for logins in (1, 3, 10, 40)
        for online in (None, 0, 1, 4, 12)
        for phone in (None, 0, 2)
        for visits in (None, 0)
    ),
    "assisted": tuple(
        (logins, online, online, phone, visits)
        for logins in (1, 3, 10, 40)
        for online in (None, 0, 1, 4, 12)
        for phone, visits in ((3, None), (3, 0), (8, None), (8, 2), (2, 1), (0, 3))
    ),
    "offline": (
        *(
            (None, 0, applications, phone, visits)
            for applications in (1, 4, 12)
            for phone in (None, 0, 3, 8)
            for visits in (None, 0, 2)
        ),
        *((0, None, None, phone, visits) for phone in (1, 3, 8) for visits in (None, 0, 2)),
    ),
    UNKNOWN: tuple(
        (logins, None, applications, phone, 0)
        for logins, phone in ((None, None), (None, 0), (None, 1), (None, 4), (None, 9), (0, 0), (0, None))
        for applications in (None, 0, 1, 4, 12)
    ),
}
_FRICTION: Final[Mapping[str, tuple[tuple[int | None, ...], ...]]] = {
    # attachment_requests_12m, repeat_contacts_30d
    "missing_documents": ((2, None), (2, 0), (5, None), (5, 0), (5, 4), (9, 6)),
    "repeat_contacts": ((None, 3), (0, 3), (1, 3), (None, 6), (0, 6), (1, 6)),
    "none": ((0, 0), (1, 0), (1, 2), (0, 1)),
    UNKNOWN: ((None, None),),
}
_DIGITAL_SIGNALS: Final = (
    "omakela_logins_90d",
    "applications_online_12m",
    "applications_12m",
    "phone_contacts_90d",
    "service_point_visits_90d",
)
_FRICTION_SIGNALS: Final = ("attachment_requests_12m", "repeat_contacts_30d")
_CHAT: Final = (
    None,
    0,
    1,
    4,
)  # chatting is online use: only the first two fit someone who is not seen online
_MONTHS_AGO: Final = (1, 0, 3, 8, 20)
_BENEFITS: Final[tuple[list[str] | None, ...]] = (
    None,
    [],
    ["child_benefit"],
    ["child_benefit", "housing_allowance", "medicine_reimbursements"],
)
_STATED: Final = ("strong_identification", "acts_through_mandate", "interpreter_needed", "easy_language")


class Inventor:
    """Invents customers for cells; keeps what it found, since many cells differ in stated facts alone."""

    def __init__(self, scorecard: Scorecard | None) -> None:
        self._scorecard = scorecard
        self._known: dict[tuple[str, ...], SignalValues | None] = {}

    def signals_for(self, customer_type: CustomerType, facts: Facts) -> SignalValues | None:
        """Signals whose first lookup is exactly these facts; None if the current model leads nobody there."""
        if customer_type == "employer":
            signals: SignalValues | None = _employer(facts)
        elif facts["personalisation"] != "allowed":
            signals = _stated(facts)
        elif self._scorecard is None:
            return None
        else:
            signals = self._with_behaviour(facts)
        return signals if signals is not None and self.lands(customer_type, signals, facts) else None

    def lands(self, customer_type: CustomerType, values: Mapping[str, Any], facts: Facts) -> bool:
        """Whether a customer with these signals is really looked up with these facts first."""
        try:
            signals = read_signals(customer_type, values)
        except InvalidSignalsError:
            return False
        may_predict = customer_type == "person" and may_personalise(signals) and self._scorecard is not None
        prediction = self._scorecard.predict(signals) if may_predict and self._scorecard is not None else None
        return lookups(signals, prediction)[0] == facts

    def first(
        self, customer_type: CustomerType, cells: Iterable[Facts]
    ) -> tuple[Facts | None, dict[str, Any] | None]:
        """The first cell with a customer, and the customer; else the first cell and None."""
        shown = None
        for facts in islice(cells, MOST_TRIED):
            shown = shown or facts
            signals = self.signals_for(customer_type, facts)
            if signals is not None:
                return facts, {"customer_type": customer_type, "signals": signals}
        return shown, None

    def _with_behaviour(self, facts: Facts) -> SignalValues | None:
        event = facts["life_event"]
        kind = event if event in {"none", UNKNOWN} else "some"
        key = (facts["segment"], facts["confidence"], facts["digital"], facts["friction"], kind)
        if key not in self._known:
            self._known[key] = self._search(facts)
        behaviour = self._known[key]
        if behaviour is None:
            return None
        signals = _stated(facts) | {name: value for name, value in behaviour.items() if value is not None}
        if kind == "some":
            signals["life_events"] = [
                {"event": event, "months_ago": behaviour["life_events"][0]["months_ago"]}
            ]
        return signals

    def _search(self, facts: Facts) -> SignalValues | None:
        """Model signals that lead to the segment and confidence wanted: coordinate ascent from a few starts."""
        choices = _choices(facts)
        if facts["segment"] == UNKNOWN:
            signals = choices[0][0] if choices else {}
            if self._agrees(signals, facts):
                return signals
        for start in _starts(choices):
            signals = start
            for _ in range(_ROUNDS):
                for options in choices:
                    signals = max(
                        (signals | option for option in options), key=lambda g: self._nearness(g, facts)
                    )
                    if self._agrees(signals, facts):
                        return signals
        return None

    def _agrees(self, signals: SignalValues, facts: Facts) -> bool:
        prediction = self._predicted(signals)
        if facts["segment"] == UNKNOWN:
            return prediction.segment is None
        confidence = "high" if prediction.confident else "moderate"
        return (prediction.segment, confidence) == (facts["segment"], facts["confidence"])

    def _nearness(self, signals: SignalValues, facts: Facts) -> float:
        """How near a customer's probability is to what is wanted; 0 is there, below is away."""
        card = self._scorecard
        if card is None:
            return 0.0
        probabilities: tuple[float, ...] = self._predicted(signals).probabilities
        if facts["segment"] == UNKNOWN:
            return -max(probabilities)
        wanted = 1.0 if facts["confidence"] == "high" else (card.abstain_below + card.confident_from) / 2
        return -abs(probabilities[PERSON_SEGMENTS.index(Segment(facts["segment"]))] - wanted)

    def _predicted(self, signals: SignalValues) -> Prediction:
        known = {name: value for name, value in signals.items() if value is not None}
        return self._scorecard.predict(read_signals("person", known))  # type: ignore[union-attr]


def telling(facts: Mapping[str, str]) -> Facts:
    """The facts that say something, for a readable example."""
    return {
        name: value
        for name, value in facts.items()
        if value != UNKNOWN and (name, value) != ("personalisation", "allowed")
    }


def _choices(facts: Facts) -> list[list[SignalValues]]:
    """The signals a model may move, each with the values that keep the facts as they are."""
    event = facts["life_event"]
    choices: list[list[SignalValues]] = []
    if event == "none":
        choices.append([{"life_events": []}])
    elif event != UNKNOWN:
        choices.append([{"life_events": [{"event": event, "months_ago": ago}]} for ago in _MONTHS_AGO])
    if facts["segment"] != UNKNOWN:
        for names, values in (
            (_DIGITAL_SIGNALS, _DIGITAL[facts["digital"]]),
            (_FRICTION_SIGNALS, _FRICTION[facts["friction"]]),
        ):
            choices.append([dict(zip(names, row, strict=True)) for row in values])
    online = facts["segment"] == UNKNOWN or facts["digital"] in {"self_service", "assisted"}
    choices.append([{"chat_contacts_90d": value} for value in (_CHAT if online else _CHAT[:2])])
    choices += [[{name: value} for value in values] for name, values in _FREE.items()]
    choices.append([{"active_benefits": value} for value in _BENEFITS])
    return choices


def _starts(choices: list[list[SignalValues]]) -> Iterator[SignalValues]:
    """Where to begin: little known, everything at its lowest, everything at its highest."""
    for pick in (0, 1, -1):
        start: SignalValues = {}
        for options in choices:
            start |= options[min(pick, len(options) - 1)]
        yield start


def _stated(facts: Facts) -> SignalValues:
    """Signals of what a person stated."""
    signals: SignalValues = {name: facts[name] == "yes" for name in _STATED if facts[name] != UNKNOWN}
    if facts["personalisation"] == "minor":
        signals["minor"] = True
    elif facts["personalisation"] == "objected":
        signals["personalisation"] = "objected"
    if facts["open_matter"] != UNKNOWN:
        signals["open_matter"] = facts["open_matter"]
    return signals


def _employer(facts: Facts) -> SignalValues:
    if facts["personalisation"] == "objected":
        return {"personalisation": "objected"}
    sizes: Mapping[str, SignalValues] = {
        "micro": {"employees": 5},
        "small": {"employees": 20},
        "medium": {"employees": 120},
        "large": {"employees": 800},
    }
    digital: Mapping[str, SignalValues] = {
        "self_service": {"uses_employer_service": True},
        "assisted": {"uses_employer_service": True, "phone_contacts_90d": 4},
        "offline": {"uses_employer_service": False, "uses_incomes_register": False},
    }
    friction: Mapping[str, SignalValues] = {
        "late_claims": {"late_claims_12m": 2},
        "returned_claims": {"claims_returned_12m": 2},
        "none": {"late_claims_12m": 0, "claims_returned_12m": 0},
    }
    signals: SignalValues = {}
    if facts["first_claim"] != UNKNOWN:
        signals["first_claim"] = facts["first_claim"] == "yes"
    if facts["open_matter"] != UNKNOWN:
        signals["open_matter"] = facts["open_matter"]
    return (
        sizes.get(facts["employer_size"], {})
        | digital.get(facts["digital"], {})
        | friction.get(facts["friction"], {})
        | signals
    )
