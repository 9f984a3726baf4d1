"""The estimator and its serving form: binned features, multinomial log-odds, and their compilation to a scorecard.

A scikit-learn pipeline of `SignalBinner` and logistic regression is fitted, calibrated and compiled to the JSON that
`models.decision.scorecard` reads; the two are compared on the whole test set before anything is written. Only `training` may
import this.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from models.decision.scorecard import FEATURE_CONTRACT, FEATURES, FORMAT, SCALE, read_scorecard
from training.learning.dataset import Dataset, known_features
from training.learning.documents import PairTried, Thresholds
from training.learning.monotone import MonotoneLogisticRegression
from training.segments import SUPPORTED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST_DIFFERENCE: Final = 1e-4
TIE: Final = 2e-4
MAX_BINS: Final = 14
FEWEST_PER_BIN: Final = 80
INVERSE_PENALTY: Final = 0.15
PAIR_GAIN: Final = 0.0003
PAIRS_TRIED: Final = 3
SCAN_ROWS: Final = 40_000
MOST_PAIRS: Final = 6
PAIR_BINS: Final = 6
FEWEST_PER_PAIR_BIN: Final = 150
RISING: Final = (
    "repeat_contacts_30d",
    "attachment_requests_12m",
    "reconsiderations_12m",
    "partner_contacts_12m",
    "social_assistance_months_12m",
)
"""More of these never lowers the odds of *supported* against any other segment; *missing* is exempt. They join no pair, since
a pair could hide a fall. Their sense: trouble in handling a matter, another authority's work, length of last-resort support.
Where the labels name no *supported*, they are signals like any other."""


class CompilationError(RuntimeError):
    """The compiled scorecard and its estimator disagree; nothing was written. Report it: it is a fault in Arki."""


class SignalBinner(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Whole-number features to steps: column k of a feature is 1 where its value has reached edge k, or is missing.

    Steps, not one-hot bins: a penalty on a step's coefficient is a penalty on the *difference* of neighbouring bins, so a
    sparse bin leans on its neighbour. A sum of steps is one row per bin, which is what the scorecard holds.

    Parameters
    ----------
    max_bins : int
        Most bins of known values per feature.
    fewest_per_bin : int
        Rows under which a bin is joined with its neighbour.
    pairs : tuple of pairs of int
        Positions in `FEATURES` whose cells get a column each.
    pair_bins, fewest_per_pair_bin : int
        The same limits for the features of a pair.
    """

    def __init__(
        self,
        max_bins: int = MAX_BINS,
        fewest_per_bin: int = FEWEST_PER_BIN,
        pairs: tuple[tuple[int, int], ...] = (),
        pair_bins: int = PAIR_BINS,
        fewest_per_pair_bin: int = FEWEST_PER_PAIR_BIN,
    ) -> None:
        self.max_bins = max_bins
        self.fewest_per_bin = fewest_per_bin
        self.pairs = pairs
        self.pair_bins = pair_bins
        self.fewest_per_pair_bin = fewest_per_pair_bin

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:  # noqa: ARG002, N803  (scikit-learn's signature)
        """Choose the edges of each feature and remember how common each bin is."""
        columns = np.asarray(X, dtype=np.float64).T
        self.n_features_in_ = len(columns)
        self.tables_ = tuple((at,) for at in range(len(columns))) + self.pairs
        self.edges_ = tuple(
            tuple(
                _edges(columns[at], self.max_bins, self.fewest_per_bin)
                if len(table) == 1
                else _edges(columns[at], self.pair_bins, self.fewest_per_pair_bin)
                for at in table
            )
            for table in self.tables_
        )
        self.cell_shares_ = tuple(
            np.bincount(_cells(columns, table, edges), minlength=_n_cells(edges)) / columns.shape[1]
            for table, edges in zip(self.tables_, self.edges_, strict=True)
        )
        return self

    def steps_of(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Positions of the columns that are steps of the named features; those of pairs are not among them."""
        positions: list[int] = []
        at = 0
        for table, edges in zip(self.tables_, self.edges_, strict=True):
            if len(table) == 1 and FEATURES[table[0]] in names:
                positions += range(at, at + len(edges[0]))
            at += cell_columns(edges).shape[1]
        return tuple(positions)

    def transform(self, X: ArrayLike) -> Floats:  # noqa: N803  (scikit-learn's word)
        """The columns of each table, side by side; shape (n_samples, n_columns)."""
        columns = np.asarray(X, dtype=np.float64).T
        return np.hstack(
            [
                cell_columns(edges)[_cells(columns, table, edges)]
                for table, edges in zip(self.tables_, self.edges_, strict=True)
            ]
        )


def fit(data: Dataset, pairs: tuple[tuple[int, int], ...] = (), *, rising: bool = True) -> Pipeline:
    """Fit the estimator to X and y of a dataset: binned features, then multinomial log-odds under the order of `RISING`.

    Parameters
    ----------
    data : Dataset
    pairs : tuple of pairs of int
        Positions in `FEATURES` that get a table of their own together.
    rising : bool
        False leaves the order out, to measure what it costs.
    """
    binner = SignalBinner(pairs=pairs).fit(data.X)
    steps = binner.steps_of(_rising(data.segments)) if rising else ()
    log_odds = MonotoneLogisticRegression(rising=steps, C=INVERSE_PENALTY)
    columns = binner.transform(data.X)
    # The estimator raises its last class: the segment that leads changes places with the last one, and back.
    places = np.arange(len(data.segments))
    lead = _leading(data.segments)
    places[[lead, -1]] = places[[-1, lead]]
    log_odds.fit(columns, places[data.y], sample_weight=data.weight)
    log_odds.coef_, log_odds.intercept_ = log_odds.coef_[places], log_odds.intercept_[places]
    # A feature unknown of everyone marks each row alike. That is the intercept's part: known later, it must change nothing.
    always = columns.all(axis=0)
    log_odds.intercept_ += log_odds.coef_[:, always].sum(axis=1)
    log_odds.coef_[:, always] = 0.0
    return Pipeline([("bins", binner), ("log_odds", log_odds)])


def fit_with_pairs(
    train: Dataset, validation: Dataset
) -> tuple[tuple[tuple[int, int], ...], list[PairTried]]:
    """Choose pairs of features: the best of a scan at a time, each kept only for its measured gain.

    The scan and its trials use at most `SCAN_ROWS` customers, `fit` then uses all.

    Returns
    -------
    tuple of pairs of int
        Positions in `FEATURES`.
    list of PairTried
        Each pair tried: its names, the log loss it removed on `validation`, and whether it was kept (at least `PAIR_GAIN`).
    """
    train = train.take(np.arange(min(SCAN_ROWS, len(train.y))))
    best = fit(train)
    loss = log_loss(best, validation)
    pairs: tuple[tuple[int, int], ...] = ()
    record: list[PairTried] = []
    while len(pairs) < MOST_PAIRS:
        candidates = [pair for pair in find_pairs(best, train, PAIRS_TRIED) if pair not in pairs]
        tried = [(pair, fit(train, (*pairs, pair))) for pair in candidates]
        losses = [log_loss(candidate, validation) for _, candidate in tried]
        if not tried:
            break
        at = int(np.argmin(losses))
        pair, gain = tried[at][0], loss - losses[at]
        record.append(
            {
                "pair": [FEATURES[each] for each in pair],
                "gain": round(gain, 5),
                "kept": bool(gain >= PAIR_GAIN),
            }
        )
        if gain < PAIR_GAIN:
            break
        pairs, best, loss = (*pairs, pair), tried[at][1], losses[at]
    return pairs, record


def log_loss(pipeline: Pipeline, data: Dataset) -> float:
    """Mean log loss of a fitted pipeline on a dataset."""
    likely = pipeline.predict_proba(data.X)[np.arange(len(data.y)), data.y]
    return -float(np.average(np.log(np.clip(likely, 1e-9, 1)), weights=data.weight))


def find_pairs(pipeline: Pipeline, data: Dataset, most: int) -> list[tuple[int, int]]:
    """Pairs of features whose cells would lower the fitted pipeline's training loss most, best first.

    The gain of a cell is that of one Newton step from the fitted probabilities, (Σ residual)² / (Σ p(1 − p) + penalty).
    Features under the order of `RISING` join no pair, nor do those unknown of everyone.
    """
    binner = SignalBinner(max_bins=PAIR_BINS, fewest_per_bin=FEWEST_PER_PAIR_BIN).fit(data.X)
    probabilities = pipeline.predict_proba(data.X)
    residual = (np.eye(probabilities.shape[1])[data.y] - probabilities) * data.weight[:, None]
    curvature = probabilities * (1 - probabilities) * data.weight[:, None]
    gains = []
    rising = _rising(data.segments)
    free = [at for at in known_features(data).tolist() if FEATURES[at] not in rising]
    for pair in itertools.combinations(free, 2):
        edges = tuple(binner.edges_[at][0] for at in pair)
        cells = _cells(data.X.T, pair, edges)
        gain = 0.0
        for at in range(probabilities.shape[1]):
            pull = np.bincount(cells, residual[:, at], _n_cells(edges))
            gain += float((pull**2 / (np.bincount(cells, curvature[:, at], _n_cells(edges)) + 10.0)).sum())
        gains.append((gain, pair))
    return [pair for _, pair in sorted(gains, reverse=True)[:most]]


def calibrate(pipeline: Pipeline, data: Dataset) -> float:
    """Scale the fitted log-odds by one temperature that minimises log loss on held-out data; returns it.

    Dividing coefficients and intercept *is* temperature scaling, so the pipeline stays a plain one.
    """
    scores = pipeline.decision_function(data.X)
    rows = np.arange(len(data.y))

    def loss(log_temperature: float) -> float:
        scaled = scores / math.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        log_p = scaled[rows, data.y] - np.log(np.exp(scaled).sum(axis=1))
        return -float(np.average(log_p, weights=data.weight))

    low, high = -1.5, 1.5
    for _ in range(40):  # the loss has one minimum: each round keeps two thirds of the interval
        third = (high - low) / 3
        low, high = (low, high - third) if loss(low + third) < loss(high - third) else (low + third, high)
    temperature = math.exp((low + high) / 2)
    model = pipeline.named_steps["log_odds"]
    model.coef_ /= temperature
    model.intercept_ /= temperature
    return temperature


def cell_columns(edges: tuple[tuple[int, ...], ...]) -> Floats:
    """What each cell of a table looks like to the regression; shape (n_cells, n_columns).

    One feature: a step per edge reached, and a mark for missing. A pair: one mark per cell.
    """
    if len(edges) > 1:
        return np.eye(_n_cells(edges))
    n = len(edges[0])
    rows = np.zeros((n + 2, n + 1))
    rows[: n + 1, :n] = np.tril(np.ones((n + 1, n)), k=-1)
    rows[n + 1, n] = 1.0
    return rows


def compile_scorecard(
    pipeline: Pipeline, thresholds: Thresholds, segments: tuple[str, ...]
) -> dict[str, Any]:
    """The fitted pipeline as the JSON document that `models.decision.scorecard.read_scorecard` accepts.

    Each table is centred on the training customers, so that a row is what a signal adds compared with the customers' mean.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted by `fit`, calibrated by `calibrate`.
    thresholds : Thresholds
    segments : tuple of str
        Those of the data set that it was fitted to.
    """
    lead = _leading(segments)
    binner, model = pipeline.named_steps["bins"], pipeline.named_steps["log_odds"]
    intercept = model.intercept_.astype(np.float64).copy()
    tables, at = [], 0
    for table, edges, shares in zip(binner.tables_, binner.edges_, binner.cell_shares_, strict=True):
        columns = cell_columns(edges)
        rows = columns @ model.coef_[:, at : at + columns.shape[1]].T
        at += columns.shape[1]
        rows -= rows.mean(axis=1, keepdims=True)  # the same for every segment changes no probability
        mean = shares @ rows
        intercept += mean
        tables.append(
            {
                "features": [FEATURES[position] for position in table],
                "edges": [list(per_feature) for per_feature in edges],
                "rows": _fixed_point(rows - mean, lead),
            }
        )
    document: dict[str, Any] = {
        "format": FORMAT,
        "feature_contract": FEATURE_CONTRACT,
        "segments": list(segments),
        "intercept": _fixed_point(intercept - intercept.mean(), lead),
        "tables": tables,
        **thresholds,
    }
    return {"version": version_of(document), **document}


def version_of(document: dict[str, Any]) -> str:
    """First 12 hexadecimal digits of the sha256 of a scorecard's canonical content, its version left out."""
    content = {name: value for name, value in document.items() if name != "version"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[
        :12
    ]


def check_compiled(
    document: dict[str, Any],
    pipeline: Pipeline,
    X: Floats,  # noqa: N803  (scikit-learn's word)
    largest: float = LARGEST_DIFFERENCE,
    tie: float = TIE,
) -> float:
    """Compare the serving evaluator with the estimator on every row of X; returns the largest difference found.

    Raises
    ------
    CompilationError
        If a probability differs by more than `LARGEST_DIFFERENCE`, or the segment where the two best are not a tie.
    """
    scorecard = read_scorecard(document)
    rows = [tuple(None if math.isnan(value) else int(value) for value in row) for row in X.tolist()]
    served = np.array([scorecard.probabilities(row) for row in rows])
    fitted = pipeline.predict_proba(X)
    difference = float(np.abs(served - fitted).max())
    best = np.sort(fitted, axis=1)
    decided = best[:, -1] - best[:, -2] > tie
    parted = int((served.argmax(axis=1) != fitted.argmax(axis=1))[decided].sum())
    if difference > largest or parted:
        raise CompilationError(
            f"the compiled scorecard differs from the estimator by {difference:.2e} in a probability (at most"
            f" {largest:.0e}) and in the segment of {parted} of {len(X)} customers; nothing was written."
        )
    return difference


def _rising(segments: tuple[str, ...]) -> tuple[str, ...]:
    """The features under the order."""
    return RISING if SUPPORTED in segments else ()


def _leading(segments: tuple[str, ...]) -> int:
    """Position of the segment whose odds `RISING` never lowers; of the last where no order is demanded."""
    return segments.index(SUPPORTED) if SUPPORTED in segments else len(segments) - 1


def _edges(column: Floats, max_bins: int, fewest: int) -> tuple[int, ...]:
    """Whole-number edges that spread the known values over at most `max_bins` bins, none with fewer than `fewest` rows.

    Values pile up at zero, so each bin takes an even share of the rows that are *left*.
    """
    values, counts = np.unique(column[~np.isnan(column)].astype(np.int64), return_counts=True)
    edges: list[int] = []
    left, in_bin = int(counts.sum()), 0
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        wanted = max((left + in_bin) / (max_bins - len(edges)), fewest)
        if in_bin >= wanted and left >= fewest and len(edges) < max_bins - 1:
            edges.append(value)
            in_bin = 0
        in_bin += count
        left -= count
    return tuple(edges)


def _cells(columns: Floats, table: tuple[int, ...], edges: tuple[tuple[int, ...], ...]) -> Ints:
    """Cell of each sample, as `models.decision.scorecard` counts them: bin = number of edges ≤ value, missing last."""
    cell = np.zeros(columns.shape[1], np.int64)
    for at, per_feature in zip(table, edges, strict=True):
        values = columns[at]
        known = np.searchsorted(np.array(per_feature), values, side="right")
        cell = cell * (len(per_feature) + 2) + np.where(np.isnan(values), len(per_feature) + 1, known)
    return cell


def _n_cells(edges: tuple[tuple[int, ...], ...]) -> int:
    return math.prod(len(per_feature) + 2 for per_feature in edges)


def _fixed_point(log_odds: Floats, lead: int) -> list[Any]:
    """Whole numbers of 2⁻¹⁶ log-odds; leads of one segment are rounded, so that their order survives."""
    leading = log_odds[..., lead : lead + 1]
    leads = np.rint((leading - log_odds) * SCALE)
    return list((np.rint(leading * SCALE) - leads).astype(np.int64).tolist())
