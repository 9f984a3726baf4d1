"""Part `http`: every server on loopback with two workers, asked in interleaved rounds; CPU is that of its whole tree.

All servers stay up while they are measured in turn, so that a round means the same machine at the same moment. A ratio of
CPU per request holds on a busy machine as on a quiet one; requests a second do not, and are told beside it.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import contestants
from benchmarks.customers import read_customers
from benchmarks.environments import NotMeasuredError
from benchmarks.load import full_load, generator, open_load
from benchmarks.machine import load_average
from benchmarks.servers import Contestant, Running

STARTS = 5
ROUNDS = 5
SECONDS = 2
RECONNECTING = {"hello", "arki", "hello, sync", "arki, sync"}
"""Asked on a connection of its own for each request too, as behind a proxy that keeps none."""
Start = tuple[str, Callable[[], Contestant]]


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:
    """Rows of the table, those not measured with their reason, half load and starts."""
    rounds, seconds = (2, 1) if quick else (ROUNDS, SECONDS)
    customers = read_customers()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        run = Path(folder)
        ours = list(contestants.ours(customers, bundles, run))
        others: list[Start] = []
        if not quick:
            others = [
                *contestants.platforms(customers, bundles, run),
                *contestants.peers(customers, bundles),
            ]
        starts = _starts(ours, times=2 if quick else STARTS)
        with contextlib.ExitStack() as stack:
            running, missing = _all_started([*ours, *others], stack)
            rows = _rounds(running, rounds, seconds)
            half = _half_load(running, rows, seconds=2 if quick else 8, times=1 if quick else 3)
    return {
        "generator": generator(),
        "rounds": rounds,
        "seconds": seconds,
        "connections": 8,
        "workers": int(contestants.WORKERS),
        "customers": len(customers.signals),
        "batch": contestants.BATCH,
        "load_average": load_average(),
        "rows": rows,
        "half_load": half,
        "cold_start_s": starts,
        "not_measured": missing,
        "versions": {} if quick else contestants.peer_versions(),
    }


def _starts(pairs: Iterable[Start], *, times: int) -> dict[str, float]:
    """Median seconds from the command to the first answer."""
    took: dict[str, list[float]] = {}
    for _ in range(times):
        for name, make in pairs:
            server = Running(make())
            took.setdefault(name, []).append(server.cold_start_s)
            server.end()
    return {name: round(statistics.median(each), 3) for name, each in took.items()}


def _all_started(
    starts: Iterable[Start], stack: contextlib.ExitStack
) -> tuple[list[Running], dict[str, str]]:
    running, missing = [], {}
    for name, make in starts:
        sys.stderr.write(f"benchmarks: starting {name}\n")
        try:
            server = Running(make())
        except NotMeasuredError as error:
            missing[name] = str(error)
            sys.stderr.write(f"benchmarks: {name} is not measured: {error}\n")
            continue
        stack.callback(server.end)
        running.append(server)
    return running, missing


def _rounds(running: list[Running], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """One row per server and ask, keep-alive and, for hello and Arki, a connection for each request."""
    jobs = []
    for server in running:
        name = server.contestant.name
        for ask in server.contestant.asks:
            jobs.append((server, ask, True))
            if ask in {"hello", "full"} and name in RECONNECTING:
                jobs.append((server, ask, False))
    told: list[list[dict[str, float]]] = [[] for _ in jobs]
    for server, ask, keep_alive in jobs:
        full_load(server.port, server.contestant.asks[ask], 1, keep_alive=keep_alive)
    for at in range(rounds):
        sys.stderr.write(f"benchmarks: round {at + 1} of {rounds}\n")
        for kept, job in zip(told, jobs, strict=True):
            kept.append(_once(*job, seconds))
    return [_row(job, kept) for job, kept in zip(jobs, told, strict=True)]


def _once(server: Running, ask: str, keep_alive: bool, seconds: float) -> dict[str, float]:  # noqa: FBT001
    before = server.cpu_s()
    answered = full_load(server.port, server.contestant.asks[ask], seconds, keep_alive=keep_alive)
    spent = server.cpu_s() - before
    return {
        "cpu_us": spent / max(1, answered.requests) * 1e6,
        "per_s": answered.per_s,
        "p50_ms": answered.p50_ms,
        "p99_ms": answered.p99_ms,
        "failed": answered.failed,
        "requests": answered.requests,
    }


def _row(job: tuple[Running, str, bool], kept: list[dict[str, float]]) -> dict[str, Any]:
    server, ask, keep_alive = job
    middle = {name: statistics.median(one[name] for one in kept) for name in ("per_s", "p50_ms", "p99_ms")}
    return {
        "server": server.contestant.name,
        "ask": ask,
        "keep_alive": keep_alive,
        "cpu_us": round(min(one["cpu_us"] for one in kept), 1),
        "cpu_us_median": round(statistics.median(one["cpu_us"] for one in kept), 1),
        **{name: round(value, 2) for name, value in middle.items()},
        "requests": int(sum(one["requests"] for one in kept)),
        "failed": int(sum(one["failed"] for one in kept)),
        "pss_mib": server.pss_mib(),
        "processes": server.processes(),
        "first_start_s": server.cold_start_s,
    }


def _half_load(
    running: list[Running], rows: list[dict[str, Any]], *, seconds: float, times: int
) -> dict[str, Any]:
    """Quantiles of hello and of the full answer at one rate: half of what the full answer reaches, as wrk counts it."""
    by_name = {server.contestant.name: server for server in running}
    full = next(row for row in rows if row["server"] == "arki" and row["ask"] == "full")
    rate, found = full["per_s"] / 2, {}
    told: dict[str, list[Any]] = {"hello": [], "full": []}
    for _ in range(times):
        for name, ask in (("hello", "hello"), ("arki", "full")):
            server = by_name[name]
            told[ask].append(open_load(server.port, server.contestant.asks[ask], rate, seconds))
    for ask, runs in told.items():
        found[ask] = {
            "p50_ms": round(statistics.median(one.p50_ms for one in runs), 2),
            "p99_ms": round(statistics.median(one.p99_ms for one in runs), 2),
            "failed": sum(one.failed for one in runs),
        }
    return {"rate_per_s": round(rate), "seconds": seconds, "times": times, **found}
