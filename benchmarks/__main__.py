"""`python -m benchmarks [part …] [--quick] [--out FILE]`: measure, print the tables, keep the figures, draw the plots."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.goals import goals
from benchmarks.machine import load_average, machine, versions
from benchmarks.tables import tables
from models.decision import bundle

PARTS = {
    "steps": "benchmarks.steps",
    "core": "benchmarks.core",
    "growth": "benchmarks.growth",
    "analysis": "benchmarks.grids",
    "http": "benchmarks.over_http",
    "batch": "benchmarks.batch_scoring",
}
"""Each part is a module with `measure(bundles, *, quick)`; the dictionary it returns is kept as it is."""
FORMAT = 1


def main() -> None:
    """Measure."""
    given = _arguments()
    bundles = Path(os.environ.get("ARKI_BUNDLES", ROOT / "bundles")).absolute()
    if bundle.current(bundles) is None:
        sys.exit("No bundle is active. Run make setup first.")
    began, parts = time.monotonic(), dict[str, Any]()
    result: dict[str, Any] = {
        "format": FORMAT,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": given.quick,
        "machine": machine(),
        "load_average_before": load_average(),
        "versions": versions(),
        "bundle": bundle.current(bundles),
        "parts": parts,
    }
    partial = given.out.with_suffix(".partial.json")
    partial.parent.mkdir(parents=True, exist_ok=True)
    for name in given.parts or PARTS:
        module = importlib.import_module(PARTS[name])
        sys.stderr.write(f"benchmarks: {name} …\n")
        parts[name] = module.measure(bundles, quick=given.quick)
        result |= {"goals": goals(parts), "seconds": round(time.monotonic() - began, 1)}
        _keep(result, partial)  # what is measured is not lost, whatever becomes of the parts to come
    partial.replace(given.out)
    for name, table in tables(result).items():
        print(f"{name}\n\n{table}\n")
    print(f"{result['seconds']:.0f} s; the figures are in {given.out.name}.")


def _keep(result: dict[str, Any], file: Path) -> None:
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all, if none is named")
    parser.add_argument("--quick", action="store_true", help="a minute, without peers: does it run")
    today = datetime.now(UTC).date().isoformat()
    results = ROOT / "benchmarks" / "results"
    parser.add_argument("--out", type=Path, help="where the figures go")
    given = parser.parse_args()
    given.out = given.out or results / (f"{today}-quick.json" if given.quick else f"{today}.json")
    return given


if __name__ == "__main__":
    main()
