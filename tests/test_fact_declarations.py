"""A fact is declared once, and its forms follow: for rows, for columns, and back to the signals that give it."""

import subprocess
import sys
from random import Random

import pyarrow as pa
import pytest
from conftest import ROOT
from facts_in_columns import by_columns, by_rows

from models.authoring.example_customers import Inventor
from models.authoring.population_sample import OF_VOCABULARY, SAMPLE, _document, _facts
from models.columns.rows import SIGNALS
from models.contract.codes import CUSTOMER_TYPES, UNKNOWN
from models.contract.vocabulary import EMPTY
from models.decision.facts import LOG_IN, declared_facts
from testing.customers import signals as random_signals
from testing.documents import contradictions, read_documents
from testing.shipped import CONTRACT, FACT_SET, FACTS, VOCABULARY, read_signals
from training.scoring.capacity import NEEDS
from training.simulation.population import _with_every_signal

WITHOUT_A_FORM = """
from dataclasses import replace
from models.decision import facts

of_persons = facts._person_facts

def with_one_more(vocabulary):
    digital = next(fact for fact in of_persons(vocabulary) if fact.name == "digital")
    return (*of_persons(vocabulary), replace(digital, name="speaks_up"))

facts._person_facts = with_one_more
import models.columns.facts
"""
WITHOUT_A_FACT = """
from models.decision import facts

of_persons = facts._person_facts
facts._person_facts = lambda vocabulary: tuple(f for f in of_persons(vocabulary) if f.name != "friction")
import models.columns.facts
"""
DECLARED = [pytest.param(kind, fact, id=f"{kind}-{fact.name}") for kind in FACTS for fact in FACTS[kind]]


