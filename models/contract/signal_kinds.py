"""The kinds of signals, one class each: how a value is read, from JSON, from text and from a form, and how it is described.

Hides every difference between kinds, so that nobody asks which kind a signal is. Arrow types are spelled here and made in
`models.columns`; widgets are named here and drawn by the console. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from models.contract.near_names import NearNames

Value = int | bool | str | tuple[str, ...] | tuple["LifeEvent", ...]
Schema = dict[str, object]
Json = Any
"""A value as JSON has it, of the signal's own kind."""
Entry = Any
"""What a widget of a form holds: text, of checks a list of texts, of events a list of pairs of texts."""
Entries = Literal["none", "codes", "events"]
Widget = Literal["number", "select", "checks", "events"]
EMPTY_LIST: Final = "-"
"""A list known to be empty, as a cell of text has it."""
EMPTY: Final = "none"
"""The same, as a form has it."""
MOST_MONTHS: Final = 24
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LONGEST_TYPED: Final = 9


class LifeEvent(NamedTuple):
    """Something that happened (*elämäntapahtuma*): its PTV code and full months since, 0–24."""

    event: str
    months_ago: int


class Fault(NamedTuple):
    """One fault in a request or row: where (JSON pointer), which kind, and a sentence that never echoes the value."""

    pointer: str
    code: str
    message: str


class Declared(Protocol):
    """What a kind needs to know of a signal."""

    @property
    def maximum(self) -> int:
        """Of a count the largest, of a list the most entries."""

    @property
    def unit(self) -> str:
        """Of a count."""

    @property
    def values(self) -> tuple[str, ...]:
        """The codes that may be named."""

    @property
    def near(self) -> NearNames | None:
        """The same, to find the one that was probably meant."""


class SignalKind(Protocol):
    """What there is to know of the signals of one kind.

    Attributes
    ----------
    arrow_type : str
        The type of its column where columns have types, as `models.columns.text_blocks.ARROW_TYPES` spells it.
    entries : {"none", "codes", "events"}
        What a list of it holds; none where it is no list.
    is_feature : bool
        Whether the model takes it as it stands.
    widget : str
        How the console asks for it.
    """

    arrow_type: str
    entries: Entries
    is_feature: bool
    widget: Widget

    def read(self, signal: Declared, value: object, pointer: str, faults: list[Fault], /) -> Value | None:
        """The value in the contract's own type; None, with a fault added, if it is not allowed."""

    def read_text(self, text: str, /) -> object:
        """What a cell of text stands for, as JSON would have it; text that is no such thing stays text, which is refused."""

    def read_typed(self, typed: Entry, /) -> object:
        """What a form's entry stands for, as JSON would have it; None where it is unknown."""

    def typed(self, signal: Declared, value: Json, /) -> Entry:
        """The form's entry for a value as JSON has it."""

    def options(self, signal: Declared, /) -> tuple[str, ...]:
        """What a form offers to choose from."""

    def json_schema(self, signal: Declared, /) -> Schema:
        """The values allowed, as JSON schema; null is unknown."""

    def allowed(self, signal: Declared, /) -> str:
        """What a column of a file must hold, in words."""


class CountKind:
    """A whole number from 0 to the signal's maximum."""

    arrow_type = "int64"
    entries: Entries = "none"
    is_feature = True
    widget: Widget = "number"

    def read(self, signal: Declared, value: object, pointer: str, faults: list[Fault]) -> Value | None:
        """A count."""
        count = read_count(value, signal.maximum)
        if count is None:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            faults.append(
                Fault(
                    pointer,
                    "out_of_range" if number else "wrong_type",
                    f"must be a whole number of {signal.unit} from 0 to {signal.maximum}, or left out if unknown.",
                )
            )
        return count

    def read_text(self, text: str) -> object:
        """A number as JSON writes it."""
        match = _NUMBER.fullmatch(text)
        if not match:
            return text
        return float(text) if match[2] or match[3] else int(text)

    def read_typed(self, typed: Entry) -> object:
        """Digits alone."""
        return _typed_number(typed) if typed else None

    def typed(self, _: Declared, value: Json) -> Entry:
        """Its digits."""
        return str(value)

    def options(self, _: Declared) -> tuple[str, ...]:
        """None: it is typed."""
        return ()

    def json_schema(self, signal: Declared) -> Schema:
        """An integer in range."""
        return {"type": ["integer", "null"], "minimum": 0, "maximum": signal.maximum}

    def allowed(self, signal: Declared) -> str:
        """The range."""
        return f"whole numbers from 0 to {signal.maximum}"


