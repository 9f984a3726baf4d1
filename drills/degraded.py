"""What fails around the service: a full run folder, a log that nobody reads, no files left, a database that is stuck."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from drills.outcomes import SECRET
from drills.server import CUSTOMER, request_bytes, serving
from drills.table import CannotRunError, Row

MOST_FILES = 300
SPELLINGS = {
    "plain": ("GET", "/v1/outcomes/report"),
    "HEAD": ("HEAD", "/v1/outcomes/report"),
    "two slashes": ("GET", "//v1/outcomes/report"),
    "per cent": ("GET", "/v1/%6futcomes/report"),
    "absolute": ("GET", "http://localhost/v1/outcomes/report"),
}


def full_run_folder(folder: Path, bundles: Path, *, requests: int = 200) -> list[Row]:
    """A small file system for ARKI_RUN that is filled up while the service runs; before, one too small for the counts."""
    rows = []
    for size, name in (("12m", "filled up"), ("1m", "too small from the start")):
        with _small(folder, size) as small:
            with serving(folder, bundles, ARKI_RUN=str(small / "run")) as server:
                before = server.workers()
                with suppress(OSError), (small / "fill").open("wb") as stream:
                    while True:
                        stream.write(b" " * 65536)
                        stream.flush()
                statuses = Counter(
                    server.status(path, body)
                    for _ in range(requests)
                    for path, body in (("/v1/recommendations", CUSTOMER), ("/healthz", None))
                )
                statuses[server.status("/metrics", None)] += 1
                same = server.workers() == before
            figure = f"{dict(statuses)}, {'the same' if same else 'OTHER'} workers"
            sound = statuses == {200: 2 * requests + 1} and same
            rows.append(Row(f"run folder {name}", figure, "200 alone, the same workers", sound))
    return rows


@contextmanager
def _small(folder: Path, size: str) -> Iterator[Path]:
    place = folder / f"small-{size}"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise CannotRunError("no small file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=True)


def blocked_log(folder: Path, bundles: Path, *, requests: int = 400) -> list[Row]:
    """Standard error is a pipe that nobody reads; later somebody does."""
    reads, writes = os.pipe()
    with serving(folder, bundles, log=writes) as server:
        statuses = Counter(server.status("/v1/recommendations", CUSTOMER) for _ in range(requests))
        os.set_blocking(reads, False)
        lines = _drained(reads).splitlines()
        statuses[server.status("/healthz", None)] += 1
        time.sleep(0.2)
        told = b"log lines were dropped" in b"".join([*lines, _drained(reads)])
    os.close(reads)
    os.close(writes)
    figure = (
        f"{dict(statuses)}, {len(lines)} lines kept, {'told' if told else 'NOT told'} how many were dropped"
    )
    sound = statuses == {200: requests + 1} and told
    return [Row("a log that nobody reads", figure, "200 alone, told", sound)]


def _drained(end: int) -> bytes:
    found = b""
    with suppress(BlockingIOError):
        while more := os.read(end, 1 << 16):
            found += more
    return found


def no_files_left(folder: Path, bundles: Path, *, clients: int = 400) -> list[Row]:
    """More clients than a worker may have files open; they go, and all is as before."""
    limits = ["sh", "-c", f'ulimit -n {MOST_FILES}; exec "$@"', "sh"]
    with serving(folder, bundles, workers=1, before=limits) as server:
        links = []
        for _ in range(clients):
            with suppress(OSError):
                links.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
                links[-1].sendall(b"GET /healthz HTTP/1.1\r\n")
        beside = server.status("/healthz", None, timeout_s=2)
        for link in links:
            link.close()
        began = time.monotonic()
        while server.status("/v1/recommendations", CUSTOMER) != 200 and time.monotonic() - began < 30:
            time.sleep(0.1)
        took, workers = time.monotonic() - began, len(server.workers())
        after = Counter(server.status("/v1/recommendations", CUSTOMER) for _ in range(50))
    figure = f"beside them {beside or 'no answer'}; gone, {took:.1f} s until {dict(after)}, {workers} worker"
    sound = after == {200: 50} and workers == 1
    return [Row(f"{clients} clients, {MOST_FILES} open files", figure, "200 once they are gone", sound)]


def stuck_database(folder: Path, bundles: Path, *, posts: int = 40) -> list[Row]:
    """A database that accepts and never answers, asked in every spelling of the address; others are answered beside it."""
    rows = []
    with _deaf() as port:
        url = f"postgresql+psycopg://arki@127.0.0.1:{port}/arki"
        settings = {"ARKI_OUTCOMES_URL": url, "ARKI_SECRET": SECRET}
        with serving(folder, bundles, **settings) as server:
            for name, (method, path) in SPELLINGS.items():
                asked = request_bytes(path, b"", method=method)
                links = [
                    socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(posts)
                ]
                for link in links:
                    link.sendall(asked)
                took, statuses = [], Counter[int]()
                for _ in range(10):
                    for probe, body in (("/healthz", None), ("/v1/recommendations", CUSTOMER)):
                        began = time.monotonic()
                        statuses[server.status(probe, body, timeout_s=5)] += 1
                        took.append(time.monotonic() - began)
                for link in links:
                    link.close()
                figure = f"{dict(statuses)}, slowest {max(took) * 1000:.0f} ms"
                sound = statuses == {200: 20}
                rows.append(
                    Row(
                        f"{posts} requests wait for a stuck database, {name}",
                        figure,
                        "200 alone, slowest <= 1000 ms",
                        sound and max(took) <= 1,
                        timed=sound,
                    )
                )
    return rows


@contextmanager
def _deaf() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    kept: list[Any] = []
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:

        def take() -> None:
            with suppress(OSError):
                while True:
                    kept.append(listener.accept())

        threading.Thread(target=take, daemon=True).start()
        yield listener.getsockname()[1]
        for link, _ in kept:
            link.close()
