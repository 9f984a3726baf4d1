"""Arki answers what its documents say: compared with the oracle, a second writing of them that shares no line with it."""

import ast
from collections import Counter
from datetime import datetime

import pytest
from answer_paths import (
    BATCH,
    FILE_DAY,
    agree,
    agree_as_row,
    by_batch,
    by_file,
    by_recommender,
    when_degraded,
    without_the_rest,
)
from conftest import ROOT

from models.authoring import loader
from models.contract.signals import InvalidSignalsError
from models.decision.bundle import preview
from testing.customers import questions
from testing.documents import read_documents
from testing.edits import write_dated
from testing.oracle import Asked, Oracle
from testing.oracle_days import HELSINKI
from testing.shipped import read_signals

SEED = 20261127


@pytest.fixture(scope="module")
def documents():
    return read_documents()


@pytest.fixture(scope="module")
def oracle(documents):
    return Oracle(documents)


def compare_rows(recommender, oracle, some):
    """Compares one by one; returns how often each segment, rule and number of items came up."""
    met = Counter()
    for asked in some:
        expected = oracle.answer(asked)
        agree(asked, by_recommender(recommender, asked), expected)
        agree(asked, when_degraded(recommender, asked), oracle.degraded(asked))
        met[f"segment {expected['segment'] and expected['segment']['id']}"] += 1
        met.update({f"rule {item['reason']['rule']}" for item in expected["items"]})
        met.update(name for name in ("items", "statutory") if expected[name])
    return met


def compare_batches(client, oracle, some):
    for asked, found in zip(some, by_batch(client, some), strict=True):
        agree(asked, without_the_rest(found), oracle.answer(asked))


def compare_files(tmp_path, oracle, some, limit):
    noon = datetime.fromisoformat(f"{FILE_DAY}T12:00:00").replace(tzinfo=HELSINKI)
    rows = by_file(tmp_path, some, limit)
    assert len(rows) == len(some)
    for row, asked in zip(rows, some, strict=True):
        same = Asked(asked.customer_type, asked.signals, noon, asked.language, limit)
        agree_as_row(row, same, oracle.answer(same))


READERS = {"codes.py", "owed.py", "shipped.py"}
"""What reads the shipped vocabulary as Arki does."""


def test_the_oracle_shares_nothing_with_what_it_judges():
    for path in sorted((ROOT / "testing").glob("*.py")):
        if path.name in READERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names}.isdisjoint({"models", "service", "training"}), (
                path
            )
            assert {f"testing.{reader.removesuffix('.py')}" for reader in READERS}.isdisjoint(names), path


def test_every_customer_that_is_asked_about_is_allowed_by_the_contract(documents):
    for asked in questions(documents, SEED, 500):
        try:
            read_signals(asked.customer_type, asked.signals)
        except InvalidSignalsError as error:
            pytest.fail(f"{asked}: {error}")


def test_random_customers_are_answered_as_the_documents_say(recommender, oracle, documents):
    met = compare_rows(recommender, oracle, questions(documents, SEED, 2_000))
    assert all(met[f"segment {name}"] > 100 for name in ("steady", "changing", "supported", "employer", None))
    assert sum(name.startswith("rule ") for name in met) >= 60
    assert met["statutory"] > 500


@pytest.mark.parametrize("seed", [SEED + 4, pytest.param(SEED + 5, marks=pytest.mark.slow)])
def test_rules_items_and_hours_that_begin_and_end_are_answered_as_the_documents_say(tmp_path, seed):
    models = write_dated(tmp_path, seed)
    dated = read_documents(models)
    served = preview(loader.read_authored(models / "rulebook", models / "content").parts()).recommender
    met = compare_rows(served, Oracle(dated), questions(dated, seed, 1_000))
    assert sum(name.startswith("rule dated-") for name in met) >= 20


def test_the_batch_endpoint_answers_random_customers_as_the_documents_say(client, oracle, documents):
    compare_batches(client, oracle, list(questions(documents, SEED + 1, BATCH)))


def test_a_file_of_random_customers_is_scored_as_the_documents_say(
    bundles, monkeypatch, tmp_path, oracle, documents
):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    compare_files(tmp_path, oracle, list(questions(documents, SEED + 2, 1_000)), limit=5)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_50_000_random_customers_are_answered_as_the_documents_say_row_by_row(recommender, oracle, documents):
    met = compare_rows(recommender, oracle, questions(documents, SEED + 3, 50_000))
    rules = {rule["id"] for rules in documents.rules.values() for rule in rules}
    assert {name.removeprefix("rule ") for name in met if name.startswith("rule ")} == rules


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_50_000_random_customers_are_answered_as_the_documents_say_in_batches(client, oracle, documents):
    compare_batches(client, oracle, list(questions(documents, SEED + 3, 50_000)))


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_50_000_random_customers_are_scored_as_the_documents_say(
    bundles, monkeypatch, tmp_path, oracle, documents
):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    compare_files(tmp_path, oracle, list(questions(documents, SEED + 3, 50_000)), limit=3)
