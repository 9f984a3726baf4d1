"""What a draft of the rulebook would have come to, from the log of another: only where experiments left overlap.

A draft may change which variants a rule tries, and their shares; its value is then the logged outcomes weighed by how
much likelier the draft offers each. Anything else is refused: a deterministic table leaves no overlap. The log joins no
two items of an answer, so every interval takes the worst for granted, that all items of one answer fare alike. Only
`training` may import this.

References
----------
Inverse propensity scoring: Horvitz and Thompson (1952). Self-normalised: Swaminathan and Joachims, *The Self-Normalized
Estimator for Counterfactual Learning* (2015); its variance by the delta method: Owen, *Monte Carlo theory, methods and
examples* (2013), 9.2. Effective sample size: Kish (1965). Sample-ratio mismatch: Kohavi, Tang, Xu (2020), chapter 21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.authoring.diff import Edition
from models.contract.codes import CUSTOMER_TYPES
from models.contract.intervals import Z95, Interval
from models.contract.vocabulary import Condition
from models.decision.decision_table import Rule
from training.off_policy.outcome_log import Counted

FEWEST: Final = 30
"""Items shown of a variant below which a normal interval is not to be believed; assumption."""
MISMATCH: Final = 4.0
"""Standard errors by which shares as logged may differ from shares as written; beyond, IPS is not told."""
OUTCOMES: Final = ("opened", "completed", "dismissed", "helpful")
_ROUNDING: Final = 1e-9
Floats = NDArray[np.float64]


class DraftError(ValueError):
    """A draft, or a log, from which nothing can be estimated; the message says why."""


class Weighed(NamedTuple):
    """Estimates of shares with their 95 % intervals; arrays of shape (..., 3): estimate, low, high.

    `ips` is NaN where variants were shown unlike their shares, which it takes for granted.
    """

    ips: Floats
    self_normalised: Floats
    effective: Floats


@dataclass(frozen=True, slots=True)
class Share:
    """One outcome: as logged, and under the draft. IPS is None where it cannot be told."""

    outcome: str
    logged: Interval
    ips: Interval | None
    self_normalised: Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a draft would have come to in one rule, for customers who can be drawn.

    Attributes
    ----------
    shares : mapping of str to (int, int)
        Each variant's share (percent) before and in the draft.
    shown : int
        Items shown that the log has of it.
    effective : float
        How many answers offered by the draft itself would tell as much.
    """

    rule: str
    experiment: str
    shares: Mapping[str, tuple[int, int]]
    shown: int
    effective: float
    outcomes: tuple[Share, ...]


def estimate_draft(old: Edition, new: Edition, log: Sequence[Counted]) -> list[Estimate]:
    """The value of a draft in each rule whose experiment it changes.

    Raises
    ------
    DraftError
        If the draft changes anything but variants and their shares, or offers what the log never saw.
    """
    return [_estimate_rule(before, after, log) for before, after in changed_experiments(old, new)]


def changed_experiments(old: Edition, new: Edition) -> list[tuple[Rule, Rule]]:
    """The rules whose experiment a draft changes, before and after. Raises `DraftError` if it changes anything else."""
    changed = []
    for kind in CUSTOMER_TYPES:
        rules = [edition.rulebook.tables[kind].rules for edition in (old, new)]
        for before, after in zip(*rules, strict=False):
            _refuse_other_changes(before, after)
            if before.experiment != after.experiment:
                changed.append((before, after))
        if len(rules[0]) != len(rules[1]):
            longer = max(rules, key=len)
            raise DraftError(_refusal(longer[min(map(len, rules))].id, "is only in one of the two"))
    for what, read in _BESIDE_RULES.items():
        if read(old) != read(new):
            raise DraftError(_refusal("The draft", f"changes {what}"))
    if not changed:
        raise DraftError("The draft changes no experiment. There is nothing to estimate.")
    return changed


def weigh(weights: Floats, trials: Floats, successes: Floats, cluster: Floats) -> Weighed:
    """Shares of success under other shares of variants, from counts.

    Parameters
    ----------
    weights : ndarray of shape (n_groups,)
        Draft's share over logged propensity, of each group of trials.
    trials, successes : ndarray of shape (..., n_groups)
    cluster : ndarray of shape (n_groups,)
        Trials that one answer makes at most; those of one answer are taken to come out alike.
    """
    n, failures = trials.sum(axis=-1), trials - successes
    weight = (weights * trials).sum(axis=-1)
    mean_weight = weight / n
    off = np.sqrt((cluster * trials * (weights - 1) ** 2).sum(axis=-1)) / n
    hits = (weights * successes).sum(axis=-1)
    plain = hits / n
    variance = cluster * (successes * (weights - plain[..., None]) ** 2 + failures * plain[..., None] ** 2)
    ips = _interval(plain, np.sqrt(variance.sum(axis=-1)) / n)
    ips[abs(mean_weight - 1) > MISMATCH * off + _ROUNDING] = np.nan
    share = hits / weight
    spread = successes * (1 - share[..., None]) ** 2 + failures * share[..., None] ** 2
    variance = cluster * weights**2 * spread
    self_normalised = _interval(share, np.sqrt(variance.sum(axis=-1)) / weight)
    effective = weight**2 / (cluster * weights**2 * trials).sum(axis=-1)
    return Weighed(ips, self_normalised, effective)


