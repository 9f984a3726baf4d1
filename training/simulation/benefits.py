"""Benefits that follow the states and end with them, under the rules of each calendar month.

Yleistuki replaced labour market support and basic allowance on 1.5.2026; both are one benefit here, under its present name,
and the change of name starts and ends nothing. Students left the general housing allowance on 1.8.2025: theirs ends. Only
`training` may import this.
"""

from __future__ import annotations

import numpy as np

from training.simulation import parameters as p
from training.simulation.persons import Bools, Month, Persons


def by_year(what: str, month: Month) -> float:
    """How a rate of `parameters.BY_YEAR` differs in the month's year; 1 where nothing is known to differ."""
    return p.BY_YEAR[what].get(month.year, 1.0)


def paid_by_fund(persons: Persons) -> Bools:
    """Who gets earnings-related unemployment benefit from a fund, which Kela does not see."""
    paid: Bools = persons.fund_member & (persons.state_months < p.FUND_MONTHS)
    return np.asarray(paid & (persons.state == p.UNEMPLOYED))


def update_assistance(persons: Persons, month: Month, rng: np.random.Generator) -> None:
    """Basic social assistance begins and ends."""
    n = persons.state.shape[0]
    again = month.at - persons.last_assisted <= p.RECENT_MONTHS
    entry = p.ASSISTANCE_ENTRY[persons.state] * np.exp(p.ASSISTANCE_ENTRY_BY_STRAIN * persons.strain)
    entry *= by_year("assistance_entry", month) * np.where(again, p.ASSISTED_AGAIN, 1.0)
    leave = p.ASSISTANCE_EXIT[np.minimum(persons.assistance_months, len(p.ASSISTANCE_EXIT) - 1)]
    leave = leave * np.exp(p.ASSISTANCE_EXIT_BY_STRAIN * persons.strain)
    leave[persons.state == p.EMPLOYED] *= p.ASSISTANCE_EXIT_EMPLOYED
    u = rng.random(n)
    now = np.where(persons.on_assistance, u >= leave, u < entry) & (persons.age_months >= 18 * 12)
    months = np.where(now & persons.on_assistance, persons.assistance_months + 1, 0)
    persons.assistance_months = np.minimum(months, 600).astype(np.int16)
    persons.on_assistance = now
    persons.last_assisted[now] = month.at


def update_benefits(
    persons: Persons, month: Month, happened: Bools, rng: np.random.Generator
) -> tuple[Bools, Bools]:
    """Benefits that follow states and end with them; returns those that began and ended, (n_persons, n_benefits)."""
    n = persons.state.shape[0]
    now = np.zeros((n, len(p.BENEFITS)), bool)
    for name, uptake in p.UPTAKE.items():
        at = p.BENEFIT_INDEX[name]
        now[:, at] = persons.inclination[:, at] < uptake[persons.state]
    now[:, p.BENEFIT_INDEX["general_social_security_benefit"]] &= ~paid_by_fund(persons)
    housing = p.BENEFIT_INDEX["housing_allowance"]
    just_working = (persons.state == p.EMPLOYED) & (persons.state_months < p.HOUSING_KEPT_MONTHS)
    now[:, housing] |= persons.benefits[:, housing] & just_working
    if month.since(p.STUDENTS_LEFT_HOUSING_ALLOWANCE):
        now[:, housing] &= persons.state != p.STUDENT
    home_care = p.BENEFIT_INDEX["child_home_care_allowance"]
    now[:, home_care] &= persons.child_months < 36
    now[:, home_care] &= persons.inclination[:, home_care] < by_year("home_care", month)
    draws = np.where(persons.sex == 1, p.MOTHERS_DRAW, p.FATHERS_DRAW)
    child = p.BENEFIT_INDEX["child_benefit"]
    now[:, child] = (persons.child_months < 17 * 12) & (persons.inclination[:, child] < draws)
    conscripts = p.BENEFIT_INDEX["conscripts_allowance"]
    now[:, conscripts] = (persons.service_left > 0) & (
        persons.inclination[:, conscripts] < p.CONSCRIPTS_ALLOWANCE
    )
    now[:, p.BENEFIT_INDEX["maternity_grant"]] = happened[:, p.EVENT_INDEX["KE1"]] & (persons.sex == 1)
    now[:, p.BENEFIT_INDEX["rehabilitation"]] = persons.event_month[:, p.EVENT_INDEX["KE12"]] >= month.at - 3
    now[:, p.BENEFIT_INDEX["social_assistance"]] = persons.on_assistance
    for at, (name, (starts, ends)) in enumerate(p.SMALL_REIMBURSEMENTS.items()):
        u = rng.random(n)
        persons.small[:, at] = np.where(persons.small[:, at], u >= ends, u < starts)
        now[:, p.BENEFIT_INDEX[name]] = persons.small[:, at]
    started, ended = now & ~persons.benefits, persons.benefits & ~now
    persons.benefits = now
    return started, ended
