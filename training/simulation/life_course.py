"""Latent life courses, month by month: what really happens to simulated persons, before anything is observed of it.

Hides the transitions between states, life events and the two latent conditions *strain* and *capability*; `benefits` follow
the states. Each month is a calendar month, so that reforms, seasons and published years fall where they fell. `population`
turns the result into signals; `labels` judge the latent path itself. Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from training.simulation import parameters as p
from training.simulation.benefits import by_year, update_assistance, update_benefits
from training.simulation.persons import NEVER, Bools, Floats, Ints, Month, Persons, begin, remember

MONTHS: Final = p.BURN_IN_MONTHS + p.WINDOW_MONTHS
Watch = Callable[[Persons, Month], None]
"""Called at the end of each month with the persons and the month."""


def simulate(
    n_persons: int,
    rng: np.random.Generator,
    last: tuple[int, int] = p.LAST_MONTH,
    watch: Watch | None = None,
) -> Persons:
    """Run `n_persons` courses of `MONTHS` months that end in the month `last`, and return the persons at the end.

    Survivors only: the age structure is the published one at the end of the course. The first `BURN_IN_MONTHS` are lived
    through unobserved.
    """
    persons = begin(n_persons, rng)
    persons.age_months -= MONTHS
    for at in range(MONTHS):
        month = Month.of(at, MONTHS, last)
        _live_a_month(persons, month, rng)
        if watch is not None:
            watch(persons, month)
    return persons


def _live_a_month(persons: Persons, month: Month, rng: np.random.Generator) -> None:
    persons.age_months += 1
    persons.child_months = np.minimum(persons.child_months + 1, 999).astype(np.int16)
    persons.service_left = np.maximum(persons.service_left - 1, -1).astype(np.int16)
    band = persons.band()
    happened = np.zeros((band.shape[0], len(p.LIFE_EVENTS)), bool)
    before = persons.state.copy()
    _move(persons, band, month, happened, rng)
    _draw_events(persons, band, happened, rng)
    persons.event_month[happened] = month.at
    update_assistance(persons, month, rng)
    moved = persons.state != before
    started, ended = update_benefits(persons, month, happened, rng)
    _update_latent(persons, band, before, moved, happened, rng)
    remember(persons, month, started, ended, moved)


def _move(persons: Persons, band: Ints, month: Month, happened: Bools, rng: np.random.Generator) -> None:
    """Leave states for others: by hazard, by birth, by conscription, by age; and note the events this means."""
    before = persons.state.copy()
    months = persons.state_months
    u = np.asarray(rng.random(before.shape[0]))
    _leave_work(persons, band, month, u)
    for state, destinations in p.DESTINATIONS.items():
        at = np.flatnonzero((before == state) & (u < _exit_hazard(persons, state, band, month)))
        persons.state[at] = _draw_destination(destinations, at.shape[0], rng)
    fathers = np.flatnonzero(
        (before == p.FAMILY_LEAVE) & (persons.state != p.FAMILY_LEAVE) & (persons.sex == 0)
    )
    persons.state[fathers] = _draw_destination(p.FATHERS_DESTINATIONS, fathers.shape[0], rng)
    pension = rng.random(before.shape[0]) < p.DISABILITY_INFLOW[band] * p.DISABILITY_BY_STATE[before]
    persons.state[pension] = p.DISABILITY_PENSION
    _become_parents(persons, band, month, happened, rng)
    _retire(persons, before, rng)
    serves = _enlist(persons, rng)
    moved = persons.state != before
    persons.last_unemployed[persons.state == p.UNEMPLOYED] = month.at
    persons.state_months = np.where(moved, 0, np.minimum(months + 1, 600)).astype(np.int16)
    happened[:, p.EVENT_INDEX["KE2"]] = serves
    happened[:, p.EVENT_INDEX["KE3"]] = moved & (persons.state == p.STUDENT)
    happened[:, p.EVENT_INDEX["KE8"]] = (before == p.EMPLOYED) & (persons.state == p.UNEMPLOYED)
    happened[:, p.EVENT_INDEX["KE10"]] = (
        moved & (persons.state == p.RETIRED) & (before != p.DISABILITY_PENSION)
    )
    happened[:, p.EVENT_INDEX["KE13"]] = moved & (persons.state == p.CARING) & (before != p.FAMILY_LEAVE)


def _leave_work(persons: Persons, band: Ints, month: Month, u: Floats) -> None:
    at = np.flatnonzero(persons.state == p.EMPLOYED)
    hazards = p.HAZARD_FROM_EMPLOYED[band[at]].copy()
    hazards[:, p.FROM_EMPLOYED_TO.index(p.ILL)] *= p.ILLNESS_BY_SEX[persons.sex[at]]
    hazards[:, p.FROM_EMPLOYED_TO.index(p.UNEMPLOYED)] *= np.exp(0.25 * persons.strain[at])
    again = np.where(month.at - persons.last_unemployed[at] <= p.RECENT_MONTHS, p.UNEMPLOYED_AGAIN, 1.0)
    hazards[:, p.FROM_EMPLOYED_TO.index(p.UNEMPLOYED)] *= again * by_year("unemployment_inflow", month)
    passed = (u[at][:, None] >= np.cumsum(hazards, axis=1)).sum(axis=1)
    leaving = passed < len(p.FROM_EMPLOYED_TO)
    persons.state[at[leaving]] = np.array(p.FROM_EMPLOYED_TO)[passed[leaving]]


def _exit_hazard(persons: Persons, state: int, band: Ints, month: Month) -> Floats:
    """Monthly hazard of leaving `state` for each person, whatever state they are in; shape (n_persons,)."""
    months = persons.state_months
    if state == p.UNEMPLOYED:
        quarter = np.minimum(months // 3, len(p.UNEMPLOYED_EXIT_13_WEEKS) - 1)
        monthly = 1 - (1 - p.UNEMPLOYED_EXIT_13_WEEKS[quarter]) ** (1 / 3)
        monthly = monthly * by_year("unemployment_exit", month)
        return np.asarray(monthly * np.exp(-p.UNEMPLOYED_EXIT_BY_STRAIN * persons.strain))
    if state == p.ILL:
        return p.ILL_EXIT[np.minimum(months, len(p.ILL_EXIT) - 1)]
    if state == p.FAMILY_LEAVE:
        women = p.FAMILY_LEAVE_EXIT_WOMEN[np.minimum(months, len(p.FAMILY_LEAVE_EXIT_WOMEN) - 1)]
        men = p.FAMILY_LEAVE_EXIT_MEN[np.minimum(months, len(p.FAMILY_LEAVE_EXIT_MEN) - 1)]
        return np.where(persons.sex == 1, women, men)
    if state == p.OTHER:
        serving = np.where(persons.service_left > 0, 0.0, p.OTHER_EXIT[band])
        return np.where(persons.service_left == 0, 1.0, serving)
    by_band = {p.STUDENT: p.STUDENT_EXIT, p.CARING: p.CARING_EXIT}
    if state in by_band:
        return by_band[state][band]
    return np.full(band.shape[0], p.DISABILITY_EXIT)


def _draw_destination(destinations: dict[int, float], size: int, rng: np.random.Generator) -> Ints:
    states = np.array(list(destinations))
    return states[np.searchsorted(np.cumsum(list(destinations.values()))[:-1], rng.random(size))]


def _become_parents(
    persons: Persons, band: Ints, month: Month, happened: Bools, rng: np.random.Generator
) -> None:
    """Births, the leaves that follow them, and the leaves that fathers take later."""
    n = band.shape[0]
    hazard = np.where(persons.sex == 1, p.BIRTHS_WOMEN[band], p.BIRTHS_MEN[band])
    born = (rng.random(n) < hazard * by_year("births", month)) & (persons.child_months > 11)
    happened[:, p.EVENT_INDEX["KE1"]] = born
    persons.child_months[born] = 0
    u = rng.random(n)
    leaves = born & (u < p.LEAVE_AFTER_BIRTH[persons.sex])
    youngest = persons.child_months
    later = (
        (persons.sex == 0) & (youngest >= p.FATHERS_LATER_LEAVE[0]) & (youngest < p.FATHERS_LATER_LEAVE[1])
    )
    leaves |= later & (u < p.FATHERS_LATER_HAZARD) & (persons.state == p.EMPLOYED)
    leaves &= ~np.isin(persons.state, (p.DISABILITY_PENSION, p.RETIRED))
    persons.state[leaves] = p.FAMILY_LEAVE


def _retire(persons: Persons, before: Ints, rng: np.random.Generator) -> None:
    years = persons.age_months // 12
    retiring = np.zeros(before.shape[0])
    for age, hazard in p.RETIREMENT_BY_AGE.items():
        retiring[years >= age] = hazard
    retiring[(before == p.DISABILITY_PENSION) & (years >= 65)] = 1.0
    retiring[before == p.RETIRED] = 0.0
    persons.state[rng.random(before.shape[0]) < retiring] = p.RETIRED


def _enlist(persons: Persons, rng: np.random.Generator) -> Bools:
    n = persons.state.shape[0]
    years = persons.age_months // 12
    serves: Bools = (
        (persons.sex == 0)
        & (years >= p.CONSCRIPTION_AGE[0])
        & (years < p.CONSCRIPTION_AGE[1])
        & (persons.event_month[:, p.EVENT_INDEX["KE2"]] == NEVER)
        & (rng.random(n) < p.CONSCRIPTION_HAZARD)
    )
    persons.state[serves] = p.OTHER
    length = rng.choice(p.SERVICE_MONTHS, size=n, p=p.SERVICE_SHARES)
    persons.service_left = np.where(serves, length, persons.service_left).astype(np.int16)
    return serves


def _draw_events(persons: Persons, band: Ints, happened: Bools, rng: np.random.Generator) -> None:
    """Events that change no state of the course by themselves."""
    n = band.shape[0]
    for code, hazards in p.EVENT_HAZARDS.items():
        happened[:, p.EVENT_INDEX[code]] = rng.random(n) < hazards[band]
    happened[:, p.EVENT_INDEX["KE9"]] = rng.random(n) < p.DEBT_HAZARD * np.exp(np.minimum(persons.strain, 3))
    falls_ill = (persons.state == p.ILL) & (persons.state_months == 0)
    serious = np.where(falls_ill, p.SERIOUS_SHARE_OF_ILLNESS, 0.0)
    serious[np.isin(persons.state, (p.RETIRED, p.DISABILITY_PENSION))] = p.SERIOUS_HAZARD_RETIRED
    happened[:, p.EVENT_INDEX["KE11"]] = rng.random(n) < serious
    happened[:, p.EVENT_INDEX["KE12"]] = rng.random(n) < p.REHABILITATION_HAZARD[band]


def _update_latent(
    persons: Persons,
    band: Ints,
    before: Ints,
    moved: Bools,
    happened: Bools,
    rng: np.random.Generator,
) -> None:
    n = band.shape[0]
    back = np.isin(before, (p.ILL, p.FAMILY_LEAVE)) & (persons.state == p.EMPLOYED)
    shake = happened @ np.array([p.SHAKE_BY_EVENT.get(code, 0.0) for code in p.LIFE_EVENTS])
    strains = np.array([p.STRAIN_BY_EVENT.get(code, 0.0) for code in p.LIFE_EVENTS])
    shake += np.where(moved, np.where(back, p.SHAKE_BACK_TO_WORK, p.SHAKE_BY_NEW_STATE[persons.state]), 0.0)
    shaken = np.flatnonzero(shake)
    shake[shaken] *= rng.lognormal(0.0, p.SHAKE_SIZE_SIGMA, shaken.shape[0])
    persistence = p.ADJUSTMENT_KEPT[persons.state] + p.ADJUSTMENT_BY_STRAIN * persons.strain
    persistence += p.ADJUSTMENT_BY_CAPABILITY * persons.capability
    persons.adjustment = persons.adjustment * np.clip(persistence, 0.5, 0.96) + shake

    push = p.STRAIN_BY_STATE[persons.state] + p.STRAIN_BY_ASSISTANCE * persons.on_assistance
    persons.strain = (
        persons.strain_trait
        + p.STRAIN_KEPT * (persons.strain - persons.strain_trait)
        + push
        + happened @ strains
        + p.STRAIN_NOISE * rng.standard_normal(n)
    )
    home = persons.capability_trait + p.CAPABILITY_BY_AGE[band]
    persons.capability = (
        home
        + p.CAPABILITY_KEPT * (persons.capability - home)
        + p.CAPABILITY_BY_SERIOUS_ILLNESS * happened[:, p.EVENT_INDEX["KE11"]]
        + p.CAPABILITY_NOISE * rng.standard_normal(n)
    )
