"""Part `batch`: `benchmarks.batch` in the environment that `make bench` makes for it; not there, it is told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT

PYTHON = ROOT / ".venv-bench" / "bin" / "python"


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:
    """What `benchmarks.batch.measured` tells."""
    if quick or not PYTHON.exists():
        why = "left out of the quick form" if quick else "its environment is not there; make bench makes it"
        return {"not_measured": {"batch scoring": why}}
    environ = {"BENCH_ROWS": "400000"} | dict(os.environ)
    environ |= {"ARKI_BUNDLES": str(bundles), "OMP_NUM_THREADS": "1"}
    try:
        ran = subprocess.run(
            [str(PYTHON), "-m", "benchmarks.batch"],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environ,
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        return {"not_measured": {"batch scoring": last[:160]}}
    figures: dict[str, Any] = json.loads(ran.stdout[ran.stdout.index("{") :])
    return figures
