"""Bars for tables as inline SVG: a chart whose every row stands beside its label and its figure in real text.

Only shapes with classes, so that the style sheet colours them and no style is inline; words stay in the table, where
they grow with the reader's text size. The picture is hidden from screen readers, the figure beside it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from markupsafe import Markup

_HIGH: Final = 12


def reach_of(values: Iterable[float | None]) -> float:
    """The longest bar of a chart: the greatest distance from zero; 1 where all are zero."""
    return max((abs(value) for value in values if value is not None), default=0.0) or 1.0


def bar(
    value: float,
    reach: float,
    *,
    low: float | None = None,
    high: float | None = None,
    signed: bool = False,
) -> Markup:
    """One bar of a chart.

    Parameters
    ----------
    value : float
    reach : float
        What fills the whole width (half of it where `signed`).
    low, high : float, optional
        The ends of an interval, drawn as whiskers.
    signed : bool
        Whether values may be negative: zero is in the middle then.
    """
    zero, scale = (50.0, 50.0 / reach) if signed else (0.0, 100.0 / reach)
    length = max(abs(value) * scale, 0.4)
    left = zero if value >= 0 else zero - length
    sign = "towards" if value >= 0 else "against"
    parts = [
        f'<svg class="chart" viewBox="0 0 100 {_HIGH}" preserveAspectRatio="none" aria-hidden="true" focusable="false">',
        f'<rect class="track" width="100" height="{_HIGH}"/>',
        f'<rect class="{sign}" x="{left:.2f}" y="1" width="{length:.2f}" height="{_HIGH - 2}"/>',
    ]
    if signed:
        parts.append(f'<path class="axis" d="M{zero} 0v{_HIGH}"/>')
    if low is not None and high is not None:
        ends = [zero + end * scale for end in (low, high)]
        middle = _HIGH / 2
        parts.append(
            f'<path class="whisker" d="M{ends[0]:.2f} 2v{_HIGH - 4}M{ends[0]:.2f} {middle}H{ends[1]:.2f}M{ends[1]:.2f} 2v{_HIGH - 4}"/>'
        )
    return Markup("".join(parts) + "</svg>")  # noqa: S704  (numbers alone)
