"""Customers of a batch as cells of the grid: the codes of their facts in one number, with what else an answer may depend on.

Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.columns.facts import FactColumns, fact_columns
from models.columns.files import CustomerFileError
from models.columns.scorecard import ColumnScorecard
from models.columns.signals import MISSING, Codes, SignalColumns
from models.columns.text_blocks import CustomerBatch
from models.contract.codes import CustomerType
from models.decision.facts import FACTS, LOG_IN, VARYING, Facts
from models.decision.scorecard import Scorecard

if TYPE_CHECKING:
    import pyarrow as pa

AUDIT: Final = "audit_"
_RUNNING: Final[Mapping[CustomerType, str]] = {"person": "active_benefits", "employer": "claim_kinds"}


@dataclass(frozen=True, slots=True)
class Cells:
    """Customers of one type as cells.

    Attributes
    ----------
    cells : ndarray of shape (n_customers, n_lookups), int64
        The cell of each lookup, in order; `MISSING` after a customer's last.
    segment : ndarray of shape (n_customers,)
        Position in the fact `segment`; for employers all 0.
    preferred : ndarray of shape (n_customers,)
        Position of the preferred channel in its signal's values; `MISSING` where none may be used.
    matter : ndarray of shape (n_customers,)
        Position of the open matter in its signal's values; `MISSING` where there is none.
    identifies : ndarray of shape (n_customers,)
        Whether the customer identifies strongly, also of those who objected: 1 yes, 0 no, `MISSING` unknown.
    benefits : ndarray of shape (n_customers,)
        One bit for each active benefit, or of an employer for each kind of claim.
    audit : mapping of str to list
        Column to its values, one per customer.
    """

    customer_type: CustomerType
    cells: NDArray[np.int64]
    segment: Codes
    preferred: Codes
    matter: Codes
    identifies: Codes
    benefits: NDArray[np.int64]
    audit: Mapping[str, pa.Array]


def cells_of(read: CustomerBatch, scorecard: Scorecard) -> list[Cells]:
    """The customers of one batch as cells, persons and employers apart.

    Raises
    ------
    CustomerFileError
        If a row breaks the signal contract.
    """
    batch = read.batch
    columns = SignalColumns(batch, textual=read.textual)
    refused = np.flatnonzero(columns.refused())
    if len(refused):
        raise CustomerFileError(
            f"row {read.numbers[refused[0]]} cannot be read: it breaks the signal contract."
            " `arki-score --dry-run` tells how many do."
        )
    audit = {name: batch.column(name) for name in batch.schema.names if name.startswith(AUDIT)}
    cells = []
    for part in fact_columns(columns, ColumnScorecard(scorecard)):
        kind = part.customer_type
        preferred = columns.number("person", "preferred_channel")[part.rows]
        identifies = columns.number("person", LOG_IN)
        cells.append(
            Cells(
                kind,
                _cells(part),
                part.facts["segment"] if kind == "person" else np.zeros(len(part.rows), np.int32),
                np.where(part.neutral | (kind == "employer"), np.int32(MISSING), preferred),
                columns.number(kind, "open_matter")[part.rows],
                identifies[part.rows],
                columns.choices(kind, _RUNNING[kind]).bits[part.rows],
                {name: values.take(part.rows) for name, values in audit.items()},
            )
        )
    return cells


def facts_of(customer_type: CustomerType, cell: int) -> Facts:
    """The facts of a cell."""
    values = {}
    for fact in reversed(FACTS[customer_type]):
        cell, code = divmod(cell, len(fact.values))
        values[fact.name] = fact.values[code]
    return {fact.name: values[fact.name] for fact in FACTS[customer_type]}


def _cells(part: FactColumns) -> NDArray[np.int64]:
    """Cells of each lookup: the facts' codes in one number, with the varying fact's code of each."""
    varying = VARYING[part.customer_type]
    base, stride, stride_of_varying = np.zeros(len(part.rows), np.int64), 1, 0
    for fact in reversed(FACTS[part.customer_type]):
        if fact.name == varying:
            stride_of_varying = stride
        else:
            base += np.multiply(part.facts[fact.name], stride, dtype=np.int64)
        stride *= len(fact.values)
    lookups = np.full((len(part.rows), 1 + part.further.shape[1]), MISSING, np.int64)
    lookups[:, 0] = part.first
    lookups[part.has_further, 1:] = part.further
    return np.where(lookups == MISSING, MISSING, base[:, None] + lookups * stride_of_varying)
