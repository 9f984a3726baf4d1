"""What would make figures better than they are: one customer in two parts of the split, and audit attributes among signals.

Only `training` may import this.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.contract.codes import PERSON
from models.contract.signals import DECLARED
from models.decision.scorecard import FEATURES

NAMED_ROWS: Final = 5
KNOWN_TO_TELL: Final = 12  # signals known of two rows that may be one customer
TELLING: Final = 8  # of them above 0; quiet customers are alike by chance, such rows hardly
TELLS_ALL: Final = 0.999
FEWEST_KNOWN: Final = 100


class TrainingDataError(ValueError):
    """Labelled data that must not be trained on; the message names rows and remedy. Correct the data."""


def named_rows(table: pa.Table, at: NDArray[np.int64]) -> str:
    """How many rows, and the lines of the first of them in the file."""
    numbers = table["__row"].to_numpy()[at]
    named = ", ".join(str(number) for number in numbers[:NAMED_ROWS])
    more = f" and {len(numbers) - NAMED_ROWS} more" if len(numbers) > NAMED_ROWS else ""
    return f"{len(numbers)} row{'s' * (len(numbers) > 1)} (line {named}{more})"


def check_leakage(
    table: pa.Table, features: NDArray[np.float64], group: NDArray[np.int64], source: str
) -> None:
    """Refuse data in which a customer could be in two parts of the split, or a signal stands for an audit attribute.

    Raises
    ------
    TrainingDataError
    """
    _check_twins(table, features, group, source)
    for name in table.column_names:
        if name.startswith("audit_"):
            _check_audit(table, features, name, source)


def _check_twins(
    table: pa.Table, features: NDArray[np.float64], group: NDArray[np.int64], source: str
) -> None:
    """Rows alike in every signal, much known of them, yet not under one customer_ref."""
    telling = ((~np.isnan(features)).sum(axis=1) >= KNOWN_TO_TELL) & ((features > 0).sum(axis=1) >= TELLING)
    at = np.flatnonzero(telling)
    first_rows: dict[bytes, int] = {}
    twins = []
    for row in at.tolist():
        first = first_rows.setdefault(np.nan_to_num(features[row], nan=-1).tobytes(), row)
        if group[first] != group[row] and _same(table, first, row):
            twins += [first, row]
    if twins:
        repeated = named_rows(table, np.unique(twins))
        raise TrainingDataError(
            f"{source}: {repeated} look like the same customers more than once, under different customer_ref or none; they could"
            " be trained on and measured on at once. Give the rows of one customer one customer_ref, or leave all but one out."
        )


def _same(table: pa.Table, one: int, other: int) -> bool:
    names = [name for name in table.column_names if name in DECLARED[PERSON]]
    rows = table.select(names).take(pa.array([one, other])).to_pylist()
    return bool(rows[0] == rows[1])


def _check_audit(table: pa.Table, features: NDArray[np.float64], name: str, source: str) -> None:
    """A signal from whose value alone an audit attribute can be told carries the attribute into the model."""
    _, groups = np.unique([str(value) for value in table[name].to_pylist()], return_inverse=True)
    n_groups = int(groups.max(initial=0)) + 1
    for position, feature in enumerate(FEATURES):
        known = np.flatnonzero(~np.isnan(features[:, position]))
        values, of_row = np.unique(features[known, position], return_inverse=True)
        if known.size < FEWEST_KNOWN or values.size < 2 or values.size > known.size / 4:
            continue
        counts = np.zeros((values.size, n_groups))
        np.add.at(counts, (of_row, groups[known]), 1)
        share_told = counts.max(axis=1).sum() / known.size
        if share_told >= TELLS_ALL and counts.sum(axis=0).max() / known.size < TELLS_ALL - 0.01:
            raise TrainingDataError(
                f"{source}: {feature} tells {name} in {named_rows(table, known)}: it carries the audit attribute into the"
                f" model. Fill {feature} with the signal it is named for, or leave the column out."
            )
