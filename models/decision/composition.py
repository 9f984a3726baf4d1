"""What some offers come to for whoever gets them: the items, the way to a person, and until when both stay so.

It follows from the rules, the content, the channels and the query, never from the customer, so answers share it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from models.contract.channels import Channel, human_channel
from models.contract.codes import CustomerType, Language
from models.decision.campaigns import Campaign, kept_beside
from models.decision.catalogue import Catalogue, ContentItem, change_days, same_until
from models.decision.decision_table import Rule, Rulebook
from models.decision.offers import Offer, Sought, Wanted, WhyNot, kinds_offered, why_not
from models.decision.query import EVERYTHING, Query
from models.decision.recommendation import Content, HumanChannel, Item, Offered, Reason

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes what offers come to from the parts of one bundle."""

    rulebook: Rulebook
    catalogue: Catalogue
    channels: Mapping[str, Channel]
    texts: Mapping[str, Any]

    def compose(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        query: Query,
        *,
        identified: bool,
        campaign: Campaign | None,
    ) -> Offered:
        """Items, human channel and last day of some offers, with the item of a campaign where there is one for these customers."""
        human = self._human(customer_type, offers[0].rule.human_channel, query, identified=identified)
        rules_items = self._items(customer_type, offers, query)
        items = self._with_campaign(customer_type, offers, rules_items, query, campaign)
        # What was left out is known by the answer to whoever can show everything.
        whole = query._replace(showable=EVERYTHING)
        every = items
        if query != whole:
            every = self._items(customer_type, offers, whole)
            every = self._with_campaign(customer_type, offers, every, whole, campaign)
        return Offered(
            items,
            self._way_to(human, customer_type, query),
            self._until(customer_type, offers, query, human, campaign),
            restricted=not all(query.showable.has(item.channel, item.content_type) for item in every),
        )

    def why_not(
        self, customer_type: CustomerType, offers: Sequence[Offer], query: Query, items: Sequence[Item]
    ) -> list[WhyNot]:
        """Why each item of the catalogue that is not among those of an answer is not offered."""
        sought = [
            Sought(content, topic, channel.id)
            for rule, channel, topic in offers
            for content in kinds_offered(rule, channel, self.catalogue.vocabulary)
        ]
        # Where a campaign took the place of the last item, the limit is what left that out.
        shown_ids = {item.content.id for item in items}
        limit = sum(item.reason.rule in {offer.rule.id for offer in offers} for item in items)
        limit = query.limit if limit == len(items) else limit
        wanted = Wanted(customer_type, query.language, query.day, query.shown, limit, query.showable)
        return [each for each in why_not(self.catalogue, sought, wanted) if each.content not in shown_ids]

    def _human(self, customer_type: CustomerType, wish: str, query: Query, *, identified: bool) -> Channel:
        usable = human_channel(
            self.channels,
            wish,
            customer_type,
            identified=identified,
            languages=self.catalogue.vocabulary.served_with(query.language),
            day=query.day,
        )
        return usable or self.channels[wish]

    def _way_to(self, channel: Channel, customer_type: CustomerType, query: Query) -> HumanChannel:
        card = self._picks(customer_type, self._card(customer_type, channel), query.language)(day=query.day)
        url = None if card is None else content_of(card, query.language).url
        name = channel.names[query.language]
        return HumanChannel(channel.id, channel.ptv_channel, name, url, *channel.opening(query.at))

    def _items(self, customer_type: CustomerType, offers: Sequence[Offer], query: Query) -> tuple[Item, ...]:
        items: dict[str, Item] = {}
        for rule, channel, topic in offers:
            opening = channel.opening(query.at)
            # The rule's sentence speaks of its own channel, which is not the one that the customer asked for.
            because = rule.because if channel.id == rule.channel else self.texts["preferred_channel"]
            for kind in self._kinds(rule, channel, query):
                if len(items) == query.limit:
                    return tuple(items.values())
                sought = Sought(kind, topic, channel.id)
                item = self._picks(customer_type, sought, query.language, query.shown)(day=query.day)
                if item is not None and item.id not in items:
                    items[item.id] = Item(
                        len(items) + 1,
                        channel.id,
                        channel.ptv_channel,
                        *opening,
                        kind,
                        content_of(item, query.language),
                        Reason(rule.id, because[query.language]),
                    )
        return tuple(items.values())

    def _with_campaign(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        items: tuple[Item, ...],
        query: Query,
        campaign: Campaign | None,
    ) -> tuple[Item, ...]:
        """The items with that of a campaign last, in the channel of the first offer; as they are where it has no place there."""
        item = None if campaign is None else self.catalogue.items.get(campaign.item)
        if (
            campaign is None
            or item is None
            or not self._can_show(item, customer_type, offers[0].channel, query)
        ):
            return items
        kinds = [each.content_type for each in items]
        beside = kept_beside(kinds, query.limit, self.rulebook.guaranteed_kinds(customer_type))
        if beside is None or item.id in {each.content.id for each in items}:
            return items
        channel = offers[0].channel
        added = Item(
            beside + 1,
            channel.id,
            channel.ptv_channel,
            *channel.opening(query.at),
            item.type,
            content_of(item, query.language),
            Reason(campaign.id, campaign.because[query.language]),
        )
        return (*items[:beside], added)

    def _can_show(
        self, item: ContentItem, customer_type: CustomerType, channel: Channel, query: Query
    ) -> bool:
        """Whether a campaign's item may be shown to whoever asks, in a channel."""
        return (
            item.approved
            and not item.statutory
            and item.is_for(customer_type)
            and item.holds_on(query.day)
            and query.language in item.spoken
            and item.fits(channel.id)
            and item.type in channel.carries
            and item.id not in query.shown
            and query.showable.has(channel.id, item.type)
        )

    def _shows_on(
        self, item: ContentItem, customer_type: CustomerType, channel: Channel, query: Query, *, day: date
    ) -> bool:
        return self._can_show(item, customer_type, channel, query._replace(day=day))

    def _until(
        self,
        customer_type: CustomerType,
        offers: Sequence[Offer],
        query: Query,
        human: Channel,
        campaign: Campaign | None,
    ) -> date:
        """The last day up to which the same rules give the same items and the same way to a person.

        Follows `_items`: what the limit leaves unread decides nothing. Batch scoring knows offers alone, so a rule that
        begins counts where anyone whom the same rule takes could meet it, and any campaign of such customers, for rows too.
        """
        table, until = self.rulebook.tables[customer_type], self.rulebook.latest(query.day)
        until = self.rulebook.campaigns.until(customer_type, query.day, until)
        until = self._picked_until(customer_type, self._card(customer_type, human), query, until, shown=())
        until = min(until, _last_day(human, query.day))
        added = None if campaign is None else self.catalogue.items.get(campaign.item)
        if added is not None:
            shows = partial(self._shows_on, added, customer_type, offers[0].channel, query)
            until = same_until(shows, change_days([added]), day=query.day, latest=until)
        item_ids: set[str] = set()
        for rule, channel, topic in offers:
            if len(item_ids) < query.limit:
                until = min(until, table.decides_until(rule, query.day), _last_day(channel, query.day))
            for kind in self._kinds(rule, channel, query):
                if len(item_ids) < query.limit:
                    sought = Sought(kind, topic, channel.id)
                    until = self._picked_until(customer_type, sought, query, until, shown=query.shown)
                    item = self._picks(customer_type, sought, query.language, query.shown)(day=query.day)
                    item_ids.update(() if item is None else (item.id,))
        return until

    def _picked_until(
        self,
        customer_type: CustomerType,
        sought: Sought,
        query: Query,
        latest: date,
        *,
        shown: Collection[str],
    ) -> date:
        kind, topic, channel = sought
        changes = self.catalogue.change_days(kind, topic, customer_type=customer_type, channel=channel)
        picks = self._picks(customer_type, sought, query.language, shown)
        return same_until(picks, changes, day=query.day, latest=latest)

    def _kinds(self, rule: Rule, channel: Channel, query: Query) -> list[str]:
        """The kinds of content that a rule offers in a channel and that can be shown."""
        kinds = kinds_offered(rule, channel, self.catalogue.vocabulary)
        return [kind for kind in kinds if query.showable.has(channel.id, kind)]

    def _card(self, customer_type: CustomerType, channel: Channel) -> Sought:
        """What tells how to reach a channel."""
        return Sought(channel.card, self.catalogue.vocabulary.starts[customer_type], channel.id)

    def _picks(
        self, customer_type: CustomerType, sought: Sought, language: Language, shown: Collection[str] = ()
    ) -> Callable[..., ContentItem | None]:
        """`Catalogue.pick` for what is looked for, but for the day."""
        kind, topic, channel = sought
        wanted: Any = {"customer_type": customer_type, "channel": channel, "language": language}
        return partial(self.catalogue.pick, kind, topic, **wanted, shown=shown)


def content_of(item: ContentItem, wanted: Language) -> Content:
    """An item in the language that it is offered in to whoever asks for one."""
    language = item.language_for(wanted)
    text = item.languages[language]
    return Content(item.id, text.title, text.url, language, text.body)


def _last_day(channel: Channel, day: date) -> date:
    """The day before a channel is retired, where that is after a day; else `date.max`."""
    return channel.retired - _DAY if channel.retired is not None and channel.retired > day else date.max
