"""Admission control: which requests a worker takes on, and which it refuses at once with a 503.

A request is in a *lane* by its operation, which is known once it is routed, so that every spelling of an address is in the
right one: `probe` (health, readiness, metrics: never refused), `waiting` (waits for a database, a disk or a child process),
`bulk` (costs as much as several recommendations) and `single`, everything else.

A worker answers with `threads` threads, T. Of these, max(1, T // 4) at most serve the lane `waiting`, max(1, T // 16) the lane
`bulk`, and the two together never all T (for one thread nothing can be kept free). From T = 16 on, T - waiting - bulk - 2 at
most serve the lane `single`, which leaves two for probes: with 32 threads 8, 2 and 20. Below 16 threads the server's own
queue, which no app sees, holds what is too much, and only the time spent in it counts.

That time is known where a trusted proxy stamps `X-Request-Start`: above `LONGEST_QUEUE_S` a request is refused before it is
routed, unless the worker has nothing else to do, so that a proxy whose clock is wrong cannot empty an idle service.

Knows no WSGI server and no route; `service.app` asks.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal

Lane = Literal["single", "bulk", "waiting", "probe"]

LONGEST_QUEUE_S: Final = 0.25
LONGEST_BELIEVED_S: Final = 60.0
"""A stamp that is older, or of the future, tells of a wrong clock, not of a queue."""
RETRY_AFTER_S: Final = 1
_FEW_THREADS: Final = 16
_KEPT_FOR_PROBES: Final = 2
_STAMP: Final = re.compile(r"(?:t=)?(\d{10})(?:\.(\d{1,6})|(\d{3})|(\d{6}))?")


class OverloadedError(RuntimeError):
    """The lane of a request is full; `retry_after_s` says when to try again."""

    retry_after_s = RETRY_AFTER_S

    def __init__(self, lane: Lane) -> None:
        super().__init__("More requests are waiting than can be answered in time. Try again in a second.")
        self.lane = lane


class AdmissionControl:
    """The lanes of one worker.

    Parameters
    ----------
    threads : int
        How many requests the server lets the worker answer at a time.
    clock : callable, optional
        Seconds since the epoch, by which a proxy stamps requests.
    """

    def __init__(self, threads: int, *, clock: Callable[[], float] = time.time) -> None:
        waiting, bulk = max(1, threads // 4), max(1, threads // 16)
        single = threads if threads < _FEW_THREADS else threads - waiting - bulk - _KEPT_FOR_PROBES
        self.limits: Final[Mapping[Lane, int]] = {"single": single, "bulk": bulk, "waiting": waiting}
        self._slow = min(waiting + bulk, max(1, threads - 1))
        self._inside: dict[Lane, int] = {"single": 0, "bulk": 0, "waiting": 0, "probe": 0}
        self._lock, self._clock = threading.Lock(), clock

    def enter(self, stamp: str | None = None) -> None:
        """Take a request on that is not routed yet, as one of the lane `single`.

        Parameters
        ----------
        stamp : str, optional
            `X-Request-Start` of a trusted proxy.

        Raises
        ------
        OverloadedError
            If the lane is full, or the request waited too long and others are being answered.
        """
        with self._lock:
            inside = self._inside["single"]
            if inside >= self.limits["single"] or (
                stamp is not None and inside and queued_s(stamp, self._clock()) > LONGEST_QUEUE_S
            ):
                raise OverloadedError("single")
            self._inside["single"] = inside + 1

    def enter_probe(self) -> None:
        """Take a probe on, whatever else there is to do."""
        with self._lock:
            self._inside["probe"] += 1

    def move(self, lane: Lane) -> None:
        """Move a request that is now routed from the lane `single` to its own. Raises `OverloadedError`."""
        with self._lock:
            inside = self._inside
            if lane != "probe" and (
                inside[lane] >= self.limits[lane] or inside["bulk"] + inside["waiting"] >= self._slow
            ):
                raise OverloadedError(lane)
            inside["single"] -= 1
            inside[lane] += 1

    def leave(self, lane: Lane) -> None:
        """A request was answered."""
        with self._lock:
            self._inside[lane] -= 1


def queued_s(stamp: str, now: float) -> float:
    """Seconds since a proxy received a request, by its `X-Request-Start`; 0 where the stamp is none to believe.

    Parameters
    ----------
    stamp : str
        Seconds since the epoch (`t=1764268800.123`, as nginx writes it), milliseconds or microseconds.
    now : float
        Seconds since the epoch.
    """
    match = _STAMP.fullmatch(stamp.strip())
    if match is None:
        return 0.0
    seconds, *fractions = match.groups()
    waited = now - int(seconds) - float(f"0.{next((part for part in fractions if part), '0')}")
    return waited if 0 < waited <= LONGEST_BELIEVED_S else 0.0
