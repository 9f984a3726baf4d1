"""The many Arrow types of one value, brought to the few that signal columns are read from.

Polars writes text as string views, DuckDB keys as UUIDs, pandas words as dictionaries, others bytes or runs: all mean
text. A type that means no signal at all (a map, a union) is refused by name, before a run begins.
"""

from __future__ import annotations

from typing import Final, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns.paths import CustomerFileError

_HEX: Final = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint8).reshape(256, 2)
_UUID_BYTES: Final = 16
_UUID_LENGTH: Final = 36
_UUID_PLACES: Final = np.delete(np.arange(_UUID_LENGTH), [8, 13, 18, 23])


def readable(kind: pa.DataType, *, key: bool = False) -> pa.DataType:
    """The type that a column of some type is read as; of a `key`, plain.

    Raises
    ------
    CustomerFileError
        If it is none that a signal, key or language may have.
    """
    if isinstance(kind, pa.UuidType) or is_text(kind):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return readable(kind.storage_type, key=key)
    if pa.types.is_run_end_encoded(kind):
        return readable(kind.value_type, key=key)
    if pa.types.is_dictionary(kind):
        words = readable(kind.value_type, key=key)
        return words if key else pa.dictionary(pa.int32(), words)
    if pa.types.is_nested(kind) or pa.types.is_temporal(kind):
        return _refused(kind, "Write keys as text or whole numbers.") if key else _readable_nested(kind)
    return kind


def is_text(kind: pa.DataType) -> bool:
    """Whether a type holds text, or bytes that may be text."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def _readable_nested(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([(field.name, readable(field.type)) for field in kind])
    if types.is_temporal(kind):
        _refused(kind, "No signal is a time: write a number or text.")
    if types.is_map(kind) or types.is_union(kind):
        _refused(kind, "Write a list of text, or for life events a list of struct(event, months_ago).")
    make = pa.large_list if types.is_large_list(kind) else pa.list_
    return make(readable(kind.value_type))


def _refused(kind: pa.DataType, remedy: str) -> NoReturn:
    raise CustomerFileError(f"is of type {kind}, which is not read. {remedy}")


def read_as(column: pa.Array, *, key: bool = False) -> pa.Array:
    """A column in the type of `readable`.

    Raises
    ------
    CustomerFileError
        If it holds bytes that are not UTF-8, or is of a type that is not read.
    """
    wanted = readable(column.type, key=key)
    try:
        converted = _as(column, readable(column.type) if pa.types.is_dictionary(column.type) else wanted)
        if pa.types.is_dictionary(converted.type) and (key or converted.dictionary.null_count):
            converted = converted.cast(converted.type.value_type)
        if _holds_text(converted.type):
            converted.validate(full=True)
    except pa.ArrowNotImplementedError:
        _refused(column.type, "Write it as plain text.")
    except pa.ArrowInvalid:
        raise CustomerFileError(
            "holds bytes that are not UTF-8 text. Write it as text, a UUID as its 36 characters."
        ) from None
    return converted


def _as(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if isinstance(column.type, pa.UuidType):
        return _uuid_texts(column.storage)
    if isinstance(column.type, pa.BaseExtensionType):
        return _as(column.storage, wanted)
    if pa.types.is_run_end_encoded(column.type):
        return _as(pc.run_end_decode(column), wanted)
    if pa.types.is_dictionary(column.type):
        if is_text(column.type.value_type) and not pa.types.is_string(column.type.value_type):
            words = _as(column.dictionary, wanted.value_type)
            return pa.DictionaryArray.from_arrays(column.indices, words)
        return column
    if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
        # Not by cast: pyarrow 26 loses the last list of a list view where another is null.
        column = pa.array(column.to_pylist(), pa.list_(column.type.value_type))
    return column if column.type == wanted else column.cast(wanted)


def _holds_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_nested(kind))


def _uuid_texts(keys: pa.Array) -> pa.Array:
    """UUIDs of 16 bytes as their 36 characters."""
    count = len(keys)
    held = np.frombuffer(keys.buffers()[1] or b"", np.uint8)
    begin = keys.offset * _UUID_BYTES
    rows = held[begin : begin + count * _UUID_BYTES].reshape(count, _UUID_BYTES)
    texts = np.full((count, _UUID_LENGTH), ord("-"), np.uint8)
    texts[:, _UUID_PLACES] = _HEX[rows].reshape(count, 2 * _UUID_BYTES)
    ends = np.arange(count + 1, dtype=np.int32) * _UUID_LENGTH
    strings = pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(texts.tobytes()))
    return pc.if_else(keys.is_valid(), strings, pa.scalar(None, pa.string()))
