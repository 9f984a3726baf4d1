"""Published aggregates that the simulation is set and checked against, with their sources; see ``README.md`` beside it.

`margins.csv` holds single figures; the ``*_weekly.csv`` and ``*_monthly.csv`` files are Kela's open data, CC BY 4.0. Only
`training` may import this.
"""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulation import parameters as p

FOLDER: Final = Path(__file__).parent
SEASON_YEARS: Final = (2019, 2021)
"""The years that set the simulated seasons; 2020 and 2022 are left to check them."""
APPLICATIONS: Final = {
    "assistance": "basic_social_assistance",
    "unemployment": "unemployment_benefit",
    "housing": "general_housing_allowance",
    "sickness": "sickness_allowance",
}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a file of this folder."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def applications(benefit: str, year: int) -> NDArray[np.float64]:
    """Applications received by calendar month, shape (12,): weeks counted in the month of their Thursday."""
    months = np.zeros(12)
    for row in rows("applications_weekly.csv"):
        if row["benefit"] == benefit and row["year"] == str(year) and row["applications_received"]:
            month = date.fromisocalendar(year, int(row["week"]), 4).month
            months[month - 1] += float(row["applications_received"])
    return months


def recipients(benefit: str, year: int, status: str, unit: str) -> NDArray[np.float64]:
    """Recipients by calendar month, shape (12,)."""
    months = [
        (int(row["month"]), float(row["recipients"]))
        for row in rows("recipients_monthly.csv")
        if (row["benefit"], row["year"], row["status"], row["unit"]) == (benefit, str(year), status, unit)
    ]
    return np.array([value for _, value in sorted(months)])


@cache
def seasons() -> NDArray[np.float64]:
    """How many applications of each kind arrive in a month beside the year's mean; shape (12, n_matters)."""
    index = np.ones((12, len(p.MATTERS)))
    for kind, benefit in APPLICATIONS.items():
        years = [applications(benefit, year) for year in SEASON_YEARS]
        index[:, p.MATTERS.index(kind)] = np.mean([months / months.mean() for months in years], axis=0)
    index[:, p.MATTERS.index("student")] = p.SEASON_STUDENT / p.SEASON_STUDENT.mean()
    return index
