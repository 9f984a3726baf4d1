"""Latent life courses, month by month: what really happens to simulated persons, before anything is observed of it.

Hides the transitions between states, life events, benefits, social assistance, and the two latent conditions *strain* and
*capability*. `population` turns the result into signals; `labels` judge the latent path itself. Only `training` may
import this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.codes import BENEFITS, LIFE_EVENTS
from training import parameters as p

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.int16]
Bools = NDArray[np.bool_]

MONTHS: Final = p.BURN_IN_MONTHS + p.WINDOW_MONTHS
NEVER: Final = np.int16(-999)


@dataclass(slots=True)
class Persons:
    """Persons at the end of their courses; each array is of shape (n_persons,) unless told.

    Attributes
    ----------
    language : index into `parameters.LANGUAGES`; sex : 0 man, 1 woman.
    state : index into `parameters.STATES`; `state_months` the months spent in it.
    strain, capability, adjustment : latent, unitless; never observed and never written to a file.
    event_month : shape (n_persons, 14), month index of the latest event by code of `LIFE_EVENTS`, `NEVER` if none.
    benefits : shape (n_persons, n_benefits), benefits being paid in the last month.
    difficulty_12m, supported_months_12m : what the labelling guideline reads, over the last 12 months.
    matters_12m, matters_3m, matters_1m : latent number of matters dealt with.
    """

    age_months: Ints
    sex: Ints
    language: Ints
    state: Ints
    state_months: Small
    strain: Floats
    strain_trait: Floats
    capability: Floats
    capability_trait: Floats
    inclination: NDArray[np.float32]
    fund_member: Bools
    child_months: Small
    event_month: Small
    adjustment: Floats
    on_assistance: Bools
    assistance_months: Small
    support_months: Small
    benefits: Bools
    small: Bools
    assistance_months_12m: Small = field(init=False)
    supported_months_12m: Small = field(init=False)
    started_6m: Small = field(init=False)
    ended_6m: Small = field(init=False)
    difficulty_12m: Floats = field(init=False)
    matters_12m: Floats = field(init=False)
    matters_3m: Floats = field(init=False)
    matters_1m: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Begin each running count at nothing."""
        n = self.state.shape[0]
        for name in ("assistance_months_12m", "supported_months_12m", "started_6m", "ended_6m"):
            setattr(self, name, np.zeros(n, np.int16))
        for name in ("difficulty_12m", "matters_12m", "matters_3m", "matters_1m"):
            setattr(self, name, np.zeros(n))

    def band(self) -> Ints:
        """Age band of each person now, as an index into `parameters.AGE_BANDS`."""
        return np.digitize(self.age_months // 12, p.AGE_STARTS) - 1


def simulate(n_persons: int, rng: np.random.Generator) -> Persons:
    """Run `n_persons` courses of `MONTHS` months and return the persons at the end.

    Survivors only: the age structure is the published one at the end of the course.
    """
    persons = _begin(n_persons, rng)
    for month in range(MONTHS):
        _live_a_month(persons, month, rng)
    return persons


def _begin(n: int, rng: np.random.Generator) -> Persons:
    band_at_end = rng.choice(len(p.AGE_SHARES), size=n, p=p.AGE_SHARES / p.AGE_SHARES.sum())
    low, high = p.AGE_LIMITS[band_at_end], p.AGE_LIMITS[band_at_end + 1]
    age_months = ((low + rng.random(n) * (high - low)) * 12).astype(np.int64) - MONTHS
    sex = (rng.random(n) < p.WOMEN_SHARE[band_at_end]).astype(np.int64)
    band = np.digitize(age_months // 12, p.AGE_STARTS) - 1
    cumulative = np.cumsum(p.INITIAL_SHARES / p.INITIAL_SHARES.sum(axis=1, keepdims=True), axis=1)
    state = (rng.random(n)[:, None] > cumulative[band][:, :-1]).sum(axis=1)
    language = rng.choice(3, size=n, p=p.LANGUAGE_SHARES)
    strain_trait = rng.normal(*p.STRAIN_TRAIT, n)
    capability_trait = rng.normal(0, p.CAPABILITY_TRAIT_SIGMA, n) + p.CAPABILITY_BY_LANGUAGE[language]
    months = np.minimum(rng.exponential(p.INITIAL_MONTHS[state]), 400).astype(np.int16)
    return Persons(
        age_months=age_months,
        sex=sex,
        language=language,
        state=state,
        state_months=months,
        strain=strain_trait.copy(),
        strain_trait=strain_trait,
        capability=capability_trait + p.CAPABILITY_BY_AGE[band],
        capability_trait=capability_trait,
        inclination=rng.random((n, len(BENEFITS)), dtype=np.float32),
        fund_member=rng.random(n) < p.FUND_MEMBER,
        child_months=_first_children(band, sex, rng),
        event_month=np.full((n, len(LIFE_EVENTS)), NEVER, np.int16),
        adjustment=np.zeros(n),
        on_assistance=np.zeros(n, bool),
        assistance_months=np.zeros(n, np.int16),
        support_months=np.where(np.isin(state, (p.UNEMPLOYED, p.DISABILITY_PENSION)), months, 0).astype(
            np.int16
        ),
        benefits=np.zeros((n, len(BENEFITS)), bool),
        small=np.zeros((n, len(p.SMALL_REIMBURSEMENTS)), bool),
    )


def _first_children(band: Ints, sex: Ints, rng: np.random.Generator) -> Small:
    """Age in months of the youngest child a person draws child benefit for; 999 is none. Shares: assumption."""
    share = np.array([0, 0.03, 0.40, 0.65, 0.35, 0.04, 0, 0, 0])[band] * np.where(sex == 1, 0.9, 0.2)
    ages = rng.integers(0, np.array([1, 30, 90, 190, 204, 204, 1, 1, 1])[band] + 1)
    return np.where(rng.random(sex.shape[0]) < share, ages, 999).astype(np.int16)


def _live_a_month(persons: Persons, month: int, rng: np.random.Generator) -> None:
    persons.age_months += 1
    persons.child_months = np.minimum(persons.child_months + 1, 999).astype(np.int16)
    band = persons.band()
    happened = np.zeros((band.shape[0], len(LIFE_EVENTS)), bool)
    before = persons.state.copy()
    _move(persons, band, happened, rng)
    _draw_events(persons, band, happened, rng)
    persons.event_month[happened] = month
    _update_assistance(persons, rng)
    moved = persons.state != before
    started, ended = _update_benefits(persons, month, happened, rng)
    _update_latent(persons, band, before, moved, happened, rng)
    _remember(persons, MONTHS - 1 - month, started, ended, moved)


def _move(persons: Persons, band: Ints, happened: Bools, rng: np.random.Generator) -> None:
    """Leave states for others: by hazard, by birth, by conscription, by age; and note the events this means."""
    before = persons.state.copy()
    months = persons.state_months
    u = np.asarray(rng.random(before.shape[0]))
    _leave_work(persons, band, u)
    for state, destinations in p.DESTINATIONS.items():
        at = np.flatnonzero((before == state) & (u < _exit_hazard(persons, state, before, band)))
        persons.state[at] = _draw_destination(destinations, at.shape[0], rng)
    fathers = np.flatnonzero(
        (before == p.FAMILY_LEAVE) & (persons.state != p.FAMILY_LEAVE) & (persons.sex == 0)
    )
    persons.state[fathers] = _draw_destination(p.FATHERS_DESTINATIONS, fathers.shape[0], rng)
    long_ill = np.flatnonzero(
        (before == p.ILL) & (persons.state != p.ILL) & (months >= p.LONG_ILLNESS_MONTHS)
    )
    persons.state[long_ill] = _draw_destination(p.LONG_ILLNESS_DESTINATIONS, long_ill.shape[0], rng)
    _give_birth(persons, band, happened, rng)
    years = persons.age_months // 12
    retiring = np.zeros(before.shape[0])
    for age, hazard in p.RETIREMENT_BY_AGE.items():
        retiring[years >= age] = hazard
    retiring[(before == p.DISABILITY_PENSION) & (years >= 65)] = 1.0
    retiring[before == p.RETIRED] = 0.0
    retires = rng.random(before.shape[0]) < retiring
    persons.state[retires] = p.RETIRED
    serves = (
        (persons.sex == 0)
        & (years >= p.CONSCRIPTION_AGE[0])
        & (years < p.CONSCRIPTION_AGE[1])
        & (persons.event_month[:, p.EVENT_INDEX["KE2"]] == NEVER)
        & (rng.random(before.shape[0]) < p.CONSCRIPTION_HAZARD)
    )
    persons.state[serves] = p.OTHER
    moved = persons.state != before
    persons.state_months = np.where(moved, 0, np.minimum(months + 1, 600)).astype(np.int16)
    happened[:, p.EVENT_INDEX["KE2"]] = serves
    happened[:, p.EVENT_INDEX["KE3"]] = moved & (persons.state == p.STUDENT)
    happened[:, p.EVENT_INDEX["KE8"]] = (before == p.EMPLOYED) & (persons.state == p.UNEMPLOYED)
    happened[:, p.EVENT_INDEX["KE10"]] = (
        moved & (persons.state == p.RETIRED) & (before != p.DISABILITY_PENSION)
    )
    happened[:, p.EVENT_INDEX["KE13"]] = moved & (persons.state == p.CARING) & (before != p.FAMILY_LEAVE)


def _leave_work(persons: Persons, band: Ints, u: Floats) -> None:
    at = np.flatnonzero(persons.state == p.EMPLOYED)
    hazards = p.HAZARD_FROM_EMPLOYED[band[at]].copy()
    hazards[:, p.FROM_EMPLOYED_TO.index(p.ILL)] *= p.ILLNESS_BY_SEX[persons.sex[at]]
    hazards[:, p.FROM_EMPLOYED_TO.index(p.UNEMPLOYED)] *= np.exp(0.25 * persons.strain[at])
    passed = (u[at][:, None] >= np.cumsum(hazards, axis=1)).sum(axis=1)
    leaving = passed < len(p.FROM_EMPLOYED_TO)
    persons.state[at[leaving]] = np.array(p.FROM_EMPLOYED_TO)[passed[leaving]]


def _exit_hazard(persons: Persons, state: int, before: Ints, band: Ints) -> Floats:
    """Monthly hazard of leaving `state` for each person, whatever state they are in; shape (n_persons,)."""
    months = persons.state_months
    if state == p.UNEMPLOYED:
        quarter = np.minimum(months // 3, len(p.UNEMPLOYED_EXIT_13_WEEKS) - 1)
        monthly = 1 - (1 - p.UNEMPLOYED_EXIT_13_WEEKS[quarter]) ** (1 / 3)
        return np.asarray(monthly * np.exp(-p.UNEMPLOYED_EXIT_BY_STRAIN * persons.strain))
    if state == p.ILL:
        return p.ILL_EXIT[np.minimum(months, len(p.ILL_EXIT) - 1)]
    if state == p.FAMILY_LEAVE:
        women = p.FAMILY_LEAVE_EXIT_WOMEN[np.minimum(months, len(p.FAMILY_LEAVE_EXIT_WOMEN) - 1)]
        men = p.FAMILY_LEAVE_EXIT_MEN[np.minimum(months, len(p.FAMILY_LEAVE_EXIT_MEN) - 1)]
        return np.where(persons.sex == 1, women, men)
    by_band = {p.STUDENT: p.STUDENT_EXIT, p.CARING: p.CARING_EXIT, p.OTHER: p.OTHER_EXIT}
    if state in by_band:
        return by_band[state][band]
    return np.full(before.shape[0], p.DISABILITY_EXIT)


def _draw_destination(destinations: dict[int, float], size: int, rng: np.random.Generator) -> Ints:
    states = np.array(list(destinations))
    return states[np.searchsorted(np.cumsum(list(destinations.values()))[:-1], rng.random(size))]


def _give_birth(persons: Persons, band: Ints, happened: Bools, rng: np.random.Generator) -> None:
    n = band.shape[0]
    hazard = np.where(persons.sex == 1, p.BIRTHS_WOMEN[band], p.BIRTHS_MEN[band])
    born = (rng.random(n) < hazard) & (persons.child_months > 11)
    happened[:, p.EVENT_INDEX["KE1"]] = born
    draws = persons.sex == 1
    persons.child_months[born & (draws | (rng.random(n) < 0.1))] = 0
    leaves = (
        born & (rng.random(n) < p.LEAVE_AFTER_BIRTH[persons.sex]) & (persons.state != p.DISABILITY_PENSION)
    )
    persons.state[leaves] = p.FAMILY_LEAVE


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


def _update_assistance(persons: Persons, rng: np.random.Generator) -> None:
    n = persons.state.shape[0]
    entry = p.ASSISTANCE_ENTRY[persons.state] * np.exp(p.ASSISTANCE_ENTRY_BY_STRAIN * persons.strain)
    leave = p.ASSISTANCE_EXIT[np.minimum(persons.assistance_months, len(p.ASSISTANCE_EXIT) - 1)]
    leave = leave * np.exp(p.ASSISTANCE_EXIT_BY_STRAIN * persons.strain)
    leave[persons.state == p.EMPLOYED] *= p.ASSISTANCE_EXIT_EMPLOYED
    u = rng.random(n)
    now = np.where(persons.on_assistance, u >= leave, u < entry) & (persons.age_months >= 18 * 12)
    months = np.where(now & persons.on_assistance, persons.assistance_months + 1, 0)
    persons.assistance_months = np.minimum(months, 600).astype(np.int16)
    persons.on_assistance = now


def _update_benefits(
    persons: Persons, month: int, happened: Bools, rng: np.random.Generator
) -> tuple[Bools, Bools]:
    """Benefits that follow states and end with them; returns those that began and ended, (n_persons, n_benefits)."""
    n = persons.state.shape[0]
    now = np.zeros((n, len(BENEFITS)), bool)
    for name, uptake in p.UPTAKE.items():
        at = p.BENEFIT_INDEX[name]
        now[:, at] = persons.inclination[:, at] < uptake[persons.state]
    from_fund = persons.fund_member & (persons.state_months < p.FUND_MONTHS)
    now[:, p.BENEFIT_INDEX["general_social_security_benefit"]] &= ~(
        from_fund & (persons.state == p.UNEMPLOYED)
    )
    now[:, p.BENEFIT_INDEX["child_home_care_allowance"]] &= persons.child_months < 36
    now[:, p.BENEFIT_INDEX["child_benefit"]] = persons.child_months < 17 * 12
    now[:, p.BENEFIT_INDEX["maternity_grant"]] = happened[:, p.EVENT_INDEX["KE1"]] & (persons.sex == 1)
    now[:, p.BENEFIT_INDEX["rehabilitation"]] = persons.event_month[:, p.EVENT_INDEX["KE12"]] >= month - 3
    now[:, p.BENEFIT_INDEX["social_assistance"]] = persons.on_assistance
    for at, (name, (starts, ends)) in enumerate(p.SMALL_REIMBURSEMENTS.items()):
        u = rng.random(n)
        persons.small[:, at] = np.where(persons.small[:, at], u >= ends, u < starts)
        now[:, p.BENEFIT_INDEX[name]] = persons.small[:, at]
    started, ended = now & ~persons.benefits, persons.benefits & ~now
    persons.benefits = now
    return started, ended


_EVENT_SHAKES: Final = np.array([p.SHAKE_BY_EVENT.get(code, 0.0) for code in LIFE_EVENTS])
_EVENT_STRAINS: Final = np.array([p.STRAIN_BY_EVENT.get(code, 0.0) for code in LIFE_EVENTS])


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
    shake = happened @ _EVENT_SHAKES
    shake += np.where(moved, np.where(back, p.SHAKE_BACK_TO_WORK, p.SHAKE_BY_NEW_STATE[persons.state]), 0.0)
    shaken = np.flatnonzero(shake)
    shake[shaken] *= rng.lognormal(0.0, p.SHAKE_SIZE_SIGMA, shaken.shape[0])
    kept = p.ADJUSTMENT_KEPT[persons.state] + p.ADJUSTMENT_BY_STRAIN * persons.strain
    kept += p.ADJUSTMENT_BY_CAPABILITY * persons.capability
    persons.adjustment = persons.adjustment * np.clip(kept, 0.5, 0.96) + shake

    push = p.STRAIN_BY_STATE[persons.state] + p.STRAIN_BY_ASSISTANCE * persons.on_assistance
    persons.strain = (
        persons.strain_trait
        + p.STRAIN_KEPT * (persons.strain - persons.strain_trait)
        + push
        + happened @ _EVENT_STRAINS
        + p.STRAIN_NOISE * rng.standard_normal(n)
    )
    home = persons.capability_trait + p.CAPABILITY_BY_AGE[band]
    persons.capability = (
        home
        + p.CAPABILITY_KEPT * (persons.capability - home)
        + p.CAPABILITY_BY_SERIOUS_ILLNESS * happened[:, p.EVENT_INDEX["KE11"]]
        + p.CAPABILITY_NOISE * rng.standard_normal(n)
    )


_UNSETTLED_STATES: Final = (p.UNEMPLOYED, p.ILL, p.OTHER)
_SUPPORT_BENEFITS: Final = [p.BENEFIT_INDEX[name] for name in p.INCOME_SUPPORT]


def _remember(persons: Persons, months_ago: int, started: Bools, ended: Bools, moved: Bools) -> None:
    """Add the month to the running counts of the windows it falls in."""
    on_support = persons.on_assistance | (persons.state == p.DISABILITY_PENSION)
    on_support |= persons.benefits[:, _SUPPORT_BENEFITS].any(axis=1)
    persons.support_months = np.where(on_support, np.minimum(persons.support_months + 1, 600), 0).astype(
        np.int16
    )
    if months_ago >= 12:
        return
    persons.supported_months_12m += (
        on_support & np.isin(persons.state, _UNSETTLED_STATES)
    ) | persons.on_assistance
    persons.assistance_months_12m += persons.on_assistance
    persons.difficulty_12m += (persons.strain - 0.6 * persons.capability) / 12
    matters = (
        0.04
        + 0.9 * started.sum(axis=1)
        + 0.65 * persons.on_assistance
        + 0.10 * persons.benefits[:, p.BENEFIT_INDEX["housing_allowance"]]
        + 0.15 * (persons.state == p.ILL)
        + 0.08 * (persons.state == p.UNEMPLOYED)
        + 0.25 * (moved & (persons.state == p.EMPLOYED))
    )
    persons.matters_12m += matters
    if months_ago < 6:
        persons.started_6m += started.sum(axis=1).astype(np.int16)
        persons.ended_6m += ended.sum(axis=1).astype(np.int16)
    if months_ago < 3:
        persons.matters_3m += matters
    if months_ago < 1:
        persons.matters_1m += matters
