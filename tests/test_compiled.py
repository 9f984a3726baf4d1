"""The straight way of serialising: on anything the service answers, what the schema itself would dump."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import orjson
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields
from strategies import customers

from models.contract.channels import HELSINKI
from models.contract.signals import read_signals
from service.api.compiled import dumper
from service.api.explanations import EXPLANATION
from service.api.listings import GuaranteeSchema, MappingRowSchema, RuleSchema
from service.api.schemas import Answer, RecommendationSchema

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


@given(customers(), st.sampled_from(["fi", "sv", "en"]), st.integers(1, 10), st.booleans())
def test_an_answer_is_serialised_as_its_schema_says(recommender, customer, language, limit, shows):
    signals = read_signals(*customer)
    recommendation = recommender.recommend([signals], at=NOON, language=language, limit=limit)[0]
    agree(RECOMMENDATION, Answer("id", recommendation, recommendation.segment if shows else None))


@given(customers())
def test_an_explanation_is_serialised_as_its_schema_says(recommender, customer):
    agree(EXPLANATION, recommender.explain(read_signals(*customer), at=NOON))


def test_rules_guarantees_and_the_mapping_are_serialised_as_their_schemas_say(recommender):
    rulebook = recommender.rulebook
    for table in rulebook.tables.values():
        for rule in table.rules:
            agree(RuleSchema(exclude=("because", "valid_from", "valid_until")), rule)
    for guarantee in rulebook.guarantees:
        agree(GuaranteeSchema(), guarantee)
    for row in recommender.mapping():
        agree(MappingRowSchema(), row)


def test_a_field_marked_optional_drops_out_where_it_is_none():
    schema = Schema.from_dict({"a": fields.String(metadata={"optional": True}), "b": fields.String()})()
    assert dumper(schema)(SimpleNamespace(a=None, b=None)) == {"b": None}
    assert dumper(schema)(SimpleNamespace(a="a", b="b")) == {"a": "a", "b": "b"}
