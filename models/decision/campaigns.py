"""Campaigns: for some days, one item more for the customers of a group, on top of what the rules offer them.

A campaign's item comes last. Where the limit leaves it no place it takes that of the last item, but never of the first, nor
of one of a kind that a guarantee asks for. Nobody who objected, no minor and nobody in a hard life event meets a campaign.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from models.contract.codes import CUSTOMER_TYPES, CustomerType, Language
from models.contract.vocabulary import Vocabulary
from models.decision.experiments import CONTROL, Variant
from models.decision.fact_set import FactSet
from models.decision.facts import Facts

HARD_EVENT: Final = "life_event"
"""The fact that says whether a customer's life has become hard."""
SHOWN: Final = "campaign"
"""The arm of those who are shown the item."""
FEWEST_ITEMS: Final = 2
"""Of an answer that holds fewer, a campaign takes no part: its one item is the rule's."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign, with the days on which it runs, both among them.

    `control_share` is the percent of its customers who are not shown the item; 0 where nobody is left out.
    """

    id: str
    customer_type: CustomerType
    groups: tuple[str, ...]
    item: str
    valid_from: date
    valid_until: date
    control_share: int
    because: Mapping[Language, str]

    def runs_on(self, day: date) -> bool:
        """Whether it runs on a day."""
        return self.valid_from <= day <= self.valid_until

    def arms(self) -> tuple[Variant, ...]:
        """Who is left out and who is shown the item, for a draw; none where nobody is left out."""
        if not self.control_share:
            return ()
        return (Variant(CONTROL, self.control_share, ()), Variant(SHOWN, 100 - self.control_share, ()))


class Campaigns:
    """The campaigns of a bundle, in the order written: of those that run for a customer the first counts.

    Attributes
    ----------
    all : tuple of Campaign
    hard : frozenset of str
        The life events that spare a customer.
    """

    def __init__(self, campaigns: Iterable[Campaign], facts: FactSet) -> None:
        self.all = tuple(campaigns)
        self._facts = facts
        self._of = {kind: [one for one in self.all if one.customer_type == kind] for kind in CUSTOMER_TYPES}
        self.hard = frozenset(code for code, term in facts.vocabulary.life_events.items() if term.hard)

    def running(self, customer_type: CustomerType, day: date) -> list[Campaign]:
        """The campaigns that run on a day."""
        return [campaign for campaign in self._of[customer_type] if campaign.runs_on(day)]

    def meeting(self, customer_type: CustomerType, looked_up: Sequence[Facts], day: date) -> Campaign | None:
        """The campaign that a customer with these lookups meets on a day; None where there is none."""
        running = self.running(customer_type, day) if self._of[customer_type] else ()
        if not running or self.is_spared(looked_up):
            return None
        return next((campaign for campaign in running if self.concerns(campaign, looked_up)), None)

    def concerns(self, campaign: Campaign, looked_up: Sequence[Facts]) -> bool:
        """Whether a customer is in one of a campaign's groups, by any of their lookups."""
        return any(self._facts.is_in(group, facts) for group in campaign.groups for facts in looked_up)

    def is_spared(self, looked_up: Sequence[Facts]) -> bool:
        """Whether a customer meets no campaign at all: not to be personalised, or in a hard life event."""
        return any(
            facts["personalisation"] != "allowed" or facts.get(HARD_EVENT) in self.hard for facts in looked_up
        )

    def until(self, customer_type: CustomerType, day: date, latest: date) -> date:
        """The last day, at most `latest`, before any campaign for such customers begins or ends after a day."""
        ends = [latest]
        for campaign in self._of[customer_type]:
            if campaign.valid_from > day:
                ends.append(campaign.valid_from - _DAY)
            elif campaign.valid_until >= day:
                ends.append(campaign.valid_until)
        return min(ends)


def kept_beside(kinds: Sequence[str], limit: int, guaranteed: Collection[str]) -> int | None:
    """How many items of an answer stay beside a campaign's; None where there is no place for it.

    Parameters
    ----------
    kinds : sequence of str
        The kinds of content of the answer's items, in order.
    limit : int
    guaranteed : collection of str
        Kinds that a guarantee of such customers asks for.
    """
    if limit < FEWEST_ITEMS or not kinds:
        return None
    if len(kinds) < limit:
        return len(kinds)
    return None if kinds[-1] in guaranteed else len(kinds) - 1


def read_campaigns(document: Sequence[Mapping[str, Any]], facts: FactSet) -> Campaigns:
    """Campaigns from the compiled rulebook. Raises `KeyError` on data that was never checked."""
    return Campaigns((_read(campaign, facts.vocabulary) for campaign in document), facts)


def _read(campaign: Mapping[str, Any], vocabulary: Vocabulary) -> Campaign:
    groups = tuple(campaign["group"])
    return Campaign(
        id=campaign["id"],
        customer_type=vocabulary.groups[groups[0]].customer_type,
        groups=groups,
        item=campaign["item"],
        valid_from=date.fromisoformat(campaign["valid_from"]),
        valid_until=date.fromisoformat(campaign["valid_until"]),
        control_share=campaign["control_share"],
        because=vocabulary.in_every_language(campaign["because"]),
    )
