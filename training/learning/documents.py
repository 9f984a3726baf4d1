"""The files of a model as types: what `manifest.json` and `evaluation.json` hold, for those who write and who read them.

The types stand for JSON that this version writes. A model of an earlier one may lack what is marked so. Only `training` may
import this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, NotRequired, TypedDict, TypeVar

if TYPE_CHECKING:
    from training.simulation.calibration_report import PopulationFigures

GateKind = Literal["quality", "difference"]
OnFailure = Literal["stop", "sign"]
Interval = list[float]
"""Estimate, and both ends of its 95 % interval."""


class SegmentFigures(TypedDict):
    """Of one segment; None where it is about nobody."""

    share: float
    recall: float | None
    precision: float | None


class Metrics(TypedDict):
    """Figures of one candidate on one set of customers."""

    log_loss: float
    macro_f1: float
    brier: float
    calibration_error: float
    accuracy: float
    segments: dict[str, SegmentFigures]


class Answered(TypedDict):
    """What the abstention rule does; None where a figure is about nobody."""

    abstention_rate: float
    abstention_rate_where_enough_is_known: float | None
    accuracy: float | None
    precision: dict[str, float | None]
    abstention_by_true_segment: dict[str, float | None]


class Thresholds(TypedDict):
    """From which probability, and how many known signals, a segment is named."""

    abstain_below: float
    confident_from: float
    minimum_known: int


class AbstentionPoint(TypedDict):
    """What would be answered at one threshold, by segment."""

    threshold: float
    answered: float
    accuracy: float
    precision: list[float | None]
    recall: list[float | None]


class LearningPoint(TypedDict):
    """Log loss by the number of customers fitted on."""

    customers: int
    fitted: float
    validation: float


class Stability(TypedDict):
    """Five models of five resamples: mean, deviation, lowest and highest of each figure.

    `moved` is about *supported*, and left out where the labels name none.
    """

    figures: dict[str, list[float]]
    agreement: float
    moved: NotRequired[float]


PairTried = TypedDict("PairTried", {"pair": list[str], "gain": float, "kept": bool})  # noqa: UP013  (no variable is named so)
"""A pair of features, what it gained on validation data, and whether it was kept."""


class FeatureShares(TypedDict):
    """Shares of customers by bin of a feature, *missing* last."""

    edges: list[int]
    shares: list[float]


class ReferenceShares(TypedDict):
    """What `arki-train drift` compares with."""

    customers: int
    signals: dict[str, FeatureShares]
    segments: dict[str, float]


class GroupDifference(TypedDict):
    """A `Difference` between groups as JSON, with its reach and verdict."""

    metric: str
    segment: str
    attribute: str
    group: str
    customers: int
    rate: float
    others: float
    reach: float
    verdict: str


D = TypeVar("D")


class Evaluation(TypedDict, Generic[D]):
    """Everything measured on the test part, and the curves of training; `groups` in memory, or as JSON holds them.

    `personal_service` is None where the shipped rules do not know every segment that the model infers.
    """

    intervals: dict[str, dict[str, Interval]]
    metrics: dict[str, Metrics]
    answered: Answered
    abstention_curve: list[AbstentionPoint]
    calibration_curve: dict[str, list[list[float]]]
    confusion: list[list[float]]
    learning_curve: list[LearningPoint]
    stability: Stability
    pairs_tried: list[PairTried]
    order_cost: dict[str, float]
    personal_service: float | None
    proxy: dict[str, dict[str, float]]
    reference: ReferenceShares
    groups: list[D]


EvaluationDocument = Evaluation[GroupDifference]
"""As `evaluation.json` holds it."""


class SignatureEntry(TypedDict):
    """A signature, as a gate of the manifest and a file of signatures hold it; the last three lines are of a group alone."""

    data: str
    metric: str
    at_most: float
    reason: str
    signed_by: str
    date: str
    segment: NotRequired[str]
    group: NotRequired[dict[str, str]]
    lower: NotRequired[str]


class GateDocument(TypedDict):
    """A gate as the manifest holds it; what is empty is left out, and models of before 28 November 2026 name no kind."""

    name: str
    figure: float
    limit: float
    passed: bool
    on_failure: OnFailure
    kind: NotRequired[GateKind]
    detail: NotRequired[str]
    metric: NotRequired[str]
    segment: NotRequired[str]
    group: NotRequired[dict[str, str]]
    signed: NotRequired[SignatureEntry]


class GroupLimits(TypedDict):
    """From when a difference between groups must be signed for."""

    largest_difference: float
    smallest_group: int
    smallest_cell: int
    interval: float


class DataOrigin(TypedDict):
    """What a model was trained and tested on, by digests."""

    source: str
    sha256: str
    test_sha256: str
    audit_sha256: str
    unknown_signals: list[str]
    customers: int
    train: int
    validation: int
    test: int


class Threshold(TypedDict):
    """A threshold and why it is so."""

    value: float
    reason: str


class ManifestMetrics(TypedDict):
    """Figures of the served model, of its answers, and of the candidates beside it."""

    scorecard: Metrics
    answered: Answered
    beside: dict[str, Metrics]


class Manifest(TypedDict):
    """`manifest.json`: what a model is, was made from and reaches; the last keys are added as a training goes on.

    `not_judged` has a sentence for each gate and figure that the labels leave without a segment to be about; absent where
    there is none.
    """

    version: str
    created_for: str
    labels: str
    data: DataOrigin
    seed: int
    test_seed: int
    feature_contract: str
    pairs: dict[str, float]
    thresholds: dict[str, Threshold]
    temperature: float
    metrics: ManifestMetrics
    libraries: dict[str, str]
    python: str
    compiled_equal_within: NotRequired[float]
    group_limits: NotRequired[GroupLimits]
    gates: NotRequired[list[GateDocument]]
    not_judged: NotRequired[list[str]]
    population: NotRequired[PopulationFigures]
    files: NotRequired[dict[str, str]]


def gate_kind(gate: GateDocument) -> GateKind:
    """Whether a gate is about the quality of the model or a difference between groups; models of earlier versions do not say."""
    return gate.get("kind") or ("difference" if gate.get("group") else "quality")
