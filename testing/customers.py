"""Random customers and questions, from the published contract alone: what the documents allow, and the edges they name.

May not import models, service or training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from testing.documents import CUSTOMER_TYPES, Document, Documents, contradictions
from testing.oracle import Asked
from testing.oracle_days import HELSINKI, read_days

_EDGES: Final = (
    "2019-12-31",
    "2026-03-29",
    "2026-10-25",
    "2026-12-31",
    "2027-01-01",
    "2027-03-28",
    "2027-10-31",
    "2027-12-31",
    "2050-12-31",
)
"""Days on which clocks change in Finland, years, and the years whose holidays are known."""
MOST_SHOWN: Final = 50
_BOUNDS: Final = (9, 10, 49, 50, 249, 250)
"""Staff counts around the size classes of the rulebook's README."""
_CLOCKS: Final = (0, 1, 3, 4, 9, 12, 13, 15.5, 16, 24)
"""Hours near which something changes: the day, the clocks, and the hours of channels."""


def questions(documents: Documents, seed: int, number: int) -> Iterator[Asked]:
    """So many random customers, each asked about in a language, at a moment, with a limit and with items shown before.

    Chance alone would hardly meet two cases. One customer in four states what leads to an item that begins or ends, near
    one of its days; one in four states what leads to some item and was shown all on its topic in the language asked for.
    One in eight is asked about by someone who cannot show every channel and kind of content.
    """
    random, coherent, days_off = Random(seed), contradictions(), read_days(documents.channels)
    ids = [item["id"] for item in documents.items]
    days = [
        list(_EDGES),
        sorted(str(day) for day in (*days_off.closed, *days_off.early)),
        sorted({*_days(documents, *documents.items)}),
    ]
    days.append(sorted({*_days(documents, *_rule_days(documents))}) or days[0])
    reached = [item for item in documents.items if _is_within_reach(item, documents)]
    dated = [item for item in reached if [*_days(documents, item)]]
    for place in range(number):
        aim = random.choice(((dated or reached), reached, [], [])[place % 4] or [None])
        audience = aim["audience"] if aim else "both"
        kind = random.choices(CUSTOMER_TYPES, (4, 1))[0] if audience == "both" else audience
        known = signals(documents.signals[kind], coherent[kind], random)
        day = random.choice(random.choice([*days, [_any_day(random)]]))
        language = random.choice([*documents.languages])
        shown = random.sample(ids, random.choice((0, 0, 0, 5, MOST_SHOWN)))
        if aim:
            known |= _leading_to(aim, kind, documents, random)
            day = random.choice([*_days(documents, aim), day])
        if aim and place % 4 == 1:
            alike = [item for item in documents.items if {*aim["topics"]} & {*item["topics"]}]
            shown = [item["id"] for item in alike if language in item["languages"]][:MOST_SHOWN]
        limit = random.choice((1, 2, 3, 3, 5, 10))
        asked = Asked(kind, known, _moment(day, random), language, limit, tuple(shown))
        yield _asked_by_some(asked, documents, random) if place % 8 == 6 else asked


def _asked_by_some(asked: Asked, documents: Documents, random: Random) -> Asked:
    """A question of someone who can show some channels, some kinds of content, or both."""
    channels, kinds = (
        sorted(documents.channels["channels"]),
        sorted({item["type"] for item in documents.items}),
    )
    some = [tuple(random.sample(codes, random.randint(1, len(codes)))) for codes in (channels, kinds)]
    of_channels, of_kinds = (random.choice((listed, listed, None)) for listed in some)
    return replace(asked, channels=of_channels, content_types=of_kinds)


def signals(contract: dict[str, Document], coherent: list[tuple[str, str]], random: Random) -> dict[str, Any]:
    """Signals that the contract allows: each known with a chance drawn for the customer."""
    share = random.choice((0.15, 0.4, 0.7, 0.95))
    rare = {"minor": 0.05, "personalisation": 0.15, "preferred_channel": 0.3}
    found = {
        name: _value(schema, random)
        for name, schema in contract.items()
        if random.random() < rare.get(name, share)
    }
    for part, whole in coherent:
        if part in found and whole in found:
            found[part] = min(found[part], found[whole])
    return found


