"""How far customers have moved from those a model was measured on: population stability per signal and of the segment mix.

Only `training` may import this.

References
----------
Population stability index: Σ (current − expected) · ln(current / expected) over bins; below 0.1 is read as stable, above 0.25
as moved (Siddiqi 2006, Credit Risk Scorecards).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.contract.codes import UNKNOWN
from models.decision.scorecard import FEATURES, read_scorecard, rounded
from training.learning.dataset import persons_to_segment
from training.learning.documents import ReferenceShares

LEAST_SHARE: Final = 1e-4  # so that an empty bin does not make the index endless
SEGMENT_MIX: Final = "segment mix"


def measure_drift(
    table: pa.Table, expected: ReferenceShares, scorecard: dict[str, Any], source: str
) -> tuple[int, dict[str, float]]:
    """Number of persons compared, and feature (or `SEGMENT_MIX`) -> population stability index.

    Parameters
    ----------
    table : pyarrow.Table
        Customers in the signal contract; employers, minors and objectors are left out.
    expected : ReferenceShares
        As `training.learning.run.reference` makes it.
    scorecard : dict
        The model's.
    source : str
        What to call the table in messages.
    """
    features, known = persons_to_segment(table, source)
    n = len(features)
    if n == 0:
        return 0, {}
    indices = {}
    for position, feature in enumerate(FEATURES):
        edges = expected["signals"][feature]["edges"]
        column = features[:, position]
        bins = np.where(np.isnan(column), len(edges) + 1, np.searchsorted(edges, column, side="right"))
        indices[feature] = stability_index(
            np.bincount(bins, minlength=len(edges) + 2) / n, np.array(expected["signals"][feature]["shares"])
        )
    card = read_scorecard(scorecard)
    rows = [tuple(None if np.isnan(value) else int(value) for value in row) for row in features.tolist()]
    probabilities = np.array([card.probabilities(row) for row in rows])
    silent = (rounded(probabilities.max(axis=1)) < card.abstain_below) | (known < card.minimum_known)
    named = np.where(silent, len(card.segments), probabilities.argmax(axis=1))
    mix = [expected["segments"][name] for name in (*card.segments, UNKNOWN)]
    indices[SEGMENT_MIX] = stability_index(np.bincount(named, minlength=len(mix)) / n, np.array(mix))
    return n, indices


def stability_index(current: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """The population stability index of two rows of shares."""
    now, then = np.maximum(current, LEAST_SHARE), np.maximum(expected, LEAST_SHARE)
    return float(((now - then) * np.log(now / then)).sum())
