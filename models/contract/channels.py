"""Channels of Kela: what each is, when it is open, and whether a person answers there.

The content team owns the data (`vocabulary/channels.yaml`); this module reads it and tells whether a channel is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.contract.codes import EVERYONE, CustomerType, Language
from models.contract.vocabulary import Vocabulary

HELSINKI: Final = ZoneInfo("Europe/Helsinki")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PTV_CHANNEL_TYPES: Final = ("EChannel", "WebPage", "PrintableForm", "Phone", "ServiceLocation")
Hours = tuple[time, time]
"""When a channel opens and when it closes on a day."""
LOOK_AHEAD_DAYS: Final = 21  # longer than any run of closed days


@dataclass(frozen=True, slots=True)
class OpeningDays:
    """The days on which hours are not those of the weekday, for every channel.

    Attributes
    ----------
    years : range or None
        The years whose holidays are known; None in bundles made before years were named.
    closed : frozenset of date
    closes : mapping of date to time
        Days on which all close early.
    exceptions : mapping of date to list of (channels, hours)
        Single days: for which channels (all, if none is named), and their hours, or None where they are closed.
    """

    years: range | None
    closed: frozenset[date]
    closes: Mapping[date, time]
    exceptions: Mapping[date, Sequence[tuple[frozenset[str], Hours | None]]]

    def cover(self, channel: str, day: date) -> bool:
        """Whether the hours of a channel on a day are known: in the years named, and on a single day announced for it."""
        return self.years is None or day.year in self.years or bool(self._announced(channel, day))

    def hours(self, channel: str, day: date, weekly: Hours | None) -> Hours | None:
        """The hours of a channel on a day, given those of the weekday; None where it is closed."""
        announced = self._announced(channel, day)
        if announced:
            return announced[0]
        if weekly is None or day in self.closed:
            return None
        closes = min(weekly[1], self.closes.get(day, weekly[1]))
        return (weekly[0], closes) if weekly[0] < closes else None

    def _announced(self, channel: str, day: date) -> list[Hours | None]:
        """The hours that single days give a channel, in the order written; the first counts."""
        return [
            hours for channels, hours in self.exceptions.get(day, ()) if channel in channels or not channels
        ]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. `hours` is None where it is always open, typical ones where `hours_vary`; local to Finland."""

    id: str
    ptv_channel: str
    human: bool
    audience: str
    needs_strong_identification: bool
    hours: Mapping[str, Hours] | None
    hours_vary: bool
    days: OpeningDays
    languages: tuple[str, ...]
    cost_eur: float | None
    grade: float | None
    carries: tuple[str, ...]
    card: str
    names: Mapping[Language, str]
    fallback: int | None = None
    """Its place among the human channels that are tried where a rule's own cannot be used; None where it is not tried."""
    retired: date | None = None
    """The first day on which it is there no more; None where it stays."""
    successor: str | None = None
    """The channel that takes its place then."""

    def hours_on(self, day: date) -> Hours | None:
        """When the channel opens and closes on a day; None where it stays closed, or is always open."""
        weekly = None if self.hours is None else self.hours.get(WEEKDAYS[day.weekday()])
        return None if self.hours is None else self.days.hours(self.id, day, weekly)

    def is_retired(self, day: date) -> bool:
        """Whether the channel is there no more on a day."""
        return self.retired is not None and day >= self.retired

    def answers(
        self, customer_type: CustomerType, *, identified: bool, language: Language, day: date
    ) -> bool:
        """Whether such a customer can talk with a person there in a language.

        Parameters
        ----------
        customer_type : {"person", "employer"}
        identified : bool
            Whether the customer is known to have strong identification; who is not known to cannot use what needs it.
        language : str
        day : date
        """
        return (
            self.human
            and self.audience in {customer_type, EVERYONE}
            and (identified or not self.needs_strong_identification)
            and language in self.languages
            and not self.is_retired(day)
        )

    def opening(self, at: datetime) -> tuple[bool | None, datetime | None]:
        """Whether the channel is open at a moment, and if not, when it next opens.

        Parameters
        ----------
        at : datetime
            Any aware moment.

        Returns
        -------
        open_now : bool or None
            None where hours vary from place to place, or the holidays of the year are not known: it would be a guess.
        opens_at : datetime or None
            In Finnish time; None where it is open, where it does not open within three weeks, and where that is not known.
        """
        if self.hours is None:
            return True, None
        if self.hours_vary:
            return None, None
        local = at.astimezone(HELSINKI)
        if not self.days.cover(self.id, local.date()):
            return None, None
        for days in range(LOOK_AHEAD_DAYS):
            day = local.date() + timedelta(days=days)
            if not self.days.cover(self.id, day):
                break
            span = self.hours_on(day)
            if span is None:
                continue
            opens, closes = (datetime.combine(day, clock, HELSINKI) for clock in span)
            if opens <= local < closes:
                return True, None
            if local < opens:
                return False, opens
        return False, None


