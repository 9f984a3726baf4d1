"""From a body or a query to checked values, with every fault found; between `body` and `schemas`.

A `contract` is that of the bundle that answers: its vocabulary says which codes a request may name.

The first 20 faults of a customer are listed, and 200 of a request; the others are counted, without a sentence made for
each, so that a request of which nothing is right costs no more than one that is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from marshmallow import Schema, ValidationError
from werkzeug.datastructures import LanguageAccept, MultiDict

from models.contract.codes import Language
from models.contract.identity_codes import holds_identity_code
from models.contract.signals import MOST_FAULTS, Fault, FaultLimit, SignalContract
from models.contract.vocabulary import EMPTY, Vocabulary
from service.api.fields import TERMS, Terms
from service.api.problems import MOST_LISTED, InvalidQueryError, InvalidRequestError, faults_of
from service.api.schemas import (
    Ask,
    Batch,
    BatchCustomerSchema,
    BatchRequestSchema,
    RecommendationRequestSchema,
)
from service.http.body import Document

T = TypeVar("T")
ASK: Final = RecommendationRequestSchema()
BATCH_CUSTOMER: Final = BatchCustomerSchema()
BATCH: Final = BatchRequestSchema()
_NO_CODES: Final = SignalContract(EMPTY)
ENGLISH: Final = "en"
"""The language in which the words of Arki's own pages are written, and translated from."""
INTERFACE_LANGUAGES: Final = ("fi", "sv", ENGLISH)
"""The languages that Arki's own pages are translated into; those of answers are the vocabulary's."""


def read_ask(document: Document, contract: SignalContract) -> Ask:
    """The one customer of a body. Raises `InvalidRequestError`."""
    faults = document.identity_faults(document.json)
    return _load(ASK, ASK.read, document.json, faults, "", contract, limit_of_request())


def customers_in(document: Document) -> int:
    """How many customers a batch claims to have; 1 where it is no list."""
    customers = document.json.get("customers") if isinstance(document.json, dict) else None
    return max(1, len(customers)) if isinstance(customers, list) else 1


def read_batch(document: Document, contract: SignalContract) -> Batch:
    """A batch, its customers not checked yet. Raises `InvalidRequestError` if it is none."""
    body = others = document.json
    if isinstance(body, dict) and isinstance(body.get("customers"), list):
        others = {key: value for key, value in body.items() if key != "customers"}
    faults = document.identity_faults(others)
    return Batch(**_load(BATCH, BATCH.load, body, faults, "", contract, limit_of_request()))


def read_customer(
    document: Document, customer: object, index: int, contract: SignalContract, limit: FaultLimit
) -> Ask:
    """One customer of a batch, whose faults count against the limit of the request.

    Raises
    ------
    InvalidRequestError
        With pointers into the whole body.
    """
    where = f"/customers/{index}"
    faults = document.identity_faults(customer, where)
    return _load(BATCH_CUSTOMER, BATCH_CUSTOMER.read, customer, faults, where, contract, limit)


def read_plain(document: Document, contract: SignalContract) -> Ask:
    """One customer of an API's request whose body was not kept, in a batch or alone. Raises `InvalidRequestError`."""
    faults = document.identity_faults(document.json)
    limit = limit_of_request()
    return _load(BATCH_CUSTOMER, BATCH_CUSTOMER.read, document.json, faults, "", contract, limit)


def ref_of(customer: object) -> str | None:
    """The ref of a customer that is refused, where it may be given back."""
    ref = customer.get("ref") if isinstance(customer, dict) else None
    try:
        BATCH_CUSTOMER.fields["ref"].deserialize(ref)
    except ValidationError:
        return None
    return ref if isinstance(ref, str) and not holds_identity_code(ref) else None


def limit_of_request() -> FaultLimit:
    """What one answer may list: 200 faults, and 5 hints at the name that was meant."""
    return FaultLimit(MOST_LISTED)


def preferred_language(
    accepted: LanguageAccept, languages: Collection[Language], default: Language
) -> Language:
    """Which of some languages a browser prefers, of whatever country; the default where it names none of them."""
    tags = (tag.partition("-")[0] for tag, _ in accepted)
    return next((tag for tag in tags if tag in languages), default)


def interface_language(language: Language, vocabulary: Vocabulary) -> Language:
    """In which language Arki's own words stand beside content in a language: itself, or its first fallback that they have."""
    if language in vocabulary.languages:
        return vocabulary.languages[language].spoken(INTERFACE_LANGUAGES) or ENGLISH
    return language if language in INTERFACE_LANGUAGES else ENGLISH


def read_query(schema: Schema, args: MultiDict[str, str], contract: SignalContract) -> Mapping[str, Any]:
    """The parameters of a query. Raises `InvalidQueryError`; a parameter may stand once."""
    names = [field.data_key or name for name, field in schema.fields.items()]
    faults = [
        Fault(name, "repeated", "may stand once.")
        for name, values in args.lists()
        if len(values) > 1 and name in names
    ]
    values, unlisted = _without_excess(args.to_dict(), names)
    token = TERMS.set(Terms(contract, FaultLimit()))
    try:
        query: Mapping[str, Any] = schema.load(values)
    except ValidationError as error:
        schema_faults, more = faults_of(error, schema.fields or ("none",))
        faults += [fault._replace(pointer=fault.pointer.lstrip("/")) for fault in schema_faults]
        unlisted += more
    finally:
        TERMS.reset(token)
    if faults:
        raise InvalidQueryError(faults[:MOST_FAULTS], unlisted + len(faults[MOST_FAULTS:]))
    return query


def load(schema: Schema, value: object, faults: list[Fault], pointer: str, limit: FaultLimit) -> Any:  # noqa: ANN401  (per schema)
    """What a schema without codes makes of part of a body, its other faults added. Raises `InvalidRequestError`."""
    return _load(schema, schema.load, value, faults, pointer, _NO_CODES, limit)


def _load(
    schema: Schema,
    read: Callable[[Any], T],
    value: object,
    faults: list[Fault],
    pointer: str,
    contract: SignalContract,
    limit: FaultLimit,
) -> T:
    if not isinstance(value, dict):
        raise _refusal([*faults, Fault(pointer, "wrong_type", "must be an object.")], 0, pointer, limit)
    known, unlisted = _without_excess(value, schema.fields)
    part = FaultLimit(min(MOST_FAULTS, limit.faults), limit.hints)
    token = TERMS.set(Terms(contract, part))
    try:
        loaded = read(known)
    except ValidationError as error:
        schema_faults, more = faults_of(error, schema.fields, pointer)
        raise _refusal([*faults, *schema_faults], unlisted + more, pointer, limit) from None
    finally:
        TERMS.reset(token)
        limit.hints = part.hints
    if faults:
        raise _refusal(faults, 0, pointer, limit)
    return loaded


def _refusal(faults: list[Fault], unlisted: int, pointer: str, limit: FaultLimit) -> InvalidRequestError:
    """The error of a part of a request, with as many of its faults as may be listed."""
    most = min(MOST_FAULTS, limit.faults)
    listed, others = faults[:most], faults[most:]
    limit.faults -= len(listed)
    return InvalidRequestError(listed, unlisted + len(others), pointer)


def _without_excess(values: Mapping[str, Any], names: Collection[str]) -> tuple[Mapping[str, Any], int]:
    """What is given without unknown fields beyond those that could be listed, and how many these are."""
    if len(values) <= len(names) + MOST_FAULTS:
        return values, 0
    excess = {*[name for name in values if name not in names][MOST_FAULTS:]}
    return {name: value for name, value in values.items() if name not in excess}, len(excess)
