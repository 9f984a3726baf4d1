"""How good the model is, and beside what: metrics, baselines and the choice of thresholds.

Every figure measures how well Arki's own labelling guideline is recovered, never validity at Kela. Only `training` may
import this.
"""

from __future__ import annotations

from typing import Final, SupportsFloat

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.decision.scorecard import FEATURES
from training.learning.dataset import Dataset, known_features
from training.learning.documents import Answered, Metrics, SegmentFigures, Thresholds
from training.segments import ROLES, SIMULATED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CALIBRATION_BINS: Final = 15
PRECISION_WANTED: Final = 0.75
CONFIDENT_PRECISION: Final = 0.85
HIGHEST_ABSTENTION: Final = 0.62
FEWEST_NAMED: Final = 20
INFORMATION_WANTED: Final = 0.03
FEWEST_KNOWN: Final = 2
FEWEST_KNOWN_TO_SPLIT: Final = 40
"""Customers of whom boosting must know a feature: it sets some aside to stop early, and fails where the rest know nothing."""


def metrics(data: Dataset, probabilities: Floats) -> Metrics:
    """Figures of one model on one set of customers.

    Parameters
    ----------
    data : Dataset
    probabilities : ndarray of shape (n_samples, n_segments)

    Returns
    -------
    dict
        log_loss, macro_f1, brier, calibration_error (expected, of the named segment's probability), accuracy, and
        per segment share, recall and precision; precision is None where nothing was named.
    """
    y, weight = data.y, data.weight
    rows, truth = np.arange(len(y)), np.eye(len(data.segments))[y]
    named = probabilities.argmax(axis=1)
    losses = -np.log(np.clip(probabilities[rows, y], 1e-9, 1))
    segments: dict[str, SegmentFigures] = {}
    f1 = []
    for at, segment in enumerate(data.segments):
        hit = float(weight[(y == at) & (named == at)].sum())
        true, predicted = float(weight[y == at].sum()), float(weight[named == at].sum())
        f1.append(2 * hit / (true + predicted) if true + predicted else 0.0)
        segments[segment] = {
            "share": _round(true / weight.sum()),
            "recall": _round(hit / true) if true else None,
            "precision": _round(hit / predicted) if predicted else None,
        }
    return {
        "log_loss": _round(np.average(losses, weights=weight)),
        "macro_f1": _round(np.mean(f1)),
        "brier": _round(np.average(((probabilities - truth) ** 2).sum(axis=1), weights=weight)),
        "calibration_error": _round(_calibration_error(y, probabilities, weight)),
        "accuracy": _round(np.average(named == y, weights=weight)),
        "segments": segments,
    }


def answered(data: Dataset, probabilities: Floats, thresholds: Thresholds) -> Answered:
    """What the abstention rule does: rate of abstaining, accuracy and named segments among those answered.

    A figure is None where it is about nobody.
    """
    best = probabilities.max(axis=1)
    named = probabilities.argmax(axis=1)
    answers = (best >= thresholds["abstain_below"]) & (data.known >= thresholds["minimum_known"])
    enough = data.known >= thresholds["minimum_known"]
    return {
        "abstention_rate": _round(1 - np.average(answers, weights=data.weight)),
        "abstention_rate_where_enough_is_known": _share(~answers[enough]),
        "accuracy": _share((named == data.y)[answers]),
        "precision": {
            segment: _precision(data.y, named, answers, at) for at, segment in enumerate(data.segments)
        },
        "abstention_by_true_segment": {
            segment: _share(~answers[data.y == at]) for at, segment in enumerate(data.segments)
        },
    }


def baselines(train: Dataset, test: Dataset, seed: int) -> dict[str, Floats]:
    """Probabilities of shape (n_test, n_segments) of what the model is judged beside.

    The majority class says the training shares to everyone; the rule baseline is `rule_of_thumb`, each of its answers
    with the shares it has in training, and is left out where the labels do not name all that it names; boosting is
    unrestricted, the ceiling, and never served. It takes no feature of which nothing is known, so features known of fewer
    than `FEWEST_KNOWN_TO_SPLIT` training customers are left out of it.
    """
    beside = {"majority class": np.tile(_shares(train), (len(test.y), 1))}
    if set(train.segments) >= set(SIMULATED):
        rule_train, rule_test = (rule_of_thumb(part.X, part.segments) for part in (train, test))
        by_answer = [_shares(train.take(rule_train == at)) for at in range(len(train.segments))]
        beside["hand-written rules"] = np.array(by_answer)[rule_test]
    enough = known_features(train, FEWEST_KNOWN_TO_SPLIT)
    boosting = HistGradientBoostingClassifier(
        max_iter=400,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=True,
        validation_fraction=0.1,
        random_state=seed % 2**31,
    ).fit(train.X[:, enough], train.y, sample_weight=train.weight)
    beside["boosting (ceiling, never served)"] = boosting.predict_proba(test.X[:, enough])
    return beside


