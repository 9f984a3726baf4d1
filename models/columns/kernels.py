"""The inner loops of batch scoring compiled by numba, where it is installed and can keep what it compiles.

Each gives what the numpy form beside its caller gives: whole numbers are summed, exponentials are added in the same order,
and the caller rounds. Starting numba costs about half a second, so a process asks for it only when many rows are to come
(`use`). Never imported by the serving process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    _Whole = NDArray[np.integer[Any]]
    _Floats = NDArray[np.float64]


class Kernels(NamedTuple):
    """`counts(numbers, validity, start, maximum, codes)` tells whether any is out of range; `scores` fills three outputs."""

    counts: Callable[..., bool]
    scores: Callable[..., None]


_chosen: Final[list[Kernels | None]] = []


def use() -> bool:
    """Use compiled loops in this process from now on; False where numba is missing or has nowhere to keep its cache."""
    _chosen[:] = [_compiled()]
    return _chosen[0] is not None


def kernels() -> Kernels | None:
    """The compiled loops, if this process uses them."""
    return _chosen[0] if _chosen else None


def _compiled() -> Kernels | None:
    try:
        import numba  # noqa: PLC0415  (an extra, and slow to import)

        compile_ = numba.njit(cache=True, nogil=True)
        return Kernels(compile_(_counts), compile_(_scores))
    except (ImportError, RuntimeError):  # RuntimeError: no place for its cache can be written to
        return None


def _counts(numbers: _Whole, validity: _Whole, start: int, maximum: int, codes: _Whole) -> bool:
    """Counts into codes: -1 where the bit of `validity` is not set, -2 out of range; an empty bitmap is all set."""
    bad = False
    has_nulls = len(validity) > 0
    for row in range(len(codes)):
        place = start + row
        if has_nulls and not (validity[place >> 3] >> (place & 7)) & 1:
            codes[row] = -1
        elif numbers[row] < 0 or numbers[row] > maximum:
            codes[row] = -2
            bad = True
        else:
            codes[row] = numbers[row]
    return bad


def _scores(  # noqa: PLR0913, PLR0917  (each is an array of the table)
    x: _Whole,
    places: _Whole,
    lasts: _Whole,
    bins: _Whole,
    bin_starts: _Whole,
    table_ends: _Whole,
    rows: _Whole,
    row_starts: _Whole,
    intercept: _Whole,
    scale: int,
    best: _Whole,
    probability: _Floats,
) -> None:
    """Position of the likeliest segment, and its probability, of each customer."""
    for row in range(len(best)):
        first, second, third = intercept[0], intercept[1], intercept[2]
        position = 0
        for table in range(len(table_ends)):
            cell = row_starts[table]
            while position < table_ends[table]:
                value = min(x[places[position], row], lasts[position])
                cell += bins[bin_starts[position] + value + 1]
                position += 1
            first += rows[cell, 0]
            second += rows[cell, 1]
            third += rows[cell, 2]
        top = max(first, second, third)
        total = math.exp((first - top) / scale) + math.exp((second - top) / scale)
        total += math.exp((third - top) / scale)
        best[row] = 0 if first == top else 1 if second == top else 2
        probability[row] = 1.0 / total
