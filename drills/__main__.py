"""`python -m drills`: run every drill and print the table; the exit status says whether all are within.

What a server decides is tried on each server, all else once. `--soak SECONDS` is the soak alone, on each server.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from drills import batch, changing, container, contract, degraded, killed, outcomes, privacy, staying_up
from drills.table import CannotRunError, Row, in_ci, judged
from models.decision import bundle
from service.settings import SERVERS

Drill = Callable[[Path, Path], list[Row]]


def of_a_server(*, long: bool) -> Iterator[Drill]:
    """The drills whose outcome a server decides, in a form of minutes or one of seconds."""
    yield changing.revocation
    yield changing.worker_death
    yield staying_up.redis_away
    yield partial(staying_up.slow_clients, seconds=10 if long else 3)
    yield partial(staying_up.overload, seconds=6 if long else 4, times=5 if long else 1)
    yield partial(staying_up.worst_refused, seconds=20 if long else 4)
    yield staying_up.stop_in_flight
    yield killed.stopped_worker
    yield partial(killed.killed_workers, kills=20 if long else 4)
    yield killed.killed_main_process
    yield degraded.full_run_folder
    yield degraded.blocked_log
    yield degraded.no_files_left
    yield degraded.stuck_database
    yield partial(changing.reloads, cycles=10)
    yield partial(changing.swaps, count=100 if long else 20)
    yield partial(outcomes.worker_kills, kills=20 if long else 5)
    yield partial(staying_up.soak, seconds=600 if long else 60)


def of_the_rest(*, long: bool) -> Iterator[Drill]:
    """The drills that are the same on every server."""
    yield partial(changing.integrity, mutations=1000)
    yield partial(contract.fuzzed, examples=100 if long else 25)
    yield partial(contract.hostile, bodies=10_000)
    yield lambda folder, _: contract.typed_client(folder)
    yield partial(privacy.canary, requests=10_000)
    yield partial(outcomes.postgres_kills, kills=5 if long else 2)
    yield outcomes.full_disk
    yield partial(outcomes.rate, seconds=10 if long else 3)
    yield partial(outcomes.many, events=10_000_000 if long else 300_000)
    yield container.locked_down
    yield partial(batch.crashes, rows=1_000_000 if long else 6_000, kills=20 if long else 3)
    yield batch.disk_full
    yield batch.interrupted
    yield batch.closed_pipe


def main() -> None:
    """Run and print."""
    given = _arguments()
    bundles = Path("bundles").absolute()
    if bundle.current(bundles) is None:
        sys.exit("No bundle is active. Run make setup first.")
    within, missing, began = True, 0, time.monotonic()
    print("| drill | server | figure | bound | |", "|---|---|---|---|---|", sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for server, drill in _wanted(given):
            os.environ["ARKI_SERVER"] = server or "gunicorn"
            home = Path(tempfile.mkdtemp(dir=folder))
            try:
                rows = drill(home, bundles) if given.soak else judged(partial(drill, home, bundles))
            except CannotRunError as error:
                missing += 1
                rows = [Row("not run", str(error), "", not in_ci())]
            for row in rows:
                within = within and row.ok
                cells = (row.drill, server, row.figure, row.bound, "ok" if row.ok else "FAILED")
                print(f"| {' | '.join(cells)} |", flush=True)
    took = time.monotonic() - began
    print(f"\n{'All within' if within else 'NOT all within'}; {missing} not run; {took:.0f} s.")
    sys.exit(not within)


def _wanted(given: argparse.Namespace) -> Iterator[tuple[str, Drill]]:
    for server in given.server or SERVERS:
        if given.soak:
            yield server, partial(staying_up.soak, seconds=given.soak)
            continue
        for drill in of_a_server(long=given.long):
            yield server, drill
    if not given.soak and not given.server:
        for drill in of_the_rest(long=given.long):
            yield "", drill


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drills", description=__doc__)
    parser.add_argument("--long", action="store_true", help="the long forms")
    parser.add_argument(
        "--soak", type=float, metavar="SECONDS", help="the soak alone, so long on each server"
    )
    parser.add_argument(
        "--server", action="append", choices=SERVERS, help="on this server alone, and no other drills"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
