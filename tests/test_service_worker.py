"""The loop worker: what it takes for a whole request, what it leaves to gunicorn, and what of gunicorn it leans on."""

from __future__ import annotations

import inspect
import json
import re
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import gunicorn
import pytest
from gunicorn.workers.gthread import TConn, ThreadWorker

from drills.server import CUSTOMER, KEY, ROOT, request_bytes, serving
from service import seats
from service.wires import BUSY, body_length, error_response, problem_response
from service.worker import LoopWorker

ONE = request_bytes("/v1/recommendations", CUSTOMER)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"GET / HTTP/1.1\r\nHost: a", 0),
        (b"POST / HTTP/1.1\r\nContent-Length: 12", 12),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH:12 ", 12),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", None),
        (b"POST / HTTP/1.1\r\nContent-Length: -1", None),
        (b"POST / HTTP/1.1\r\nContent-Length: +1", None),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999999999", None),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked", None),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", None),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue", None),
        (b"GET / HTTP/1.1\r\nUpgrade: h2c", None),
    ],
)
def test_only_a_plain_length_is_taken_at_its_word(head, length):
    assert body_length(head) == length


def test_what_never_reaches_the_app_is_refused_with_a_problem():
    for answer, status in ((BUSY, 503), (error_response(400), 400), (error_response(431), 431)):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(head[9:12]) == json.loads(body)["status"] == status
        assert b"application/problem+json" in head
        assert f"Content-Length: {len(body)}".encode() in head
    assert b"Retry-After: 1" in BUSY
    assert b"X-Own: 1\r\n\r\n" in problem_response(500, "own", "Own.", "X-Own: 1")


def test_gunicorn_still_has_what_the_worker_leans_on():
    assert gunicorn.version_info[0] == 27, "read service/worker.py against the new gunicorn, then say so here"
    assert list(inspect.signature(TConn.__init__).parameters) == ["self", "cfg", "sock", "client", "server"]
    for name in (
        "handle",
        "handle_request",
        "set_accept_enabled",
        "wait_for_and_dispatch_events",
        "is_parent_alive",
    ):
        assert hasattr(ThreadWorker, name)
    used = inspect.getsource(ThreadWorker.handle)
    assert "conn.initialized" in used
    assert "next(conn.parser)" in used
    assert issubclass(LoopWorker, ThreadWorker)


@pytest.fixture(scope="module")
def server(bundles, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("worker"), bundles, workers=1) as running:
        yield running


