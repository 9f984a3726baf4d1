"""Promises that hold whatever the rules say, each proven by a check of its own before a bundle is made.

A guarantee about cells of facts is checked on the grid (`analysis`). These are about what stands around the table: that a
person is reachable, that an objector is treated as a minor is, that statutory content reaches everyone, that nobody is
offered what is not for them, that no text states entitlement. `guarantees.yaml` lists them in the team's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from itertools import product
from typing import Final, NamedTuple

from models.authoring.coverage import ALWAYS, floor_gaps, told_days, unsucceeded, without_floor
from models.authoring.findings import Authored, Phrase, phrase
from models.authoring.wording import own_texts, states_entitlement
from models.contract.channels import LOOK_AHEAD_DAYS, Channel, human_channel
from models.contract.codes import CUSTOMER_TYPES, EVERYONE, PERSON, UNKNOWN, CustomerType
from models.decision.catalogue import Catalogue, read_catalogue, uncovered
from models.decision.decision_table import Rule, Rulebook
from models.decision.fact_set import FactSet
from models.decision.facts import LOG_IN

WORDING: Final = "wording"
"""The promise that no text states entitlement. Its findings quote the words, so `check_promises` adds them itself."""


class Broken(NamedTuple):
    """Where a promise is broken: the rule or item, what is wrong and what to do."""

    subject: str
    what: Phrase
    hint: Phrase


def check_promises(authored: Authored, rulebook: Rulebook, channels: Mapping[str, Channel]) -> None:
    """Check every promise listed and, listed or not, that of wording; a finding for each place that breaks one."""
    catalogue = read_catalogue(authored.catalogue, authored.terms)
    for promise in rulebook.promises:
        if promise.check == WORDING:
            continue
        for broken in CHECKS[promise.check](rulebook, catalogue, channels):
            authored.find(
                broken.subject, "promise_broken", guarantee=promise.id, what=broken.what, hint=broken.hint
            )
    documents = (authored.rulebook, authored.catalogue, authored.texts, authored.vocabulary)
    for subject, language, text in own_texts(*documents, languages=authored.codes("languages")):
        words = states_entitlement(text, language)
        if words:
            authored.find(subject, "entitlement", language=language, words=words)


def a_human_channel(
    rulebook: Rulebook, catalogue: Catalogue, channels: Mapping[str, Channel]
) -> Iterator[Broken]:
    """Every customer is named a channel where a person answers and that they can use.

    Proven for each rule with each log-in that its customers may have, known or not, and each served language. The channels
    have hours, and a page that says how to reach them, on every day and in both national languages.
    """
    for kind, rule in _rules(rulebook):
        channel = channels[rule.human_channel]
        if not channel.human:
            yield Broken(rule.id, phrase("not_human", channel=channel.id), phrase("do_human"))
        elif not channel.hours:
            yield Broken(rule.id, phrase("no_hours", channel=channel.id), phrase("do_human"))
        elif channel.audience not in {kind, EVERYONE}:
            yield Broken(
                rule.id, phrase("not_theirs", value=channel.id, audience=phrase(kind)), phrase("do_audience")
            )
        else:
            yield from _unreachable(rule, kind, channels, rulebook.facts)
    for name, channel in channels.items():
        if channel.fallback is not None and not (channel.human and channel.hours):
            yield Broken(f"channel {name}", phrase("not_human", channel=name), phrase("do_human"))
        elif channel.fallback is not None:
            yield from _long_closed(channel)
    yield from _without_card(rulebook, catalogue, channels)


def _unreachable(
    rule: Rule, kind: CustomerType, channels: Mapping[str, Channel], facts: FactSet
) -> Iterator[Broken]:
    """A customer of a rule for whom no human channel is left, by log-in and language; the first found."""
    # Of an employer nothing tells whether it is known to identify strongly.
    every = next((fact.values for fact in facts.of[kind] if fact.name == LOG_IN), (UNKNOWN,))
    log_ins = {value == "yes" for value in rule.when.get(LOG_IN, every)}
    if "allowed" not in rule.when.get("personalisation", ("allowed",)):
        log_ins = {value == "yes" for value in every}  # not a fact of theirs, and yet it rules channels out
    for identified, language, day in product(
        sorted(log_ins), facts.vocabulary.languages, _days_of_change(channels)
    ):
        languages = facts.vocabulary.served_with(language)
        if not human_channel(
            channels, rule.human_channel, kind, identified=identified, languages=languages, day=day
        ):
            log_in = phrase("with_log_in" if identified else "without_log_in")
            what = phrase("nobody_there", audience=phrase(kind), log_in=log_in, language=language)
            yield Broken(rule.id, what, phrase("do_fallback"))
            return


def _days_of_change(channels: Mapping[str, Channel]) -> list[date]:
    """A day of each stretch of days on which the same channels are there."""
    return sorted({date.min, *(channel.retired for channel in channels.values() if channel.retired)})


def _long_closed(channel: Channel) -> Iterator[Broken]:
    """Days on which no answer could say when a human channel opens next, because it stays closed so long; the first."""
    years = channel.days.years
    if not years or channel.hours_vary:
        return
    day, last_open = date(years[0], 1, 1), date(years[0], 1, 1)
    while day.year <= years[-1]:
        if channel.hours_on(day) is not None:
            last_open = day
        elif (day - last_open).days >= LOOK_AHEAD_DAYS - 1:  # that evening looks no further than this day
            what = phrase("long_closed", channel=channel.id, day=last_open.isoformat())
            yield Broken(f"channel {channel.id}", what, phrase("do_open"))
            return
        day += timedelta(days=1)


def _without_card(
    rulebook: Rulebook, catalogue: Catalogue, channels: Mapping[str, Channel]
) -> Iterator[Broken]:
    """Human channels that answers can name and that no page presents on some day."""
    fallback = [channel for channel in channels.values() if channel.fallback is not None]
    for kind in CUSTOMER_TYPES:
        wished = [channels[rule.human_channel] for rule in rulebook.tables[kind].rules]
        named = {
            channel.id: channel for channel in (*wished, *fallback) if channel.audience in {kind, EVERYONE}
        }
        topic = catalogue.vocabulary.starts[kind]
        for (name, channel), language in product(named.items(), catalogue.vocabulary.national_languages):
            spans = catalogue.spans(channel.card, topic, customer_type=kind, channel=name, language=language)
            for days in uncovered(spans, ALWAYS):
                what = phrase(
                    "no_card", channel=name, audience=phrase(kind), language=language, days=told_days(days)
                )
                yield Broken(f"channel {name}", what, phrase("do_card", value=channel.card))


def the_neutral_answer(rulebook: Rulebook, _: Catalogue, __: Mapping[str, Channel]) -> Iterator[Broken]:
    """An objector and a minor get the same answer, whatever their language needs.

    That nothing else is a fact of theirs is by construction: `facts.feasible_blocks`, held by tests.
    """
    known = rulebook.facts
    needs = {name: known.fact(PERSON, name).values for name in known.needs[PERSON]}
    for _start, table in rulebook.tables[PERSON].periods:
        for stated in product(*needs.values()):
            facts = dict(zip(needs, stated, strict=True))
            one, other = (
                table.choose(known.completed(PERSON, facts | {"personalisation": mark}))
                for mark in ("objected", "minor")
            )
            if offer_of(one) != offer_of(other):
                yield Broken(other.id, phrase("not_neutral"), phrase("do_neutral"))
                return


def statutory_content(_: Rulebook, catalogue: Catalogue, __: Mapping[str, Channel]) -> Iterator[Broken]:
    """Whatever matter is open and whatever the benefit, a statutory item exists on every day in Finnish and Swedish.

    And each statutory item is owed: where one ends, another takes its place.
    """
    for kind, benefit in without_floor(catalogue):
        yield Broken(
            "catalogue.yaml", phrase("no_duty", audience=phrase(kind), benefit=benefit), phrase("do_duty")
        )
    for gaps, what, remedy in (
        (floor_gaps(catalogue), "duty_ends", "do_duty_days"),
        (unsucceeded(catalogue), "duty_unsucceeded", "do_succeed"),
    ):
        for gap in gaps:
            fault = phrase(
                what,
                days=told_days(gap.days),
                languages=", ".join(gap.languages),
                audience=phrase(gap.customer_type),
                benefits=", ".join(f"`{benefit}`" for benefit in gap.benefits),
            )
            yield Broken(gap.item.id, fault, phrase(remedy))


def audiences(rulebook: Rulebook, catalogue: Catalogue, channels: Mapping[str, Channel]) -> Iterator[Broken]:
    """No rule's channel, no item that can be picked and no statutory item is for the other type of customer."""
    for kind, rule in _rules(rulebook):
        if channels[rule.channel].audience not in {kind, EVERYONE}:
            yield Broken(
                rule.id,
                phrase("not_theirs", value=rule.channel, audience=phrase(kind)),
                phrase("do_audience"),
            )
    for kind in CUSTOMER_TYPES:
        for item in catalogue.reachable(kind):
            if not item.is_for(kind):
                yield Broken(
                    item.id, phrase("not_theirs", value=item.id, audience=phrase(kind)), phrase("do_audience")
                )


CHECKS: Final[Mapping[str, Callable[[Rulebook, Catalogue, Mapping[str, Channel]], Iterator[Broken]]]] = {
    "a_human_channel": a_human_channel,
    "the_neutral_answer": the_neutral_answer,
    "statutory_content": statutory_content,
    "audiences": audiences,
}
"""What proves each promise but that of wording."""


def outcome_of(rule: Rule) -> tuple[object, ...]:
    """All that customers may get by a rule: what it offers, and what it tries on whom."""
    return (*offer_of(rule), rule.experiment)


def offer_of(rule: Rule) -> tuple[object, ...]:
    """What a customer gets who is in no experiment: channel, kinds of content, topic, human channel and sentence."""
    return (rule.channel, rule.content, rule.topic, rule.human_channel, tuple(sorted(rule.because.items())))


def _rules(rulebook: Rulebook) -> Iterator[tuple[CustomerType, Rule]]:
    for kind in CUSTOMER_TYPES:
        for rule in rulebook.tables[kind].rules:
            yield kind, rule
