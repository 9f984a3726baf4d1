"""Arki answers what its documents say: compared with the oracle, a second writing of them that shares no line with it."""

import ast
import csv
import json
from collections import Counter
from datetime import datetime

import pytest
from click.testing import CliRunner
from conftest import ROOT

from models import authoring
from models.bundle import preview
from models.signals import InvalidSignalsError, read_signals
from testing.customers import questions
from testing.documents import read_documents
from testing.edits import write_dated
from testing.oracle import Asked, Oracle
from testing.oracle_days import HELSINKI
from training import score

SEED = 20261127
FILE_DAY = "2026-11-21"
BATCH = 500
TELLING = 1e-9  # of a probability or a sum of log-odds, whose exponential each side takes in its own way


@pytest.fixture(scope="module")
def documents():
    return read_documents()


@pytest.fixture(scope="module")
def oracle(documents):
    return Oracle(documents)


def without_the_rest(answer):
    """An answer of the wire without what names it and its bundle."""
    return {name: value for name, value in answer.items() if name not in {"recommendation_id", "versions"}}


def as_on_the_wire(found):
    """A `Recommendation` in the form of the wire, written here once more."""
    segment = found.segment
    return {
        "personalised": found.personalised,
        "degraded": found.degraded,
        "information_only": True,
        "notice": found.notice,
        "as_of": found.as_of.isoformat(),
        "valid_until": found.valid_until.isoformat(),
        "items": [
            {
                **item._asdict(),
                "opens_at": item.opens_at and item.opens_at.isoformat(),
                "content": shown(item.content),
                "reason": item.reason._asdict(),
            }
            for item in found.items
        ],
        "statutory": [
            {"content_type": each.content_type, "content": shown(each.content)} for each in found.statutory
        ],
        "human_channel": {
            **found.human_channel._asdict(),
            "opens_at": found.human_channel.opens_at and found.human_channel.opens_at.isoformat(),
        },
        "segment": segment
        and {
            **segment._asdict(),
            "reasons": [{**each._asdict(), "signals": list(each.signals)} for each in segment.reasons],
        },
        "experiment": found.experiment,
    }


def shown(content):
    return {name: value for name, value in content._asdict().items() if value is not None}


def agree(asked, found, expected):
    """Every field equal; probabilities and log-odds but for how an exponential is taken."""
    named, reasoned = found["segment"], expected["segment"]
    assert found | {"segment": None} == expected | {"segment": None}, asked
    assert (named is None) == (reasoned is None), asked
    if named:
        near = {"probability": pytest.approx(reasoned["probability"], abs=TELLING)}
        reasons = [
            each | {"log_odds": pytest.approx(each["log_odds"], abs=TELLING)} for each in reasoned["reasons"]
        ]
        assert named == reasoned | near | {"reasons": reasons}, asked


def by_recommender(recommender, asked):
    [found] = recommender.recommend(
        [read_signals(asked.customer_type, asked.signals)],
        at=asked.at,
        language=asked.language,
        limit=asked.limit,
        shown=asked.shown,
    )
    return as_on_the_wire(found)


def when_degraded(recommender, asked):
    signals = read_signals(asked.customer_type, asked.signals)
    return as_on_the_wire(
        recommender.degraded(signals, at=asked.at, language=asked.language, limit=asked.limit)
    )


def by_batch(client, some):
    """What the batch endpoint answers to up to 500 questions."""
    customers = [
        {
            "customer_type": asked.customer_type,
            "signals": asked.signals,
            "language": asked.language,
            "limit": asked.limit,
            "shown": list(asked.shown),
            "as_of": asked.at.isoformat(),
        }
        for asked in some
    ]
    results = client.post("/v1/recommendations/batch", json={"customers": customers}).get_json()["results"]
    assert [result["status"] for result in results] == [200] * len(some)
    return [without_the_rest(result["recommendation"]) for result in results]


def by_file(folder, some, limit):
    """The rows that arki-score writes of customers in JSON Lines, with texts and segments."""
    source, target = folder / "in.jsonl", folder / f"out-{limit}.csv"
    with source.open("w", encoding="utf-8") as file:
        for number, asked in enumerate(some):
            row = {
                "customer_ref": str(number),
                "customer_type": asked.customer_type,
                "language": asked.language,
            }
            file.write(json.dumps(row | asked.signals) + "\n")
    options = ["--as-of", FILE_DAY, "--limit", str(limit), "--with-texts", "--with-segment"]
    result = CliRunner().invoke(
        score.main, [str(source), str(target), *options, "--purpose", "comparing with the oracle"]
    )
    assert result.exit_code == 0, result.output
    with target.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def agree_as_row(row, asked, answer):
    """Every column of a row of answers; a cell that is empty says there is none."""
    segment = answer["segment"] or {}
    expected = {
        "customer_type": asked.customer_type,
        "language": asked.language,
        "personalised": str(answer["personalised"]).lower(),
        "statutory": ";".join(each["content"]["id"] for each in answer["statutory"]),
        "human_channel": answer["human_channel"]["id"],
        "valid_until": answer["valid_until"],
        "segment": segment.get("id", ""),
    }
    for rank in range(1, asked.limit + 1):
        item = answer["items"][rank - 1] if rank <= len(answer["items"]) else None
        expected |= {
            f"item_{rank}_channel": item["channel"] if item else "",
            f"item_{rank}_content_type": item["content_type"] if item else "",
            f"item_{rank}_content_id": item["content"]["id"] if item else "",
            f"item_{rank}_content_language": item["content"]["language"] if item else "",
            f"item_{rank}_rule": item["reason"]["rule"] if item else "",
            f"item_{rank}_reason": item["reason"]["text"] if item else "",
        }
    assert {name: row[name] for name in expected} == expected, asked
    probability = segment.get("probability")
    written = row["segment_probability"]
    assert (float(written) if written else None) == pytest.approx(probability, abs=TELLING), asked


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
    for start in range(0, len(some), BATCH):
        part = some[start : start + BATCH]
        for asked, found in zip(part, by_batch(client, part), strict=True):
            agree(asked, found, oracle.answer(asked))


def compare_files(tmp_path, oracle, some, limit):
    noon = datetime.fromisoformat(f"{FILE_DAY}T12:00:00").replace(tzinfo=HELSINKI)
    rows = by_file(tmp_path, some, limit)
    assert len(rows) == len(some)
    for row, asked in zip(rows, some, strict=True):
        same = Asked(asked.customer_type, asked.signals, noon, asked.language, limit)
        agree_as_row(row, same, oracle.answer(same))


def test_the_oracle_shares_nothing_with_what_it_judges():
    for path in sorted((ROOT / "testing").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names}.isdisjoint({"models", "service", "training"}), (
                path
            )


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
    served = preview(authoring.read_authored(models / "rulebook", models / "content").parts()).recommender
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
