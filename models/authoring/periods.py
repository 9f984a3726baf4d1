"""The periods to come in which one of two versions, or the difference between them, may be another than before.

A period begins on a day on which a rule, an item or a campaign of either begins, or no longer holds, or a channel is retired. Days whose hours the two tell
apart, such as a holiday that one of them knows alone, are periods of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from models.contract.channels import days_opened_otherwise
from models.decision.recommender import Recommender

DAYS_LOOKED_AT: Final = 400
"""A campaign of the same season next year is among them."""
MOST_PERIODS: Final = 24
_DAY: Final = timedelta(days=1)


class Days(NamedTuple):
    """Days from `start` to `end`, both among them."""

    start: date
    end: date


def periods_to_come(
    old: Recommender,
    new: Recommender,
    *,
    day: date,
    days: int = DAYS_LOOKED_AT,
    most: int = MOST_PERIODS,
) -> list[Days]:
    """The periods from a day on, in order of time.

    Parameters
    ----------
    old, new : Recommender
    day : date
        The first day of the first period.
    days : int
        How many days after it are looked at.
    most : int
        How many periods at most; what lies after them is left out, and the last one's end says so.
    """
    last = day + timedelta(days=days)
    begins = {
        start
        for recommender in (old, new)
        for start in (
            *_rule_starts(recommender),
            *_item_starts(recommender),
            *_campaign_starts(recommender),
            *_retirements(recommender),
        )
        if day < start <= last
    }
    begins |= {start for start in _opening_starts(old, new, Days(day, last)) if day < start <= last}
    starts = [day, *sorted(begins)]
    ends = [*(start - _DAY for start in starts[1:]), last]
    return [Days(*each) for each in zip(starts, ends, strict=True)][:most]


def _rule_starts(recommender: Recommender) -> Iterator[date]:
    for table in recommender.rulebook.tables.values():
        for start, _ in table.periods:
            yield start


def _item_starts(recommender: Recommender) -> Iterator[date]:
    for item in recommender.catalogue.items.values():
        if item.approved:
            yield item.valid_from
            if item.valid_until < date.max:
                yield item.valid_until + _DAY


def _campaign_starts(recommender: Recommender) -> Iterator[date]:
    for campaign in recommender.rulebook.campaigns.all:
        yield campaign.valid_from
        if campaign.valid_until < date.max:
            yield campaign.valid_until + _DAY


def _retirements(recommender: Recommender) -> Iterator[date]:
    for channel in recommender.channels.values():
        if channel.retired is not None:
            yield channel.retired


def _opening_starts(old: Recommender, new: Recommender, span: Days) -> Iterator[date]:
    """Where runs of days begin on which a channel is, or again is not, opened otherwise in one version than in the other."""
    for name in old.channels.keys() & new.channels.keys():
        days = days_opened_otherwise(old.channels[name], new.channels[name], start=span.start, end=span.end)
        otherwise = set(days)
        yield from (day for day in days if day - _DAY not in otherwise)
        yield from (day + _DAY for day in days if day + _DAY not in otherwise)
