"""Multinomial logistic regression whose chosen columns may only ever raise one class against every other.

scikit-learn offers no such constraint. The estimator minimises scikit-learn's own penalised loss (a test holds the two equal
where nothing is constrained) by Newton steps projected onto the constraint; one curvature for all classes but one, in single
precision, makes it several times as fast on many rows. Of two classes it holds a row of coefficients each, where scikit-learn
holds one. Only `training` may import this.

References
----------
Bertsekas 1982, projected Newton methods; Portugal, Júdice and Vicente 1994, block pivoting.
"""

from __future__ import annotations

from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.extmath import softmax

Floats = NDArray[np.float64]

MOST_STEPS: Final = 25
SMALL_STEP: Final = 1e-6
MOST_PIVOTS: Final = 200
TOLERANCE: Final = 1e-9


class MonotoneLogisticRegression(LogisticRegression):  # type: ignore[misc]  # scikit-learn ships no types
    """Logistic regression with L2 penalty in which some columns never lower the last class against another.

    Parameters
    ----------
    rising : tuple of int
        Columns of X whose coefficient for the last class must be at least that for every other class.
    C : float
        Inverse penalty, as in scikit-learn.
    """

    def __init__(self, rising: tuple[int, ...] = (), C: float = 1.0, max_iter: int = 100) -> None:  # noqa: N803  (scikit-learn's word)
        super().__init__(C=C, solver="newton-cholesky", max_iter=max_iter)
        self.rising = rising
        self.coef_: Floats
        self.intercept_: Floats

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:  # noqa: N803  (scikit-learn's word)
        """Fit `coef_` and `intercept_` under the constraint, from 0, so that the same data give the same numbers."""
        columns = np.asarray(X, dtype=np.float64)
        self.classes_, truth = np.unique(np.asarray(y), return_inverse=True)
        self.n_features_in_ = columns.shape[1]
        weight = np.ones(len(columns)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        columns = np.hstack([columns, np.ones((len(columns), 1))])
        lead = self._least(columns, np.eye(len(self.classes_))[truth], weight)
        last = lead.sum(axis=0) / len(self.classes_)
        coefficients = np.vstack([last - lead, last])
        self.coef_, self.intercept_ = coefficients[:, :-1].copy(), coefficients[:, -1].copy()
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:  # noqa: N803  (scikit-learn's word)
        """Softmax of the scores, of two classes as of more; shape (n_samples, n_classes)."""
        return np.asarray(softmax(self.decision_function(X), copy=False))

    def _least(self, columns: Floats, truth: Floats, weight: Floats) -> Floats:
        """Where the loss is least: the last class's coefficients less each other's, intercepts last.

        So the constraint is that some of them are not negative.
        """
        others, width = len(self.classes_) - 1, columns.shape[1]
        bounded = np.zeros((others, width), bool)
        bounded[:, list(self.rising)] = True
        lead = np.zeros((others, width))
        single = columns.astype(np.float32)
        loss, gradient, curvature = self._loss(lead, columns, truth, weight, single)
        self.n_iter_ = np.array([0])
        for _ in range(MOST_STEPS):
            step = _projected(lead.ravel(), gradient, curvature, bounded.ravel()).reshape(lead.shape) - lead
            size = 1.0
            while size > SMALL_STEP:
                tried = self._loss(lead + size * step, columns, truth, weight)
                if tried[0] <= loss:
                    break
                size /= 2
            lead = lead + size * step
            self.n_iter_ += 1
            if np.abs(size * step).max() < SMALL_STEP:
                break
            loss, gradient, curvature = self._loss(lead, columns, truth, weight, single)
        return np.where(bounded, np.maximum(lead, 0.0), lead)

    def _loss(
        self,
        lead: Floats,
        columns: Floats,
        truth: Floats,
        weight: Floats,
        single: NDArray[np.float32] | None = None,
    ) -> tuple[float, Floats, Floats]:
        """Penalised loss at `lead`, shape (n_others, n_columns); gradient and curvature too if `single` is given."""
        scores = np.hstack([-columns @ lead.T, np.zeros((len(columns), 1))])
        scores -= scores.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scores).sum(axis=1))
        classes, penalised = len(self.classes_), lead[:, :-1]
        together = penalised.sum(axis=0)
        squares = float((penalised**2).sum() - together @ together / classes)
        loss = float(weight @ (log_sum - (scores * truth).sum(axis=1))) + squares / (2 * self.C)
        if single is None:
            return loss, np.empty(0), np.empty(0)
        probabilities = np.exp(scores - log_sum[:, None])
        residual = (weight[:, None] * (truth - probabilities))[:, :-1]
        pull = (lead - lead.sum(axis=0) / classes) / self.C
        pull[:, -1] = 0.0
        gradient = residual.T @ columns + pull
        others, width = lead.shape
        curvature = np.zeros((others, width, others, width))
        at = np.arange(width - 1)
        for a in range(others):
            for b in range(a + 1):
                share = (probabilities[:, a] * ((a == b) - probabilities[:, b]) * weight).astype(np.float32)
                block = ((single * share[:, None]).T @ single).astype(np.float64)
                block[at, at] += ((a == b) - 1 / classes) / self.C
                curvature[a, :, b] = block
                curvature[b, :, a] = block.T
        return loss, gradient.ravel(), curvature.reshape(others * width, others * width)


def _projected(start: Floats, gradient: Floats, curvature: Floats, bounded: NDArray[np.bool_]) -> Floats:
    """Where the quadratic model of the loss is least while the bounded unknowns are not negative.

    Block pivoting: unknowns that fall below 0 are held there, held ones that want to rise are let go, until none does.
    """
    pull = curvature @ start - gradient
    held = np.zeros(len(start), bool)
    for at in range(MOST_PIVOTS):
        free = np.flatnonzero(~held)
        solution = np.zeros(len(start))
        solution[free] = np.linalg.solve(curvature[np.ix_(free, free)], pull[free])
        slope = curvature @ solution - pull
        below, wanting = bounded & ~held & (solution < -TOLERANCE), held & (slope < -TOLERANCE)
        if not (below.any() or wanting.any()):
            break
        if at < MOST_PIVOTS // 2:
            held = (held | below) & ~wanting
        else:  # one at a time cannot go round in circles
            last = np.flatnonzero(below | wanting)[-1]
            held[last] = ~held[last]
    return np.where(bounded, np.maximum(solution, 0.0), solution)
