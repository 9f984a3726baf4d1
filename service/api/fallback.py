"""Keeps a model that is too slow from holding anyone up: a time budget for each answer, and a rest after repeated misses.

In a process's main thread a timer interrupts even a call that blocks. Other threads, which is where servers answer, make the
call themselves, since handing it to another thread costs a quarter of an answer; from the moment that a call is found to
take too long, the next ones go to a pool and are given up in time, until one is fast again. So a model that hangs holds the
threads that called it before this showed. `service.api.answers` turns what is raised here into a degraded answer.
"""

from __future__ import annotations

import atexit
import math
import os
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
        self._until: dict[int, float] = {}
        """By thread, when the call that it makes itself has used its time up."""
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
            return _timer.interrupted(work, self._seconds)
        now = time.monotonic()
        if self._misses or any(until < now for until in tuple(self._until.values())):
            return self._pooled(work)
        thread = threading.get_ident()
        self._until[thread] = now + self._seconds
        try:
            done = work()
        finally:
            until = self._until.pop(thread)
        if time.monotonic() > until:
            raise TooSlowError
        return done

    def _pooled(self, work: Callable[[], T]) -> T:
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


class _Timer:
    """The one timer of a process, for the call that its main thread is making; a call in time costs no system call.

    The timer is not stopped when a call ends in time: when it fires, it finds no call and rests, or finds a later one
    and is set for what is left of that one's time.
    """

    def __init__(self) -> None:
        self._until: float | None = (
            None  # when the call now made has used its time up; None where none is made
        )
        self._fires_at = math.inf

    def interrupted(self, work: Callable[[], T], seconds: float) -> T:
        """The result of `work`, which SIGALRM interrupts after `seconds`.

        Whatever way `work` ends, its time is taken away before anything else is done, so nothing outside `work` is ever
        interrupted. An alarm that falls into a finaliser is swallowed there; the clock then tells.
        """
        now = time.monotonic()
        until = now + seconds
        try:
            self._until = until
            if not now < self._fires_at <= until:
                self._set(until, seconds)
            try:
                done = work()
            finally:
                self._until = None
        finally:  # again: the alarm may have come while the inner one began
            self._until = None
        if time.monotonic() > until:
            raise TooSlowError
        return done

    def stop(self) -> None:
        """Set no more; a process that ends must not be ended by its timer."""
        if self._fires_at < math.inf:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.forget()

    def forget(self) -> None:
        """A forked child has no timer."""
        self._until, self._fires_at = None, math.inf

    def _set(self, until: float, seconds: float) -> None:
        if signal.getsignal(signal.SIGALRM) != self._fired:
            signal.signal(signal.SIGALRM, self._fired)
        self._fires_at = until
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _fired(self, _signal: int, _frame: FrameType | None) -> None:
        self._fires_at = math.inf
        until = self._until
        if until is None:
            return
        left = until - time.monotonic()
        if left <= 0:
            raise TooSlowError
        self._set(until, left)


_timer: Final = _Timer()
atexit.register(_timer.stop)
os.register_at_fork(after_in_child=_timer.forget)
