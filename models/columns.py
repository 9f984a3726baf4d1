"""Facts of many customers at once: a population file in, numpy codes of its fact cells out.

The column form of `facts` and `scorecard`, for counting a population; a property test holds it equal to the row form. A
code is a value's position in its fact; a cell is its facts' codes in one number. Never imported by the serving process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.codes import CLAIM_KINDS, LIFE_EVENTS, UNKNOWN, CustomerType
from models.facts import (
    ASSISTED_FROM,
    FACTS,
    MISSING_DOCUMENTS_FROM,
    REPEAT_CONTACTS_FROM,
    SIZE_CLASSES,
    Facts,
)
from models.scorecard import FEATURES, SCALE, Scorecard
from models.signals import CONTRACT, Signal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]
    Flags = NDArray[np.bool_]

CHUNK_ROWS: Final = 400_000
MISSING: Final = -1
_NEAR: Final = 1e-9  # probabilities so near a threshold are computed again as the row form does
_EMPTY_LIST: Final = "-"
AUDIT: Final = "audit_"


class PopulationError(ValueError):
    """A file that cannot be read as a population; the message says what to change."""


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
    audit : mapping of str to list
        Column to its values, one per customer.
    """

    customer_type: CustomerType
    cells: Codes
    segment: Codes
    preferred: Codes
    audit: Mapping[str, Any]


def read_batches(path: Path) -> Iterator[Any]:
    """Record batches of a Parquet or CSV file, the columns of the signal contract and the audit columns alone.

    Raises
    ------
    PopulationError
        If the file is neither, or lacks the column ``customer_type``.
    """
    for batch in _batches(path):
        if "customer_type" not in batch.schema.names:
            raise PopulationError(f"{path.name} has no column customer_type. Add it: person or employer.")
        yield batch


def cells_of(batch: Any, scorecard: Scorecard) -> list[Cells]:  # noqa: ANN401  (an Arrow record batch)
    """The customers of one batch as cells, persons and employers apart."""
    found = []
    for kind in FACTS:
        part = _of_kind(batch, batch.column("customer_type"), kind)
        if part.num_rows:
            make = _person_cells if kind == "person" else _employer_cells
            found.append(make(_Columns(part, kind), scorecard))
    return found


def facts_of(customer_type: CustomerType, cell: int) -> Facts:
    """The facts of a cell."""
    found = {}
    for fact in reversed(FACTS[customer_type]):
        cell, code = divmod(cell, len(fact.values))
        found[fact.name] = fact.values[code]
    return {fact.name: found[fact.name] for fact in FACTS[customer_type]}


def codes_of(customer_type: CustomerType, cells: Codes) -> dict[str, Codes]:
    """The codes of each fact in an array of cells."""
    found = {}
    for fact in reversed(FACTS[customer_type]):
        cells, found[fact.name] = cells // len(fact.values), cells % len(fact.values)
    return found


