"""Times of functions in one process, taken in turns, so that a ratio means the same machine at the same moment."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SHORTEST_BURST_S = 0.004
Piece = tuple[Callable[[Any], object], Sequence[Any]]
"""A function and what it is called with in turn, so that no cache holds the one answer."""


def in_turns(pieces: Mapping[str, Piece], *, rounds: int) -> dict[str, dict[str, float]]:
    """Processor time of one call of each function in µs: the least and the median of bursts taken in turns.

    Processor time, since other tenants of the machine cannot take it from the figure; the least is nearest to what the
    work itself costs. Every function is called before anything counts.
    """
    repeats = {name: _repeats(piece) for name, piece in pieces.items()}
    bursts: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(rounds):
        for name, piece in pieces.items():
            bursts[name].append(_burst(piece, repeats[name]) * 1e6)
    return {
        name: {"min_us": round(min(took), 3), "median_us": round(statistics.median(took), 3)}
        for name, took in bursts.items()
    }


def _repeats(piece: Piece) -> int:
    _burst(piece, 1)
    took = max(1e-8, _burst(piece, 1)) * len(piece[1])
    return max(1, round(SHORTEST_BURST_S / took))


def _burst(piece: Piece, repeats: int) -> float:
    """Seconds of one call."""
    function, given = piece
    before = time.process_time()
    for _ in range(repeats):
        for one in given:
            function(one)
    return (time.process_time() - before) / (repeats * len(given))
