"""The oracle: what Arki must answer, written a second time from its documents, to be compared with what it does answer.

Signals -> segment or none -> facts looked up -> first rule -> channel and topic -> items -> the answer as the wire shows
it. It is written to be read beside the documents, not to be quick. May not import models, service or training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from testing.documents import Document, Documents
from testing.oracle_content import Content, channels_of, content, holds_on, language_of
from testing.oracle_days import HELSINKI, Days, day_before, opening, read_days, rule_ends
from testing.oracle_facts import Facts, campaign_for, choose, forbids, is_neutral, lookups
from testing.oracle_model import Named, predict

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: of whom, when, in which language, how many items, what was shown before, what is drawn and can be shown."""

    customer_type: str
    signals: dict[str, Any]
    at: datetime
    language: str = "fi"
    limit: int = 3
    shown: tuple[str, ...] = ()
    bucket: int | None = None
    """Where the customer falls in every experiment, 0 to 9,999; None for who is drawn into none."""
    channels: tuple[str, ...] | None = None
    content_types: tuple[str, ...] | None = None
    """What whoever asks can show; None is everything."""

    @property
    def day(self) -> str:
        """The day in Finland."""
        return self.at.astimezone(HELSINKI).date().isoformat()

    def can_show(self, channel: str, kind: str) -> bool:
        """Whether an item of a kind can be shown in a channel."""
        return channel in (self.channels or (channel,)) and kind in (self.content_types or (kind,))


@dataclass(frozen=True, slots=True)
class Offer:
    """One lookup: the rule that decides, the channel it is offered in, and the topic."""

    rule: Document
    channel: str
    topic: str

    @property
    def by_preference(self) -> bool:
        """Whether the customer's own wish chose the channel."""
        return bool(self.channel != self.rule["then"]["channel"])


@dataclass(frozen=True, slots=True)
class Drawn:
    """The variant of a rule's experiment that a customer falls in."""

    rule: str
    experiment: str
    variant: str


