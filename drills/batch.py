"""Batch scoring is killed, starved of disk and interrupted, and its output is the same to the byte."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drills.table import Row
from training.simulation.population import population

AS_OF = "2026-11-21"
LONGEST_S = 900.0


def crashes(folder: Path, bundles: Path, *, rows: int, kills: int, workers: int = 1) -> list[Row]:
    """kill -9 at random points, resumed each time: the bytes of an uninterrupted run, one chunk redone per kill and worker."""
    chunk = max(rows // (4 * kills + 12), 1)
    source = customers(folder / "crashes.parquet", rows, chunk)
    whole, broken = folder / "whole.parquet", folder / "broken.parquet"
    options = ("--chunk-rows", str(chunk), "--workers", str(workers))
    assert told(scored(bundles, source, whole, *options))["rows"] == rows
    chance, redone, killed = random.Random(7), 0, 0
    work = broken.with_name(f".{broken.name}.arki")
    for _ in range(kills):
        began = started(bundles, source, broken, "--resume", *options)
        before = done_in(work)
        killed += kill_when(began, work, before + chance.randrange(1, 5), chance)
        if began.returncode == 0:
            break
        redone = max(redone, aside_in(work))
    last = told(scored(bundles, source, broken, "--resume", *options))
    same = digest(whole) == digest(broken) and manifest(whole) == manifest(broken)
    figure = f"{killed} kills; {last['chunks_resumed']} of {last['chunks']} chunks kept at the last; {'identical' if same else 'DIFFERENT'}"
    return [
        Row(
            f"batch: kill -9 of {rows:,} rows, {workers} worker{'s' * (workers > 1)}",
            figure,
            "identical bytes",
            same,
        ),
        Row("batch: chunks lost per kill", str(redone), f"≤ {workers}", redone <= workers),
    ]


def disk_full(folder: Path, bundles: Path) -> list[Row]:
    """No space left midway: exit code 1, a sentence, nothing published, and the rest is done when there is space."""
    source = customers(folder / "full.parquet", 4_000, 500)
    whole, full = folder / "space.csv", folder / "full.csv"
    assert told(scored(bundles, source, whole, "--chunk-rows", "500"))["rows"] == 4_000
    limit = f"ulimit -f {whole.stat().st_size // 1024 // 2}; exec "  # half of what it needs, in KiB
    shown = subprocess.run(
        ["bash", "-c", limit + '"$@"', "-", *command(source, full, "--chunk-rows", "500")],
        capture_output=True,
        text=True,
        check=False,
        env=environment(bundles),
    )
    clean = shown.returncode == 1 and "no space is left" in shown.stderr and "Traceback" not in shown.stderr
    unpublished = not full.exists()
    again = scored(bundles, source, full, "--chunk-rows", "500", "--resume")
    same = again.returncode == 0 and digest(full) == digest(whole)
    figure = f"exit {shown.returncode}, {'nothing' if unpublished else 'SOMETHING'} published, then {'identical' if same else 'DIFFERENT'}"
    return [
        Row("batch: disk full, then resumed", figure, "exit 1, identical", clean and unpublished and same)
    ]


def interrupted(folder: Path, bundles: Path) -> list[Row]:
    """Ctrl+C: exit code 130, a sentence, resumable."""
    source = customers(folder / "stop.parquet", 20_000, 100)
    whole = folder / "unstopped.parquet"
    options = ("--chunk-rows", "100", "--workers", "2")
    assert scored(bundles, source, whole, *options).returncode == 0
    for attempt in range(5):  # on a busy machine a run may end before it can be stopped
        stopped = folder / f"stopped-{attempt}.parquet"
        work = stopped.with_name(f".{stopped.name}.arki")
        began = started(bundles, source, stopped, *options)
        wait(lambda: done_in(work) >= 1 or began.poll() is not None)  # noqa: B023  (called before the next round)
        began.send_signal(signal.SIGINT)
        said = began.communicate(timeout=LONGEST_S)[1]
        if began.returncode != 0:
            break
    same = scored(bundles, source, stopped, "--resume", *options).returncode == 0 and digest(whole) == digest(
        stopped
    )
    clean = began.returncode == 130 and "stopped" in said and "Traceback" not in said
    figure = f"exit {began.returncode}, then {'identical' if same else 'DIFFERENT'}"
    return [Row("batch: Ctrl+C, then resumed", figure, "exit 130, identical", clean and same)]


def closed_pipe(folder: Path, bundles: Path) -> list[Row]:
    """The reader of standard output goes away: exit code 1 and a sentence."""
    source = customers(folder / "pipe.parquet", 20_000, 20_000)
    began = subprocess.Popen(
        command(source, "-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(bundles)
    )
    assert began.stdout is not None
    assert began.stderr is not None
    began.stdout.close()
    with began.stderr as stderr:
        said = stderr.read().decode()
    code = began.wait(timeout=LONGEST_S)
    ok = code == 1 and "has gone" in said and "Traceback" not in said
    return [Row("batch: closed pipe", f"exit {code}", "exit 1 and a sentence", ok)]


def customers(path: Path, rows: int, group: int) -> Path:
    """A Parquet file of simulated customers; a file of more than 50,000 repeats them."""
    if path.exists():
        return path
    table = population(min(rows, 50_000), 3)
    table = table.select(
        [name for name in table.schema.names if name != "segment" and not name.startswith("audit_")]
    )
    table = pa.concat_tables([table] * -(-rows // table.num_rows)).slice(0, rows)
    pq.write_table(table, path, row_group_size=group)
    return path


def command(source: Path | str, target: Path | str, *options: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from training.scoring.command import main; main()",
        str(source),
        str(target),
        "--as-of",
        AS_OF,
        "--json",
        "--no-input",
        *options,
    ]


def environment(bundles: Path) -> dict[str, str]:
    return os.environ | {"ARKI_BUNDLES": str(bundles)}


def started(bundles: Path, source: Path, target: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(source, target, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(bundles),
        preexec_fn=_hear_interrupts,  # noqa: PLW1509  (no thread runs here)
    )


def _hear_interrupts() -> None:
    """A shell that runs drills in the background lets them ignore Ctrl+C, and their children with them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def scored(bundles: Path, source: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(source, target, *options),
        capture_output=True,
        text=True,
        check=False,
        env=environment(bundles),
        timeout=LONGEST_S,
    )


def told(shown: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def kill_when(began: subprocess.Popen[str], work: Path, chunks: int, chance: random.Random) -> int:
    """Kill a run at a moment after so many chunks are done; 0 if it ended before."""
    wait(lambda: done_in(work) >= chunks or began.poll() is not None)
    time.sleep(chance.random() * 0.05)  # the moment within a chunk is what is drawn
    began.kill()
    began.communicate(timeout=LONGEST_S)
    return int(began.returncode == -signal.SIGKILL)


def wait(ready: Any) -> None:
    until = time.monotonic() + LONGEST_S
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.002)


def done_in(work: Path) -> int:
    return len(list(work.glob("*.done")))


def aside_in(work: Path) -> int:
    """Chunks that had begun to be written and were not committed."""
    finished = {path.stem for path in work.glob("*.done")}
    return len({path.name[:6] for path in work.glob("*.part*")} - finished)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest(path: Path) -> Any:
    found = json.loads(path.with_name(f"{path.name}.manifest.json").read_text())
    for file in found["files"]:
        del file["name"]
    return found
