"""One run of batch scoring as data: all that decides the bytes of its output, and what one batch of a chunk came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from training.scoring.request import ScoringRequest
from training.scoring.scorer import Scored

Refusal = tuple[int, str, str, str]
"""A line of the quarantine: row, column, code and message."""
QUARANTINE_COLUMNS: Final = ("row", "column", "code", "message")


@dataclass(frozen=True, slots=True)
class ScoringJob:
    """All that decides the bytes of a run's output.

    Attributes
    ----------
    asked : ScoringRequest
    bundles : str
        Folder of bundles.
    digest : str
        The bundle that every answer comes from.
    part_format : str
        Format of each chunk's part.
    columns : tuple of str
        Columns of the output, in order.
    metadata : mapping of str to str
        Written into files that can carry it.
    """

    asked: ScoringRequest
    bundles: str
    digest: str
    part_format: str
    columns: tuple[str, ...]
    metadata: Mapping[str, str]
    header: bool = False
    limits: tuple[tuple[str, int], ...] = ()
    given_format: str = ""
    seed: int = 0

    @property
    def part_columns(self) -> tuple[str, ...]:
        """Columns of a part: all where answers may yet be given anew."""
        return self.asked.columns if self.limits else self.columns


class ScoredBatch(NamedTuple):
    """One batch of a chunk: its rows, what was scored of it, what was read, and a line for each fault."""

    rows: int
    scored: Scored | None
    batch: pa.RecordBatch
    textual: bool
    numbers: Sequence[int]
    refusals: list[Refusal]
