"""The days on which a channel's hours are not those of the weekday: holidays, eves and single days, checked and computed.

Public holidays come from the library `holidays`, for the years that the content team names; what is computed travels in the
bundle, so that a serving process needs no library and the same files give the same bundle on any day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from models.authoring.fields import Fields, is_day, is_whole, shaped
from models.authoring.findings import Authored, one_of, phrase

EVES: Final = ("maundy_thursday", "new_years_eve")
"""Days before a holiday that are no holidays themselves, and on which services may close early."""
EARLIEST_YEAR, LATEST_YEAR = 2000, 2100  # of the moments that may be asked for
_EXCEPTION_FIELDS: Final[Fields] = {"date": "day", "channels": "list", "hours": "any", "source": "text"}


def compile_opening_days(authored: Authored) -> None:
    """Check `holidays`, `eves` and `exceptions` of the channels, and put what follows from them under `days`.

    Of a file with faults in these, `days` covers no year.
    """
    written = authored.channels
    before = len(authored.errors)
    years = _checked_years(authored, written.get("holidays"))
    eves = _checked_eves(authored, written.get("eves", {}))
    exceptions = _checked_exceptions(authored, written.get("exceptions", []))
    whole = years is not None and len(authored.errors) == before
    first, last = years if years is not None and whole else (1, 0)
    closed = sorted(_holidays(first, last)) if whole else []
    written["days"] = {
        "years": [first, last],
        "closed": [day.isoformat() for day in closed],
        "closes": {
            _eve(name, year, closed).isoformat(): clock
            for year in range(first, last + 1)
            for name, clock in sorted(eves.items())
        },
        "exceptions": exceptions,
    }


def find_years_ahead(authored: Authored, today: date) -> None:
    """Warn where the holidays of this year or the next are not covered. Said when asked, never part of a bundle."""
    first, last = authored.channels.get("days", {}).get("years", (1, 0))
    if first <= last and not first <= today.year <= today.year + 1 <= last:
        authored.find("channels.yaml", "years_end", warning=True, first=first, last=last)


def is_span(span: object) -> bool:
    """Whether a value is an opening and a later closing time, each as 09:00."""
    return (
        isinstance(span, list) and [is_clock(clock) for clock in span] == [True, True] and span[0] < span[1]
    )


def is_clock(value: object) -> bool:
    """Whether a value is a time of day as 09:00."""
    hours, colon, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    return colon == ":" and _is_below(hours, 24) and _is_below(minutes, 60)


def _is_below(digits: str, limit: int) -> bool:
    return len(digits) == len("00") and digits.isascii() and digits.isdecimal() and int(digits) < limit


def _checked_years(authored: Authored, section: object) -> tuple[int, int] | None:
    if section is None:
        authored.find("channels.yaml", "missing_field", key="holidays")
        return None
    fields: Fields = {"from": "number", "until": "number"}
    years = shaped(authored, "channels.yaml", section, fields, required=tuple(fields))
    first, last = years.get("from"), years.get("until")
    if not (is_whole(first) and is_whole(last) and EARLIEST_YEAR <= first <= last <= LATEST_YEAR):
        authored.find("channels.yaml", "no_years", first=EARLIEST_YEAR, last=LATEST_YEAR)
        return None
    return first, last


def _checked_eves(authored: Authored, clocks: Mapping[str, object]) -> dict[str, str]:
    closing_times = {}
    for name, clock in clocks.items():
        if one_of(authored, "channels.yaml", "eve", name, EVES):
            if is_clock(clock):
                closing_times[name] = str(clock)
            else:
                authored.find("channels.yaml", "no_clock", key=name)
    return closing_times


def _checked_exceptions(authored: Authored, entries: object) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        authored.find("channels.yaml", "wrong_shape", key="exceptions", shape=phrase("a_list"))
        return []
    exceptions = []
    for entry in entries:
        exception = shaped(
            authored, "channels.yaml", entry, _EXCEPTION_FIELDS, required=("date", "hours", "source")
        )
        for name in exception.get("channels", ()):
            one_of(authored, "channels.yaml", "channel", name, authored.channels["channels"])
        hours = exception.get("hours")
        if "hours" in exception and hours != "closed" and not is_span(hours):
            authored.find("channels.yaml", "exception_hours", day=exception.get("date", "?"))
        elif is_day(exception.get("date")):
            exceptions.append(exception)
    return exceptions


def _holidays(first: int, last: int) -> list[date]:
    """Public holidays of Finland, Midsummer Eve and Christmas Eve among them, on which Kela's service is closed."""
    from holidays import country_holidays  # noqa: PLC0415  (never imported by the serving process)

    return list(country_holidays("FI", years=range(first, last + 1)))


def _eve(name: str, year: int, closed: list[date]) -> date:
    """The day of an eve: Maundy Thursday is the day before Good Friday, the first holiday of spring that is a Friday."""
    if name == "new_years_eve":
        return date(year, 12, 31)
    spring = (day for day in closed if day.year == year and day.month in {3, 4})
    return next(day for day in spring if day.weekday() == _FRIDAY) - timedelta(days=1)


_FRIDAY: Final = 4
