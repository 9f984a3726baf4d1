"""The contract: every documented operation fuzzed, hostile bodies, a typed client that compiles."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from drills.outcomes import made
from drills.server import CUSTOMER, KEY, ROOT, serving
from drills.table import Row, needs

PATHS = ("/v1/recommendations", "/v1/recommendations/batch", "/v1/explanations", "/v1/outcomes")


def fuzzed(folder: Path, bundles: Path, *, examples: int = 100) -> list[Row]:
    """schemathesis with all its checks against the served document."""
    kept = made(f"sqlite:///{folder}/fuzzed.db")
    with serving(folder, bundles, ARKI_LOG_REQUESTS="off", ARKI_OUTCOMES_URL=kept) as server:
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file",
            str(ROOT / "drills" / "schemathesis.toml"),
            "run",
            f"http://127.0.0.1:{server.port}/openapi.json",
            "--header",
            f"Authorization: Bearer {KEY}",
            "--max-examples",
            str(examples),
            "--checks",
            "all",
            "--seed",
            "5",
            "--generation-database",
            "none",
            "--no-color",
            "--request-timeout",
            "20",
        ]
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONWARNINGS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
    (folder / "schemathesis.txt").write_text(done.stdout + done.stderr)
    tested = re.search(r"(\d+) generated", done.stdout)
    failed = re.search(r"(\d+) found|(\d+) unique failures", done.stdout)
    found = failed[0] if failed else "0 failures" if done.returncode == 0 else done.stdout[-300:]
    return [
        Row(
            f"schemathesis, all checks, {examples} examples an operation",
            f"{tested[1] if tested else '?'} cases, {found}",
            "0 failures",
            done.returncode == 0,
        )
    ]


def hostile(folder: Path, bundles: Path, *, bodies: int = 10_000) -> list[Row]:
    """Bodies that no client should send, at each operation that takes one."""
    from service.app import create_app  # noqa: PLC0415  (the drills that start servers need no app here)
    from service.settings import Settings  # noqa: PLC0415

    kept = made(f"sqlite:///{folder}/hostile.db")
    app = create_app(
        Settings(bundles=bundles, dev_key=KEY, secret="s" * 40, log_requests=False, outcomes_url=kept)
    )
    client, rng, statuses = app.test_client(), random.Random(11), Counter[int]()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    not_problems = 0
    for number in range(bodies):
        path = PATHS[number % len(PATHS)]
        response = client.post(
            path,
            data=_hostile(rng, path),
            content_type=rng.choice(
                ["application/json"] * 8 + ["text/plain", "application/json; charset=utf-16", ""]
            ),
            headers={"Content-Encoding": "gzip"} if rng.random() < 0.02 else {},
        )
        statuses[response.status_code] += 1
        if response.status_code != 200:
            not_problems += response.content_type != "application/problem+json"
    app.extensions["arki"].outcomes.close()
    allowed = {200, 400, 413, 415, 422}
    shown = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    failed = sum(count for status, count in statuses.items() if status >= 500)
    return [
        Row(
            f"{bodies} hostile bodies",
            f"{failed} x 5xx ({shown}), {not_problems} not problems",
            "0 x 5xx, 0 not problems",
            set(statuses) <= allowed and not_problems == 0,
        )
    ]


def _hostile(rng: random.Random, path: str) -> bytes:
    sound: Any = {"customers": [CUSTOMER]} if "batch" in path else CUSTOMER
    if "outcomes" in path:
        sound = {"events": [_EVENT]} if rng.random() < 0.5 else _EVENT
    raw = bytearray(json.dumps(_twisted(rng, sound, 0) if rng.random() < 0.6 else sound).encode())
    for _ in range(rng.choice([0, 0, 1, 3, 10])):
        at = rng.randrange(len(raw) + 1)
        raw[at : at + rng.choice([0, 1, 5])] = rng.choice(_PIECES)
    kind = rng.random()
    if kind < 0.05:
        return bytes(raw[: rng.randrange(len(raw) + 1)])
    if kind < 0.08:
        return rng.choice(
            [
                b"[" * 100_000,
                b'{"a":' * 5000,
                b"\xef\xbb\xbf" + bytes(raw),
                bytes(raw + raw),
                b" " * 70_000,
                b"",
            ]
        )
    return bytes(raw)


_EVENT = {
    "event_id": "0190c2f4-7d1a-4b7e-9f6e-3f1c2b5a6d70",
    "recommendation_id": "a3f09c.WzEs.x",
    "item": "contact-kela",
    "event": "helpful",
    "occurred_at": "2026-06-01T12:00:00+03:00",
    "grade": 9,
}
_PIECES = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0",
    b"9223372036854775808", b"1" * 400, b"0.1", b"1E400", b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true",
    b'{"a":1,"a":2}', b'"customer_type":"employer",', b"\xef\xbb\xbf", b"\r\n", b"//", b"'", b"\\", b"\x7f", b"",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63 - 1, 2**63, -(2**63) - 1, 1.5, 1e308, "", "\0", "\ud800", "a" * 5000, [], {}, [[]],
    {"": ""}, ["KE8"] * 1000, "131052-308T", "KE8", "2026-13-45T99:99:99Z", "9999-12-31T23:59:59+14:00", "fi", [None],
    "0001-01-01T00:00:00+14:00", {"$ref": "#"}, "__proto__", {"event": "KE8", "months_ago": -1}, "\u202e", 10**40,
)  # fmt: skip


def _twisted(rng: random.Random, value: Any, depth: int) -> Any:
    if rng.random() < 0.12 or depth > 6:
        return rng.choice(_VALUES)
    if isinstance(value, dict):
        twisted = {key: _twisted(rng, part, depth + 1) for key, part in value.items() if rng.random() > 0.05}
        if rng.random() < 0.1:
            twisted[rng.choice(["hetu", "", "a" * 300, "\0", "__class__", "131052-308T", "signals"])] = (
                rng.choice(_VALUES)
            )
        return twisted
    if isinstance(value, list):
        return [_twisted(rng, part, depth + 1) for part in value] * rng.choice([1, 1, 2, 30])
    return value


_CLIENT = """import type { paths, components } from "./arki";

