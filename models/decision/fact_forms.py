"""What the declaration of a fact holds, and the short form for a fact that is a stated yes/no signal.

`models.decision.facts` declares the facts; nothing else makes any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from models.contract.codes import UNKNOWN
from models.decision.scorecard import Prediction

SignalValues = Mapping[str, Any]
"""Signals as JSON has them; None, or a name left out, is unknown."""
Row = Callable[[SignalValues, Prediction | None], str]
"""The row form of a fact: its value for one customer, from checked signals and the model's answer."""
Lookups = Callable[[SignalValues], tuple[str, ...]]
"""The row form of the fact that differs between a customer's lookups: its value in each, in order."""
YES_NO: Final = ("yes", "no", UNKNOWN)
_TEXT: Final[Mapping[bool | None, str]] = {True: "yes", False: "no", None: UNKNOWN}


@dataclass(frozen=True, slots=True)
class Fact:
    """An input of the decision table (DMN).

    Attributes
    ----------
    values : tuple of str
        All that it may be; `unknown` is a value of its own.
    row : Row
        Its value for one customer.
    examples : mapping of str to tuple of SignalValues
        The inverse: which signals give a value, the plainest first. A value that signals left out give is not named; a fact
        that the model infers has none.
    known : {"always", "allowed", "named"}
        Of whom it is known: also of objectors and minors, of everybody else, or only beside a segment that the model named.
    signal : str
        The signal that states it as it is; empty where it is worked out.
    looked_up : Lookups, optional
        Of the fact that differs between a customer's lookups.
    scarce : tuple of str
        Values that count as a need where personal service is scarce.
    """

    name: str
    values: tuple[str, ...]
    meaning: str
    row: Row
    examples: Mapping[str, tuple[SignalValues, ...]] = field(default_factory=dict)
    known: Literal["always", "allowed", "named"] = "allowed"
    signal: str = ""
    looked_up: Lookups | None = None
    scarce: tuple[str, ...] = ()

    @property
    def is_inferred(self) -> bool:
        """Whether the model gives it, not signals."""
        return not self.examples


def stated(signal: str, meaning: str, *, is_need: bool = False, scarce: tuple[str, ...] = ("yes",)) -> Fact:
    """A fact that is a yes/no signal of the same name as it was stated; a language need is known of everybody."""
    examples = {"yes": ({signal: True},), "no": ({signal: False},)}
    known: Literal["always", "allowed"] = "always" if is_need else "allowed"

    def row(values: SignalValues, _: Prediction | None) -> str:
        return _TEXT[values.get(signal)]

    return Fact(signal, YES_NO, meaning, row, examples, known, signal, scarce=scarce)


def each_of(names: tuple[str, ...], *rows: tuple[int | None, ...]) -> tuple[SignalValues, ...]:
    """Examples of the same signals; a None takes a signal away that another example gave."""
    return tuple(dict(zip(names, row, strict=True)) for row in rows)
