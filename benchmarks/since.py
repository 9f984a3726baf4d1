"""`python -m benchmarks.since REVISION`: this tree beside an earlier one, each in an environment of its own lock, in one run.

The earlier tree is checked out under .bench/ and served as it was then; this one is served by every server that
`arki-serve` knows. All stay up while they are asked in turn, so that a round means the same machine at the same moment,
and what counts are ratios. `recommend` is timed in a process of its own, the two trees in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import KEY, WORKERS, arki_asks
from benchmarks.customers import read_customers
from benchmarks.environments import MADE, ROOT, NotMeasuredError, environment, run
from benchmarks.load import Requests, full_load, generator, open_load
from benchmarks.machine import load_average
from benchmarks.servers import Contestant, Running

SERVERS = ("gunicorn", "granian")
_RECOMMEND = Path(__file__).parent / "peers" / "recommend_alone.py"


@dataclass(frozen=True)
class Tree:
    """A checked-out tree with its environment and its bundle."""

    name: str
    root: Path
    python: Path
    bundles: Path

    def contestant(self, server: str | None, asks: dict[str, Requests], home: Path) -> Contestant:
        """The service of this tree, on the server named; an earlier tree has but the one it had then."""
        start = self.python.with_name("arki-serve")
        gunicorn = ["-m", "gunicorn", "-c", "python:service.gunicorn_config", "service.wsgi:app"]
        command = [str(start)] if start.exists() else [str(self.python), *gunicorn]
        environ = {"ARKI_BUNDLES": str(self.bundles), "ARKI_DEV_KEY": KEY, "ARKI_WORKERS": WORKERS}
        environ |= {"ARKI_RUN": str(home / "{port}"), "PYTHONPATH": str(self.root)}
        environ |= {"ARKI_SERVER": server} if server else {}
        name = f"{self.name}, {server}" if server else self.name
        return Contestant(name, lambda _port: command, asks, environ, self.root)

    def recommend_us(self) -> float:
        """The least of several medians of one `recommend`, in a new process."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ARKI_")}
        environ |= {"PYTHONPATH": str(self.root), "BENCH_BUNDLES": str(self.bundles)}
        command = [str(self.python), str(_RECOMMEND), str(MADE / "data" / "customers.json")]
        return float(run(command, env=environ, cwd=self.root))


def tree_of(revision: str | None) -> Tree:
    """This tree, or that of a revision, checked out, installed and with its bundle built."""
    root, name, since = ROOT, "now", MADE / "since"
    if revision is not None:
        git = ["git", "-C", str(ROOT)]
        name = run([*git, "rev-parse", "--short=10", revision]).strip()
        root = since / name
        if not root.exists():
            run([*git, "worktree", "prune"])
            run([*git, "worktree", "add", "--detach", "--force", str(root), revision])
    lock, bundles = root / "requirements" / "serve.lock", since / f"{name}.bundles"
    python = Path(environment(since / f"{name}.venv", [lock], tree=root))
    build = [str(python.with_name("arki-bundle")), "build", "--activate"]
    run(build, env=os.environ | {"ARKI_BUNDLES": str(bundles)}, cwd=root)
    return Tree(name, root, python, bundles)


def measure(before: Tree, now: Tree, *, rounds: int, seconds: float) -> dict[str, object]:
    """Per contestant CPU, rate, latencies, memory and start; `recommend` of both trees; ratios to the earlier one."""
    asks = {"full": arki_asks(read_customers())["full"]}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        then = SERVERS if before.python.with_name("arki-serve").exists() else (None,)
        made = [before.contestant(server, asks, home) for server in then]
        made += [now.contestant(server, asks, home) for server in SERVERS]
        starts = {one.name: [_start_s(one) for _ in range(rounds)] for one in made}
        with contextlib.ExitStack() as stack:
            running = [Running(one) for one in made]
            for server in running:
                stack.callback(server.end)
            rows = _in_turns(running, asks["full"], rounds, seconds)
            memory = {server.contestant.name: server.pss_mib() for server in running}
    alone: dict[str, list[float]] = {before.name: [], now.name: []}
    for _ in range(rounds):
        for tree in (before, now):
            alone[tree.name].append(tree.recommend_us())
    for name, row in rows.items():
        row |= {"pss_mib": memory[name], "start_s": round(statistics.median(starts[name]), 2)}
    first = rows[made[0].name]
    ratios = {
        name: {figure: round(value / first[figure], 2) for figure, value in row.items() if first[figure]}
        for name, row in rows.items()
    }
    recommend = {name: round(min(times), 1) for name, times in alone.items()}
    return {
        "generator": generator(),
        "load_average": load_average(),
        "rounds": rounds,
        "rows": rows,
        "recommend_us": recommend,
        "ratios": ratios,
        "recommend_ratio": round(recommend[now.name] / recommend[before.name], 2),
    }


def _start_s(contestant: Contestant) -> float:
    server = Running(contestant)
    server.end()
    return server.cold_start_s


def _in_turns(
    running: list[Running], asked: Requests, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """CPU a request at full load, and latencies at half of what the first one reaches."""
    full: dict[str, list[tuple[float, float]]] = {server.contestant.name: [] for server in running}
    half: dict[str, list[tuple[float, float]]] = {server.contestant.name: [] for server in running}
    failed = dict.fromkeys(full, 0)

    def turns(each: Callable[[Running], None]) -> None:
        for at in range(rounds):
            for server in running[at % len(running) :] + running[: at % len(running)]:
                each(server)

    def hard(server: Running) -> None:
        before, name = server.cpu_s(), server.contestant.name
        told = full_load(server.port, asked, seconds)
        full[name].append(((server.cpu_s() - before) / max(1, told.requests) * 1e6, told.per_s))
        failed[name] += told.failed

    for server in running:
        full_load(server.port, asked, 2)
    turns(hard)
    rate = statistics.median(per_s for _, per_s in full[running[0].contestant.name]) / 2

    def soft(server: Running) -> None:
        told = open_load(server.port, asked, rate, seconds * 2)
        half[server.contestant.name].append((told.p50_ms, told.p99_ms))
        failed[server.contestant.name] += told.failed

    turns(soft)
    return {
        name: {
            "cpu_us": round(statistics.median(cpu for cpu, _ in runs), 1),
            "per_s": round(statistics.median(per_s for _, per_s in runs)),
            "p50_ms_at_half": round(statistics.median(p50 for p50, _ in half[name]), 2),
            "p99_ms_at_half": round(statistics.median(p99 for _, p99 in half[name]), 2),
            "failed": failed[name],
        }
        for name, runs in full.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.since", description=__doc__)
    parser.add_argument("revision", help="a commit, tag or branch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    given = parser.parse_args()
    try:
        before, now = tree_of(given.revision), tree_of(None)
    except (NotMeasuredError, subprocess.CalledProcessError) as error:
        sys.exit(f"{error}\n{getattr(error, 'stderr', '')}".strip())
    told = measure(before, now, rounds=given.rounds, seconds=given.seconds)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
