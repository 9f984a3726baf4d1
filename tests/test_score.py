import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from models.columns.rows import row_of_text
from testing.shipped import VOCABULARY
from training.scoring import command as score
from training.scoring.request import VERSIONS
from training.simulation.population import population


@pytest.fixture
def run(bundles, monkeypatch, tmp_path):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, given=None):
        return CliRunner().invoke(score.main, [str(argument) for argument in arguments], input=given)

    return run


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def values_of(path):
    """The rows of a CSV file as the values they stand for."""
    return [row_of_text({name: cell for name, cell in row.items() if cell}) for row in rows_of(path)]


def simulated(path, customers, seed=7, group=500):
    table = population(customers, seed)
    kept = [name for name in table.schema.names if name != "segment" and not name.startswith("audit_")]
    pq.write_table(table.select(kept), path, row_group_size=group)
    return path


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
    shown = run("in.csv", "out.csv", "--max-bad", "100%")
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
    written = (tmp_path / "out.csv.refused.csv").read_text() + shown.output
    assert not [value for value in ("987654", "twelve", "KE99", "131052", "perhaps") if value in written]


@pytest.mark.parametrize(
    ("lines", "kept", "refused"),
    [
        (b"a,person,true,surplus\nb,person\nd,person,true\n\n", ["d"], [1, 2]),
        (b'a,person,"tr\nb,person,true\nc,"person",true\n', ["b", "c"], [1]),
        (b"a,pers\xffon,\n\xe4,person,\nb,person,true\n", ["b"], [1, 2]),
        (b"a,person,tr\0ue\nb,person,true\r\nc,person,\rtrue\n", ["b"], [1, 3]),
        (b"a,person,true\rb,person,true\n\nc,person,true\n", ["c"], [1]),
        (b'a,person,"true"x\n"b ""c""",person,true', ['b "c"'], [1]),
        (b"a,person," + b"x" * (9 << 20) + b"\nb,person,true\n", ["b"], [1]),
    ],
    ids=[
        "ragged",
        "open quote",
        "encoding",
        "NUL and CR",
        "CR beside a blank line",
        "quote in a cell",
        "endless line",
    ],
)
def test_no_line_stops_a_run_and_a_bad_one_costs_no_other(run, tmp_path, lines, kept, refused):
    (tmp_path / "in.csv").write_bytes(b"\xef\xbb\xbfcustomer_ref,customer_type,minor\n" + lines)
    shown = run("in.csv", "out.csv", "--max-bad", "100%")
    assert shown.exit_code == 0, shown.output
    assert [row["customer_ref"] for row in rows_of(tmp_path / "out.csv")] == kept
    assert [int(row["row"]) for row in rows_of(tmp_path / "out.csv.refused.csv")] == refused
    assert f"{len(kept) + len(refused)} rows: {len(kept)} scored, {len(refused)} refused" in shown.output


def test_a_line_of_two_objects_is_refused_beside_a_blank_line(run, tmp_path):
    customer = b'{"customer_type": "person"}'
    (tmp_path / "in.jsonl").write_bytes(customer + b" " + customer + b"\n\n" + customer + b"\n")
    shown = run("in.jsonl", "out.csv", "--max-bad", "100%")
    assert "2 rows: 1 scored, 1 refused" in shown.output, shown.output
    assert [row["row"] for row in rows_of(tmp_path / "out.csv.refused.csv")] == ["1"]


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (b'null\n{"minor": false}\n', ["1"]),
        (b' null\n{"minor": false}\n', ["1"]),
        (b'{"minor": false}\nnull\n', ["2"]),
        (b'{"minor": false} null\n\n{"minor": false}\n', ["1"]),
    ],
    ids=["first", "first, after a blank", "last", "behind an object"],
)
def test_a_null_is_no_customer_and_ends_no_run(run, tmp_path, lines, refused):
    folder = tmp_path / "in" / "customer_type=person"
    folder.mkdir(parents=True)
    (folder / "x.jsonl").write_bytes(lines)
    shown = run("in", "out.csv", "--max-bad", "100%")
    assert "2 rows: 1 scored, 1 refused" in shown.output, shown.output
    assert [row["row"] for row in rows_of(tmp_path / "out.csv.refused.csv")] == refused


