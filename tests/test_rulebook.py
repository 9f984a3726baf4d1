import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract.codes import CUSTOMER_TYPES
from models.decision.decision_table import read_rulebook
from testing.shipped import (
    BENEFITS,
    CLAIM_KINDS,
    CONTRACT,
    FACTS,
    LANGUAGES,
    LIFE_EVENTS,
    SEGMENT_CODES,
    feasible_blocks,
)


def cells():
    """Any feasible cell: (customer type, facts)."""

    def cell_of(block):
        return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in block.items()})

    return st.sampled_from(CUSTOMER_TYPES).flatmap(
        lambda kind: st.one_of(*map(cell_of, feasible_blocks(kind))).map(lambda facts: (kind, facts))
    )


@pytest.fixture(scope="module")
def rulebook(authored):
    return read_rulebook(authored.rulebook, CONTRACT)


def test_the_shipped_rulebook_has_no_findings(authored):
    assert [str(finding) for finding in authored.findings] == []
    assert authored.cells > 3_000_000


@given(cell=cells())
def test_the_first_rule_that_applies_decides(rulebook, cell):
    kind, facts = cell
    table = rulebook.tables[kind]
    chosen = table.choose(facts)
    assert chosen == next(rule for rule in table.rules if rule.accepts(facts))
    passed = table.passed_over(facts)
    assert [found.rule for found in passed] == [rule.id for rule in table.rules[: len(passed)]]
    assert table.rules[len(passed)] == chosen
    assert all(facts[found.fact] == found.value and found.value not in found.allowed for found in passed)


@given(cell=cells())
def test_no_cell_breaks_a_guarantee(rulebook, cell):
    kind, facts = cell
    rule = rulebook.tables[kind].choose(facts)
    for guarantee in rulebook.guarantees:
        if guarantee.customer_type == kind and guarantee.concerns(facts):
            assert guarantee.kept_by(rule.channel, rule.content), guarantee.id


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("person", "segment", ["steady", "changing", "supported", "unknown"]),
        ("person", "life_event", list(LIFE_EVENTS)),
        ("person", "digital", ["self_service", "assisted", "offline"]),
        ("person", "personalisation", ["objected", "minor"]),
        ("person", "interpreter_needed", ["yes"]),
        ("person", "easy_language", ["yes"]),
        ("person", "open_matter", list(BENEFITS)),
        ("employer", "employer_size", ["micro", "small", "medium", "large"]),
        ("employer", "open_matter", list(CLAIM_KINDS)),
    ],
)
def test_the_table_speaks_of_every_value_it_should_cover(rulebook, kind, name, values):
    spoken = {value for rule in rulebook.tables[kind].rules for value in rule.when.get(name, ())}
    assert set(values) <= spoken


def test_every_reason_is_written_in_three_languages(rulebook):
    for table in rulebook.tables.values():
        for rule in table.rules:
            assert set(rule.because) == set(LANGUAGES)
            assert all(len(text) > 15 for text in rule.because.values()), rule.id


def test_no_rule_id_names_a_segment(rulebook):
    ids = [rule.id for table in rulebook.tables.values() for rule in table.rules]
    assert not [name for name in ids for segment in SEGMENT_CODES if segment in name.split("-")]


def test_an_employer_is_never_sent_to_a_persons_channel(rulebook, authored):
    channels = authored.channels["channels"]
    for kind, table in rulebook.tables.items():
        assert all(channels[rule.channel]["audience"] in {kind, "both"} for rule in table.rules)


def test_no_barred_attribute_is_a_fact():
    from models.contract.codes import BARRED

    assert BARRED.isdisjoint(fact.name for facts in FACTS.values() for fact in facts)