def _value(schema: Document, random: Random) -> Any:  # noqa: ANN401  (any signal's)
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", ["string"])
    if "integer" in kinds:
        most = min(random.choice((0, 1, 2, 4, 12, schema["maximum"])), schema["maximum"])
        edges = [edge for edge in _BOUNDS if edge <= schema["maximum"]]
        return random.choice(edges) if random.random() < 0.15 else random.randint(schema["minimum"], most)
    if "boolean" in kinds:
        return random.random() < 0.5
    if "array" not in kinds:
        return random.choice([value for value in schema["enum"] if value is not None])
    size = random.choice((0, 1, 1, 2, schema["maxItems"]))
    if "enum" in schema["items"]:
        return random.sample(schema["items"]["enum"], min(size, len(schema["items"]["enum"])))
    return [
        {name: _value(each, random) for name, each in schema["items"]["properties"].items()}
        for _ in range(size)
    ]


def _is_within_reach(item: Document, documents: Documents) -> bool:
    """Whether something leads to its topic, and a rule or a channel of the customer's choice asks for its kind."""
    names = ("claim_topics", "event_topics", "benefit_topics")
    topics = {topic for name in names for topic in documents.topics[name].values()}
    kinds = {kind for rules in documents.rules.values() for rule in rules for kind in rule["then"]["content"]}
    kinds |= {channel["card"] for channel in documents.channels["channels"].values()}
    return item["type"] in kinds and bool(topics & {*item["topics"]})


def _leading_to(item: Document, kind: str, documents: Documents, random: Random) -> dict[str, Any]:
    """A statement whose topic the item is on, if any leads there, and a wish for a channel that such content presents."""
    names = ("claim_topics",) if kind == "employer" else ("event_topics", "benefit_topics")
    topics = [(name, code, topic) for name in names for code, topic in documents.topics[name].items()]
    fitting = [each for each in topics if each[2] in item["topics"]] or topics
    name, code, _ = random.choice(fitting)
    event = {"life_events": [{"event": code, "months_ago": 0}]}
    stated = event if name == "event_topics" else {"open_matter": code}
    wishes = documents.signals[kind].get("preferred_channel", {"enum": []})["enum"]
    cards = [wish for wish in wishes if wish and documents.channels["channels"][wish]["card"] == item["type"]]
    return stated | ({"preferred_channel": random.choice(cards)} if cards else {})


def _any_day(random: Random) -> str:
    return f"{random.randint(2026, 2028)}-{random.randint(1, 12):02}-15"


def _moment(day: str, random: Random) -> datetime:
    """On a day or the one beside it, near an hour at which something changes; in one of several offsets."""
    local = datetime.fromisoformat(f"{day}T00:00:00").replace(tzinfo=HELSINKI)
    local += timedelta(days=random.choice((0, 0, 1, -1)), hours=random.choice(_CLOCKS))
    local += timedelta(seconds=random.choice((0, -1, 1, random.randint(-3600, 3600))))
    zone = random.choice(("Europe/Helsinki", "UTC", "America/New_York", "Asia/Tokyo"))
    return local.astimezone(UTC).astimezone(ZoneInfo(zone))  # never in the hour that spring leaves out


def _rule_days(documents: Documents) -> Iterator[Document]:
    """The days of dated rules, named as those of items are."""
    for rule in (rule for rules in documents.rules.values() for rule in rules):
        named = {"valid_from": rule["from"], "valid_until": rule["until"]}
        yield {name: day for name, day in named.items() if day not in {"", "9999"}}


def _days(documents: Documents, *entries: Document) -> Iterator[str]:
    """First and last days, and days on which an answer would outlast them."""
    for entry in entries:
        for name in ("valid_from", "valid_until"):
            if name in entry:
                day = date.fromisoformat(entry[name])
                yield from (
                    day.isoformat(),
                    (day - timedelta(days=documents.answer_valid_days - 1)).isoformat(),
                )
