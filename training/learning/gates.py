"""Gates: what a training must reach, read from ``config.toml``; which failures stop it and which must be signed for.

`training.learning.signatures` says what signing is. Only `training` may import this.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from training.learning.documents import GateDocument, GateKind, OnFailure
from training.learning.groups import Difference

CONFIG: Final = Path(__file__).parent.parent / "config.toml"
_SECTIONS: Final = ("gates", "proxy", "groups", "drift", "evaluation")


class ConfigError(ValueError):
    """``config.toml`` lacks a section or field; the message names it. Correct the file."""


class GatesFailedError(RuntimeError):
    """A gate that stops a training failed; nothing was written. The message names each with its figure and limit."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: its figure, its limit, and what a failure does (``stop``, or ``sign``: a reason must be signed).

    `kind` says whether it is about the quality of the model or a difference between groups. `metric`, `segment` and `group`
    (audit attribute -> value) are those of a difference, else empty.
    """

    name: str
    figure: float
    limit: float
    passed: bool
    on_failure: OnFailure
    kind: GateKind = "quality"
    detail: str = ""
    metric: str = ""
    segment: str = ""
    group: dict[str, str] = field(default_factory=dict)

    def document(self) -> GateDocument:
        """As the manifest holds it."""
        filled = {name: value for name, value in asdict(self).items() if value not in ("", {})}
        return cast("GateDocument", filled)


def read_config(path: Path = CONFIG) -> dict[str, Any]:
    """The parsed configuration.

    Raises
    ------
    ConfigError
        If it is no TOML, a section is missing, or it holds signatures.
    """
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}). Correct the file.") from error
    shipped = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    for section in _SECTIONS:
        missing = shipped[section].keys() - config.get(section, {}).keys()
        if missing:
            raise ConfigError(
                f"{path}: section [{section}] lacks {', '.join(sorted(missing))}. Copy them from {CONFIG.name}."
            )
    if "signed" in config:
        raise ConfigError(
            f"{path}: [[signed]] does not belong here: a signature holds for the data it was given for. Take the entries out;"
            " after a training, `arki-train sign FOLDER` prints what is to be signed for."
        )
    return config


def quality_gates(figures: dict[str, Any], config: dict[str, Any]) -> list[Gate]:
    """The gates on the model's figures.

    Parameters
    ----------
    figures : dict
        log_loss, ceiling_log_loss, calibration_error, macro_f1_over_rules (low end of its interval; None where the rules
        name a segment that the labels do not), compiled_difference, test_customers; proxy, of attribute -> feature ->
        strength; median_margin_error, None where the customers are not simulated.
    """
    limits = config["gates"]
    few = figures["test_customers"] < limits["fewest_test_customers"]
    detail = f"only {figures['test_customers']:,} test customers" if few else ""
    failure: OnFailure = "sign" if few else "stop"
    ratio = figures["log_loss"] / figures["ceiling_log_loss"]
    gates = [
        _at_most("log loss by that of the ceiling", ratio, limits["log_loss_over_ceiling"], failure, detail),
        _at_most(
            "calibration error", figures["calibration_error"], limits["calibration_error"], failure, detail
        ),
    ]
    gain, least = figures["macro_f1_over_rules"], limits["macro_f1_over_rules"]
    if gain is not None:
        name = "macro F1 over the hand-written rules, low end"
        gates.append(Gate(name, gain, least, gain > least, failure, detail=detail))
    gates.append(
        _at_most(
            "compiled table beside estimator",
            figures["compiled_difference"],
            limits["compiled_difference"],
            "stop",
        )
    )
    if figures["median_margin_error"] is not None:
        gates.append(
            _at_most(
                "median error of the simulated population",
                figures["median_margin_error"],
                limits["median_margin_error"],
                "stop",
            )
        )
    for attribute, strengths in figures["proxy"].items():
        strongest = max(strengths, key=strengths.__getitem__)
        limit = config["proxy"].get(attribute, min(config["proxy"].values()))
        gates.append(
            _at_most(f"proxy strength for {attribute}", strengths[strongest], limit, failure, strongest)
        )
    return gates


def _at_most(name: str, figure: float, limit: float, on_failure: OnFailure, detail: str = "") -> Gate:
    return Gate(name, round(figure, 6), limit, figure <= limit, on_failure, detail=detail)


def group_gates(differences: list[Difference], config: dict[str, Any]) -> list[Gate]:
    """A gate for each difference that lies beyond the largest; each must be signed for."""
    limits = config["groups"]
    return [
        Gate(
            f"{each.metric} of {each.segment}, {each.attribute}: {each.group}",
            round(each.difference, 4),
            limits["largest_difference"],
            passed=False,
            on_failure="sign",
            kind="difference",
            detail=f"{each.rate:.3f} beside {each.others:.3f}, ±{limits['interval'] * each.error:.3f}",
            metric=each.metric,
            segment=each.segment,
            group=dict(each.members),
        )
        for each in differences
        if each.verdict(limits["largest_difference"], limits["interval"]) == "beyond"
    ]


def check(gates: list[Gate]) -> None:
    """Stop a training whose gates say so.

    Raises
    ------
    GatesFailedError
    """
    failed = [gate for gate in gates if not gate.passed and gate.on_failure == "stop"]
    if failed:
        reasons = "; ".join(
            f"{gate.name} is {gate.figure:.4g}, allowed {gate.limit:g}"
            + (f" ({gate.detail})" if gate.detail else "")
            for gate in failed
        )
        raise GatesFailedError(
            f"{len(failed)} gate{'s' * (len(failed) > 1)} failed and nothing was written: {reasons}. Correct the data or the"
            " model; limits are in training/config.toml."
        )
