"""`python -m benchmarks [part …]`: run parts of the benchmark and write benchmarks/results/<part>.json."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

PARTS = ("batch",)
RESULTS = Path(__file__).parent / "results"

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        found = importlib.import_module(f"benchmarks.{part}").measured()
        (RESULTS / f"{part}.json").write_text(json.dumps(found, indent=2) + "\n")
        print(json.dumps(found, indent=2))
