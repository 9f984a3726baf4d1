"""Schemas as plain functions, for what happens in every request; each does exactly what its schema does.

`dumper` serialises without marshmallow's machinery. `loader` walks a schema's own fields in a straight line and, on any
doubt, hands the whole document to the schema, so that there is one definition of what is allowed and one that refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from marshmallow import Schema, ValidationError, fields, missing

T = TypeVar("T")


def loader(
    schema: Schema,
    make: Callable[[Mapping[str, object]], T],
    in_doubt: Callable[[Mapping[str, object]], T] | None = None,
) -> Callable[[Mapping[str, object]], T]:
    """A function that loads as `schema.load` does.

    Parameters
    ----------
    schema : Schema
        One that refuses unknown fields and whose fields have no attribute, data key, validator or pre-processing of
        their own: all that such a field does with a value that is there is its `_deserialize`.
    make : callable
        What its post_load makes of the checked fields.
    in_doubt : callable, optional
        What loads, or refuses, a document that is not plainly right; by default `schema.load`.

    Raises
    ------
    ValueError
        If a field has more to it than that.
    """
    for name, field in schema.load_fields.items():
        if field.validators or field.attribute or field.data_key:
            raise ValueError(f"the field {name} has a validator or another name; loader does not know of it")
    steps = [
        (name, field._deserialize, field.load_default, field.required)  # noqa: SLF001  (what each field defines)
        for name, field in schema.load_fields.items()
    ]
    names = schema.load_fields.keys()
    otherwise: Callable[[Mapping[str, object]], T] = in_doubt or schema.load

    def load(source: Mapping[str, Any]) -> T:
        if type(source) is dict and source.keys() <= names:
            values = {}
            try:
                for name, deserialize, default, required in steps:
                    value = source.get(name)
                    if value is not None:
                        values[name] = deserialize(value, name, source)
                    elif required or name in source:
                        break
                    elif default is not missing:
                        values[name] = default
                else:
                    return make(values)
            except ValidationError:
                pass
        return otherwise(source)

    return load


def dumper(schema: Schema) -> Callable[[object], dict[str, object]]:
    """A function that serialises as `schema.dump` does, leaving dates to orjson; fields marked optional drop out if None."""
    steps = [
        (
            name,
            attrgetter(field.attribute or name),
            _value_dumper(field),
            bool(field.metadata.get("optional")),
        )
        for name, field in schema.dump_fields.items()
    ]

    def dump(record: object) -> dict[str, object]:
        wire = {}
        for name, get, convert, optional in steps:
            value = get(record)
            if value is not None and convert is not None:
                value = convert(value)
            if value is not None or not optional:
                wire[name] = value
        return wire

    return dump


def _value_dumper(field: fields.Field[Any]) -> Callable[[Any], Any] | None:
    if isinstance(field, fields.Nested):
        dump = dumper(field.schema)
        return (lambda values: [dump(value) for value in values]) if field.many else dump
    return None
