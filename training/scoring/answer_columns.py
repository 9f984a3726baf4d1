"""Offers of many customers become columns of items: each distinct answer is asked for once and kept as a row of codes.

Dictionaries of the columns hold every value the bundle could give, in a fixed order, so that the bytes written do not
depend on what was met before. Used by `training.scoring.scorer` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.columns.campaigns import CampaignColumns
from models.columns.decision_table import RuleColumns
from models.columns.facts import FactColumns
from models.columns.signals import MISSING, Codes, SignalColumns
from models.contract.codes import CUSTOMER_TYPES, PERSON, CustomerType
from models.decision.campaigns import Campaign
from models.decision.recommendation import Offered
from models.decision.recommender import Recommender
from training.scoring.request import ScoringRequest

_OFFER_BITS: Final = 32
_INT8: Final = 127


class AnswerColumns:
    """Every distinct answer met so far, numbered."""

    def __init__(
        self, recommender: Recommender, rules: Mapping[CustomerType, RuleColumns], request: ScoringRequest
    ) -> None:
        self._recommender, self._rules, self._request = recommender, rules, request
        self._languages = tuple(recommender.vocabulary.languages)
        self._values = _values(recommender, rules, request)
        self._places = [{value: at for at, value in enumerate(values)} for values in self._values.values()]
        self._numbers: dict[tuple[int, ...], int] = {}
        self._keys: list[tuple[int, ...]] = []
        self._codes = np.full((len(self._values), 1024), MISSING, np.int16)
        self._full = np.zeros(1024, bool)
        day = request.at.date()
        self._campaigns = {kind: CampaignColumns(recommender, kind, day) for kind in CUSTOMER_TYPES}
        self._spoken = 2 * len(self._languages)
        self._first = {
            kind: np.full(
                self._spoken * (1 + len(self._campaigns[kind].running)) * rules[kind].offers,
                MISSING,
                np.int32,
            )
            for kind in CUSTOMER_TYPES
        }

    def numbers(
        self, part: FactColumns, columns: SignalColumns, language: Codes, closed: frozenset[str]
    ) -> NDArray[np.int64]:
        """The number of each customer's answer."""
        kind, table = part.customer_type, self._rules[part.customer_type]
        preferred = np.full(len(part.rows), MISSING, np.int32)
        spoken = language * np.int64(2)
        if kind == PERSON:
            spoken += columns.number(kind, "strong_identification")[part.rows] == 1
            preferred = np.where(
                part.neutral, preferred, columns.number(kind, "preferred_channel")[part.rows]
            )
        if self._campaigns[kind].running:
            spoken += self._campaigns[kind].of(part) * np.int64(self._spoken)
        first = table.choose(part, part.first, preferred, closed=closed)
        answer = self._of_first(kind, spoken * np.int64(table.offers) + first)
        for at in range(part.further.shape[1]):
            more = np.flatnonzero((part.further[:, at] >= 0) & ~self._full[answer[part.has_further]])
            who = part.has_further[more]
            if len(who):
                offers = table.choose(part, part.further[more, at], preferred, at=who, closed=closed)
                answer[who] = self._of_further(answer[who], offers)
        return answer

    def columns(self, answer: NDArray[np.int64], days: NDArray[np.int64] | None) -> dict[str, pa.Array]:
        """The columns that follow from the answers' numbers; null where there is none.

        `days` is for how many days more each customer's statutory content stays the same, where any of it changes.
        """
        columns = {}
        for codes, (name, values) in zip(self._codes, self._values.items(), strict=True):
            of_rows = codes[answer]
            if name == "valid_until" and days is not None:
                of_rows = np.minimum(of_rows, days)
            columns[name] = dictionary(of_rows, values)
        return columns

    def _of_first(self, kind: CustomerType, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        known = self._first[kind]
        answer = known[keys]
        if (answer < 0).any():
            for key in np.unique(keys[answer < 0]).tolist():
                known[key] = self._number(
                    (CUSTOMER_TYPES.index(kind), *divmod(key, self._rules[kind].offers))
                )
            answer = known[keys]
        return answer.astype(np.int64)

    def _of_further(self, answer: NDArray[np.int64], offers: NDArray[np.int64]) -> NDArray[np.int64]:
        pairs, back = np.unique(answer << _OFFER_BITS | offers, return_inverse=True)
        numbers = [
            self._number((*self._keys[pair >> _OFFER_BITS], pair & ((1 << _OFFER_BITS) - 1)))
            for pair in pairs.tolist()
        ]
        return np.array(numbers, np.int64)[back]

    def _number(self, key: tuple[int, ...]) -> int:
        """The number of the answer to a customer type, a campaign, a language with log-in or without, and offers."""
        if key in self._numbers:
            return self._numbers[key]
        kind, spoken, *offers = key
        met, spoken = divmod(spoken, self._spoken)
        customer_type = CUSTOMER_TYPES[kind]
        campaign = self._campaigns[customer_type].running[met - 1] if met else None
        offered = self._offered(customer_type, spoken, offers, campaign)
        # Whether further lookups are read hangs on what the rules offer, not on what a campaign adds.
        by_rules = offered if campaign is None else self._offered(customer_type, spoken, offers, None)
        number = self._numbers[key] = len(self._keys)
        self._keys.append(key)
        if number + 1 == self._codes.shape[1]:  # the last place stays empty: -1 finds it
            self._codes = np.pad(self._codes, ((0, 0), (0, number + 1)), constant_values=MISSING)
            self._full = np.pad(self._full, (0, number + 1))
        pairs = zip(self._places, _answer_values(offered, self._request), strict=True)
        self._codes[:, number] = [MISSING if value is None else places[value] for places, value in pairs]
        self._full[number] = len(by_rules.items) == self._request.limit
        return number

    def _offered(
        self, customer_type: CustomerType, spoken: int, offers: Sequence[int], campaign: Campaign | None
    ) -> Offered:
        language, identified = divmod(spoken, 2)
        table = self._rules[customer_type]
        return self._recommender.offered(
            customer_type,
            [table.offer(offer) for offer in offers],
            at=self._request.at,
            language=self._languages[language],
            limit=self._request.limit,
            identified=bool(identified),
            campaign=campaign,
        )


def dictionary(codes: NDArray[np.integer[Any]], values: tuple[str, ...]) -> pa.Array:
    """Codes as an Arrow dictionary column; a negative code is null."""
    codes = codes.astype(np.int8 if len(values) <= _INT8 else np.int16)
    missing = codes < 0
    # A code beneath a null is a valid one too: Polars reads no dictionary with -1 there.
    indices = pa.array(np.maximum(codes, 0), mask=missing) if missing.any() else pa.array(codes)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string()), safe=False)