type Ask = components["schemas"]["RecommendationRequest"];
type Answer = paths["/v1/recommendations"]["post"]["responses"]["200"]["content"]["application/json"];
type Problem = components["schemas"]["Problem"];

export async function recommend(base: string, key: string, ask: Ask): Promise<Answer> {
  const response = await fetch(`${base}/v1/recommendations`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify(ask),
  });
  if (!response.ok) {
    const problem = (await response.json()) as Problem;
    throw new Error(problem.title);
  }
  return (await response.json()) as Answer;
}

export function firstReason(answer: Answer): string | undefined {
  return answer.items[0]?.reason.text;
}
"""


# Both forms of an answer are one type, and the module is what its declarations say it is.
_PAGE = """import type { components } from "./arki";
import * as declared from "./clients/arki.js";
import * as written from "./clients/written.js";

type Answer = components["schemas"]["Recommendation"];
type Ask = components["schemas"]["RecommendationRequest"];

export const written_so: (options: Required<declared.ClientOptions>) => declared.Client = written.createClient;
export const client: declared.Client = declared.createClient({ endpoint: "/suggestions", timeoutMs: 500, language: "fi" });
export const readable = (answer: Answer): declared.Recommendation => answer;
export const sendable = (ask: Required<declared.Ask>): Pick<Ask, "customer_type" | "limit" | "shown"> => ask;

export async function show(element: declared.ArkiRecommendation): Promise<string | undefined> {
  const answer = await element.load(client, { customer_type: "person", signals: {} });
  element.addEventListener("opened", (event) => client.sendOutcome({ ...event.detail, event: "opened" }));
  return answer?.items[0]?.reason.text;
}

// @ts-expect-error an event that Arki does not know
client.sendOutcome({ recommendation_id: "", item: "", event: "clicked" });
"""


def typed_client(folder: Path) -> list[Row]:
    """openapi-typescript makes types from openapi.json; a small client of them compiles under `tsc --strict`."""
    npm, home = needs("npm"), folder / "typed"
    home.mkdir(exist_ok=True)
    (home / "package.json").write_text('{"private": true}')
    (home / "client.ts").write_text(_CLIENT)
    (home / "page.ts").write_text(_PAGE)
    (home / "clients").mkdir(exist_ok=True)
    for name, copy in (("arki.d.ts", "arki.d.ts"), ("arki.js", "written.js")):
        (home / "clients" / copy).write_bytes((ROOT / "clients" / name).read_bytes())
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]
    steps = (
        [npm, "install", "--silent", "--no-audit", "--no-fund", "openapi-typescript@7", "typescript@5"],
        [str(home / "node_modules/.bin/openapi-typescript"), str(ROOT / "openapi.json"), "-o", "arki.ts"],
        [str(home / "node_modules/.bin/tsc"), *options, "client.ts"],
        [str(home / "node_modules/.bin/tsc"), *options, "--allowJs", "page.ts"],
    )
    said = "compiles"
    for step in steps:
        done = subprocess.run(step, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode:
            said = f"{Path(step[0]).name}: {(done.stdout + done.stderr).strip()[:300]}"
            break
    return [Row("typed client, tsc --strict", said, "compiles", said == "compiles")]
