"""Slow clients, overload, bad requests, a stop, a soak, and a Redis that goes away."""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from drills.load import Load, Outcome
from drills.nginx import serving_behind_nginx
from drills.server import CUSTOMER, KEY, Server, free_port, keys_file, request_bytes, serving
from drills.table import Row, needs
from drills.worst import refused_batches

T = TypeVar("T")
_MOST_COUNTED_S = 30.0
ONE = request_bytes("/v1/recommendations", CUSTOMER)


def slow_clients(folder: Path, bundles: Path, *, clients: int = 300, seconds: float = 3.0) -> list[Row]:
    """Health checks and recommendations behind nginx, beside clients that send a byte now and then; and directly exposed."""
    kinds = {
        "slow headers": lambda _: ONE[:40],
        "slow bodies": lambda key: _sent(ONE, key)[: _sent(ONE, key).index(b"\r\n\r\n") + 10],
        "slow chunked bodies": lambda key: _sent(_CHUNKED, key),
        "huge lengths": lambda key: _sent(ONE, key).replace(b"Content-Length: ", b"Content-Length: 99999")[
            :-100
        ],
        "slow bodies without a key": lambda _: ONE[: ONE.index(b"\r\n\r\n") + 10],
    }
    rows = []
    with serving_behind_nginx(folder, bundles) as proxied:
        for kind, made in kinds.items():
            found = _beside_slow(proxied.front, [made(proxied.key)] * clients, seconds, proxied.key)
            rows.append(
                Row(
                    f"behind nginx, beside {clients} {kind}",
                    f"{found.answered} answered, {found.failed} failed, slowest {found.slowest_s * 1000:.0f} ms",
                    "0 failed, slowest <= 1000 ms",
                    found.failed == 0 and found.slowest_s <= 1.0,
                    timed=found.failed == 0,
                )
            )
        for kind in ("slow headers", "slow bodies"):
            sent = [kinds[kind](proxied.key)] * clients
            found = _beside_slow(proxied.back, sent, min(seconds, 3.0), proxied.key)
            figure = f"{found.answered} answered, {found.failed} failed"
            rows.append(Row(f"no proxy, beside {clients} {kind}", figure, "as it is", ok=True))
    return rows


@dataclass(frozen=True)
class _Beside:
    """What became of those who ask beside slow clients."""

    answered: int
    failed: int
    slowest_s: float


_CHUNKED = ONE.split(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"


def _sent(request: bytes, key: str) -> bytes:
    return request.replace(KEY.encode(), key.encode())


def _beside_slow(server: Server, halves: list[bytes], seconds: float, key: str) -> _Beside:
    """Half requests, a byte more of each every 0.2 s, and one health check and recommendation after another beside them."""
    slow = []
    for half in halves:
        with suppress(OSError):
            slow.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            slow[-1].sendall(half)
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.2):
            for sock in slow:
                with suppress(OSError):  # given up on; do others go on?
                    sock.send(b"a")

    thread = threading.Thread(target=trickle)
    thread.start()
    took, end, failed = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for path, body in (("/healthz", None), ("/v1/recommendations", CUSTOMER)):
            began = time.monotonic()
            failed += server.status(path, body, key=key, timeout_s=2) != 200
            took.append(time.monotonic() - began)
    stop.set()
    thread.join()
    for sock in slow:
        sock.close()
    return _Beside(len(took) - failed, failed, max(took))


def overload(folder: Path, bundles: Path, *, seconds: float = 4.0, times: int = 1) -> list[Row]:
    """1.6 and 3 times the capacity of one worker in an open loop behind nginx, medians; then 3 times with one batch in twenty."""
    rows = []
    with serving_behind_nginx(folder, bundles, workers=1) as proxied:
        one = proxied.request("/v1/recommendations", CUSTOMER)
        batch = proxied.request("/v1/recommendations/batch", {"customers": [CUSTOMER] * 20})
        front = proxied.front
        _closed(front, 1.0, one)
        for factor in (1.6, 3.0):
            tried = [_overloaded(front, one, factor, seconds, proxied.key) for _ in range(times)]
            rows += _judged(f"overload {factor:g}x", tried, least=0.7 if factor < 2 else 0.5)
        capacity = statistics.median(each.capacity for each in tried)

        def mixed(number: int) -> tuple[str, bytes]:
            return ("batch", batch) if number % 20 == 0 else ("one", one)

        found = Load(front.port, mixed, 800).open(3 * capacity, seconds / 2)
    shed = found.share("batch", 503), found.share("one", 503)
    figure = f"{shed[0]:.0%} of batches, {shed[1]:.0%} of single requests"
    first = (
        shed[0] > shed[1]
    )  # of requests that nginx queued; who waited for how long is the machine's affair
    return [*rows, Row("overload: batch shed first", figure, "batches > single", first, timed=True)]


