"""What must never be written down: canaries in every place of a request, looked for in all that the service says."""

from __future__ import annotations

import json
import random
import re
import secrets
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from drills.load import Load
from drills.outcomes import made
from drills.server import CUSTOMER, keys_file, request_bytes, serving
from drills.table import Row
from models.contract.codes import EMPLOYER, PERSON
from models.contract.signals import DECLARED

LINE = {
    "request_id", "trace_id", "span_id", "parent_id", "method", "route", "status", "bundle", "model", "rulebook",
    "catalogue", "code", "rule", "milliseconds", "event", "timestamp",
}  # fmt: skip


class _Canaries:
    """Requests with a canary in each place that a client fills."""

    def __init__(self, seed: int, key: str) -> None:
        self._rng, self._key = random.Random(seed), key
        self.plain = {key, *DECLARED[PERSON], *DECLARED[EMPLOYER]} - {"personalisation"}
        self.references: set[str] = set()
        self.echoed: list[str] = []
        self._answer: Any = None

    def _word(self) -> str:
        return f"canary{secrets.token_hex(6)}"

    def make(self, number: int) -> tuple[str, bytes]:
        signals = dict(CUSTOMER["signals"]) | {"phone_contacts_90d": self._rng.randrange(1001)}
        ask: dict[str, Any] = {"customer_type": "person", "language": "en", "signals": signals}
        path = "/v1/recommendations"
        kind = number % 11
        if kind < 4:
            return "sound", request_bytes(path, ask | {"shown": [self._word()]}, key=self._key)
        word = self._word()
        made = {
            4: (
                "batch",
                request_bytes(
                    f"{path}/batch", {"customers": [ask | {"ref": word}, {word: word}]}, key=self._key
                ),
            ),
            5: (
                "field",
                request_bytes(
                    path, ask | {"signals": {f"{word}!": word, "hetu": word, "minor": word}}, key=self._key
                ),
            ),
            6: ("malformed", request_bytes(path, f'{{"signals": {word}'.encode(), key=self._key)),
            7: ("key", request_bytes(path, ask, key=f"arki_{word}")),
            8: ("address", request_bytes(f"/{word}?{word}={word}", ask, key=self._key)),
            9: ("headers", request_bytes("/v1/explanations", ask, key=self._key)),
            10: ("outcome", request_bytes("/v1/outcomes", self._outcome(word), key=self._key)),
        }[kind]
        head = f"\r\nUser-Agent: {word}\r\nReferer: http://{word}/\r\nX-Forwarded-For: {word}\r\nX-Request-Id: {word}\r\n"
        return made[0], made[1].replace(
            b"\r\n", (head + f"traceparent: {word}\r\ntracestate: a={word}\r\n").encode(), 1
        )

    def _outcome(self, word: str) -> dict[str, Any]:
        """Every other one is sound, of an answer given before."""
        answer = self._answer if self._rng.random() < 0.5 else None
        return {
            "event_id": str(uuid.uuid4()),
            "recommendation_id": answer["recommendation_id"] if answer else word,
            "item": answer["items"][0]["content"]["id"] if answer else word,
            "event": "opened",
            "occurred_at": datetime.now(UTC).isoformat(),
        }

    def see(self, kind: str, status: int, body: bytes) -> None:
        """Keep references, and note a refusal that repeats what was sent."""
        if kind == "sound" and status == 200:
            self._answer = json.loads(body)
        self.references.update(re.findall(r'"recommendation_id":"([^"]+)"', body.decode()))
        if status != 200 and b"canary" in body:
            self.echoed.append(kind)

    def found_in(self, text: str) -> int:
        """How many canaries, keys, signals' names and references a text holds; in one pass, for texts of many megabytes."""
        hits = set(re.findall("canary[0-9a-f]{12}", text)) | {word for word in self.plain if word in text}
        begins = {
            reference[:11] for reference in self.references
        }  # key id and format: the same for all of one secret
        return len(hits) + sum(text.count(begin) for begin in begins)


def canary(folder: Path, bundles: Path, *, requests: int = 10_000) -> list[Row]:
    """Ask with canaries, then read the log, the metrics, the exported spans and every refusal."""
    spans: list[bytes] = []
    key = keys_file(folder / "canary-keys.json", "recommend", "segments:read", "outcomes:write")
    settings = {
        "ARKI_KEYS": str(folder / "canary-keys.json"),
        "ARKI_SECRET": "s" * 40,
        "ARKI_RATE_LIMIT": "off",
        "ARKI_OUTCOMES_URL": made(f"sqlite:///{folder}/canary.db"),
    }
    canaries = _Canaries(3, key)
    with (
        _collector(spans) as endpoint,
        serving(folder, bundles, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url, **settings) as server,
    ):
        load = Load(server.port, canaries.make, 8, canaries.see)
        counts = load.closed(3600, until=lambda: len(load.outcome.answers) >= requests).counts()
        metrics = server.ask("/metrics")[2].decode()
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    asked = [line for line in lines if line.get("event") == "request"]
    traced = b"".join(spans).decode("latin-1")
    kept = b"".join(file.read_bytes() for file in folder.glob("canary.db*")).decode("latin-1")
    found = {
        name: canaries.found_in(text)
        for name, text in {"log": log, "metrics": metrics, "spans": traced, "database": kept}.items()
    }
    strange = sum(not set(line) <= LINE for line in asked)
    total = sum(counts.values())
    complete = (
        len(asked) >= total
        and traced.count("/v1/recommendations") >= total // 2
        and counts[200] >= total // 2
        and not counts[0]
    )
    leaks = sum(found.values()) + len(canaries.echoed) + strange
    return [
        Row(
            f"canaries in {total} requests",
            f"{found['log']} in {len(asked)} lines, {found['metrics']} in metrics, {found['spans']} in spans, "
            f"{found['database']} in the database, "
            f"{len(canaries.echoed)} in errors",
            "0 everywhere",
            leaks == 0 and complete,
        )
    ]


class _collector:  # noqa: N801  (read as a verb in a with)
    """An OTLP endpoint on loopback that keeps what it is sent."""

    def __init__(self, spans: list[bytes]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                spans.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
