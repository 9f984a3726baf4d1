"""Part `growth`: does an answer stay as fast, and does the service start, when rules, items and batches are many.

Synthetic rules and items are made from the shipped ones and read by the public readers; a bundle of each size is built
and loaded as the service loads it.
"""

from __future__ import annotations

import copy
import io
import json
import random
import secrets
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.customers import AT, Customers, read_customers
from benchmarks.timing import Piece, in_turns
from models.contract.codes import PERSON
from models.decision import bundle
from models.decision.fact_set import FactSet
from models.decision.recommender import Recommender

RULES = (10, 100, 1_000, 5_000)
ITEMS = (100, 1_000, 5_000, 20_000)
BATCHES = (1, 10, 50, 100, 250, 500)
LOADS = 3


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:
    """Answer time and start by size."""
    loaded, given = bundle.load(bundles, str(bundle.current(bundles))), read_customers()
    shipped, used, facts = loaded.parts, _used(loaded.recommender, given), loaded.recommender.facts
    rounds = 3 if quick else 25
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rules, items = RULES, ITEMS
        if quick:
            rules, items = (RULES[0], RULES[-2]), (ITEMS[0], ITEMS[-2])
        found = {
            "rules": _answers({n: with_rules(shipped, n, facts) for n in rules}, Path(folder), given, rounds),
            "items": _answers({n: with_items(shipped, n, used) for n in items}, Path(folder), given, rounds),
        }
    return found | {"batch": _batches(bundles, given, BATCHES[:3] if quick else BATCHES, rounds)}


def with_rules(parts: dict[str, Any], n: int, facts: FactSet, seed: int = 1) -> dict[str, Any]:
    """The parts with n rules for persons: random particular ones above the shipped rules, the last of which takes all."""
    rng = random.Random(seed)  # noqa: S311  (examples, no secrets)
    shipped = parts["rulebook.json"]["person"]
    narrow = [fact for fact in facts.of[PERSON] if fact.name != "personalisation"]
    made = []
    for at in range(n - min(n, len(shipped))):
        rule = copy.deepcopy(rng.choice(shipped))
        rule["id"] = f"made-{at}"
        block = facts.blocks(PERSON)[0]
        named = rng.sample(narrow, 4)
        rule["when"] = {fact.name: [rng.choice(list(block[fact.name]))] for fact in named}
        made.append(rule)
    kept = [*shipped[: n - len(made) - 1], shipped[-1]]
    return parts | {"rulebook.json": parts["rulebook.json"] | {"person": [*made, *kept][:n]}}


def with_items(parts: dict[str, Any], n: int, used: set[str]) -> dict[str, Any]:
    """The parts with n items: the shipped ones, those in `used` first, cut short or again and again under other ids."""
    shipped = sorted(parts["catalogue.json"]["items"], key=lambda item: item["id"] not in used)
    items = [
        item if at < len(shipped) else item | {"id": f"{item['id']}-{at // len(shipped)}"}
        for at, item in ((at, shipped[at % len(shipped)]) for at in range(n))
    ]
    return parts | {"catalogue.json": parts["catalogue.json"] | {"items": items}}


def _used(recommender: Recommender, given: Customers) -> set[str]:
    """Items that the customers' answers hold, so that each size gives the same answers."""
    found: set[str] = set()
    customers = [recommender.contract.read(PERSON, one) for one in given.signals]
    for made in recommender.recommend(customers, at=datetime.fromisoformat(AT)):
        found |= {item.content.id for item in (*made.items, *made.statutory)}
    kinds = {channel.card for channel in recommender.channels.values()}
    return found | {item.id for item in recommender.catalogue.items.values() if item.type in kinds}


def _answers(
    by_size: dict[int, dict[str, Any]], folder: Path, given: Customers, rounds: int
) -> list[dict[str, Any]]:
    """µs of an answer and of a rule's choice, taken in turns over the sizes; seconds to load; the first answers after it."""
    at = datetime.fromisoformat(AT)
    rows, pieces = [], {}
    for size, parts in by_size.items():
        written = {
            name: part for name, part in parts.items() if name not in {"scorecard.json", "manifest.json"}
        }
        digest = bundle.build(folder, written)
        took, loaded = [], None
        for _ in range(LOADS):
            began = time.process_time()
            loaded = bundle.load(folder, digest)
            took.append(time.process_time() - began)
        recommender = loaded.recommender
        customers = [recommender.contract.read(PERSON, one) for one in given.signals]
        began = time.process_time()
        recommender.recommend(customers, at=at)
        first = (time.process_time() - began) / len(customers)
        pieces |= _pieces(size, recommender, customers, at)
        rows.append({"size": size, "load_s": round(min(took), 4), "first_answers_us": round(first * 1e6, 1)})
    timed = in_turns(pieces, rounds=rounds)
    for row in rows:
        row["recommend_us"] = timed[f"recommend {row['size']}"]["min_us"]
        row["choose_us"] = timed[f"choose {row['size']}"]["min_us"]
    return rows


def _pieces(size: int, recommender: Recommender, customers: list[Any], at: datetime) -> dict[str, Piece]:
    table = recommender.rulebook.tables[PERSON].on(at.date())
    found = [recommender.facts.lookups(one, recommender.scorecard.predict(one))[0] for one in customers]
    return {
        f"recommend {size}": (lambda one: recommender.recommend([one], at=at), customers),
        f"choose {size}": (table.choose, found),
    }


def _batches(bundles: Path, given: Customers, sizes: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """µs a customer of a batch request through the whole WSGI app, without a socket."""
    from service.app import create_app
    from service.settings import Settings

    key = "a key for benchmarks"
    app = create_app(Settings(bundles=bundles, dev_key=key, secret=secrets.token_hex(32), log_requests=False))
    pieces: dict[str, Piece] = {}
    for size in sizes:
        body = given.batch(size)
        pieces[str(size)] = (lambda sent: _posted(app, key, sent), [body])
    timed = in_turns(pieces, rounds=rounds)
    return [{"size": size, "per_customer_us": round(timed[str(size)]["min_us"] / size, 2)} for size in sizes]


def _posted(app: Any, key: str, body: bytes) -> bytes:
    said: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/recommendations/batch",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {key}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    answer = app(environ, lambda status, _headers, _error=None: said.append(status))
    whole = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    if not said[0].startswith("200"):
        raise ValueError(f"the batch was answered {said[0]}: {json.loads(whole)}")
    return whole
