"""How the figures change: with abstention, with more customers, with another seed; and where they are calibrated.

Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, SupportsFloat

import numpy as np

from training.learning.dataset import Dataset, Floats, Split
from training.learning.documents import AbstentionPoint, LearningPoint, Stability, Thresholds
from training.learning.evaluate import CALIBRATION_BINS, metrics
from training.learning.pipeline import calibrate, fit, log_loss
from training.segments import SUPPORTED

LEARNING_ROWS: Final = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
SEEDS: Final = 5
Pairs = tuple[tuple[int, int], ...]


def abstention_curve(test: Dataset, probabilities: Floats, minimum_known: int) -> list[AbstentionPoint]:
    """What would be answered at each threshold: share answered, accuracy, precision and recall by segment."""
    best, named = probabilities.max(axis=1), probabilities.argmax(axis=1)
    weight, rows, segments = test.weight, list[AbstentionPoint](), range(len(test.segments))
    for threshold in np.round(np.arange(0.40, 0.951, 0.05), 2):
        answers = (best >= threshold) & (test.known >= minimum_known)
        predicted = [weight[answers & (named == at)].sum() for at in segments]
        hits = [weight[answers & (named == at) & (test.y == at)].sum() for at in segments]
        true = [weight[test.y == at].sum() for at in segments]
        rows.append(
            {
                "threshold": float(threshold),
                "answered": _round(weight[answers].sum() / weight.sum()),
                "accuracy": _round(sum(hits) / max(sum(predicted), 1e-9)),
                "precision": [_round(h / s) if s else None for h, s in zip(hits, predicted, strict=True)],
                "recall": [_round(h / t) if t else None for h, t in zip(hits, true, strict=True)],
            }
        )
    return rows


def calibration_curve(test: Dataset, probabilities: Floats) -> dict[str, list[list[float]]]:
    """Per segment, bins of its probability: mean probability, share that is so, customers; empty bins left out."""
    curves = {}
    for at, segment in enumerate(test.segments):
        bins = np.minimum((probabilities[:, at] * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        points = []
        for each in range(CALIBRATION_BINS):
            rows = bins == each
            if rows.any():
                weight = test.weight[rows]
                predicted = np.average(probabilities[rows, at], weights=weight)
                points.append(
                    [
                        _round(predicted),
                        _round(np.average(test.y[rows] == at, weights=weight)),
                        int(rows.sum()),
                    ]
                )
        curves[segment] = points
    return curves


def confusion(test: Dataset, probabilities: Floats, thresholds: Thresholds) -> list[list[float]]:
    """Share of each true segment that is named each segment, abstained last; shape (n_segments, n_segments + 1)."""
    named = probabilities.argmax(axis=1)
    silent = (probabilities.max(axis=1) < thresholds["abstain_below"]) | (
        test.known < thresholds["minimum_known"]
    )
    nobody = len(test.segments)
    named = np.where(silent, nobody, named)
    rows = []
    for at in range(nobody):
        counts = np.bincount(named[test.y == at], test.weight[test.y == at], nobody + 1)
        rows.append([_round(share) for share in counts / max(counts.sum(), 1e-9)])
    return rows


def learning_curve(parts: Split, pairs: Pairs, advance: Callable[[int], None]) -> list[LearningPoint]:
    """Log loss on fitted and on validation customers by the number fitted on; the test part is not touched."""
    rows: list[LearningPoint] = []
    for size in [size for size in LEARNING_ROWS if size < len(parts.train.y)]:
        some = parts.train.take(np.arange(size))
        if np.bincount(some.y, minlength=len(some.segments)).min() >= 2:
            pipeline = fit(some, pairs)
            calibrate(pipeline, parts.validation)
            rows.append(
                {
                    "customers": size,
                    "fitted": _round(log_loss(pipeline, some)),
                    "validation": _round(log_loss(pipeline, parts.validation)),
                }
            )
        advance(1)
    return rows


def stability(
    parts: Split, pairs: Pairs, served: Floats, seed: int, advance: Callable[[int], None]
) -> Stability:
    """Five models of five resamples of the training customers, measured on the same test part.

    Returns
    -------
    dict
        figures : name -> [mean, standard deviation, lowest, highest] over seeds; agreement : mean share of test customers
        whose likeliest segment is that of the served model; moved : mean absolute change of the probability of *supported*,
        left out where the labels name none.
    """
    segments = parts.test.segments
    watched = [at for at, segment in enumerate(segments) if segment == SUPPORTED]
    runs, agreement, moved = [], [], []
    for at in range(SEEDS):
        rng = np.random.default_rng([seed, 0x5354_4142, at])
        drawn = parts.train.take(rng.integers(0, len(parts.train.y), min(len(parts.train.y), 60_000)))
        pipeline = fit(drawn, pairs)
        calibrate(pipeline, parts.validation)
        probabilities = pipeline.predict_proba(parts.test.X)
        measured = metrics(parts.test, probabilities)
        runs.append(
            {
                "log_loss": measured["log_loss"],
                "macro_f1": measured["macro_f1"],
                "brier": measured["brier"],
                "calibration_error": measured["calibration_error"],
            }
            | {f"recall_{segment}": each["recall"] or 0.0 for segment, each in measured["segments"].items()}
        )
        agreement.append(float((probabilities.argmax(axis=1) == served.argmax(axis=1)).mean()))
        moved += [float(np.abs(probabilities[:, at] - served[:, at]).mean()) for at in watched]
        advance(1)
    figures = {
        name: [_round(of([run[name] for run in runs])) for of in (np.mean, np.std, np.min, np.max)]
        for name in runs[0]
    }
    stable: Stability = {"figures": figures, "agreement": _round(np.mean(agreement))}
    if moved:
        stable["moved"] = _round(np.mean(moved))
    return stable


def _round(number: SupportsFloat) -> float:
    return round(float(number), 4)
