"""What happens in a simulated year, counted as the published statistics count it.

A `Record` watches one run of `life_course.simulate` and then answers with stocks, inflows, yearly recipients, applications
and contacts, scaled to the adults of Finland. Only `training` may import this; `calibration` compares.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from training.simulation import parameters as p
from training.simulation.benefits import paid_by_fund
from training.simulation.conduct import contact_rates, online_shares
from training.simulation.persons import Bools, Floats, Month, Persons

YEARLY: Final = (
    "social_assistance",
    "sickness_allowance",
    "parental_allowance",
    "child_home_care_allowance",
    "student_aid",
)
INFLOWS: Final = ("social_assistance", "general_social_security_benefit", "housing_allowance")
UNSEEN_MONTHS: Final = 12  # a new recipient had no payment in so many months before


@dataclass(slots=True)
class Record:
    """Counts of one run, by (year, month) or year; in adults of Finland once `scale` is applied by the caller.

    Attributes
    ----------
    sums : (year, month) -> name -> weighted number
        Stocks, new recipients, applications by kind (``matters``, ``online``) and contacts.
    yearly : year -> benefit -> months received by each person in that year
    """

    sums: dict[tuple[int, int], dict[str, float]] = field(default_factory=dict)
    matters: dict[tuple[int, int], Floats] = field(default_factory=dict)
    online: dict[tuple[int, int], Floats] = field(default_factory=dict)
    bands: dict[tuple[int, int], Floats] = field(default_factory=dict)
    yearly: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    last_paid: dict[str, np.ndarray] = field(default_factory=dict)
    who: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)

    def __call__(self, persons: Persons, month: Month) -> None:
        """Count one month."""
        adults = persons.age_months >= 18 * 12
        scale = p.ADULTS / adults.sum()
        self._count_years(persons, month)
        new = self._new_recipients(persons, month)
        if month.ago >= p.WINDOW_MONTHS:
            return
        key = (month.year, month.month)
        benefits = {name: persons.benefits[:, at] for name, at in p.BENEFIT_INDEX.items()}
        counts: dict[str, Bools] = {**benefits, **new, **_unemployment(persons), **_housing(persons)}
        counts["child_home_care_men"] = benefits["child_home_care_allowance"] & (persons.sex == 0)
        counts["retired_disability"] = benefits["disability_allowance"] & np.isin(
            persons.state, (p.RETIRED, p.DISABILITY_PENSION)
        )
        counts["disability_pension"] = persons.state == p.DISABILITY_PENSION
        other = benefits.keys() - set(_NO_INCOME_BENEFITS)
        other_than_refunds = np.any([benefits[name] for name in sorted(other)], axis=0)
        counts["some_benefit"] = other_than_refunds
        counts["some_benefit_and_assistance"] = other_than_refunds & persons.on_assistance
        sums = {name: float((counted & adults).sum()) * scale for name, counted in counts.items()}
        matters = persons.matters_1m
        contacts = 0.04 + matters @ p.CONTACT_WEIGHT
        for name, rates in contact_rates(persons, contacts, month, 1).items():
            sums[name] = float(rates.sum()) * scale
        self.sums[key] = sums
        self.matters[key] = matters.sum(axis=0, dtype=np.float64) * scale
        self.online[key] = (matters * online_shares(persons, month.year)).sum(axis=0) * scale
        self.bands[key] = np.histogram2d(
            persons.band(),
            persons.state,
            bins=(np.arange(len(p.AGE_BANDS) + 1), np.arange(len(p.STATES) + 1)),
        )[0]

    def _count_years(self, persons: Persons, month: Month) -> None:
        n = persons.state.shape[0]
        months = self.yearly.setdefault(month.year, defaultdict(lambda: np.zeros(n, np.int8)))
        for name in YEARLY:
            months[name] += persons.benefits[:, p.BENEFIT_INDEX[name]]
        months["any"] += persons.benefits.any(axis=1)
        self.who[month.year] = {
            "woman": persons.sex == 1,
            "age": persons.age_months // 12,
            "scale": np.array(p.ADULTS / (persons.age_months >= 18 * 12).sum()),
        }

    def _new_recipients(self, persons: Persons, month: Month) -> dict[str, Bools]:
        new = {}
        for name in INFLOWS:
            paid = persons.benefits[:, p.BENEFIT_INDEX[name]]
            last = self.last_paid.setdefault(name, np.full(paid.shape[0], -99, np.int16))
            new[f"new_{name}"] = paid & (month.at - last > UNSEEN_MONTHS)
            last[paid] = month.at
        return new


_NO_INCOME_BENEFITS: Final = (
    "social_assistance",
    "medicine_reimbursements",
    "medical_care_reimbursements",
    "travel_reimbursements",
    "national_pension",
    "guarantee_pension",
    "survivors_pension",
    "disability_allowance",
    "pensioner_housing_allowance",
    "child_benefit",
)


def _unemployment(persons: Persons) -> dict[str, Bools]:
    unemployed = persons.state == p.UNEMPLOYED
    kela = persons.benefits[:, p.BENEFIT_INDEX["general_social_security_benefit"]]
    fund = paid_by_fund(persons)
    basic = kela & unemployed & ~persons.fund_member & (persons.state_months < p.BASIC_ALLOWANCE_MONTHS)
    basic &= persons.inclination[:, p.BENEFIT_INDEX["interpreter_services"]] < p.BASIC_ALLOWANCE_SHARE
    return {
        "unemployed": unemployed,
        "unemployed_a_year": unemployed & (persons.state_months >= 12),
        "unemployed_two_years": unemployed & (persons.state_months >= 24),
        "unemployment_fund": fund,
        "unemployment_basic": basic,
        "unemployment_all": kela | fund,
    }


def _housing(persons: Persons) -> dict[str, Bools]:
    housing = persons.benefits[:, p.BENEFIT_INDEX["housing_allowance"]]
    supplement = persons.inclination[:, p.BENEFIT_INDEX["housing_allowance"]]
    students = persons.state == p.STUDENT
    return {
        "housing_students": housing & students,
        "housing_unemployed": housing & (persons.state == p.UNEMPLOYED),
        "housing_working": housing & np.isin(persons.state, (p.EMPLOYED, p.ILL)),
        "housing_supplement": students
        & (supplement < p.UPTAKE["housing_allowance"][p.STUDENT] * p.SUPPLEMENT_KEPT),
    }