class YesNoKind:
    """True or false."""

    arrow_type = "bool"
    entries: Entries = "none"
    is_feature = False
    widget: Widget = "select"

    def read(self, _: Declared, value: object, pointer: str, faults: list[Fault]) -> Value | None:
        """A boolean."""
        if isinstance(value, bool):
            return value
        faults.append(Fault(pointer, "wrong_type", "must be true or false, or left out if unknown."))
        return None

    def read_text(self, text: str) -> object:
        """``true`` or ``false``, in any case."""
        return {"true": True, "false": False}.get(text.lower(), text)

    def read_typed(self, typed: Entry) -> object:
        """``yes`` or ``no``."""
        return {"yes": True, "no": False}.get(typed, typed) if typed else None

    def typed(self, _: Declared, value: Json) -> Entry:
        """``yes`` or ``no``."""
        return "yes" if value else "no"

    def options(self, _: Declared) -> tuple[str, ...]:
        """``yes`` and ``no``."""
        return ("yes", "no")

    def json_schema(self, _: Declared) -> Schema:
        """A boolean."""
        return {"type": ["boolean", "null"]}

    def allowed(self, _: Declared) -> str:
        """Both."""
        return "true or false"


class ChoiceKind:
    """One of the signal's values."""

    arrow_type = "string"
    entries: Entries = "none"
    is_feature = False
    widget: Widget = "select"

    def read(self, signal: Declared, value: object, pointer: str, faults: list[Fault]) -> Value | None:
        """A code."""
        if isinstance(value, str) and value in signal.values:
            return value
        code = "unknown_value" if isinstance(value, str) else "wrong_type"
        near = signal.near.nearest(value) if signal.near is not None and isinstance(value, str) else None
        hint = f" Did you mean {near}?" if near else ""
        faults.append(
            Fault(pointer, code, f"must be one of {', '.join(signal.values)}, or left out if unknown.{hint}")
        )
        return None

    def read_text(self, text: str) -> object:
        """The code itself."""
        return text

    def read_typed(self, typed: Entry) -> object:
        """The code itself."""
        return typed or None

    def typed(self, _: Declared, value: Json) -> Entry:
        """The code itself."""
        return str(value)

    def options(self, signal: Declared) -> tuple[str, ...]:
        """The signal's values."""
        return signal.values

    def json_schema(self, signal: Declared) -> Schema:
        """One of the values."""
        return {"type": ["string", "null"], "enum": [*signal.values, None]}

    def allowed(self, _: Declared) -> str:
        """The values, which are too many to list."""
        return "one of the signal's values"


class ChoicesKind:
    """Some of the signal's values, each once."""

    arrow_type = "list<string>"
    entries: Entries = "codes"
    is_feature = False
    widget: Widget = "checks"

    def read(self, signal: Declared, value: object, pointer: str, faults: list[Fault]) -> Value | None:
        """A tuple of codes."""
        if not isinstance(value, list | tuple) or len(value) > signal.maximum:
            faults.append(Fault(pointer, "wrong_type", f"must be a list of at most {signal.maximum} values."))
            return None
        before = len(faults)
        for index, each in enumerate(value):
            CHOICE.read(signal, each, f"{pointer}/{index}", faults)
        if len(faults) > before:
            return None
        if len(set(value)) < len(value):
            faults.append(Fault(pointer, "repeated", "must name each value once."))
            return None
        return tuple(value)

    def read_text(self, text: str) -> object:
        """``a;b``."""
        return _parts_of(text)

    def read_typed(self, typed: Entry) -> object:
        """The codes that were ticked."""
        if not typed:
            return None
        return [] if typed == [EMPTY] else [code for code in typed if code != EMPTY]

    def typed(self, _: Declared, value: Json) -> Entry:
        """The codes to tick."""
        return [str(code) for code in value] or [EMPTY]

    def options(self, signal: Declared) -> tuple[str, ...]:
        """The signal's values."""
        return signal.values

    def json_schema(self, signal: Declared) -> Schema:
        """A list of codes."""
        return {
            "type": ["array", "null"],
            "maxItems": signal.maximum,
            "uniqueItems": True,
            "items": {"type": "string", "enum": list(signal.values)},
        }

    def allowed(self, _: Declared) -> str:
        """How a list is written."""
        return "values joined by ;"


