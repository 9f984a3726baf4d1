"""From facts back to signals: an invented customer who really lands in a given cell of the grid.

Facts are declared with examples; the segment is reached through the real scorecard: the signals that the facts leave free are
moved, one at a time, towards the segment and confidence wanted. What is found is verified with `lookups`; where nothing
is, the current model leads nobody there, and the finding says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from models.contract.codes import EMPLOYER, PERSON, UNKNOWN, CustomerType
from models.contract.signals import DECLARED, InvalidSignalsError
from models.decision.fact_forms import Fact
from models.decision.fact_set import FactSet
from models.decision.facts import CONFIDENCE, SEGMENT, SURE, Facts, may_personalise
from models.decision.scorecard import Prediction, Scorecard

SignalValues = dict[str, Any]
"""Signals as JSON has them; a name left out, or None, is unknown."""

_OF_MODEL: Final = frozenset(name for name, signal in DECLARED[PERSON].items() if signal.used_by != "rules")
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
_CHAT: Final = (
    None,
    0,
    1,
    4,
)  # chatting is online use: only the first two fit someone who is not seen online
_BENEFITS_HELD: Final = (None, 0, 1, 3)
"""How many benefits are tried; which they are, no model sees."""


def telling_facts(facts: FactSet) -> tuple[str, ...]:
    """The facts that decide whether a person can be found at all; the others are free."""
    return tuple(
        fact.name
        for fact in facts.of[PERSON]
        if fact.name == "personalisation" or fact.is_inferred or _is_searched(fact)
    )


def _is_searched(fact: Fact) -> bool:
    """Whether a fact hangs on signals that the model sees too: its examples are tried until the segment is right."""
    return any(_OF_MODEL & set(signals) for each in fact.examples.values() for signals in each)


class Inventor:
    """Invents customers for cells; keeps what it found, since many cells differ in stated facts alone.

    Attributes
    ----------
    telling : tuple of str
        The facts that decide whether a person can be found at all.
    """

    def __init__(self, scorecard: Scorecard | None, facts: FactSet) -> None:
        self._scorecard, self._facts = scorecard, facts
        self._known: dict[tuple[str, ...], SignalValues | None] = {}
        self._searched = [fact for fact in facts.of[PERSON] if _is_searched(fact)]
        self.telling = telling_facts(facts)

    def signals_for(self, customer_type: CustomerType, facts: Facts) -> SignalValues | None:
        """Signals whose first lookup is exactly these facts; None if the current model leads nobody there."""
        signals: SignalValues | None
        if customer_type == EMPLOYER:
            signals = self._facts.plainest_signals(EMPLOYER, facts)
        elif facts["personalisation"] != "allowed":
            signals = self._free(facts)
        elif self._scorecard is None:
            return None
        else:
            signals = self._with_behaviour(facts)
        return signals if signals is not None and self.lands(customer_type, signals, facts) else None

    def lands(self, customer_type: CustomerType, values: Mapping[str, Any], facts: Facts) -> bool:
        """Whether a customer with these signals is really looked up with these facts first."""
        try:
            signals = self._facts.contract.read(customer_type, values)
        except InvalidSignalsError:
            return False
        may_predict = customer_type == PERSON and may_personalise(signals) and self._scorecard is not None
        prediction = self._scorecard.predict(signals) if may_predict and self._scorecard is not None else None
        return self._facts.lookups(signals, prediction)[0] == facts

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
        varying = self._facts.varying[PERSON]
        event = facts[varying]
        kind = "some" if event in self._facts.vocabulary.life_events else event
        key = tuple(kind if name == varying else facts[name] for name in self.telling)
        if key not in self._known:
            self._known[key] = self._search(facts)
        behaviour = self._known[key]
        if behaviour is None:
            return None
        signals = self._free(facts) | {name: value for name, value in behaviour.items() if value is not None}
        if kind == "some":
            signals["life_events"] = [
                {"event": event, "months_ago": behaviour["life_events"][0]["months_ago"]}
            ]
        return signals

    def _search(self, facts: Facts) -> SignalValues | None:
        """Model signals that lead to the segment and confidence wanted: coordinate ascent from a few starts."""
        choices = self._choices(facts)
        if not self._is_inferred(facts):
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
        if facts[SEGMENT] == UNKNOWN:
            return prediction.segment is None
        if not self._is_inferred(facts):  # stated, whatever the model says
            return True
        confidence = SURE if prediction.confident else "moderate"
        return (prediction.segment, confidence) == (facts[SEGMENT], facts[CONFIDENCE])

    def _is_inferred(self, facts: Facts) -> bool:
        return facts[SEGMENT] in self._facts.vocabulary.inferred

    def _nearness(self, signals: SignalValues, facts: Facts) -> float:
        """How near a customer's probability is to what is wanted; 0 is there, below is away."""
        card = self._scorecard
        if card is None:
            return 0.0
        probabilities: tuple[float, ...] = self._predicted(signals).probabilities
        if not self._is_inferred(facts):
            return -max(probabilities)
        wanted = 1.0 if facts[CONFIDENCE] == SURE else (card.abstain_below + card.confident_from) / 2
        return -abs(probabilities[card.segments.index(facts[SEGMENT])] - wanted)

    def _predicted(self, signals: SignalValues) -> Prediction:
        known = {name: value for name, value in signals.items() if value is not None}
        return self._scorecard.predict(self._facts.contract.read(PERSON, known))  # type: ignore[union-attr]

    def _choices(self, facts: Facts) -> list[list[SignalValues]]:
        """The signals a model may move, each with the values that keep the facts as they are."""
        named = facts[SEGMENT] != UNKNOWN
        choices: list[list[SignalValues]] = [
            list(map(dict, fact.examples[facts[fact.name]]))
            for fact in self._searched
            if facts[fact.name] in fact.examples and (named or fact.known != "named")
        ]
        online = not named or facts["digital"] in {"self_service", "assisted"}
        choices.append([{"chat_contacts_90d": value} for value in (_CHAT if online else _CHAT[:2])])
        choices += [[{name: value} for value in values] for name, values in _FREE.items()]
        benefits = list(self._facts.vocabulary.duties[PERSON])
        held = [None if count is None else benefits[:count] for count in _BENEFITS_HELD]
        choices.append([{"active_benefits": each} for each in held])
        return choices

    def _free(self, facts: Facts) -> SignalValues:
        """Signals of a person that no model sees."""
        searched = {fact.name for fact in self._searched}
        free = {name: value for name, value in facts.items() if name not in searched}
        return self._facts.plainest_signals(PERSON, free)


def telling(facts: Mapping[str, str]) -> Facts:
    """The facts that say something, for a readable example."""
    return {
        name: value
        for name, value in facts.items()
        if value != UNKNOWN and (name, value) != ("personalisation", "allowed")
    }


def _starts(choices: list[list[SignalValues]]) -> Iterator[SignalValues]:
    """Where to begin: little known, everything at its lowest, everything at its highest."""
    for pick in (0, 1, -1):
        start: SignalValues = {}
        for options in choices:
            start |= options[min(pick, len(options) - 1)]
        yield start
