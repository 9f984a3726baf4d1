"""One training run, from customers to everything that is written: candidates, figures, gates and the files' content.

All candidates are fitted on one split and measured on the same test part, which is touched once. In a simulation the test
customers come from a seed of their own. Only `training` may import this; `artifacts` writes what it returns.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.contract.codes import UNKNOWN
from models.decision.scorecard import FEATURES, read_scorecard
from training.files import read_table
from training.learning import bootstrap, curves, gates, groups, offers
from training.learning.dataset import (
    Dataset,
    Floats,
    Ints,
    Split,
    read_dataset,
    split,
    split_two,
    unknown_signals,
)
from training.learning.documents import (
    Evaluation,
    FeatureShares,
    GroupLimits,
    Manifest,
    PairTried,
    ReferenceShares,
    Thresholds,
)
from training.learning.evaluate import answered, baselines, choose_thresholds, metrics
from training.learning.leakage import TrainingDataError
from training.learning.pipeline import (
    calibrate,
    check_compiled,
    compile_scorecard,
    fit,
    fit_with_pairs,
    log_loss,
)
from training.learning.signatures import Signature, sign
from training.progress import progress, step
from training.segments import SIMULATED, inferred_segments, not_judged
from training.simulation import calibration
from training.simulation.calibration_report import PopulationFigures, calibration_report, summary
from training.simulation.population import population
from training.simulation.population_sample import population_sample
from training.simulation.sensitivity import segment_shares

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

SIMULATION: Final = "the simulated population"
TEST_SEED: Final = 0x7E57  # added to the seed: test customers that nothing was chosen on
TEST_SHARE: Final = 0.6  # test customers per customer to train on, so that small groups can be told apart
SERVED: Final = "scorecard with pairs (served)"
MAIN_EFFECTS: Final = "scorecard without pairs"
LIBRARIES: Final = ("joblib", "matplotlib", "numpy", "pyarrow", "scikit-learn", "scipy")


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What a run is asked: a file of labelled customers, or a simulation of some size and seed.

    `segments` are those that the labels may name, in the order of the model's rows.
    """

    data: Path | None
    customers: int
    seed: int
    config: dict[str, Any]
    processes: int = 1
    signatures: tuple[Signature, ...] = ()
    segments: tuple[str, ...] = field(default_factory=inferred_segments)

    @property
    def simulated(self) -> bool:
        """Whether labels are Arki's own."""
        return self.data is None


@dataclass(slots=True)
class TrainingReport:
    """What a run found: the manifest's content, the model, figures and texts; `artifacts.write` makes files of them.

    `void` names the signatures that cover no failure of it, and why.
    """

    manifest: Manifest
    scorecard: dict[str, Any]
    pipeline: Pipeline
    evaluation: Evaluation[groups.Difference]
    limits: GroupLimits
    void: list[str]
    calibration: str | None = None
    sample: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Fitted:
    pipeline: Pipeline
    main_effects: Pipeline
    pairs: tuple[tuple[int, int], ...]
    tried: list[PairTried]
    temperature: float
    thresholds: Thresholds
    reasons: dict[str, str]
    order_cost: dict[str, float]


def train(request: TrainingRequest) -> TrainingReport:
    """Fit, calibrate, compile, prove, measure and judge.

    Raises
    ------
    training.learning.leakage.TrainingDataError, training.files.CustomerFileError
        If the data must not be trained on.
    training.learning.gates.GatesFailedError
        If a gate that stops a training failed.
    """
    parts, source = _read(request)
    fitted = _fit(parts)
    scorecard = compile_scorecard(fitted.pipeline, fitted.thresholds, parts.train.segments)
    limits = request.config["gates"]
    with step(f"Proving the compiled scorecard equal on {len(parts.test.y):,} customers"):
        difference = check_compiled(
            scorecard, fitted.pipeline, parts.test.X, limits["compiled_difference"], limits["compiled_tie"]
        )
    candidates = _candidates(parts, fitted, request.seed)
    evaluation = _evaluate(parts, candidates, fitted, scorecard, request)
    margins, report = _calibrate(request)
    judged = _judge(parts, candidates, evaluation, difference, margins, request.config)
    gates.check(judged)
    manifest = _manifest(request, parts, source, scorecard, fitted, evaluation)
    manifest |= {
        "compiled_equal_within": float(f"{difference:.1e}"),
        "group_limits": request.config["groups"],
        "gates": [gate.document() for gate in judged],
    }
    if sentences := _not_judged(parts.train.segments):
        manifest["not_judged"] = sentences
    void = sign(manifest, list(request.signatures))
    if margins is not None:
        manifest["population"] = margins
    training_report = TrainingReport(
        manifest, scorecard, fitted.pipeline, evaluation, request.config["groups"], void, report
    )
    if request.simulated:
        with step("Counting the sample by what its customers ask"):
            training_report.sample = population_sample(
                parts.test.table, read_scorecard(scorecard), scorecard["version"], request.seed
            )
    return training_report


