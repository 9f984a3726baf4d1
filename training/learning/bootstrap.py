"""Bootstrap intervals of every figure, for all candidates on the same resamples, so that differences have intervals too.

Only `training` may import this.
"""

from __future__ import annotations

import numpy as np

from training.learning.dataset import Dataset, Floats
from training.learning.documents import Interval
from training.learning.evaluate import CALIBRATION_BINS
from training.segments import SUPPORTED, SUPPORTED_RECALL


def intervals(
    test: Dataset, candidates: dict[str, Floats], *, precision: float, resamples: int, seed: int
) -> dict[str, dict[str, Interval]]:
    """Each figure of each candidate with its 95 % interval, and the difference of macro F1 to the hand-written rules.

    Parameters
    ----------
    test : Dataset
    candidates : dict
        Name -> probabilities of shape (n_test, n_segments).
    precision : float
        At which the recall of *supported* is told (`SUPPORTED_RECALL`); 0 where the precision is not reached, and left out
        where the labels name no *supported*.
    resamples : int
        Poisson resamples of customers; all rows of one customer come together.

    Returns
    -------
    dict
        Candidate -> figure -> [estimate, low, high]; per segment too (``recall_steady`` …).
    """
    prepared = {name: _Prepared(test, probabilities, precision) for name, probabilities in candidates.items()}
    estimates = {name: each.figures(test.weight) for name, each in prepared.items()}
    rng = np.random.default_rng([seed, 0x424F_4F54])
    customers, of_row = np.unique(test.group, return_inverse=True)
    drawn: dict[str, list[dict[str, float]]] = {name: [] for name in candidates}
    for _ in range(resamples):
        weight = test.weight * rng.poisson(1.0, len(customers))[of_row]
        for name, each in prepared.items():
            drawn[name].append(each.figures(weight))
    with_intervals: dict[str, dict[str, Interval]] = {}
    for name, estimate in estimates.items():
        with_intervals[name] = {
            figure: _interval(value, [draw[figure] for draw in drawn[name]])
            for figure, value in estimate.items()
        }
        for other in candidates:
            if other.startswith("hand-written") and other != name:
                gains = [
                    a["macro_f1"] - b["macro_f1"] for a, b in zip(drawn[name], drawn[other], strict=True)
                ]
                gain = estimate["macro_f1"] - estimates[other]["macro_f1"]
                with_intervals[name]["macro_f1_over_rules"] = _interval(gain, gains)
    return with_intervals


def _interval(estimate: float, draws: list[float]) -> Interval:
    low, high = np.percentile(draws, [2.5, 97.5]) if draws else (estimate, estimate)
    return [round(float(number), 4) for number in (estimate, low, high)]


class _Prepared:
    """Per-row quantities of one candidate, so that a resample costs a few sums."""

    def __init__(self, test: Dataset, probabilities: Floats, precision: float) -> None:
        n, self.segments = len(test.y), test.segments
        self.y, self.precision = test.y, precision
        self.named = probabilities.argmax(axis=1)
        best = probabilities.max(axis=1)
        self.losses = -np.log(np.clip(probabilities[np.arange(n), test.y], 1e-9, 1))
        self.squares = ((probabilities - np.eye(len(test.segments))[test.y]) ** 2).sum(axis=1)
        self.gaps = best - (self.named == test.y)
        self.bins = np.minimum((best * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        if SUPPORTED in test.segments:
            at = test.segments.index(SUPPORTED)
            self.order = np.argsort(-probabilities[:, at], kind="stable")
            ordered = probabilities[self.order, at]
            self.ends = np.append(
                np.flatnonzero(np.diff(ordered)), n - 1
            )  # rows of one probability stay together
            self.ordered_hits = test.y[self.order] == at

    def figures(self, weight: Floats) -> dict[str, float]:
        """The figures of one weighting of the rows."""
        k, total = len(self.segments), weight.sum()
        confusion = np.bincount(self.y * k + self.named, weight, k * k).reshape(k, k)
        right, true, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
        figures = {
            "log_loss": float(weight @ self.losses / total),
            "macro_f1": float(np.mean(2 * right / np.maximum(true + predicted, 1e-9))),
            "brier": float(weight @ self.squares / total),
            "calibration_error": float(
                np.abs(np.bincount(self.bins, weight * self.gaps, CALIBRATION_BINS)).sum() / total
            ),
        }
        if SUPPORTED in self.segments:
            figures[SUPPORTED_RECALL] = self._supported_recall(weight)
        for at, segment in enumerate(self.segments):
            figures[f"recall_{segment}"] = float(right[at] / max(true[at], 1e-9))
            figures[f"precision_{segment}"] = float(right[at] / max(predicted[at], 1e-9))
        return figures

    def _supported_recall(self, weight: Floats) -> float:
        ordered = weight[self.order]
        hits, named = np.cumsum(ordered * self.ordered_hits)[self.ends], np.cumsum(ordered)[self.ends]
        enough = hits >= self.precision * named
        return float(hits[enough].max(initial=0.0) / max(hits[-1], 1e-9))
