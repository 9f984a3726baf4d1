"""Part `core`: one decision in process, piece by piece, beside other ways to do the same piece; see `core_run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.customers import read_customers
from benchmarks.environments import ROOT, NotMeasuredError, python_of


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:
    """The figures, taken where the peers are installed; without them where that cannot be."""
    read_customers()
    python, missing = sys.executable, {}
    if not quick:
        try:
            python = python_of("core")
        except NotMeasuredError as error:
            missing["peers"] = str(error)
    command = [python, "-m", "benchmarks.core_run", str(bundles), "3" if quick else "25"]
    environ = dict(os.environ) | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    if quick:
        command.append("--alone")
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environ)
    figures: dict[str, Any] = json.loads(ran.stdout)
    figures["not_measured"] |= missing
    return figures
