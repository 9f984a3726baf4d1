"""The real service on loopback, for the length of a drill, and what a drill does to it.

ARKI_SERVER names the WSGI server, as it does for `arki-serve`.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from service import run_folder
from service.security.access import make_key, write_keys

KEY = "a key for drills"
ROOT = Path(__file__).parent.parent
START_LIMIT_S = 120.0
_chance = random.SystemRandom()  # two test runs must not seek ports in the same order
CUSTOMER = json.loads((ROOT / "fixtures" / "requests" / "job-lost.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Server:
    """A running service: where it listens, its process, and the file that holds what it logs."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    run: Path
    environ: dict[str, str]

    def workers(self) -> set[int]:
        """Process ids of the workers that are ready."""
        return {int(pid) for pid in run_folder.ready(self.run)}

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        headers: dict[str, str] | None = None,
        timeout_s: float = 20,
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        sent = dict(headers or {})
        if key:
            sent["Authorization"] = f"Bearer {key}"
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request("GET" if content is None else "POST", path, content, sent)
            response = connection.getresponse()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        finally:
            connection.close()

    def status(self, path: str, body: Any = None, *, key: str | None = KEY, timeout_s: float = 20) -> int:
        """The status of one request; 0 where there was no answer."""
        try:
            return self.ask(path, body, key=key, timeout_s=timeout_s)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def kill_worker(self, *, within_s: float = 30) -> float:
        """Kill the older worker and wait until there are as many as before; how many seconds that took, at most `within_s`.

        The older one, since granian ends the service where a worker dies within 5.5 s of its start.
        """
        before, began = self.workers(), time.monotonic()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        while time.monotonic() - began < within_s:
            workers = self.workers()
            if victim not in workers and len(workers) >= len(before):
                break
            time.sleep(0.02)
        return time.monotonic() - began

    def cpu_s(self) -> float:
        """Processor time of the workers, which other tenants of the machine cannot take from the figure."""
        ticks = 0
        for worker in self.workers():
            fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_kib(self) -> int:
        """Private memory of the workers."""
        total = 0
        for worker in self.workers():
            text = Path(f"/proc/{worker}/smaps_rollup").read_text()
            total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))
        return total


def free_port() -> int:
    """A port that nobody has, below those that a system gives to clients, so that none of them takes it meanwhile."""
    while True:
        port = _chance.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                with suppress(OSError):
                    probe.bind(("127.0.0.1", port))
                    return port


def request_bytes(path: str, body: Any, *, key: str = KEY, method: str = "POST") -> bytes:
    """One HTTP request as it goes over the wire."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@contextmanager
def serving(
    folder: Path,
    bundles: Path,
    *,
    workers: int = 2,
    log: int | None = None,
    before: Sequence[str] = (),
    **settings: str,
) -> Iterator[Server]:
    """A running service, ended with SIGTERM; it logs to a file, or a descriptor, and a command may stand before its own."""
    port = free_port()
    file = folder / f"log-{port}"
    environ = {
        name: value
        for name, value in os.environ.items()
        if name == "ARKI_SERVER" or not name.startswith("ARKI_")
    }
    environ |= {
        "ARKI_BUNDLES": str(bundles),
        "ARKI_DEV_KEY": KEY,
        "ARKI_WORKERS": str(workers),
        "ARKI_RUN": str(folder / f"run-{port}"),
        "PORT": str(port),
        **settings,
    }
    command = [*before, sys.executable, "-m", "service.server.serve"]
    with file.open("wb") as stream:
        said = stream if log is None else log
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=stream, stderr=said)
    server = Server(port, process, file, Path(environ["ARKI_RUN"]), environ)
    try:
        _wait_until_ready(server, workers)
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(server: Server, workers: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while len(server.workers()) < workers:
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the service did not start: {server.log.read_text()[-2000:]}")
        time.sleep(0.05)


def keys_file(file: Path, *scopes: str) -> str:
    """A file with one key of these scopes, and the key."""
    key, record = make_key(scopes, expires=datetime.now(UTC) + timedelta(days=1))
    write_keys(file, [record])
    return key
