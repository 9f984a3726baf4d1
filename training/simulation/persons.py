"""The persons of a simulation: what is held of them between months, how they begin, and what is counted over the window.

Only `training` may import this; `life_course` moves them, `benefits` follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.simulation import parameters as p
from training.simulation.published import seasons

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.int16]
Bools = NDArray[np.bool_]

NEVER: Final = np.int16(-999)


class Month(NamedTuple):
    """A month of a course: its place from 0, months to its end, and the calendar."""

    at: int
    ago: int
    year: int
    month: int

    @classmethod
    def of(cls, at: int, months: int, last: tuple[int, int]) -> Month:
        """Month `at` of a course of `months` months that ends in the year and month `last`."""
        ago = months - 1 - at
        count = last[0] * 12 + last[1] - 1 - ago
        return cls(at, ago, count // 12, count % 12 + 1)

    def since(self, year_and_month: tuple[int, int]) -> bool:
        """Whether the month is that one or later."""
        return (self.year, self.month) >= year_and_month


@dataclass(slots=True)
class Persons:
    """Persons at the end of their courses; each array is of shape (n_persons,) unless told.

    Attributes
    ----------
    language : index into `parameters.LANGUAGES`; sex : 0 man, 1 woman.
    state : index into `parameters.STATES`; `state_months` the months spent in it.
    strain, capability, adjustment : latent, unitless; never observed and never written to a file.
    event_month : shape (n_persons, 14), month index of the latest event by code of `parameters.LIFE_EVENTS`, `NEVER` if none.
    benefits : shape (n_persons, n_benefits), benefits being paid in the last month.
    difficulty_12m, supported_months_12m : what the labelling guideline reads, over the last 12 months.
    matters_12m, matters_1m : shape (n_persons, n_matters), expected applications by kind, of `parameters.MATTERS`.
    contacts_12m, contacts_3m, contacts_1m : latent number of matters that call for contact.
    last_unemployed, last_assisted : month of the course; `NEVER` if not in it.
    child_months : age of the youngest child; 999 is none. service_left : months of conscription left; -1 is none.
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
    service_left: Small
    last_unemployed: Small
    last_assisted: Small
    assistance_months_12m: Small = field(init=False)
    supported_months_12m: Small = field(init=False)
    started_6m: Small = field(init=False)
    ended_6m: Small = field(init=False)
    difficulty_12m: Floats = field(init=False)
    contacts_12m: Floats = field(init=False)
    contacts_3m: Floats = field(init=False)
    contacts_1m: Floats = field(init=False)
    matters_12m: NDArray[np.float32] = field(init=False)
    matters_1m: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        """Begin each running count at nothing."""
        n = self.state.shape[0]
        for name in ("assistance_months_12m", "supported_months_12m", "started_6m", "ended_6m"):
            setattr(self, name, np.zeros(n, np.int16))
        for name in ("difficulty_12m", "contacts_12m", "contacts_3m", "contacts_1m"):
            setattr(self, name, np.zeros(n))
        self.matters_12m = np.zeros((n, len(p.MATTERS)), np.float32)

    def band(self) -> Ints:
        """Age band of each person now, as an index into `parameters.AGE_BANDS`."""
        return np.digitize(self.age_months // 12, p.AGE_STARTS) - 1


def begin(n: int, rng: np.random.Generator) -> Persons:
    """Persons as they begin, at the age they will have at the end; spells under way have drawn durations."""
    band = rng.choice(len(p.AGE_SHARES), size=n, p=p.AGE_SHARES / p.AGE_SHARES.sum())
    low, high = p.AGE_LIMITS[band], p.AGE_LIMITS[band + 1]
    age_months = ((low + rng.random(n) * (high - low)) * 12).astype(np.int64)
    sex = (rng.random(n) < p.WOMEN_SHARE[band]).astype(np.int64)
    band = np.digitize(age_months // 12 - (p.BURN_IN_MONTHS + p.WINDOW_MONTHS) // 12, p.AGE_STARTS) - 1
    cumulative = np.cumsum(p.INITIAL_SHARES / p.INITIAL_SHARES.sum(axis=1, keepdims=True), axis=1)
    state = (rng.random(n)[:, None] > cumulative[band][:, :-1]).sum(axis=1)
    language = rng.choice(3, size=n, p=p.LANGUAGE_SHARES)
    strain_trait = rng.normal(*p.STRAIN_TRAIT, n)
    capability_trait = rng.normal(0, p.CAPABILITY_TRAIT_SIGMA, n) + p.CAPABILITY_BY_LANGUAGE[language]
    months = _months_so_far(state, band, sex, rng)
    assisted = rng.random(n) < p.ASSISTED_AT_START[state]
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
        inclination=rng.random((n, len(p.BENEFITS)), dtype=np.float32),
        fund_member=rng.random(n) < p.FUND_MEMBER,
        child_months=_youngest_children(band, rng),
        event_month=np.full((n, len(p.LIFE_EVENTS)), NEVER, np.int16),
        adjustment=np.zeros(n),
        on_assistance=assisted,
        assistance_months=np.where(assisted, _under_way(p.ASSISTANCE_EXIT, n, rng), 0).astype(np.int16),
        support_months=np.where(np.isin(state, (p.UNEMPLOYED, p.DISABILITY_PENSION)), months, 0).astype(
            np.int16
        ),
        benefits=np.zeros((n, len(p.BENEFITS)), bool),
        small=np.zeros((n, len(p.SMALL_REIMBURSEMENTS)), bool),
        service_left=np.full(n, -1, np.int16),
        last_unemployed=np.where(state == p.UNEMPLOYED, 0, NEVER).astype(np.int16),
        last_assisted=np.where(assisted, 0, NEVER).astype(np.int16),
    )


def _months_so_far(state: Ints, band: Ints, sex: Ints, rng: np.random.Generator) -> Small:
    """Months spent in the state where the simulation begins, drawn as a spell found under way has them."""
    n = state.shape[0]
    months = np.zeros(n)
    for at, mean in p.INITIAL_MONTHS.items():
        months = np.where(state == at, rng.exponential(mean, n), months)
    for at, by_band in ((p.STUDENT, p.STUDENT_EXIT), (p.CARING, p.CARING_EXIT), (p.OTHER, p.OTHER_EXIT)):
        months = np.where(state == at, rng.geometric(by_band[band]) - 1, months)
    quarters = np.repeat(1 - (1 - p.UNEMPLOYED_EXIT_13_WEEKS) ** (1 / 3), 3)
    months = np.where(state == p.UNEMPLOYED, _under_way(quarters, n, rng), months)
    months = np.where(state == p.ILL, _under_way(p.ILL_EXIT, n, rng), months)
    for who, hazards in enumerate((p.FAMILY_LEAVE_EXIT_MEN, p.FAMILY_LEAVE_EXIT_WOMEN)):
        months = np.where((state == p.FAMILY_LEAVE) & (sex == who), _under_way(hazards, n, rng), months)
    return np.minimum(months, 400).astype(np.int16)


def _under_way(hazards: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Months so far of spells found under way: as likely as a spell is to last so long. The last hazard goes on."""
    monthly = np.concatenate([hazards, np.full(240, hazards[-1])])
    lasting = np.concatenate([[1.0], np.cumprod(1 - monthly)])
    return np.searchsorted(np.cumsum(lasting) / lasting.sum(), rng.random(n)).astype(np.float64)


def _youngest_children(band: Ints, rng: np.random.Generator) -> Small:
    """Age in months of the youngest child; 999 is none."""
    n = band.shape[0]
    ages = rng.integers(0, p.YOUNGEST_CHILD_MONTHS[band] + 1)
    return np.where(rng.random(n) < p.PARENTS_SHARE[band], ages, 999).astype(np.int16)


_UNSETTLED_STATES: Final = (p.UNEMPLOYED, p.ILL, p.OTHER)
_SUPPORT_BENEFITS: Final = [p.BENEFIT_INDEX[name] for name in p.INCOME_SUPPORT]


def remember(persons: Persons, month: Month, started: Bools, ended: Bools, moved: Bools) -> None:
    """Add the month to the running counts of the windows it falls in."""
    on_support = persons.on_assistance | (persons.state == p.DISABILITY_PENSION)
    on_support |= persons.benefits[:, _SUPPORT_BENEFITS].any(axis=1)
    persons.support_months = np.where(on_support, np.minimum(persons.support_months + 1, 600), 0).astype(
        np.int16
    )
    if month.ago >= p.WINDOW_MONTHS:
        return
    matters = persons.matters_1m = expected_matters(persons, month, started)
    if month.ago >= 12:
        return
    persons.supported_months_12m += (
        on_support & np.isin(persons.state, _UNSETTLED_STATES)
    ) | persons.on_assistance
    persons.assistance_months_12m += persons.on_assistance
    persons.difficulty_12m += (persons.strain - 0.6 * persons.capability) / 12
    contacts = 0.04 + matters @ p.CONTACT_WEIGHT + 0.25 * (moved & (persons.state == p.EMPLOYED))
    persons.matters_12m += matters
    persons.contacts_12m += contacts
    if month.ago < 6:
        persons.started_6m += started.sum(axis=1).astype(np.int16)
        persons.ended_6m += ended.sum(axis=1).astype(np.int16)
    if month.ago < 3:
        persons.contacts_3m += contacts
    if month.ago < 1:
        persons.contacts_1m += contacts


def expected_matters(persons: Persons, month: Month, started: Bools) -> NDArray[np.float32]:
    """Expected applications of each person this month by kind of matter; shape (n_persons, n_matters)."""
    begins, runs = _matter_rates()
    matters = started @ begins + persons.benefits @ runs
    kela = persons.benefits[:, p.BENEFIT_INDEX["general_social_security_benefit"]]
    matters[:, -1] += p.REFUNDS_EVERYONE + p.NOTICES_WHILE_UNEMPLOYED * (
        kela & (persons.state == p.UNEMPLOYED)
    )
    return np.asarray(matters * seasons()[month.month - 1], dtype=np.float32)


@cache
def _matter_rates() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Applications when a benefit begins and per month; each of shape (n_benefits, n_matters)."""
    rates = np.zeros((2, len(p.BENEFITS), len(p.MATTERS)), np.float32)
    for benefit, (kind, begins, runs) in p.MATTERS_OF_BENEFIT.items():
        rates[:, p.BENEFIT_INDEX[benefit], p.MATTERS.index(kind)] = begins, runs
    return rates[0], rates[1]
