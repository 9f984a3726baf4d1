"""Which files `arki-score` reads, what their folders say, and what stops a run before anybody is answered."""

import csv
import io
import itertools
import json
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st
from test_score import rows_of, run

from models.columns.files import chunks, read_chunk
from models.columns.rows import KEY
from models.columns.text_lines import MOST_LINES, row_blocks
from testing.shipped import CONTRACT
from training.cli.train import main as train

__all__ = ["run"]
DAY = ("--as-of", "2026-11-21")
STORES = [
    "s3://bucket/x.csv",
    "gs://b/x.csv",
    "abfs://c@a/x",
    "hdfs://n/x",
    "https://h/x.csv",
    "file:///x.csv",
    "dbfs:/x.csv",
]


@pytest.mark.parametrize("place", ["IN", "OUT", "--report"])
@pytest.mark.parametrize("store", STORES)
def test_an_address_is_refused_where_a_path_belongs_and_nothing_is_written(run, tmp_path, store, place):
    (tmp_path / "in.csv").write_text("customer_type\nperson\n")
    given = [store if place == name else path for name, path in (("IN", "in.csv"), ("OUT", "out.csv"))]
    shown = run(*given, *(["--report", store] if place == "--report" else []))
    assert (shown.exit_code, "is an address" in shown.output) == (2, True), shown.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_an_address_is_refused_with_what_to_do(run):
    shown = run("in.csv", "s3://bucket/answers.csv")
    assert (
        "Invalid value for 'OUT': s3://bucket/answers.csv is an address, and Arki reads and writes local files only. Mount"
        " the store, or copy the files with the store's own tool, such as `aws s3 cp`, and give the local path."
    ) in shown.output


