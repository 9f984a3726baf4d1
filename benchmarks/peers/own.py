"""Arki's own `recommend` inside another server: signals read by the contract, one answer made, plain values out.

Imports `models` alone, as a user would who leaves Arki's service aside: no access, reference, metrics, logs or notice of
faults in Arki's form.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from models.decision.bundle import BundleStore
from models.decision.recommender import Recommender

_STORE: list[BundleStore] = []


def recommender() -> Recommender:
    """That of the current bundle."""
    if not _STORE:
        _STORE.append(BundleStore(Path(os.environ["BENCH_BUNDLES"])))
    return _STORE[0].recommender()


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """The recommendation for the customer of a body."""
    current = recommender()
    signals = current.contract.read(body["customer_type"], body["signals"])
    at, language = datetime.fromisoformat(body["as_of"]), body.get("language", "fi")
    made = current.recommend([signals], at=at, language=language)[0]
    return {
        "personalised": made.personalised,
        "notice": made.notice,
        "as_of": made.as_of.isoformat(),
        "valid_until": made.valid_until.isoformat(),
        "items": [
            {
                "rank": item.rank,
                "channel": item.channel,
                "open_now": item.open_now,
                "content_type": item.content_type,
                "content": item.content._asdict(),
                "reason": item.reason._asdict(),
            }
            for item in made.items
        ],
        "statutory": [
            {"content_type": item.content_type, "content": item.content._asdict()} for item in made.statutory
        ],
        "human_channel": {"id": made.human_channel.id, "name": made.human_channel.name},
        "segment": None if made.segment is None else {"id": made.segment.id, "p": made.segment.probability},
        "versions": made.versions._asdict(),
    }
