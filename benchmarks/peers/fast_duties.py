"""FastAPI around Arki's own recommend with the duties that Arki's service has: key, limit, validation, reference, metrics, log.

Each duty is what a FastAPI user would take for it: a bearer key in a dependency, `limits` (under slowapi), pydantic, an
`itsdangerous` signature, prometheus_client with files shared by the workers, one JSON line a request. They are put into one
ASGI middleware and one dependency, the fastest way there is; what Arki refuses or sheds beyond that is not there.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import tempfile
import time
from typing import Annotated

os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="fast-duties-"))

import orjson
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from itsdangerous import Signer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from prometheus_client import Counter, Histogram

from benchmarks.peers.fast_app import Request as Asked
from benchmarks.peers.own import answer

KEYS = {hashlib.sha256(b"a key for benchmarks").digest(): "bench"}
MOST = RateLimitItemPerMinute(10_000_000)
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"cache-control", b"no-store"),
]

limiter = FixedWindowRateLimiter(MemoryStorage())
signer = Signer("s" * 40, digest_method=hashlib.sha256)
requests = Counter("fast_requests_total", "Requests answered.", ("route", "method", "status"))
seconds = Histogram("fast_request_seconds", "Time in the app.", ("route",))
segments = Counter("fast_answers_total", "Recommendations by segment.", ("segment",))
items = Counter("fast_items_total", "Items offered.", ("channel", "content_type"))


class Told:
    """Measures, logs and adds headers, as plain ASGI."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, request_id = time.perf_counter(), 500, secrets.token_hex(8)

        async def tell(message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] += [*HEADERS, (b"x-request-id", request_id.encode())]
            await send(message)

        await self.app(scope, receive, tell)
        took = time.perf_counter() - began
        requests.labels(scope["path"], scope["method"], str(status)).inc()
        seconds.labels(scope["path"]).observe(took)
        line = {"event": "request", "id": request_id, "route": scope["path"], "status": status}
        line |= {"ms": round(took * 1000, 3), "at": time.time()}
        sys.stderr.buffer.write(orjson.dumps(line) + b"\n")
        sys.stderr.buffer.flush()


async def key_of(request: Request, response: Response) -> str:
    """The id of the key that was sent, within its limit."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    found = KEYS.get(hashlib.sha256(key.encode()).digest()) if scheme == "Bearer" else None
    if found is None:
        raise HTTPException(401, "No such key.")
    if not limiter.hit(MOST, found):
        raise HTTPException(429, "Too many requests.")
    window = limiter.get_window_stats(MOST, found)
    response.headers["RateLimit"] = f"limit={MOST.amount}, remaining={window.remaining}"
    return found


app = FastAPI()
app.add_middleware(Told)


@app.post("/recommend")
async def recommend(asked: Asked, key: Annotated[str, Depends(key_of)]) -> Response:  # noqa: ARG001
    """The recommendation for one customer, with its signed reference."""
    made = answer(asked.model_dump(exclude_unset=True))
    offered = [(item["content"]["id"], item["reason"]["rule"], item["channel"]) for item in made["items"]]
    payload = [secrets.token_urlsafe(9), made["versions"]["bundle"], int(time.time()), offered]
    made["recommendation_id"] = signer.sign(orjson.dumps(payload).hex()).decode()
    segments.labels(str(made["segment"] and made["segment"]["id"])).inc()
    for item in made["items"]:
        items.labels(item["channel"], item["content_type"]).inc()
    return Response(orjson.dumps(made), media_type="application/json")
