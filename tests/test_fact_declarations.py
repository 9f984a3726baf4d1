"""A fact is declared once, and its forms follow: for rows, for columns, and back to the signals that give it."""

import subprocess
import sys
from random import Random

import pyarrow as pa
import pytest
from conftest import ROOT

from models.authoring import promises
from models.authoring.example_customers import Inventor
from models.authoring.population_sample import SAMPLE, _document, _facts
from models.columns.cells import cells_of, facts_of
from models.columns.rows import SIGNALS
from models.columns.text_blocks import CustomerBatch, arrow_type
from models.contract.codes import CUSTOMER_TYPES, UNKNOWN
from models.contract.signals import CONTRACT, read_signals
from models.decision.facts import FACTS, VARYING, lookups, may_personalise, plainest_signals
from models.decision.facts import NEEDS as LANGUAGE_NEEDS
from testing.customers import signals as random_signals
from testing.documents import contradictions, read_documents
from training.scoring.capacity import NEEDS
from training.simulation.population import _with_every_signal

WITHOUT_A_FORM = """
from dataclasses import replace
from models.decision import facts

digital = next(fact for fact in facts.FACTS["person"] if fact.name == "digital")
facts.FACTS["person"] += (replace(digital, name="speaks_up"),)
import models.columns.facts
"""
WITHOUT_A_FACT = """
from models.decision import facts

facts.FACTS["person"] = tuple(fact for fact in facts.FACTS["person"] if fact.name != "friction")
import models.columns.facts
"""
DECLARED = [pytest.param(kind, fact, id=f"{kind}-{fact.name}") for kind in FACTS for fact in FACTS[kind]]


def random_customers(number):
    """Random signals as the published contract allows them, persons first."""
    documents, coherent, random = read_documents(), contradictions(), Random(20261128)
    for kind in CUSTOMER_TYPES:
        for _ in range(number // 2):
            yield kind, random_signals(documents.signals[kind], coherent[kind], random)


def by_rows(customers, card):
    """The facts of each customer's lookups, one customer at a time."""
    for kind, given in customers:
        signals = read_signals(kind, given)
        asked = kind == "person" and may_personalise(signals)
        yield lookups(signals, card.predict(signals) if asked else None)


def by_columns(customers, card):
    """The facts of each customer's lookups, all customers at once."""
    columns = {
        name: pa.array([given.get(name) for _, given in customers], arrow_type(signal))
        for name, signal in SIGNALS.items()
    }
    batch = pa.record_batch({"customer_type": pa.array([kind for kind, _ in customers]), **columns})
    for cells in cells_of(CustomerBatch(batch, textual=False, numbers=range(len(customers))), card):
        for row in cells.cells:
            yield [facts_of(cells.customer_type, int(cell)) for cell in row if cell >= 0]


def test_ten_thousand_random_customers_have_the_same_facts_by_rows_and_by_columns(recommender):
    customers = list(random_customers(10_000))
    met = set()
    for (kind, given), row, column in zip(
        customers,
        by_rows(customers, recommender.scorecard),
        by_columns(customers, recommender.scorecard),
        strict=True,
    ):
        assert row == column, (kind, given)
        met.update((kind, name, value) for facts in row for name, value in facts.items())
    assert met == {
        (kind, fact.name, value) for kind in FACTS for fact in FACTS[kind] for value in fact.values
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
    inventor = Inventor(recommender.scorecard)
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
            signal = CONTRACT[kind][fact.signal]
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
    assert LANGUAGE_NEEDS == {"person": ("interpreter_needed", "easy_language"), "employer": ()}


def test_of_a_person_log_in_may_be_known_and_of_an_employer_nothing_tells_it():
    assert promises._LOG_INS == {"person": ("yes", "no", UNKNOWN), "employer": (UNKNOWN,)}


@pytest.mark.parametrize("kind", CUSTOMER_TYPES)
def test_the_plainest_signals_leave_out_what_is_unknown(kind):
    facts = {fact.name: UNKNOWN for fact in FACTS[kind]} | {"personalisation": "allowed"}
    assert plainest_signals(kind, facts) == {}


@pytest.mark.parametrize("kind", CUSTOMER_TYPES)
def test_one_fact_of_a_customer_type_differs_between_lookups(kind):
    assert [fact.name for fact in FACTS[kind] if fact.looked_up] == [VARYING[kind]]


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

facts.FACTS["person"] += (stated("wants_letters", "Wants letters"),)
import models.columns.facts
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_fact_declared_after_the_sample_was_made_is_unknown_of_everybody():
    columns = _document(SAMPLE)["person"]["questions"]["facts"]
    before, after = (_facts("person", {"facts": some}) for some in (columns, columns[:-1]))
    last = len(columns) - 1
    assert {facts[last] for facts in before} == {"yes", "no", UNKNOWN}
    assert after == [(*facts[:last], UNKNOWN, *facts[last + 1 :]) for facts in before]


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