class _Columns:
    """Signal columns of one chunk as numpy arrays, with `MISSING` for unknown."""

    def __init__(self, table: Any, customer_type: CustomerType) -> None:  # noqa: ANN401  (an Arrow table)
        self.table, self.rows, self.signals = table, table.num_rows, CONTRACT[customer_type]
        self._numbers: dict[str, Codes] = {}

    def number(self, name: str) -> Codes:
        """A count or yes/no, or the position of a choice."""
        if name not in self._numbers:
            self._numbers[name] = self._number(name)
        return self._numbers[name]

    def _number(self, name: str) -> Codes:
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        if name not in self.table.schema.names:
            return np.full(self.rows, MISSING, dtype=np.int64)
        signal, column = self.signals[name], self.table.column(name)
        if signal.kind == "choice":
            column = pc.index_in(column, pa.array(signal.values))
        elif signal.kind == "yes_no" and pa.types.is_string(column.type):
            column = pc.equal(pc.utf8_lower(column), "true")
        found = pc.fill_null(pc.cast(column, pa.int64(), safe=False), MISSING)
        return np.asarray(found.to_numpy())

    def entries(self, name: str) -> tuple[Codes, Codes, Any]:
        """A list signal as (number of entries or `MISSING`, row of each entry, entries as an Arrow array)."""
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        if name not in self.table.schema.names:
            return (
                np.full(self.rows, MISSING, dtype=np.int64),
                np.empty(0, np.int64),
                pa.array([], pa.string()),
            )
        column = self.table.column(name)
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_string(column.type):
            empty = pc.fill_null(pc.equal(column, _EMPTY_LIST), False)
            split = pc.split_pattern(column, ";")
            lengths = np.asarray(
                pc.fill_null(pc.list_value_length(split), MISSING).to_numpy(zero_copy_only=False)
            )
            keep = np.repeat(~np.asarray(empty.to_numpy(zero_copy_only=False)), np.maximum(lengths, 0))
            values = pc.list_flatten(split).filter(pa.array(keep))
            lengths = np.where(np.asarray(empty.to_numpy(zero_copy_only=False)), 0, lengths)
        else:
            lengths = np.asarray(
                pc.fill_null(pc.list_value_length(column), MISSING).to_numpy(zero_copy_only=False)
            )
            values = pc.list_flatten(column)
        lengths = lengths.astype(np.int64)
        return lengths, np.repeat(np.arange(self.rows), np.maximum(lengths, 0)), values

    def events(self) -> tuple[Codes, Codes, Codes, Codes]:
        """Life events as (number of events or `MISSING`, row, parent code and months ago of each)."""
        import numpy as np  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.compute as pc  # noqa: PLC0415

        lengths, rows, values = self.entries("life_events")
        if pa.types.is_struct(values.type):
            event, months = pc.struct_field(values, 0), pc.struct_field(values, 1)
        else:
            event = pc.replace_substring_regex(values, ":.*$", "")
            months = pc.cast(pc.replace_substring_regex(values, "^.*:", ""), pa.int64())
        parent = pc.index_in(pc.replace_substring_regex(event, r"\..*$", ""), pa.array(LIFE_EVENTS))
        return (
            lengths,
            rows,
            np.asarray(parent.to_numpy(zero_copy_only=False)),
            np.asarray(months.to_numpy(zero_copy_only=False)),
        )

    def audit(self) -> dict[str, Any]:
        """The audit columns, as Arrow arrays."""
        return {name: self.table.column(name) for name in self.table.schema.names if name.startswith(AUDIT)}


def _person_cells(columns: _Columns, scorecard: Scorecard) -> Cells:
    import numpy as np  # noqa: PLC0415

    number = columns.number
    minor, objected = number("minor") == 1, number("personalisation") == 1
    neutral = minor | objected
    lengths, rows, parents, months = columns.events()
    segment, confident = _predict(columns, scorecard, lengths, rows, months)
    named = (segment >= 0) & ~neutral
    unknown = {fact.name: fact.values.index(UNKNOWN) for fact in FACTS["person"] if UNKNOWN in fact.values}
    codes = {name: np.full(columns.rows, code) for name, code in unknown.items()}
    codes["personalisation"] = np.where(minor, 2, np.where(objected, 1, 0))
    codes["segment"] = np.where(named, segment, unknown["segment"])
    codes["confidence"] = np.where(named, np.where(confident, 0, 1), unknown["confidence"])
    codes["digital"] = np.where(named, _person_digital(columns), unknown["digital"])
    codes["friction"] = np.where(named, _person_friction(columns), unknown["friction"])
    matter = number("open_matter")
    codes["open_matter"] = np.where(neutral | (matter < 0), unknown["open_matter"], matter)
    for name in ("strong_identification", "acts_through_mandate", "interpreter_needed", "easy_language"):
        said = number(name)
        hidden = (
            neutral if name in {"strong_identification", "acts_through_mandate"} else np.zeros_like(neutral)
        )
        codes[name] = np.where(hidden | (said < 0), 2, 1 - said)
    lookups = _event_lookups(columns.rows, lengths, rows, parents, months, matter >= 0)
    lookups[neutral, 0], lookups[neutral, 1:] = unknown["life_event"], MISSING
    preferred = np.where(neutral, MISSING, number("preferred_channel"))
    cells = _cells("person", codes, "life_event", lookups)
    return Cells("person", cells, codes["segment"], preferred, columns.audit())


