"""One request's wishes, without the customer: for which moment, in which language, how many items, and which can be shown.

`recommender` answers a customer and a query; whoever calls it says what it can show by a `Showable`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Final, NamedTuple

from models.contract.channels import HELSINKI
from models.contract.codes import Language
from models.decision.experiments import Draw


class Showable(NamedTuple):
    """The channels and kinds of content that whoever asks can show, each list sorted; None is all of them.

    It leaves items out and never lets others in: rules, channels and guarantees are as without it. Statutory content and
    the human channel are always given.
    """

    channels: tuple[str, ...] | None = None
    content_types: tuple[str, ...] | None = None

    def has(self, channel: str, content_type: str) -> bool:
        """Whether an item of a kind can be shown in a channel."""
        return (self.channels is None or channel in self.channels) and (
            self.content_types is None or content_type in self.content_types
        )


EVERYTHING: Final = Showable()
"""Of whoever can show all there is."""


class Query(NamedTuple):
    """A request's wishes. Make one with `query_of`."""

    at: datetime
    day: date
    language: Language
    limit: int
    shown: tuple[str, ...]
    draw: Draw | None
    degraded: bool
    showable: Showable


def query_of(
    at: datetime,
    language: Language,
    limit: int,
    shown: Collection[str] = (),
    draw: Draw | None = None,
    *,
    degraded: bool = False,
    showable: Showable = EVERYTHING,
) -> Query:
    """A query for an aware moment, which becomes Finnish time to the second."""
    at = at.astimezone(HELSINKI).replace(microsecond=0)
    shown_before = tuple(sorted(set(shown))) if shown else ()
    return Query(at, at.date(), language, limit, shown_before, draw, degraded, showable)
