"""The costliest batches: customers of whom everything is known, and of whom nothing is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from models.contract.codes import PERSON
from models.contract.signals import DECLARED, Signal
from service.api.schemas import MOST_CUSTOMERS
from service.http.body import LARGEST_BATCH_BODY, MOST_PARTS
from testing.shipped import SIGNALS

Customer = dict[str, Any]
IDENTITY_CODE = "131052-308T"  # the Digital and Population Data Services Agency's own example


def refused_batches() -> list[bytes]:
    """Bodies that are refused, customer by customer or whole, each of the costliest of its kind."""
    batches = [
        {"customers": [customer(number) for number in range(MOST_CUSTOMERS)]}
        for customer in WORST_REFUSED.values()
    ]
    fields = {f"field_{number:x}": 1 for number in range(MOST_PARTS - 10)}
    lists = b'{"customers":[' + b",".join([b"[]"] * (LARGEST_BATCH_BODY // 3 - 10)) + b"]}"
    return [json.dumps(batch).encode() for batch in [*batches, {"customers": [person()]} | fields]] + [lists]


def everything_known(**more: Any) -> Customer:
    """A customer of whom all is said that can be."""
    signals = {name: _some(signal) for name, signal in SIGNALS[PERSON].items()}
    return person(**signals) | {"limit": 10, "shown": [f"content-{at}" for at in range(50)]} | more


def person(**signals: Any) -> Customer:
    """A customer with these signals alone."""
    return {"customer_type": "person", "signals": signals}


def _some(signal: Signal) -> Any:
    """A value that a signal may have, the longest where there are lists."""
    made: dict[str, Callable[[], Any]] = {
        "count": lambda: 1,
        "yes_no": lambda: False,
        "choice": lambda: signal.values[0],
        "choices": lambda: list(signal.values[: signal.maximum]),
        "life_events": lambda: [
            {"event": event, "months_ago": 2} for event in signal.values[: signal.maximum]
        ],
    }
    return made[signal.kind]()


WORST_REFUSED: dict[str, Callable[[int], Customer]] = {
    "misspelt signals": lambda at: person(**{f"phone_contacts_{at}_{n}": 1 for n in range(60)}),
    "long names": lambda at: person(**{f"{at:03}".rjust(50, "p") + f"{n:02}": 1 for n in range(60)}),
    "unknown fields": lambda at: person() | {f"field_{at}_{n}": 1 for n in range(60)},
    "misspelt lists": lambda _: person() | {"channels": ["web_pages"] * 10, "content_types": ["guides"] * 10},
    "wrong values": lambda _: person(**{name: [{}] * 5 for name in DECLARED[PERSON]}) | {"shown": [1] * 50},
    "identity codes": lambda _: person() | {"shown": [IDENTITY_CODE] * 50, "ref": IDENTITY_CODE},
    "wrong at the last": lambda _: everything_known(limit=0, ref="a\n"),
}
"""By kind of fault, the customer of each place in a batch; no two misspell a name alike."""