@dataclass(frozen=True, slots=True)
class Oracle:
    """Answers from documents."""

    documents: Documents
    catalogue: Content = field(init=False)
    days: Days = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "catalogue", Content(self.documents))
        object.__setattr__(self, "days", read_days(self.documents.channels))

    def answer(self, asked: Asked) -> Answer:
        """The recommendation as the wire shows it, without its reference and versions."""
        named = self._named(asked)
        offers, drawn = self.offers(asked, named)
        campaign, drawn = self._campaign(asked, named, offers[0], drawn)
        items = self._items_with(campaign, asked, offers, asked.day)
        able = replace(asked, channels=None, content_types=None)
        every = items if asked == able else self._items_with(campaign, able, offers, asked.day)
        return {
            "personalised": _is_personalised(asked, named),
            "degraded": False,
            "restricted": not all(asked.can_show(item["channel"], item["content_type"]) for item in every),
            "information_only": True,
            "notice": self._notice(asked.language),
            "as_of": asked.at.astimezone(HELSINKI).isoformat(timespec="seconds"),
            "valid_until": self.valid_until(asked, offers, campaign),
            "items": items,
            "statutory": self._statutory(asked, asked.day),
            "human_channel": self.human_channel(asked, offers[0]),
            "segment": self._segment(asked, named),
            "experiment": drawn and _experiment(drawn, items),
        }

    def degraded(self, asked: Asked) -> Answer:
        """The answer that stands in where making one failed: an objector's, so what was shown before is not looked at."""
        as_objector = asked.signals | {"personalisation": "objected"}
        return self.answer(replace(asked, signals=as_objector, shown=())) | {"degraded": True}

    def _campaign(
        self, asked: Asked, named: Named | None, first: Offer, drawn: Drawn | None
    ) -> tuple[Document | None, Drawn | None]:
        """The campaign whose item is added, and what is drawn: one experiment at most (head of campaigns.yaml)."""
        looked_up = lookups(asked.customer_type, asked.signals, named, self.documents)
        campaign = campaign_for(asked.customer_type, looked_up, asked.day, self.documents)
        if campaign is None or drawn is not None:
            return None, drawn
        share = int(campaign["control_share"])
        if not share or asked.bucket is None:
            return campaign, None
        arm = "control" if asked.bucket < share * 100 else "campaign"
        return (
            None if arm == "control" else campaign,
            Drawn(first.rule["id"], campaign["id"], arm),
        )

    def _items_with(
        self, campaign: Document | None, asked: Asked, offers: list[Offer], day: str
    ) -> list[Answer]:
        """The items, and a campaign's after them; where they are as many as asked for, it takes the place of the last.

        Never of the only one, nor of one of a kind that a guarantee asks for.
        """
        items = self._items(asked, offers, day)
        if campaign is None or not items or asked.limit < 2:
            return items
        item = self.catalogue.by_id[campaign["item"]]
        channel = self.documents.channels["channels"][offers[0].channel]
        fits = (
            item["audience"] in (asked.customer_type, "both")
            and holds_on(item, day)
            and language_of(item, asked.language, self.documents)
            and offers[0].channel in channels_of(item, offers[0].channel)
            and item["type"] in channel["carries"]
            and item["id"] not in asked.shown
            and item["id"] not in {each["content"]["id"] for each in items}
        )
        guaranteed = {
            kind
            for guarantee in self.documents.guarantees
            if guarantee["for"] == asked.customer_type
            for kind in guarantee["must"].get("content", [])
        }
        if not fits or (len(items) == asked.limit and items[-1]["content_type"] in guaranteed):
            return items
        items = items[: asked.limit - 1]
        added = self._item(asked, offers[0], item, len(items) + 1)
        text = self.documents.text(campaign["because"], asked.language)
        return [*items, added | {"reason": {"rule": campaign["id"], "text": text}}]

    def offers(self, asked: Asked, named: Named | None) -> tuple[list[Offer], Drawn | None]:
        """What each lookup comes to; the first rule that tries something, in its own channel, offers what is drawn."""
        looked_up = lookups(asked.customer_type, asked.signals, named, self.documents)
        offers = [self._offer(asked, facts) for facts in looked_up]
        trying = [offer.rule for offer in offers if "experiment" in offer.rule and not offer.by_preference]
        if asked.bucket is None or is_neutral(asked.signals) or not trying:
            return offers, None
        rule = trying[0]
        variant, kinds = _arm(rule, asked.bucket)
        tried = rule | {"then": rule["then"] | {"content": kinds}}
        drawn = Drawn(rule["id"], rule["experiment"]["id"], variant)
        return [replace(offer, rule=tried) if offer.rule is rule else offer for offer in offers], drawn

    def valid_until(self, asked: Asked, offers: list[Offer], campaign: Document | None = None) -> str:
        """The last day up to which rules, items, statutory content and the card of the human channel stay as they are.

        Content is looked up anew on every day on which an item begins or is gone. Only rules that the limit lets be read count.
        """
        latest = (
            date.fromisoformat(asked.day) + timedelta(days=self.documents.answer_valid_days)
        ).isoformat()
        ends = [latest, *self._other_ends(asked, offers)]
        for number, offer in enumerate(offers):
            if len(self._items(asked, offers[:number], asked.day)) < asked.limit:
                ends += rule_ends(offer.rule, asked.customer_type, asked.day, self.documents)
        now = self._content_on(asked, offers, asked.day, campaign)
        for change in self.catalogue.change_days:
            if asked.day < change <= min(ends) and self._content_on(asked, offers, change, campaign) != now:
                return day_before(change)
        return min(ends)

    def _other_ends(self, asked: Asked, offers: list[Offer]) -> Iterator[str]:
        """Last days before a campaign for such customers begins or after which one ends, and before a channel is retired."""
        for campaign in self.documents.campaigns:
            groups = campaign["group"] if isinstance(campaign["group"], list) else [campaign["group"]]
            valid = campaign["valid"]
            if self.documents.groups[groups[0]]["for"] == asked.customer_type:
                if valid["from"] > asked.day:
                    yield day_before(valid["from"])
                elif valid["until"] >= asked.day:
                    yield valid["until"]
        for name in {self._human(asked, offers[0]), *(offer.channel for offer in offers)}:
            retired = self.documents.channels["channels"][name].get("retired", "")
            if retired > asked.day:
                yield day_before(retired)

    def statutory_benefits(self, asked: Asked) -> list[str]:
        """What statutory content follows from, whatever else is known (hard rule 6).

        The open matter first, then a person's benefits or an employer's kinds of claim, in the order of their codes.
        """
        signals = asked.signals
        several = "active_benefits" if asked.customer_type == "person" else "claim_kinds"
        codes = self.documents.signals[asked.customer_type][several]["items"]["enum"]
        open_matter = [signals["open_matter"]] if "open_matter" in signals else []
        return open_matter + [code for code in codes if code in signals.get(several, [])]

    def human_channel(self, asked: Asked, first: Offer) -> Answer:
        """Where a person is reached, with the general card of that channel."""
        name = self._human(asked, first)
        channel = self.documents.channels["channels"][name]
        card = self._card(asked, name, asked.day)
        return {
            "id": name,
            "ptv_channel": channel["ptv_channel"],
            "name": self.documents.text(channel["name"], asked.language),
            "url": None if card is None else content(card, asked.language, self.documents)["url"],
            **opening(name, channel, asked.at, self.days),
        }

    def _served_with(self, language: str) -> list[str]:
        """A language that is complete is served by who speaks it alone; for another, its fallbacks are tried."""
        complete = self.documents.languages[language]["complete"] == "true"
        return [language] if complete else self.documents.chain(language)

    def _notice(self, language: str) -> str:
        """The notice, and what who asks for a language is told of it."""
        told = self.documents.languages[language].get("told")
        notice = self.documents.text(self.documents.texts["notice"], language)
        return f"{notice} {self.documents.text(told, language)}" if told else notice

    def _human(self, asked: Asked, first: Offer) -> str:
        """The first rule's wish, else the first of the declared order, that this customer can use."""
        channels = self.documents.channels
        order: list[str] = [first.rule["then"]["human_channel"], *channels["human_fallback"]]
        return next(
            name
            for language in self._served_with(asked.language)
            for name in order
            if channels["channels"][name]["human"] == "true"
            and asked.day < channels["channels"][name].get("retired", "9999")
            and channels["channels"][name]["audience"] in (asked.customer_type, "both")
            and language in channels["channels"][name]["languages"]
            and (
                channels["channels"][name]["needs_strong_identification"] == "false"
                or asked.signals.get("strong_identification") is True
            )
        )

    def _card(self, asked: Asked, channel: str, day: str) -> Document | None:
        """The item that tells how to reach a channel, whatever the customer's subject."""
        return self.catalogue.pick(
            self.documents.channels["channels"][channel]["card"],
            self.catalogue.stated_topic(asked.customer_type, "", ""),
            customer_type=asked.customer_type, channel=channel, language=asked.language, day=day,
        )  # fmt: skip

    def _content_on(
        self, asked: Asked, offers: list[Offer], day: str, campaign: Document | None
    ) -> tuple[object, ...]:
        """All that dates of content decide, by the same rules on some day."""
        card = self._card(asked, self._human(asked, offers[0]), day)
        items = self._items_with(campaign, asked, offers, day)
        return items, self._statutory(asked, day), card and card["id"]

    def _named(self, asked: Asked) -> Named | None:
        """The model is not asked about an employer, who is known, nor about who objected or is a minor."""
        if asked.customer_type == "employer" or is_neutral(asked.signals):
            return None
        return predict(asked.signals, self.documents)

    def _offer(self, asked: Asked, facts: Facts) -> Offer:
        """A preferred channel wins over a rule's, but never over a guarantee of channel or content (guarantees.yaml)."""
        rule = choose(asked.customer_type, facts, asked.day, self.documents)
        topic = rule["then"]["topic"]
        if topic == "stated":
            topic = self.catalogue.stated_topic(
                asked.customer_type, facts.get("life_event", ""), facts["open_matter"]
            )
        wish = asked.signals.get("preferred_channel")
        channels = self.documents.channels["channels"]
        while wish and asked.day >= channels[wish].get("retired", "9999"):
            wish = channels[wish].get("successor")
        if wish and not is_neutral(asked.signals):
            wished = Offer(rule, wish, topic)
            if not forbids(asked.customer_type, facts, wish, self._kinds(wished)[0], self.documents):
                return wished
        return Offer(rule, rule["then"]["channel"], topic)

    def _kinds(self, offer: Offer) -> list[str]:
        """A rule's kinds of content; in a preferred channel its own card and what it carries, easy language first."""
        kinds: list[str] = offer.rule["then"]["content"]
        if not offer.by_preference:
            return kinds
        channel = self.documents.channels["channels"][offer.channel]
        carried = [kind for kind in kinds if kind in channel["carries"] and kind != channel["card"]]
        easy = [kind for kind in carried if kind == "easy_read"]
        return [*easy, channel["card"], *(kind for kind in carried if kind not in easy)]

    def _items(self, asked: Asked, offers: list[Offer], day: str) -> list[Answer]:
        """Offer after offer and kind after kind that can be shown, each item once, until there are as many as asked for."""
        found: dict[str, Answer] = {}
        wanted = [
            (offer, kind)
            for offer in offers
            for kind in self._kinds(offer)
            if asked.can_show(offer.channel, kind)
        ]
        for offer, kind in wanted:
            item = self.catalogue.pick(
                kind, offer.topic, customer_type=asked.customer_type, channel=offer.channel,
                language=asked.language, day=day, shown=asked.shown,
            )  # fmt: skip
            if item is not None and item["id"] not in found and len(found) < asked.limit:
                found[item["id"]] = self._item(asked, offer, item, len(found) + 1)
        return list(found.values())

    def _item(self, asked: Asked, offer: Offer, item: Document, rank: int) -> Answer:
        channel = self.documents.channels["channels"][offer.channel]
        because = self.documents.texts["preferred_channel"] if offer.by_preference else offer.rule["because"]
        return {
            "rank": rank,
            "channel": offer.channel,
            "ptv_channel": channel["ptv_channel"],
            **opening(offer.channel, channel, asked.at, self.days),
            "content_type": item["type"],
            "content": content(item, asked.language, self.documents),
            "reason": {"rule": offer.rule["id"], "text": self.documents.text(because, asked.language)},
        }

    def _statutory(self, asked: Asked, day: str) -> list[Answer]:
        benefits = self.statutory_benefits(asked)
        found = self.catalogue.statutory(asked.customer_type, benefits, asked.language, day)
        return [
            {"content_type": item["type"], "content": content(item, asked.language, self.documents)}
            for item in found
        ]

    def _segment(self, asked: Asked, named: Named | None) -> Answer | None:
        if is_neutral(asked.signals):
            return None
        if asked.customer_type == "employer":
            return {"id": "employer", "known": True, "probability": None, "confidence": None, "reasons": []}
        if named is None:
            return None
        phrases = self.documents.texts["signals"]
        return {
            "id": named.segment,
            "known": False,
            "probability": named.probability,
            "confidence": "high" if named.confident else "moderate",
            "reasons": [
                {
                    "signals": list(names),
                    "text": ", ".join(self.documents.text(phrases[name], asked.language) for name in names),
                    "log_odds": log_odds,
                }
                for names, log_odds in named.reasons
            ],
        }


def _arm(rule: Document, bucket: int) -> tuple[str, list[str]]:
    """The variant of a bucket and its kinds of content: the rule's own has the first percents, then each as written."""
    experiment = rule["experiment"]
    end = int(experiment["control_share"]) * 100
    if bucket < end:
        return "control", rule["then"]["content"]
    for variant in experiment["variants"]:
        end += int(variant["share"]) * 100
        if bucket < end:
            return variant["id"], variant["content"]
    raise AssertionError(f"the shares of {experiment['id']} make less than 100")


def _experiment(drawn: Drawn, items: list[Answer]) -> Answer | None:
    """What an answer says of an experiment: nothing where no item comes of it."""
    took_part = any(item["reason"]["rule"] == drawn.rule for item in items)
    return {"id": drawn.experiment, "variant": drawn.variant} if took_part else None


def _is_personalised(asked: Asked, named: Named | None) -> bool:
    """Whether signals chose the answer: a segment was named, or an employer told something of itself."""
    if asked.customer_type == "employer":
        return not is_neutral(asked.signals) and bool(asked.signals.keys() - {"personalisation"})
    return named is not None