def _employer_cells(columns: _Columns, _card: Scorecard) -> Cells:
    import numpy as np  # noqa: PLC0415

    number = columns.number
    neutral = number("personalisation") == 1
    unknown = {fact.name: fact.values.index(UNKNOWN) for fact in FACTS["employer"] if UNKNOWN in fact.values}
    staff, first = number("employees"), number("first_claim")
    size = np.searchsorted([below for below, _ in SIZE_CLASSES], staff, side="right")
    late, returned = number("late_claims_12m"), number("claims_returned_12m")
    codes = {
        "personalisation": np.where(neutral, 1, 0),
        "employer_size": np.where(staff < 0, unknown["employer_size"], size),
        "first_claim": np.where(first < 0, 2, 1 - first),
        "digital": _employer_digital(columns),
        "friction": np.select([late > 0, returned > 0, (late < 0) | (returned < 0)], [0, 1, 3], 2),
        "open_matter": np.full(columns.rows, unknown["open_matter"]),
    }
    for name, code in unknown.items():
        codes[name] = np.where(neutral, code, codes[name])
    matter = number("open_matter")
    _, rows, kinds = columns.entries("claim_kinds")
    makes = np.zeros((columns.rows, len(CLAIM_KINDS)), dtype=bool)
    for at, kind in enumerate(CLAIM_KINDS):
        makes[rows[np.asarray(_equal(kinds, kind))], at] = True
    makes[matter >= 0, matter[matter >= 0]] = False
    order = np.where(makes, np.arange(len(CLAIM_KINDS)), len(CLAIM_KINDS) + 1)
    order = np.sort(np.column_stack([np.where(matter >= 0, -1, len(CLAIM_KINDS) + 1), order]), axis=1)
    lookups = np.where(order == -1, matter[:, None], np.where(order > len(CLAIM_KINDS), MISSING, order))
    lookups[:, 0] = np.where(lookups[:, 0] == MISSING, unknown["open_matter"], lookups[:, 0])
    lookups[neutral, 0], lookups[neutral, 1:] = unknown["open_matter"], MISSING
    cells = _cells("employer", codes, "open_matter", lookups)
    nothing = np.full(columns.rows, MISSING, dtype=np.int64)
    return Cells("employer", cells, np.zeros(columns.rows, dtype=np.int64), nothing, columns.audit())


def _event_lookups(
    n: int, lengths: Codes, rows: Codes, parents: Codes, months: Codes, has_matter: Flags
) -> Codes:
    """Codes of the fact life_event in each lookup: distinct events, most recent first, then the open matter alone."""
    import numpy as np  # noqa: PLC0415

    none, unknown = len(LIFE_EVENTS), len(LIFE_EVENTS) + 1
    order = np.lexsort((parents, months, rows))
    rows, parents = rows[order], parents[order]
    _, first = np.unique(rows * unknown + parents, return_index=True)
    first.sort()
    rows, parents = rows[first], parents[first]
    counts = np.bincount(rows, minlength=n)
    place = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    lookups = np.full((n, int(counts.max(initial=0)) + 1), MISSING, dtype=np.int64)
    lookups[rows, place] = parents
    last = np.flatnonzero(has_matter & (counts > 0))
    lookups[last, counts[last]] = none
    lookups[counts == 0, 0] = np.where(lengths[counts == 0] < 0, unknown, none)
    return lookups


def _person_digital(columns: _Columns) -> Codes:
    import numpy as np  # noqa: PLC0415

    number = columns.number
    logins, online = number("omakela_logins_90d"), number("applications_online_12m")
    helped = np.maximum(number("phone_contacts_90d"), 0) + np.maximum(number("service_point_visits_90d"), 0)
    seen = (logins > 0) | (online > 0) | (number("chat_contacts_90d") > 0)
    offline = ((online == 0) & (number("applications_12m") > 0)) | ((logins == 0) & (helped > 0))
    return np.select([seen & (helped >= ASSISTED_FROM), seen, offline], [1, 0, 2], 3)


def _person_friction(columns: _Columns) -> Codes:
    import numpy as np  # noqa: PLC0415

    requests, repeats = columns.number("attachment_requests_12m"), columns.number("repeat_contacts_30d")
    return np.select(
        [
            requests >= MISSING_DOCUMENTS_FROM,
            repeats >= REPEAT_CONTACTS_FROM,
            (requests < 0) | (repeats < 0),
        ],
        [0, 1, 3],
        2,
    )


def _employer_digital(columns: _Columns) -> Codes:
    import numpy as np  # noqa: PLC0415

    number = columns.number
    service, register = number("uses_employer_service"), number("uses_incomes_register")
    online = number("claims_online_12m")
    seen = (service > 0) | (register > 0) | (online > 0)
    offline = ((online == 0) & (number("claims_12m") > 0)) | ((service == 0) & (register == 0))
    assisted = seen & (number("phone_contacts_90d") >= ASSISTED_FROM)
    return np.select([assisted, seen, offline], [1, 0, 2], 3)


