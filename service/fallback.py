"""Keeps a model that is too slow from holding anyone up: a time budget for each answer, and a rest after repeated misses.

In a process's main thread, where the default worker answers, a timer interrupts even a call that blocks. Other threads
hand the call to a pool and stop waiting for it. `service.answers` turns what is raised here into a degraded answer.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Final, TypeVar

MISSES: Final = 3
REST_S: Final = 5.0
_POOL: Final = 8
T = TypeVar("T")


class TooSlowError(Exception):
    """The model did not answer within its budget, or rests because it did not several times in a row."""


class Budget:
    """The time a model may take.

    Parameters
    ----------
    seconds : float
        For one answer.
    clock : callable, optional
        Monotonic seconds.
    """

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._misses, self._rests_until = 0, 0.0
        self._pool: ThreadPoolExecutor | None = None

    def call(self, work: Callable[[], T]) -> T:
        """The result of `work`. Raises `TooSlowError` if it takes too long; what `work` raises, it raises."""
        if self._misses >= MISSES and self._clock() < self._rests_until:
            raise TooSlowError
        try:
            done = self._timed(work)
        except TooSlowError:
            self._misses += 1
            self._rests_until = self._clock() + REST_S
            raise
        if self._misses:
            self._misses = 0
        return done

    def _timed(self, work: Callable[[], T]) -> T:
        if threading.current_thread() is threading.main_thread():
            return _interrupted(work, self._seconds)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_POOL, thread_name_prefix="arki-model")
        future = self._pool.submit(work)
        try:
            return future.result(self._seconds)
        except TimeoutError:
            if future.done():
                raise  # the work's own
            future.cancel()
            raise TooSlowError from None


_armed = threading.Event()  # set while the timer may interrupt; a late alarm finds it clear


def _interrupted(work: Callable[[], T], seconds: float) -> T:
    """The result of `work`, which SIGALRM interrupts after `seconds`.

    The timer fires once, and whatever way `work` ends it is disarmed before anything else is done, so nothing outside
    `work` is ever interrupted. An alarm that falls into a finaliser is swallowed there; the clock then tells.
    """
    if signal.getsignal(signal.SIGALRM) is not _alarm:
        signal.signal(signal.SIGALRM, _alarm)
    until = time.monotonic() + seconds
    try:
        _armed.set()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            done = work()
        finally:
            _armed.clear()
    finally:  # again: the alarm may have come while the inner one began
        _armed.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
    if time.monotonic() > until:
        raise TooSlowError
    return done


def _alarm(_signal: int, _frame: FrameType | None) -> None:
    if _armed.is_set():
        raise TooSlowError