def test_a_line_of_json_is_refused_as_a_body_would_be(run, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(
        b'[1]\n{"customer_type": "person", "applications_12m": 3.0}\n{"customer\n"\xff"\n\n'
        b'{"customer_type": "person", "minor": true, "minor": false}\n{"customer_type": "person", "sex": "x"}\n'
        b'{"customer_type": "person", "applications_12m": NaN}\n'
        b'{"customer_type": "person", "life_events": [{"event": "KE1"}]}\n'
    )
    shown = run("in.jsonl", "out.csv", "--max-bad", "100%")
    assert "8 rows: 1 scored, 7 refused" in shown.output, shown.output
    assert [(row["row"], row["code"]) for row in rows_of(tmp_path / "out.csv.refused.csv")] == [
        ("1", "malformed"),
        ("3", "malformed"),
        ("4", "malformed"),
        ("6", "malformed"),
        ("7", "barred_attribute"),
        ("8", "malformed"),
        ("9", "wrong_type"),
    ]


def test_a_file_is_never_scored_into_itself(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type\nperson\n")
    shown = run("in.csv", "in.csv")
    assert (shown.exit_code, (tmp_path / "in.csv").read_text()) == (2, "customer_type\nperson\n")


@pytest.mark.parametrize("column", ["sex", "Age", "municipality", "favourite_colour"])
def test_a_column_that_is_no_signal_stops_the_run_before_it_begins(run, tmp_path, column):
    (tmp_path / "in.csv").write_text(f"customer_type,{column}\nperson,x\n")
    shown = run("in.csv", "out.csv")
    assert shown.exit_code == 1
    assert "Remove it" in shown.output
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no header"), ("minor\ntrue\n", "customer_type")],
)
def test_a_file_without_a_header_is_told_so(run, tmp_path, text, words):
    (tmp_path / "in.csv").write_text(text)
    shown = run("in.csv", "out.csv")
    assert (shown.exit_code, words in shown.output) == (1, True), shown.output


def test_every_format_gives_the_same_answers_whether_file_folder_glob_or_pipe(run, root, tmp_path):
    source = root / "fixtures/golden/customers.csv"
    rows = values_of(source)
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    table = pa.Table.from_pylist(
        [{**dict.fromkeys(dict.fromkeys(n for r in rows for n in r)), **row} for row in rows]
    )
    pq.write_table(table, "in.parquet")
    with pa.ipc.new_file("in.arrow", table.schema) as file:
        file.write_table(table)
    (tmp_path / "parts").mkdir()
    for at in (0, 20):
        pq.write_table(table.slice(at, 20), f"parts/{at:02d}.parquet")
    found = []
    for given in (source, "in.jsonl", "in.parquet", "in.arrow", "parts", "parts/*.parquet"):
        for kind in ("csv", "parquet", "jsonl", "arrow"):
            shown = run(given, f"out.{kind}", "--as-of", "2026-11-21", "--no-input")
            assert shown.exit_code == 0, shown.output
        with pa.memory_map("out.arrow") as mapped:
            arrow = pa.ipc.open_file(mapped).read_all().to_pylist()
        lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert arrow == lines == pq.read_table("out.parquet").to_pylist()
        found.append(((tmp_path / "out.csv").read_text(), lines))
    assert all(each == found[0] for each in found)
    piped = run("-", "-", "--as-of", "2026-11-21", given=source.read_text())
    assert found[0][0] in piped.stdout


def test_a_folder_holds_a_file_per_chunk_a_manifest_and_a_mark_of_success(run, tmp_path):
    simulated(tmp_path / "in.parquet", 1500)
    assert run("in.parquet", "one.parquet", "--as-of", "2026-11-21").exit_code == 0
    shown = run("in.parquet", "out", "--as-of", "2026-11-21", "--chunk-rows", "500")
    assert shown.exit_code == 0, shown.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        *(f"part-{at:06d}.parquet" for at in range(3)),
    ]
    assert pq.read_table("out").to_pylist() == pq.read_table("one.parquet").to_pylist()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("dear")
    assert run("in.parquet", "foreign").exit_code == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_neither_workers_nor_chunks_show_in_the_answers(run, tmp_path, workers):
    simulated(tmp_path / "in.parquet", 3000)
    assert run("in.parquet", "whole.csv", "--as-of", "2026-11-21").exit_code == 0
    shown = run("in.parquet", "out.csv", "--as-of", "2026-11-21", "--chunk-rows", "600", "--workers", workers)
    assert shown.exit_code == 0, shown.output
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_too_many_bad_rows_end_in_3_and_publish_the_refused_alone(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type,minor\n" + "person,true\n" * 18 + "person,x\n" * 2)
    assert run("in.csv", "out.csv", "--max-bad", "10%").exit_code == 0
    (tmp_path / "out.csv").unlink()
    shown = run("in.csv", "out.csv", "--max-bad", "9.9%")
    assert (shown.exit_code, (tmp_path / "out.csv").exists()) == (3, False)
    assert len(rows_of(tmp_path / "out.csv.refused.csv")) == 2


def test_a_dry_run_tells_everything_and_writes_nothing(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type,minor\nperson,true\nperson,x\n")
    shown = run("in.csv", "out.csv", "--dry-run", "--json", "--max-bad", "50%")
    told = json.loads(shown.stdout)
    assert (told["rows"], told["scored"], told["refused"], told["refused_code"]) == (
        2,
        1,
        1,
        {"wrong_type": 1},
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_resume_goes_on_with_the_same_run_alone(run, tmp_path):
    simulated(tmp_path / "in.parquet", 1000)
    work = tmp_path / ".out.parquet.arki"
    work.mkdir()
    (work / "run.json").write_text('{"job": {"digest": null}, "chunks": 1}')
    shown = run("in.parquet", "out.parquet", "--resume", "--as-of", "2026-11-21")
    assert (shown.exit_code, "another run" in shown.output) == (2, True)
    assert run("in.parquet", "out.parquet", "--as-of", "2026-11-21").exit_code == 0
    assert not work.exists()


def test_segments_are_written_for_a_stated_purpose_only_which_the_file_and_the_log_name(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type,employees\nemployer,3\n")
    assert run("in.csv", "out.csv", "--with-segment").exit_code == 2
    assert run("in.csv", "out.csv", "--with-segment", "--purpose", " ").exit_code == 2
    assert run("in.csv", "out.csv").exit_code == 0
    assert "segment" not in rows_of(tmp_path / "out.csv")[0]
    asked = ("--with-segment", "--purpose", "checking the mapping", "--as-of", "2026-11-21")
    shown = run("in.csv", "out.parquet", *asked)
    assert "checking the mapping" in shown.stderr
    assert pq.read_table("out.parquet")["segment"].to_pylist() == ["employer"]
    metadata = pq.read_schema("out.parquet").metadata
    assert (metadata[b"arki.purpose"], metadata[b"arki.valid_until"]) == (
        b"checking the mapping",
        b"2026-12-21",
    )


def test_columns_texts_and_language_are_as_asked(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_ref,customer_type,kieli\na,person,sv\nb,person,\n")
    shown = run(
        "in.csv", "out.csv", "--language-column", "kieli", "--language", "en", "--with-texts",
        "--columns", "customer_ref,language,item_1_reason",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["customer_ref"], row["language"]) for row in rows] == [("a", "sv"), ("b", "en")]
    assert list(rows[0]) == ["customer_ref", "language", "item_1_reason"]
    assert run("in.csv", "out.csv", "--language-column", "kieli", "--columns", "age").exit_code == 1


def test_a_language_that_the_bundle_has_not_is_told_with_those_it_has(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type\nperson\n")
    shown = run("in.csv", "out.csv", "--language", "fii")
    assert shown.exit_code == 2
    assert "must be one of fi, sv, en" in " ".join(shown.output.split())
    assert "Did you mean fi?" in " ".join(shown.output.split())


def test_every_group_of_the_vocabulary_is_counted_by_whom_one_of_their_lookups_is_of(run, tmp_path):
    (tmp_path / "in.csv").write_text(
        "customer_type,life_events,open_matter,employees,personalisation\n"
        "person,KE8:1;KE3:4,,,\nperson,,child_benefit,,\nperson,,child_benefit,,objected\nemployer,,,5,\nperson,bad,,,\n"
    )
    shown = run("in.csv", "out.csv", "--max-bad", "100%", "--json")
    counted = json.loads(shown.stdout)["group"]
    assert set(counted) == set(VOCABULARY.groups)
    expected = {"students": 1, "unemployed": 1, "families": 1, "small_employers": 1}
    assert {code: counted[code] for code in expected} == expected
    assert json.loads((tmp_path / "out.csv.manifest.json").read_text())["tally"]["group"] == counted


def test_a_report_names_each_group_as_the_vocabulary_does(run, tmp_path):
    simulated(tmp_path / "in.parquet", 200)
    assert run("in.parquet", "out.parquet", "--report", "report.html").exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert all(f"{term.name['en']} ({code})" in page for code, term in VOCABULARY.groups.items())


def test_a_report_is_one_page_with_plots(run, tmp_path):
    simulated(tmp_path / "in.parquet", 500)
    assert run("in.parquet", "out.parquet", "--report", "report.html").exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img alt=") >= 4
    assert "http" not in page.replace("http://www.w3.org", "")


def test_an_unknown_format_says_which_are_known(run, tmp_path):
    (tmp_path / "in.xls").write_text("x")
    shown = run("in.xls", "out.csv")
    assert shown.exit_code == 1
    assert ".csv, .jsonl" in shown.output
    assert run("in.xls", "out.xls").exit_code == 2
