"""The OpenAPI 3.1 document, made from the schemas, a vocabulary and the operations; nothing is written twice.

A service shows that of the bundle it answers from. `python -m service.api.openapi` prints that of the shipped vocabulary; the
committed `openapi.json` is what it prints.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from models.contract.codes import CUSTOMER_TYPES
from models.contract.signals import AT_MOST, Signal, SignalContract
from models.contract.vocabulary import Vocabulary, read_vocabulary
from service.api.fields import CODES, ContractField, Texts
from service.api.operations import OPERATIONS, Operation
from service.api.outcome_schemas import OutcomeEventSchema
from service.api.problems import KINDS, PROBLEM_JSON
from service.api.schemas import BatchCustomerSchema, HealthSchema, ProblemSchema, ReadySchema

EXAMPLES: Final = Path(__file__).parent / "examples.json"
_ABOUT: Final = (
    "Tells a channel of Kela, the Social Insurance Institution of Finland, what to offer a customer next: which channel, "
    "which content, and why. Information only: it decides no benefit. Arki is an independent open project, not Kela's own. "
    "Keys travel as `Authorization: Bearer <key>`, never in an address. Errors are RFC 9457 problems and never repeat "
    "what was sent. A key may send a number of requests in a window: a batch of recommendations counts as one request for "
    "each customer, whether answered or refused, an explanation as three, a list of outcomes as one. `RateLimit` says what is left. A request that does "
    "not fit is refused whole with 429, and `Retry-After` says when the next window begins; a batch refused so counts as one."
)
_OF_EVERY_OPERATION: Final = (401, 403, 406, 421, 422, 429, 500, 503)
_OF_A_BODY: Final = (400, 413, 415)


@lru_cache(maxsize=2)
def served_document(contract: SignalContract) -> bytes:
    """The document of a bundle as it is served, made when it is first asked for."""
    return orjson.dumps(openapi_document(contract.vocabulary))


def openapi_document(vocabulary: Vocabulary) -> dict[str, object]:
    """The whole document of a vocabulary, as JSON values."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Arki",
        version=importlib.metadata.version("arki"),
        openapi_version="3.1.0",
        info={
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
            "x-vocabulary-version": vocabulary.version,
        },
        servers=[{"url": "/"}],
        plugins=[plugin],
    )
    converter = plugin.converter
    if converter is None:
        raise TypeError("apispec has not set its marshmallow plugin up")
    converter.add_attribute_function(_described_field(vocabulary))  # type: ignore[no-untyped-call]  # apispec has none
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer"})
    for customer_type, signals in SignalContract(vocabulary).signals.items():
        name = f"{customer_type.capitalize()}Signals"
        spec.components.schema(name, _signals_schema(customer_type, signals))
    spec.components.schema("Texts", _texts_schema(vocabulary))
    for schema in (ProblemSchema, BatchCustomerSchema, OutcomeEventSchema):
        spec.components.schema(schema.__name__.removesuffix("Schema"), schema=schema)
    for status, title in _problem_titles().items():
        spec.components.response(f"Problem{status}", _problem_response(title))
    examples = _spoken(json.loads(EXAMPLES.read_text(encoding="utf-8")), vocabulary)
    for operation in OPERATIONS:
        described = _describe(operation, converter, examples[operation.view.__name__])
        path = operation.rule.replace("<", "{").replace(">", "}")
        spec.path(path, operations={operation.method.lower(): described})
    for path, described in _OPEN.items():
        spec.path(path, operations={"get": described})
    document: dict[str, Any] = json.loads(json.dumps(spec.to_dict()))
    schemas = document["components"]["schemas"]
    for name in ("RecommendationRequest", "BatchCustomer"):
        schemas[name] |= _BY_CUSTOMER_TYPE
    one = {"$ref": "#/components/schemas/OutcomeEvent"}
    schemas["OutcomeEvents"] = {
        "oneOf": [one, schemas["OutcomeEvents"]],
        "description": "One event, or a list.",
    }
    return document


def _texts_schema(vocabulary: Vocabulary) -> dict[str, object]:
    """A text in every language of answers."""
    return {
        "type": "object",
        "additionalProperties": False,
        "description": "The same in each language; where it was not written in one, that of its first fallback.",
        "properties": {language: {"type": "string"} for language in vocabulary.languages},
        "required": list(vocabulary.languages),
    }


def _signals_schema(customer_type: str, signals: Mapping[str, Signal]) -> dict[str, object]:
    """The signals of a customer type, from the contract that checks them."""
    limits = [f"{part} cannot be more than {whole}." for part, whole in AT_MOST[customer_type]]
    return {
        "type": "object",
        "additionalProperties": False,
        "description": " ".join(["Every signal is optional; null, or left out, is unknown.", *limits]),
        "properties": {name: _signal_schema(signal) for name, signal in signals.items()},
    }


def _signal_schema(signal: Signal) -> dict[str, object]:
    unit = f" Unit: {signal.unit}." if signal.unit else ""
    used = {"model": "the model", "rules": "the rules", "both": "the model and the rules"}[signal.used_by]
    description = f"{signal.meaning}.{unit} Used by {used}: {signal.why}."
    return {**signal.forms.json_schema(signal), "description": description}


