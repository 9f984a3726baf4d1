"""Rate limits of keys: a count by window, kept in Redis where configured, else by each worker for itself.

A request counts as one, a batch as one for each customer and an explanation as three, since that is what it costs. What does not fit in what is
left of a window is refused and not counted, so that smaller requests of the key go on.

Redis is asked with a short time-out. Where it does not answer, the worker's own count stands in for a few seconds
before Redis is asked again: requests go on under a local cap, and never fail for Redis.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from service.settings import RateLimit

REDIS_TIMEOUT_S: Final = 0.1
REDIS_REST_S: Final = 5.0
_MOST_KEYS: Final = 10_000
_ADD_IF_IT_FITS: Final = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1])
if used <= tonumber(ARGV[2]) then redis.call('SET', KEYS[1], used, 'EX', ARGV[3]) end
return used
"""


class RateLimitedError(Exception):
    """The key has used its requests up, or a batch does not fit in what is left; try again after `retry_after_s`."""

    def __init__(
        self,
        limit: RateLimit,
        retry_after_s: int,
        *,
        cost: int = 1,
        counted: int = 0,
        left: int = 0,
        divisible: bool = True,
    ) -> None:
        said = f"This key may send {limit.requests} requests in {limit.window_s} seconds"
        again = f"Try again in {retry_after_s} seconds"
        if not divisible:
            said += f", and this one counts as {cost}"
            if cost > limit.requests:
                again = "It never fits; whoever runs the service can raise the limit"
        elif cost > limit.requests:
            said += f", and a batch counts as one for each customer: one of {cost} never fits"
            again = f"Send at most {limit.requests} customers at a time"
        elif cost > 1:
            said += f", and a batch counts as one for each customer: {cost} did not fit in the {left + counted} that were left"
            again += f", or send at most {left} now" * (left > 0)
        super().__init__(f"{said}. {again}.")
        self.retry_after_s = retry_after_s


class Count(NamedTuple):
    """Where a key stands in its window."""

    used: int
    resets_in_s: int


class Counter(Protocol):
    """Adds a cost to a key's count in a window unless that would exceed `most`; says what the count is, or would be."""

    def __call__(self, key_id: str, window: int, window_s: int, cost: int, most: int) -> int: ...


class RateLimits:
    """The limit of each key.

    Parameters
    ----------
    limit : RateLimit or None
        None counts nothing.
    shared : Counter, optional
        Counts for all workers, such as `redis_counter(url)`.
    clock : callable, optional
        Seconds since the epoch, by which workers agree on windows.
    on_failure : callable, optional
        Called whenever the shared count could not be had.
    """

    def __init__(
        self,
        limit: RateLimit | None,
        shared: Counter | None = None,
        *,
        clock: Callable[[], float] = time.time,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._limit, self._shared, self._clock, self._on_failure = limit, shared, clock, on_failure
        self._lock = threading.Lock()
        self._window, self._counts = 0, dict[str, int]()
        self._shared_again = 0.0
        policy = (limit.requests, limit.window_s) if limit else (0, 0)
        self._policy = f'"key";q={policy[0]};w={policy[1]}'

    def admit(
        self, key_id: str | None, *, cost: int = 1, counted: int = 0, divisible: bool = True
    ) -> Count | None:
        """Count a request of a key.

        Parameters
        ----------
        key_id : str or None
            The development key has none.
        cost : int
            As how many requests it counts.
        counted : int
            How many of them are counted already.
        divisible : bool
            Whether it may be sent in parts, as a batch may; the message of a refusal says so.

        Returns
        -------
        Count or None
            None where nothing binds the key.

        Raises
        ------
        RateLimitedError
            If it does not fit in what is left of the window.
        """
        limit = self._limit
        if limit is None or key_id is None:
            return None
        now = self._clock()
        window = int(now // limit.window_s)
        used = self._count(key_id, window, now, cost - counted)
        resets_in_s = max(1, int((window + 1) * limit.window_s - now + 0.999))
        if used > limit.requests:
            left = max(0, limit.requests - used + cost - counted)
            raise RateLimitedError(
                limit, resets_in_s, cost=cost, counted=counted, left=left, divisible=divisible
            )
        return Count(used, resets_in_s)

    def headers(self, count: Count) -> tuple[tuple[str, str], ...]:
        """What an admitted request is told.

        References
        ----------
        draft-ietf-httpapi-ratelimit-headers-10, read 2026-11-21.
        """
        limit = self._limit or RateLimit(0, 0)
        return (
            ("RateLimit-Policy", self._policy),
            ("RateLimit", f'"key";r={limit.requests - count.used};t={count.resets_in_s}'),
        )

    def _count(self, key_id: str, window: int, now: float, cost: int) -> int:
        limit = self._limit or RateLimit(0, 0)
        if self._shared is not None and now >= self._shared_again:
            try:
                return self._shared(key_id, window, limit.window_s, cost, limit.requests)
            except Exception:  # noqa: BLE001  (whatever ails Redis, requests go on under the local count)
                self._shared_again = now + REDIS_REST_S
                self._on_failure()
        with self._lock:
            # Only the window that runs is kept, and a bounded number of keys: counting anew is the lesser fault.
            if window != self._window or len(self._counts) > _MOST_KEYS:
                self._window = window
                self._counts.clear()
            used = self._counts.get(key_id, 0) + cost
            if used <= limit.requests:
                self._counts[key_id] = used
            return used


def redis_client(url: str) -> Any:  # noqa: ANN401  (redis types its commands for two kinds of client at once)
    """A client that gives up soon. Connects when first asked, so that a fork or a Redis that is down costs nothing here."""
    import redis  # noqa: PLC0415  (a fifth of a second of imports that most installations do without)
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    return redis.Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


def redis_counter(url: str) -> Counter:
    """A counter in Redis."""
    # A script, so that two workers cannot both find room for the last request.
    client = redis_client(url)

    def count(key_id: str, window: int, window_s: int, cost: int, most: int) -> int:
        name = f"arki:requests:{key_id}:{window}"
        return int(client.eval(_ADD_IF_IT_FITS, 1, name, cost, most, 2 * window_s))

    return count
