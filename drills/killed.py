"""Processes that are stopped or killed: a worker that stands still, workers that die, and the main process that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from drills.load import Load, loading
from drills.nginx import serving_behind_nginx
from drills.server import CUSTOMER, ROOT, request_bytes, serving
from drills.table import Row

CLIENTS = 8
_LONGEST_S = 30.0
_ONE = request_bytes("/v1/recommendations", CUSTOMER)


def stopped_worker(folder: Path, bundles: Path, *, seconds: float = 3.0) -> list[Row]:
    """SIGSTOP of one of two workers behind nginx, under load, and SIGCONT when `seconds` have passed."""
    with serving_behind_nginx(folder, bundles) as proxied:
        one = proxied.request("/v1/recommendations", CUSTOMER)
        victim = min(proxied.back.workers())
        with loading(Load(proxied.front.port, lambda _: ("one", one), CLIENTS)) as outcomes:
            time.sleep(seconds / 2)
            os.kill(victim, signal.SIGSTOP)
            until = (
                time.monotonic() + seconds
            )  # shorter than a client waits: what the worker holds is late, not lost
            probes = list[int]()
            try:
                while time.monotonic() < until:
                    probes.append(proxied.front.status("/healthz", key=None, timeout_s=1))
                    time.sleep(0.1)
            finally:
                os.kill(victim, signal.SIGCONT)
            time.sleep(seconds / 2)
        after = Counter(
            proxied.front.status("/v1/recommendations", CUSTOMER, key=proxied.key) for _ in range(50)
        )
    counts = outcomes[0].counts()
    lost = sum(counts.values()) - counts[200] - counts[503]
    figure = f"beside it {probes.count(200)} of {len(probes)} probes within 1 s; {lost} of {sum(counts.values())} lost; then {dict(after)}"
    return [
        Row(
            "a worker stands still (SIGSTOP)",
            figure,
            "0 lost, then 200 alone",
            not lost and after == {200: 50},
        )
    ]


def killed_workers(folder: Path, bundles: Path, *, kills: int = 4) -> list[Row]:
    """Kill -9 of one worker after another under load; each is replaced."""
    slowest = 0.0
    with serving(folder, bundles) as server:
        with loading(Load(server.port, lambda _: ("one", _ONE), CLIENTS)) as outcomes:
            for _ in range(kills):
                time.sleep(0.5)
                slowest = max(slowest, server.kill_worker(within_s=_LONGEST_S))
        after = Counter(server.status("/v1/recommendations", CUSTOMER) for _ in range(50))
    counts = outcomes[0].counts()
    lost, most = sum(counts.values()) - counts[200], kills * CLIENTS
    sound = lost <= most and after == {200: 50}
    return [
        Row(
            f"kill -9 of {kills} workers under load",
            f"{lost} of {sum(counts.values())} cut off, then {dict(after)}",
            f"<= {most}, the {CLIENTS} being answered each time; then 200 alone",
            sound,
            # A client that asks again at once may still meet the socket of the process that is ending, once.
            timed=most < lost <= 2 * most and after == {200: 50},
        ),
        Row(
            "a killed worker replaced",
            f"slowest {slowest:.1f} s",
            "<= 10 s",
            slowest <= 10,
            timed=slowest < _LONGEST_S,
        ),
    ]


def killed_main_process(folder: Path, bundles: Path) -> list[Row]:
    """Kill -9 of the main process; its workers end, and the next start has the same folder and address."""
    with serving(folder, bundles) as server:
        workers, began = server.workers(), time.monotonic()
        server.process.kill()
        server.process.wait()
        while any(map(_is_alive, workers)) and time.monotonic() - began < 60:
            time.sleep(0.05)
        ended_s, left = time.monotonic() - began, sum(map(_is_alive, workers))
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        with server.log.open("ab") as log:
            again = subprocess.Popen(
                server.process.args, env=server.environ, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            statuses = Counter[int]()
            while statuses[200] < 20 and time.monotonic() - began < 120 and again.poll() is None:
                statuses[server.status("/v1/recommendations", CUSTOMER)] += 1
                time.sleep(0.02)
        finally:
            again.terminate()
            again.wait(timeout=40)
    answered = statuses[200] == 20
    figure = f"workers gone after {ended_s:.1f} s, {left} left; started again: {'answers' if answered else 'DOES NOT ANSWER'}"
    return [Row("kill -9 of the main process", figure, "0 left, answers", not left and answered)]


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has taken leave of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
