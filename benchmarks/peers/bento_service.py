"""BentoML: `bentoml serve bento_service:Segments` or `:Recommendations`."""

from __future__ import annotations

import os
from typing import Any

import bentoml


@bentoml.service(workers=2)
class Segments:
    """The pipeline, as BentoML's guide to scikit-learn writes it."""

    def __init__(self) -> None:
        import joblib

        from benchmarks.peers.pipeline import row

        self.row = row
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api
    def predict(self, features: dict[str, Any]) -> dict[str, Any]:
        """The segment of one customer."""
        chances = self.model.predict_proba(self.row(features))[0]
        best = int(chances.argmax())
        return {"segment": str(self.model.classes_[best]), "probability": float(chances[best])}


@bentoml.service(workers=2)
class Recommendations:
    """Arki's own recommend."""

    def __init__(self) -> None:
        from benchmarks.peers.own import answer

        self.answer = answer

    @bentoml.api
    def predict(self, body: dict[str, Any]) -> dict[str, Any]:
        """The recommendation for one customer."""
        return self.answer(body)
