"""From a body or a query to checked values, with every fault found; between `body` and `schemas`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from marshmallow import Schema, ValidationError
from werkzeug.datastructures import MultiDict

from models.signals import Fault
from service.body import Document
from service.compiled import loader
from service.problems import InvalidQueryError, InvalidRequestError, faults_of
from service.schemas import (
    Ask,
    BatchCustomerSchema,
    BatchRequestSchema,
    RecommendationRequestSchema,
    ask_of,
)

T = TypeVar("T")
ASK: Final = RecommendationRequestSchema()
BATCH_CUSTOMER: Final = BatchCustomerSchema()
BATCH: Final = BatchRequestSchema()
_ask: Final = loader(ASK, ask_of)
_customer: Final = loader(BATCH_CUSTOMER, ask_of)


def read_ask(document: Document) -> Ask:
    """The one customer of a body. Raises `InvalidRequestError`."""
    return _load(_ask, document.json, document.identity_faults(document.json), "", ASK.fields)


def read_customers(document: Document) -> list[object]:
    """The customers of a batch, none of them checked yet. Raises `InvalidRequestError` if it is no batch."""
    given = others = document.json
    if isinstance(given, dict) and isinstance(given.get("customers"), list):
        others = {key: value for key, value in given.items() if key != "customers"}
    found: dict[str, list[object]] = load(BATCH, given, document.identity_faults(others), "")
    return found["customers"]


def read_customer(document: Document, customer: object, index: int) -> Ask:
    """One customer of a batch. Raises `InvalidRequestError`, with pointers into the whole body."""
    where = f"/customers/{index}"
    return _load(_customer, customer, document.identity_faults(customer, where), where, BATCH_CUSTOMER.fields)


def read_query(schema: Schema, args: MultiDict[str, str]) -> Mapping[str, Any]:
    """The parameters of a query. Raises `InvalidQueryError`; a parameter may stand once."""
    faults = [
        Fault(name, "repeated", "may stand once.")
        for name, values in args.lists()
        if len(values) > 1 and name in schema.fields
    ]
    try:
        query: Mapping[str, Any] = schema.load(args.to_dict())
    except ValidationError as error:
        faults += [
            fault._replace(pointer=fault.pointer.lstrip("/"))
            for fault in faults_of(error, schema.fields or ("none",))
        ]
    if faults:
        raise InvalidQueryError(faults)
    return query


def load(schema: Schema, given: object, faults: list[Fault], pointer: str) -> Any:  # noqa: ANN401  (per schema)
    """What a schema makes of part of a body, its other faults added. Raises `InvalidRequestError`."""
    return _load(schema.load, given, faults, pointer, schema.fields)


def _load(
    load: Callable[[Any], T], given: object, faults: list[Fault], pointer: str, names: Iterable[str]
) -> T:
    if not isinstance(given, dict):
        raise InvalidRequestError([*faults, Fault(pointer, "wrong_type", "must be an object.")])
    try:
        loaded = load(given)
    except ValidationError as error:
        raise InvalidRequestError([*faults, *faults_of(error, names, pointer)]) from None
    if faults:
        raise InvalidRequestError(faults)
    return loaded
