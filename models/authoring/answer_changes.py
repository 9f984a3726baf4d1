"""What differs for a customer between two answers: the channel or kind of content, the items, hours and names, sentences.

Compared is what the customer receives. The ids of rules, versions and the moment's `open_now` are not: hours, of weekdays
and of single days, are compared themselves, so that an edit of them counts at whatever time of day somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from models.contract.channels import WEEKDAYS, Channel, Hours, days_opened_otherwise
from models.decision.recommendation import Item, Recommendation

NOTHING: Final = ""


class Change(NamedTuple):
    """One difference: which of `impact_report.CHANGES`, and the text before and after.

    The text of a change of `rules` is codes: a channel and a kind of content, or the human channel alone.
    """

    change: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Comparing:
    """Compares answers of two versions on the days of a period, both ends among them.

    An answer is None in a gap of the table, where there is none.
    """

    old: Mapping[str, Channel]
    new: Mapping[str, Channel]
    start: date
    end: date
    _known: dict[str, tuple[Change, ...]] = field(default_factory=dict, repr=False, compare=False)

    def items(self, old: Recommendation | None, new: Recommendation | None) -> Iterator[Change]:
        """What differs in items and notice."""
        if old is None or new is None:
            yield from _gap(old, new)
            return
        was, now = ([_place(item) for item in answer.items] for answer in (old, new))
        yield from _first("rules", was, now)
        if old.experiment and new.experiment and old.experiment.experiment != new.experiment.experiment:
            yield Change("rules", old.experiment.experiment, new.experiment.experiment)
        yield from _first("content", [i.content for i in old.items], [i.content for i in new.items])
        if was == now:
            for one, other in zip(old.items, new.items, strict=True):
                if one.ptv_channel != other.ptv_channel:
                    yield Change("channels", one.ptv_channel, other.ptv_channel)
                yield from self._times(one.channel)
        yield from _first("texts", [i.reason.text for i in old.items], [i.reason.text for i in new.items])
        if old.notice != new.notice:
            yield Change("texts", old.notice, new.notice)

    def human(self, old: Recommendation | None, new: Recommendation | None) -> Iterator[Change]:
        """What differs in the human channel."""
        if old is None or new is None:
            yield from _gap(old, new)
            return
        one, other = old.human_channel, new.human_channel
        if one.id != other.id:
            yield Change("rules", one.id, other.id)
            return
        if one.url != other.url:
            yield Change("content", one.url or NOTHING, other.url or NOTHING)
        for was, now in ((one.name, other.name), (one.ptv_channel, other.ptv_channel)):
            if was != now:
                yield Change("channels", was, now)
        yield from self._times(one.id)

    def statutory(self, old: Recommendation | None, new: Recommendation | None) -> Iterator[Change]:
        """What differs in statutory content."""
        if old is not None and new is not None:
            was, now = ([item.content for item in answer.statutory] for answer in (old, new))
            yield from _first("content", was, now)
            if was == now:
                yield from _first(
                    "rules", *([item.content_type for item in answer.statutory] for answer in (old, new))
                )

    def _times(self, channel: str) -> tuple[Change, ...]:
        """The hours of weekdays that differ, and the first day of the period that is told apart otherwise."""
        if channel not in self._known:
            self._known[channel] = tuple(self._differing_times(self.old[channel], self.new[channel]))
        return self._known[channel]

    def _differing_times(self, one: Channel, other: Channel) -> Iterator[Change]:
        if (one.hours, one.hours_vary) != (other.hours, other.hours_vary):
            days = [day for day in WEEKDAYS if _on_weekday(one, day) != _on_weekday(other, day)]
            was, now = (", ".join(f"{day} {_on_weekday(each, day)}" for day in days) for each in (one, other))
            yield Change("channels", was, now)
        for day in days_opened_otherwise(one, other, start=self.start, end=self.end)[:1]:
            yield Change("channels", _on_day(one, day), _on_day(other, day))


def _gap(old: Recommendation | None, new: Recommendation | None) -> Iterator[Change]:
    if (old is None) != (new is None):
        was, now = (_place(a.items[0]) if a is not None and a.items else NOTHING for a in (old, new))
        yield Change("rules", was, now)


def _place(item: Item) -> str:
    return f"{item.channel} {item.content_type}"


def _first(change: str, old: Sequence[object], new: Sequence[object]) -> Iterator[Change]:
    """The first entry that differs between two lists."""
    if old == new:
        return
    at = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
    at = min(len(old), len(new)) if at is None else at
    yield Change(change, *(_text(entries[at]) if at < len(entries) else NOTHING for entries in (old, new)))


def _text(entry: object) -> str:
    title = getattr(entry, "title", None)
    return entry if isinstance(entry, str) else str(title)


def _on_weekday(channel: Channel, day: str) -> str:
    """The hours of a day of the week, as the content team writes them."""
    if channel.hours is None:
        return "always"
    hours = channel.hours.get(day)
    return _span(hours) + (" (hours vary)" if hours and channel.hours_vary else "")


def _on_day(channel: Channel, day: date) -> str:
    """A day with its hours; a question mark where the holidays of its year are not known."""
    return f"{day} {_span(channel.hours_on(day)) if channel.days.cover(channel.id, day) else '?'}"


def _span(hours: Hours | None) -> str:
    return "–" if hours is None else f"{hours[0]:%H:%M}–{hours[1]:%H:%M}"
