"""What a run asks for every customer, and the columns of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from models.columns.rows import KEY, TYPE
from models.contract.codes import Language

ITEM_COLUMNS: Final = ("channel", "content_type", "content_id", "content_language", "rule")
VERSIONS: Final = ("bundle", "model", "rulebook", "catalogue", "code")


@dataclass(frozen=True, slots=True)
class ScoringRequest:
    """What a run asks for every customer.

    `at` is an aware moment in Finland; `language` is that of rows which name none, the bundle's first where it is None.
    """

    at: datetime
    language: Language | None = None
    limit: int = 3
    with_segment: bool = False
    with_texts: bool = False
    language_column: str = "language"

    @property
    def item_columns(self) -> tuple[str, ...]:
        """What is told of each item."""
        return (*ITEM_COLUMNS, "reason") if self.with_texts else ITEM_COLUMNS

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the answers, in order."""
        items = (f"item_{rank}_{name}" for rank in range(1, self.limit + 1) for name in self.item_columns)
        segment = ("segment", "segment_probability") if self.with_segment else ()
        before = (KEY, TYPE, "language", "personalised")
        return (*before, *items, "statutory", "human_channel", "valid_until", *segment, *VERSIONS)
