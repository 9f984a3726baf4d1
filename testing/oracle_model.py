"""The oracle's model: features, the sum of a scorecard's rows, when it abstains, and the reasons it gives.

A customer's score for a segment is the start plus one row of each table; probabilities are the softmax of the scores
rounded to six places (MODEL_CARD.md, *The whole model*). May not import models, service or training.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Final

from testing.documents import Documents

SCALE: Final = 65_536  # rows are whole numbers of 2⁻¹⁶ log-odds
MILLION: Final = 1_000_000  # a probability has six places
REASONS_SHOWN: Final = 3
SOURCES: Final = {
    "life_event_count": "life_events",
    "months_since_life_event": "life_events",
    "active_benefit_count": "active_benefits",
}
"""The signal that a feature is made of, where it is not of that name."""


@dataclass(frozen=True, slots=True)
class Named:
    """The segment that the model names, how likely it holds it, whether it is confident, and why."""

    segment: str
    probability: float
    confident: bool
    reasons: list[tuple[tuple[str, ...], float]]


def predict(signals: dict[str, Any], documents: Documents) -> Named | None:
    """What the model says of a person; None where it abstains."""
    card = documents.scorecard
    rows = [_row(table, signals) for table in card["tables"]]
    scores = [sum(parts) / SCALE for parts in zip(card["intercept"], *rows, strict=True)]
    odds = [math.exp(score - max(scores)) for score in scores]
    best = max(range(len(odds)), key=odds.__getitem__)
    probability = math.floor(odds[best] / sum(odds) * MILLION + 0.5) / MILLION
    if probability < card["abstain_below"] or known(signals, documents) < card["minimum_known"]:
        return None
    return Named(
        card["segments"][best],
        probability,
        probability >= card["confident_from"],
        _reasons(card["tables"], rows, best, signals)[:REASONS_SHOWN],
    )


def known(signals: dict[str, Any], documents: Documents) -> int:
    """How many signals are known that the model may use, as the contract says of each."""
    return sum("Used by the model" in documents.signals["person"][name]["description"] for name in signals)


def feature(name: str, signals: dict[str, Any]) -> int | None:
    """A feature's value; None is unknown. Of life events and benefits it is told how many and how recent, never which."""
    if name not in SOURCES:
        value: int | None = signals.get(name)
        return value
    if SOURCES[name] not in signals:
        return None
    entries = signals[SOURCES[name]]
    if name == "months_since_life_event":
        return min((event["months_ago"] for event in entries), default=None)
    return len(entries)


def _row(table: dict[str, Any], signals: dict[str, Any]) -> list[int]:
    """The row of a table that a customer falls in: cells run through the last feature first, *unknown* is its last bin."""
    cell = 0
    for name, edges in zip(table["features"], table["edges"], strict=True):
        value = feature(name, signals)
        bins = len(edges) + 2
        cell = cell * bins + (bins - 1 if value is None else bisect_right(edges, value))
    row: list[int] = table["rows"][cell]
    return row


def _reasons(
    tables: list[dict[str, Any]], rows: list[list[int]], best: int, signals: dict[str, Any]
) -> list[tuple[tuple[str, ...], float]]:
    """What known signals add to the segment beyond the mean of the others, where it speaks for the segment; most first."""
    added: dict[tuple[str, ...], float] = {}
    for table, row in zip(tables, rows, strict=True):
        names = tuple(dict.fromkeys(SOURCES.get(name, name) for name in table["features"]))
        others = sum(row) - row[best]
        if all(name in signals for name in names):
            added[names] = added.get(names, 0.0) + (row[best] - others / (len(row) - 1)) / SCALE
    return sorted(
        ((names, total) for names, total in added.items() if total > 0), key=lambda each: (-each[1], each[0])
    )
