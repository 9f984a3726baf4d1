"""Part `batch`: `benchmarks.batch` in the environment that `make bench` makes for it; not there, it is told."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_RUN = "import json, sys; from benchmarks.batch import measured; json.dump(measured(), sys.stdout)"


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:
    """What `benchmarks.batch.measured` tells."""
    if importlib.util.find_spec("benchmarks.batch") is None or not PYTHON.exists():
        return {"not_measured": {"batch scoring": "it has no environment here"}}
    environ = dict(os.environ) | {"ARKI_BUNDLES": str(bundles), "OMP_NUM_THREADS": "1"}
    if quick:
        return {"not_measured": {"batch scoring": "left out of the quick form"}}
    try:
        ran = subprocess.run(
            [str(PYTHON), "-c", _RUN], check=True, capture_output=True, text=True, cwd=ROOT, env=environ
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        return {"not_measured": {"batch scoring": last[:160]}}
    figures: dict[str, Any] = json.loads(ran.stdout[ran.stdout.index("{") :])
    return figures
