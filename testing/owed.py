"""`python -m testing.owed`: what each of 60 customers is owed by a service designer's judgement, and where the shipped answers differ.

The customers stand in `fixtures/owed_answers.yaml`, written before any rule was changed for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from models.authoring import yaml_source
from models.contract.channels import HELSINKI
from models.decision import bundle
from models.decision.recommendation import Recommendation
from models.decision.recommender import Recommender
from testing.shipped import AUTHORED, CATALOGUE, read_signals

FILE: Final = Path(__file__).resolve().parent.parent / "fixtures" / "owed_answers.yaml"
AT: Final = datetime(2026, 11, 27, 12, tzinfo=HELSINKI)
LIMIT: Final = 3
CARDS: Final = ("contact_card", "appointment_offer")
"""Kinds that say how to reach a channel and not what about."""


def all_owed() -> list[dict[str, Any]]:
    """Every customer, as the file has them."""
    owed: list[dict[str, Any]] = yaml_source.plain(yaml_source.loads(FILE.read_text(encoding="utf-8")))[
        "owed"
    ]
    return owed


def answered(recommender: Recommender, owed: Mapping[str, Any]) -> Recommendation:
    """The answer that a customer gets at noon of the day of the review."""
    signals = read_signals(owed["customer_type"], owed["signals"])
    [answer] = recommender.recommend([signals], at=AT, language=owed["language"], limit=LIMIT)
    return answer


def differences(owed: Mapping[str, Any], answer: Recommendation) -> Iterator[str]:
    """Where an answer differs from what is owed, each in a few words; none where it does not."""
    if answer.items[0].channel not in owed["channel"]:
        yield f"channel {answer.items[0].channel}"
    about = [item.content.id for item in answer.items if item.content_type not in CARDS]
    if not about or not set(_topics(about[0])) & set(owed["topic"]):
        yield f"first {about[0] if about else None}"
    shown = {
        "item": {item.content.id for item in answer.items} | {duty.content.id for duty in answer.statutory},
        "kind": {item.content_type for item in answer.items},
        "channel": {item.channel for item in answer.items},
        "person": {answer.human_channel.id},
    }
    shown["topic"] = {topic for content in shown["item"] for topic in _topics(content)}
    for key, values in owed.get("must", {}).items():
        yield from (f"no {key} {value}" for value in values if value not in shown[key])
    for key, values in owed.get("must_not", {}).items():
        yield from (f"{key} {value}" for value in values if value in shown[key])


def told(recommender: Recommender, customers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each customer whose answer differs, and one with the number of those whose does not."""
    met = every = 0
    for owed in customers:
        every += 1
        lacking = "; ".join(differences(owed, answered(recommender, owed)))
        met += not lacking
        if lacking:
            yield f"{owed['id']}: {lacking}"
    yield f"{met} of {every} customers get what they are owed"


def _topics(content: str) -> tuple[str, ...]:
    """What an item is about; the benefits and claims that it is owed for are topics of their own name."""
    item = CATALOGUE.items[content]
    return (*item.topics, *item.benefits)


if __name__ == "__main__":
    print("\n".join(told(bundle.preview(AUTHORED.parts()).recommender, all_owed())))
