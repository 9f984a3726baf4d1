"""The plots of docs/performance.md, drawn from a result; `write_up` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.environments import ROOT

mpl.use("Agg")
from matplotlib import pyplot as plt

DOCS = ROOT / "docs"
OURS, OTHERS, PLATFORM = "#00469b", "#b8b8b8", "#6f9fd0"


def draw(result: dict[str, Any], folder: Path = DOCS) -> list[Path]:
    """Every plot of the parts that were measured."""
    parts, drawn = result["parts"], []
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    for name, part, draw_part in (
        ("performance-http", "http", _http),
        ("performance-core", "core", _core),
        ("performance-growth", "growth", _growth),
        ("performance-analysis", "analysis", _analysis),
    ):
        if part in parts:
            figure = draw_part(parts[part])
            file = folder / f"{name}.png"
            figure.savefig(file, dpi=110, metadata={"Software": None})
            plt.close(figure)
            drawn.append(file)
    return drawn


def _http(http: dict[str, Any]):
    rows = [row for row in http["rows"] if row["keep_alive"] and row["ask"] != "batch"]
    rows = sorted(rows, key=lambda row: row["cpu_us"], reverse=True)
    names = [f"{row['server']}: {row['ask']}" for row in rows]
    colours = [_colour(row) for row in rows]
    figure, axis = plt.subplots(figsize=(8, 0.27 * len(rows) + 1), layout="constrained")
    bars = axis.barh(names, [row["cpu_us"] for row in rows], color=colours)
    axis.bar_label(bars, [f" {row['cpu_us']:,.0f}" for row in rows], fontsize=8)
    axis.set_xscale("log")
    axis.set_xlabel("CPU of the whole server for one request, µs (logarithmic); two workers, keep-alive")
    axis.set_title(
        "One request: Arki (dark), a bare hello or Arki elsewhere (light), others (grey)", fontsize=9
    )
    return figure


def _colour(row: dict[str, Any]) -> str:
    if row["server"] == "arki":
        return OURS
    return PLATFORM if row["server"].partition(",")[0] in {"hello", "arki"} else OTHERS


def _core(core: dict[str, Any]):
    pieces = sorted(core["pieces"].items(), key=lambda one: one[1]["min_us"], reverse=True)
    ours = {
        "signals read and checked",
        "features",
        "prediction",
        "reasons",
        "rule choice with reason",
        "recommend",
    }
    figure, axis = plt.subplots(figsize=(8, 0.27 * len(pieces) + 1), layout="constrained")
    values = [figures["min_us"] for _, figures in pieces]
    names = [name for name, _ in pieces]
    bars = axis.barh(names, values, color=[OURS if name in ours else OTHERS for name in names])
    axis.bar_label(bars, [f" {value:,.1f}" for value in values], fontsize=8)
    axis.set_xscale("log")
    axis.set_xlabel("CPU for one customer, µs (logarithmic); the least of bursts taken in turns")
    axis.set_title("In process: Arki (dark) and other ways to do a piece of it (grey)", fontsize=9)
    return figure


def _growth(growth: dict[str, Any]):
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
    for axis, kind, label in (
        (axes[0], "rules", "rules for persons"),
        (axes[1], "items", "items of the catalogue"),
    ):
        rows = growth[kind]
        sizes = [row["size"] for row in rows]
        axis.plot(sizes, [row["recommend_us"] for row in rows], "o-", color=OURS, label="answer, µs")
        axis.plot(sizes, [row["load_s"] * 1e3 for row in rows], "s--", color=OTHERS, label="loading, ms")
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_xlabel(label)
        axis.legend(fontsize=7)
    rows = growth["batch"]
    axes[2].plot([row["size"] for row in rows], [row["per_customer_us"] for row in rows], "o-", color=OURS)
    axes[2].set_ylim(bottom=0)
    axes[2].set_xlabel("customers in one batch request")
    axes[2].set_ylabel("µs a customer")
    return figure


def _analysis(analysis: dict[str, Any]):
    figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
    synthetic = [one for one in analysis["synthetic"] if "refused" not in one]
    for facts, mark in zip(sorted({one["facts"] for one in synthetic}), ("^", "s", "o"), strict=False):
        rows = [one for one in synthetic if one["facts"] == facts]
        axis.plot(
            [one["rows"] for one in rows],
            [one["seconds"] for one in rows],
            f"{mark}-",
            label=f"{facts} facts",
        )
    axis.set_yscale("log")
    axis.set_xlabel("rows")
    axis.set_ylabel("CPU s (logarithmic)")
    axis.legend(fontsize=8)
    return figure
