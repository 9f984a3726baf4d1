"""What a run did, in counts that add up whatever the order: kept beside each chunk, merged and told at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NEUTRAL: Final = "neutral (objected, or a minor)"
ABSTAINED: Final = "none named"
GROUPS: Final = ("channel", "content_type", "rule", "segment", "group", "refused_code", "capacity")


@dataclass(slots=True)
class Tally:
    """Counts of rows, and of scored rows by the first item's channel, content type and rule, by segment and by group.

    A customer may be in several groups of the vocabulary, or in none.
    """

    rows: int = 0
    refused: int = 0
    not_personalised: int = 0
    groups: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in GROUPS})

    @property
    def scored(self) -> int:
        """Rows that got an answer."""
        return self.rows - self.refused

    def add(self, other: Tally) -> None:
        """Add the counts of another."""
        self.rows += other.rows
        self.refused += other.refused
        self.not_personalised += other.not_personalised
        for name, counter in other.groups.items():
            self.groups[name].update(counter)

    def as_json(self) -> dict[str, Any]:
        """The counts as plain JSON, largest first."""
        return {
            "rows": self.rows,
            "scored": self.scored,
            "refused": self.refused,
            "not_personalised": self.not_personalised,
            **{name: dict(ordered(counter)) for name, counter in self.groups.items() if counter},
        }


def tally_of(document: Mapping[str, Any]) -> Tally:
    """A tally from its JSON."""
    tally = Tally(document["rows"], document["refused"], document["not_personalised"])
    for name in GROUPS:
        tally.groups[name].update(document.get(name, {}))
    return tally


def ordered(counter: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts, the largest first, then by name."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def tell(tally: Tally, human_channels: Iterable[str]) -> list[str]:
    """The lines of a summary."""
    lines = [f"not personalised: {tally.not_personalised:,}"]
    titles = (("channel", "channel"), ("content_type", "first content"), ("segment", "segment"))
    for name, title in (*titles, ("group", "group"), ("rule", "rule"), ("capacity", "capacity")):
        counts = [f"{value} {count:,}" for value, count in ordered(tally.groups[name])]
        if counts:
            most = counts[:12] + [f"and {len(counts) - 12} more"] * (len(counts) > 12)
            lines.append(f"{title}: {', '.join(most)}")
    human = sum(tally.groups["channel"][name] for name in human_channels)
    share = human / tally.scored if tally.scored else 0
    lines.append(f"personal service: {human:,} customers offered a person first ({share:.1%})")
    if tally.refused:
        counts = [f"{code} {count:,}" for code, count in ordered(tally.groups["refused_code"])]
        lines.append(f"refused for: {', '.join(counts)}")
    return lines
