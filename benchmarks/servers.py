"""A server for the length of a measurement: started until it answers, its whole process tree weighed, then ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import NotMeasuredError
from benchmarks.load import Requests
from drills.server import free_port

LONGEST_START_S = 120.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Contestant:
    """A server to be measured: how it is started on a port, and what it is asked, by name; the first ask tells readiness."""

    name: str
    command: Callable[[int], list[str]]
    asks: dict[str, Requests]
    environ: dict[str, str]
    folder: Path


class Running:
    """A started server."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant, self.port = contestant, free_port()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ARKI_")}
        environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PORT": str(self.port)}
        environ |= {
            name: value.replace("{port}", str(self.port)) for name, value in contestant.environ.items()
        }
        began = time.monotonic()
        self._process = subprocess.Popen(
            contestant.command(self.port),
            cwd=contestant.folder,
            env=environ,
            stdout=subprocess.DEVNULL,  # every server logs, none to a disk
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.end()
            raise
        self.cold_start_s = round(time.monotonic() - began, 3)

    def cpu_s(self) -> float:
        """Processor time of the whole tree, user and system."""
        ticks = 0
        for pid in self._tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS_PER_S

    def pss_mib(self) -> float:
        """Proportional memory of the whole tree."""
        kib = 0
        for pid in self._tree():
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            kib += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return round(kib / 1024, 1)

    def processes(self) -> int:
        """How many processes the server is made of."""
        return len(self._tree())

    def end(self) -> None:
        """Ask it to stop, then make every process of its tree stop."""
        tree = self._tree()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in tree:
            if pid != self._process.pid and _session(pid) == self._process.pid:
                os.kill(pid, signal.SIGKILL)

    def _wait(self) -> None:
        deadline = time.monotonic() + LONGEST_START_S
        wire, said = next(iter(self.contestant.asks.values())).wires()[0], b""
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            said = _asked(self.port, wire)
            if said.startswith(b"HTTP/1.1 200"):
                return
            time.sleep(0.02)
        told = said.split(b"\r\n")[0].decode("latin-1") if said else "it gave no answer"
        raise NotMeasuredError(f"{self.contestant.name} did not start: {told}")

    def _tree(self) -> list[int]:
        """The process started, its descendants, and whatever is left of its session."""
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents[int(entry.name)] = (int(fields[1]), int(fields[3]))
        root = self._process.pid
        found = {pid for pid, (_, session) in parents.items() if root in (pid, session)}
        while more := {pid for pid, (parent, _) in parents.items() if parent in found} - found:
            found |= more
        return sorted(found)


def _session(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return None


def _asked(port: int, wire: bytes) -> bytes:
    """The answer to one request; empty if there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(wire)
            response = http.client.HTTPResponse(sock)
            response.begin()
            return f"HTTP/1.1 {response.status}\r\n\r\n".encode() + response.read()
    except (OSError, http.client.HTTPException):
        return b""
