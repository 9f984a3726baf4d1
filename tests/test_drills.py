"""The short forms of the drills: each promise of the running service, tried for a few seconds on the server that ARKI_SERVER names."""

from __future__ import annotations

import secrets
import subprocess

import pytest

from drills import batch, changing, container, contract, degraded, killed, outcomes, privacy, staying_up
from drills.__main__ import of_a_server
from drills.table import CannotRunError, in_ci, judged

pytestmark = pytest.mark.xdist_group("drills")  # one after the other: they measure

SHORT = {
    "revoked key": changing.revocation,
    "worker death": changing.worker_death,
    "code reload": lambda folder, bundles: changing.reloads(folder, bundles, cycles=1),
    "bundle swaps": lambda folder, bundles: changing.swaps(folder, bundles, count=8),
    "integrity": lambda folder, bundles: changing.integrity(folder, bundles, mutations=200),
    "slow clients": lambda folder, bundles: staying_up.slow_clients(folder, bundles, seconds=1.5),
    "overload": lambda folder, bundles: staying_up.overload(folder, bundles, seconds=2),
    "bad requests": lambda folder, bundles: staying_up.worst_refused(folder, bundles, seconds=1),
    "stop": staying_up.stop_in_flight,
    "main process killed": killed.killed_main_process,
    "worker stands still": lambda folder, bundles: killed.stopped_worker(folder, bundles, seconds=2),
    "redis away": lambda folder, bundles: staying_up.redis_away(folder, bundles, seconds=1),
    "hostile bodies": lambda folder, bundles: contract.hostile(folder, bundles, bodies=1500),
    "canaries": lambda folder, bundles: privacy.canary(folder, bundles, requests=600),
    "locked down": container.locked_down,
    "batch killed": lambda folder, bundles: batch.crashes(folder, bundles, rows=6_000, kills=3),
    "batch without space": batch.disk_full,
    "batch into a closed pipe": batch.closed_pipe,
    "schemathesis": lambda folder, bundles: contract.fuzzed(folder, bundles, examples=10),
    "outcomes, workers killed": lambda folder, bundles: outcomes.worker_kills(folder, bundles, kills=2),
    "outcomes, PostgreSQL killed": lambda folder, bundles: outcomes.postgres_kills(folder, bundles, kills=1),
    "outcomes, full disk": outcomes.full_disk,
    "run folder full": lambda folder, bundles: degraded.full_run_folder(folder, bundles, requests=40),
    "log blocked": degraded.blocked_log,
    "no files left": degraded.no_files_left,
    "database stuck": degraded.stuck_database,
}
LONGER = {
    "batch of two workers killed": lambda folder, bundles: batch.crashes(
        folder, bundles, rows=6_000, kills=2, workers=2
    ),
    "batch interrupted": batch.interrupted,
    "code reloads": lambda folder, bundles: changing.reloads(folder, bundles, cycles=10),
    "integrity": lambda folder, bundles: changing.integrity(folder, bundles, mutations=1000),
    "hostile bodies": lambda folder, bundles: contract.hostile(folder, bundles, bodies=10_000),
    "canaries": lambda folder, bundles: privacy.canary(folder, bundles, requests=10_000),
    "schemathesis": lambda folder, bundles: contract.fuzzed(folder, bundles, examples=100),
    "outcomes, workers killed": outcomes.worker_kills,
    "outcomes, PostgreSQL killed": outcomes.postgres_kills,
    "outcomes a second": lambda folder, bundles: outcomes.rate(folder, bundles, seconds=3),
    "outcomes, many": lambda folder, bundles: outcomes.many(folder, bundles, events=1_000_000),
    "soak": lambda folder, bundles: staying_up.soak(folder, bundles, seconds=60),
    "typed client": lambda folder, bundles: contract.typed_client(folder),
}

ON_A_SERVER = {getattr(drill, "func", drill).__name__: drill for drill in of_a_server(long=False)}


def fresh(folder):
    made = folder / secrets.token_hex(4)
    made.mkdir()
    return made


def run(drill, folder, bundles):
    try:
        rows = judged(lambda: drill(fresh(folder), bundles))
    except CannotRunError as missing:
        if in_ci():
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    assert rows
    # A figure that other tenants of the machine can spoil is for `make drill` to tell, not for a test to fail by.
    assert not [row for row in rows if not row.ok and not row.timed]


@pytest.mark.parametrize("drill", SHORT.values(), ids=SHORT)
def test_the_service_holds_in_a_short_drill(drill, tmp_path, bundles):
    run(drill, tmp_path, bundles)


@pytest.mark.slow
@pytest.mark.parametrize("drill", LONGER.values(), ids=LONGER)
def test_the_service_holds_in_a_longer_drill(drill, tmp_path, bundles):
    run(drill, tmp_path, bundles)


@pytest.mark.slow
@pytest.mark.parametrize("drill", ON_A_SERVER.values(), ids=ON_A_SERVER)
def test_granian_holds_in_every_drill_of_a_server(drill, tmp_path, bundles, monkeypatch):
    monkeypatch.setenv("ARKI_SERVER", "granian")
    run(drill, tmp_path, bundles)


def test_the_drills_are_a_command(root):
    makefile = (root / "Makefile").read_text()
    assert "-m drills" in makefile
    shown = subprocess.run(
        ["make", "-n", "drill", "LONG=1"], cwd=root, capture_output=True, text=True, check=True
    )
    assert "-m drills --long" in shown.stdout