def _read(request: TrainingRequest) -> tuple[Split, str]:
    if request.data is not None:
        with step("Reading customers"):
            source = str(request.data)
            labelled = read_dataset(read_table(request.data), source, request.segments)
            return split(labelled, request.seed, source), request.data.name
    if set(request.segments) != set(SIMULATED):
        raise TrainingDataError(
            f"{SIMULATION}: labels {', '.join(SIMULATED)}, and the model is to infer {', '.join(request.segments)}. Bring"
            " labels of these with --data."
        )
    parts = []
    for customers, seed in (
        (request.customers, request.seed),
        (round(request.customers * TEST_SHARE), request.seed + TEST_SEED),
    ):
        table = population(customers, seed, with_employers=False, processes=request.processes)
        parts.append(read_dataset(table, SIMULATION, request.segments))
    train_part, validation = split_two(parts[0], request.seed)
    return Split(train_part, validation, parts[1]), SIMULATION


def _fit(parts: Split) -> _Fitted:
    with step(f"Looking for pairs, then fitting on {len(parts.train.y):,} customers"):
        pairs, tried = fit_with_pairs(parts.train, parts.validation)
        pipeline, main_effects = fit(parts.train, pairs), fit(parts.train)
        free = fit(parts.train, pairs, rising=False)
        temperature = calibrate(pipeline, parts.validation)
        for other in (main_effects, free):
            calibrate(other, parts.validation)
        thresholds, reasons = choose_thresholds(parts.validation, pipeline.predict_proba(parts.validation.X))
    held, freed = log_loss(pipeline, parts.validation), log_loss(free, parts.validation)
    cost = {
        "log_loss": round(held, 5),
        "log_loss_without_order": round(freed, 5),
        "cost": round(held - freed, 5),
        "agreement": _agreement(pipeline, free, parts.validation),
    }
    return _Fitted(pipeline, main_effects, pairs, tried, temperature, thresholds, reasons, cost)


def _agreement(one: Pipeline, other: Pipeline, data: Dataset) -> float:
    return round(float((one.predict(data.X) == other.predict(data.X)).mean()), 5)


def _candidates(parts: Split, fitted: _Fitted, seed: int) -> dict[str, Floats]:
    with step("Fitting what the model is judged beside"):
        beside = baselines(parts.train, parts.test, seed)
    return {
        SERVED: fitted.pipeline.predict_proba(parts.test.X),
        MAIN_EFFECTS: fitted.main_effects.predict_proba(parts.test.X),
        **beside,
    }


def _evaluate(
    parts: Split,
    candidates: dict[str, Floats],
    fitted: _Fitted,
    scorecard: dict[str, Any],
    request: TrainingRequest,
) -> Evaluation[groups.Difference]:
    """Everything measured on the test part, and the curves of training."""
    wanted, test, served = request.config["evaluation"], parts.test, candidates[SERVED]
    with step("Resampling for intervals"):
        intervals = bootstrap.intervals(
            test,
            candidates,
            precision=wanted["precision_of_supported"],
            resamples=wanted["bootstrap"],
            seed=request.seed,
        )
    with progress("Learning curve and stability", len(curves.LEARNING_ROWS) + curves.SEEDS) as advance:
        learning = curves.learning_curve(parts, fitted.pairs, advance)
        steady = curves.stability(parts, fitted.pairs, served, request.seed, advance)
    personal = _personal_service(test, scorecard, wanted["personal_channels"])
    silent = (served.max(axis=1) < fitted.thresholds["abstain_below"]) | (
        test.known < fitted.thresholds["minimum_known"]
    )
    named = np.where(silent, len(test.segments), served.argmax(axis=1))
    differences = groups.differences(test, groups.GroupAnswers(named, personal), request.config["groups"])
    edges = {
        table["features"][0]: table["edges"][0]
        for table in scorecard["tables"]
        if len(table["features"]) == 1
    }
    return {
        "intervals": intervals,
        "metrics": {name: metrics(test, each) for name, each in candidates.items()},
        "answered": answered(test, served, fitted.thresholds),
        "abstention_curve": curves.abstention_curve(test, served, fitted.thresholds["minimum_known"]),
        "calibration_curve": curves.calibration_curve(test, served),
        "confusion": curves.confusion(test, served, fitted.thresholds),
        "learning_curve": learning,
        "stability": steady,
        "pairs_tried": fitted.tried,
        "order_cost": fitted.order_cost,
        "personal_service": None
        if personal is None
        else round(float(np.average(personal, weights=test.weight)), 4),
        "groups": differences,
        "proxy": groups.proxy_strength(test, edges),
        "reference": reference(test, edges, named),
    }


def _personal_service(
    test: Dataset, scorecard: dict[str, Any], channels: list[str]
) -> NDArray[np.bool_] | None:
    if offers.unknown_to_rules(test.segments):
        return None
    with progress("Offers to test customers", test.table.num_rows) as advance:
        return offers.personal_service(test.table, offers.recommender(scorecard), channels, advance)


