"""The labelling guideline of ``LABELLING.md`` in code: from the latent life course to a segment, never from signals."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.segments import ROLES, SIMULATED
from training.simulation.persons import Persons

LONG_SUPPORT_MONTHS: Final = 9
LONG_SUPPORT_DIFFICULTY: Final = 0.25
SOME_SUPPORT_MONTHS: Final = 3
GREAT_DIFFICULTY: Final = 1.20
UNSETTLED_ADJUSTMENT: Final = 0.45
DIFFICULTY_READING_ERROR: Final = 0.10
ADJUSTMENT_READING_ERROR: Final = 0.08


def label(persons: Persons, rng: np.random.Generator) -> NDArray[np.int64]:
    """The segment that a reader of the guideline gives each person.

    Returns
    -------
    ndarray of shape (n_persons,)
        Indices into `training.segments.SIMULATED`.
    """
    n = persons.state.shape[0]
    difficulty = persons.difficulty_12m + DIFFICULTY_READING_ERROR * rng.standard_normal(n)
    adjustment = persons.adjustment + ADJUSTMENT_READING_ERROR * rng.standard_normal(n)
    months = persons.supported_months_12m
    in_need = (months >= LONG_SUPPORT_MONTHS) & (difficulty > LONG_SUPPORT_DIFFICULTY)
    in_need |= (months >= SOME_SUPPORT_MONTHS) & (difficulty > GREAT_DIFFICULTY)
    unsettled = adjustment > UNSETTLED_ADJUSTMENT
    at = {role: SIMULATED.index(segment) for role, segment in ROLES.items()}
    return np.select([in_need, unsettled], [at["in need"], at["unsettled"]], at["settled"])
