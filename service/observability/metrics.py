"""What is counted, for Prometheus: rate, errors and time by route, and what was offered; nothing of any one person.

Under `arki-serve` each worker writes files in a private folder (PROMETHEUS_MULTIPROC_DIR), and any worker adds them up; counts of
workers that have ended stay. Elsewhere counts are the process's own.

The files are mapped into memory, so a write into a page for which there is no room would end the worker. Their room is therefore
taken before anything is counted; where there is none, the worker counts for itself and says so.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final

from models.decision.recommendation import Recommendation, Versions
from service.observability import metric_files

metric_files.prepare(os.environ)  # before prometheus_client is imported, which looks where to count then

from prometheus_client import (  # noqa: E402
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4  # noqa: E402

if TYPE_CHECKING:
    from models.decision.bundle import Bundle

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_own: Final = CollectorRegistry()
_log: Final = logging.getLogger("arki")
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

REQUESTS: Final = Counter(
    "arki_requests_total", "Requests answered.", ("route", "method", "status"), registry=_own
)
SECONDS: Final = Histogram(
    "arki_request_seconds", "Time in the app, by route.", ("route",), registry=_own, buckets=_BUCKETS
)
ANSWERS: Final = Counter(
    "arki_answers_total",
    "Recommendations by segment; abstained, not_personalised and degraded ones have none.",
    ("segment",),
    registry=_own,
)
ABSTENTIONS: Final = Counter(
    "arki_abstentions_total",
    "Recommendations for which the model, though it might, named no segment.",
    registry=_own,
)
ITEMS: Final = Counter("arki_items_total", "Items offered.", ("channel", "content_type"), registry=_own)
OUTCOMES: Final = Counter(
    "arki_outcomes_total",
    "Outcome events by what became of them: stored, already_stored or refused.",
    ("result",),
    registry=_own,
)
DEGRADED: Final = Counter(
    "arki_degraded_total",
    "Neutral answers given because making the real one failed.",
    registry=_own,
)
REFUSED_BUNDLES: Final = Counter(
    "arki_refused_bundles_total", "Activated bundles that a worker refused.", registry=_own
)
BUNDLE: Final = Gauge(
    "arki_bundle_workers",
    "Workers serving a bundle, by its versions.",
    ("bundle", "model", "rulebook", "catalogue", "code"),
    registry=_own,
    multiprocess_mode="livesum",
)
SHED: Final = Counter(
    "arki_shed_total", "Requests refused at once because too many waited, by lane.", ("lane",), registry=_own
)
LIMITED: Final = Counter(
    "arki_rate_limited_total", "Requests refused because a key used its limit up.", registry=_own
)
REDIS_FAILURES: Final = Counter(
    "arki_redis_failures_total",
    "Times that Redis did not count and the worker's own count stood in.",
    registry=_own,
)


def exposition() -> bytes:
    """Everything counted by all workers, in the text format of Prometheus."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(_own)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client has none
    return generate_latest(registry)


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """A request was answered."""
    total, duration = _of_route(route, method, status)
    total.inc()
    duration.observe(seconds)


def count_answers(recommendations: Iterable[tuple[Recommendation, bool]]) -> None:
    """Recommendations were made; the second of each pair says whether personalisation was allowed."""
    for answer, allowed in recommendations:
        if answer.segment is not None:
            segment = str(answer.segment.id)
        elif answer.degraded:
            segment = "degraded"
        elif allowed:
            segment = "abstained"
            ABSTENTIONS.inc()
        else:
            segment = "not_personalised"
        _answers(segment).inc()
        for item in answer.items:
            _items(item.channel, item.content_type).inc()


def count_outcomes(results: Iterable[str]) -> None:
    """Outcome events were stored or refused."""
    for result in results:
        _outcomes(result).inc()


def count_shed(lane: str) -> None:
    """A request of a lane was refused at once."""
    _shed(lane).inc()


class BundleWatch:
    """Notices which bundle is served, and each one refused; asked once a request, it compares two references."""

    def __init__(self) -> None:
        self._versions: Versions | None = None
        self._gauge: Gauge | None = None
        self._problem: str | None = None

    def see(self, bundle: Bundle, problem: str | None) -> None:
        """The bundle served now, and why a newer one was refused."""
        versions = bundle.recommender.versions
        if versions is not self._versions:
            self._versions = versions
            if self._gauge is not None:
                self._gauge.set(0)
            self._gauge = BUNDLE.labels(*versions)
            self._gauge.set(1)
        if problem is not self._problem:
            self._problem = problem
            if problem is not None:
                REFUSED_BUNDLES.inc()
                _log.error("a bundle was refused: %s", problem)


@cache
def _of_route(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(route, method, status), SECONDS.labels(route)


@cache
def _shed(lane: str) -> Counter:
    return SHED.labels(lane)


@cache
def _outcomes(result: str) -> Counter:
    return OUTCOMES.labels(result)


@cache
def _answers(segment: str) -> Counter:
    return ANSWERS.labels(segment)


@cache
def _items(channel: str, content_type: str) -> Counter:
    return ITEMS.labels(channel, content_type)
