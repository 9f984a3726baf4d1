"""What changes while the service runs: keys, bundles, code, workers."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drills.load import Load, loading
from drills.server import CUSTOMER, ROOT, Server, keys_file, request_bytes, serving
from drills.table import Row
from models.decision import bundle

ONE = request_bytes("/v1/recommendations", CUSTOMER)


def revocation(folder: Path, bundles: Path) -> list[Row]:
    """A key is revoked with `arki-keys revoke`; how long until both workers refuse it."""
    file = folder / "drill-keys.json"
    key = keys_file(file, "recommend")
    with serving(folder, bundles, ARKI_KEYS=str(file), ARKI_SECRET="s" * 40) as server:
        opened = {server.ask("/v1/recommendations", CUSTOMER, key=key)[0] for _ in range(20)}
        command = [
            sys.executable,
            "-c",
            "from service.security.keys import keys; keys()",
            "revoke",
            key.split("_")[1],
        ]
        subprocess.run(
            [*command, "--keys", str(file)], cwd=ROOT, env=server.environ, check=True, capture_output=True
        )
        began, last_opened = time.monotonic(), 0.0
        while time.monotonic() - began < 6:
            if server.ask("/v1/recommendations", CUSTOMER, key=key)[0] == 200:
                last_opened = time.monotonic() - began
            elif time.monotonic() - began - last_opened > 1.5:
                break
    ok = opened == {200} and last_opened <= 5
    return [Row("revoked key refused by every worker", f"after {last_opened:.2f} s", "<= 5 s", ok)]


def worker_death(folder: Path, bundles: Path) -> list[Row]:
    """Requests are counted by two workers; one is killed; the sum stays, and grows on."""
    with serving(folder, bundles) as server:
        for _ in range(60):
            server.ask("/v1/recommendations", CUSTOMER)
        before = _counted(server)
        server.kill_worker(within_s=20)
        after = _counted(server)
        for _ in range(40):
            server.ask("/v1/recommendations", CUSTOMER)
        end = _counted(server)
        serving_now = _metric(server, "arki_bundle_workers{")
    figure = f"{before:.0f}, then {after:.0f}, then {end:.0f}; {serving_now:.0f} workers"
    ok = (before, after, end, serving_now) == (60, 60, 100, 2)
    return [Row("counts after a worker's death", figure, "60, then 60, then 100; 2 workers", ok)]


def _metric(server: Server, prefix: str) -> float:
    text = server.ask("/metrics")[2].decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(prefix))


def _counted(server: Server) -> float:
    return _metric(server, 'arki_requests_total{method="POST",route="/v1/recommendations",status="200"}')


def reloads(folder: Path, bundles: Path, *, cycles: int = 10) -> list[Row]:
    """All workers are replaced again and again under load, with `arki-reload`."""
    with serving(folder, bundles) as server:
        first = server.workers()
        command = [sys.executable, "-c", "from service.server.reload import main; main()"]
        with loading(Load(server.port, lambda _: ("one", ONE), 8)) as outcomes:
            done = [
                subprocess.run(
                    command, cwd=ROOT, env=server.environ, capture_output=True, check=False
                ).returncode
                for _ in range(cycles)
            ]
            replaced = not first & server.workers()
    counts = outcomes[0].counts()
    failed = sum(count for status, count in counts.items() if status != 200)
    lossless = os.environ.get("ARKI_SERVER", "gunicorn") == "gunicorn"  # granian closes connections that idle
    return [
        Row(
            f"{cycles} code reloads under load",
            f"{failed} of {sum(counts.values())} failed, {done.count(0)} reloads done",
            f"0 failed, {cycles} done" if lossless else f"{cycles} done; failures as they are",
            done.count(0) == cycles and replaced and (failed == 0 or not lossless),
        )
    ]


def make_bundles(source: Path, folder: Path, good: int) -> tuple[list[str], str, str]:
    """Good bundles that differ in their notice, a corrupt one, and one whose model has another contract."""
    digest = bundle.current(source)
    parts = {name: (source / str(digest) / name).read_bytes() for name in bundle.PARTS}
    texts = json.loads(parts["texts.json"])
    made = []
    for number in range(good):
        notice = dict.fromkeys(texts["notice"], f"Notice {number}.")
        made.append(_write(folder, parts | {"texts.json": json.dumps(texts | {"notice": notice}).encode()}))
    corrupt = _write(folder, parts | {"texts.json": parts["texts.json"] + b" "})
    path = folder / corrupt / "scorecard.json"
    path.write_bytes(_flipped(path.read_bytes(), random.Random(1)))
    scorecard = json.loads(parts["scorecard.json"])
    wrong = _write(folder, parts | {"scorecard.json": json.dumps(_other_contract(scorecard)).encode()})
    return made, corrupt, wrong


def _other_contract(scorecard: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(scorecard)
    return dict(json.loads(text.replace("omakela_logins_90d", "omakela_logins_30d")))


def _write(folder: Path, parts: dict[str, bytes]) -> str:
    digest = bundle._digest(parts)  # noqa: SLF001  (bundles that `build` refuses to make)
    (folder / digest).mkdir(parents=True, exist_ok=True)
    for name, content in parts.items():
        (folder / digest / name).write_bytes(content)
    return digest


def _point(folder: Path, digest: str) -> None:
    """Move `current` without the check that `activate` makes."""
    aside = folder / ".aside"
    aside.unlink(missing_ok=True)
    aside.symlink_to(digest)
    aside.replace(folder / "current")


def swaps(folder: Path, bundles: Path, *, count: int = 100) -> list[Row]:
    """Bundles change under load, one in ten to a corrupt one, one in ten to one of another contract."""
    home = folder / "swapped"
    good, corrupt, wrong = make_bundles(bundles, home, 3)
    notices = {digest[: bundle.DIGEST_SHOWN]: f"Notice {number}." for number, digest in enumerate(good)}
    _point(home, good[0])
    slowest, mixed, statuses, unserved = 0.0, 0, Counter[int](), 0
    with serving(folder, home) as server:
        stop, seen = threading.Event(), threading.Lock()

        def ask() -> None:
            nonlocal mixed
            while not stop.is_set():
                status, _, body = server.ask("/v1/recommendations", CUSTOMER)
                answer = json.loads(body)
                with seen:
                    statuses[status] += 1
                    if status == 200:
                        mixed += notices.get(answer["versions"]["bundle"]) != answer["notice"]

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(count):
            bad = {3: corrupt, 7: wrong}.get(number % 10)
            target = bad or good[(number // 2 + number) % 3]
            _point(home, target)
            if bad is None:
                took = _noticed(server, target)
                slowest = max(slowest, took)
                unserved += took > 2
            else:
                time.sleep(1.2)
        refused = _metric(server, "arki_refused_bundles_total")
        stop.set()
        for thread in threads:
            thread.join()
    failed = sum(n for status, n in statuses.items() if status != 200)
    bad_ones = sum(number % 10 in {3, 7} for number in range(count))
    return [
        Row(
            f"{count} bundle swaps under load, {bad_ones} bad",
            f"{failed} of {sum(statuses.values())} failed, {mixed} mixed",
            "0 failed, 0 mixed",
            failed == 0 and mixed == 0,
        ),
        Row("swap noticed by every worker", f"slowest {slowest:.2f} s", "<= 2 s", unserved == 0, timed=True),
        Row(
            "bad bundles refused, by each worker",
            f"{refused:.0f}",
            f"{2 * bad_ones}",
            refused == 2 * bad_ones,
        ),
    ]


def _noticed(server: Server, digest: str) -> float:
    """Seconds until thirty answers in a row come from a bundle, so from both workers."""
    began, first, row = time.monotonic(), 0.0, 0
    while row < 30 and time.monotonic() - began < 5:
        served = json.loads(server.ask("/readyz", key=None)[2])["bundle"]
        if served != digest[: bundle.DIGEST_SHOWN]:
            row, first = 0, time.monotonic() - began
        else:
            row += 1
    return first if row else 5.0


def integrity(folder: Path, bundles: Path, *, mutations: int = 1000) -> list[Row]:
    """Bits flipped, files cut, swapped, emptied or left out: each is refused by digest, and nothing is unpickled."""
    rng, home = random.Random(5), folder / "mutated"
    digest = str(bundle.current(bundles))
    shutil.copytree(bundles / digest, home / digest, dirs_exist_ok=True)
    other = home / "other"
    other.mkdir(exist_ok=True)
    kinds: list[Callable[[Path], None]] = [
        lambda path: _rewrite(path, _flipped(path.read_bytes(), rng)),
        lambda path: _rewrite(path, path.read_bytes()[: rng.randrange(path.stat().st_size)]),
        lambda path: _rewrite(
            path, (home / digest / rng.choice([n for n in bundle.PARTS if n != path.name])).read_bytes()
        ),
        lambda path: path.unlink(),
        lambda path: _rewrite(path, path.read_bytes() + b"\n"),
    ]
    refused = Counter[str]()
    for number in range(mutations):
        path = home / digest / rng.choice(bundle.PARTS)
        sound = path.read_bytes()
        kinds[number % len(kinds)](path)
        try:
            bundle.load(home, digest)
            refused["served"] += 1
        except bundle.BundleError as error:
            refused[
                "by digest"
                if "not what its name says" in str(error) or "cannot be read" in str(error)
                else "late"
            ] += 1
        path.write_bytes(sound)
    bundle.load(home, digest)
    pickles = {"pickle", "joblib"} & _imports()
    ok = refused == {"by digest": mutations} and not pickles
    return [
        Row(
            f"{mutations} mutations of a bundle",
            f"{refused['by digest']} refused by digest, {len(pickles)} unpicklers imported",
            f"{mutations} refused, 0 imported",
            ok,
        )
    ]


def _imports() -> set[str]:
    code = "import sys, models.decision.bundle; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


def _rewrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _flipped(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
