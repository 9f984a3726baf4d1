"""Figures of docs/batch.md from benchmarks/results/batch.json: its tables and its plot. Run after `make bench`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "batch.md"
EFFICIENCY: Final = 0.9  # assumption: of a worker more, beside others


def tables(found: dict[str, Any]) -> dict[str, str]:
    """Each table of the page by its name."""
    memory, files, naive = found["in_memory"], found["file_to_file"], found["naive"]
    ratios = [
        "| | measured | wanted |",
        "|---|---|---|",
        (
            "| in memory, one core: complete answers over `predict_proba` of the scikit-learn pipeline that the scorecard was compiled"
            f" from, on a frame ({memory['own_estimator_rows_per_cpu_s']:,} rows/s) | {memory['over_own_estimator']} × ({memory['answers_per_cpu_s']:,} answers/s) | ≥ 4 × |"
        ),
        (
            "| the same over a plain pipeline (imputer, scaler, one-hot, logistic regression; a poorer model, no pairs, linear)"
            f" ({memory['plain_pipeline_rows_per_cpu_s']:,} rows/s) | {memory['over_plain_pipeline']} × | ≥ 4 × |"
        ),
        f"| in memory, two cores (wall time) | {memory['answers_per_s_on_two_cores']:,} answers/s | ≥ 1,000,000 |",
        f"| file to folder over the floor: the same reader and writer, nothing between ({files['floor_rows_per_cpu_s']:,} rows/s) | {files['over_floor']} × | ≤ 2 × |",
        f"| file to one file over the floor | {files['over_floor_into_one_file']} × | ≤ 2 × |",
        f"| file to folder over pandas + pipeline + a Python function per row ({naive['rows_per_cpu_s']:,} rows/s) | {naive['ratio']} × | ≥ 20 × |",
        f"\n{found['rows']:,} rows, {found['machine']}; load average {found['load_average']:.1f} when it began.",
    ]
    growth = ["| rows | s, two workers | CPU s | memory in all, MiB |", "|---|---|---|---|"]
    growth += [
        f"| {each['rows']:,} | {each['s']} | {each['cpu_s']} | {each['memory_mib']} |"
        for each in found["growth"]
    ]
    last, first = found["growth"][-1], found["growth"][0]
    rate = (last["rows"] - first["rows"]) / (last["cpu_s"] - first["cpu_s"])
    sizes = ["| rows | one machine, 2 cores | 8 cores | 32 cores (Dask, 4 machines) |", "|---|---|---|---|"]
    sizes += [
        f"| {rows:,} | {_time(rows / rate / 2)} | {_time(rows / rate / 8 / EFFICIENCY)} | {_time(rows / rate / 32 / EFFICIENCY)} |"
        for rows in (5_600_000, 500_000_000)
    ]
    return {
        "RATIOS": "\n".join(ratios),
        "GROWTH": "\n".join(growth),
        "SIZES": "\n".join(sizes),
        "RATE": f"{rate:,.0f}",
    }


def plot(growth: list[dict[str, Any]], path: Path) -> None:
    """Seconds and memory against rows."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = [each["rows"] for each in growth]
    left.loglog(rows, [each["cpu_s"] for each in growth], "o-", color="#003580", label="CPU seconds")
    left.loglog(rows, [each["s"] for each in growth], "s--", color="#b35900", label="seconds, two workers")
    left.set(xlabel="rows", title="Time")
    left.legend()
    right.semilogx(rows, [each["memory_mib"] for each in growth], "o-", color="#003580")
    right.set(xlabel="rows", title="Memory in all, MiB", ylim=(0, 1024))
    figure.savefig(path, metadata={"Date": None})


def _between(told: str) -> Callable[[re.Match[str]], str]:
    space = "\n" if "|" in told else ""
    return lambda found: f"{found[1]}{space}{told}{space}{found[2]}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return "under 1 s"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def main() -> None:
    """Write the page and its plot."""
    found = json.loads((ROOT / "benchmarks" / "results" / "batch.json").read_text())
    plot(found["growth"], ROOT / "docs" / "batch-growth.svg")
    text = PAGE.read_text(encoding="utf-8")
    for name, told in tables(found).items():
        text = re.sub(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", _between(told), text, flags=re.DOTALL)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
