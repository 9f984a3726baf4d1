"""Load on one port from eight connections: wrk where it is installed, else the Python client of the drills.

Requests go round a list, so that no server answers from one warm line of cache. Half load is an open loop: a request's
time runs from when it was due.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from drills.load import Load

CONNECTIONS = 8
_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Requests:
    """What is sent: one path, headers, and bodies in turn; no body is a GET."""

    path: str
    bodies: tuple[bytes, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def head(self, body: bytes | None, *, keep_alive: bool) -> bytes:
        """One request as it goes over the wire."""
        lines = [f"{'GET' if body is None else 'POST'} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [] if keep_alive else ["Connection: close"]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")

    def wires(self, *, keep_alive: bool = True) -> list[bytes]:
        """Every request in turn."""
        return [self.head(body, keep_alive=keep_alive) for body in self.bodies or (None,)]


@dataclass(frozen=True)
class Told:
    """What came of a run."""

    requests: int
    failed: int
    per_s: float
    p50_ms: float
    p99_ms: float


def generator() -> str:
    """What makes the load."""
    return "wrk" if shutil.which("wrk") else "drills.load (Python)"


def full_load(port: int, requests: Requests, seconds: float, *, keep_alive: bool = True) -> Told:
    """As many requests as eight connections get answered."""
    wires = requests.wires(keep_alive=keep_alive)
    if shutil.which("wrk"):
        return _wrk(port, wires, seconds)
    outcome = Load(port, lambda at: ("", wires[at % len(wires)]), CONNECTIONS).closed(seconds)
    return _told(outcome)


def open_load(port: int, requests: Requests, rate: float, seconds: float) -> Told:
    """A fixed number of requests a second, whatever the server does."""
    wires = requests.wires()
    return _told(Load(port, lambda at: ("", wires[at % len(wires)]), CONNECTIONS * 4).open(rate, seconds))


def _told(outcome) -> Told:
    good, all_of = outcome.counts()[200], len(outcome.answers)
    return Told(
        all_of,
        all_of - good,
        round(good / outcome.seconds, 1),
        round(outcome.quantile(0.5) * 1e3, 3),
        round(outcome.quantile(0.99) * 1e3, 3),
    )


def _wrk(port: int, wires: list[bytes], seconds: float) -> Told:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "requests.lua"
        texts = ",\n".join(json.dumps(wire.decode("latin-1"), ensure_ascii=False) for wire in wires)
        script.write_text(
            f"local wires = {{{texts}}}\nlocal at = 0\n"
            "request = function() at = at % #wires + 1; return wires[at] end\n",
            encoding="latin-1",
        )
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command += ["--latency", "-s", str(script), f"http://127.0.0.1:{port}/"]
        said = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=seconds + 60
        ).stdout
    return Told(
        requests=int(_found(r"(\d+) requests in", said)),
        failed=int(_found(r"Non-2xx or 3xx responses: (\d+)", said) or 0) + _socket_errors(said),
        per_s=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50_ms=_milliseconds(r"50%\s+([\d.]+)(us|ms|s)", said),
        p99_ms=_milliseconds(r"99%\s+([\d.]+)(us|ms|s)", said),
    )


def _found(pattern: str, said: str) -> str:
    match = re.search(pattern, said)
    return match.group(1) if match else ""


def _milliseconds(pattern: str, said: str) -> float:
    match = re.search(pattern, said)
    return round(float(match.group(1)) * _UNITS_MS[match.group(2)], 3) if match else 0.0


def _socket_errors(said: str) -> int:
    found = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    return sum(map(int, found.groups())) if found else 0