class LifeEventsKind:
    """Life events, each with the months since."""

    arrow_type = "list<struct<event: string, months_ago: int64>>"
    entries: Entries = "events"
    is_feature = False
    widget: Widget = "events"

    def read(self, signal: Declared, value: object, pointer: str, faults: list[Fault]) -> Value | None:
        """A tuple of `LifeEvent`."""
        if not isinstance(value, list | tuple) or len(value) > signal.maximum:
            faults.append(
                Fault(pointer, "wrong_type", f"must be a list of at most {signal.maximum} life events.")
            )
            return None
        before = len(faults)
        events = []
        for index, each in enumerate(value):
            where = f"{pointer}/{index}"
            if not isinstance(each, Mapping) or set(each) != {"event", "months_ago"}:
                faults.append(
                    Fault(where, "wrong_type", "must be an object of exactly event and months_ago.")
                )
                continue
            CHOICE.read(signal, each["event"], f"{where}/event", faults)
            months = read_count(each["months_ago"], MOST_MONTHS)
            if months is None:
                faults.append(
                    Fault(f"{where}/months_ago", "out_of_range", "must be a whole number from 0 to 24.")
                )
            else:
                events.append(LifeEvent(each["event"], months))
        return tuple(events) if len(faults) == before else None

    def read_text(self, text: str) -> object:
        """``KE8:1;KE4.2:3``."""
        return [read_event_text(part) for part in _parts_of(text)]

    def read_typed(self, typed: Entry) -> object:
        """Pairs of a code and months."""
        if not typed:
            return None
        if typed[0][0] == EMPTY:
            return []
        events = [
            {"event": event, "months_ago": _typed_number(months or "0")} for event, months in typed if event
        ]
        return [event for event in events if event["event"] != EMPTY] or None

    def typed(self, signal: Declared, value: Json) -> Entry:
        """A pair for each event, and empty ones up to the most there may be."""
        events = [(event["event"], str(event["months_ago"])) for event in value] or [(EMPTY, "")]
        return events + [("", "")] * (signal.maximum - len(events))

    def options(self, signal: Declared) -> tuple[str, ...]:
        """The signal's values."""
        return signal.values

    def json_schema(self, signal: Declared) -> Schema:
        """A list of events."""
        event = {
            "type": "object",
            "additionalProperties": False,
            "required": ["event", "months_ago"],
            "properties": {
                "event": {"type": "string", "enum": list(signal.values)},
                "months_ago": {"type": "integer", "minimum": 0, "maximum": MOST_MONTHS},
            },
        }
        return {"type": ["array", "null"], "maxItems": signal.maximum, "items": event}

    def allowed(self, _: Declared) -> str:
        """How events are written."""
        return "event:months_ago joined by ;, such as KE8:1;KE4.2:3"


CHOICE: Final = ChoiceKind()
KINDS: Final[Mapping[str, SignalKind]] = {
    "count": CountKind(),
    "yes_no": YesNoKind(),
    "choice": CHOICE,
    "choices": ChoicesKind(),
    "life_events": LifeEventsKind(),
}


def read_count(value: object, maximum: int) -> int | None:
    """A whole number from 0 to maximum (3.0 is one; True, "3" and 3.5 are not), else None."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= maximum else None


def read_event_text(text: str) -> dict[str, object]:
    """One life event, such as ``KE8:1``."""
    event, _, months = text.partition(":")
    return {"event": event, "months_ago": KINDS["count"].read_text(months)}


def _parts_of(text: str) -> list[str]:
    return [] if text == EMPTY_LIST else text.split(";")


def _typed_number(typed: str) -> int | str:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= _LONGEST_TYPED else typed
