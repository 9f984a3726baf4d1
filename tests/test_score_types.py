"""Every Arrow type of text gives the answers of plain text, and what `arki-score` writes other readers can read."""

import uuid
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers
from test_score import rows_of, run, simulated
from test_scoring import TYPES

from models.columns.arrow_types import read_as
from models.columns.rows import KEY, SIGNALS
from models.contract.channels import HELSINKI
from training.scoring.request import ScoringRequest
from training.scoring.scorer import Scorer

__all__ = ["run"]
DAY = ("--as-of", "2026-11-21")
TEXTS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "binary_view": pa.binary_view(),
}


def coded(column, kind):
    """A column of text as a dictionary of some type of text."""
    words = column.dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices, words.dictionary.cast(kind))


def with_null_word(column):
    words = column.dictionary_encode()
    places = pc.fill_null(words.indices, len(words.dictionary))
    return pa.DictionaryArray.from_arrays(places, pa.array([*words.dictionary.to_pylist(), None]))


OTHERS = {
    "dictionary": lambda column: coded(column, pa.string()),
    "dictionary of views": lambda column: coded(column, pa.string_view()),
    "dictionary of bytes": lambda column: coded(column, pa.binary()),
    "dictionary with a null": with_null_word,
    "runs": pc.run_end_encode,
    "json": lambda column: pa.ExtensionArray.from_storage(pa.json_(pa.string()), column),
}


def texts_as(column, form):
    """A column of text in another of Arrow's types for it."""
    return OTHERS[form](column) if form in OTHERS else column.cast(TEXTS[form])


FORMS = [*TEXTS, *OTHERS]


@pytest.fixture(scope="module")
def scorer(recommender):
    return Scorer(recommender, ScoringRequest(datetime(2026, 11, 21, tzinfo=HELSINKI)))


def test_every_arrow_type_of_text_is_read_as_the_same_text():
    column = pa.array(["person", None, "työ", "", "person"])
    for form in FORMS:
        made = read_as(texts_as(column, form), key=True)
        assert (made.type, made.to_pylist()) == (pa.string(), column.to_pylist()), form
        part = texts_as(column, form)[1:4]
        assert read_as(part, key=True).to_pylist() == column.to_pylist()[1:4], form


@given(
    drawn=st.lists(customers(), min_size=1, max_size=8),
    forms=st.lists(st.sampled_from(FORMS), min_size=1, max_size=5),
)
def test_customers_get_the_same_answers_whatever_type_their_texts_have(scorer, drawn, forms):
    rows = [{"customer_type": kind, KEY: f"c{at}", **signals} for at, (kind, signals) in enumerate(drawn)]
    types = {name: TYPES[signal.kind] for name, signal in SIGNALS.items()}
    names = sorted({name for row in rows for name in row})
    columns = [pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in names]
    turned = [
        texts_as(column, forms[at % len(forms)]) if pa.types.is_string(column.type) else column
        for at, column in enumerate(columns)
    ]
    read = [read_as(column, key=name == KEY) for name, column in zip(names, turned, strict=True)]
    given_plain, given_turned = (pa.RecordBatch.from_arrays(each, names) for each in (columns, read))
    assert scorer.score(given_turned).to_pylist() == scorer.score(given_plain).to_pylist()


LISTS = {
    "list": pa.list_(pa.string()),
    "large list of views": pa.large_list(pa.string_view()),
    "list of bytes": pa.list_(pa.binary()),
    "list of dictionaries": pa.list_(pa.dictionary(pa.int8(), pa.string())),
    "list view": pa.list_view(pa.string()),
    "large list view": pa.large_list_view(pa.string()),
}


@pytest.mark.parametrize("kind", LISTS.values(), ids=LISTS)
def test_every_arrow_type_of_list_is_read_as_the_same_list(kind):
    values = [["family_leave"], None, [], ["rehabilitation", "family_leave"]]
    made = read_as(pa.array(values, kind))
    assert made.to_pylist() == values
    made.validate(full=True)