def rule_of_thumb(X: Floats, segments: tuple[str, ...]) -> Ints:  # noqa: N803  (scikit-learn's word)
    """What a content team would do without a model; the segment of each row, an index into `segments`.

    Supported: three of long income support, half a year of social assistance, repeat contacts, missing attachments, a
    partner's contact. Changing: an event in the last 4 months, or two benefits begun, or up to half a year of support.
    """
    column = dict(zip(FEATURES, np.nan_to_num(X, nan=-1.0).T, strict=True))
    signs = (
        (column["months_on_income_support"] >= 12).astype(int)
        + (column["social_assistance_months_12m"] >= 6)
        + (column["repeat_contacts_30d"] >= 2)
        + (column["attachment_requests_12m"] >= 2)
        + (column["partner_contacts_12m"] >= 1)
    )
    recent = (column["months_since_life_event"] >= 0) & (column["months_since_life_event"] <= 4)
    new_support = (column["months_on_income_support"] >= 1) & (column["months_on_income_support"] <= 6)
    unsettled = recent | (column["benefits_started_6m"] >= 2) | new_support
    at = {role: segments.index(segment) for role, segment in ROLES.items()}
    return np.select([signs >= 3, unsettled], [at["in need"], at["unsettled"]], at["settled"])


def choose_thresholds(data: Dataset, probabilities: Floats) -> tuple[Thresholds, dict[str, str]]:
    """abstain_below, confident_from and minimum_known from validation data, and the reason for each.

    Parameters
    ----------
    data : Dataset
        Validation customers, unseen in fitting.
    probabilities : ndarray of shape (n_samples, n_segments)
    """
    known, gains = _minimum_known(data, probabilities)
    enough = data.known >= known
    grid = np.round(np.arange(0.50, HIGHEST_ABSTENTION + 1e-9, 0.02), 2)
    abstain = next(
        (t for t in grid if _all_precise(data, probabilities, enough, t, PRECISION_WANTED)), grid[-1]
    )
    grid = np.round(np.arange(0.70, 0.951, 0.01), 2)
    confident = next(
        (t for t in grid if _all_precise(data, probabilities, enough, t, CONFIDENT_PRECISION)), grid[-1]
    )
    thresholds: Thresholds = {
        "abstain_below": float(abstain),
        "confident_from": float(confident),
        "minimum_known": known,
    }
    measured = ", ".join(f"{count} known {gain:.0%}" for count, gain in gains.items())
    reasons = {
        "abstain_below": (
            f"the lowest probability from which each segment named on validation data is right at least"
            f" {PRECISION_WANTED:.0%} of the time; never above {HIGHEST_ABSTENTION}, so that a life event just reported,"
            " with little else known, is still answered"
        ),
        "confident_from": (
            f"the lowest probability from which each segment named is right at least {CONFIDENT_PRECISION:.0%} of the time"
        ),
        "minimum_known": (
            f"at least {FEWEST_KNOWN}, and as many that knowing them removes {INFORMATION_WANTED:.0%} of the uncertainty"
            f" (log loss) left by the shares alone; measured: {measured}"
        ),
    }
    return thresholds, reasons


def _minimum_known(data: Dataset, probabilities: Floats) -> tuple[int, dict[int, float]]:
    shares = _shares(data)
    losses = -np.log(np.clip(probabilities[np.arange(len(data.y)), data.y], 1e-9, 1))
    prior = -np.log(np.clip(shares[data.y], 1e-9, 1))
    gains = {}
    for count in range(1, 6):
        rows = data.known == count
        if rows.sum() >= FEWEST_NAMED:
            gains[count] = float(1 - losses[rows].mean() / prior[rows].mean())
    fit = [count for count, gain in gains.items() if count >= FEWEST_KNOWN and gain >= INFORMATION_WANTED]
    return (min(fit) if fit else FEWEST_KNOWN), gains


def _all_precise(
    data: Dataset, probabilities: Floats, enough: NDArray[np.bool_], above: float, wanted: float
) -> bool:
    """Whether each segment named often enough to tell is right at least `wanted` of the time."""
    named, sure = probabilities.argmax(axis=1), enough & (probabilities.max(axis=1) >= above)
    for at in range(len(data.segments)):
        predicted = sure & (named == at)
        if predicted.sum() >= FEWEST_NAMED and (data.y[predicted] == at).mean() < wanted:
            return False
    return True


def _precision(y: Ints, named: Ints, among: NDArray[np.bool_], at: int) -> float | None:
    predicted = among & (named == at)
    return _share((y == at)[predicted])


def _calibration_error(y: Ints, probabilities: Floats, weight: Floats) -> float:
    best, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == y
    bins = np.minimum((best * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gap = np.bincount(bins, weight * (best - right), CALIBRATION_BINS)
    return float(np.abs(gap).sum() / weight.sum())


def _shares(data: Dataset) -> Floats:
    """Weighted shares of the segments, one imagined customer added to each so that none is 0."""
    counts = np.bincount(data.y, data.weight, len(data.segments)) + 1
    return np.asarray(counts / counts.sum())


def _share(hits: NDArray[np.bool_]) -> float | None:
    return _round(hits.mean()) if hits.size else None


def _round(number: SupportsFloat) -> float:
    return round(float(number), 4)
