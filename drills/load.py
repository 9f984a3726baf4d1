"""Load from one thread: a closed loop to measure capacity, an open loop that keeps its rate whatever the service does.

In an open loop the time of a request runs from when it was due, so that a service cannot look fast by making its
clients wait (coordinated omission).
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TIMEOUT_S = 5.0


@dataclass
class Outcome:
    """What came of the requests: (kind, status, seconds, when it ended); status 0 is a failure, -1 a time-out."""

    seconds: float = 0.0
    answers: list[tuple[str, int, float, float]] = field(default_factory=list)
    bad_503: int = 0

    def rate(self, status: int = 200, *, within_s: float = TIMEOUT_S) -> float:
        """Answers of a status within a time, in a second."""
        return sum(s == status and took <= within_s for _, s, took, _ in self.answers) / self.seconds

    def counts(self) -> Counter[int]:
        """Answers by status."""
        return Counter(status for _, status, _, _ in self.answers)

    def share(self, kind: str, status: int) -> float:
        """The share of a kind's requests that got a status."""
        of_kind = [s for k, s, _, _ in self.answers if k == kind]
        return sum(s == status for s in of_kind) / max(1, len(of_kind))

    def quantile(self, q: float, status: int = 200) -> float:
        """A quantile of the seconds of the answers of a status."""
        took = sorted(took for _, s, took, _ in self.answers if s == status)
        return took[min(len(took) - 1, int(q * len(took)))] if took else 0.0


@contextmanager
def loading(load: Load) -> Iterator[list[Outcome]]:
    """A closed loop in a thread until the end of the with; what came of it is in the list then."""
    stop, outcomes = threading.Event(), list[Outcome]()
    thread = threading.Thread(target=lambda: outcomes.append(load.closed(3600, until=stop.is_set)))
    thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        thread.join()


class _Link:
    """One connection and the request on it."""

    __slots__ = ("due", "got", "kind", "sent", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.kind, self.due, self.sent, self.got = sock, "", 0.0, 0.0, b""


class Load:
    """A client of many connections to one port; each keeps alive until the service closes it."""

    def __init__(
        self,
        port: int,
        make: Callable[[int], tuple[str, bytes]],
        connections: int = 200,
        see: Callable[[str, int, bytes], None] | None = None,
    ) -> None:
        self._port, self._make, self._most, self._see = port, make, connections, see
        self._selector = selectors.DefaultSelector()
        self._free: deque[_Link] = deque()
        self._busy: set[_Link] = set()
        self._numbered = 0
        self.outcome = Outcome()

    def closed(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> Outcome:
        """Every connection asks again as soon as it is answered."""
        started = time.monotonic()
        end = started + seconds
        while (now := time.monotonic()) < end and not until():
            while len(self._busy) < self._most:
                self._start(now)
            self._receive(0.05)
        return self._finish(started)

    def open(self, rate: float, seconds: float) -> Outcome:
        """Requests are due at a fixed rate; one that finds no free connection waits for one, its time running."""
        started, due = time.monotonic(), 0
        total = int(rate * seconds)
        while due < total or self._busy:
            now = time.monotonic()
            while due < total and started + due / rate <= now and len(self._busy) < self._most:
                self._start(started + due / rate)
                due += 1
            if now > started + seconds + TIMEOUT_S + 1:
                break
            next_due = started + due / rate - time.monotonic() if due < total else 0.05
            self._receive(max(0.0, min(next_due, 0.05)) if len(self._busy) < self._most else 0.05)
        for late in range(due, total):
            self.outcome.answers.append(("undelivered", -1, TIMEOUT_S, started + late / rate))
        return self._finish(started, seconds)

    def _start(self, due: float) -> None:
        kind, content = self._make(self._numbered)
        self._numbered += 1
        link = self._free.popleft() if self._free else self._connect()
        link.kind, link.due, link.got, link.sent = kind, due, b"", time.monotonic()
        self._busy.add(link)
        try:
            link.sock.sendall(content)
        except OSError:
            self._end(link, 0, keep=False)

    def _connect(self) -> _Link:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(sock)
        self._selector.register(sock, selectors.EVENT_READ, link)
        return link

    def _receive(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            self._read(key.data)
        now = time.monotonic()
        for link in [link for link in self._busy if now - link.sent > TIMEOUT_S]:
            self._end(link, -1, keep=False)

    def _read(self, link: _Link) -> None:
        try:
            arrived = link.sock.recv(1 << 18)
        except OSError:
            arrived = b""
        if link not in self._busy:  # the service closed an idle connection, as it may
            if link in self._free:
                self._free.remove(link)
            self._drop(link)
            return
        if not arrived:
            self._end(link, 0, keep=False)
            return
        link.got += arrived
        head, found, body = link.got.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        status = int(head[9:12])
        if status == 503 and (b"retry-after:" not in lower or b"problem+json" not in lower):
            self.outcome.bad_503 += 1
        if self._see is not None:
            self._see(link.kind, status, body)
        self._end(link, status, keep=b"connection: close" not in lower)

    def _end(self, link: _Link, status: int, *, keep: bool) -> None:
        now = time.monotonic()
        self._busy.discard(link)
        self.outcome.answers.append((link.kind, status, now - link.due, now))
        if keep:
            self._free.append(link)
        else:
            self._drop(link)

    def _drop(self, link: _Link) -> None:
        self._selector.unregister(link.sock)
        link.sock.close()

    def _finish(self, started: float, seconds: float | None = None) -> Outcome:
        deadline = time.monotonic() + TIMEOUT_S
        if seconds is None:
            seconds = time.monotonic() - started
        while self._busy and time.monotonic() < deadline:
            self._receive(0.05)
        for link in list(self._busy):
            self._end(link, -1, keep=False)
        for link in list(self._free):
            self._drop(link)
        self._free.clear()
        self._selector.close()
        self.outcome.seconds = seconds
        return self.outcome
