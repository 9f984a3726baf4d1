"""Whether content is there on every day: what the law attaches to a benefit first, then what rules offer.

Items begin and end as rules do. Every day is looked at, past and to come, by the days on which something begins or ends,
so that nothing depends on today's date: a floor that ends next summer is found today, and one that ended yesterday still is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from models.authoring.findings import Authored, Phrase, phrase
from models.contract.codes import CustomerType, Language
from models.contract.vocabulary import BenefitTerm
from models.decision.catalogue import Catalogue, ContentItem, Span, uncovered
from models.decision.decision_table import Table
from models.decision.offers import topics_of

ALWAYS: Final = Span(date.min, date.max)
_DAY: Final = timedelta(days=1)
_Lacking = dict[tuple[str, CustomerType, Span], dict[str, dict[Language, None]]]
"""Item, customer type and days -> benefit -> languages."""


class DutyGap(NamedTuple):
    """Days without statutory content that is owed for some benefits, and the item that ended before them or begins after."""

    item: ContentItem
    customer_type: CustomerType
    days: Span
    benefits: tuple[str, ...]
    languages: tuple[str, ...]


def floor_gaps(catalogue: Catalogue) -> Iterator[DutyGap]:
    """The days of a benefit on which it has no statutory item in a national language, where it has one on others."""
    lacking: _Lacking = defaultdict(dict)
    for kind, duties in catalogue.vocabulary.duties.items():
        for benefit, term in duties.items():
            items = catalogue.statutory_for(benefit, kind)
            for language in catalogue.vocabulary.national_languages:
                spoken = [item for item in items if language in item.languages]
                for days in uncovered(map(_span, spoken), _days_of(term)) if spoken else ():
                    beside = next((item for item in spoken if _is_beside(_span(item), days)), spoken[0])
                    lacking[beside.id, kind, days].setdefault(benefit, {})[language] = None
    yield from _gaps(lacking, catalogue)


def unsucceeded(catalogue: Catalogue) -> Iterator[DutyGap]:
    """The days after a statutory item has ended on which no other takes its place for a benefit and language of its own.

    Another takes its place that is as particular, naming as many benefits or fewer, or that begins once it has ended. A
    general item that stood beside it all along does not: each is owed. What `floor_gaps` tells of an item and a benefit is
    not told again.
    """
    reported = {
        (gap.item.id, gap.customer_type, benefit) for gap in floor_gaps(catalogue) for benefit in gap.benefits
    }
    ending = (
        (kind, benefit, term.valid_until, items, item)
        for kind, duties in catalogue.vocabulary.duties.items()
        for benefit, term in duties.items()
        for items in [catalogue.statutory_for(benefit, kind)]
        for item in items
        if item.valid_until < term.valid_until and (item.id, kind, benefit) not in reported
    )
    lacking: _Lacking = defaultdict(dict)
    for kind, benefit, last, items, item in ending:
        after = Span(item.valid_until + _DAY, last)
        successors = [other for other in items if _may_succeed(other, item)]
        for language in item.languages:
            spans = [_span(other) for other in successors if language in other.languages]
            gap = next(uncovered(spans, after), None)
            if gap and gap.first == after.first:
                lacking[item.id, kind, gap].setdefault(benefit, {})[language] = None
    yield from _gaps(lacking, catalogue)


def without_floor(catalogue: Catalogue) -> Iterator[tuple[CustomerType, str]]:
    """The benefits for which no statutory item in some national language exists on any day."""
    languages = catalogue.vocabulary.national_languages
    for kind, duties in catalogue.vocabulary.duties.items():
        for benefit in duties:
            items = catalogue.statutory_for(benefit, kind)
            if not all(any(language in item.languages for item in items) for language in languages):
                yield kind, benefit


def told_days(days: Span) -> Phrase:
    """Days in words: from, until, both or every."""
    if days == ALWAYS:
        return phrase("days_every")
    if days.last == date.max:
        return phrase("days_from", start=days.first.isoformat())
    if days.first == date.min:
        return phrase("days_until", end=days.last.isoformat())
    return phrase("days_between", start=days.first.isoformat(), end=days.last.isoformat())


def find_dead_references(
    authored: Authored, table: Table, catalogue: Catalogue, guaranteed: Mapping[str, Sequence[str]]
) -> None:
    """Each kind of content a rule offers exists on each of its topics, in Finnish and in Swedish, while the rule holds.

    A kind that there never is, is an error. One that ends before the rule does, with nothing after it, is a warning; an
    error where a guarantee asks for it.

    Parameters
    ----------
    authored : Authored
    table : Table
    catalogue : Catalogue
    guaranteed : mapping of str to sequence of str
        Kinds of content that a guarantee of these customers asks for, and each channel that they may prefer and that
        carries it: the kind exists there too.
    """
    spans = cache(
        lambda kind, topic, channel, language: catalogue.spans(
            kind, topic, customer_type=table.customer_type, channel=channel, language=language
        )
    )
    for rule in table.rules:
        holds = Span(rule.valid_from, rule.valid_until)
        topics = sorted(topics_of(rule, table.customer_type, table.facts, catalogue))
        for kind in dict.fromkeys(kind for arm in rule.arms() for kind in arm.content):
            missing: dict[str, None] = {}
            ends: dict[Span, dict[str, None]] = defaultdict(dict)
            for language in catalogue.vocabulary.national_languages:
                for topic, channel in product(topics, {rule.channel, *guaranteed.get(kind, ())}):
                    gaps = list(uncovered(spans(kind, topic, channel, language), holds))
                    if gaps == [holds]:
                        missing[language] = None
                    for gap in gaps:
                        if gap.first > holds.first:
                            ends[gap][language] = None
            if missing:
                authored.find(rule.id, "no_content", value=kind, languages=", ".join(sorted(missing)))
                continue
            for gap, languages in sorted(ends.items()):
                authored.find(
                    rule.id,
                    "content_ends",
                    warning=kind not in guaranteed,
                    value=kind,
                    languages=", ".join(languages),
                    days=told_days(gap),
                )


def _days_of(benefit: BenefitTerm) -> Span:
    return Span(benefit.valid_from, benefit.valid_until)


def _span(item: ContentItem) -> Span:
    return Span(item.valid_from, item.valid_until)


def _gaps(lacking: _Lacking, catalogue: Catalogue) -> Iterator[DutyGap]:
    for (name, kind, days), benefits in lacking.items():
        languages = dict.fromkeys(language for named in benefits.values() for language in named)
        yield DutyGap(catalogue.items[name], kind, days, tuple(benefits), tuple(languages))


def _may_succeed(other: ContentItem, item: ContentItem) -> bool:
    """Whether a statutory item can take the place of one that ends, on the days it holds itself."""
    return other.id != item.id and (
        len(other.benefits) <= len(item.benefits) or other.valid_from > item.valid_until
    )


def _is_beside(span: Span, days: Span) -> bool:
    """Whether a span ends on the day before some days, or begins on the day after them."""
    ended = days.first > date.min and span.last == days.first - _DAY
    return ended or (days.last < date.max and span.first == days.last + _DAY)
