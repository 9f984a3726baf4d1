"""A trained model's files: written whole or not at all, and read again by those who compare, watch and promote.

Only `training` may import this.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from unittest import mock

if TYPE_CHECKING:
    from training.learning.documents import (
        Evaluation,
        EvaluationDocument,
        GroupDifference,
        GroupLimits,
        Manifest,
    )
    from training.learning.groups import Difference
    from training.learning.run import TrainingReport

ARTIFACTS: Final = Path(__file__).resolve().parents[2] / "models" / "artifacts"
MODEL_FILES: Final = (
    "scorecard.json",
    "classifier.joblib",
    "MODEL_CARD.md",
    "evaluation.json",
    "algorithm-register.json",
    "plot-calibration.png",
    "plot-confusion.png",
    "plot-contributions.png",
    "plot-groups.png",
    "plot-learning.png",
)
SIMULATION_FILES: Final = ("CALIBRATION.md", "population.json.gz")
"""Written beside them where the customers are simulated, and taken away where they are not."""


_FORMER_MODULES: Final = {
    "training.pipeline": "training.learning.pipeline",
    "training.monotone": "training.learning.monotone",
}
"""What the estimator of a model trained before 2026-11-28 names; the next training writes today's names."""


class ArtifactsError(ValueError):
    """A folder that holds no trained model of this version; the message says what is missing. Train, or name another."""


def read_classifier(file: Path) -> Any:  # noqa: ANN401  (a fitted scikit-learn pipeline)
    """The fitted estimator of an artifact, for audit. Unpickles: read none but your own."""
    import joblib  # noqa: PLC0415  (heavy)

    known = {former: import_module(name) for former, name in _FORMER_MODULES.items()}
    with mock.patch.dict(sys.modules, known):
        return joblib.load(file)


def write(report: TrainingReport, out: Path) -> None:
    """Write all files beside `out` first, then rename each: an interrupted run leaves the old files or the new."""
    import joblib  # noqa: PLC0415  (heavy)

    from training.reporting.plots import plots  # noqa: PLC0415  (heavy)
    from training.reporting.register import register  # noqa: PLC0415  (heavy)

    out.mkdir(parents=True, exist_ok=True)
    manifest = report.manifest
    evaluation = evaluation_document(report.evaluation, report.limits)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
        new = Path(beside)
        (new / "scorecard.json").write_text(scorecard_text(report.scorecard), encoding="utf-8")
        joblib.dump(report.pipeline, new / "classifier.joblib", compress=("zlib", 6), protocol=5)
        for name, content in plots(report.evaluation, report.scorecard, report.limits).items():
            (new / name).write_bytes(content)
        (new / "evaluation.json").write_text(evaluation_text(evaluation), encoding="utf-8")
        _write_card(new, manifest, report.scorecard, evaluation)
        (new / "algorithm-register.json").write_text(_json(register(manifest)), encoding="utf-8")
        if report.calibration is not None and report.sample is not None:
            (new / "CALIBRATION.md").write_text(report.calibration, encoding="utf-8")
            (new / "population.json.gz").write_bytes(report.sample)
        _move(new, out, manifest)
    for name in SIMULATION_FILES:
        if name not in manifest["files"]:
            (out / name).unlink(missing_ok=True)


def rewrite_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a model's manifest anew, and the card that is made from it; the model and its figures stay as they are.

    Raises
    ------
    ArtifactsError
    """
    scorecard, evaluation = (read(folder, name) for name in ("scorecard.json", "evaluation.json"))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        _write_card(Path(beside), manifest, scorecard, evaluation)
        _move(Path(beside), folder, manifest)


def _write_card(
    new: Path, manifest: Manifest, scorecard: dict[str, Any], evaluation: EvaluationDocument
) -> None:
    from training.reporting.model_card import model_card  # noqa: PLC0415  (heavy)

    (new / "MODEL_CARD.md").write_text(model_card(manifest, scorecard, evaluation), encoding="utf-8")


def _move(new: Path, out: Path, manifest: Manifest) -> None:
    names = sorted(path.name for path in new.iterdir())
    digests = {name: hashlib.sha256((new / name).read_bytes()).hexdigest() for name in names}
    manifest["files"] = dict(sorted((manifest.get("files", {}) | digests).items()))
    (new / "manifest.json").write_text(_json(manifest), encoding="utf-8")
    # The manifest goes last: until then the old manifest's digests refuse a half-changed directory.
    for name in (*names, "manifest.json"):
        with (new / name).open("rb") as file:
            os.fsync(file.fileno())
    for name in (*names, "manifest.json"):
        (new / name).replace(out / name)


def read(folder: Path, name: str) -> Any:  # noqa: ANN401  (any JSON)
    """A JSON file of a model's folder.

    Raises
    ------
    ArtifactsError
    """
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactsError(
            f"{folder}: holds no readable {name} ({type(error).__name__}). Name a folder that arki-train wrote."
        ) from error


def verified(folder: Path) -> Manifest:
    """The manifest of a model's folder, every file of which is the one it names.

    Raises
    ------
    ArtifactsError
    """
    manifest: Manifest = read(folder, "manifest.json")
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise ArtifactsError(
                f"{path}: is not the file that manifest.json names. Train again, or restore it."
            )
    return manifest


def scorecard_text(scorecard: dict[str, Any]) -> str:
    """JSON with a line per row of a table, so that a difference of two models can be read."""
    text = json.dumps({**scorecard, "tables": "@"}, indent=1)
    tables = []
    for table in scorecard["tables"]:
        rows = ",\n   ".join(json.dumps(row) for row in table["rows"])
        tables.append(
            f'  {{"features": {json.dumps(table["features"])}, "edges": {json.dumps(table["edges"])},'
            f' "rows": [\n   {rows}]}}'
        )
    return text.replace('"@"', "[\n" + ",\n".join(tables) + "]") + "\n"


def evaluation_document(evaluation: Evaluation[Difference], limits: GroupLimits) -> EvaluationDocument:
    """The evaluation as plain JSON, each difference between groups with its reach and verdict."""
    differences: list[GroupDifference] = [
        {
            "metric": each.metric,
            "segment": each.segment,
            "attribute": each.attribute,
            "group": each.group,
            "customers": each.customers,
            "rate": round(each.rate, 4),
            "others": round(each.others, 4),
            "reach": round(limits["interval"] * each.error, 4),
            "verdict": each.verdict(limits["largest_difference"], limits["interval"]),
        }
        for each in evaluation["groups"]
    ]
    return cast("EvaluationDocument", {**evaluation, "groups": differences})


def evaluation_text(document: EvaluationDocument) -> str:
    """JSON with a line per difference between groups."""
    lines = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in document["groups"])
    text = json.dumps({**document, "groups": "@"}, indent=1, ensure_ascii=False)
    return text.replace('"@"', f"[\n{lines}\n ]") + "\n"


def _json(document: Any) -> str:  # noqa: ANN401  (any JSON)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
