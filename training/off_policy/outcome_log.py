"""The log of outcomes as `arki-outcomes export` writes it: counts by rule and variant, never an event or a customer.

One JSON object a line. What is counted alike but for content, channel, language and week is added up. Only `training`
may import this.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

COUNTERS: Final = ("shown", "opened", "completed", "dismissed", "helpful", "not_helpful")


class OutcomeLogError(ValueError):
    """A file that is no export of outcomes; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of the items that one rule offered in one variant, chosen with one propensity.

    Attributes
    ----------
    variant : str
        `experiment/variant`; empty where nobody was drawn.
    shown, opened, completed, dismissed, helpful, not_helpful : int
        Items of answers for which the event came at least once.
    """

    rule: str
    variant: str
    propensity: float
    shown: int
    opened: int
    completed: int
    dismissed: int
    helpful: int
    not_helpful: int

    @property
    def rated(self) -> int:
        """Items of which a customer said whether they helped."""
        return self.helpful + self.not_helpful


def read_log(path: Path) -> list[Counted]:
    """The counts of a file, by rule, variant and propensity. Raises `OutcomeLogError`.

    Totals of customers who objected carry no rule and are left out.
    """
    sums: dict[tuple[str, str, float], Counter[str]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    key, counts = _read(line, f"{path.name}:{number}")
                    sums.setdefault(key, Counter()).update(counts)
    except (OSError, UnicodeDecodeError) as error:
        raise OutcomeLogError(f"{path} cannot be read: {error}") from error
    return [
        Counted(rule, variant, propensity, *(counts[name] for name in COUNTERS))
        for (rule, variant, propensity), counts in sorted(sums.items())
        if rule
    ]


def _read(line: str, where: str) -> tuple[tuple[str, str, float], Mapping[str, int]]:
    try:
        row: Any = json.loads(line)
        key = (row["rule"], row["variant"], row["propensity"])
        counts = {name: row[name] for name in COUNTERS}
    except (ValueError, KeyError, TypeError) as error:
        raise OutcomeLogError(
            f"{where} is no line of an export of outcomes ({error}). Write the file with `arki-outcomes export`."
        ) from error
    rule, variant, propensity = key
    if not isinstance(rule, str) or not isinstance(variant, str) or not _is_chance(propensity):
        raise OutcomeLogError(
            f"{where} has a rule, variant or propensity that cannot be. Export the file again."
        )
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in counts.values()):
        raise OutcomeLogError(f"{where} has a count that is no whole number. Export the file again.")
    return (rule, variant, float(propensity)), counts


def _is_chance(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
