"""Schemas as plain functions that serialise what their schema does, without marshmallow's machinery.

A test holds each answer equal to what the schema dumps.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from marshmallow import Schema, fields


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
