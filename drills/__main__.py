"""`python -m drills [--long]`: run every drill and print the table; the exit status says whether all are within."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from drills import batch, changing, container, contract, degraded, outcomes, privacy, staying_up
from drills.table import CannotRunError, Row, in_ci, judged
from models import bundle


def drills(folder: Path, bundles: Path, *, long: bool) -> Iterator[Callable[[], list[Row]]]:
    """Every drill, in its long form or one of a few seconds to a minute."""
    yield lambda: changing.revocation(folder, bundles)
    yield lambda: changing.worker_death(folder, bundles)
    yield lambda: staying_up.redis_away(folder, bundles)
    yield lambda: staying_up.slow_clients(folder, bundles, seconds=10 if long else 3)
    yield lambda: staying_up.overload(folder, bundles, seconds=20 if long else 4)
    yield lambda: staying_up.worst_refused(folder, bundles, seconds=20 if long else 4)
    yield lambda: staying_up.stop_in_flight(folder, bundles)
    yield lambda: degraded.full_run_folder(folder, bundles)
    yield lambda: degraded.blocked_log(folder, bundles)
    yield lambda: degraded.no_files_left(folder, bundles)
    yield lambda: degraded.stuck_database(folder, bundles)
    yield lambda: changing.reloads(folder, bundles, cycles=10)
    yield lambda: changing.swaps(folder, bundles, count=100 if long else 20)
    yield lambda: changing.integrity(folder, bundles, mutations=1000)
    yield lambda: contract.fuzzed(folder, bundles, examples=100 if long else 25)
    yield lambda: contract.hostile(folder, bundles, bodies=10_000)
    yield lambda: contract.typed_client(folder)
    yield lambda: privacy.canary(folder, bundles, requests=10_000)
    yield lambda: outcomes.worker_kills(folder, bundles, kills=20 if long else 5)
    yield lambda: outcomes.postgres_kills(folder, bundles, kills=5 if long else 2)
    yield lambda: outcomes.full_disk(folder, bundles)
    yield lambda: outcomes.rate(folder, bundles, seconds=10 if long else 3)
    yield lambda: outcomes.many(folder, bundles, events=10_000_000 if long else 300_000)
    yield lambda: container.locked_down(folder, bundles)
    yield lambda: batch.crashes(folder, bundles, rows=1_000_000 if long else 6_000, kills=20 if long else 3)
    yield lambda: batch.disk_full(folder, bundles)
    yield lambda: batch.interrupted(folder, bundles)
    yield lambda: batch.closed_pipe(folder, bundles)
    yield lambda: staying_up.soak(folder, bundles, seconds=1800 if long else 60)


def main() -> None:
    """Run and print."""
    bundles, within, missing = Path("bundles"), True, 0
    if bundle.current(bundles) is None:
        sys.exit("No bundle is active. Run make setup first.")
    began = time.monotonic()
    print("| drill | figure | bound | |", "|---|---|---|---|", sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for drill in drills(Path(folder), bundles.absolute(), long="--long" in sys.argv):
            try:
                rows = judged(drill)
            except CannotRunError as error:
                missing += 1
                rows = [Row("not run", str(error), "", not in_ci())]
            for row in rows:
                within = within and row.ok
                print(
                    f"| {row.drill} | {row.figure} | {row.bound} | {'ok' if row.ok else 'FAILED'} |",
                    flush=True,
                )
    took = time.monotonic() - began
    print(f"\n{'All within' if within else 'NOT all within'}; {missing} not run; {took:.0f} s.")
    sys.exit(not within)


if __name__ == "__main__":
    main()
