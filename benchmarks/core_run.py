"""What one decision costs in one process, piece by piece, beside other ways to do the same piece.

Runs where the peers are installed (`core` starts it); what is not there is told and left out. Every figure is for one of
the simulated customers, all of them in turn, so that no cache holds the one answer.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import rule_engines
from benchmarks.customers import AT, read_customers
from benchmarks.machine import versions
from benchmarks.timing import Piece, in_turns
from models.contract.codes import PERSON
from models.decision.bundle import BundleStore
from models.decision.scorecard import features

ROOT = Path(__file__).parent.parent
PEERS = ("scikit-learn", "pandas", "numpy", "onnxruntime", "skl2onnx", "zen-engine", "json-logic-qubit")


def measure(bundles: Path, *, rounds: int, alone: bool = False) -> dict[str, Any]:
    """µs of each piece, and what could not be measured."""
    recommender = BundleStore(bundles).recommender()
    given = read_customers()
    read = recommender.contract.read
    customers = [read(PERSON, signals) for signals in given.signals]
    at = datetime.fromisoformat(AT)
    table = recommender.rulebook.tables[PERSON].on(at.date())
    found = [recommender.facts.lookups(one, recommender.scorecard.predict(one))[0] for one in customers]
    scorecard = recommender.scorecard
    pieces: dict[str, Piece] = {
        "signals read and checked": (lambda one: read(PERSON, one), given.signals),
        "features": (features, customers),
        "prediction": (scorecard.predict, customers),
        "reasons": (lambda one: scorecard.contributions(one, scorecard.segments[0]), customers),
        "rule choice with reason": (lambda facts: table.choose(facts).because, found),
        "recommend": (lambda one: recommender.recommend([one], at=at), customers),
    }
    missing: dict[str, str] = {}
    told = {"answers_checked": {}}
    peers: dict[str, Callable[[], dict[str, Piece]]] = {
        "models": lambda: _models(given.features),
        "onnxruntime": lambda: _onnx(given.features),
        "zen-engine": lambda: rule_engines.zen(table, found, told["answers_checked"]),
        "json-logic": lambda: rule_engines.json_logic(table, found, told["answers_checked"]),
    }
    for name, make in () if alone else peers.items():
        try:
            pieces |= make()
        except Exception as error:  # noqa: BLE001  (a peer that fails is told, not fatal)
            missing[name] = f"{type(error).__name__}: {error}".splitlines()[0][:160]
    timed = in_turns(pieces, rounds=rounds)
    n = len(customers)
    return {
        "rules": len(table.rules),
        "customers": n,
        "signals_per_customer": round(sum(map(len, given.signals)) / n, 1),
        "pieces": timed,
        "not_measured": missing,
        "versions": versions(PEERS),
        **told,
    }


def _models(rows: list[dict]) -> dict[str, Piece]:
    """Classification alone, from the same features: the usual pipeline, boosted trees and Arki's own estimator."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    from benchmarks.peers.pipeline import fitted, row, training_data
    from training.reporting.artifacts import read_classifier

    pipeline, (X, y) = fitted(), training_data()  # noqa: N806
    boosted = HistGradientBoostingClassifier(max_iter=100, random_state=1).fit(X, y)
    own = read_classifier(ROOT / "models" / "artifacts" / "classifier.joblib")
    arrays = [np.array([[np.nan if v is None else v for v in one.values()]]) for one in rows]
    few = rows[:8]
    for name, model in (("pipeline", pipeline), ("boosted", boosted), ("own", own)):
        if len(model.predict_proba(row(rows[0]))[0]) != 3:
            raise ValueError(f"{name} does not tell three segments")
    return {
        "scikit-learn pipeline, DataFrame of one row": (lambda one: pipeline.predict_proba(row(one)), few),
        "boosted trees, DataFrame of one row": (lambda one: boosted.predict_proba(row(one)), few),
        "Arki's own estimator, DataFrame of one row": (lambda one: own.predict_proba(row(one)), few),
        "Arki's own estimator, array": (own.predict_proba, arrays[:8]),
    }


def _onnx(rows: list[dict]) -> dict[str, Piece]:
    """The pipeline converted for onnxruntime; its answers are held to scikit-learn's."""
    import numpy as np
    import onnxruntime
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    from benchmarks.peers.pipeline import array_pipeline, training_data

    X, y = training_data()  # noqa: N806
    pipeline = array_pipeline().fit(X.to_numpy(), y)
    inputs = [("X", FloatTensorType([None, X.shape[1]]))]
    converted = to_onnx(pipeline, initial_types=inputs, options={"zipmap": False})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(converted.SerializeToString(), options)
    arrays = [
        np.array([[np.nan if v is None else v for v in one.values()]], dtype=np.float32) for one in rows
    ]
    for array in arrays:
        if abs(session.run(None, {"X": array})[1] - pipeline.predict_proba(array)).max() > 1e-4:
            raise ValueError("the converted pipeline answers otherwise")
    return {"onnxruntime, array of one row": (lambda one: session.run(None, {"X": one}), arrays)}


def main() -> None:
    """`python -m benchmarks.core_run BUNDLES ROUNDS`: the figures as JSON."""
    warnings.simplefilter("ignore")
    json.dump(measure(Path(sys.argv[1]), rounds=int(sys.argv[2]), alone="--alone" in sys.argv), sys.stdout)


if __name__ == "__main__":
    main()
