"""Intervals of a share and of the difference of two shares, from counts alone; the standard library does.

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


def newcombe(one: Interval, other: Interval) -> Interval:
    """The difference of two independent shares, each as `wilson` gives it: Newcombe's hybrid score interval."""
    difference = one.estimate - other.estimate
    below = hypot(one.estimate - one.low, other.high - other.estimate)
    above = hypot(one.high - one.estimate, other.estimate - other.low)
    return Interval(difference, difference - below, difference + above)
