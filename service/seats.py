"""How many connections each worker holds, in memory that all workers share, so that a new one goes to who has fewest.

All workers wake when a connection comes and the quickest takes it; of connections that stay, one worker could then hold
all while the other idles. The master makes the memory and gives each worker a seat before it forks; a worker writes its own
seat alone, so nothing is locked.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from typing import Final

SEATS: Final = 256  # four times the most workers, since a reload has twice as many for a while
_NOBODY: Final = -1
_INT: Final = 4  # bytes; one store, so that no reader sees half of it
_shared: Final = memoryview(mmap.mmap(-1, SEATS * _INT)).cast("i")
for _seat in range(SEATS):
    _shared[_seat] = _NOBODY


def free_seat(taken: Iterable[int]) -> int:
    """A seat that nobody of those named has. Raises `LookupError` where there is none."""
    free = set(range(SEATS)) - {*taken}
    if not free:
        raise LookupError("every worker's seat is taken")
    return min(free)


def hold(seat: int, connections: int) -> None:
    """Say how many connections the worker in a seat holds."""
    _shared[seat] = connections


def leave(seat: int) -> None:
    """Say that nobody in a seat takes connections any more."""
    _shared[seat] = _NOBODY


def fewest() -> int:
    """The fewest connections that any worker holds; 0 where there is none."""
    return min((held for held in _shared if held != _NOBODY), default=0)
