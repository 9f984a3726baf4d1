"""Statutory content of many customers: one text of content ids per distinct set of benefits. Used by `training.scoring.scorer`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.columns.signals import Codes, Flags, SignalColumns
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, PERSON, CustomerType, Language
from models.decision.catalogue import Catalogue

RUNNING: Final[Mapping[CustomerType, str]] = {PERSON: "active_benefits", EMPLOYER: "claim_kinds"}
"""The signal that names what runs beside the open matter."""
_KEY_BITS: Final = 63


class StatutoryColumns:
    """What the law wants to reach customers on a day.

    Raises
    ------
    OverflowError
        If the vocabulary has more benefits, or kinds of claim, than a key has room for.
    """

    def __init__(self, catalogue: Catalogue, day: date, *, valid_days: int) -> None:
        self._catalogue, self._day = catalogue, day
        self._latest = day + timedelta(days=valid_days)
        self._days: dict[int, int] = {0: valid_days}
        self._texts: dict[int, str] = {}
        duties = catalogue.vocabulary.duties
        self._codes = {kind: tuple(duties[kind]) for kind in CUSTOMER_TYPES}
        self._matters = 1 + max(map(len, self._codes.values()))
        self._languages = tuple(catalogue.vocabulary.languages)
        radix = self._matters * len(self._languages) * len(CUSTOMER_TYPES)
        if self._matters + radix.bit_length() > _KEY_BITS:
            raise OverflowError(
                f"batch scoring has no room for {self._matters - 1} benefits in {len(self._languages)} languages"
            )
        self._relevant = {
            kind: np.int64(
                sum(1 << at for at, code in enumerate(codes) if catalogue.statutory_for(code, kind))
            )
            for kind, codes in self._codes.items()
        }

    def keys(
        self, columns: SignalColumns, kind: CustomerType, rows: NDArray[np.int64] | slice, language: Codes
    ) -> NDArray[np.int64]:
        """A number of all that chooses: type, language, open matter, benefits or claims; 0 where nothing does."""
        matter = columns.number(kind, "open_matter")[rows].astype(np.int64) + 1
        # Benefits without statutory content are masked out: they would only make more keys.
        benefits: Any = columns.choices(kind, RUNNING[kind]).bits[rows] & self._relevant[kind]
        # Mixed radix: one whole number for all that chooses, so that millions of customers come to few distinct keys, each worked out once.
        key = ((benefits * self._matters + matter) * len(self._languages) + language) * len(CUSTOMER_TYPES)
        chosen = (benefits > 0) | (matter > 0)
        return np.where(chosen, key + CUSTOMER_TYPES.index(kind), 0)

    def column(self, keys: NDArray[np.int64], refused: Flags | None) -> pa.Array:
        """Content ids joined by ``;``, as a dictionary column in the order of its values."""
        encoded = pa.array(keys).dictionary_encode()
        texts = [self._text(key) for key in encoded.dictionary.to_pylist()]
        # Two keys may come to one text. Values in order make the dictionary the same whichever customers a chunk holds.
        values = sorted(set(texts))
        places = np.array([values.index(text) for text in texts], np.int16)
        indices = pa.array(places[encoded.indices.to_numpy()], mask=refused)
        return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()), safe=False)

    def days(self, keys: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """For how many days each customer's content stays the same, at most as long as an answer holds; None if for all."""
        if not self._catalogue.statutory_changes_between(self._day, self._latest):
            return None
        distinct, back = np.unique(keys, return_inverse=True)
        return np.array([self._days_of(key) for key in distinct.tolist()], np.int64)[back]

    def _days_of(self, key: int) -> int:
        if key not in self._days:
            kind, named, language = self._read(key)
            until = self._catalogue.statutory_until(
                named, customer_type=kind, language=language, day=self._day, latest=self._latest
            )
            self._days[key] = (until - self._day).days
        return self._days[key]

    def _text(self, key: int) -> str:
        if key not in self._texts:
            self._texts[key] = ";".join(self._items(*self._read(key)))
        return self._texts[key]

    def _items(self, kind: CustomerType, benefits: list[str], language: Language) -> list[str]:
        items = self._catalogue.statutory(benefits, customer_type=kind, language=language, day=self._day)
        return [item.id for item in items]

    def _read(self, key: int) -> tuple[CustomerType, list[str], Language]:
        """Customer type, benefits in their order and language of a key."""
        rest, kind = divmod(key, len(CUSTOMER_TYPES))
        rest, language = divmod(rest, len(self._languages))
        bits, matter = divmod(rest, self._matters)
        codes = self._codes[CUSTOMER_TYPES[kind]]
        named = [codes[matter - 1]] if matter else []
        named += [code for at, code in enumerate(codes) if bits >> at & 1]
        return CUSTOMER_TYPES[kind], named, self._languages[language]
