"""Signal columns of many customers as integer codes: the contract's check on Arrow columns; the column form of `signals`.

A code is a count, 0 or 1 for no or yes, or a value's position in its signal. Each distinct value is read once by the
contract's own reader, so that a column accepts exactly what `SignalContract.read` accepts. Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.columns.rows import SIGNALS, TYPE, is_missing
from models.contract.codes import CUSTOMER_TYPES, PERSON, CustomerType
from models.contract.signal_kinds import EMPTY_LIST, MOST_MONTHS, read_event_text
from models.contract.signals import AT_MOST, Fault, Signal, SignalContract, read_count

Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]

MISSING: Final = -1
BAD: Final = -2
"""The code of a value that the contract refuses; a row with one is never evaluated."""
_MONTHS: Final = MOST_MONTHS + 8  # more than any months_ago


class Choices(NamedTuple):
    """A list signal: how many entries (`MISSING`, `BAD`) and one bit per value named."""

    lengths: Codes
    bits: NDArray[np.int64]


class Events(NamedTuple):
    """Life events: how many (`MISSING`, `BAD`), where each customer's begin, and each one's months ago and parent code."""

    lengths: Codes
    starts: NDArray[np.int64]
    months: Codes
    parents: Codes


class SignalColumns:
    """The signals of a record batch as codes of a vocabulary. `textual` where its cells are text, as in a CSV file."""

    def __init__(self, batch: pa.RecordBatch, contract: SignalContract, *, textual: bool = False) -> None:
        self.rows: int = batch.num_rows
        self.contract = contract
        self._textual = textual
        self._columns = {
            name: _plain(batch.column(name))
            for name in batch.schema.names
            if name in SIGNALS and batch.column(name).null_count < self.rows
        }
        self.customer_type = positions(batch.column(TYPE), CUSTOMER_TYPES)
        self._codes: dict[tuple[CustomerType, str], Codes] = {}
        self._choices: dict[tuple[CustomerType, str], Choices] = {}

    def number(self, kind: CustomerType, name: str) -> Codes:
        """The code of a count, yes/no or choice, as a customer of this type would have given it."""
        if name not in self._columns:
            return self._nothing
        if (kind, name) not in self._codes:
            self._codes[kind, name] = self._scalar(self._columns[name], self.contract.signals[kind][name])
        return self._codes[kind, name]

    def choices(self, kind: CustomerType, name: str) -> Choices:
        """A list of choices."""
        if name not in self._columns:
            return Choices(self._nothing, np.zeros(self.rows, np.int64))
        if (kind, name) not in self._choices:
            signal = self.contract.signals[kind][name]
            self._choices[kind, name] = self._read_choices(self._columns[name], signal)
        return self._choices[kind, name]

    @cached_property
    def events(self) -> Events:
        """The life events of persons."""
        empty = np.empty(0, np.int32)
        if "life_events" not in self._columns:
            return Events(self._nothing, np.zeros(self.rows, np.int64), empty, empty)
        return self._read_events(self._columns["life_events"], self.contract.signals[PERSON]["life_events"])

    def state(self, kind: CustomerType, name: str) -> Codes:
        """Of any signal a code that is `MISSING` where it is unknown and `BAD` where it is refused; of a list, its length."""
        entries = self.contract.signals[kind][name].forms.entries
        if entries == "none":
            return self.number(kind, name)
        return self.events.lengths if entries == "events" else self.choices(kind, name).lengths

    def known(self, name: str) -> Flags:
        """Where a signal is known."""
        if name not in self._columns:
            return np.zeros(self.rows, bool)
        valid = _valid(self._columns[name])
        return np.ones(self.rows, bool) if valid is None else valid

    def refused(self) -> Flags:
        """The rows for which the contract has a fault; `read_row` tells which."""
        refused = self.customer_type < 0
        for at, kind in enumerate(CUSTOMER_TYPES):
            of_kind = self.customer_type == at
            if not of_kind.any():
                continue
            declared = self.contract.signals[kind]
            faulty = self._foreign([name for name in self._columns if name not in declared])
            for name in self._columns:
                where = self._faulty(kind, name)
                if where is not None:
                    faulty |= where
            for part, whole in AT_MOST[kind]:
                few, many = self.number(kind, part), self.number(kind, whole)
                faulty |= (many >= 0) & (few > many)
            refused |= faulty & of_kind
        return refused

    def _faulty(self, kind: CustomerType, name: str) -> Flags | None:
        if name not in self.contract.signals[kind]:
            return None
        # Nearly every column is without a fault, and its least code is cheaper to have than a mask. No code is below BAD.
        codes = self.state(kind, name)
        return codes == BAD if codes.min() == BAD else None

    def _foreign(self, names: Iterable[str]) -> Flags:
        """Where any signal of the other customer type has a value at all; NaN is none."""
        packed = np.zeros((self.rows + 7) // 8, np.uint8)
        for name in names:
            column = self._columns[name]
            if pa.types.is_floating(column.type):
                column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            packed |= _packed(column)
        return np.unpackbits(packed, bitorder="little", count=self.rows).view(bool)

    @cached_property
    def _nothing(self) -> Codes:
        return np.full(self.rows, MISSING, np.int32)

    def _scalar(self, column: pa.Array, signal: Signal) -> Codes:
        own = signal.forms.arrow_type
        if pa.types.is_integer(column.type) and own == "int64":
            return _counts(column, signal.maximum)
        if pa.types.is_boolean(column.type) and own == "bool":
            return _filled(column)
        return _by_distinct(column, lambda value: self._code(signal, value))

    def _code(self, signal: Signal, value: object) -> int:
        if is_missing(value):
            return MISSING
        if self._textual:
            value = signal.forms.read_text(str(value))
        read: Any = signal.read(value, "", [])
        if read is None:
            return BAD
        return signal.values.index(read) if signal.values else int(read)

    def _read_choices(self, column: pa.Array, signal: Signal) -> Choices:
        lengths, entries = self._entries(column)
        if entries is None:
            return Choices(lengths, np.zeros(self.rows, np.int64))
        named = positions(entries, signal.values)
        starts = _starts(lengths)
        bits = _sums(np.left_shift(np.int64(1), np.maximum(named, 0)), starts)
        odd = _sums(named < 0, starts) > 0
        odd |= (lengths > signal.maximum) | (np.bitwise_count(bits) != np.maximum(lengths, 0))
        return Choices(np.where(odd & (lengths >= 0), np.int32(BAD), lengths), bits)

    def _read_events(self, column: pa.Array, signal: Signal) -> Events:
        lengths, entries = self._entries(column)
        starts = _starts(lengths)
        codes = (
            np.full(int(starts[-1]), BAD, np.int32) if entries is None else self._event_codes(entries, signal)
        )
        odd = (_sums(codes < 0, starts) > 0) | (lengths > signal.maximum)
        lengths = np.where(odd & (lengths >= 0), np.int32(BAD), lengths)
        return Events(lengths, starts[:-1], codes % _MONTHS, codes // _MONTHS)

    def _event_codes(self, entries: pa.Array, signal: Signal) -> Codes:
        """Parent code and months of each event in one number; `BAD` for what the contract refuses."""
        places = self.contract.vocabulary.event_places
        if self._textual:
            return _by_distinct(entries, lambda text: _event_code(signal, read_event_text(str(text)), places))
        if not pa.types.is_struct(entries.type) or {f.name for f in entries.type} != {"event", "months_ago"}:
            return np.full(len(entries), BAD, np.int32)
        event = _by_distinct(
            pc.struct_field(entries, "event"),
            lambda value: _event_code(signal, {"event": value, "months_ago": 0}, places),
        )
        months = _by_distinct(pc.struct_field(entries, "months_ago"), _months)
        bad = (event < 0) | (months < 0)
        if entries.null_count:
            bad |= np.asarray(entries.is_null().to_numpy(zero_copy_only=False))
        return np.where(bad, np.int32(BAD), event + months)

    def _entries(self, column: pa.Array) -> tuple[Codes, pa.Array | None]:
        """Lengths of a list column (`MISSING` where unknown), and its entries; none where it holds no lists."""
        kind = column.type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return _lengths(column), column.flatten()
        if not self._textual:
            return np.where(self._is_null(column), np.int32(MISSING), np.int32(BAD)), None
        texts = column.cast(pa.string())
        split = pc.split_pattern(texts, ";")
        lengths = _lengths(split)
        empty = pc.fill_null(pc.equal(texts, EMPTY_LIST), False)
        if not pc.any(empty).as_py():
            return lengths, split.flatten()
        none = np.asarray(empty.to_numpy(zero_copy_only=False))
        listed = np.repeat(~none, np.maximum(lengths, 0))
        return np.where(none, np.int32(0), lengths), split.flatten().filter(pa.array(listed))

    @staticmethod
    def _is_null(column: pa.Array) -> Flags:
        return np.asarray(column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False))


def events_in_order(columns: SignalColumns) -> tuple[Codes, Codes]:
    """Months since the most recent event, and the distinct parent codes most recent first, `MISSING` after the last.

    Parents have the shape (n_customers, n_most_events) and stand for those with one event or more.
    """
    lengths, starts, months, parents = columns.events
    kinds = max(len(columns.contract.vocabulary.life_events), 1)
    rows = np.flatnonzero(lengths > 0)
    most = int(lengths.max(initial=0))
    since = np.full(columns.rows, MISSING, np.int32)
    order = np.full((columns.rows, max(most, 1)), MISSING, np.int32)
    if not len(rows):
        return since, order
    # Months and code in one number, so that one sort puts events by recency and, within a month, by the order of the code list.
    keys = months * kinds + parents
    first = keys[starts[rows]]
    since[rows], order[rows, 0] = first // kinds, first % kinds
    several = rows[lengths[rows] > 1]
    if len(several):
        within = np.arange(most) < lengths[several][:, None]
        at = np.minimum(starts[several][:, None] + np.arange(most), len(keys) - 1)
        grid = np.sort(np.where(within, keys[at], np.iinfo(np.int32).max), axis=1)
        since[several] = grid[:, 0] // kinds
        codes = np.where(within, grid % kinds, np.int32(MISSING))
        # The same event twice counts where it is most recent; the holes that repetitions leave are closed after that.
        for late in range(1, most):
            repeated = (codes[:, late : late + 1] == codes[:, :late]).any(axis=1)
            codes[repeated, late] = MISSING
        packed = np.argsort(codes == MISSING, axis=1, kind="stable")
        order[several] = np.take_along_axis(codes, packed, axis=1)
    return since, order


def _plain(column: pa.Array) -> pa.Array:
    """The same values in the plain form of a type."""
    if pa.types.is_fixed_size_list(column.type):
        return column.cast(pa.list_(column.type.value_type))
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def _event_code(signal: Signal, value: object, places: Mapping[str, int]) -> int:
    faults: list[Fault] = []
    read: Any = signal.read((value,), "", faults)
    if faults:
        return BAD
    [(event, months)] = read
    return places[event] * _MONTHS + int(months)


def _months(value: object) -> int:
    months = read_count(value, MOST_MONTHS)
    return BAD if months is None else months


def positions(column: pa.Array, values: tuple[str, ...]) -> Codes:
    """Position of each text among some values; `BAD` for any other text, null or type."""
    if pa.types.is_dictionary(column.type):
        table = np.append(positions(column.dictionary, values), np.int32(BAD))
        return np.asarray(table[_indices(column)])
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return np.full(len(column), BAD, np.int32)
    return np.asarray(pc.fill_null(pc.index_in(column, pa.array(values, column.type)), BAD), np.int32)


def _lengths(column: pa.Array) -> Codes:
    """How long each list is, `MISSING` for null."""
    wide = pa.types.is_large_list(column.type)
    offsets = np.frombuffer(column.buffers()[1], np.int64 if wide else np.int32)
    lengths = np.diff(offsets[column.offset : column.offset + len(column) + 1]).astype(np.int32)
    valid = _valid(column)
    if valid is not None:
        lengths[~valid] = MISSING
    return lengths


def _counts(column: pa.Array, maximum: int) -> Codes:
    """Whole numbers, `BAD` where out of range."""
    numbers, valid = _numbers(column), _valid(column)
    codes = np.empty(len(column), np.int32)
    known = numbers if valid is None else np.where(valid, numbers, numbers.dtype.type(0))
    np.copyto(codes, known, casting="unsafe")
    if len(known) and (known.min() < 0 or known.max() > maximum):
        codes[(known < 0) | (known > maximum)] = BAD
    if valid is not None:
        codes[~valid] = MISSING
    return codes


def _filled(column: pa.Array) -> Codes:
    """Whole numbers that need no check, `MISSING` for null."""
    codes, valid = _numbers(column).astype(np.int32), _valid(column)
    if valid is not None:
        codes[~valid] = MISSING
    return codes


def _numbers(column: pa.Array) -> NDArray[np.signedinteger[Any]]:
    """The numbers of an Arrow array as they lie in memory, whatever lies where one is null; booleans as 0 and 1."""
    data, start, count = column.buffers()[1], column.offset, len(column)
    if pa.types.is_boolean(column.type):
        return _bits(data, start, count).view(np.int8)
    values = np.frombuffer(data, column.type.to_pandas_dtype())[start : start + count]
    return (
        values.astype(np.int64) if values.dtype == np.uint64 and (values >> np.uint64(63)).any() else values
    )


def _valid(column: pa.Array) -> Flags | None:
    """Where an Arrow array is not null; None where it is null nowhere."""
    bitmap = column.buffers()[0] if column.null_count else None
    return None if bitmap is None else _bits(bitmap, column.offset, len(column)).view(bool)


def _packed(column: pa.Array) -> NDArray[np.uint8]:
    """Where an Arrow array is not null, eight rows to the byte; bits past its end mean nothing."""
    size = (len(column) + 7) // 8
    if not column.null_count:
        return np.full(size, 0xFF, np.uint8)
    if column.offset % 8:
        return np.packbits(_bits(column.buffers()[0], column.offset, len(column)), bitorder="little")
    first = column.offset // 8
    return np.frombuffer(column.buffers()[0], np.uint8)[first : first + size]


def _bits(bitmap: pa.Buffer, start: int, count: int) -> NDArray[np.uint8]:
    skipped = start % 8
    packed = np.frombuffer(bitmap, np.uint8)[start // 8 : (start + count + 7) // 8]
    return np.unpackbits(packed, bitorder="little", count=skipped + count)[skipped:]


def _by_distinct(column: pa.Array, code: Callable[[Any], int]) -> Codes:
    """The code of each value, each distinct one read once."""
    try:
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    except pa.ArrowNotImplementedError:
        return np.array([code(value) for value in column.to_pylist()], np.int32)
    table = np.array([*(code(value) for value in encoded.dictionary.to_pylist()), code(None)], np.int32)
    return np.asarray(table[_indices(encoded)])


def _indices(encoded: pa.DictionaryArray) -> NDArray[np.integer[Any]]:
    """Positions in a dictionary; one past its end for null."""
    indices, valid = _numbers(encoded.indices), _valid(encoded.indices)
    return indices if valid is None else np.where(valid, indices, len(encoded.dictionary))


def _starts(lengths: Codes) -> NDArray[np.int64]:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.maximum(lengths, 0), out=starts[1:])
    return starts


def _sums(values: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of each customer's values."""
    totals = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=totals[1:])
    return np.asarray(totals[starts[1:]] - totals[starts[:-1]])
