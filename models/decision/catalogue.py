"""The content catalogue: which real item stands for a kind of content on a topic, in a language, on a day.

The content team owns the items; `authoring` reads and checks what they write, this module picks from the compiled form.
Drafts are never recommended, expired items never picked, statutory items never mixed with the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from models.contract.codes import CUSTOMER_TYPES, EVERYONE, PERSON, CustomerType, Language
from models.contract.vocabulary import Vocabulary

OWN_PAGES: Final = "/content/"
"""How an address of one of Arki's own example pages begins where the content team writes it."""
USUAL_PRIORITY: Final = 5
"""Of an item to which its editor gave none; 9 goes first, 1 last."""
MOST_SHOWN: Final = 50
"""At most so many items may be named as shown before."""
_DAY: Final = timedelta(days=1)
MOST_RANKINGS: Final = 4_096
"""Kinds × topics × channels × languages that are asked for on a day or two."""


class Span(NamedTuple):
    """Days from the first to the last, both among them."""

    first: date
    last: date


def uncovered(spans: Iterable[Span], within: Span) -> Iterator[Span]:
    """The days within a span that none of some spans covers, as spans in order of time."""
    start = within.first
    for span in sorted(spans):
        if span.first > within.last:
            break
        if span.first > start:
            yield Span(start, span.first - _DAY)
        if span.last >= within.last:
            return
        start = max(start, span.last + _DAY)
    yield Span(start, within.last)


