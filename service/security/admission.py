"""Admission control: which requests a worker takes on, and which it refuses at once with a 503.

A request is in a *lane* by its operation, which is known once it is routed, so that every spelling of an address is in the
right one: `probe` (health, readiness, metrics: never refused), `waiting` (waits for a database, a disk or a child process),
`bulk` (costs as much as several recommendations) and `single`, everything else.

A worker answers with `threads` threads, T. At most T // 2 of them serve the lane `waiting` and T // 2 the lane `bulk`, one at
least, and together at most T - T // 4, so that a quarter is always left for single requests, which take a millisecond, and for
probes: with 16 threads 8 each, 12 together, and 4 are left; with two, one is slow at a time. Single requests are refused where T // 2 are
inside and the first of them has been for `LONGEST_BUSY_S`: many at a time that are answered at once are no overload. Bulk
requests give way where T // 2 single ones are inside.

What waits for a thread no app sees, but a proxy does: where a trusted one stamps `X-Request-Start`, a request that waited longer
than `LONGEST_QUEUE_S` is refused before it is routed, a bulk one after half of that. A worker that has nothing else to do
answers it all the same, so that a proxy whose clock is wrong cannot empty an idle service.

Knows no WSGI server and no route; `service.app` asks.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(eq=False, slots=True)
class Place:
    """A request inside: its lane, since when, and how long it had waited before."""

    lane: Lane
    since: float
    waited_s: float = 0.0


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
        half = max(1, threads // 2)
        self.limits: Final[Mapping[Lane, int]] = {"single": half, "bulk": half, "waiting": half}
        self._most_slow = max(1, threads - max(1, threads // 4))
        self._inside: dict[Lane, dict[Place, None]] = {
            "single": {},
            "bulk": {},
            "waiting": {},
            "probe": {},
        }
        self._lock, self._clock = threading.Lock(), clock

    def enter(self, stamp: str | None = None) -> Place:
        """Take a request on that is not routed yet, as one of the lane `single`.

        Parameters
        ----------
        stamp : str, optional
            `X-Request-Start` of a trusted proxy.

        Raises
        ------
        OverloadedError
            If others are being answered, and this one waited for long or they have been inside for long.
        """
        now = self._clock()
        place = Place("single", now, queued_s(stamp, now) if stamp is not None else 0.0)
        with self._lock:
            single = self._inside["single"]
            # Dicts keep their order, so the first place is that of the request that has been inside for longest.
            if single and (
                place.waited_s > LONGEST_QUEUE_S
                or (len(single) >= self.limits["single"] and now - next(iter(single)).since > LONGEST_BUSY_S)
            ):
                raise OverloadedError("single")
            single[place] = None
        return place

    def enter_probe(self) -> Place:
        """Take a probe on, whatever else there is to do."""
        place = Place("probe", self._clock())
        with self._lock:
            self._inside["probe"][place] = None
        return place

    def move(self, place: Place, lane: Lane) -> None:
        """Move a request that is now routed to its own lane. Raises `OverloadedError`."""
        with self._lock:
            inside = self._inside
            # A request enters as a single one before it is routed, so it is itself among them.
            others = len(inside["single"]) - 1
            if (
                len(inside[lane]) >= self.limits[lane]
                or len(inside["bulk"]) + len(inside["waiting"]) >= self._most_slow
                or (lane == "bulk" and others >= self.limits["single"])
                or (lane == "bulk" and others and place.waited_s > LONGEST_QUEUE_S / 2)
            ):
                raise OverloadedError(lane)
            del inside[place.lane][place]
            inside[lane][place] = None
            place.lane = lane

    def leave(self, place: Place) -> None:
        """A request was answered."""
        with self._lock:
            del self._inside[place.lane][place]

    def inside(self) -> dict[Lane, int]:
        """How many requests are in each lane."""
        with self._lock:
            return {lane: len(places) for lane, places in self._inside.items()}


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