def random_customers(number):
    """Random signals as the published contract allows them, persons first."""
    documents, coherent, random = read_documents(), contradictions(), Random(20261128)
    for kind in CUSTOMER_TYPES:
        for _ in range(number // 2):
            yield kind, random_signals(documents.signals[kind], coherent[kind], random)


def test_ten_thousand_random_customers_have_the_same_facts_by_rows_and_by_columns(recommender):
    customers = list(random_customers(10_000))
    met = set()
    for (kind, given), row, column in zip(
        customers,
        by_rows(customers, recommender.scorecard, recommender.facts),
        by_columns(customers, recommender.scorecard, recommender.facts),
        strict=True,
    ):
        assert row == column, (kind, given)
        met.update((kind, name, value) for facts in row for name, value in facts.items())
    assert met == {
        (kind, fact.name, value)
        for kind, facts in recommender.facts.of.items()
        for fact in facts
        for value in fact.values
    }


@pytest.mark.parametrize(("kind", "fact"), DECLARED)
def test_every_example_of_a_value_gives_it(kind, fact):
    for value in () if fact.is_inferred else fact.values:
        for example in fact.examples.get(value, ({},)):
            values = read_signals(kind, example).values
            looked_up = fact.looked_up(values)[0] if fact.looked_up else fact.row(values, None)
            assert looked_up == value, example


@pytest.mark.parametrize(("kind", "fact"), DECLARED)
def test_for_every_value_a_customer_is_invented_who_lands_in_it(recommender, kind, fact):
    inventor = Inventor(recommender.scorecard, recommender.facts)
    for value in fact.values:
        facts = {each.name: UNKNOWN for each in FACTS[kind]} | {"personalisation": "allowed"}
        if fact.known == "named" and value != UNKNOWN:
            facts |= {"segment": "changing", "confidence": "high"}
        facts |= {fact.name: value}
        assert inventor.signals_for(kind, facts) is not None, value


@pytest.mark.parametrize("kind", CUSTOMER_TYPES)
def test_a_fact_that_is_a_stated_signal_states_a_signal_of_the_contract(kind):
    for fact in FACTS[kind]:
        if fact.signal:
            signal = CONTRACT.signals[kind][fact.signal]
            assert fact.values[:-1] == (("yes", "no") if signal.kind == "yes_no" else signal.values)


@pytest.mark.parametrize(
    ("kind", "needs"),
    [
        (
            "person",
            [
                ("digital", "offline"),
                ("digital", "assisted"),
                ("friction", "missing_documents"),
                ("friction", "repeat_contacts"),
                ("strong_identification", "no"),
                ("acts_through_mandate", "yes"),
                ("interpreter_needed", "yes"),
                ("easy_language", "yes"),
            ],
        ),
        (
            "employer",
            [
                ("first_claim", "yes"),
                ("digital", "offline"),
                ("digital", "assisted"),
                ("friction", "late_claims"),
                ("friction", "returned_claims"),
            ],
        ),
    ],
)
def test_what_counts_as_a_need_where_personal_service_is_scarce_stands_in_the_declarations(kind, needs):
    declared = [(fact.name, value) for fact in FACTS[kind] for value in fact.scarce]
    assert list(NEEDS[kind]) == declared
    assert declared[: len(needs)] == needs


def test_two_language_needs_are_known_of_everybody_and_no_other_fact_is():
    assert FACT_SET.needs == {"person": ("interpreter_needed", "easy_language"), "employer": ()}


def test_of_a_person_log_in_may_be_known_and_of_an_employer_nothing_tells_it():
    values = {kind: [fact.values for fact in FACTS[kind] if fact.name == LOG_IN] for kind in CUSTOMER_TYPES}
    assert values == {"person": [("yes", "no", UNKNOWN)], "employer": []}


@pytest.mark.parametrize("kind", CUSTOMER_TYPES)
def test_the_plainest_signals_leave_out_what_is_unknown(kind):
    facts = {fact.name: UNKNOWN for fact in FACTS[kind]} | {"personalisation": "allowed"}
    assert FACT_SET.plainest_signals(kind, facts) == {}


@pytest.mark.parametrize("kind", CUSTOMER_TYPES)
def test_one_fact_of_a_customer_type_differs_between_lookups(kind):
    assert [fact.name for fact in FACTS[kind] if fact.looked_up] == [FACT_SET.varying[kind]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            WITHOUT_A_FORM,
            "the fact speaks_up of customer type person has no column form. Register one in models/columns/facts.py with"
            ' @column_form("person", "speaks_up").',
            id="a fact without a column form",
        ),
        pytest.param(
            WITHOUT_A_FACT,
            "models/columns/facts.py has a column form of friction for customer type person, which is no fact. Declare it in"
            " models/decision/facts.py, or remove the form.",
            id="a column form without a fact",
        ),
    ],
)
def test_the_column_forms_cannot_be_imported_where_they_are_not_those_of_the_facts(change, message):
    done = subprocess.run(
        [sys.executable, "-c", change], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"models.columns.facts.FactFormError: {message}"


def test_a_stated_fact_has_its_column_form_from_its_declaration():
    code = """
from models.decision import facts
from models.decision.fact_forms import stated

of_persons = facts._person_facts
facts._person_facts = lambda vocabulary: (*of_persons(vocabulary), stated("wants_letters", "Wants letters"))
import models.columns.facts
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_fact_declared_after_the_sample_was_made_is_unknown_of_everybody():
    columns = _document(SAMPLE)["person"]["questions"]["facts"]
    before, after = (_facts("person", {"facts": some}) for some in (columns, columns[:-1]))
    last = len(columns) - 1
    assert {facts[last] for facts in before} == {"yes", "no", UNKNOWN}
    assert after == [(*facts[:last], UNKNOWN, *facts[last + 1 :]) for facts in before]


def test_a_sample_may_have_other_codes_than_a_vocabulary_where_a_vocabulary_gives_the_values():
    empty, shipped = declared_facts(EMPTY), declared_facts(VOCABULARY)
    assert {
        one.name
        for kind in CUSTOMER_TYPES
        for one, other in zip(empty[kind], shipped[kind], strict=True)
        if one.values != other.values
    } == OF_VOCABULARY


def test_a_sample_in_which_facts_stand_elsewhere_is_refused():
    columns = _document(SAMPLE)["person"]["questions"]["facts"]
    with pytest.raises(
        ValueError, match=r"other values of confidence\. Declare a new fact behind the others"
    ):
        _facts("person", {"facts": [*columns[:2], *columns[3:]]})


def test_a_signal_that_nobody_simulates_is_a_column_in_which_it_is_unknown():
    table = pa.table({"easy_language": pa.array([True, None])})
    whole = _with_every_signal(table, employers_too=True)
    assert set(SIGNALS) == set(whole.column_names)
    assert whole["easy_language"].to_pylist() == [True, None]
    assert whole["first_claim"].type == pa.bool_()
    assert whole["first_claim"].null_count == 2
