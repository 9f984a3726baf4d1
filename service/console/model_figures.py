"""The model served, in figures: from its manifest, and from files of its artifact whose digest the manifest names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson

from models.decision.bundle import ARTIFACTS, Bundle

PLOTS: Final = (
    "plot-calibration.png",
    "plot-confusion.png",
    "plot-contributions.png",
    "plot-groups.png",
    "plot-learning.png",
)
FILES: Final[Mapping[str, str]] = {
    "MODEL_CARD.md": "text/markdown; charset=utf-8",
    "CALIBRATION.md": "text/markdown; charset=utf-8",
    "algorithm-register.json": "application/json",
    **dict.fromkeys(PLOTS, "image/png"),
}
MOST_GROUPS: Final = 60


def artifact_file(bundle: Bundle, name: str) -> bytes | None:
    """A file of the artifact; None where it is not there, or is not the one that the model's manifest names."""
    named = bundle.parts["manifest.json"].get("files", {}).get(name)
    if named is None or (name not in FILES and name != "evaluation.json"):
        return None
    file = _read(ARTIFACTS / name)
    return None if file is None or file[1] != named else file[0]


def plots(bundle: Bundle) -> list[str]:
    """The plots that belong to this model."""
    return [name for name in PLOTS if artifact_file(bundle, name) is not None]


def figures(bundle: Bundle) -> dict[str, Any]:
    """What the model page shows; lists are empty where the evaluation is not this model's."""
    manifest = bundle.parts["manifest.json"]
    content = artifact_file(bundle, "evaluation.json")
    evaluation = {} if content is None else _parsed(content)
    return {
        "manifest": manifest,
        "intervals": evaluation.get("intervals", {}),
        "groups": [row for row in evaluation.get("groups", ()) if row["verdict"] != "within"],
        "groups_within": sum(row["verdict"] == "within" for row in evaluation.get("groups", ())),
        "confusion": evaluation.get("confusion", ()),
        "calibration": evaluation.get("calibration_curve", {}),
        "learning": evaluation.get("learning_curve", ()),
        "reference": evaluation.get("reference", {}),
        "plots": plots(bundle),
    }


@cache
def _read(path: Path) -> tuple[bytes, str] | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content, hashlib.sha256(content).hexdigest()


@cache
def _parsed(content: bytes) -> dict[str, Any]:
    evaluation: dict[str, Any] = orjson.loads(content)
    return evaluation
