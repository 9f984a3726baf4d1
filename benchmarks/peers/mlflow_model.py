"""MLflow: `python mlflow_model.py FOLDER` saves the pipeline as MLflow keeps models; `mlflow models serve` serves it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import mlflow.sklearn

from benchmarks.peers.pipeline import fitted

if __name__ == "__main__":
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    mlflow.sklearn.save_model(
        fitted(),
        str(Path(sys.argv[1])),
        pip_requirements=["scikit-learn", "pandas"],
        serialization_format="cloudpickle",
    )
