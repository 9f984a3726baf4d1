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
from models.columns.statutory import RUNNING
from models.columns.text_blocks import CustomerBatch
from models.contract.codes import PERSON, CustomerType
from models.decision.fact_forms import Fact
from models.decision.fact_set import FactSet
from models.decision.facts import LOG_IN, Facts
from models.decision.scorecard import Scorecard

if TYPE_CHECKING:
    import pyarrow as pa

AUDIT: Final = "audit_"


@dataclass(frozen=True, slots=True)
class Cells:
    """Customers of one type as cells.

    A cell holds the facts that are declared, with the segment that the model names. Groups and stated segments follow from
    them, so they are in no cell.

    Attributes
    ----------
    cells : ndarray of shape (n_customers, n_lookups), int64
        The cell of each lookup, in order; `MISSING` after a customer's last.
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
    preferred: Codes
    matter: Codes
    identifies: Codes
    benefits: NDArray[np.int64]
    audit: Mapping[str, pa.Array]


def cells_of(
    read: CustomerBatch, scorecard: Scorecard, facts: FactSet, *, whole: bool = False
) -> list[Cells]:
    """The customers of one batch as cells, persons and employers apart.

    With `whole`, cells hold what is known beside a segment also where the model names none, for those who may state one.

    Raises
    ------
    CustomerFileError
        If a row breaks the signal contract.
    """
    batch = read.batch
    columns = SignalColumns(batch, facts.contract, textual=read.textual)
    refused = np.flatnonzero(columns.refused())
    if len(refused):
        raise CustomerFileError(
            f"row {read.numbers[refused[0]]} cannot be read: it breaks the signal contract."
            " `arki-score --dry-run` tells how many do."
        )
    audit = {name: batch.column(name) for name in batch.schema.names if name.startswith(AUDIT)}
    cells = []
    for part in fact_columns(columns, ColumnScorecard(scorecard), facts, whole=whole):
        kind = part.customer_type
        preferred = columns.number(PERSON, "preferred_channel")[part.rows]
        identifies = columns.number(PERSON, LOG_IN)
        cells.append(
            Cells(
                kind,
                _cells(part, _declared(facts, kind), whole=whole),
                np.where(part.neutral | (kind != PERSON), np.int32(MISSING), preferred),
                columns.number(kind, "open_matter")[part.rows],
                identifies[part.rows],
                columns.choices(kind, RUNNING[kind]).bits[part.rows],
                {name: values.take(part.rows) for name, values in audit.items()},
            )
        )
    return cells


def facts_of(customer_type: CustomerType, cell: int, facts: FactSet) -> Facts:
    """The facts of a cell."""
    declared = _declared(facts, customer_type)
    values = {}
    for fact in reversed(declared):
        cell, code = divmod(cell, len(fact.values))
        values[fact.name] = fact.values[code]
    return {fact.name: values[fact.name] for fact in declared}


def _declared(facts: FactSet, customer_type: CustomerType) -> list[Fact]:
    return [fact for fact in facts.of[customer_type] if not fact.is_group]


def _cells(part: FactColumns, declared: list[Fact], *, whole: bool) -> NDArray[np.int64]:
    """Cells of each lookup: the facts' codes in one number, with the varying fact's code of each."""
    codes = {**part.facts, **part.beside} if whole else part.facts
    base, stride, stride_of_varying = np.zeros(len(part.rows), np.int64), 1, 0
    for fact in reversed(declared):
        if fact.name == part.varying:
            stride_of_varying = stride
        else:
            base += np.multiply(codes[fact.name], stride, dtype=np.int64)
        stride *= len(fact.values)
    lookups = np.full((len(part.rows), 1 + part.further.shape[1]), MISSING, np.int64)
    lookups[:, 0] = part.first
    lookups[part.has_further, 1:] = part.further
    return np.where(lookups == MISSING, MISSING, base[:, None] + lookups * stride_of_varying)