def human_channel(
    channels: Mapping[str, Channel],
    wish: str,
    customer_type: CustomerType,
    *,
    identified: bool,
    languages: Sequence[Language],
    day: date,
) -> Channel | None:
    """The human channel of an answer: the one a rule wishes, else the first of the declared order that such a customer can use.

    Where none serves the first of the languages, the next one is tried. None where there is none; a checked rulebook has one
    for everybody.
    """
    order = sorted(
        (channel for channel in channels.values() if channel.fallback is not None),
        key=lambda channel: channel.fallback or 0,
    )
    return next(
        (
            channel
            for language in languages
            for channel in (channels[wish], *order)
            if channel.answers(customer_type, identified=identified, language=language, day=day)
        ),
        None,
    )


def in_use(channels: Mapping[str, Channel], name: str, day: date) -> str:
    """A channel by its name, or what took its place by a day; itself where a bundle lacks it."""
    for _ in channels:  # at most as many steps as channels, so that a circle that no check has seen ends
        channel = channels.get(name)
        if channel is None or not channel.is_retired(day) or channel.successor is None:
            break
        name = channel.successor
    return name


def days_opened_otherwise(one: Channel, other: Channel, *, start: date, end: date) -> list[date]:
    """The days of a span, both ends among them, whose hours two versions of a channel tell apart.

    By holidays, eves, exceptions and the years that are known; whether the hours of weekdays differ is another question.
    """
    weekly = [channel.hours for channel in (one, other) if channel.hours is not None]
    if one.days == other.days or len(weekly) < 2 or (one.hours_vary and other.hours_vary):  # noqa: PLR2004  (versions)
        return []

    def opening(days: OpeningDays, day: date, hours: Mapping[str, Hours]) -> object:
        return days.cover(one.id, day) and days.hours(one.id, day, hours.get(WEEKDAYS[day.weekday()]))

    span = (start + timedelta(days=after) for after in range((end - start).days + 1))
    return [
        day
        for day in span
        if any(opening(one.days, day, each) != opening(other.days, day, each) for each in weekly)
    ]


def read_channels(document: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Channel]:
    """Channels by id, from the parsed data. Raises `KeyError` or `ValueError` on data no check has passed."""
    order, days = list(document.get("human_fallback", ())), _read_days(document)
    return {
        name: _read_channel(
            name,
            data | {"name": vocabulary.in_every_language(data["name"])},
            days,
            order.index(name) if name in order else None,
        )
        for name, data in document["channels"].items()
    }


def _read_days(document: Mapping[str, Any]) -> OpeningDays:
    """The days of a document; of one made before years were named, its list of closures."""
    if "days" not in document:
        closures = frozenset(date.fromisoformat(str(day)) for day in document.get("closures", ()))
        return OpeningDays(None, closures, {}, {})
    days = document["days"]
    exceptions: dict[date, list[tuple[frozenset[str], Hours | None]]] = {}
    for entry in days["exceptions"]:
        hours = None if entry["hours"] == "closed" else _read_hours(entry["hours"])
        of_day = exceptions.setdefault(date.fromisoformat(entry["date"]), [])
        of_day.append((frozenset(entry.get("channels", ())), hours))
    first, last = days["years"]
    return OpeningDays(
        range(first, last + 1),
        frozenset(map(date.fromisoformat, days["closed"])),
        {date.fromisoformat(day): time.fromisoformat(clock) for day, clock in days["closes"].items()},
        exceptions,
    )


def _read_hours(span: Sequence[str]) -> Hours:
    return time.fromisoformat(span[0]), time.fromisoformat(span[1])


def _read_channel(name: str, data: Mapping[str, Any], days: OpeningDays, fallback: int | None) -> Channel:
    hours = data["hours"]
    return Channel(
        id=name,
        ptv_channel=data["ptv_channel"],
        human=data["human"],
        audience=data["audience"],
        needs_strong_identification=data["needs_strong_identification"],
        hours=None if hours == "always" else {day: _read_hours(span) for day, span in hours.items()},
        hours_vary=data.get("hours_vary", False),
        days=days,
        languages=tuple(data["languages"]),
        cost_eur=data.get("cost_eur"),
        grade=data.get("grade"),
        carries=tuple(data["carries"]),
        card=data["card"],
        names=dict(data["name"]),
        fallback=fallback,
        retired=date.fromisoformat(data["retired"]) if "retired" in data else None,
        successor=data.get("successor"),
    )
