"""How outcomes agree with the segments that rules name: told beside a training, never trained on.

A rule's segment is what its `when` names. Customers of different rules differ in more than the rule, so a difference here
is a reason to look, not an effect. Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.contract.codes import EMPLOYER, PERSON, UNKNOWN
from models.contract.intervals import Interval, newcombe, wilson
from models.decision.decision_table import Rulebook
from models.decision.facts import SEGMENT
from training.off_policy.outcome_log import Counted

NEUTRAL: Final = "no segment"
SEVERAL: Final = "several segments"
RETIRED: Final = "rules not in this rulebook"
STATUTORY: Final = "statutory"  # what reaches everyone, whatever the segment
SMALLEST: Final = 5
"""Below which no share is told, as in every report of outcomes."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What came of the items offered by the rules of one segment. A share is None where fewer than five tell of it.

    Attributes
    ----------
    opened : Interval or None
        Share of items shown.
    helpful : Interval or None
        Share of those that a customer rated.
    gain : Interval or None
        How much larger the helpful share is than that of rules which name no segment.
    """

    segment: str
    shown: int
    rated: int
    opened: Interval | None
    helpful: Interval | None
    gain: Interval | None

    @property
    def is_better(self) -> bool | None:
        """Whether its rules help more often than rules that name no segment, beyond chance; None if it cannot be told."""
        return None if self.gain is None else self.gain.low > 0


def agreement(log: Sequence[Counted], rulebook: Rulebook) -> list[Agreement]:
    """Outcomes by the segment of the rule that offered, in the order of the fact; rules without a segment come last.

    What statutory content and campaigns brought about is left out: it reaches people whatever the segment.
    """
    segment_of = _segments(rulebook)
    of_persons = (name for name in rulebook.facts.fact(PERSON, SEGMENT).values if name != UNKNOWN)
    compared = [*of_persons, _of_employers(rulebook)]
    apart = {STATUTORY, *(campaign.id for campaign in rulebook.campaigns.all)}
    names = [*compared, SEVERAL, NEUTRAL, RETIRED]
    sums = {name: [0, 0, 0, 0] for name in names}
    for row in log:
        if row.rule in apart:
            continue
        of_segment = sums[segment_of.get(row.rule, RETIRED)]
        for at, count in enumerate((row.shown, min(row.opened, row.shown), row.rated, row.helpful)):
            of_segment[at] += count
    neutral = _share(sums[NEUTRAL][3], sums[NEUTRAL][2])
    rows = []
    for name in names:
        shown, opened, rated, helpful = sums[name]
        share = _share(helpful, rated)
        gain = newcombe(share, neutral) if name in compared and share and neutral else None
        if shown or rated:
            rows.append(Agreement(name, shown, rated, _share(opened, shown), share, gain))
    return rows


def _segments(rulebook: Rulebook) -> Mapping[str, str]:
    """The segment of each rule by its conditions."""
    segments = {}
    for rule in rulebook.tables[EMPLOYER].rules:
        segments[rule.id] = _of_employers(rulebook)
    for rule in rulebook.tables[PERSON].rules:
        named = [value for value in rule.when.get(SEGMENT, (UNKNOWN,)) if value != UNKNOWN]
        segments[rule.id] = named[0] if len(named) == 1 else SEVERAL if named else NEUTRAL
    return segments


def _of_employers(rulebook: Rulebook) -> str:
    """The segment that is known of every employer."""
    return rulebook.facts.vocabulary.known_segment(EMPLOYER) or EMPLOYER


def _share(successes: int, trials: int) -> Interval | None:
    return wilson(successes, trials) if trials >= SMALLEST else None
