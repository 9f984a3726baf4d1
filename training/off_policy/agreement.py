"""How outcomes agree with the segments that rules name: told beside a training, never trained on.

A rule's segment is what its `when` names. Customers of different rules differ in more than the rule, so a difference here
is a reason to look, not an effect. Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.contract.codes import UNKNOWN
from models.contract.intervals import Interval, newcombe, wilson
from models.contract.segments import Segment
from models.decision.decision_table import Rulebook
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
    """Outcomes by the segment of the rule that offered, in Kela's order; rules without a segment come last."""
    segment_of = _segments(rulebook)
    names = [*map(str, Segment), SEVERAL, NEUTRAL, RETIRED]
    sums = {name: [0, 0, 0, 0] for name in names}
    for row in log:
        if row.rule == STATUTORY:
            continue
        of_segment = sums[segment_of.get(row.rule, RETIRED)]
        for at, count in enumerate((row.shown, min(row.opened, row.shown), row.rated, row.helpful)):
            of_segment[at] += count
    neutral = _share(sums[NEUTRAL][3], sums[NEUTRAL][2])
    rows = []
    for name in names:
        shown, opened, rated, helpful = sums[name]
        share = _share(helpful, rated)
        compared = name in set(Segment) and share is not None and neutral is not None
        gain = newcombe(share, neutral) if compared and share and neutral else None
        if shown or rated:
            rows.append(Agreement(name, shown, rated, _share(opened, shown), share, gain))
    return rows


def _segments(rulebook: Rulebook) -> Mapping[str, str]:
    """The segment of each rule by its conditions."""
    segments = {}
    for rule in rulebook.tables["employer"].rules:
        segments[rule.id] = str(Segment.EMPLOYER)
    for rule in rulebook.tables["person"].rules:
        named = [value for value in rule.when.get("segment", (UNKNOWN,)) if value != UNKNOWN]
        segments[rule.id] = named[0] if len(named) == 1 else SEVERAL if named else NEUTRAL
    return segments


def _share(successes: int, trials: int) -> Interval | None:
    return wilson(successes, trials) if trials >= SMALLEST else None
