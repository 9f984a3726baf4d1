"""What the real recommender and the shipped rulebook offer customers, with a model that is not served yet.

Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.contract.channels import HELSINKI, read_channels
from models.contract.signals import DECLARED, LifeEvent, Signals
from models.decision.catalogue import read_catalogue
from models.decision.decision_code import DECISION_CODE
from models.decision.decision_table import read_rulebook
from models.decision.recommendation import Versions
from models.decision.recommender import Recommender
from models.decision.scorecard import read_scorecard
from training.authored import authored, contract

AT: Final = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)  # a weekday noon, so that the clock decides nothing
CHUNK: Final = 5_000


def unknown_to_rules(segments: tuple[str, ...]) -> list[str]:
    """The segments that no rule can name, so that nobody can say what their customers would be offered."""
    return [segment for segment in segments if segment not in contract().vocabulary.inferred]


def recommender(scorecard: dict[str, Any]) -> Recommender:
    """A recommender of the shipped rulebook, catalogue and channels with a scorecard."""
    written, vocabulary = authored(), contract().vocabulary
    return Recommender(
        scorecard=read_scorecard(scorecard),
        rulebook=read_rulebook(written.rulebook, contract()),
        catalogue=read_catalogue(written.catalogue, vocabulary),
        channels=read_channels(written.channels, vocabulary),
        texts=written.texts,
        versions=Versions("unserved", scorecard["version"], "unserved", "unserved", DECISION_CODE),
    )


def signals(table: pa.Table, kind: str = "person") -> list[Signals]:
    """The checked rows of a table as signals; null is unknown."""
    names = [name for name in DECLARED[kind] if name in table.column_names]
    customers = []
    for row in table.select(names).to_pylist():
        values = {name: value for name, value in row.items() if value is not None}
        if "life_events" in values:
            values["life_events"] = tuple(
                LifeEvent(each["event"], each["months_ago"]) for each in values["life_events"]
            )
        for name in ("active_benefits", "claim_kinds"):
            if name in values:
                values[name] = tuple(values[name])
        customers.append(Signals(kind, values))  # type: ignore[arg-type]  # kind is one of the contract's own
    return customers


def personal_service(
    table: pa.Table, recommender: Recommender, channels: list[str], advance: Callable[[int], None]
) -> NDArray[np.bool_]:
    """Whether each customer's first suggestion is in a channel where a person serves; shape (n_rows,)."""
    offered: list[bool] = []
    for start in range(0, table.num_rows, CHUNK):
        customers = signals(table.slice(start, CHUNK))
        answers = recommender.recommend(customers, at=AT, limit=1)
        offered += [bool(answer.items) and answer.items[0].channel in channels for answer in answers]
        advance(len(customers))
    return np.array(offered, dtype=bool)
