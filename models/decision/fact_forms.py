"""What the declaration of a fact holds, the short form for a stated yes/no signal, and the examples too many to stand in one.

`models.decision.facts` declares the facts; nothing else makes any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, Literal

from models.contract.codes import UNKNOWN
from models.decision.scorecard import Prediction

SignalValues = Mapping[str, Any]
"""Signals as JSON has them; None, or a name left out, is unknown."""
Examples = Mapping[str, tuple[SignalValues, ...]]
"""By the value of a fact, signals that give it, the plainest first."""
Row = Callable[[SignalValues, Prediction | None], str]
"""The row form of a fact: its value for one customer, from checked signals and the model's answer."""
Lookups = Callable[[SignalValues], tuple[str, ...]]
"""The row form of the fact that differs between a customer's lookups: its value in each, in order."""
YES: Final = "yes"
NO: Final = "no"
YES_NO: Final = (YES, NO, UNKNOWN)
_TEXT: Final[Mapping[bool | None, str]] = {True: "yes", False: "no", None: UNKNOWN}


@dataclass(frozen=True, slots=True)
class Fact:
    """An input of the decision table (DMN).

    Attributes
    ----------
    values : tuple of str
        All that it may be; `unknown` is a value of its own.
    row : Row or None
        Its value for one customer; None where `looked_up` gives it.
    examples : Examples
        The inverse. A value that signals left out give may be left out; a fact that the model infers has none.
    known : {"always", "allowed", "named"}
        Of whom it is known: also of objectors and minors, of everybody else, or only beside a segment that the model named.
    signal : str
        The signal that states it as it is; empty where it is worked out.
    is_group : bool
        Whether it says who is in a group of the vocabulary, which follows from the other facts.
    looked_up : Lookups, optional
        Of the fact that differs between a customer's lookups.
    scarce : tuple of str
        Values that count as a need where personal service is scarce.
    """

    name: str
    values: tuple[str, ...]
    meaning: str
    row: Row | None
    examples: Examples = field(default_factory=dict)
    known: Literal["always", "allowed", "named"] = "allowed"
    signal: str = ""
    looked_up: Lookups | None = None
    scarce: tuple[str, ...] = ()
    is_group: bool = False

    @property
    def is_inferred(self) -> bool:
        """Whether the model gives it, not signals."""
        return not self.examples and not self.is_group


def stated(signal: str, meaning: str, *, is_need: bool = False, scarce: tuple[str, ...] = ("yes",)) -> Fact:
    """A fact that is a yes/no signal of the same name as it was stated; a language need is known of everybody."""
    examples = {"yes": ({signal: True},), "no": ({signal: False},)}
    known: Literal["always", "allowed"] = "always" if is_need else "allowed"

    def row(values: SignalValues, _: Prediction | None) -> str:
        return _TEXT[values.get(signal)]

    return Fact(signal, YES_NO, meaning, row, examples, known, signal, scarce=scarce)


def events_ago(codes: Iterable[str]) -> Examples:
    """Signals that give each life event, and none."""
    return {
        code: tuple({"life_events": [{"event": code, "months_ago": ago}]} for ago in (1, 0, 3, 8, 20))
        for code in codes
    } | {"none": ({"life_events": []},)}


def _each(names: tuple[str, ...], *rows: tuple[int | None, ...]) -> tuple[SignalValues, ...]:
    """Examples of the same signals; a None takes a signal away that another example gave."""
    return tuple(dict(zip(names, row, strict=True)) for row in rows)


_USE: Final = (
    "omakela_logins_90d",
    "applications_online_12m",
    "applications_12m",
    "phone_contacts_90d",
    "service_point_visits_90d",
)
_STUCK: Final = ("attachment_requests_12m", "repeat_contacts_30d")
_ONLINE: Final = tuple(product((1, 3, 10, 40), (None, 0, 1, 4, 12)))
PERSON_DIGITAL: Final[Examples] = {
    "self_service": _each(
        _USE,
        *(
            (logins, online, online, phone, visits)
            for logins, online in _ONLINE
            for phone in (None, 0, 2)
            for visits in (None, 0)
        ),
    ),
    "assisted": _each(
        _USE,
        *(
            (logins, online, online, *helped)
            for logins, online in _ONLINE
            for helped in ((3, None), (3, 0), (8, None), (8, 2), (2, 1), (0, 3))
        ),
    ),
    "offline": _each(
        _USE,
        *product((None,), (0,), (1, 4, 12), (None, 0, 3, 8), (None, 0, 2)),
        *product((0,), (None,), (None,), (1, 3, 8), (None, 0, 2)),
    ),
    UNKNOWN: _each(
        _USE,
        *(
            (logins, None, applications, phone, 0)
            for logins, phone in (
                (None, None),
                (None, 0),
                (None, 1),
                (None, 4),
                (None, 9),
                (0, 0),
                (0, None),
            )
            for applications in (None, 0, 1, 4, 12)
        ),
    ),
}
PERSON_FRICTION: Final[Examples] = {
    "missing_documents": _each(_STUCK, (2, None), (2, 0), (5, None), (5, 0), (5, 4), (9, 6)),
    "repeat_contacts": _each(_STUCK, (None, 3), (0, 3), (1, 3), (None, 6), (0, 6), (1, 6)),
    "none": _each(_STUCK, (0, 0), (1, 0), (1, 2), (0, 1)),
    UNKNOWN: _each(_STUCK, (None, None)),
}
STAFF_COUNTS: Final[Examples] = {
    size: ({"employees": staff},)
    for size, staff in (("micro", 5), ("small", 20), ("medium", 120), ("large", 800))
}
EMPLOYER_DIGITAL: Final[Examples] = {
    "self_service": ({"uses_employer_service": True},),
    "assisted": ({"uses_employer_service": True, "phone_contacts_90d": 4},),
    "offline": ({"uses_employer_service": False, "uses_incomes_register": False},),
}
EMPLOYER_FRICTION: Final[Examples] = {
    "late_claims": ({"late_claims_12m": 2},),
    "returned_claims": ({"claims_returned_12m": 2},),
    "none": ({"late_claims_12m": 0, "claims_returned_12m": 0},),
}
