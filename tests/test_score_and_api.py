"""File and API agree in every field: the same customers, scored as a file and asked one by one."""

import csv

import pytest
from click.testing import CliRunner

from models.columns.rows import CARRIED, row_of_text
from training.cli.train import main as train
from training.scoring import command as score
from training.scoring.request import ITEM_COLUMNS

AS_OF = "2026-11-21"


def values_of(path):
    """The rows of a CSV file as the values they stand for."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{name: cell for name, cell in row.items() if cell} for row in csv.DictReader(file)]
    return [row_of_text(row) for row in rows]


@pytest.fixture
def scored(bundles, monkeypatch, tmp_path):
    """A function that simulates and scores customers, giving (rows in, rows out)."""
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"

    def scored(customers):
        made = CliRunner().invoke(
            train, ["population", str(source), "--customers", str(customers), "--seed", "11"]
        )
        assert made.exit_code == 0, made.output
        shown = CliRunner().invoke(
            score.main,
            [
                str(source),
                str(target),
                "--as-of",
                AS_OF,
                "--with-segment",
                "--purpose",
                "comparing file and API",
            ],
        )
        assert shown.exit_code == 0, shown.output
        with target.open(newline="", encoding="utf-8") as file:
            return values_of(source), list(csv.DictReader(file))

    return scored


def asked(row):
    """A row of the file as the body of a request."""
    signals = {name: value for name, value in row.items() if name not in CARRIED}
    body = {"customer_type": row["customer_type"], "signals": signals, "as_of": AS_OF}
    return body | ({"language": row["language"]} if "language" in row else {})


def flat(answer):
    """An API answer in the columns of the file."""
    found = {
        f"item_{item['rank']}_{name}": value
        for item in answer["items"]
        for name, value in zip(
            ITEM_COLUMNS,
            (
                item["channel"],
                item["content_type"],
                item["content"]["id"],
                item["content"]["language"],
                item["reason"]["rule"],
            ),
            strict=True,
        )
    }
    segment = answer["segment"] or {}
    probability = segment.get("probability")
    return (
        found
        | answer["versions"]
        | {
            "personalised": str(answer["personalised"]).lower(),
            "statutory": ";".join(item["content"]["id"] for item in answer["statutory"]),
            "human_channel": answer["human_channel"]["id"],
            "valid_until": answer["valid_until"],
            "segment": segment.get("id", ""),
            "segment_probability": "" if probability is None else str(probability),
        }
    )


def agree(client, rows, answers):
    assert len(rows) == len(answers)
    for start in range(0, len(rows), 500):
        customers = [asked(row) for row in rows[start : start + 500]]
        results = client.post("/v1/recommendations/batch", json={"customers": customers}).get_json()[
            "results"
        ]
        for result, answer in zip(results, answers[start : start + 500], strict=True):
            expected = flat(result["recommendation"])
            assert {k: v for k, v in answer.items() if k not in CARRIED and v} == {
                k: v for k, v in expected.items() if v
            }


def test_a_file_of_2_000_agrees_with_the_api_in_every_field(scored, client):
    agree(client, *scored(2_000))


@pytest.mark.slow
def test_a_file_of_100_000_agrees_with_the_api_in_every_field(scored, client):
    agree(client, *scored(100_000))
