"""The card's plots, as small PNG files that are the same bytes for the same figures.

Only `training` may import this.
"""

from __future__ import annotations

import io
from itertools import cycle
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.decision.scorecard import SCALE
from training.learning.documents import Evaluation, GroupLimits
from training.learning.groups import Difference

COLOURS: Final = ("#1b6ca8", "#c96f00", "#7a3b8f", "#2e7d32", "#00838f")
"""Of the segments, in order."""
STYLE: Final[dict[str, Any]] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "arki",
}
SHOWN_GROUPS: Final = 24


def plots(
    evaluation: Evaluation[Difference], scorecard: dict[str, Any], limits: GroupLimits
) -> dict[str, bytes]:
    """File name -> PNG: calibration, confusion, contributions, group differences, learning and abstention."""
    colours = dict(zip(scorecard["segments"], cycle(COLOURS), strict=False))
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # matplotlib lists its settings as literals
        return {
            "plot-calibration.png": _calibration(evaluation["calibration_curve"], colours),
            "plot-confusion.png": _confusion(evaluation["confusion"], scorecard["segments"]),
            "plot-contributions.png": _contributions(scorecard["tables"], colours),
            "plot-groups.png": _groups(evaluation["groups"], limits),
            "plot-learning.png": _learning(evaluation, colours),
        }


def _png(figure: Figure) -> bytes:
    """Without the date or the name of the software, which would change the bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=90, metadata={"Software": None}, bbox_inches="tight")
    return file.getvalue()


def _calibration(curves: dict[str, list[list[float]]], colours: dict[str, str]) -> bytes:
    figure = Figure(figsize=(7.2 + 2.4 * (len(curves) - 3), 2.6))
    for at, (segment, points) in enumerate(curves.items(), 1):
        axes = figure.add_subplot(1, len(curves), at)
        predicted, so, customers = np.array(points).T
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        axes.scatter(predicted, so, s=4 + 60 * customers / customers.max(), color=colours[segment], alpha=0.8)
        axes.plot(predicted, so, color=colours[segment], linewidth=0.8)
        axes.set(title=segment, xlabel="probability said", xlim=(0, 1), ylim=(0, 1))
        if at == 1:
            axes.set_ylabel("share that is so")
    figure.tight_layout()
    return _png(figure)


def _confusion(shares: list[list[float]], segments: list[str]) -> bytes:
    further = len(segments) - 3
    figure = Figure(figsize=(4.2 + 1.05 * further, 2.4 + 0.8 * further))
    axes = figure.add_subplot()
    table = np.array(shares)
    axes.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(table):
        axes.text(
            column, row, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.5 else "black"
        )
    axes.set_xticks(range(table.shape[1]), [*segments, "not named"])
    axes.set_yticks(range(table.shape[0]), segments)
    axes.set(xlabel="named", ylabel="true segment")
    axes.spines[:].set_visible(False)
    return _png(figure)


def _contributions(every: list[dict[str, Any]], colours: dict[str, str]) -> bytes:
    tables = [table for table in every if len(table["features"]) == 1]
    columns = 4
    figure = Figure(figsize=(9.6, 2.0 * -(-len(tables) // columns)))
    for at, table in enumerate(tables, 1):
        axes: Axes = figure.add_subplot(-(-len(tables) // columns), columns, at)
        edges, rows = table["edges"][0], np.array(table["rows"]) / SCALE
        starts = [0, *edges]
        for colour, line in zip(colours.values(), rows.T, strict=True):
            axes.step(range(len(starts)), line[:-1], where="mid", color=colour, linewidth=1.2)
            axes.scatter([len(starts)], line[-1:], color=colour, s=9, marker="x")
        axes.axhline(0, color="#bbbbbb", linewidth=0.6)
        axes.set_title(table["features"][0], fontsize=7)
        axes.set_xticks([*range(len(starts)), len(starts)], [*map(str, starts), "?"], fontsize=5)
        axes.tick_params(axis="y", labelsize=6)
    for name, colour in colours.items():
        figure.axes[0].plot([], [], color=colour, label=name)
    figure.legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    return _png(figure)


def _groups(differences: list[Difference], limits: GroupLimits) -> bytes:
    largest = sorted(
        differences, key=lambda each: (-abs(each.difference), each.metric, each.segment, each.group)
    )
    shown = largest[:SHOWN_GROUPS][::-1]
    figure = Figure(figsize=(7.2, 0.6 + 0.22 * max(len(shown), 1)))
    axes = figure.add_subplot()
    limit = limits["largest_difference"]
    axes.axvspan(-limit, limit, color="#e8eef4")
    for at, each in enumerate(shown):
        beyond = each.verdict(limit, limits["interval"]) == "beyond"
        axes.errorbar(
            each.difference, at, xerr=limits["interval"] * each.error, fmt="o", markersize=3,
            color="#b3261e" if beyond else "#555555", linewidth=1,
        )  # fmt: skip
    names = [f"{each.metric} of {each.segment}: {each.group}" for each in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=6)
    axes.set_xlabel(
        "difference to everyone else of the same true segment; red: beyond the limit with its interval"
    )
    return _png(figure)


def _learning(evaluation: Evaluation[Difference], colours: dict[str, str]) -> bytes:
    figure = Figure(figsize=(7.2, 2.6))
    axes = figure.add_subplot(1, 2, 1)
    curve = evaluation["learning_curve"]
    if curve:
        customers = [row["customers"] for row in curve]
        axes.plot(
            customers, [row["fitted"] for row in curve], "o-", color="#999999", markersize=3, label="fitted"
        )
        axes.plot(
            customers,
            [row["validation"] for row in curve],
            "o-",
            color="#1b6ca8",
            markersize=3,
            label="validation",
        )
        axes.set_xscale("log")
        axes.legend(fontsize=7)
    axes.set(title="learning curve", xlabel="customers fitted on", ylabel="log loss")
    axes = figure.add_subplot(1, 2, 2)
    rows = evaluation["abstention_curve"]
    axes.plot(
        [row["threshold"] for row in rows],
        [row["answered"] for row in rows],
        color="#999999",
        label="answered",
    )
    for at, (segment, colour) in enumerate(colours.items()):
        shares = [row["precision"][at] for row in rows]
        precision = [np.nan if share is None else share for share in shares]
        axes.plot(
            [row["threshold"] for row in rows],
            precision,
            color=colour,
            label=f"precision {segment}",
        )
    axes.set(title="abstention", xlabel="least probability that is answered", ylim=(0, 1))
    axes.legend(fontsize=6)
    figure.tight_layout()
    return _png(figure)
