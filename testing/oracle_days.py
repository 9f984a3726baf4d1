"""The oracle's calendar: when a channel is open, and how long rules go on deciding.

The head and the foot of models/content/channels.yaml say which days differ; the schema of `valid_until` says what an answer
promises. May not import models, service or training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import holidays

from testing.documents import Document, Documents

HELSINKI: Final = ZoneInfo("Europe/Helsinki")
LOOKED_AHEAD_DAYS: Final = 21
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Days:
    """The days on which hours differ.

    Attributes
    ----------
    years : range
        The years whose holidays are known.
    closed : frozenset of date
        Public holidays of Finland, Midsummer Eve and Christmas Eve.
    early : dict
        Day -> when everything with hours closes.
    exceptions : list of dict
        As the file holds them.
    """

    years: range
    closed: frozenset[date]
    early: dict[date, time]
    exceptions: list[Document]

    def knows(self, name: str, day: date) -> bool:
        """Whether the hours of a channel on a day are known: its year is named, or the day is an exception for the channel."""
        return day.year in self.years or self._exception(name, day) is not None

    def hours(self, name: str, channel: Document, day: date) -> Span | None:
        """Opening and closing time of a channel on a day: an exception before holidays, they before eves and weekdays."""
        exception = self._exception(name, day)
        if exception is not None:
            return None if exception["hours"] == "closed" else _span(exception["hours"])
        usual = channel["hours"].get(WEEKDAYS[day.weekday()])
        if usual is None or day in self.closed:
            return None
        opens, closes = _span(usual)
        closes = min(closes, self.early.get(day, closes))
        return (opens, closes) if opens < closes else None

    def _exception(self, name: str, day: date) -> Document | None:
        """The first exception for a channel on a day."""
        return next(
            (
                exception
                for exception in self.exceptions
                if exception["date"] == day.isoformat() and name in exception.get("channels", [name])
            ),
            None,
        )


def read_days(channels: Document) -> Days:
    """The days of channels.yaml; the holidays of its years are those of the `holidays` library."""
    years = range(int(channels["holidays"]["from"]), int(channels["holidays"]["until"]) + 1)
    public = holidays.country_holidays("FI", years=years, language="en_US")
    easters = [day for day, name in public.items() if "Easter Sunday" in name]
    eves = {
        "maundy_thursday": [day - timedelta(days=3) for day in easters],
        "new_years_eve": [date(year, 12, 31) for year in years],
    }
    midsummer_eves = {
        date(year, 6, day) for year in years for day in range(19, 26) if date(year, 6, day).weekday() == 4
    }
    early = {day: time.fromisoformat(clock) for eve, clock in channels["eves"].items() for day in eves[eve]}
    closed = {*public, *midsummer_eves, *(date(year, 12, 24) for year in years)}
    return Days(years, frozenset(closed), early, channels["exceptions"])


def opening(name: str, channel: Document, at: datetime, days: Days) -> dict[str, Any]:
    """Whether a channel is open, and if not, when it opens within three weeks; null where hours vary or are not known."""
    if channel["hours"] == "always":
        return {"open_now": True, "opens_at": None}
    now = at.astimezone(HELSINKI)
    if channel.get("hours_vary") == "true" or not days.knows(name, now.date()):
        return {"open_now": None, "opens_at": None}
    for ahead in range(LOOKED_AHEAD_DAYS):
        day = now.date() + timedelta(days=ahead)
        if not days.knows(name, day):
            break
        span = days.hours(name, channel, day)
        if span and not ahead and span[0] <= now.time() < span[1]:
            return {"open_now": True, "opens_at": None}
        if span and (ahead or now.time() < span[0]):
            return {"open_now": False, "opens_at": datetime.combine(day, span[0], HELSINKI).isoformat()}
    return {"open_now": False, "opens_at": None}


def rule_ends(rule: Document, customer_type: str, day: str, documents: Documents) -> Iterator[str]:
    """Last days of a rule that decides: its own, and the eve of each rule above that begins and that its customers could meet.

    A rule above that ends gives nothing up: whoever this rule decides for did not meet it.
    """
    yield rule["until"]
    for above in documents.rules[customer_type]:
        if above["id"] == rule["id"]:
            return
        if above["from"] > day and _could_meet(above["when"], rule["when"]):
            yield day_before(above["from"])


def day_before(day: str) -> str:
    """The last day on which what changes on a day is as it was."""
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def day_after(day: str) -> str:
    """The first day on which what ends with a day is gone."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _could_meet(one: dict[str, list[str]], other: dict[str, list[str]]) -> bool:
    """Whether some facts fit the conditions of both; a fact left out may be anything."""
    return all(set(values) & set(other.get(fact, values)) for fact, values in one.items())


def _span(clocks: list[str]) -> Span:
    opens, closes = (time.fromisoformat(clock) for clock in clocks)
    return opens, closes
