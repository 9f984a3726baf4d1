"""Channels of Kela: what each is, when it is open, and whether a person answers there.

The content team owns the data (`content/channels.yaml`); this module reads it and tells whether a channel is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from models.codes import CustomerType, Language

HELSINKI: Final = ZoneInfo("Europe/Helsinki")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PTV_CHANNEL_TYPES: Final = ("EChannel", "WebPage", "PrintableForm", "Phone", "ServiceLocation")
_LOOK_AHEAD_DAYS: Final = 21  # longer than any run of closed days


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel. `hours` is None where it is always open, typical ones where `hours_vary`; local to Finland."""

    id: str
    ptv_channel: str
    human: bool
    audience: str
    needs_strong_identification: bool
    hours: Mapping[str, tuple[time, time]] | None
    hours_vary: bool
    closures: frozenset[date]
    languages: tuple[str, ...]
    cost_eur: float | None
    grade: float | None
    carries: tuple[str, ...]
    card: str
    names: Mapping[Language, str]
    fallback: int | None = None
    """Its place among the human channels that are tried where a rule's own cannot be used; None where it is not tried."""

    def answers(self, customer_type: CustomerType, *, identified: bool, language: Language) -> bool:
        """Whether such a customer can talk with a person there in a language.

        Parameters
        ----------
        customer_type : {"person", "employer"}
        identified : bool
            Whether the customer is known to have strong identification; who is not known to cannot use what needs it.
        language : {"fi", "sv", "en"}
        """
        return (
            self.human
            and self.audience in {customer_type, "both"}
            and (identified or not self.needs_strong_identification)
            and language in self.languages
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
            None where hours vary from place to place: it would be a guess.
        opens_at : datetime or None
            In Finnish time; None where it is open, or does not open within three weeks.
        """
        if self.hours is None:
            return True, None
        if self.hours_vary:
            return None, None
        local = at.astimezone(HELSINKI)
        for days in range(_LOOK_AHEAD_DAYS):
            day = local.date() + timedelta(days=days)
            span = self.hours.get(WEEKDAYS[day.weekday()])
            if span is None or day in self.closures:
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
    language: Language,
) -> Channel | None:
    """The human channel of an answer: the one a rule wishes, else the first of the declared order that such a customer can use.

    None where there is none; a checked rulebook has one for everybody.
    """
    order = sorted(
        (channel for channel in channels.values() if channel.fallback is not None),
        key=lambda channel: channel.fallback or 0,
    )
    return next(
        (
            channel
            for channel in (channels[wish], *order)
            if channel.answers(customer_type, identified=identified, language=language)
        ),
        None,
    )


def read_channels(document: Mapping[str, Any]) -> dict[str, Channel]:
    """Channels by id, from the parsed data. Raises `KeyError` or `ValueError` on data no check has passed."""
    closures = frozenset(date.fromisoformat(str(day)) for day in document.get("closures", ()))
    order = list(document.get("human_fallback", ()))
    return {
        name: _read_channel(name, data, closures, order.index(name) if name in order else None)
        for name, data in document["channels"].items()
    }


def _read_channel(
    name: str, data: Mapping[str, Any], closures: frozenset[date], fallback: int | None
) -> Channel:
    hours = data["hours"]
    return Channel(
        id=name,
        ptv_channel=data["ptv_channel"],
        human=data["human"],
        audience=data["audience"],
        needs_strong_identification=data["needs_strong_identification"],
        hours=None
        if hours == "always"
        else {day: (time.fromisoformat(span[0]), time.fromisoformat(span[1])) for day, span in hours.items()},
        hours_vary=data.get("hours_vary", False),
        closures=closures,
        languages=tuple(data["languages"]),
        cost_eur=data.get("cost_eur"),
        grade=data.get("grade"),
        carries=tuple(data["carries"]),
        card=data["card"],
        names=dict(data["name"]),
        fallback=fallback,
    )
