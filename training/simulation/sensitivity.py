"""How far the segment shares move when an assumption is half or one and a half of itself.

Only `training` may import this; `calibration_report` prints it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from training.segments import SIMULATED
from training.simulation import labels
from training.simulation import parameters as p
from training.simulation.life_course import simulate

ASSUMPTIONS: Final = {
    # what a reader would call it -> module and names that are scaled together
    "how hard a change shakes": (p, ("SHAKE_BY_NEW_STATE", "SHAKE_BY_EVENT")),
    "monthly push of a state on strain": (p, ("STRAIN_BY_STATE", "STRAIN_BY_ASSISTANCE")),
    "push of an event on strain": (p, ("STRAIN_BY_EVENT",)),
    "lasting differences in capability": (p, ("CAPABILITY_TRAIT_SIGMA",)),
    "beginnings of unemployment and illness": (p, ("HAZARD_FROM_EMPLOYED",)),
    "beginnings of social assistance": (p, ("ASSISTANCE_ENTRY",)),
    "the line of difficulty, long support": (labels, ("LONG_SUPPORT_DIFFICULTY",)),
    "the line of great difficulty": (labels, ("GREAT_DIFFICULTY",)),
    "the line of adjustment": (labels, ("UNSETTLED_ADJUSTMENT",)),
    "months of support that count as long": (labels, ("LONG_SUPPORT_MONTHS",)),
}


def segment_shares(n_persons: int, seed: int, processes: int = 1) -> list[dict[str, Any]]:
    """The shares as assumed, then for each assumption the shares at half and at one and a half of it.

    Returns
    -------
    list of dict
        assumption; shares, a list of tuples in the order of `SIMULATED`.
    """
    jobs = [("", 1.0)] + [(name, factor) for name in ASSUMPTIONS for factor in (0.5, 1.5)]
    runs = [(name, factor, n_persons, seed) for name, factor in jobs]
    if processes > 1:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            shares = list(pool.map(_shares, runs))
    else:
        shares = [_shares(run) for run in runs]
    rows: list[dict[str, Any]] = [{"assumption": "all as assumed", "shares": shares[:1]}]
    rows += [
        {"assumption": name, "shares": shares[1 + 2 * at : 3 + 2 * at]} for at, name in enumerate(ASSUMPTIONS)
    ]
    return rows


def _shares(run: tuple[str, float, int, int]) -> tuple[float, ...]:
    name, factor, n_persons, seed = run
    rng = np.random.default_rng([seed, 0x5345_4E53])
    with _scaled(name, factor):
        persons = simulate(n_persons, rng)
        segments = labels.label(persons, rng)
    counts = np.bincount(segments, minlength=len(SIMULATED))
    return tuple(float(share) for share in counts / counts.sum())


@contextmanager
def _scaled(name: str, factor: float) -> Iterator[None]:
    """Parameters times a factor while it lasts. The one place where parameters change, and they change back."""
    module, names = ASSUMPTIONS.get(name, (p, ()))
    before = {each: getattr(module, each) for each in names}
    try:
        for each, value in before.items():
            scaled = (
                {key: factor * v for key, v in value.items()} if isinstance(value, dict) else value * factor
            )
            setattr(module, each, scaled)
        yield
    finally:
        for each, value in before.items():
            setattr(module, each, value)