@dataclass(frozen=True)
class _Overloaded:
    """One overload: what came of it, beside what the worker answers when asked no faster than it can."""

    outcome: Outcome
    capacity: float
    share: float
    recovered_s: float

    @property
    def goodput(self) -> float:
        """Answers in time as a part of capacity; where others used the machine, of its share of processor time."""
        return self.outcome.rate(within_s=0.5) / self.capacity / self.share


def _overloaded(front: Server, one: bytes, factor: float, seconds: float, key: str) -> _Overloaded:
    before, usual_s = _costed(front, partial(_closed, front, seconds / 2, one), seconds / 2)
    load = Load(front.port, lambda _: ("one", one), 800)
    hard, cpu_s = _costed(front, partial(load.open, factor * before, seconds), seconds)
    recovered_s = _recovery(front, key)
    capacity = statistics.mean((before, _closed(front, seconds / 2, one)))
    return _Overloaded(hard, capacity, min(1.0, cpu_s / usual_s), recovered_s)


def worst_refused(folder: Path, bundles: Path, *, clients: int = 8, seconds: float = 4.0) -> list[Row]:
    """Health checks and recommendations beside the costliest batches that are refused, eight at once."""
    bodies, path = refused_batches(), "/v1/recommendations/batch"
    batches: list[int] = []
    beside: list[int] = []
    took: list[float] = []
    with serving(folder, bundles) as server:
        before, end = server.workers(), time.monotonic() + seconds

        def attack(first: int) -> None:
            number = first
            while time.monotonic() < end:
                batches.append(server.status(path, bodies[number % len(bodies)], timeout_s=60))
                number += clients + 1

        threads = [threading.Thread(target=attack, args=(first,)) for first in range(clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for asked, body in (("/healthz", None), ("/v1/recommendations", CUSTOMER)):
                began = time.monotonic()
                beside.append(server.status(asked, body, timeout_s=60))
                took.append(time.monotonic() - began)
        same, timed_out = server.workers() == before, server.log.read_text().count("WORKER TIMEOUT")
    lost, shed, slowest = batches.count(0), beside.count(503), max(took)
    failed = len(beside) - beside.count(200) - shed
    figure = (
        f"{lost} of {len(batches)} without an answer; of {len(beside)} others {failed} failed, {shed} got 503; "
        f"{'the same' if same else 'OTHER'} workers, {timed_out} timed out"
    )
    sound = (lost, failed, same, timed_out) == (0, 0, True, 0) and shed <= len(beside) / 50
    return [
        Row(f"the worst refused batches, {clients} at once", figure, "0; 0, <= 2 %; the same, 0", sound),
        Row(
            "the slowest answer beside them",
            f"{slowest * 1000:.0f} ms",
            "<= 3000 ms",
            slowest <= 3,
            timed=True,
        ),
    ]


def _costed(server: Server, work: Callable[[], T], seconds: float) -> tuple[T, float]:
    """What work gives, and the processor time in a second that the worker had for it."""
    before = server.cpu_s()
    done = work()
    return done, (server.cpu_s() - before) / seconds


def _judged(name: str, tried: list[_Overloaded], *, least: float) -> list[Row]:
    """Rows of one overload, tried several times: the median of what is timed, the sum of what must not be."""

    def middle(of: Callable[[_Overloaded], float]) -> float:
        return statistics.median(map(of, tried))

    good, fast = middle(lambda each: each.goodput), middle(lambda each: each.outcome.quantile(0.99, 503))
    counts = sum((each.outcome.counts() for each in tried), Counter[int]())
    late = counts.pop(-1, 0)  # other tenants of the machine can bring that about, too
    others = {status: count for status, count in counts.items() if status not in {200, 503}}
    bare = sum(each.outcome.bad_503 for each in tried)
    refused = f"{late} late, {others or 0} other than 200 and 503, {bare} without Retry-After"
    refused += f", 503 p99 {fast * 1000:.0f} ms"
    right = not others and bare == 0
    figure = f"{good:.0%} of {middle(lambda each: each.capacity):.0f}/s"
    figure += f", with {middle(lambda each: each.share):.0%} of the usual processor time"
    figure += f" (median of {len(tried)})" * (len(tried) > 1)
    recovered_s = middle(lambda each: each.recovered_s)
    return [
        Row(f"{name}: goodput in 500 ms", figure, f">= {least:.0%}", good >= least, timed=True),
        Row(
            f"{name}: the rest",
            refused,
            "0, 0, 0, <= 1000 ms",
            right and not late and fast <= 1.0,
            timed=right,
        ),
        Row(f"{name}: back to normal", f"{recovered_s:.2f} s", "<= 5 s", recovered_s <= 5, timed=True),
    ]


def _single(_number: int) -> tuple[str, bytes]:
    return "one", ONE


def _closed(server: Server, seconds: float, asked: bytes = ONE) -> float:
    """Answers a second with eight clients that wait for each answer."""
    return Load(server.port, lambda _: ("one", asked), 8).closed(seconds).rate()


def _recovery(server: Server, key: str) -> float:
    """Seconds until twenty requests in a row are answered within a tenth of a second."""
    began, good = time.monotonic(), 0
    while good < 20 and time.monotonic() - began < 20:
        asked = time.monotonic()
        status = server.ask("/v1/recommendations", CUSTOMER, key=key)[0]
        good = good + 1 if status == 200 and time.monotonic() - asked < 0.1 else 0
    return time.monotonic() - began


def stop_in_flight(folder: Path, bundles: Path, *, requests: int = 8) -> list[Row]:
    """SIGTERM while requests are half sent, while batches are being answered, and while connections wait to be taken."""
    batch = request_bytes("/v1/recommendations/batch", {"customers": [CUSTOMER] * 500})
    kinds = {
        "half sent": (requests, ONE, len(ONE) - 20, 0.3),
        "being answered": (requests // 2, batch, len(batch), 0.15),
        "not taken yet": (50, ONE, len(ONE), 0.0),
    }
    rows = []
    for name, (many, sent, cut, wait_s) in kinds.items():
        with serving(folder, bundles) as server:
            links = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(many)]
            for link in links:
                link.sendall(sent[:cut])
            time.sleep(wait_s)
            server.process.send_signal(signal.SIGTERM)
            if cut < len(sent):
                time.sleep(0.3)
                for link in links:
                    link.sendall(sent[cut:])
            good = [_status(link) for link in links].count(200)
            left = server.process.wait(timeout=40)
        figure, whole = f"{good} x 200, exit {left}", good == many and left == 0
        if name == "not taken yet":  # gunicorn resets these: take it out of the proxy before
            rows.append(Row(f"SIGTERM, {many} requests {name}", figure, "as it is", left == 0))
        else:
            bound = f"{many} x 200, exit 0"
            rows.append(Row(f"SIGTERM, {many} requests {name}", figure, bound, whole))
    return rows


def _status(link: socket.socket) -> int:
    with link:
        try:
            first = link.recv(1 << 16)
        except OSError:
            return 0
        return int(first[9:12]) if len(first) > 12 else 0


def soak(folder: Path, bundles: Path, *, seconds: float) -> list[Row]:
    """Half of capacity for long; memory from after a warm-up to the end."""
    with serving(folder, bundles) as server:
        capacity = _closed(server, 3.0)
        Load(server.port, _single, 400).open(capacity / 2, max(3.0, seconds / 10))
        before = server.memory_kib()
        found = Load(server.port, _single, 400).open(capacity / 2, seconds)
        growth = server.memory_kib() / before - 1
    counts = found.counts()
    refused = counts[503]
    failed = sum(counts[status] for status in counts if status not in {200, 503})
    return [
        Row(
            f"soak {seconds:.0f} s at half capacity",
            f"{counts[200]} x 200, {failed} failed {dict(counts) if failed else ''}".strip(),
            "0 failed",
            failed == 0,
        ),
        Row("soak: refused as overload", f"{refused}", "0", refused == 0, timed=True),
        Row("soak: memory growth", f"{growth:+.1%} of {before / 1024:.0f} MiB", "<= 5 %", growth <= 0.05),
    ]


def redis_away(folder: Path, bundles: Path, *, seconds: float = 2.0) -> list[Row]:
    """Two workers share a limit through Redis; Redis dies under load; answers go on under a local cap."""
    program, port = needs("redis-server"), free_port()
    key = keys_file(folder / "redis-keys.json", "recommend")
    asked = request_bytes("/v1/recommendations", CUSTOMER, key=key)
    settings = {
        "ARKI_KEYS": str(folder / "redis-keys.json"),
        "ARKI_SECRET": "s" * 40,
        "ARKI_RATE_LIMIT": "100/hour",
        "ARKI_REDIS_URL": f"redis://127.0.0.1:{port}/0",
    }
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        with serving(folder, bundles, **settings) as server:
            shared = Counter[int]()
            until = time.monotonic() + _MOST_COUNTED_S
            while (
                not shared[429] and time.monotonic() < until
            ):  # a busy machine sends 100 in more than `seconds`
                shared += Load(server.port, lambda _: ("one", asked), 8).closed(seconds).counts()
            redis.kill()
            redis.wait()
            alone = Load(server.port, lambda _: ("one", asked), 8).closed(seconds).counts()
    finally:
        if redis.poll() is None:
            redis.kill()
            redis.wait()
    failed = sum(
        count for counts in (shared, alone) for status, count in counts.items() if status not in {200, 429}
    )
    return [
        Row(
            "limit of 100 over two workers, Redis up", f"{shared[200]} x 200", "100 x 200", shared[200] == 100
        ),
        Row(
            "Redis killed under load",
            f"{alone[200]} x 200 under the local cap, {failed} failed",
            "1-200 x 200, 0 failed",
            0 < alone[200] <= 200 and failed == 0,
        ),
    ]
