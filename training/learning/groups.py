"""Differences between audit groups within the same true segment, and how far a signal stands for a barred attribute.

Groups are those of age, sex and language and of their pairs. Barred attributes are read here and nowhere else. Only
`training` may import this.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.decision.scorecard import FEATURES
from training.learning.dataset import Dataset

Bools = NDArray[np.bool_]
METRICS: Final = ("recall", "precision", "abstention", "personal_service")


@dataclass(frozen=True, slots=True)
class GroupAnswers:
    """What test customers got: segment named (n_segments is none), and whether personal service was offered first, if known."""

    named: NDArray[np.int64]
    personal: Bools | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One group beside everyone else of the same true segment; `members` are its audit attributes and their values."""

    metric: str
    segment: str
    members: tuple[tuple[str, str], ...]
    customers: int
    rate: float
    others: float
    error: float

    @property
    def attribute(self) -> str:
        """The audit attribute, or both of a pair."""
        return " × ".join(name for name, _ in self.members)

    @property
    def group(self) -> str:
        """Its value, or both of a pair."""
        return ", ".join(value for _, value in self.members)

    @property
    def difference(self) -> float:
        """Group less others."""
        return self.rate - self.others

    def verdict(self, largest: float, width: float) -> str:
        """``within``, ``beyond`` (the whole interval lies beyond the largest), or ``untold`` (it reaches across)."""
        size, reach = abs(self.difference), width * self.error
        return "within" if size <= largest else "beyond" if size - reach > largest else "untold"


def differences(test: Dataset, answers: GroupAnswers, limits: Mapping[str, float]) -> list[Difference]:
    """Every difference that can be told: groups of at least the size that `limits` ask, cells too."""
    compared = []
    for members, member in _groups(test.audit()):
        if member.sum() < limits["smallest_group"]:
            continue
        for at, segment in enumerate(test.segments):
            true, predicted = test.y == at, answers.named == at
            for metric, among, success in (
                ("recall", true, predicted),
                ("precision", predicted, true),
                ("abstention", true, answers.named == len(test.segments)),
                ("personal_service", true, answers.personal),
            ):
                if success is None:
                    continue
                inside, outside = among & member, among & ~member
                if min(inside.sum(), outside.sum()) < limits["smallest_cell"]:
                    continue
                rate, error = _rate(success[inside], test.weight[inside])
                others, others_error = _rate(success[outside], test.weight[outside])
                both = float(np.hypot(error, others_error))
                compared.append(Difference(metric, segment, members, int(inside.sum()), rate, others, both))
    return compared


def _groups(audit: dict[str, NDArray[np.str_]]) -> Iterator[tuple[tuple[tuple[str, str], ...], Bools]]:
    """Attributes with their values, and membership; pairs of attributes last."""
    attributes = sorted(audit)
    for name in attributes:
        for value in np.unique(audit[name]):
            if value:
                yield ((name, str(value)),), audit[name] == value
    for one, other in itertools.combinations(attributes, 2):
        for first in np.unique(audit[one]):
            for second in np.unique(audit[other]):
                if first and second:
                    both = (audit[one] == first) & (audit[other] == second)
                    yield ((one, str(first)), (other, str(second))), both


def audit_digest(test: Dataset) -> str:
    """sha256 of the audit attributes of each test customer, by which the differences were measured."""
    digest = hashlib.sha256()
    for name, values in sorted(test.audit().items()):
        digest.update(json.dumps([name, values.tolist()]).encode())
    return digest.hexdigest()


def _rate(success: Bools, weight: NDArray[np.float64]) -> tuple[float, float]:
    """Weighted rate and its standard error; one imagined success and failure keep the error above 0."""
    rate = float(np.average(success, weights=weight))
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    smoothed = (rate * effective + 1) / (effective + 2)
    return rate, float(np.sqrt(smoothed * (1 - smoothed) / effective))


def proxy_strength(test: Dataset, edges: dict[str, list[int]]) -> dict[str, dict[str, float]]:
    """Attribute -> signal's feature -> share of the attribute's uncertainty that knowing the feature's bin removes.

    Mutual information by entropy, less what chance alone gives; *missing* is a bin.
    """
    strength: dict[str, dict[str, float]] = {}
    for attribute, values in test.audit().items():
        _, groups = np.unique(values, return_inverse=True)
        strength[attribute] = {}
        for position, feature in enumerate(FEATURES):
            column = test.X[:, position]
            bins = np.where(np.isnan(column), -1, np.searchsorted(edges[feature], column, side="right"))
            strength[attribute][feature] = round(_uncertainty_removed(bins, groups, test.weight), 4)
    return strength


def _uncertainty_removed(
    bins: NDArray[np.int64], groups: NDArray[np.int64], weight: NDArray[np.float64]
) -> float:
    _, at = np.unique(bins, return_inverse=True)
    table = np.zeros((at.max() + 1, groups.max() + 1))
    np.add.at(table, (at, groups), weight)
    shares = table / table.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    entropy = -float((columns[columns > 0] * np.log(columns[columns > 0])).sum())
    if entropy == 0:
        return 0.0
    present = shares > 0
    information = float((shares[present] * np.log(shares[present] / np.outer(rows, columns)[present])).sum())
    by_chance = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * len(bins))  # Miller–Madow
    return float(max(information - by_chance, 0.0) / entropy)