def _predict(
    columns: _Columns, card: Scorecard, lengths: Codes, rows: Codes, months: Codes
) -> tuple[Codes, Flags]:
    """Segment of each person (`MISSING` where the model abstains), and whether it is confident."""
    import numpy as np  # noqa: PLC0415

    months_ago = np.full(columns.rows, np.iinfo(np.int64).max)
    np.minimum.at(months_ago, rows, months)
    months_ago[lengths <= 0] = MISSING
    derived = {
        "life_event_count": lengths,
        "months_since_life_event": months_ago,
        "active_benefit_count": columns.entries("active_benefits")[0],
    }
    x = [derived[name] if name in derived else columns.number(name) for name in FEATURES]
    scores = np.tile(np.array(card.intercept, dtype=np.int64), (columns.rows, 1))
    for table in card.tables:
        cell = np.zeros(columns.rows, dtype=np.int64)
        for position, edges in zip(table.features, table.edges, strict=True):
            value = x[position]
            bins = np.where(value < 0, len(edges) + 1, np.searchsorted(edges, value, side="right"))
            cell = cell * (len(edges) + 2) + bins
        scores += np.array(table.rows, dtype=np.int64)[cell]
    exact = np.exp((scores - scores.max(axis=1, keepdims=True)) / SCALE)
    probabilities = exact / exact.sum(axis=1, keepdims=True)
    best = probabilities.argmax(axis=1)
    probability = probabilities[np.arange(columns.rows), best]
    edge = np.minimum(abs(probability - card.abstain_below), abs(probability - card.confident_from)) < _NEAR
    for row in np.flatnonzero(edge).tolist():
        probability[row] = max(_as_row_form(scores[row].tolist()))
    model_signals = [s.name for s in CONTRACT["person"].values() if s.used_by != "rules"]
    known = sum((_known(columns, name, lengths) for name in model_signals), np.zeros(columns.rows, np.int64))
    abstains = (probability < card.abstain_below) | (known < card.minimum_known)
    return np.where(abstains, MISSING, best), ~abstains & (probability >= card.confident_from)


def _known(columns: _Columns, name: str, lengths: Codes) -> Codes:
    import numpy as np  # noqa: PLC0415

    signal: Signal = columns.signals[name]
    if name == "life_events":
        return np.asarray(lengths >= 0, dtype=np.int64)
    if signal.kind == "choices":
        present = name in columns.table.schema.names
        return np.asarray(
            columns.table.column(name).is_valid() if present else np.zeros(columns.rows), dtype=np.int64
        )
    return np.asarray(columns.number(name) >= 0, dtype=np.int64)


def _as_row_form(scores: list[int]) -> list[float]:
    top = max(scores)
    exact = [math.exp((score - top) / SCALE) for score in scores]
    return [value / sum(exact) for value in exact]


def _cells(customer_type: CustomerType, codes: dict[str, Codes], varying: str, lookups: Codes) -> Codes:
    """Cells of each lookup: the facts' codes in one number, with the varying fact's code from `lookups`."""
    import numpy as np  # noqa: PLC0415

    base, stride, stride_of_varying = np.zeros(lookups.shape[0], dtype=np.int64), 1, 0
    for fact in reversed(FACTS[customer_type]):
        if fact.name == varying:
            stride_of_varying = stride
        else:
            base += codes[fact.name] * stride
        stride *= len(fact.values)
    return np.where(lookups == MISSING, MISSING, base[:, None] + lookups * stride_of_varying)


def _equal(values: Any, word: str) -> Any:  # noqa: ANN401  (Arrow in, numpy out)
    import pyarrow.compute as pc  # noqa: PLC0415

    return pc.fill_null(pc.equal(values, word), False).to_numpy(zero_copy_only=False)


def _of_kind(batch: Any, kinds: Any, kind: str) -> Any:  # noqa: ANN401
    import pyarrow.compute as pc  # noqa: PLC0415

    return batch.filter(pc.equal(kinds, kind))


def _batches(path: Path) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.csv  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    wanted = {"customer_type", *CONTRACT["person"], *CONTRACT["employer"]}
    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as parquet:
                names = [n for n in parquet.schema_arrow.names if n in wanted or n.startswith(AUDIT)]
                yield from parquet.iter_batches(batch_size=CHUNK_ROWS, columns=names)
        elif path.suffix == ".csv":
            types = {
                name: pa.int64() if signal.kind == "count" else pa.string()
                for contract in CONTRACT.values()
                for name, signal in contract.items()
            }
            options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
            yield from pa.csv.open_csv(path, convert_options=options)
        else:
            raise PopulationError(f"{path.name} is neither .parquet nor .csv. Give one of them.")
    except (pa.ArrowInvalid, OSError) as error:
        raise PopulationError(f"{path.name} cannot be read: {error}") from error
