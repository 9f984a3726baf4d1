"""The straight way of loading a request: the schema's own verdict and value, on anything."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields
from strategies import customers

from service.api.compiled import loader
from service.api.requests import ASK, BATCH_CUSTOMER
from service.api.schemas import ask_of

SCHEMAS = {"single": ASK, "of-a-batch": BATCH_CUSTOMER}
STRANGE = (
    None, True, False, 0, 1, -1, 3, 3.0, 2.5, 11, 51, 1 << 70, float("1e300"), "", "x", "fi", "person", "5", "\0", "a" * 101,
    "2026-06-01", "2026-06-01T12:00:00+03:00", "2026-13-01", "1999-01-01", "2026-06-01T12:00:00", [], ["a"], [1], ["a"] * 51,
    {}, {"minor": False}, {"age": 4}, {"minor": None}, {"employees": 3},
)  # fmt: skip
FIELDS = (*BATCH_CUSTOMER.fields, "as-of", "Language", "", "segment")


def sound(drawn):
    (kind, signals), language, limit, shown = drawn
    return {"customer_type": kind, "signals": signals, "language": language, "limit": limit, "shown": shown}


BODIES = st.tuples(
    customers(),
    st.sampled_from(["fi", "sv", "en"]),
    st.integers(1, 10),
    st.lists(st.text("ab-", min_size=1, max_size=5), max_size=3),
).map(sound)


def verdict(load, body):
    try:
        return "taken", load(body)
    except ValidationError as error:
        return "refused", error.messages


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
def test_a_body_has_the_same_verdict_and_value_by_the_straight_way(schema, body, seed):
    load, chance, verdicts = loader(schema, ask_of), random.Random(seed), set()
    for tried in [body, *(changed(body, chance) for _ in range(170))]:
        found = verdict(load, tried)
        assert found == verdict(schema.load, tried)
        verdicts.add(found[0])
    assert "taken" in verdicts


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_sound_body_never_reaches_the_schema(schema):
    class Untouched:
        load_fields = schema.load_fields

        def load(self, given):
            pytest.fail("the schema was asked")

    body = {"customer_type": "person", "signals": {"minor": False}, "as_of": "2026-06-01"}
    assert loader(Untouched(), ask_of)(body) == schema.load(body)


@pytest.mark.parametrize("more", [{"validate": len}, {"attribute": "other"}, {"data_key": "other"}])
def test_a_field_that_does_more_than_the_straight_way_knows_is_refused_at_the_start(more):
    with pytest.raises(ValueError, match="the field name has"):
        loader(Schema.from_dict({"name": fields.String(**more)})(), dict)
