"""Outcomes: workers and PostgreSQL killed under load, a full disk, events a second, reports over ten million events."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from drills.load import Load, Outcome, loading
from drills.postgres import postgres
from drills.server import CUSTOMER, Server, request_bytes, serving
from drills.table import Row
from models.decision.bundle import BundleStore
from service.outcomes.events import DIMENSIONS, EVENTS, Event
from service.outcomes.recorder import Outcomes
from service.outcomes.reports import Waiting, monday, read_report
from service.outcomes.retention import counts, migrate
from service.outcomes.store import COUNTERS, Store, cells, receipts, sums, weeks
from service.security.references import References

PATH = "/v1/outcomes"
SECRET = "s" * 40
RECOMMEND = request_bytes("/v1/recommendations", CUSTOMER)


def worker_kills(folder: Path, bundles: Path, *, kills: int = 20) -> list[Row]:
    """kill -9 of a worker each second or so under load, on SQLite; then what was acknowledged is looked for."""
    url = made(f"sqlite:///{folder}/kills.db")
    with _serving(folder, bundles, url) as server:
        channel = _Channel(server, 10, seed=1)
        with channel.posting(8) as outcome:
            for _ in range(kills):
                time.sleep(1)
                server.kill_worker(within_s=60)
        told = _told(outcome)
    return [channel.judged(f"kill -9 of a worker, {kills} times", url, told)]


def postgres_kills(folder: Path, bundles: Path, *, kills: int = 5) -> list[Row]:
    """kill -9 of PostgreSQL under load, and back a second later; recommendations go on beside it."""
    with postgres() as database:
        url = made(database.url)
        with _serving(folder, bundles, url) as server:
            channel, back = _Channel(server, 10, seed=2), []
            with channel.posting(8) as outcome, _recommending(server) as others:
                for _ in range(kills):
                    time.sleep(1)
                    database.kill()
                    time.sleep(1)
                    database.start()
                    back.append(_until_stored(channel))
            served, told = others[0].counts(), _told(outcome)
        row = channel.judged(f"kill -9 of PostgreSQL, {kills} times", url, told)
    while_away = outcome[0].counts()
    strange = sum(number for status, number in while_away.items() if status not in {200, 503})
    others_failed = sum(number for status, number in served.items() if status != 200)
    away = f"{while_away[503]} x 503, {outcome[0].bad_503} without Retry-After, {strange} other"
    return [
        row,
        Row(
            "PostgreSQL away: outcomes",
            away,
            "503 alone, with Retry-After",
            not (outcome[0].bad_503 or strange),
        ),
        Row(
            "PostgreSQL away: recommendations",
            f"{served[200]} x 200, {others_failed} failed",
            "0 failed",
            others_failed == 0,
        ),
        Row(
            "PostgreSQL back: outcomes stored again",
            f"slowest {max(back):.1f} s, no restart",
            "<= 10 s",
            max(back) <= 10,
        ),
    ]


def full_disk(folder: Path, bundles: Path) -> list[Row]:
    """A small file system that fills up, and then has room again."""
    with _small_disk(folder) as (disk, fill, free):
        url = made(f"sqlite:///{disk}/full.db")
        with _serving(folder, bundles, url) as server:
            channel = _Channel(server, 100, seed=3)
            fill(server)
            statuses, deadline = [channel.post()], time.monotonic() + 120
            while statuses[-1] == 200 and time.monotonic() < deadline:
                statuses.append(channel.post())
            beside = {server.ask("/v1/recommendations", CUSTOMER)[0] for _ in range(20)}
            full = {channel.post() for _ in range(5)}
            free(server)
            after = {channel.post() for _ in range(5)}
        row = channel.judged("a full disk", url, "")
    shown = f"{statuses.count(200)} x 200, then {full}, beside it {beside}, after it {after}"
    right = full == {503} and beside == after == {200}
    return [row, Row("a full disk: outcomes alone are refused", shown, "503 alone while full", right)]


@contextmanager
def _small_disk(folder: Path) -> Iterator[tuple[Path, Callable[[Server], None], Callable[[Server], None]]]:
    """A folder, and how it fills up and frees: a tmpfs of 3 MiB, or, where none can be mounted, a limit of file size."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        grow = ["mount", "-o", "remount,size=64m", str(disk)]
        try:
            yield disk, lambda _: None, lambda _: _run(grow)
        finally:
            _run(["umount", str(disk)])
        return
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield disk, lambda server: _limit(server, (2 << 20, most)), lambda server: _limit(server, (most, most))


def _run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, check=True)


def _limit(server: Server, limits: tuple[int, int]) -> None:
    for worker in server.workers():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, limits)