def arrow_of(path, table):
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table)


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_keys_of_16_bytes_are_written_as_uuids_are(run, tmp_path, kind):
    keys = [uuid.UUID(int=5**40), None, uuid.UUID(int=7**40)]
    table = pa.table(
        {KEY: pa.array([k and k.bytes for k in keys], pa.uuid()), "customer_type": ["person"] * 3}
    )
    (arrow_of if kind == "arrow" else lambda path, found: pq.write_table(found, path))(
        tmp_path / f"in.{kind}", table
    )
    assert run(f"in.{kind}", "out.csv", *DAY).exit_code == 0
    assert [row[KEY] for row in rows_of(tmp_path / "out.csv")] == [str(k) if k else "" for k in keys]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        (KEY, pa.array([b"\xff" * 16], pa.binary(16)), "holds bytes that are not UTF-8 text. Write it as text, a UUID as its"),
        ("minor", pa.array([b"\xff"], pa.binary()), "holds bytes that are not UTF-8 text."),
        ("life_events", pa.array([[("KE1", 3)]], pa.map_(pa.string(), pa.int64())), "is of type map<string, int64>, which is"),
        (KEY, pa.array([["a"]]), "is of type list<item: string>, which is not read. Write keys as text or whole numbers."),
        ("minor", pa.array([7], pa.timestamp("ns")), "is of type timestamp[ns], which is not read. No signal is a time: write"),
        ("minor", pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([True])]), "is of type sparse_union<"),
    ],
    ids=["key of bytes", "bytes", "map", "key of lists", "time", "union"],
)  # fmt: skip
def test_a_type_that_cannot_be_read_is_refused_in_a_sentence(run, tmp_path, column, values, words):
    arrow_of(tmp_path / "in.arrow", pa.table({"customer_type": ["person"], column: values}))
    shown = run("in.arrow", "out.csv")
    assert (shown.exit_code, (tmp_path / "out.csv").exists()) == (1, False)
    assert f"in.arrow has a column {column} that {words}" in shown.output


ODD = {
    "timestamp": pa.timestamp("ns"), "duration": pa.duration("ns"), "date": pa.date32(), "time": pa.time64("ns"),
    "decimal": pa.decimal128(30, 2), "half": pa.float16(), "null": pa.null(), "struct": pa.struct([("a", pa.int8())]),
    "list of lists": pa.list_(pa.list_(pa.int8())), "interval": pa.month_day_nano_interval(),
}  # fmt: skip
VALUES = {
    "date": date(2026, 1, 1), "time": 7, "struct": {"a": 1}, "list of lists": [[1]], "null": None,
    "interval": (1, 2, 3),
}  # fmt: skip


@pytest.mark.parametrize(
    "column", ["applications_12m", "minor", "personalisation", "life_events", "open_matters"]
)
@pytest.mark.parametrize("kind", ODD)
def test_no_type_of_a_signal_ends_in_a_traceback(run, tmp_path, kind, column):
    values = pa.array([VALUES.get(kind, 7), None], ODD[kind])
    arrow_of(tmp_path / "in.arrow", pa.table({"customer_type": ["person"] * 2, column: values}))
    shown = run("in.arrow", "out.csv", "--max-bad", "100%")
    assert (
        shown.exit_code in (0, 1),
        shown.exception is None or isinstance(shown.exception, SystemExit),
    ) == (True, True)


def test_other_readers_can_read_the_arrow_that_is_written(run, tmp_path):
    simulated(tmp_path / "in.parquet", 1000)
    assert run("in.parquet", "out.arrow", *DAY, "--chunk-rows", "500").exit_code == 0
    with pa.memory_map("out.arrow") as mapped:
        table = pa.ipc.open_file(mapped).read_all()
    table.validate(full=True)
    for name in table.column_names:
        for part in table[name].chunks:
            assert not pa.types.is_string_view(part.type)
            if pa.types.is_dictionary(part.type):
                places = part.indices
                raw = pa.Array.from_buffers(
                    places.type, len(places), [None, places.buffers()[1]], offset=places.offset
                )
                assert pc.min_max(raw)["min"].as_py() >= 0, name
                assert pc.min_max(raw)["max"].as_py() < len(part.dictionary), name