def _values(
    recommender: Recommender, rules: Mapping[CustomerType, RuleColumns], request: ScoringRequest
) -> dict[str, tuple[str, ...]]:
    """Each column and the values it could hold."""
    first = request.at.date()
    every = [rule for kind in CUSTOMER_TYPES for rule in rules[kind].rules]
    campaigns = [one for kind in CUSTOMER_TYPES for one in CampaignColumns(recommender, kind, first).running]
    texts = [rule.because for rule in every] + [campaign.because for campaign in campaigns]
    texts.append(recommender.texts["preferred_channel"])
    days = range(recommender.rulebook.answer_valid_days + 1)
    vocabulary = recommender.vocabulary
    each = {
        "channel": tuple(recommender.channels),
        "content_type": tuple(vocabulary.content_types),
        "content_id": tuple(sorted(recommender.catalogue.items)),
        "content_language": tuple(vocabulary.languages),
        "rule": tuple(dict.fromkeys([*(rule.id for rule in every), *(one.id for one in campaigns)])),
        "reason": tuple(sorted({text for in_languages in texts for text in in_languages.values()})),
    }
    items = {
        f"item_{rank}_{name}": each[name]
        for rank in range(1, request.limit + 1)
        for name in request.item_columns
    }
    valid = tuple((first + timedelta(days=day)).isoformat() for day in days)
    return items | {"human_channel": each["channel"], "valid_until": valid}


def _answer_values(offered: Offered, request: ScoringRequest) -> Iterator[str | None]:
    """The values of one answer, in the order of `_values`."""
    for item in offered.items:
        content = item.content
        yield from (item.channel, item.content_type, content.id, content.language, item.reason.rule)
        if request.with_texts:
            yield item.reason.text
    yield from [None] * ((request.limit - len(offered.items)) * len(request.item_columns))
    yield offered.human_channel.id
    yield offered.valid_until.isoformat()
