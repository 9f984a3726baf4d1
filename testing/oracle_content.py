"""The oracle's catalogue: which item stands for a kind of content, and which the law attaches to a benefit or claim.

The heads of models/content/catalogue.yaml and of the files in models/vocabulary say what the fields mean. May not import models,
service or training.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from testing.documents import Document, Documents
from testing.oracle_days import day_after


class Content:
    """The catalogue as one language and day see it; what was ranked once is kept."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        offered = [item for item in documents.items if item["status"] == "approved" and item["languages"]]
        self.by_id = {item["id"]: item for item in documents.items}
        offered.sort(key=lambda item: (-int(item.get("priority", 5)), _age(item)))
        self._statutory = [item for item in offered if item["class"] == "statutory"]
        self._of_kind: dict[str, list[Document]] = {}
        for item in offered:
            if item["class"] != "statutory":
                self._of_kind.setdefault(item["type"], []).append(item)
        self._ranked: dict[tuple[str, ...], list[Document]] = {}
        first_days = {item["valid_from"] for item in offered if "valid_from" in item}
        ends = {day_after(item["valid_until"]) for item in offered if "valid_until" in item}
        self.change_days = sorted(first_days | ends)

    def stated_topic(self, customer_type: str, life_event: str, open_matter: str) -> str:
        """The topic of the event looked up, else of the open matter, else the general one of such customers."""
        topics = self._documents.topics
        if customer_type == "employer":
            return str(topics["claim_topics"].get(open_matter, topics["starts"]["employer"]))
        return str(
            topics["event_topics"].get(life_event)
            or topics["benefit_topics"].get(open_matter)
            or topics["starts"]["person"]
        )

    def chain(self, topic: str) -> list[str]:
        """A topic, its parents, and the general one last."""
        found = [topic]
        while parent := self._documents.topics["topics"][found[-1]].get("parent"):
            found.append(parent)
        root = self._documents.topics["starts"]["person"]
        return found if found[-1] == root else [*found, root]

    def pick(
        self, kind: str, topic: str, *, customer_type: str, channel: str, language: str, day: str,
        shown: Collection[str] = (),
    ) -> Document | None:  # fmt: skip
        """The item for a kind of content: nearest topic, then language, then the channel's own card, then main topic.

        Among equals the higher priority, then the newer review, then whatever the files list first.
        """
        key = (kind, topic, customer_type, channel, language, day)
        if key not in self._ranked:
            self._ranked[key] = self._rank(kind, topic, customer_type, channel, language, day)
        return next((item for item in self._ranked[key] if item["id"] not in shown), None)

    def _rank(
        self, kind: str, topic: str, customer_type: str, channel: str, language: str, day: str
    ) -> list[Document]:
        chain = self.chain(topic)
        fitting = [
            item
            for item in self._of_kind.get(kind, [])
            if item["audience"] in (customer_type, "both")
            and channel in channels_of(item, channel)
            and holds_on(item, day)
            and language_of(item, language, self._documents)
            and {*item["topics"]} & {*chain}
        ]

        def rank(item: Document) -> tuple[object, ...]:
            near = next(topic for topic in chain if topic in item["topics"])
            return (
                chain.index(near),
                self._documents.chain(language).index(language_of(item, language, self._documents)),
                "channel" not in item,
                item["topics"][0] != near,
            )

        return sorted(fitting, key=rank)

    def statutory(
        self, customer_type: str, benefits: Iterable[str], language: str, day: str
    ) -> list[Document]:
        """For each benefit the item that the law attaches to it: best language first, then the most particular.

        Among equals as in `pick`.
        """
        found: dict[str, Document] = {}
        for benefit in benefits:
            fitting = [
                item
                for item in self._statutory
                if item["audience"] in (customer_type, "both")
                and benefit in item["benefits"]
                and holds_on(item, day)
                and language_of(item, language, self._documents)
            ]
            fitting.sort(
                key=lambda item: (
                    self._documents.chain(language).index(language_of(item, language, self._documents)),
                    len({*item["benefits"]}),
                )
            )
            found |= {item["id"]: item for item in fitting[:1]}
        return list(found.values())


def _age(item: Document) -> int:
    """Smaller for what is looked at again later, whose last review is newer; largest where no day is set."""
    return -date.fromisoformat(item.get("review_by", "0001-01-01")).toordinal()


def holds_on(item: Document, day: str) -> bool:
    """Whether an item may be offered on a day; the first and the last day count."""
    return bool(item.get("valid_from", "") <= day <= item.get("valid_until", "9999"))


def language_of(item: Document, asked: str, documents: Documents) -> str:
    """The asked language where the item has it, else the first that is tried after it; empty where it has none of them."""
    return next((language for language in documents.chain(asked) if language in item["languages"]), "")


def channels_of(item: Document, channel: str) -> list[str]:
    """The channels that an item may be offered in: those it names, else any."""
    named = item.get("channel", channel)
    return named if isinstance(named, list) else [named]


def content(item: Document, asked: str, documents: Documents) -> dict[str, Any]:
    """An item as an answer shows it; a nudge has its sentence as `body`."""
    language = language_of(item, asked, documents)
    text = item["languages"][language]
    shown = {"id": item["id"], "title": text["title"], "url": text["url"], "language": language}
    return shown | ({"body": text["body"]} if isinstance(text.get("body"), str) else {})
