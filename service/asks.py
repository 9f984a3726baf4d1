"""From a body or a query to checked values, with every fault found; between `body` and `schemas`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, ValidationError
from werkzeug.datastructures import MultiDict

from models.signals import Fault
from service.body import Document
from service.problems import InvalidQueryError, InvalidRequestError, faults_of
from service.schemas import Ask, BatchCustomerSchema, BatchRequestSchema, RecommendationRequestSchema

ASK: Final = RecommendationRequestSchema()
BATCH_CUSTOMER: Final = BatchCustomerSchema()
BATCH: Final = BatchRequestSchema()


def read_ask(document: Document) -> Ask:
    """The one customer of a body. Raises `InvalidRequestError`."""
    ask: Ask = load(ASK, document.json, document.identity_faults(document.json), "")
    return ask


def read_customers(document: Document) -> list[object]:
    """The customers of a batch, none of them checked yet. Raises `InvalidRequestError` if it is no batch."""
    given = others = document.json
    if isinstance(given, dict) and isinstance(given.get("customers"), list):
        others = {key: value for key, value in given.items() if key != "customers"}
    customers: list[object] = load(BATCH, given, document.identity_faults(others), "")["customers"]
    return customers


def read_customer(document: Document, customer: object, index: int) -> Ask:
    """One customer of a batch. Raises `InvalidRequestError`, with pointers into the whole body."""
    where = f"/customers/{index}"
    ask: Ask = load(BATCH_CUSTOMER, customer, document.identity_faults(customer, where), where)
    return ask


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
    if not isinstance(given, dict):
        raise InvalidRequestError([*faults, Fault(pointer, "wrong_type", "must be an object.")])
    try:
        loaded = schema.load(given)
    except ValidationError as error:
        raise InvalidRequestError([*faults, *faults_of(error, schema.fields, pointer)]) from None
    if faults:
        raise InvalidRequestError(faults)
    return loaded
