"""Admission control: which requests a worker takes on, and which it refuses at once with a 503.

A request is in a *lane* by its operation, which is known once it is routed, so that every spelling of an address is in the
right one: `probe` (health, readiness, metrics: never refused), `waiting` (waits for a database, a disk or a child process),
`bulk` (costs as much as several recommendations) and `single`, everything else.

A worker answers with `threads` threads, T. At most T // 4 of them serve the lane `waiting`, and T // 4 the lane `bulk` (one at
least, and together at most half), so that half of them are left for single requests, which take a millisecond, and for probes:
with 16 threads 4 and 4, and 8 are left; with one or two, one is slow at a time. Single requests are refused where T // 2 are
inside and, for `LONGEST_BUSY_S`, none has found fewer than T // 4: a burst is not an overload. Bulk requests are refused as soon
as that begins, so they go first.

How long a request waited before is known where a trusted proxy stamps `X-Request-Start`: above `LONGEST_QUEUE_S` it is refused before it is
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
LONGEST_BUSY_S: Final = 0.25
LONGEST_BELIEVED_S: Final = 60.0
"""A stamp that is older, or of the future, tells of a wrong clock, not of a queue."""
RETRY_AFTER_S: Final = 1
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
        slow = max(1, threads // 4)
        self.limits: Final[Mapping[Lane, int]] = {
            "single": max(1, threads // 2),
            "bulk": slow,
            "waiting": slow,
        }
        self._most_slow, self._few = max(1, threads // 2), slow
        self._inside: dict[Lane, int] = {"single": 0, "bulk": 0, "waiting": 0, "probe": 0}
        self._busy_since: float | None = None
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
            If the lane has been full for long, or the request waited for long and others are being answered.
        """
        with self._lock:
            inside = self._inside["single"]
            if inside < self._few:
                self._busy_since = None
            if self._is_busy(inside) or (
                stamp is not None and inside and queued_s(stamp, self._clock()) > LONGEST_QUEUE_S
            ):
                raise OverloadedError("single")
            self._inside["single"] = inside + 1

    def _is_busy(self, inside: int) -> bool:
        """Whether so many have been inside for long."""
        if inside < self.limits["single"]:
            return False
        now = self._clock()
        if self._busy_since is None:
            self._busy_since = now
        return not 0 <= now - self._busy_since <= LONGEST_BUSY_S

    def enter_probe(self) -> None:
        """Take a probe on, whatever else there is to do."""
        with self._lock:
            self._inside["probe"] += 1

    def move(self, lane: Lane) -> None:
        """Move a request that is now routed from the lane `single` to its own. Raises `OverloadedError`."""
        with self._lock:
            inside = self._inside
            if (
                inside[lane] >= self.limits[lane]
                or inside["bulk"] + inside["waiting"] >= self._most_slow
                or (lane == "bulk" and self._busy_since is not None)
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
