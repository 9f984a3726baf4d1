"""A scorecard evaluated on columns: the same tables, whole scores and rounding as `scorecard`, for many customers at once.

Each value there can be has its bin looked up beforehand, so that a column is binned by one gather; *missing* is the code -1.
Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.columns.signals import MISSING, Codes, Flags
from models.decision.scorecard import FEATURES, SCALE, Scorecard, rounded


class Predicted(NamedTuple):
    """The model's answers: position in `segments` (`MISSING` where it abstains), rounded probability, and whether it is confident."""

    segments: tuple[str, ...]
    segment: Codes
    probability: NDArray[np.float64]
    confident: Flags


class ColumnScorecard:
    """A scorecard laid out for columns: per table and feature, the bin of each value there is, *missing* first."""

    def __init__(self, card: Scorecard) -> None:
        self.card = card
        self._tables = [
            (
                [
                    (FEATURES[at], *_bins_by_value(edges, len(table.edges) - 1 - place, table.edges))
                    for place, (at, edges) in enumerate(zip(table.features, table.edges, strict=True))
                ],
                np.ascontiguousarray(np.array(table.rows, np.int32).T),
            )
            for table in card.tables
        ]
        largest = sum(max(abs(score) for row in table.rows for score in row) for table in card.tables)
        fits = largest + max(map(abs, card.intercept)) < np.iinfo(np.int32).max // 2
        self._type: type[np.signedinteger[Any]] = np.int32 if fits else np.int64

    def predict(self, x: Mapping[str, Codes], known: Codes) -> Predicted:
        """The model's answers, from feature columns and the number of known signals of each person."""
        best, probability = self._likeliest(x, len(known))
        probability = rounded(probability)
        abstains = (probability < self.card.abstain_below) | (known < self.card.minimum_known)
        confident = ~abstains & (probability >= self.card.confident_from)
        segment = np.where(abstains, np.int32(MISSING), best)
        return Predicted(self.card.segments, segment, probability, confident)

    def _likeliest(self, x: Mapping[str, Codes], count: int) -> tuple[Codes, NDArray[np.float64]]:
        scores = [np.full(count, start, self._type) for start in self.card.intercept]
        for positions, rows in self._tables:
            cell = None
            for name, bins, last in positions:
                places = bins[np.minimum(x[name], last)]
                cell = places if cell is None else cell + places
            for at, row in enumerate(rows):
                scores[at] += row[cell]
        top = reduce(np.maximum, scores)
        odds = reduce(np.add, (np.exp((score - top) / SCALE) for score in scores))
        best = np.full(count, len(scores) - 1, np.int32)
        for at in reversed(range(len(scores) - 1)):  # of equals the first is named
            best = np.where(scores[at] == top, np.int32(at), best)
        return best, 1.0 / odds


def _bins_by_value(
    edges: tuple[int, ...], positions_after: int, every: tuple[tuple[int, ...], ...]
) -> tuple[NDArray[np.intp], int]:
    """The share in a table's cell number of each value of a feature, and the largest value told apart.

    The last place is *missing*, so that the code -1 finds it.
    """
    stride = 1
    for later in every[len(every) - positions_after :]:
        stride *= len(later) + 2
    last = (edges[-1] if edges else 0) + 1
    bins = np.searchsorted(edges, np.arange(last + 1), side="right")
    return np.append(bins, len(edges) + 1) * stride, last
