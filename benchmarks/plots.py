"""The plots of docs/performance.md, drawn from a result; `write_up` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.environments import ROOT

mpl.use("Agg")
from matplotlib import pyplot as plt

DOCS = ROOT / "docs"
OURS, OTHERS, PLATFORM = "#00469b", "#999999", "#6fa8e0"


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
    points = [(_name(row), row["cpu_us"], _colour(row)) for row in rows]
    label = "CPU of the whole server for one request, µs (logarithmic); two workers, keep-alive"
    title = "One request: Arki (dark), a bare hello or Arki elsewhere (light), others (grey)"
    return _dots(points, label, title)


def _name(row: dict[str, Any]) -> str:
    other = row["ask"] == "README request" or (row["server"].startswith("FastAPI") and row["ask"] == "hello")
    return f"{row['server']}: {row['ask']}" if other else row["server"]


def _dots(points: list[tuple[str, float, str]], label: str, title: str):
    """Dots, since a bar has no length on a logarithmic axis."""
    figure, axis = plt.subplots(figsize=(8, 0.25 * len(points) + 1), layout="constrained")
    for at, (_, value, colour) in enumerate(points):
        axis.plot(value, at, "o", color=colour, markersize=7)
        axis.annotate(
            f"{value:,.0f}" if value >= 100 else f"{value:,.1f}",
            (value, at),
            (8, -3),
            textcoords="offset points",
            fontsize=8,
        )
    axis.set_yticks(range(len(points)), [name for name, _, _ in points])
    axis.grid(axis="x", color="#e5e5e5")
    axis.set_xscale("log")
    axis.margins(x=0.12)
    axis.set_xlabel(label)
    axis.set_title(title, fontsize=9)
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
    points = [(name, one["min_us"], OURS if name in ours else OTHERS) for name, one in pieces]
    label = "CPU for one customer, µs (logarithmic); the least of bursts taken in turns"
    return _dots(points, label, "In process: Arki (dark) and other ways to do a piece of it (grey)")


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
