"""What is worked out once and remembered: a cache says what it holds and how much of it at most.

A cache holds what follows from a bundle and its key alone, never a signal of a customer. Threads share caches without locks:
two may work the same value out at a time, and either is right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_ABSENT: Final = object()


class BoundedCache(Generic[T]):
    """Values by key, at most `most`. A full cache is emptied: what is asked for again is soon there again.

    Parameters
    ----------
    most : int
        How many values it may hold.
    """

    __slots__ = ("_values", "most")

    def __init__(self, most: int) -> None:
        self.most, self._values = most, dict[Hashable, T]()

    def __len__(self) -> int:
        return len(self._values)

    def value(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """The value of a key, worked out where it is not there."""
        value = self._values.get(key, _ABSENT)
        if value is not _ABSENT:
            return value  # type: ignore[return-value]  # whatever is not absent was put in below
        if len(self._values) >= self.most:
            self._values.clear()
        worked_out = self._values[key] = work_out()
        return worked_out


class BinCache(dict[int | None, int]):
    """The bin of each value of a feature: the number of edges ≤ value; the bin of None, which is *missing*, is the last.

    Holds at most `MOST_BINS`; the largest count that the contract allows is 1,000.
    """

    def __init__(self, edges: tuple[int, ...]) -> None:
        super().__init__({None: len(edges) + 1})
        self._edges = edges

    def __missing__(self, value: int | None) -> int:
        place = bisect_right(self._edges, value)  # type: ignore[type-var]  # None is there from the start
        if len(self) < MOST_BINS:
            self[value] = place
        return place


MOST_BINS: Final = 1_024