def _not_judged(segments: tuple[str, ...]) -> list[str]:
    unknown = offers.unknown_to_rules(segments)
    return not_judged(segments) + [
        f"Who is offered personal service is not measured: the shipped rules know no segment {', '.join(unknown)}."
    ] * bool(unknown)


def reference(data: Dataset, edges: dict[str, list[int]], named: Ints) -> ReferenceShares:
    """Shares of customers by bin of each feature (*missing* last) and by segment named, for `arki-train drift`."""
    signals: dict[str, FeatureShares] = {}
    for position, feature in enumerate(FEATURES):
        column, per_feature = data.X[:, position], edges[feature]
        bins = np.searchsorted(per_feature, column, side="right")
        bins = np.where(np.isnan(column), len(per_feature) + 1, bins)
        shares = np.bincount(bins, data.weight, len(per_feature) + 2) / data.weight.sum()
        signals[feature] = {
            "edges": list(per_feature),
            "shares": [round(float(share), 6) for share in shares],
        }
    mix = np.bincount(named, data.weight, len(data.segments) + 1) / data.weight.sum()
    names = [*data.segments, UNKNOWN]
    return {
        "customers": len(data.y),
        "signals": signals,
        "segments": {name: round(float(share), 6) for name, share in zip(names, mix, strict=True)},
    }


def _calibrate(request: TrainingRequest) -> tuple[PopulationFigures | None, str | None]:
    if not request.simulated:
        return None, None
    persons = int(np.clip(request.customers // 2, 6_000, 100_000))
    with step("Comparing the population with published figures"):
        by_year = calibration.records(persons, request.seed, request.processes)
        margins = calibration.calibrate(by_year)
        seasons = calibration.seasons(by_year)
    with step("Trying assumptions by half of themselves"):
        tried = segment_shares(persons // 5, request.seed, request.processes)
    run = {"persons": persons, "seed": request.seed}
    figures = summary(margins)
    figures["segment_shares"] = {row["assumption"]: row["shares"] for row in tried}
    return figures, calibration_report(margins, seasons, tried, run)


def _judge(
    parts: Split,
    candidates: dict[str, Floats],
    evaluation: Evaluation[groups.Difference],
    difference: float,
    margins: PopulationFigures | None,
    config: dict[str, Any],
) -> list[gates.Gate]:
    ceiling = next(name for name in candidates if name.startswith("boosting"))
    served = evaluation["intervals"][SERVED]
    gain = served.get("macro_f1_over_rules")
    figures = {
        "log_loss": served["log_loss"][0],
        "ceiling_log_loss": evaluation["intervals"][ceiling]["log_loss"][0],
        "calibration_error": served["calibration_error"][0],
        "macro_f1_over_rules": gain and gain[1],
        "compiled_difference": difference,
        "test_customers": len(parts.test.y),
        "median_margin_error": margins["median_error"] if margins else None,
        "proxy": evaluation["proxy"],
    }
    return gates.quality_gates(figures, config) + gates.group_gates(evaluation["groups"], config)


def _manifest(
    request: TrainingRequest,
    parts: Split,
    source: str,
    scorecard: dict[str, Any],
    fitted: _Fitted,
    evaluation: Evaluation[groups.Difference],
) -> Manifest:
    measured, thresholds = dict(evaluation["metrics"]), fitted.thresholds
    values: dict[str, float] = {
        "abstain_below": thresholds["abstain_below"],
        "confident_from": thresholds["confident_from"],
        "minimum_known": thresholds["minimum_known"],
    }
    return {
        "version": scorecard["version"],
        "created_for": "suggesting content and channel to customers of Kela; never eligibility, amounts or order",
        "labels": "simulated by training/LABELLING.md" if request.simulated else f"as given in {source}",
        "data": {
            "source": source,
            "sha256": parts.train.digest,
            "test_sha256": parts.test.digest,
            "audit_sha256": groups.audit_digest(parts.test),
            "unknown_signals": unknown_signals(parts.train),
            "customers": sum(len(part.y) for part in (parts.train, parts.validation, parts.test)),
            "train": len(parts.train.y),
            "validation": len(parts.validation.y),
            "test": len(parts.test.y),
        },
        "seed": request.seed,
        "test_seed": request.seed + TEST_SEED if request.simulated else request.seed,
        "feature_contract": scorecard["feature_contract"],
        "pairs": {" × ".join(each["pair"]): each["gain"] for each in fitted.tried if each["kept"]},
        "thresholds": {
            name: {"value": value, "reason": fitted.reasons[name]} for name, value in values.items()
        },
        "temperature": round(fitted.temperature, 4),
        "metrics": {
            "scorecard": measured.pop(SERVED),
            "answered": evaluation["answered"],
            "beside": measured,
        },
        "libraries": _libraries(),
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def _libraries() -> dict[str, str]:
    from importlib.metadata import version  # noqa: PLC0415  (heavy)

    return {name: version(name) for name in LIBRARIES}
