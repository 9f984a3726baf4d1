"""The default gunicorn worker: one loop that reads from all clients without waiting and answers whole requests itself.

A request is answered when all of it has arrived, so a slow client costs memory, not a thread, and health checks go on
beside hundreds of them. Nothing is handed between threads, which costs gthread a third of its time. When more requests
wait than can be answered in time, the loop refuses the newest with a 503 that costs a twentieth of an answer: batches
first, probes never. What has no plain length (chunked bodies, Expect) goes to gunicorn's own threads, and so does what
waits for a database, so that a recommendation never waits for a disk.

gunicorn parses and answers each request; this module only decides when. It builds on `ThreadWorker` of gunicorn 27,
which pyproject.toml pins, and a test holds to it what is used here. Named by `gunicorn_config`; imports no app,
so that a reload can load new code (`service.reload`).
"""

from __future__ import annotations

import re
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any, Final

from gunicorn import http
from gunicorn.workers.gthread import TConn, ThreadWorker

from service import seats
from service.wires import (
    BUSY,
    CLIENT_ERRORS,
    SLOWEST_REQUEST_S,
    PatientWire,
    Wire,
    body_length,
    error_response,
)

MOST_WAITING: Final = 64
MOST_BATCHES_WAITING: Final = 8
LONGEST_WAIT_S: Final = 0.2
LONGEST_BATCH_WAIT_S: Final = 2.0
LARGEST_HEAD: Final = 32 * 1024
LARGEST_HELD: Final = 2 * 1024 * 1024 + 64 * 1024
MOST_HELD: Final = 128 * 1024 * 1024
LINGER_S: Final = 2.0
GIVES_WAY_S: Final = 0.001
_TURN_S: Final = 0.005
_LOOK_EVERY_S: Final = 1.0
_RECEIVE: Final = 64 * 1024
_ACCEPTS: Final = 16
_CLOSES: Final = re.compile(rb"\A[^\r\n]* HTTP/1\.0\r\n|\r\nconnection[ \t]*:[ \t]*close", re.IGNORECASE)
_PROBES: Final = (b"GET /healthz ", b"GET /readyz ", b"GET /metrics ")
_DISK: Final = (
    b"POST /v1/outcomes",
    b"GET /v1/outcomes/report",
    *(b"GET /console/%b/outcomes" % language for language in (b"fi", b"sv", b"en")),
)
_BATCH: Final = b"POST /v1/recommendations/batch "


class _Client:
    """A connection: what arrived and is not answered, and what is written and not sent."""

    __slots__ = (
        "address",
        "answering",
        "buffer",
        "conn",
        "deadline",
        "ended",
        "out",
        "since",
        "sock",
        "whole",
    )

    def __init__(self, sock: socket.socket, address: Any, conn: Any, deadline: float) -> None:  # noqa: ANN401
        self.sock, self.address, self.conn, self.deadline = sock, address, conn, deadline
        self.buffer, self.out = bytearray(), b""
        self.whole = 0  # bytes of the first request in the buffer; 0 while its head has not all arrived
        self.since = 0.0
        self.answering = self.ended = False


class LoopWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """See the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._clients: set[_Client] = set()
        self._waiting: deque[_Client] = deque()
        self._batches: deque[_Client] = deque()
        self._pooled = 0
        self._held = 0
        self._look_at = 0.0
        self.seat: int | None = None  # `gunicorn_config` gives one before the fork
        self._knocked: list[Any] = []  # listeners with new connections

    def run(self) -> None:
        """Serve until told to stop, then answer what has arrived."""
        # gunicorn's goes to a pipe that only its sync worker empties; once it is full, each alarm is an error.
        signal.set_wakeup_fd(-1)
        self.poller.register(self.method_queue.fileno(), EVENT_READ, self.method_queue.run_callbacks)
        self._tell()
        self.set_accept_enabled(True)
        while self.alive:
            if len(self._clients) >= self.worker_connections:
                self._make_room()
            can_accept = len(self._clients) < self.worker_connections
            if can_accept != self._accepting:
                self.set_accept_enabled(can_accept)
            self._turn(1.0)
        self._stop()

    def _make_room(self) -> None:
        """Close the connections that have kept us waiting longest, so that many idle ones never shut others out."""
        silent = [client for client in self._clients if not client.answering]
        silent.sort(key=lambda client: client.deadline)
        for client in silent[: len(self._clients) - self.worker_connections + 1]:
            self._close(client)

    def _stop(self) -> None:
        """Take what waits to be accepted, answer everything, and leave clients time to see that we close."""
        if self._accepting:
            for listener in self.sockets:
                for _ in range(self.worker_connections):
                    if not self._accept_one(listener):
                        break
        self.set_accept_enabled(False)
        if self.seat is not None:
            seats.leave(self.seat)
            self.seat = None
        now = time.monotonic()
        until, linger_until = now + self.cfg.graceful_timeout, now + LINGER_S
        while time.monotonic() < until:
            busy = (
                self._pooled
                or self._waiting
                or self._batches
                or any(client.out or client.buffer for client in self._clients)
            )
            if not busy and (not self._clients or time.monotonic() >= linger_until):
                break
            self._turn(0.05)
        for client in list(self._clients):
            self._close(client)
        self.tpool.shutdown(wait=False)
        self.poller.close()
        self.method_queue.close()
        for listener in self.sockets:
            listener.close()

    def _turn(self, timeout_s: float) -> None:
        """One round: take what has arrived, then answer for a few milliseconds."""
        self.wait_for_and_dispatch_events(0 if self._waiting or self._batches else timeout_s)
        while self._knocked:
            self._take_in(self._knocked.pop())
        now = time.monotonic()
        while self._batches and now - self._batches[0].since > LONGEST_BATCH_WAIT_S:
            client = self._batches.popleft()
            client.answering = False
            self._shed(client, "batch")
        until = now + _TURN_S
        while now < until:
            if self._waiting:
                self._answer(self._waiting.popleft())
            elif self._batches:
                self._answer(self._batches.popleft())
            else:
                break
            now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._look(now)

    def _look(self, now: float) -> None:
        """What is due now and then: tell the master that we live, see whether it does, and close what took too long."""
        self.notify()
        if not self.is_parent_alive():
            self.alive = False
        for client in [one for one in self._clients if one.deadline < now and not one.answering]:
            self._close(client)

    def accept(self, listener: Any) -> None:  # noqa: ANN401
        """There are new connections; they are taken once all is read that older ones have sent."""
        self._knocked.append(listener)

    def _take_in(self, listener: Any) -> None:  # noqa: ANN401
        """Take new connections. With nothing to answer, let a worker that holds fewer come first; it may be stuck, so once.

        With something to answer we were away for longer than an idle worker needs to come first.
        """
        gives_way, left = not self._waiting and not self._batches, _ACCEPTS
        while left:
            if gives_way and self.seat is not None and len(self._clients) > seats.fewest():
                if self._waiting or self._batches:
                    return  # what was taken is answered first
                time.sleep(GIVES_WAY_S)
                gives_way, left = False, _ACCEPTS // 4
            if not self._accept_one(listener):
                return
            left -= 1

    def _accept_one(self, listener: Any) -> bool:  # noqa: ANN401
        """Whether there was a connection to take."""
        try:
            sock, address = listener.accept()
        except OSError:
            return False
        self.nr_conns += 1
        wire = Wire()
        conn = TConn(self.cfg, wire, address, listener.getsockname())
        conn.initialized, conn.parser = True, http.get_parser(self.cfg, wire, address)
        sock.setblocking(False)
        client = _Client(sock, address, conn, time.monotonic() + self.cfg.keepalive)
        self._clients.add(client)
        self._tell()
        self.poller.register(sock, EVENT_READ, partial(self._readable, client))
        self._readable(client)
        return True

    def _tell(self) -> None:
        """Say in the shared memory how many connections are held here."""
        if self.seat is not None:
            seats.hold(self.seat, len(self._clients))

    def _readable(self, client: _Client, _sock: object = None) -> None:
        try:
            arrived = client.sock.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            self._close(client)
            return
        if not arrived:
            self._ended(client)
        elif client.ended:
            return  # what comes after a refusal is read and dropped, so that the refusal arrives
        else:
            if not client.buffer:
                client.deadline = time.monotonic() + SLOWEST_REQUEST_S  # for all of it, however it trickles
            client.buffer += arrived
            self._held += len(arrived)
            if len(client.buffer) > LARGEST_HELD + _RECEIVE or self._held > MOST_HELD:
                self._refuse(client, BUSY)
            elif not client.answering:
                self._sort(client)

    def _ended(self, client: _Client) -> None:
        """The client has no more to say: answer what it said, or let gunicorn say what is missing."""
        if client.answering:
            client.ended = True
            self.poller.unregister(client.sock)
        elif client.whole or b"\r\n\r\n" in client.buffer:
            self._to_pool(client)
        else:
            self._close(client)

    def _sort(self, client: _Client) -> None:
        """Once a request has all arrived, let it wait its turn, or refuse it at once."""
        buffer = client.buffer
        if not client.whole:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > LARGEST_HEAD:
                    self._refuse(client, error_response(431))
                return
            length = body_length(bytes(buffer[:end]))
            if length is None or length > LARGEST_HELD:
                self._to_pool(client)
                return
            client.whole = end + 4 + length
        if len(buffer) < client.whole:
            return
        client.since = time.monotonic()
        if buffer.startswith(_PROBES):
            client.answering = True
            self._waiting.appendleft(client)
            return
        if buffer.startswith(_DISK):
            self._to_pool(client, most=MOST_WAITING)
            return
        batch = buffer.startswith(_BATCH)
        if self._is_busy(client.since, batch=batch):
            self._shed(client, "batch" if batch else "single")
            return
        client.answering = True
        (self._batches if batch else self._waiting).append(client)

    def _is_busy(self, now: float, *, batch: bool) -> bool:
        waiting = self._waiting
        if batch:
            return len(self._batches) >= MOST_BATCHES_WAITING or len(waiting) >= MOST_WAITING // 4
        return len(waiting) >= MOST_WAITING or (
            len(waiting) >= MOST_WAITING // 4 and now - waiting[0].since > LONGEST_WAIT_S
        )

    def _shed(self, client: _Client, kind: str) -> None:
        metrics = sys.modules.get("service.metrics")
        if metrics is not None:
            metrics.count_shed(kind)
        if not self.alive or _CLOSES.search(bytes(client.buffer[: client.whole])):
            self._refuse(client, BUSY)
            return
        self._take(client)
        self._send(client, BUSY)

    def _take(self, client: _Client) -> bytes:
        """The first request in the buffer, taken out of it."""
        request = bytes(client.buffer[: client.whole])
        del client.buffer[: client.whole]
        self._held -= len(request)
        client.whole = 0
        return request

    def _answer(self, client: _Client) -> None:
        wire: Wire = client.conn.sock
        wire.given = self._take(client)
        stays = self.handle(client.conn)
        answer, wire.written = b"".join(wire.written), []
        client.answering = False
        client.ended = client.ended or stays is not True
        client.deadline = time.monotonic() + self.cfg.keepalive
        self._send(client, answer)

    def _send(self, client: _Client, answer: bytes) -> None:
        """Send without waiting; what the client does not take yet follows when it does."""
        try:
            sent = client.sock.send(answer) if answer else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(client)
            return
        if sent < len(answer):
            client.out, client.answering = answer[sent:], True
            client.deadline = time.monotonic() + SLOWEST_REQUEST_S
            self._listen(client, EVENT_WRITE, self._writable)
        elif client.ended:
            self._close(client)
        elif client.buffer:
            self._sort(client)

    def _writable(self, client: _Client, _sock: object) -> None:
        answer, client.out, client.answering = client.out, b"", False
        client.deadline = time.monotonic() + self.cfg.keepalive
        self._listen(client, EVENT_READ, self._readable)
        self._send(client, answer)

    def _listen(self, client: _Client, event: int, callback: Callable[..., None]) -> None:
        try:
            self.poller.modify(client.sock, event, partial(callback, client))
        except KeyError:  # unregistered when the client had no more to say
            self.poller.register(client.sock, event, partial(callback, client))

    def _to_pool(self, client: _Client, most: int = 0) -> None:
        """Let a thread read and answer this one as gunicorn's gthread does; it comes back afterwards.

        What has all arrived may wait for a thread, and up to `most` do; what has not would keep one.
        """
        if self._pooled >= max(most, self.cfg.threads):
            self._refuse(client, BUSY)
            return
        self._pooled += 1
        client.answering = True
        self.poller.unregister(client.sock)
        wire = PatientWire(client.sock)
        conn = TConn(self.cfg, wire, client.address, client.conn.server)
        conn.initialized, conn.parser = True, http.get_parser(self.cfg, wire, client.address)
        conn.parser.unreader.unread(bytes(client.buffer))
        self._held -= len(client.buffer)
        client.buffer.clear()
        client.whole = 0
        future = self.tpool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self._from_pool, client, conn, done))

    def _from_pool(self, client: _Client, conn: Any, done: Any) -> None:  # noqa: ANN401
        self._pooled -= 1
        client.answering = False
        client.deadline = time.monotonic() + self.cfg.keepalive
        client.sock.setblocking(False)
        self.poller.register(client.sock, EVENT_READ, partial(self._readable, client))
        if done.exception() is not None or done.result() is not True:
            self._refuse(client, b"")
            return
        client.buffer += conn.parser.unreader.take_buffered()
        self._held += len(client.buffer)
        if client.buffer:
            self._sort(client)

    def _refuse(self, client: _Client, answer: bytes) -> None:
        """Send a last answer, then read and drop what still comes until the client has seen it."""
        self._held -= len(client.buffer)
        client.buffer.clear()
        client.whole = 0
        try:
            if answer:
                client.sock.send(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(client)
            return
        client.ended, client.deadline = True, time.monotonic() + LINGER_S

    def _close(self, client: _Client) -> None:
        if client not in self._clients:
            return
        self._clients.discard(client)
        self._tell()
        self._held -= len(client.buffer)
        client.buffer.clear()
        self.nr_conns -= 1
        if client.sock in self.poller.get_map():
            self.poller.unregister(client.sock)
        client.sock.close()

    def handle_error(self, _req: Any, client: Any, _addr: Any, exc: BaseException) -> None:  # noqa: ANN401
        """Answer what gunicorn could not parse, or an app that failed, with a problem; nothing sent is logged."""
        status = next((code for kind, code in CLIENT_ERRORS if isinstance(exc, kind)), 500)
        if status == 500:  # noqa: PLR2004
            self.log.error("Error handling request: %s", type(exc).__name__)
        client.sendall(error_response(status))