_BY_CUSTOMER_TYPE: Final = {
    "oneOf": [
        {
            "title": kind,
            "properties": {
                "customer_type": {"const": kind},
                "signals": {"$ref": f"#/components/schemas/{kind.capitalize()}Signals"},
            },
        }
        for kind in CUSTOMER_TYPES
    ]
}


def _described_field(vocabulary: Vocabulary) -> Callable[..., dict[str, object]]:
    """What apispec asks of every field: what it says itself, and the codes that a vocabulary gives it."""

    def described(_: object, field: fields.Field[Any], **__: object) -> dict[str, object]:
        if isinstance(field, Texts):
            return {"$ref": "#/components/schemas/Texts"}
        schema = dict(field.json_schema) if isinstance(field, ContractField) else {}
        if "codes" in field.metadata:
            codes = list(CODES[field.metadata["codes"]](vocabulary))
            schema["enum"] = [*codes, None] if field.allow_none else codes
        if "codes_of_items" in field.metadata:
            codes = list(CODES[field.metadata["codes_of_items"]](vocabulary))
            schema |= {"maxItems": len(codes), "items": {"type": "string", "enum": codes}}
        return schema

    return described


def _describe(operation: Operation, converter: Any, examples: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """One operation: what goes in, what comes out, what may go wrong."""
    path = operation.rule
    parameters: list[object] = [
        {
            "in": "path",
            "name": path.partition("<")[2].partition(">")[0],
            "required": True,
            "schema": {"type": "string"},
        }
    ] * ("<" in path)
    parameters += converter.schema2parameters(operation.query, location="query")
    problems = [
        *_OF_EVERY_OPERATION,
        *([404] if "<" in path else []),
        *operation.problems,
        *(_OF_A_BODY if operation.body else ()),
    ]
    described: dict[str, object] = {
        "operationId": operation.view.__name__,
        "summary": _summary(operation),
        "description": f"Needs the scope `{operation.scope}`.",
        "security": [{"key": []}],
        "parameters": parameters,
        "responses": {
            **{
                str(status): {"description": "The answer.", "content": _answers(operation, examples)}
                for status in operation.answers
            },
            **{
                str(status): {"$ref": f"#/components/responses/Problem{status}"}
                for status in sorted(problems)
            },
        },
    }
    if operation.body is not None:
        content = {"schema": operation.body, "examples": _named(examples["requests"])}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _answers(operation: Operation, examples: Mapping[str, object]) -> dict[str, object]:
    named = _named({"answer": examples["response"]})
    if operation.answer is None:
        return {
            media_type: {"schema": {"type": "string"}, "examples": named}
            for media_type in operation.media_types
        }
    content: dict[str, object] = {"application/json": {"schema": operation.answer, "examples": named}}
    if "text/csv" in operation.media_types:
        content["text/csv"] = {"schema": {"type": "string"}}
    return content


def _spoken(example: Any, vocabulary: Vocabulary) -> Any:  # noqa: ANN401  (JSON)
    """An example as answers of a vocabulary are: each text in all its languages. The file has those of the shipped one."""
    if isinstance(example, list):
        return [_spoken(each, vocabulary) for each in example]
    if not isinstance(example, dict):
        return example
    are_texts = all(isinstance(value, str) for value in example.values())
    if are_texts and example.keys() >= set(vocabulary.national_languages):
        return vocabulary.in_every_language(example)
    return {key: _spoken(value, vocabulary) for key, value in example.items()}


def _named(examples: Mapping[str, object]) -> dict[str, object]:
    return {name: {"value": value} for name, value in examples.items()}


def _summary(operation: Operation) -> str:
    return (operation.view.__doc__ or "").partition("\n")[0].rstrip(".")


def _problem_titles() -> dict[int, str]:
    titles = {int(kind.status): kind.title for kind in KINDS.values()}
    return titles | {500: "Something went wrong in the service"}


def _problem_response(title: str) -> dict[str, object]:
    return {"description": f"{title}.", "content": {PROBLEM_JSON: {"schema": "Problem"}}}


def _open(
    name: str, summary: str, schema: Mapping[str, object] | Schema, *problems: int
) -> dict[str, object]:
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": {"schema": schema}}},
            **{
                str(status): {"$ref": f"#/components/responses/Problem{status}"}
                for status in (*problems, 421, 500)
            },
        },
    }


_OPEN: Final = {
    "/healthz": _open("healthz", "Say that the process answers", HealthSchema()),
    "/readyz": _open(
        "readyz", "Say which bundle is served, and why a newer one was refused", ReadySchema(), 503
    ),
    "/openapi.json": _open("openapi", "The API's OpenAPI 3.1 document", {"type": "object"}),
}


def _shipped() -> Vocabulary:
    from models.authoring.loader import read_authored  # noqa: PLC0415  (a service reads no YAML)

    authored = read_authored()
    return read_vocabulary(authored.vocabulary, authored.channels)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(openapi_document(_shipped()), indent=2, ensure_ascii=False) + "\n")