def rate(folder: Path, bundles: Path, *, seconds: float = 5.0) -> list[Row]:
    """Events acknowledged in a second by two default workers: 16 clients, in posts of 100 and one by one, on each database."""
    rows = []
    with postgres() as database:
        for name, url in (("SQLite", f"sqlite:///{folder}/rate.db"), ("PostgreSQL", database.url)):
            with _serving(folder, bundles, made(url)) as server:
                for size, bound in ((100, 2000), (1, 0)):
                    channel = _Channel(server, size, seed=4)
                    posts = [
                        channel.make(number) for number in range(int(seconds * (60 if size == 100 else 1500)))
                    ]
                    before_s = server.cpu_s()
                    found = Load(
                        server.port, lambda number, posts=posts: posts[number % len(posts)], 16
                    ).closed(seconds)
                    answered = found.rate(200) + found.rate(201)
                    cpu_s = server.cpu_s() - before_s
                    refused = found.counts()[503]  # told to come again: the lane was full
                    failed = sum(n for status, n in found.counts().items() if status not in {200, 201, 503})
                    median_ms = found.quantile(0.5, 200 if size > 1 else 201) * 1000
                    each_us = cpu_s / max(1.0, answered * size * seconds) * 1e6
                    figure = f"{answered * size:.0f} events/s, median {median_ms:.0f} ms, {each_us:.0f} us of processor each, {refused} refused, {failed} failed"
                    kind = f"in posts of {size}" if size > 1 else "one by one"
                    ok = answered * size >= bound and failed == 0
                    rows.append(
                        Row(
                            f"{name}: 16 clients, {kind}",
                            figure,
                            f">= {bound}/s" if bound else "stated",
                            ok,
                            timed=failed == 0,
                        )
                    )
    return rows


def many(folder: Path, bundles: Path, *, events: int = 10_000_000) -> list[Row]:
    """Reports, and a post, where two years of events lie: all their receipts and marks, and their counts."""
    url, today = made(f"sqlite:///{folder}/many.db"), datetime.now(UTC).date()
    recommender, store = BundleStore(bundles).recommender(), Store(url)
    rulebook, waiting = recommender.rulebook, Waiting(4, recommender.combinations())
    rules = [rule.id for table in rulebook.tables.values() for rule in table.rules]
    _fill(store, events, rules, today)
    took = {}
    for by in DIMENSIONS:
        began = time.monotonic()
        found = read_report(
            store,
            by,
            rulebook=rulebook,
            waiting=waiting,
            today=today,
            first=today - timedelta(weeks=103),
            last=today,
        )
        took[by] = time.monotonic() - began
        assert found.rows
    slowest = max(took, key=lambda by: took[by])
    outcomes, references = Outcomes(store, References(SECRET), smallest=5), References(SECRET)
    answer = BundleStore(bundles).recommender().recommend([_signals()], at=datetime.now(UTC))[0]
    posts = []
    for _ in range(20):
        now = datetime.now(UTC)
        token = [references.issue(answer, at=now) for _ in range(100)]
        sent = [Event(uuid.uuid4(), one, answer.items[0].content.id, "opened", now, None) for one in token]
        began = time.monotonic()
        outcomes.record(sent, client="c", now=now)
        posts.append(time.monotonic() - began)
    rows = counts(store)
    outcomes.close()
    there = f"{rows['receipts']:,} receipts, {rows['marks']:,} marks, {rows['weeks']:,} counts"
    return [
        Row(
            f"reports over {events:,} events, two years",
            f"slowest {took[slowest]:.2f} s (by {slowest}); {there}",
            "<= 1 s",
            took[slowest] <= 1,
            timed=True,
        ),
        Row(
            f"100 events stored beside {events:,}",
            f"median {sorted(posts)[10] * 1000:.0f} ms",
            "stated",
            ok=True,
        ),
    ]


