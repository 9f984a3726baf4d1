"""A customer as one row of a file: how cells of text are read, and the one check of a row; the row form of `signals`.

In text an empty cell is unknown, yes/no is ``true`` or ``false``, a list is ``a;b``, life events are ``KE8:1;KE4.2:3``
(event:months_ago), and ``-`` is a list known to be empty. A number is written as in JSON. Nothing is trimmed or guessed:
what the API would refuse is refused here, with the same code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from models.contract.codes import EMPLOYER, PERSON, Language
from models.contract.identity_codes import holds_identity_code
from models.contract.signals import (
    DECLARED,
    Fault,
    InvalidSignalsError,
    Signal,
    SignalContract,
    Signals,
    more_faults,
)

KEY: Final = "customer_ref"
TYPE: Final = "customer_type"
CARRIED: Final = (KEY, TYPE, "language")
SIGNALS: Final[Mapping[str, Signal]] = {**DECLARED[EMPLOYER], **DECLARED[PERSON]}
"""By the name of their column; without the codes of any vocabulary."""
SIGNAL_COLUMNS: Final = tuple(dict.fromkeys([*DECLARED[PERSON], *DECLARED[EMPLOYER]]))


class Customer(NamedTuple):
    """A row that the contract accepts."""

    signals: Signals
    language: Language


def read_row(
    row: Mapping[str, object],
    contract: SignalContract,
    language: Language | None = None,
    language_column: str = "language",
) -> Customer:
    """The customer of one row of values as JSON would hold them; null and NaN are unknown.

    Parameters
    ----------
    row : mapping
    contract : SignalContract
    language : str, optional
        Of a row that names none; the vocabulary's first, if left out.
    language_column : str

    Raises
    ------
    InvalidSignalsError
        With the faults for which the API would refuse the same customer; the last one may stand for those not listed.
    """
    languages = contract.vocabulary.languages
    spoken: Any = row.get(language_column) or language or contract.vocabulary.default_language
    faults = []
    if not isinstance(spoken, str) or spoken not in languages:
        faults.append(Fault("/language", "unknown_value", f"must be one of {', '.join(languages)}."))
    if holds_identity_code(str(row.get(KEY))):
        faults.append(Fault(f"/{KEY}", "identity_code", "holds an identity code. Use an opaque reference."))
    carried = {*CARRIED, language_column}
    values = {name: value for name, value in row.items() if name not in carried and not is_missing(value)}
    kind = row.get(TYPE)
    try:
        signals = contract.read(kind if isinstance(kind, str) else "", values)
    except InvalidSignalsError as error:
        rest = [more_faults("/signals", error.unlisted)] if error.unlisted else []
        raise InvalidSignalsError([*faults, *error.faults, *rest]) from None
    if faults:
        raise InvalidSignalsError(faults)
    return Customer(signals, spoken)


def is_missing(value: object) -> bool:
    """Whether a value is null, or NaN, which is how data frames write a missing number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def row_of_text(row: Mapping[str, str | None]) -> dict[str, object]:
    """A row of cells as the values they stand for."""
    return {
        name: SIGNALS[name].forms.read_text(cell) if name in SIGNALS and cell is not None else cell
        for name, cell in row.items()
    }
