import csv
import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from models.signals import read_signals
from training import score


@pytest.fixture
def run(bundles, monkeypatch, tmp_path):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return CliRunner().invoke(score.main, [str(argument) for argument in arguments])

    return run


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


VERSIONS = ("bundle", "model", "rulebook", "catalogue")


def test_the_golden_file_gives_the_golden_answers(run, root, tmp_path):
    shown = run(root / "fixtures/golden/customers.csv", tmp_path / "answers.csv", "--as-of", "2026-11-21")
    assert shown.exit_code == 0, shown.output
    got, golden = rows_of(tmp_path / "answers.csv"), rows_of(root / "fixtures/golden/answers.csv")
    assert len(got) == len(golden) > 30
    for row, expected in zip(got, golden, strict=True):
        assert {k: v for k, v in row.items() if k not in VERSIONS} == {
            k: v for k, v in expected.items() if k not in VERSIONS
        }


def test_a_row_is_refused_for_the_reason_the_api_gives_and_its_value_is_nowhere(run, tmp_path):
    (tmp_path / "in.csv").write_text(
        "customer_ref,customer_type,applications_12m,applications_online_12m,life_events,minor\n"
        "a,person,3,1,KE8:1;KE4.2:3,false\n"
        "b,person,2,987654,,\n"
        "c,person,twelve,,,\n"
        "d,person,,,KE99:1,\n"
        "e,employer,3,,,\n"
        "f,,3,,,\n"
        "131052-308T,person,,,,perhaps\n"
    )
    shown = run("in.csv", "out.csv")
    assert shown.exit_code == 0, shown.output
    assert "7 rows: 1 scored, 6 refused" in shown.output
    refused = rows_of(tmp_path / "out.csv.refused.csv")
    assert [(row["row"], row["column"], row["code"]) for row in refused] == [
        ("2", "applications_online_12m", "out_of_range"),
        ("3", "applications_12m", "wrong_type"),
        ("4", "life_events", "unknown_value"),
        ("5", "applications_12m", "unknown_field"),
        ("6", "customer_type", "unknown_value"),
        ("7", "customer_ref", "identity_code"),
        ("7", "minor", "wrong_type"),
    ]
    written = (tmp_path / "out.csv.refused.csv").read_text()
    assert not [value for value in ("987654", "twelve", "KE99", "131052", "perhaps") if value in written]


def test_a_row_that_cannot_be_read_is_refused_and_never_stops_a_run(run, tmp_path):
    (tmp_path / "in.csv").write_bytes(
        b"customer_ref,customer_type,minor\na,person,true,surplus\nb,person\nc,pers\xffon,\nd,person,true\n\n"
    )
    shown = run("in.csv", "out.csv")
    assert "4 rows: 1 scored, 3 refused" in shown.output, shown.output
    assert [row["code"] for row in rows_of(tmp_path / "out.csv.refused.csv")] == [
        "malformed",
        "malformed",
        "unknown_value",
    ]
    (tmp_path / "in.jsonl").write_bytes(b'[1]\n{"customer_type": "person"}\n{"customer\n"\xff"\n')
    shown = run("in.jsonl", "out.csv")
    assert "4 rows: 1 scored, 3 refused" in shown.output, shown.output


def test_a_file_is_never_scored_into_itself(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type\nperson\n")
    shown = run("in.csv", "in.csv")
    assert (shown.exit_code, (tmp_path / "in.csv").read_text()) == (1, "customer_type\nperson\n")


@pytest.mark.parametrize("column", ["sex", "Age", "municipality", "favourite_colour"])
def test_a_column_that_is_no_signal_stops_the_run_before_it_begins(run, tmp_path, column):
    (tmp_path / "in.csv").write_text(f"customer_type,{column}\nperson,x\n")
    shown = run("in.csv", "out.csv")
    assert shown.exit_code == 1
    assert "Remove it" in shown.output
    assert not (tmp_path / "out.csv").exists()
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def test_csv_parquet_and_json_lines_give_the_same_answers(run, root, tmp_path):
    import pyarrow as pa

    source = root / "fixtures/golden/customers.csv"
    rows = list(score._read(source))
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    pq.write_table(
        pa.Table.from_pylist([{**dict.fromkeys(set().union(*rows)), **row} for row in rows]), "in.parquet"
    )
    for given in (source, "in.jsonl", "in.parquet"):
        for kind in ("csv", "parquet"):
            shown = run(given, f"{str(given)[-5:]}.out.{kind}", "--as-of", "2026-11-21")
            assert shown.exit_code == 0, shown.output
    texts = {path.read_text() for path in tmp_path.glob("*.out.csv")}
    tables = [pq.read_table(path).to_pylist() for path in tmp_path.glob("*.out.parquet")]
    assert len(texts) == 1
    assert tables[0] == tables[1] == tables[2]


def test_every_row_of_a_simulated_file_is_the_recommenders_own_answer(run, tmp_path, recommender):
    from training.train import main as train

    made = CliRunner().invoke(
        train, ["population", str(tmp_path / "in.csv"), "--customers", "1500", "--seed", "7"]
    )
    assert made.exit_code == 0, made.output
    shown = run("in.csv", "out.csv", "--as-of", "2026-11-21", "--limit", "4")
    assert shown.exit_code == 0, shown.output
    asked = score.Asked(score.datetime(2026, 11, 21, tzinfo=score.HELSINKI), limit=4)
    given, got = list(score._read(tmp_path / "in.csv")), rows_of(tmp_path / "out.csv")
    assert len(given) == len(got)
    for row, answer in zip(given, got, strict=True):
        signals = read_signals(row["customer_type"], {k: v for k, v in row.items() if k not in score.CARRIED})
        [found] = recommender.recommend([signals], at=asked.at, language=row.get("language", "fi"), limit=4)
        assert [answer[f"item_{item.rank}_content_id"] for item in found.items] == [
            i.content.id for i in found.items
        ]
        assert answer["item_1_rule"] == found.items[0].reason.rule
        assert answer["statutory"] == ";".join(item.content.id for item in found.statutory)
        assert answer["personalised"] == str(found.personalised).lower()
        assert answer["valid_until"] == found.valid_until.isoformat()


def test_segments_are_written_for_a_stated_purpose_only(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type,employees\nemployer,3\n")
    assert run("in.csv", "out.csv", "--with-segment").exit_code == 2
    assert run("in.csv", "out.csv").exit_code == 0
    assert "segment" not in rows_of(tmp_path / "out.csv")[0]
    assert run("in.csv", "out.csv", "--with-segment", "--purpose", "checking the mapping").exit_code == 0
    assert rows_of(tmp_path / "out.csv")[0]["segment"] == "employer"


def test_an_unknown_format_says_which_are_known(run, tmp_path):
    (tmp_path / "in.xls").write_text("x")
    shown = run("in.xls", "out.csv")
    assert shown.exit_code == 1
    assert ".csv, .parquet, .jsonl" in shown.output