@pytest.mark.parametrize(
    "arguments", [["population", "s3://b/x.csv"], ["--data", "gs://b/x.parquet"], ["--out", "hdfs://n/x"]]
)
def test_training_refuses_an_address_too(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(train, arguments)
    assert (shown.exit_code, "is an address" in shown.output) == (2, True), shown.output
    assert list(tmp_path.iterdir()) == []


def customers(path, refs, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({KEY: refs, **{name: [value] * len(refs) for name, value in columns.items()}})
    pq.write_table(table, path)


TABLES = {
    "a Delta table (it holds _delta_log)": "_delta_log/00000000000000000000.json",
    "a Hudi table (it holds .hoodie)": ".hoodie/hoodie.properties",
    "an Iceberg table (it holds metadata/….metadata.json)": "metadata/v1.metadata.json",
}


@pytest.mark.parametrize(
    "given", ["lake", "lake/table", "lake/table/data/*.parquet", "lake/*", "lake/table/data/a.parquet"]
)
@pytest.mark.parametrize("kind", TABLES)
def test_the_folder_of_a_table_is_never_read_as_loose_files(run, tmp_path, kind, given):
    customers(tmp_path / "lake/table/data/a.parquet", ["a"], customer_type="person")
    sign = tmp_path / "lake/table" / TABLES[kind]
    sign.parent.mkdir()
    sign.touch()
    shown = run(given, "out.csv")
    assert shown.exit_code == 1
    assert (
        f"lake/table is {kind}; its folder also holds rows that were deleted or replaced. Export a snapshot of the table as"
        " Parquet, with a tool that reads its log, and give that.\n"
    ) in shown.output
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


@pytest.mark.parametrize("given", ["day", "day/**/*.parquet", "day/**"])
def test_hidden_and_half_written_files_are_passed_over_and_no_file_is_read_twice(run, tmp_path, given):
    for at, name in enumerate(
        ["part.parquet", "_temporary/0/task_1/part.parquet", ".ipynb_checkpoints/part.parquet", "_part.parquet",
         "sub/.part.parquet", ".month=1/part.parquet", "_month=1/part.parquet"]
    ):  # fmt: skip
        customers(tmp_path / "day" / name, [f"c{at}"], customer_type="person")
    assert run(given, "out.csv", *DAY).exit_code == 0
    assert sorted(row[KEY] for row in rows_of(tmp_path / "out.csv")) == ["c0", "c6"]


def test_a_glob_reads_the_folders_that_it_names(run, tmp_path):
    for month in ("01", "02", "12"):
        customers(tmp_path / f"month={month}/part.parquet", [month], customer_type="person")
    assert run("month=0*", "out.csv", *DAY).exit_code == 0
    assert [row[KEY] for row in rows_of(tmp_path / "out.csv")] == ["01", "02"]


PARTITIONED = {
    "customer_type": ["person", "employer"],
    "minor": ["true", "false", None],
    "applications_12m": ["3", "12", None],
    "personalisation": ["allowed", "objected"],
    "life_events": ["KE8:1;KE4.2:3", "-", None],
    "language": ["sv", None],
}


def write(path, kind, row):
    """One customer, cells as in CSV, in a file of a format; typed where the format is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "csv":
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, row)
            table.writeheader()
            table.writerow(row)
        return
    typed = {
        name: {"true": True, "false": False}.get(cell, int(cell) if cell and cell.isdecimal() else cell)
        for name, cell in row.items()
    }
    if typed.get("life_events"):
        pairs = (
            []
            if typed["life_events"] == "-"
            else [each.split(":") for each in typed["life_events"].split(";")]
        )
        typed["life_events"] = [{"event": event, "months_ago": int(months)} for event, months in pairs]
    if kind == "jsonl":
        path.write_text(json.dumps(typed))
        return
    table = pa.Table.from_pylist([typed])
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("column", PARTITIONED)
def test_a_value_in_a_folders_name_is_read_as_the_same_value_in_a_column(run, tmp_path, column, kind):
    for at, value in enumerate(PARTITIONED[column]):
        row = {KEY: f"c{at}", "customer_type": "person", "phone_contacts_90d": "4"} | {column: value}
        if row["customer_type"] == "employer":
            del row["phone_contacts_90d"]
        write(tmp_path / f"inside/{at}.{kind}", kind, row)
        text = "__HIVE_DEFAULT_PARTITION__" if value is None else value.replace(":", "%3A")
        del row[column]
        write(tmp_path / f"folders/month=0{at}/{column}={text}/data_0.{kind}", kind, row)
    for source in ("inside", "folders"):
        shown = run(source, f"{source}.csv", *DAY)
        assert shown.exit_code == 0, shown.output
    assert (tmp_path / "folders.csv").read_text() == (tmp_path / "inside.csv").read_text()


def test_a_value_that_a_folder_may_not_name_refuses_its_rows_as_a_cell_would(run, tmp_path):
    write(tmp_path / "in/minor=perhaps/a.parquet", "parquet", {KEY: "a", "customer_type": "person"})
    write(tmp_path / "in/minor=false/a.parquet", "parquet", {KEY: "b", "customer_type": "person"})
    assert run("in", "out.csv", "--max-bad", "100%").exit_code == 0
    [refused] = rows_of(tmp_path / "out.csv.refused.csv")
    assert refused == {
        "file": "minor=perhaps/a.parquet",
        "row": "1",
        "column": "minor",
        "code": "wrong_type",
        "message": "must be true or false, or left out if unknown.",
    }


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_and_its_folder_agree_or_the_run_stops(run, tmp_path, kind):
    write(tmp_path / f"in/minor=true/a.{kind}", kind, {KEY: "a", "customer_type": "person", "minor": "true"})
    assert run("in", "out.csv").exit_code == 0
    write(tmp_path / f"in/minor=false/a.{kind}", kind, {KEY: "b", "customer_type": "person", "minor": "true"})
    shown = run("in", "new.csv")
    assert (shown.exit_code, (tmp_path / "new.csv").exists()) == (1, False)
    assert (
        f"in/minor=false/a.{kind} has a column minor that says another value in row 1 than the folder minor=… does. Correct"
        " the row, or the folder's name.\n"
    ) in shown.output


def test_a_folder_that_names_a_barred_attribute_is_refused_by_name(run, tmp_path):
    write(tmp_path / "in/age=40/a.csv", "csv", {"customer_type": "person"})
    shown = run("in", "out.csv")
    assert (shown.exit_code, (tmp_path / "out.csv").exists()) == (1, False)
    assert (
        "lies in a folder age=…, and age is never used by Arki to choose a segment or content."
        in shown.output
    )


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("lost", ["minor", "personalisation"])
def test_a_file_that_lost_what_protects_people_stops_the_run(run, tmp_path, lost, kind):
    row = {KEY: "a", "customer_type": "person", "minor": "true", "personalisation": "objected"}
    write(tmp_path / f"in/a.{kind}", kind, row)
    write(tmp_path / f"in/b.{kind}", kind, {name: cell for name, cell in row.items() if name != lost})
    shown = run("in", "out.csv")
    assert shown.exit_code == 1
    would = {"minor": "minors", "personalisation": "customers who objected"}[lost]
    assert (
        f"in/b.{kind} has no column {lost}, which in/a.{kind} has: {would} would be profiled. Write the column into every"
        " file, empty where unknown, or score this file by itself.\n"
    ) in shown.output
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_employers_need_no_column_of_minors_and_other_columns_are_warned_of(run, tmp_path):
    write(tmp_path / "in/a.csv", "csv", {"customer_type": "person", "minor": "true", "applications_12m": "3"})
    write(tmp_path / "in/b.csv", "csv", {"customer_type": "person", "minor": "true"})
    write(tmp_path / "in/c.csv", "csv", {"customer_type": "employer", "employees": "3"})
    shown = run("in", "out.csv", "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["warnings"] == [
        "columns that some files lack, unknown there: applications_12m (not in b.csv)"
    ]
    assert "warning: columns that some files lack" in run("in", "out.csv").output


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("customer_type,minor\nperson,x\n", ("--max-bad", "100%"), "all 1 rows were refused (wrong_type 1), so nothing is scored."),
        ("customer_type,minor\nperson,x\n", ("--dry-run",), "all 1 rows were refused (wrong_type 1), so nothing is scored."),
        ("customer_type\n", (), "in.csv holds no rows. There is nothing to score."),
        ("customer_type\n\n\n", (), "IN holds no rows. There is nothing to score."),
        (
            "customer_type,minor\n" + "person,true\n" * 18 + "person,x\n",
            (),
            ("1 of 19 rows were refused (wrong_type 1), more than --max-bad 0.05 allows. No answers are published. Refused"
            " rows, with reasons: out.csv.refused.csv"),
        ),
    ],
    ids=["all refused", "dry run", "no rows", "blank rows", "more than 5 %"],
)  # fmt: skip
def test_a_run_that_comes_to_nothing_is_no_success(run, tmp_path, text, options, words):
    (tmp_path / "in.csv").write_text(text)
    shown = run("in.csv", "out.csv", *options)
    assert (shown.exit_code, words in shown.output) == (3, True), shown.output
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "out.csv._SUCCESS").exists()


def test_refused_rows_of_a_folder_that_is_not_published_are_where_the_message_says(run, tmp_path):
    (tmp_path / "in.csv").write_text("customer_type,minor\nperson,x\n")
    shown = run("in.csv", "out")
    assert "Refused rows, with reasons: .out.arki/refused" in shown.output
    assert "wrong_type" in (tmp_path / ".out.arki/refused").read_text()


CELL = st.text(st.sampled_from('ab",;\n\r\u2028ä '), max_size=6)
STYLES = (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)


def read(path, rows):
    """The keys of a file, how many of its rows are refused, and the numbers of all rows."""
    keys, refused, numbers = [], 0, []
    for chunk in chunks(path, rows):
        for batch in read_chunk(chunk, contract=CONTRACT):
            keys += batch.batch.column(KEY).to_pylist() if batch.batch else []
            refused += len(batch.unreadable)
            numbers += [*batch.numbers, *(each.row for each in batch.unreadable)]
    return keys, refused, numbers


def test_json_lines_are_not_read_without_a_contract(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"customer_type": "person"}\n')
    [chunk] = chunks(tmp_path / "in.jsonl", 10)
    with pytest.raises(TypeError, match="by a contract"):
        list(read_chunk(chunk))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "in.csv"


@given(
    refs=st.lists(CELL, min_size=1, max_size=12),
    style=st.sampled_from(STYLES),
    place=st.integers(0, 2),
    rows=st.integers(1, 5),
)
def test_whatever_a_csv_writer_wrote_is_read_back_row_by_row(table, refs, style, place, rows):
    columns = ["customer_type", "minor"]
    columns.insert(place, KEY)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, quoting=style)
        writer.writeheader()
        writer.writerows({KEY: ref, "customer_type": "person", "minor": "true"} for ref in refs)
    keys, refused, _ = read(table, rows)
    assert (keys, refused) == ([ref or None for ref in refs], 0)


@given(text=st.text(st.sampled_from('ab",\n'), max_size=60), rows=st.integers(1, 5))
@example(text='"\n"""",', rows=1)
def test_text_with_any_quotes_has_the_same_rows_in_one_chunk_as_in_many(table, text, rows):
    table.write_text(f"{KEY},customer_type\n{text}", encoding="utf-8")
    whole, parts = read(table, 1000), read(table, rows)
    assert (whole[:2], sorted(whole[2])) == (parts[:2], sorted(parts[2]))
    assert not {key for key in whole[0] if key and key.count('"') % 2 and key not in cells(text)}


def cells(text):
    """What Python's reader finds in lines that follow one another: a quote left open costs its own line alone."""
    lines = text.splitlines(keepends=True)
    found = set()
    for first, last in itertools.combinations(range(len(lines) + 1), 2):
        part = io.StringIO("".join(lines[first:last]), newline="")
        with suppress(csv.Error):
            found |= {cell for row in csv.reader(part, strict=True) for cell in row}
    return found


class Dribbling(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def read(self, size=-1):
        return super().read(min(size, 7))


@given(text=st.text(st.sampled_from('a",\n'), max_size=80))
def test_rows_end_in_the_same_places_however_the_bytes_come(text):
    content = text.encode()
    ends = []
    for file in (io.BytesIO(content), Dribbling(content)):
        at, found = 0, []
        for block in row_blocks(file, size=len(content), first=1, quotes=True):
            found += [at + block.row_end(row) for row in range(1, block.rows + 1)]
            at += block.size
        ends.append(found)
        assert at == len(content)
    assert ends[0] == ends[1]


def test_an_open_quote_costs_one_row_however_long_the_file(run, tmp_path):
    lines = [f"c{at},person,true" for at in range(3 * MOST_LINES)]
    lines[5] = '"c5,person,true'
    lines[5 + 2 * MOST_LINES] = 'x"y",person,"true'
    (tmp_path / "in.csv").write_text("\n".join([f"{KEY},customer_type,minor", *lines]))
    assert run("in.csv", "out.csv", "--chunk-rows", "7").exit_code == 0
    assert [int(row["row"]) for row in rows_of(tmp_path / "out.csv.refused.csv")] == [6, 6 + 2 * MOST_LINES]
    assert len(rows_of(tmp_path / "out.csv")) == len(lines) - 2


def test_a_key_with_a_line_break_is_one_customer_in_and_out(run, tmp_path):
    (tmp_path / "in.csv").write_text(
        f'{KEY},customer_type,minor\n"a\nb",person,true\n"c\nd",person\ne,person,true\n'
    )
    shown = run("in.csv", "out.csv", "--max-bad", "50%")
    assert "3 rows: 2 scored, 1 refused" in shown.output
    assert [row[KEY] for row in rows_of(tmp_path / "out.csv")] == ["a\nb", "e"]
    [refused] = rows_of(tmp_path / "out.csv.refused.csv")
    assert (refused["row"], refused["message"]) == ("3", "has 2 cells; the header names 3.")
