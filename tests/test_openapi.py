"""The OpenAPI document is what the service does: same routes, same shapes, examples that work."""

from __future__ import annotations

import json
import uuid

import jsonschema
import pytest
from conftest import NOW

from service.api.openapi import openapi_document
from service.api.operations import OPERATIONS
from service.app import OPEN_ENDPOINTS
from testing.shipped import SIGNALS, VOCABULARY

DOCUMENT = openapi_document(VOCABULARY)
HIDDEN = {
    "static",
    "pages.home",
    "pages.docs",
    "pages.content_page",
    "demo.demo_page",
    "demo.client_module",
}  # for people and their browsers


def operations():
    return {
        operation["operationId"]: (path, method, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def validator(schema):
    return jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def body_of(operation):
    return operation["requestBody"]["content"]["application/json"]


def answer_of(operation):
    return operation["responses"]["200"]["content"]["application/json"]


REPLAYED = [
    pytest.param(path, example["value"], id=f"{name}-{which}")
    for name, (path, _, operation) in operations().items()
    if "requestBody" in operation
    for which, example in body_of(operation)["examples"].items()
]


def test_the_committed_document_is_the_served_one(stranger, request):
    committed = json.loads((request.config.rootpath / "openapi.json").read_text(encoding="utf-8"))
    served = stranger.get("/openapi.json").json
    assert served == DOCUMENT
    assert committed == served, "run `make openapi` and commit openapi.json"


def test_every_route_is_documented_and_nothing_else(app):
    routes = {
        rule.rule.replace("<", "{").replace(">", "}")
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in HIDDEN and not rule.endpoint.startswith("console.")
    }
    assert set(DOCUMENT["paths"]) == routes
    assert HIDDEN < OPEN_ENDPOINTS


def test_every_operation_says_what_it_does_what_it_needs_and_what_may_go_wrong():
    assert len(operations()) == len(OPERATIONS) + 3
    for operation in OPERATIONS:
        _, _, described = operations()[operation.view.__name__]
        assert described["summary"]
        assert not described["summary"].endswith(".")
        assert operation.scope in described["description"]
        assert described["security"] == [{"key": []}]
        needed = {"200", "401", "403", "406", "422", "429", "500", "503"} | (
            {"400", "413", "415"} if operation.body else set()
        )
        assert needed <= set(described["responses"])


def test_every_reference_in_the_document_leads_somewhere():
    text = json.dumps(DOCUMENT)
    for pointer in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        found = DOCUMENT
        for step in pointer.split("/"):
            found = found[step]
        assert found


def test_every_schema_is_a_valid_one():
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("customer_type", ["person", "employer"])
def test_every_signal_is_documented_with_its_meaning_and_its_range(customer_type):
    documented = DOCUMENT["components"]["schemas"][f"{customer_type.capitalize()}Signals"]
    assert documented["additionalProperties"] is False
    assert list(documented["properties"]) == list(SIGNALS[customer_type])
    for name, signal in SIGNALS[customer_type].items():
        schema = documented["properties"][name]
        assert signal.meaning in schema["description"]
        if signal.kind == "count":
            assert (schema["minimum"], schema["maximum"]) == (0, signal.maximum)
            assert signal.unit in schema["description"]


def fresh(client, body):
    """An example with a live reference in each event: one in a document expires, and is signed elsewhere."""
    if "events" in body:
        return body | {"events": [fresh(client, event) for event in body["events"]]}
    if "recommendation_id" not in body:
        return body
    asked = {"customer_type": "person", "signals": {"life_events": [{"event": "KE8", "months_ago": 1}]}}
    answer = client.post("/v1/recommendations", json=asked).json
    item, event_id = answer["items"][0]["content"]["id"], str(uuid.uuid4())
    given = {"recommendation_id": answer["recommendation_id"], "item": item, "event_id": event_id}
    return body | given | {"occurred_at": NOW.isoformat()}


@pytest.mark.parametrize(("path", "body"), REPLAYED)
def test_an_example_request_is_valid_and_is_answered_in_the_documented_shape(client, path, body):
    operation = DOCUMENT["paths"][path]["post"]
    if "one_refused" not in str(path) and "customers" not in body:
        validator(body_of(operation)["schema"]).validate(body)
    response = client.post(path, json=fresh(client, body))
    assert str(response.status_code) in operation["responses"]
    assert response.status_code < 300
    validator(answer_of(operation)["schema"]).validate(response.json)


@pytest.mark.parametrize("name", [operation.view.__name__ for operation in OPERATIONS if operation.answer])
def test_an_example_answer_is_valid(name):
    _, _, operation = operations()[name]
    for example in answer_of(operation)["examples"].values():
        validator(answer_of(operation)["schema"]).validate(example["value"])


@pytest.mark.parametrize(
    "signals",
    [{"phone_contacts_90d": 1001}, {"employees": 3}, {"hetu": "x"}, {"minor": "yes"}],
    ids=["out-of-range", "of-an-employer", "barred", "wrong-type"],
)
def test_what_the_document_forbids_the_service_refuses(client, signals):
    body = {"customer_type": "person", "signals": signals}
    schema = DOCUMENT["components"]["schemas"]["RecommendationRequest"]
    assert not validator(schema).is_valid(body)
    assert client.post("/v1/recommendations", json=body).status_code == 422


@pytest.mark.parametrize(
    "operation", [o for o in OPERATIONS if o.method == "GET" and o.answer], ids=lambda o: o.view.__name__
)
def test_what_is_listed_has_the_documented_shape(client, operation):
    path = operation.rule.replace("<segment>", "steady")
    response = client.get(path)
    assert response.status_code == 200
    _, _, described = operations()[operation.view.__name__]
    validator(answer_of(described)["schema"]).validate(response.json)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_has_the_documented_shape(stranger, path):
    schema = answer_of(DOCUMENT["paths"][path]["get"])["schema"]
    validator(schema).validate(stranger.get(path).json)
