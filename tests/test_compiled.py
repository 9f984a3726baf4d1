"""Requests read and answers serialised without marshmallow's machinery: on anything, what the schema itself would give."""

from __future__ import annotations

import random
from datetime import datetime
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields
from strategies import customers

from models.contract.channels import HELSINKI
from models.contract.signals import FaultLimit
from service.api.compiled import dumper
from service.api.explanations import EXPLANATION
from service.api.fields import TERMS, Terms
from service.api.listing_schemas import (
    CampaignSchema,
    GuaranteeSchema,
    MappingRowSchema,
    RuleSchema,
)
from service.api.requests import ASK, BATCH_CUSTOMER
from service.api.schemas import Answer, Ask, RecommendationSchema
from testing.shipped import CONTRACT, LANGUAGES, read_signals

RECOMMENDATION = RecommendationSchema()
NOON = datetime(2026, 6, 1, 12, tzinfo=HELSINKI)


def without_optional_nulls(schema, wire):
    """What the schema dumped, without nulls in fields marked optional: those drop out of answers."""
    if isinstance(wire, list):
        return [without_optional_nulls(schema, part) for part in wire]
    if wire is None:
        return None
    return {
        name: without_optional_nulls(field.schema, wire[name])
        if isinstance(field, fields.Nested)
        else wire[name]
        for name, field in schema.dump_fields.items()
        if wire[name] is not None or not field.metadata.get("optional")
    }


def as_sent(wire):
    return orjson.loads(orjson.dumps(wire))


def agree(schema, record):
    straight = as_sent(dumper(schema)(record))
    assert straight == as_sent(without_optional_nulls(schema, schema.dump(record)))


SCHEMAS = {"single": ASK, "of-a-batch": BATCH_CUSTOMER}
STRANGE = (
    None, True, False, 0, 1, -1, 3, 3.0, 2.5, 11, 51, 1 << 70, float("1e300"), "", "x", "fi", "person", "5", "\0", "a" * 101,
    "2026-06-01", "2026-06-01T12:00:00+03:00", "2026-13-01", "1999-01-01", "2026-06-01T12:00:00", [], ["a"], [1], ["a"] * 51,
    {}, {"minor": False}, {"age": 4}, {"minor": None}, {"employees": 3},
)  # fmt: skip
FIELDS = (*BATCH_CUSTOMER.fields, "as-of", "Language", "", "segment")
BODIES = st.tuples(
    customers(),
    st.sampled_from(LANGUAGES),
    st.integers(1, 10),
    st.lists(st.text("ab-", min_size=1, max_size=5), max_size=3),
).map(
    lambda drawn: {
        "customer_type": drawn[0][0],
        "signals": drawn[0][1],
        "language": drawn[1],
        "limit": drawn[2],
        "shown": drawn[3],
    }
)


def verdict(load, body):
    token = TERMS.set(Terms(CONTRACT, FaultLimit(1, 0)))
    try:
        return "taken", load(body)
    except ValidationError as error:
        return "refused", error.messages
    finally:
        TERMS.reset(token)


def changed(body, chance):
    """The body with up to three fields left out, replaced or added."""
    body = dict(body)
    for _ in range(chance.randrange(4)):
        name = chance.choice(FIELDS)
        if chance.random() < 0.3:
            body.pop(name, None)
        else:
            body[name] = chance.choice(STRANGE)
    return body


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
@given(BODIES, st.integers(0, 1 << 32))
def test_a_body_has_the_same_verdict_and_value_as_by_marshmallows_own_load(schema, body, seed):
    chance, verdicts = random.Random(seed), set()

    def by_load(body):
        values = dict.fromkeys(schema.fields) | schema.load(body)
        del values["customer_type"]
        return Ask(**values)

    for tried in [body, *(changed(body, chance) for _ in range(170))]:
        found = verdict(schema.read, tried)
        assert found == verdict(by_load, tried)
        verdicts.add(found[0])
    assert "taken" in verdicts


@given(customers(), st.sampled_from(LANGUAGES), st.integers(1, 10), st.booleans())
def test_an_answer_is_serialised_as_its_schema_says(recommender, customer, language, limit, shows):
    signals = read_signals(*customer)
    recommendation = recommender.recommend([signals], at=NOON, language=language, limit=limit)[0]
    agree(RECOMMENDATION, Answer("id", recommendation, recommendation.segment if shows else None))


@given(customers())
def test_an_explanation_is_serialised_as_its_schema_says(recommender, customer):
    agree(EXPLANATION, recommender.explain(read_signals(*customer), at=NOON))


def test_rules_guarantees_campaigns_and_the_mapping_are_serialised_as_their_schemas_say(recommender):
    rulebook = recommender.rulebook
    for table in rulebook.tables.values():
        for rule in table.rules:
            agree(RuleSchema(exclude=("because", "valid_from", "valid_until")), rule)
    for guarantee in rulebook.guarantees:
        agree(GuaranteeSchema(), guarantee)
    for campaign in rulebook.campaigns.all:
        agree(CampaignSchema(), campaign)
    for row in recommender.mapping():
        agree(MappingRowSchema(), row)


def test_a_field_marked_optional_drops_out_where_it_is_none():
    schema = Schema.from_dict({"a": fields.String(metadata={"optional": True}), "b": fields.String()})()
    assert dumper(schema)(SimpleNamespace(a=None, b=None)) == {"b": None}
    assert dumper(schema)(SimpleNamespace(a="a", b="b")) == {"a": "a", "b": "b"}