def talk(server, *pieces, answers=1):
    """Send pieces one by one on one connection; the statuses of what comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as link:
        for piece in pieces:
            link.sendall(piece)
        stream, statuses = link.makefile("rb"), []
        for _ in range(answers):
            line = stream.readline()
            if not line:
                break
            statuses.append(int(line.split()[1]))
            length = 0
            while (header := stream.readline()) not in {b"\r\n", b""}:
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            stream.read(length)
    return statuses


def test_a_request_in_single_bytes_is_answered(server):
    assert talk(server, *[ONE[at : at + 1] for at in range(len(ONE))]) == [200]


def test_requests_sent_at_once_are_answered_in_turn(server):
    bad = request_bytes("/v1/recommendations", b"{")
    assert talk(server, ONE + bad + ONE, answers=3) == [200, 400, 200]


def test_a_chunked_body_is_answered_and_the_connection_goes_on(server):
    body = json.dumps(CUSTOMER).encode()
    head = ONE.split(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    chunked = head + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    assert talk(server, chunked, ONE, answers=2) == [200, 200]


def test_a_body_that_is_announced_first_is_asked_for(server):
    head, _, body = ONE.partition(b"\r\n\r\n")
    assert talk(server, head + b"\r\nExpect: 100-continue\r\n\r\n", body, answers=2) == [100, 200]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000, 431),
        (ONE.replace(b"Content-Length", b"Content-Length: 1\r\nContent-Length"), 400),
        (ONE.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"), 400),
    ],
    ids=["words", "version", "space", "long-line", "long-head", "two-lengths", "length-and-chunked"],
)
def test_what_is_not_http_is_refused_with_a_problem(server, sent, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as link:
        link.sendall(sent)
        head, _, body = link.makefile("rb").read().partition(b"\r\n\r\n")
    assert int(head[9:12]) == status
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


def connections_of(pid, clients):
    """How many connections of some clients a process holds; whoever else asks is not counted."""
    ports = {f"{link.getsockname()[1]:04X}" for link in clients}
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            inodes.add(re.sub(r"\D", "", str(file.readlink())) if "socket:" in str(file.readlink()) else "")
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(line[2].partition(":")[2] in ports and line[9] in inodes for line in lines)


def test_connections_that_stay_are_shared_among_the_workers(tmp_path, bundles):
    with serving(tmp_path, bundles, workers=2) as running:
        links = []
        for _ in range(40):
            link = socket.create_connection(("127.0.0.1", running.port), timeout=60)
            link.sendall(request_bytes("/healthz", b"", method="GET"))
            assert link.recv(12) == b"HTTP/1.1 200"
            links.append(link)
        held = sorted(connections_of(pid, links) for pid in running.workers())
        for link in links:
            link.close()
    assert sum(held) == 40
    # A busy machine may wake the other too late; unshared, one often has nearly all.
    assert held[0] >= 8, held


def test_more_than_can_be_answered_is_refused_on_new_connections_too(server):
    batch = request_bytes("/v1/recommendations/batch", {"customers": [CUSTOMER] * 500})
    links = []
    for _ in range(80):
        links.append(socket.create_connection(("127.0.0.1", server.port), timeout=120))
        links[-1].sendall(batch)
    statuses = Counter(int(link.makefile("rb").readline().split()[1]) for link in links)
    for link in links:
        link.close()
    assert set(statuses) == {200, 503}, statuses


def test_an_alarm_leaves_nothing_in_a_pipe_that_nobody_empties(tmp_path):
    code = (
        "import os, selectors, signal\n"
        "from gunicorn.config import Config\n"
        "from gunicorn.glogging import Logger\n"
        "from service.worker import LoopWorker\n"
        "worker = LoopWorker(1, os.getppid(), [], None, 30, Config(), Logger(Config()))\n"
        "worker.poller, worker.alive = selectors.DefaultSelector(), False\n"
        "worker.tpool = worker.get_thread_pool()\n"
        "worker.method_queue.init()\n"
        "_, pipe = os.pipe()\n"
        "os.set_blocking(pipe, False)\n"
        "signal.set_wakeup_fd(pipe)\n"
        "worker.run()\n"
        "print(signal.set_wakeup_fd(-1))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "-1"


def test_a_seat_is_free_again_when_its_worker_has_left():
    assert seats.free_seat([]) == 0
    assert seats.free_seat([0, 1, 3]) == 2
    with pytest.raises(LookupError):
        seats.free_seat(range(seats.SEATS))
    try:
        assert seats.fewest() == 0
        seats.hold(0, 5)
        seats.hold(1, 3)
        assert seats.fewest() == 3
        seats.leave(1)
        assert seats.fewest() == 5
    finally:
        seats.leave(0)
        seats.leave(1)


def test_a_client_that_does_not_read_holds_nobody_up(server):
    asked = request_bytes("/openapi.json", b"", method="GET") * 60  # megabytes of answers
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(asked)
        for _ in range(20):
            assert server.ask("/healthz", timeout_s=20)[0] == 200


def test_more_clients_than_there_is_room_for_shut_nobody_out(tmp_path, bundles):
    few = {"GUNICORN_CMD_ARGS": "--worker-connections 20"}
    with serving(tmp_path, bundles, workers=1, **few) as running:
        links = [socket.create_connection(("127.0.0.1", running.port), timeout=60) for _ in range(60)]
        for link in links:
            link.sendall(ONE[:30])
        for _ in range(20):
            assert running.ask("/healthz", timeout_s=20)[0] == 200
        for link in links:
            link.close()


def test_any_app_that_fails_is_a_500_with_a_problem(tmp_path, bundles):
    (tmp_path / "failing.py").write_text("def app(environ, start):\n    raise ValueError('secret')\n")
    with serving(tmp_path, bundles, app="failing:app", workers=1, PYTHONPATH=str(tmp_path)) as running:
        status, headers, body = running.ask("/")
        assert (status, headers["content-type"]) == (500, "application/problem+json")
        assert b"secret" not in body
        assert "secret" not in running.log.read_text()


def test_workers_and_their_counts_live_in_a_folder_of_our_own(server):
    assert (server.run.stat().st_mode & 0o777) == 0o700
    assert int((server.run / "pid").read_text()) == server.process.pid
    assert KEY not in (ROOT / "openapi.json").read_text()