class _Channel:
    """Makes posts of events of a few dozen answers, and keeps which the service says are stored."""

    def __init__(self, server: Server, size: int, *, seed: int) -> None:
        self._server, self._size, self._rng = server, size, random.Random(seed)
        self._answers = [json.loads(server.ask("/v1/recommendations", CUSTOMER)[2]) for _ in range(40)]
        self.acknowledged: list[str] = []

    def make(self, _number: int) -> tuple[str, bytes]:
        """One post, with ids that are new."""
        events = [self._event() for _ in range(self._size)]
        return "outcomes", request_bytes(PATH, {"events": events} if self._size > 1 else events[0])

    def see(self, _kind: str, status: int, body: bytes) -> None:
        if status in {200, 201}:
            for result in json.loads(body)["results"]:
                if result["result"] == "stored":
                    self.acknowledged.append(result["event_id"])

    def post(self) -> int:
        """One post on a connection of its own; its status."""
        body = self.make(0)[1].partition(b"\r\n\r\n")[2]
        status, _, answer = self._server.ask(PATH, body)
        self.see("", status, answer)
        return status

    @contextmanager
    def posting(self, clients: int) -> Iterator[list[Outcome]]:
        """Posts all the while; what came of them is in the list at the end."""
        with loading(Load(self._server.port, self.make, clients, self.see)) as found:
            yield found

    def judged(self, name: str, url: str, told: str) -> Row:
        """Every event acknowledged is stored, and each once."""
        store = Store(url)
        with store.transaction(reads=True) as connection:
            stored = [bytes(kept) for kept in connection.execute(select(receipts.c.event_id)).scalars()]
        store.close()
        lost = {uuid.UUID(one).bytes for one in self.acknowledged} - set(stored)
        twice = len(self.acknowledged) - len(set(self.acknowledged)) + len(stored) - len(set(stored))
        figure = f"{len(self.acknowledged)} acknowledged, {len(lost)} lost, {twice} twice {told}".strip()
        return Row(name, figure, "0 lost, 0 twice", not lost and not twice and len(self.acknowledged) > 100)

    def _event(self) -> dict[str, Any]:
        answer = self._rng.choice(self._answers)
        return {
            "event_id": str(uuid.uuid4()),
            "recommendation_id": answer["recommendation_id"],
            "item": self._rng.choice(answer["items"])["content"]["id"],
            "event": self._rng.choice(EVENTS),
            "occurred_at": datetime.now(UTC).isoformat(),
        }


def made(url: str) -> str:
    """The URL of a database, with tables in it."""
    store = Store(url, migrated=False)
    migrate(store)
    store.close()
    return url


@contextmanager
def _serving(folder: Path, bundles: Path, url: str) -> Iterator[Server]:
    settings = {"ARKI_OUTCOMES_URL": url, "ARKI_SECRET": SECRET, "ARKI_LOG_REQUESTS": "off"}
    with serving(folder, bundles, **settings) as server:
        yield server


@contextmanager
def _recommending(server: Server) -> Iterator[list[Outcome]]:
    with loading(Load(server.port, lambda _: ("one", RECOMMEND), 2)) as found:
        yield found


def _until_stored(channel: _Channel) -> float:
    """Seconds until a post is stored again."""
    began = time.monotonic()
    while channel.post() != 200 and time.monotonic() - began < 30:
        time.sleep(0.05)
    return time.monotonic() - began


def _told(outcome: list[Outcome]) -> str:
    return "of posts " + ", ".join(
        f"{status or 'cut off'}: {n}" for status, n in sorted(outcome[0].counts().items())
    )


def _signals() -> Any:
    from testing.shipped import read_signals  # noqa: PLC0415  (one drill in memory needs it, and it takes seconds)

    return read_signals("person", CUSTOMER["signals"])


def _fill(store: Store, events: int, rules: list[str], today: date) -> None:
    """Two years of events, spread over every rule, forty contents, two channels and three languages each."""
    rng, chunk = random.Random(5), 100_000
    for at in range(0, events, chunk):
        keys = [number.to_bytes(16, "big") for number in range(at, min(events, at + chunk))]
        with store.transaction() as connection:
            raw: Any = connection.connection.driver_connection
            day = today.isoformat()
            raw.executemany("INSERT INTO receipts VALUES ('c', ?, ?, ?)", [(key, key, day) for key in keys])
            raw.executemany("INSERT INTO marks VALUES (?, ?)", [(key, day) for key in keys])
    offered = [
        {
            "rule": rule,
            "content": f"content-{number % 34}-{n}",
            "channel": f"channel-{n % 2}",
            "language": language,
        }
        for number, rule in enumerate(rules)
        for n in range(10)
        for language in ("fi", "sv", "en")
    ]
    each = max(5, events // (104 * len(offered)))
    with store.transaction() as connection:
        rest = {"variant": "", "propensity": 1_000_000, "day": today}
        connection.execute(insert(cells), [{"id": n + 1, **cell, **rest} for n, cell in enumerate(offered)])
    for ago in range(104):
        week = monday(today) - timedelta(weeks=ago)
        rows = [
            {"week": week, "cell": n + 1} | dict.fromkeys(COUNTERS, rng.randrange(5, 2 * each))
            for n in range(len(offered))
        ]
        summed: dict[tuple[str, str], Counter[str]] = {}
        for cell, row in zip(offered, rows, strict=True):
            for dimension, value in cell.items():
                summed.setdefault((dimension, value), Counter()).update(
                    {name: row[name] for name in COUNTERS}
                )
        with store.transaction() as connection:
            connection.execute(insert(weeks), rows)
            connection.execute(
                insert(sums),
                [
                    {"week": week, "dimension": by, "value": value, **found}
                    for (by, value), found in summed.items()
                ],
            )
