"""Fields of requests: each refuses with one sentence in the contract's own words, and documents itself.

Nothing is coerced, and the work that a refusal takes is bounded. `service.api.schemas` and the schemas of queries and
outcomes are made of them; what a signal may be is checked by `models.contract.signals`. Codes are those of the bundle that
answers: `TERMS` holds its contract while a request is checked, so that one schema serves every bundle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, Final, NamedTuple

from marshmallow import RAISE, Schema, ValidationError, fields

from models.contract.channels import HELSINKI
from models.contract.codes import CUSTOMER_TYPES, EVERYONE, UNKNOWN
from models.contract.near_names import NearNames
from models.contract.signals import (
    Fault,
    FaultLimit,
    InvalidSignalsError,
    SignalContract,
    Signals,
    read_count,
)
from models.contract.vocabulary import Vocabulary
from models.decision.catalogue import MOST_SHOWN

LONGEST_ID: Final = 100


class Terms(NamedTuple):
    """By what a part of a request is checked: the contract of the bundle that answers, and how many faults may be listed."""

    contract: SignalContract
    limit: FaultLimit


TERMS: Final[ContextVar[Terms]] = ContextVar("terms")
"""`service.api.requests` sets it. Fields have no argument for it, and a context variable is this thread's alone."""
CODES: Final[Mapping[str, Callable[[Vocabulary], Collection[str]]]] = {
    "segments": lambda vocabulary: vocabulary.segments,
    "mapped_segments": lambda vocabulary: (*vocabulary.segments, UNKNOWN),
    "groups": lambda vocabulary: vocabulary.groups,
    "channels": lambda vocabulary: vocabulary.channels,
    "content_types": lambda vocabulary: vocabulary.content_types,
    "languages": lambda vocabulary: vocabulary.languages,
}
"""Lists of codes of a vocabulary, by the name that a field has under `codes` in its metadata."""
AUDIENCES: Final = (*CUSTOMER_TYPES, EVERYONE)
_FIRST_YEAR, _LAST_YEAR = 2000, 2100
_YEARS: Final = "^(20[0-9]{2}|2100)-"  # the same, for the document
NO_NUL: Final = "^[^\\u0000]*$"
PLAIN: Final = "^[A-Za-z0-9_-]*$"
UNRESERVED: Final = (
    "^[A-Za-z0-9._~-]*$"  # RFC 3986, section 2.3: the same in an address, a file name and a log
)
_CHARACTERS: Final = {
    NO_NUL: "characters",
    PLAIN: "letters A to Z, digits, hyphens and underscores",
    UNRESERVED: "letters A to Z, digits and the characters . _ ~ -",
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


class ContractField(fields.Raw):
    """A field that refuses with one sentence, in the contract's own words, and documents itself.

    Parameters
    ----------
    says : str
        What is allowed, as a sentence that follows the field's name.
    json_schema : mapping
        The same for OpenAPI.
    """

    default_error_messages: dict[str, str | list[Any] | dict[Any, Any]] = {"required": "missing"}  # noqa: RUF012  (marshmallow declares it so)

    def __init__(self, says: str, json_schema: Mapping[str, Any], **settings: Any) -> None:  # noqa: ANN401
        self.says, self.json_schema = says, json_schema
        super().__init__(**settings)
        self.error_messages["null"] = [Fault("", "wrong_type", says)]

    def refusal(self, code: str = "wrong_type", pointer: str = "") -> ValidationError:
        """The error of this field; `pointer` is relative to it."""
        return ValidationError([Fault(pointer, code, self.says)])


class Choice(ContractField):
    """One of a closed list of codes."""

    def __init__(self, values: Sequence[str], **settings: Any) -> None:  # noqa: ANN401
        self.values = tuple(values)
        schema = {"type": "string", "enum": list(self.values)}
        super().__init__(f"must be one of {', '.join(self.values)}.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if isinstance(value, str) and value in self.values:
            return value
        raise self.refusal("unknown_value" if isinstance(value, str) else "wrong_type")


class Code(ContractField):
    """A code of the vocabulary of the bundle that answers.

    Parameters
    ----------
    codes : str
        Which list, a key of `CODES`.
    """

    def __init__(self, codes: str, *, description: str = "", **settings: Any) -> None:  # noqa: ANN401
        self.codes = codes
        metadata = {"codes": codes, **({"description": description} if description else {})}
        super().__init__("", {"type": "string"}, metadata=metadata, **settings)

    def make_error(self, key: str, **names: Any) -> ValidationError:  # noqa: ANN401
        """The error of a missing value or of null, which the same sentence refuses as any other."""
        if key == "null":
            return ValidationError([Fault("", "wrong_type", self._allowed(_codes(self.codes)))])
        return super().make_error(key, **names)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        codes = _codes(self.codes)
        if not isinstance(value, str):
            raise ValidationError([Fault("", "wrong_type", self._allowed(codes))])
        if value in codes:
            return value
        raise ValidationError([Fault("", "unknown_value", f"{self._allowed(codes)}{_hint(value, codes)}")])

    @staticmethod
    def _allowed(codes: Collection[str]) -> str:
        return f"must be one of {', '.join(codes)}."


def _codes(name: str) -> Collection[str]:
    return CODES[name](TERMS.get().contract.vocabulary)


def _hint(value: str, codes: Collection[str]) -> str:
    """The code that was probably meant, as long as the request may still be given one."""
    limit = TERMS.get().limit
    near = _near(tuple(codes)).nearest(value.lower()) if limit.hints > 0 else None
    if near is None:
        return ""
    limit.hints -= 1
    return f" Did you mean {near}?"


@lru_cache(maxsize=16)
def _near(codes: tuple[str, ...]) -> NearNames:
    """What finds the code that was probably meant; a bundle's lists are few, and made for the first refusal."""
    return NearNames(codes)


class Texts(fields.Raw):
    """The same text in each language of answers; `service.api.openapi` describes it."""


class WholeNumber(ContractField):
    """A whole number in a range; 3.0 is one, true and "3" are not."""

    def __init__(self, minimum: int, maximum: int, **settings: Any) -> None:  # noqa: ANN401
        self.minimum, self.maximum = minimum, maximum
        schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
        super().__init__(f"must be a whole number from {minimum} to {maximum}.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        number = read_count(value, self.maximum)
        if number is None or number < self.minimum:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            raise self.refusal("out_of_range" if is_number else "wrong_type")
        return number


class Text(ContractField):
    """A string of bounded length, of the characters that one of the patterns above allows."""

    def __init__(self, longest: int, *, pattern: str = NO_NUL, **settings: Any) -> None:  # noqa: ANN401
        self.longest, self.pattern = longest, re.compile(pattern)
        schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": self.pattern.pattern}
        super().__init__(f"must be a string of 1 to {longest} {_CHARACTERS[pattern]}.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if isinstance(value, str) and 1 <= len(value) <= self.longest and self.pattern.fullmatch(value):
            return value
        raise self.refusal("out_of_range" if isinstance(value, str) else "wrong_type")


class ContentIds(ContractField):
    """Content ids already shown."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        item = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": NO_NUL}
        schema = {"type": "array", "maxItems": MOST_SHOWN, "items": item}
        super().__init__(f"must be a list of at most {MOST_SHOWN} content ids.", schema, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.refusal()
        if len(value) > MOST_SHOWN:
            raise self.refusal("out_of_range")
        for index, content in enumerate(value):
            if not isinstance(content, str) or not 1 <= len(content) <= LONGEST_ID:
                raise self.refusal(pointer=f"/{index}")
        return tuple(value)


class Codes(ContractField):
    """Some codes of the vocabulary of the bundle that answers, in any order.

    Parameters
    ----------
    codes : str
        Which list, a key of `CODES`.
    noun : str
        What one of them is.
    description : str
    """

    def __init__(self, codes: str, noun: str, *, description: str = "", **settings: Any) -> None:  # noqa: ANN401
        self.codes, self.noun = codes, noun
        schema = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}}
        says = f"must be a list of at least one {noun}, each once. Leave it out where all can be shown."
        metadata = {"codes_of_items": codes, "description": description}
        super().__init__(says, schema, metadata=metadata, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.refusal()
        codes = _codes(self.codes)
        if not 1 <= len(value) <= len(codes):
            raise self.refusal("out_of_range")
        faults = [
            self._fault(code, codes, f"/{at}")
            for at, code in enumerate(value)
            if not isinstance(code, str) or code not in codes
        ]
        if faults:
            raise ValidationError(faults)
        if len(set(value)) < len(value):
            raise self.refusal("repeated")
        return tuple(sorted(value))

    def _fault(self, code: object, codes: Collection[str], pointer: str) -> Fault:
        """The fault of a code that does not exist, without repeating it."""
        if not isinstance(code, str):
            return Fault(pointer, "wrong_type", f"must be the code of a {self.noun}.")
        hint = _hint(code, codes)
        if not hint:
            return Fault(pointer, "unknown_value", f"must be one of {', '.join(codes)}.")
        return Fault(pointer, "unknown_value", f"is no {self.noun} of Arki.{hint}")


class Moment(ContractField):
    """A day (00:00 in Helsinki) or a moment with its offset."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        schema = {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}], "pattern": _YEARS}
        super().__init__(
            f"must be a date such as 2026-06-01, or a date-time with an offset such as 2026-06-01T12:00:00+03:00, in the "
            f"years {_FIRST_YEAR} to {_LAST_YEAR}.",
            schema,
            **settings,
        )

    def _deserialize(self, value: object, *_: object, **__: object) -> datetime:
        if not isinstance(value, str):
            raise self.refusal()
        try:
            if _DAY.fullmatch(value):
                at = datetime.combine(date.fromisoformat(value), time(), HELSINKI)
            elif _MOMENT.fullmatch(value):
                at = datetime.fromisoformat(value)
            else:
                raise self.refusal("unknown_value")
        except (ValueError, OverflowError) as error:
            if isinstance(error, ValidationError):
                raise
            raise self.refusal("unknown_value") from None
        if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            raise self.refusal("out_of_range")
        return at.astimezone(UTC) if at.tzinfo is not HELSINKI else at


class SignalsField(ContractField):
    """Signals of the customer type given beside them; `models.contract.signals` checks them and documents them."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401
        super().__init__("must be an object of signals.", {"type": "object"}, **settings)

    def _deserialize(
        self,
        value: object,
        attr: str | None,  # noqa: ARG002  (marshmallow's signature)
        data: Mapping[str, Any] | None,
        **_: object,
    ) -> Signals | None:
        customer_type = (data or {}).get("customer_type")
        if not isinstance(customer_type, str) or customer_type not in CUSTOMER_TYPES:
            return None  # customer_type has a fault of its own, and says which contract would apply
        contract, limit = TERMS.get()
        try:
            return contract.read(customer_type, value, "", limit)
        except InvalidSignalsError as error:
            raise ValidationError([*error.faults, error.unlisted]) from None


class Parts(ContractField):
    """A list whose parts are checked one by one later, so that a bad one refuses no other.

    Parameters
    ----------
    noun : str
        What they are, in the plural.
    schema : str
        Name of the schema of one.
    most : int
        How many there may be.
    """

    def __init__(self, noun: str, schema: str, most: int, **settings: Any) -> None:  # noqa: ANN401
        self.most = most
        items = {"$ref": f"#/components/schemas/{schema}"}
        described = {"type": "array", "minItems": 1, "maxItems": most, "items": items}
        super().__init__(f"must be a list of 1 to {most} {noun}.", described, **settings)

    def _deserialize(self, value: object, *_: object, **__: object) -> list[object]:
        if not isinstance(value, list):
            raise self.refusal()
        if not 1 <= len(value) <= self.most:
            raise self.refusal("out_of_range")
        return value


class StrictSchema(Schema):
    """A request: unknown fields are refused."""

    class Meta:
        """marshmallow's own settings."""

        unknown = RAISE
