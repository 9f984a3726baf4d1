"""``CALIBRATION.md``: every published margin beside the simulated one, the seasons, and how far assumptions carry.

Only `training` may import this.
"""

from __future__ import annotations

from typing import Any, Final, NotRequired, TypedDict

import numpy as np

from training.segments import SIMULATED
from training.simulation.calibration import LARGEST_ERROR, MEDIAN_ERROR, Margin
from training.simulation.persons import Floats

_HEAD: Final = """\
# The simulated population beside published figures

Made by `arki-train`; do not edit. Parameters and their sources: `training/simulation/parameters.py`. Published figures and their sources:
`training/simulation/published/`.

A *level* is a number of persons, households or events in Finland; it is compared in its own published year only. A *share* or
a *ratio* may be compared in another year, and then says so. *Tuned*: parameters were set so that the figure comes out, so
that agreement shows only that they were set. *Checked*: nothing was set to it. The age structure is that of 2023 in every year,
and numbers are scaled to the 4.58 million adults of 2023, so that a level of another year carries an error of up to 3 % from
that alone. Persons are simulated, not households: a household's applicant is a person, and 1.09 adults make a household
with social assistance.
"""

_MEANING: Final = """\
What agreement means: the simulated world has about as many people in each situation as Finland has, they come and go about as
fast, and they apply, log in and call about as often. What it does not mean: that the *right* people do. Which person is in which
situation together with what else, and everything about strain, capability and the segments, no published figure tells.
"""


def calibration_report(
    margins: list[Margin],
    seasons: list[tuple[str, int, Floats, Floats]],
    sensitivity: list[dict[str, Any]],
    run: dict[str, Any],
) -> str:
    """The text of ``CALIBRATION.md``.

    Parameters
    ----------
    margins : list of Margin
    seasons : list
        As `training.simulation.calibration.seasons` gives them.
    sensitivity : list of dict
        As `training.simulation.sensitivity.segment_shares` gives them.
    run : dict
        persons, seed.
    """
    lines = [
        _HEAD,
        _summary(margins, run),
        _MEANING,
        _table(margins),
        _seasons(seasons),
        _sensitivity(sensitivity),
    ]
    return "\n".join(lines)


class PopulationFigures(TypedDict):
    """How near the simulated population is to published figures, as the manifest of a model tells."""

    margins: int
    median_error: float
    median_error_of_checked: float
    above_limit: dict[str, float]
    above_limit_without_reason: list[str]
    segment_shares: NotRequired[dict[str, list[list[float]]]]


def summary(margins: list[Margin]) -> PopulationFigures:
    """Figures for the manifest: number of margins, median and largest error, those above the limit without a reason."""
    errors = np.abs([margin.error for margin in margins])
    beyond = [margin for margin in margins if abs(margin.error) > LARGEST_ERROR]
    checked = np.abs([margin.error for margin in margins if margin.use == "checked"])
    return {
        "margins": len(margins),
        "median_error": round(float(np.median(errors)), 4),
        "median_error_of_checked": round(float(np.median(checked)), 4),
        "above_limit": {margin.name: round(margin.error, 3) for margin in beyond},
        "above_limit_without_reason": [margin.name for margin in beyond if not margin.reason],
    }


def _summary(margins: list[Margin], run: dict[str, Any]) -> str:
    figures = summary(margins)
    tuned = [margin for margin in margins if margin.use == "tuned"]
    return (
        f"{figures['margins']} margins, {len(tuned)} of them tuned and {len(margins) - len(tuned)} checked, over"
        f" {run['persons']:,} persons a run (seed {run['seed']}). **Median relative error {figures['median_error']:.1%}**"
        f" (limit {MEDIAN_ERROR:.0%}); of the checked alone {figures['median_error_of_checked']:.1%}."
        f" {len(figures['above_limit'])} are above {LARGEST_ERROR:.0%}, each with its reason below the table.\n"
    )


def _table(margins: list[Margin]) -> str:
    lines = [
        "## Margins\n",
        "| margin | year | kind | use | published | simulated | error | source |",
        "|---|---|---|---|---:|---:|---:|---|",
    ]
    for margin in margins:
        year = f"{margin.year}" + (f", compared in {margin.compared_in}" if margin.compared_in else "")
        mark = "**" if abs(margin.error) > LARGEST_ERROR else ""
        lines.append(
            f"| {margin.what} | {year} | {margin.kind} | {margin.use} | {_number(margin.published)}"
            f" | {_number(margin.simulated)} | {mark}{margin.error:+.1%}{mark} | {margin.source} |"
        )
    beyond = [margin for margin in margins if abs(margin.error) > LARGEST_ERROR]
    if beyond:
        lines.append("\nWhy an error above 35 % stands:\n")
        for reason in dict.fromkeys(
            margin.reason or "No reason is written: this is a fault." for margin in beyond
        ):
            names = ", ".join(
                f"{m.what} ({m.year})" for m in beyond if (m.reason or "").startswith(reason[:40])
            )
            lines.append(f"- {names or 'unexplained'}: {reason}")
    return "\n".join(lines) + "\n"


def _seasons(seasons: list[tuple[str, int, Floats, Floats]]) -> str:
    lines = [
        "## Seasons\n",
        (
            "Share of a year's applications in each month, published and simulated (weeks count in the month of their Thursday)."
            " The simulated season is the mean of 2019 and 2021 times what the courses of life bring; 2020 and 2022 check it. 2020"
            " is the year of the epidemic. `error`: mean over the twelve months of the relative difference.\n"
        ),
        "| benefit | year | use | | " + " | ".join(map(str, range(1, 13))) + " | error |",
        "|---|---|---|---|" + "---:|" * 13,
    ]
    for benefit, year, real, simulated in seasons:
        use = "tuned" if year in (2019, 2021) else "checked"
        error = float(np.abs(simulated / real - 1).mean())
        for name, shares, last in (("published", real, ""), ("simulated", simulated, f"{error:.1%}")):
            cells = " | ".join(f"{share:.1%}" for share in shares)
            lines.append(f"| {benefit.replace('_', ' ')} | {year} | {use} | {name} | {cells} | {last} |")
    return "\n".join(lines) + "\n"


def _sensitivity(sensitivity: list[dict[str, Any]]) -> str:
    lines = [
        "## Segment shares, and what they hang on\n",
        (
            "The shares are an outcome of assumptions, not a finding about Kela's customers. Each row changes one assumption by half"
            " of itself down and up, all else as it is.\n"
        ),
        f"| assumption | {' | '.join(SIMULATED)} |",
        "|---|" + "---:|" * len(SIMULATED),
    ]
    for row in sensitivity:
        cells = [
            " – ".join(f"{shares[at]:.1%}" for shares in row["shares"]) for at in range(len(row["shares"][0]))
        ]
        lines.append(f"| {row['assumption']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
