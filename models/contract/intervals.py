"""Intervals of a share and of the difference of two shares, from counts alone; the standard library does.

Counts may be known only as "at least": `Range` holds every share that they allow, and intervals are taken at its ends.

References
----------
E. B. Wilson, *Probable inference, the law of succession, and statistical inference* (1927). R. G. Newcombe, *Interval
estimation for the difference between independent proportions* (1998), method 10.
"""

from __future__ import annotations

from math import hypot, sqrt
from typing import Final, NamedTuple

Z95: Final = 1.959963984540054  # the 97.5th percentile of the normal distribution


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    estimate: float
    low: float
    high: float


class Range(NamedTuple):
    """The shares that counts allow while some still wait: the least and the most, each as successes and trials."""

    least: tuple[int, int]
    most: tuple[int, int]

    @property
    def width(self) -> float:
        """Difference of the two shares, 0 to 1."""
        return self.most[0] / self.most[1] - self.least[0] / self.least[1]


def part_range(successes: int, trials: int, *, waiting: int) -> Range:
    """The shares of successes among trials where up to `waiting` more of each are not counted yet.

    Every success is a trial. Raises `ValueError` where there are no trials.
    """
    _need_trials(successes, trials)
    most = successes + waiting
    return Range((successes, max(trials + waiting, successes)), (most, max(trials, most)))


def two_way_range(successes: int, failures: int, *, waiting: int) -> Range:
    """The shares of successes where up to `waiting` more successes, and as many failures, are not counted yet.

    Raises `ValueError` where there are neither.
    """
    _need_trials(successes, successes + failures)
    trials = successes + failures + waiting
    return Range((successes, trials), (successes + waiting, trials))


def wilson_over(shares: Range, estimate: float) -> Interval:
    """An estimate with an interval that holds the Wilson interval of every share in the range."""
    return Interval(estimate, wilson(*shares.least).low, wilson(*shares.most).high)


def wilson(successes: int, trials: int) -> Interval:
    """A share and its Wilson interval. Raises `ValueError` unless 0 <= successes <= trials and there are trials."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError("a share needs trials, and no more successes than trials")
    share, z2 = successes / trials, Z95 * Z95
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else middle - half  # exactly, where rounding would say -1e-17
    high = 1.0 if successes == trials else middle + half
    return Interval(share, low, high)


def newcombe_over(one: Range, other: Range, estimate: float) -> Interval:
    """A difference of two shares with an interval that holds Newcombe's of every two shares in the ranges."""
    least = newcombe(wilson(*one.least), wilson(*other.most))
    most = newcombe(wilson(*one.most), wilson(*other.least))
    return Interval(estimate, least.low, most.high)


def newcombe(one: Interval, other: Interval) -> Interval:
    """The difference of two independent shares, each as `wilson` gives it: Newcombe's hybrid score interval."""
    difference = one.estimate - other.estimate
    below = hypot(one.estimate - one.low, other.high - other.estimate)
    above = hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(difference, difference - below, difference + above)


def _need_trials(successes: int, trials: int) -> None:
    if successes < 0 or trials <= 0:
        raise ValueError("a share needs trials, and no fewer than no successes")