def _interval(estimate: Floats, error: Floats) -> Floats:
    bounds = [estimate, estimate - Z95 * error, estimate + Z95 * error]
    return np.clip(np.stack(bounds, axis=-1), 0.0, 1.0)


def _refuse_other_changes(before: Rule, after: Rule) -> None:
    one, other = (replace(rule, experiment=None) for rule in (before, after))
    if one.id != other.id:
        raise DraftError(_refusal(one.id, f"stands where the draft has {other.id}"))
    differing = [
        field.name for field in fields(Rule) if getattr(one, field.name) != getattr(other, field.name)
    ]
    if differing:
        raise DraftError(_refusal(one.id, f"differs in {', '.join(differing)}"))


def _refusal(subject: str, what: str) -> str:
    return (
        f"{subject} {what}. Only variants and their shares can be estimated: a deterministic table leaves no overlap, so "
        "the log says nothing of what customers were never offered."
    )


def _conditions(edition: Edition) -> dict[str, Condition]:
    """Who is in each group, and who states each segment."""
    vocabulary = edition.rulebook.facts.vocabulary
    groups = {code: term.when for code, term in vocabulary.groups.items()}
    return groups | {code: term.when for code, term in vocabulary.segments.items()}


_BESIDE_RULES: Final[Mapping[str, Any]] = {
    "the guarantees": lambda edition: edition.rulebook.guarantees,
    "the campaigns": lambda edition: edition.rulebook.campaigns.all,
    "who is in a group or states a segment": _conditions,
    "for how long an answer holds": lambda edition: edition.rulebook.answer_valid_days,
    "what channels carry": lambda edition: {
        name: (channel.card, channel.carries) for name, channel in edition.channels.items()
    },
}


def _estimate_rule(before: Rule, after: Rule, log: Sequence[Counted]) -> Estimate:
    if before.experiment is None:
        raise DraftError(_refusal(before.id, "had no experiment"))
    experiment = before.experiment.id
    target = _target(before, after)
    groups = [row for row in log if row.rule == before.id and row.variant.startswith(f"{experiment}/")]
    shown = dict.fromkeys((arm.id for arm in before.arms()), 0)
    for row in groups:
        arm = row.variant.partition("/")[2]
        shown[arm] = shown.get(arm, 0) + row.shown
    for arm, share in target.items():
        if share and shown[arm] < FEWEST:
            how_often = f"was shown {shown[arm]} times" if shown[arm] else "was never logged"
            raise DraftError(
                f"{before.id}: the variant `{arm}` of the experiment `{experiment}` {how_often}; at least {FEWEST} are needed."
            )
    kinds = {arm.id: len(arm.content) for arm in before.arms()}
    most = max(kinds.values())
    arms = [row.variant.partition("/")[2] for row in groups]
    weights = np.array(
        [target.get(arm, 0) / 100 / row.propensity for arm, row in zip(arms, groups, strict=True)]
    )
    cluster = np.array([kinds.get(arm, most) for arm in arms], dtype=float)
    outcomes = [_share(name, groups, weights, cluster) for name in OUTCOMES]
    trials = np.array([row.shown for row in groups], dtype=float)
    return Estimate(
        before.id,
        experiment,
        {arm.id: (arm.share, target[arm.id]) for arm in before.arms()},
        sum(row.shown for row in groups),
        float(weigh(weights, trials, np.zeros_like(trials), cluster).effective),
        tuple(each for each in outcomes if each is not None),
    )


def _target(before: Rule, after: Rule) -> dict[str, int]:
    """The draft's share of each variant as it was logged; a variant is what it offers, not what it is called."""
    target = dict.fromkeys((arm.id for arm in before.arms()), 0)
    for arm in after.arms():
        same = next((one.id for one in before.arms() if one.content == arm.content), None)
        if same is None:
            offered = ", ".join(arm.content)
            raise DraftError(
                _refusal(before.id, f"offers in its variant `{arm.id}` what was never logged ({offered})")
            )
        target[same] += arm.share
    return target


def _share(outcome: str, groups: Sequence[Counted], weights: Floats, cluster: Floats) -> Share | None:
    """One outcome's shares; of those who said whether it helped for *helpful*, else of items shown. None without any."""
    of = "rated" if outcome == "helpful" else "shown"
    trials = np.array([getattr(row, of) for row in groups], dtype=float)
    # counts wait separately until there are five, so one may be ahead of another by a few
    successes = np.minimum([getattr(row, outcome) for row in groups], trials)
    if not (weights * trials).sum():
        return None
    logged = weigh(np.ones_like(weights), trials, successes, cluster).self_normalised
    weighed = weigh(weights, trials, successes, cluster)
    # who rates may depend on the variant, and then only a share of those who did can be carried over
    tellable = outcome != "helpful" and not np.isnan(weighed.ips[0])
    return Share(
        outcome,
        Interval(*logged.tolist()),
        Interval(*weighed.ips.tolist()) if tellable else None,
        Interval(*weighed.self_normalised.tolist()),
    )