@dataclass(frozen=True, slots=True)
class ContentText:
    """An item in one language. `body` is a nudge's sentence; pages keep theirs in `ContentItem.source`.

    `url` is the address that answers give; `ContentItem.source` has it as it was written.
    """

    title: str
    url: str
    body: str | None
    is_own: bool = False
    """Whether the address is of one of Arki's own example pages."""


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One item of the catalogue. `source` is the authored record whole, for whoever shows or lists it.

    `review_by` is the day by which it is looked at again: the later, the newer its last review.
    """

    id: str
    type: str
    statutory: bool
    audience: str
    topics: tuple[str, ...]
    benefits: frozenset[str]
    channels: frozenset[str]
    """The only channels in which it is offered; empty where any may."""
    languages: Mapping[Language, ContentText]
    valid_from: date
    valid_until: date
    approved: bool
    source: Mapping[str, Any]
    spoken: Mapping[Language, Language]
    """For each language in which it may be offered the one that it is offered in: itself, or the first fallback it has."""
    priority: int = USUAL_PRIORITY
    review_by: date = date.min

    def is_for(self, customer_type: CustomerType) -> bool:
        """Whether its audience includes such customers."""
        return self.audience in {customer_type, EVERYONE}

    def holds_on(self, day: date) -> bool:
        """Whether it is valid on a day."""
        return self.valid_from <= day <= self.valid_until

    def fits(self, channel: str) -> bool:
        """Whether it may be offered in a channel."""
        return not self.channels or channel in self.channels

    def language_for(self, wanted: Language) -> Language:
        """The best language it exists in; for who is not offered it, the first it was written in."""
        return self.spoken.get(wanted) or next(iter(self.languages))


class Catalogue:
    """Items indexed for picking, and the tree of topics. Remembers what it ranked last, in caches of `MOST_RANKINGS`."""

    def __init__(self, items: Iterable[ContentItem], vocabulary: Vocabulary) -> None:
        self.items = {item.id: item for item in items}
        self.vocabulary = vocabulary
        self._chains = {topic: _chain(topic, vocabulary) for topic in vocabulary.topics}
        self._ranked = lru_cache(maxsize=MOST_RANKINGS)(self._rank)
        self._statutory_best = lru_cache(maxsize=MOST_RANKINGS)(self._best_statutory)
        self._changes = lru_cache(maxsize=MOST_RANKINGS)(self._change_days)
        self._index: dict[tuple[CustomerType, str, str], list[ContentItem]] = {}
        self._statutory: dict[tuple[CustomerType, str], list[ContentItem]] = {}
        # Sorting is stable, so what nothing else tells apart stays in the order of the files.
        for item in sorted(self.items.values(), key=_preference):
            if item.approved and item.languages:
                self._file(item)
        self._statutory_changes = change_days(item for items in self._statutory.values() for item in items)
        for (_, _, topic), filed in self._index.items():
            filed.sort(key=lambda item: item.topics[0] != topic)

    def topic_chain(self, topic: str) -> tuple[str, ...]:
        """The topic, those above it and the one that all begin at, nearest first."""
        return self._chains[topic]

    def stated_topic(
        self, customer_type: CustomerType, life_event: str | None, open_matter: str | None
    ) -> str:
        """The topic of what a customer stated: the life event, else the open matter, else the one that all begin at."""
        event = self.vocabulary.life_events.get(life_event or "")
        matter = self.vocabulary.duties[customer_type].get(open_matter or "")
        if customer_type == PERSON and event is not None:
            return event.topic
        return self.vocabulary.starts[customer_type] if matter is None else matter.topic

    def pick(
        self,
        content_type: str,
        topic: str,
        *,
        customer_type: CustomerType,
        channel: str,
        language: Language,
        day: date,
        shown: Collection[str] = (),
    ) -> ContentItem | None:
        """The item of a kind for a topic; None if there is none.

        The nearest topic decides, then the asked language, then the channel's own card, then items whose main topic it
        is, then the editor's priority, then the newest review, then the order of the files. An id decides nothing.
        """
        ranked = self._ranked(content_type, topic, customer_type, channel, language, day)
        if not shown:
            return ranked[0] if ranked else None
        return next((item for item in ranked if item.id not in shown), None)

    def _rank(
        self,
        content_type: str,
        topic: str,
        customer_type: CustomerType,
        channel: str,
        language: Language,
        day: date,
    ) -> tuple[ContentItem, ...]:
        """The items `pick` chooses from, in order, as many as could have been shown and one more."""
        ranks = self.vocabulary.chain(language)
        ranked: dict[str, ContentItem] = {}
        for near in self._chains[topic]:
            fitting = [
                item
                for item in self._index.get((customer_type, content_type, near), ())
                if item.holds_on(day) and item.fits(channel) and language in item.spoken
            ]
            fitting.sort(key=lambda item: (ranks.index(item.spoken[language]), not item.channels))
            ranked.update((item.id, item) for item in fitting if item.id not in ranked)
            # Enough: one of so many is left even where the longest list of items was shown before.
            if len(ranked) > MOST_SHOWN:
                break
        return tuple(ranked.values())[: MOST_SHOWN + 1]

    def change_days(
        self, content_type: str, topic: str, *, customer_type: CustomerType, channel: str
    ) -> tuple[date, ...]:
        """The days, in order, on which an item begins or no longer holds that `pick` chooses among."""
        return self._changes(content_type, topic, customer_type, channel)

    def _change_days(
        self, content_type: str, topic: str, customer_type: CustomerType, channel: str
    ) -> tuple[date, ...]:
        candidates = self.candidates(content_type, topic, customer_type=customer_type, channel=channel)
        return change_days(candidates)

    def candidates(
        self, content_type: str, topic: str, *, customer_type: CustomerType, channel: str
    ) -> Iterator[ContentItem]:
        """Every item that `pick` could ever choose, whatever the day, the language and what was shown before."""
        for nearer in self._chains[topic]:
            for item in self._index.get((customer_type, content_type, nearer), ()):
                if item.fits(channel):
                    yield item

    def spans(
        self, content_type: str, topic: str, *, customer_type: CustomerType, channel: str, language: Language
    ) -> list[Span]:
        """The days on which a kind can be offered on a topic in a language itself, not a fallback; for checks."""
        candidates = self.candidates(content_type, topic, customer_type=customer_type, channel=channel)
        return [Span(item.valid_from, item.valid_until) for item in candidates if language in item.languages]

    def statutory(
        self, benefits: Iterable[str], *, customer_type: CustomerType, language: Language, day: date
    ) -> list[ContentItem]:
        """One statutory item per benefit, the most particular in the asked language, each item once.

        Among equals the editor's priority decides, then the newest review, then the order of the files.
        """
        best = (self._statutory_best(benefit, customer_type, language, day) for benefit in benefits)
        return list({item.id: item for item in best if item is not None}.values())

    def statutory_until(
        self,
        benefits: Iterable[str],
        *,
        customer_type: CustomerType,
        language: Language,
        day: date,
        latest: date,
    ) -> date:
        """The last day, at most `latest`, up to which `statutory` gives the same as on a day."""
        changes = self._statutory_changes
        # Nothing begins or ends any more, which is so for most benefits on most days.
        if not changes or changes[-1] <= day:
            return latest
        owed = partial(self.statutory, tuple(benefits), customer_type=customer_type, language=language)
        return same_until(owed, changes, day=day, latest=latest)

    def statutory_changes_between(self, day: date, latest: date) -> bool:
        """Whether any statutory item begins or ends after a day and by the latest."""
        changes = self._statutory_changes
        return bisect_right(changes, day) < bisect_right(changes, latest)

    def _best_statutory(
        self, benefit: str, customer_type: CustomerType, language: Language, day: date
    ) -> ContentItem | None:
        ranks = self.vocabulary.chain(language)
        return min(
            (
                item
                for item in self._statutory.get((customer_type, benefit), ())
                if item.holds_on(day) and language in item.spoken
            ),
            key=lambda item: (ranks.index(item.spoken[language]), len(item.benefits)),
            default=None,
        )

    def statutory_for(self, benefit: str, customer_type: CustomerType) -> Sequence[ContentItem]:
        """Every approved statutory item for a benefit of such customers, whatever the day; for checks."""
        return self._statutory.get((customer_type, benefit), ())

    def reachable(self, customer_type: CustomerType) -> Iterator[ContentItem]:
        """Every item that such a customer can ever be given, statutory ones among them; for checks."""
        for filed in (self._index, self._statutory):
            for (kind, *_), items in filed.items():
                if kind == customer_type:
                    yield from items

    def _file(self, item: ContentItem) -> None:
        for customer_type in CUSTOMER_TYPES:
            if not item.is_for(customer_type):
                continue
            if item.statutory:
                for benefit in item.benefits:
                    self._statutory.setdefault((customer_type, benefit), []).append(item)
            else:
                for topic in item.topics:
                    self._index.setdefault((customer_type, item.type, topic), []).append(item)


def same_until(answer: Callable[..., object], changes: Sequence[date], *, day: date, latest: date) -> date:
    """The last day, at most `latest`, up to which `answer(day=…)` stays as it is on a day, when it can change on some days."""
    soon = changes[bisect_right(changes, day) : bisect_right(changes, latest)]
    now = answer(day=day) if soon else None
    return next((change - timedelta(days=1) for change in soon if answer(day=change) != now), latest)


def read_catalogue(document: Mapping[str, Any], vocabulary: Vocabulary, *, public_url: str = "") -> Catalogue:
    """A catalogue from its compiled JSON.

    Parameters
    ----------
    document : mapping
        `items`.
    vocabulary : Vocabulary
    public_url : str
        Where browsers reach Arki's own pages, without a slash at its end. Their addresses become absolute and name their
        language; all others, and all where it is empty, stay as written.

    Raises
    ------
    KeyError
        On data that was never checked.
    """
    return Catalogue((_read_item(item, vocabulary, public_url) for item in document["items"]), vocabulary)


def _read_item(item: Mapping[str, Any], vocabulary: Vocabulary, public_url: str) -> ContentItem:
    return ContentItem(
        id=item["id"],
        type=item["type"],
        statutory=item["class"] == "statutory",
        audience=item["audience"],
        topics=tuple(item["topics"]),
        benefits=frozenset(item.get("benefits", ())),
        channels=_channels_of(item),
        languages={
            language: ContentText(
                text["title"],
                _address(text["url"], language, public_url),
                text.get("body") if isinstance(text.get("body"), str) else None,
                text["url"].startswith(OWN_PAGES),
            )
            for language, text in item["languages"].items()
        },
        valid_from=date.fromisoformat(item["valid_from"]) if "valid_from" in item else date.min,
        valid_until=date.fromisoformat(item["valid_until"]) if "valid_until" in item else date.max,
        approved=item["status"] == "approved",
        source=item,
        spoken={
            wanted: language
            for wanted, term in vocabulary.languages.items()
            if (language := term.spoken(item["languages"]))
        },
        priority=item.get("priority", USUAL_PRIORITY),
        review_by=date.fromisoformat(item["review_by"]) if "review_by" in item else date.min,
    )


def _channels_of(item: Mapping[str, Any]) -> frozenset[str]:
    """The channels that an item names; a bundle made before it could name several has one under `channel`."""
    named = item.get("channel", ())
    return frozenset((named,) if isinstance(named, str) else named)


def _preference(item: ContentItem) -> tuple[int, int]:
    """Smaller for what goes first among equals: the higher priority, then the newer review."""
    return -item.priority, -item.review_by.toordinal()


def _address(written: str, language: Language, public_url: str) -> str:
    """The address that an answer gives; a page on another site cannot be told the language by whoever links to it."""
    if not public_url or not written.startswith(OWN_PAGES):
        return written
    return f"{public_url}{written}?language={language}"


def change_days(items: Iterable[ContentItem]) -> tuple[date, ...]:
    """The first days on which items hold or hold no more, in order."""
    days: set[date] = set()
    for item in items:
        days.add(item.valid_from)
        if item.valid_until < date.max:
            days.add(item.valid_until + timedelta(days=1))
    return tuple(sorted(days - {date.min}))


def _chain(topic: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    chain, root = [topic], vocabulary.starts[PERSON]
    while (term := vocabulary.topics.get(chain[-1])) and term.parent and term.parent not in chain:
        chain.append(term.parent)
    return (*chain, root) if root not in chain else tuple(chain)
