"""The card's sections that hold figures: candidates, gates, groups, barred attributes, pairs, order, population.

Only `training` may import this; `model_card` puts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.contract.codes import BARRED
from models.contract.signals import DECLARED
from models.decision.scorecard import FEATURE_SIGNAL, SCALE
from training.learning.documents import (
    EvaluationDocument,
    GateDocument,
    GroupLimits,
    Interval,
    Manifest,
    PairTried,
    Stability,
    gate_kind,
)
from training.segments import SUPPORTED, SUPPORTED_RECALL
from training.simulation.calibration_report import PopulationFigures

SHOWN_GROUPS: Final = 15
SHOWN_NAMES: Final = 6
_FIGURES: Final = {
    "log_loss": "log loss",
    "macro_f1": "macro F1",
    "brier": "Brier",
    "calibration_error": "calibration error",
    SUPPORTED_RECALL: f"recall of {SUPPORTED}",
}


def figures_section(manifest: Manifest, evaluation: EvaluationDocument) -> str:
    """Every candidate with intervals, the served model by segment, and the plots."""
    served = next(iter(evaluation["intervals"].values()))
    shown = {figure: title for figure, title in _FIGURES.items() if figure in served}
    recall = (
        f"; *recall of {SUPPORTED}* is the share of the truly {SUPPORTED} that can be found while 70 % of those named so are so"
        " (limit in `config.toml`)"
    ) * (SUPPORTED_RECALL in served)
    lines = [
        "## Figures on the test part\n",
        (
            "Estimate and 95 % interval over resampled customers. The ceiling is unrestricted boosting, never served"
            f"{recall}.\n"
        ),
        f"| model | {' | '.join(shown.values())} |",
        "|---|" + "---:|" * len(shown),
    ]
    for name, intervals in evaluation["intervals"].items():
        cells = " | ".join(_interval(intervals[figure]) for figure in shown)
        lines.append(f"| {name} | {cells} |")
    answers, metrics = manifest["metrics"]["answered"], manifest["metrics"]["scorecard"]
    lines += [
        "\n| segment | share | recall | precision | precision where answered | abstained |",
        "|---|" + "---:|" * 5,
    ]
    for segment, figures in metrics["segments"].items():
        row = [
            f"{figures['share']:.3f}",
            _interval(served[f"recall_{segment}"]),
            _interval(served[f"precision_{segment}"]),
            _number(answers["precision"][segment]),
            _number(answers["abstention_by_true_segment"][segment]),
        ]
        lines.append(f"| {segment} | " + " | ".join(row) + " |")
    largest = max(metrics["segments"], key=lambda segment: metrics["segments"][segment]["share"])
    lines += [
        (
            f"\nThe model abstains for {answers['abstention_rate']:.1%} of customers"
            f" ({share(answers['abstention_rate_where_enough_is_known'])} of those of whom enough signals are known) and is right for"
            f" {share(answers['accuracy'])} of the rest. Accuracy is mostly the large share of *{largest}*: read the segments."
            f"{_over_rules(served)}\n"
        ),
        "![Calibration by segment](plot-calibration.png)\n",
        "![Share of each true segment that is named each segment](plot-confusion.png)\n",
        "![Learning curve and abstention](plot-learning.png)\n",
        _stability(evaluation["stability"]),
    ]
    return "\n".join(lines)


def _over_rules(served: dict[str, Interval]) -> str:
    if "macro_f1_over_rules" not in served:
        return ""
    gain, low, high = served["macro_f1_over_rules"]
    return f" Macro F1 is {gain:+.3f} beside the hand-written rules ({low:+.3f} to {high:+.3f})."


def _stability(stability: Stability) -> str:
    figures = "; ".join(
        f"{name.replace('_', ' ')} {mean:.3f} ± {deviation:.3f}"
        for name, (mean, deviation, _, _) in stability["figures"].items()
    )
    moved = (
        f"; the probability of *{SUPPORTED}* moves by {stability['moved']:.4f} on average"
        if "moved" in stability
        else ""
    )
    return (
        f"Five models of five resamples of the training customers: {figures}. Their likeliest segment is the served model's for"
        f" {stability['agreement']:.1%} of test customers{moved}.\n"
    )


def gates_section(gates: list[GateDocument], not_judged: Sequence[str] = ()) -> str:
    """What the training had to reach; failures with their reasons, and what could not be judged."""
    lines = ["## Gates\n", "| gate | figure | limit | |", "|---|---:|---:|---|"]
    for gate in gates:
        if gate_kind(gate) == "quality":
            verdict = "passed" if gate["passed"] else "**failed**"
            detail = f" ({gate['detail']})" if gate.get("detail") else ""
            lines.append(f"| {gate['name']} | {gate['figure']:.4g} | {gate['limit']:g} | {verdict}{detail} |")
    differences = sum(gate_kind(gate) == "difference" for gate in gates)
    lines.append(
        f"\nDifferences between audit groups beyond their limit, interval and all: {differences}. `arki-train promote` refuses"
        " the model until someone has signed a reason for each, for these customers and at most this size: `arki-train sign`.\n"
    )
    lines += [f"- **Not judged.** {sentence}" for sentence in not_judged]
    failed = [gate for gate in gates if not gate["passed"]]
    by_reason: dict[tuple[str, str, str], list[str]] = {}
    for gate in failed:
        signed = gate.get("signed")
        key = (signed["reason"], signed["signed_by"], signed["date"]) if signed else ("", "", "")
        by_reason.setdefault(key, []).append(gate["name"])
    for (reason, signed_by, date), names in by_reason.items():
        shown = "; ".join(names[:SHOWN_NAMES])
        shown += f"; and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        statement = f"{reason} Signed: {signed_by}, {date}." if reason else "**No reason is signed.**"
        lines.append(f"- {len(names)} failure{'s' * (len(names) > 1)} ({shown}): {statement}")
    return "\n".join(lines) + "\n"


def groups_section(evaluation: EvaluationDocument, limits: GroupLimits) -> str:
    """The largest differences within the same true segment."""
    differences = evaluation["groups"]
    if not differences:
        return "## Differences between groups\n\nNo audit attributes were given, or no group was large enough to tell.\n"
    verdicts = [each["verdict"] for each in differences]
    compared, personal, offered = "Recall, precision and abstention", "", evaluation["personal_service"]
    if offered is not None:
        compared = "Recall, precision, abstention and personal service offered"
        personal = (
            " Personal service is what the real recommender with the shipped rulebook suggests first"
            f" ({offered:.1%} of all)."
        )
    lines = [
        "## Differences between groups\n",
        (
            f"{compared}, each group beside everyone else **of the same true segment** (precision: of those named so), for age, sex,"
            f" language and their pairs; groups of at least {limits['smallest_group']}, at least {limits['smallest_cell']} of them in the segment.{personal} Of"
            f" {len(differences)} differences {verdicts.count('within')} are within {limits['largest_difference']},"
            f" {verdicts.count('untold')} beyond it but not for sure, {verdicts.count('beyond')} beyond it with their whole"
            " interval. All are in `evaluation.json`.\n"
        ),
        "![The largest differences](plot-groups.png)\n",
        "| of | group | customers | rate | others | difference | |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    largest = sorted(
        differences,
        key=lambda each: (
            -abs(each["rate"] - each["others"]),
            each["metric"],
            each["segment"],
            each["attribute"],
            each["group"],
        ),
    )
    lines += [
        f"| {each['metric']}, {each['segment']} | {each['attribute']}: {each['group']} | {each['customers']:,}"
        f" | {each['rate']:.3f} | {each['others']:.3f} | {each['rate'] - each['others']:+.3f} ± {each['reach']:.3f}"
        f" | {each['verdict']} |"
        for each in largest[:SHOWN_GROUPS]
    ]
    return "\n".join(lines) + "\n"


def barred_section(proxy: dict[str, dict[str, float]]) -> str:
    """What is barred, and how far any single signal stands for it."""
    lines = [
        "## Barred attributes\n\nThese are no signals, are refused by name in requests and in training data, and reach no part of"
        " the model (YVTLTK 216/2017; GDPR 9): "
        + ", ".join(sorted(BARRED))
        + ".\n\nWhich life event or benefit it is does not"
        " reach the model either, only how many and how recent. Age band, sex and language stand in `audit_` columns, to"
        " measure differences between groups.\n",
    ]
    if proxy:
        lines += [
            (
                "A signal may still stand for an attribute. Share of the attribute's uncertainty that knowing one signal removes"
                " (mutual information by entropy), the three strongest:\n"
            ),
            "| attribute | strongest signals |",
            "|---|---|",
        ]
    for attribute, strengths in proxy.items():
        strongest = sorted(strengths.items(), key=lambda item: (-item[1], item[0]))[:3]
        lines.append(
            f"| {attribute} | " + ", ".join(f"{name} {value:.3f}" for name, value in strongest) + " |"
        )
    return "\n".join(lines) + "\n"


def pairs_section(scorecard: dict[str, Any], tried: list[PairTried]) -> str:
    """Each declared pair: its gain and what it means; and the one that did not gain enough."""
    lines = ["## Pairs of signals\n"]
    pairs = {tuple(table["features"]): table for table in scorecard["tables"] if len(table["features"]) > 1}
    if not pairs:
        lines.append("None: no pair gained enough on validation data.\n")
    else:
        lines.append(
            "Found by a scan of Newton gains, kept for a measured gain on validation data. The numbers are what the pair adds"
            " beyond its two signals alone.\n"
        )
    for each in tried:
        names = " × ".join(each["pair"])
        if each["kept"]:
            lines.append(
                f"- **{names}** (log loss lowered by {each['gain']:.4f}): "
                + _pair(pairs[tuple(each["pair"])], scorecard["segments"])
            )
        else:
            lines.append(f"- {names}: tried next, gained {each['gain']:.4f}, left out.")
    return "\n".join(lines) + "\n"


def _pair(table: dict[str, Any], segments: list[str]) -> str:
    """What a pair means, by the known cells that speak most for each segment but the first."""
    one, other = ([*bin_names(edges)][:-1] for edges in table["edges"])
    rows = np.array(table["rows"], dtype=float).reshape(len(one) + 1, len(other) + 1, -1)[:-1, :-1] / SCALE
    first, second = (DECLARED["person"][FEATURE_SIGNAL[name]].meaning.lower() for name in table["features"])
    meanings = []
    for at, segment in list(enumerate(segments))[1:]:
        lead = rows[:, :, at] - rows.mean(axis=2)
        a, b = np.unravel_index(lead.argmax(), lead.shape)
        meanings.append(
            f"most towards {segment} ({lead.max():+.2f}) where {table['features'][0]} is {one[int(a)]} and"
            f" {table['features'][1]} {other[int(b)]}"
        )
    return f"{first}, read together with {second}; " + ", ".join(meanings) + "."


def order_section(cost: dict[str, float], segments: list[str]) -> str:
    """What the order of the signals of trouble costs; nothing where there is no segment that it is about."""
    if SUPPORTED not in segments:
        return ""
    return (
        "## Order that sense demands\n\nMore repeat contacts, attachment requests, corrections, contacts by a partner or months of"
        f" social assistance never lower the odds of *{SUPPORTED}* against another segment; *unknown* is exempt, and these signals"
        " join no pair. The estimator is refitted under this order before calibration. Its cost: log loss on validation"
        f" {cost['log_loss']:.5f} instead of {cost['log_loss_without_order']:.5f} ({cost['cost']:+.5f}); the likeliest segment"
        f" is the same for {cost['agreement']:.2%} of customers.\n"
    )


def population_section(population: PopulationFigures | None) -> str:
    """How near the simulated population is to published figures; nothing where the customers are not simulated."""
    if not population:
        return ""
    return (
        f"## The population beside published figures\n\n{population['margins']} published margins, median relative error"
        f" {population['median_error']:.1%} ({population['median_error_of_checked']:.1%} of those that nothing was set to);"
        f" {len(population['above_limit'])} above 35 %, {len(population['above_limit_without_reason'])} of them without a written reason. [CALIBRATION.md](CALIBRATION.md) shows each, the"
        " seasons, and how far the segment shares move when an assumption is half or one and a half of itself.\n"
    )


def bin_names(edges: list[int]) -> list[str]:
    """Names of a feature's bins as a reader would say them; *unknown* last."""
    if not edges:
        return ["any", "unknown"]
    starts = [0, *edges]
    names = [
        f"{low}" if low == high - 1 else f"{low}–{high - 1}" for low, high in zip(starts, edges, strict=False)
    ]
    return [*names, f"{edges[-1]} or more", "unknown"]


def share(value: float | None) -> str:
    """A share in per cent; a dash where it is about nobody."""
    return "–" if value is None else f"{value:.1%}"


def _interval(interval: list[float]) -> str:
    estimate, low, high = interval
    return f"{estimate:.3f} ({low:.3f}–{high:.3f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
