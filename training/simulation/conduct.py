"""How persons deal with Kela: expected contacts, log-ins and online shares, from matters, strain and capability.

One definition for the signals that are drawn (`population`) and for the yearly figures that are checked against published
ones (`calibration`). Coefficients are in `parameters`. Only `training` may import this.
"""

from __future__ import annotations

import numpy as np

from training.simulation import parameters as p
from training.simulation.benefits import by_year
from training.simulation.persons import Floats, Month, Persons


def needs_help(persons: Persons) -> Floats:
    """How much more a matter takes, by latent strain and capability; 1 where both are 0."""
    strain, capability = np.clip(persons.strain, -3, 3.5), np.clip(persons.capability, -3, 3)
    return np.asarray(np.exp(p.HELP_BY_STRAIN * strain + p.HELP_BY_CAPABILITY * capability))


def contact_rates(persons: Persons, contacts: Floats, month: Month, months: int) -> dict[str, Floats]:
    """Expected contacts in a period of some months, by signal; each of shape (n_persons,).

    Parameters
    ----------
    persons : Persons
    contacts : ndarray of shape (n_persons,)
        Matters that called for contact in the period.
    month : Month
        The last of the period, for what differs by year.
    months : int
        Its length.
    """
    strain, capability = np.clip(persons.strain, -3, 3.5), np.clip(persons.capability, -3, 3)
    rates = {
        name: always * months / 3 + per_matter * contacts
        for name, (always, per_matter) in p.CONTACT_RATES.items()
    }
    rates["omakela_logins_90d"] *= by_year("log_ins", month) * np.exp(0.6 * np.minimum(capability, 1))
    rates["phone_contacts_90d"] *= by_year("phone", month) * needs_help(persons)
    rates["service_point_visits_90d"] *= (
        by_year("visits", month) * needs_help(persons) * np.exp(-0.2 * capability)
    )
    rates["chat_contacts_90d"] *= np.exp(0.3 * strain + 0.3 * capability)
    return rates


def online_shares(persons: Persons, year: int) -> Floats:
    """Share of each person's applications made online in a year, by kind of matter; shape (n_persons, n_matters)."""
    capability = np.clip(persons.capability, -3, 3)
    growth = p.ONLINE_GROWTH[year]
    logit = p.ONLINE_LOGIT_2018 + (growth if growth > 0 else growth * p.ONLINE_GROWTH_TO_2018)
    return np.asarray(1 / (1 + np.exp(-(logit + p.ONLINE_BY_CAPABILITY * capability[:, None]))))
