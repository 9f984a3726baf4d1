"""The segments that training speaks of: those that a model infers, and the few that code names by what they stand for.

Everything else takes its segments from the data set or the scorecard at hand, and knows neither how many they are nor what
they mean. Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from training.authored import contract

ROLES: Final[Mapping[str, str]] = {
    "settled": "steady",
    "unsettled": "changing",
    "in need": "supported",
}
"""What the labelling guideline, the hand-written rules and some figures speak of -> the segment that it is called."""
SIMULATED: Final = tuple(ROLES.values())
"""The labels of simulated customers."""
SUPPORTED: Final = ROLES["in need"]
"""The segment whose recall is told at a precision, and whose odds signs of trouble never lower."""
SUPPORTED_RECALL: Final = f"{SUPPORTED}_recall"
"""The name of that figure."""


def inferred_segments() -> tuple[str, ...]:
    """What the shipped vocabulary says that a model infers, unless the command says otherwise."""
    return contract().vocabulary.inferred


def not_judged(segments: Collection[str]) -> list[str]:
    """A sentence for each figure or gate that is about a segment which the labels do not name; empty for the shipped ones."""
    sentences = []
    if SUPPORTED not in segments:
        sentences.append(
            f"The recall of {SUPPORTED} is not told, and signs of trouble are put in no order: the labels name no {SUPPORTED}."
        )
    missing = [name for name in SIMULATED if name not in segments]
    if missing:
        sentences.append(
            "No gate compares macro F1 with the hand-written rules: they name"
            f" {', '.join(SIMULATED)}, and the labels name no {', '.join(missing)}."
        )
    return sentences
