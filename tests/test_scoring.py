"""The column form of everything between a record batch and its answers agrees with the row form, whatever the batch."""

import math
from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.columns.rows import SIGNALS, read_row, row_of_text
from models.columns.statutory import StatutoryColumns
from models.contract.channels import HELSINKI
from models.contract.signals import InvalidSignalsError
from models.decision.catalogue import read_catalogue
from testing.shipped import LANGUAGES, VOCABULARY
from training.scoring.request import VERSIONS, ScoringRequest
from training.scoring.scorer import REFUSED, Scorer, fault_rows
from training.simulation.population import population

AT = datetime(2026, 11, 21, tzinfo=HELSINKI)
ASKED = ScoringRequest(AT, limit=4, with_segment=True, with_texts=True)
TYPES = {
    "count": pa.int64(),
    "yes_no": pa.bool_(),
    "choice": pa.string(),
    "choices": pa.list_(pa.string()),
    "life_events": pa.list_(pa.struct([("event", pa.string()), ("months_ago", pa.int64())])),
}


class Forms:
    """Both forms of one bundle; a class of its own, since hypothesis prints what it is given."""

    def __init__(self, recommender):
        self.scorer = Scorer(recommender, ASKED)
        self.by_row = lambda row: answer(row, recommender)


@pytest.fixture(scope="session")
def forms(recommender):
    return Forms(recommender)


@pytest.fixture(scope="session")
def scorer(forms):
    return forms.scorer


def answer(row, recommender, asked=ASKED):
    """What the row form says of a row, in the columns of the file."""
    try:
        customer = read_row(row, recommender.contract, asked.language, asked.language_column)
    except InvalidSignalsError as error:
        return dict.fromkeys(asked.columns) | {
            "customer_ref": row.get("customer_ref"),
            REFUSED: fault_rows(error),
        }
    [found] = recommender.recommend(
        [customer.signals], at=asked.at, language=customer.language, limit=asked.limit
    )
    told = dict.fromkeys(asked.columns) | {
        "customer_ref": row.get("customer_ref"),
        "customer_type": row["customer_type"],
        "language": customer.language,
        "personalised": found.personalised,
        "statutory": ";".join(item.content.id for item in found.statutory),
        "human_channel": found.human_channel.id,
        "valid_until": found.valid_until.isoformat(),
        **{name: getattr(found.versions, name) for name in VERSIONS},
        REFUSED: None,
    }
    for item in found.items:
        values = (
            item.channel,
            item.content_type,
            item.content.id,
            item.content.language,
            item.reason.rule,
            item.reason.text,
        )
        told |= {
            f"item_{item.rank}_{name}": value for name, value in zip(asked.item_columns, values, strict=False)
        }
    if asked.with_segment:
        told["segment"] = found.segment.id if found.segment else None
        told["segment_probability"] = found.segment.probability if found.segment else None
    return told


def batch_of(rows):
    """Rows as a typed record batch."""
    names = sorted({name for row in rows for name in row})
    types = {name: TYPES[signal.kind] for name, signal in SIGNALS.items()}
    return pa.RecordBatch.from_pydict(
        {name: pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in names}
    )


def rows_of_any_customer():
    return st.tuples(customers(), st.sampled_from([None, *LANGUAGES])).map(
        lambda drawn: {"customer_type": drawn[0][0], "language": drawn[1], **drawn[0][1]}
    )


@given(rows=st.lists(rows_of_any_customer(), min_size=1, max_size=30))
def test_a_batch_of_any_customers_gives_each_the_recommenders_own_answer(forms, rows):
    assert forms.scorer.score(batch_of(rows)).to_pylist() == [forms.by_row(row) for row in rows]


ODD = {
    "count": st.sampled_from([-1, 3, 13, 301, 1001, 2**31, 2**40]),
    "yes_no": st.booleans(),
    "choice": st.sampled_from(["allowed", "objected", "", "ALLOWED", "chat", "rehabilitation", "allowed "]),
    "choices": st.lists(
        st.sampled_from(["rehabilitation", "family_leave", "sickness_allowance", None, "x"]), max_size=14
    ),
    "life_events": st.lists(
        st.none()
        | st.fixed_dictionaries(
            {
                "event": st.sampled_from(["KE1", "KE4.2", "KE15", "", None]),
                "months_ago": st.sampled_from([0, 24, 25, -1, None]),
            }
        ),
        max_size=7,
    ),
}


def odd_rows():
    """Rows that may break the contract in every way a typed column can."""
    optional = {name: st.none() | ODD[signal.kind] for name, signal in SIGNALS.items()}
    optional |= {
        "customer_type": st.sampled_from(["person", "employer", "Person", "", None]),
        "language": st.sampled_from(["fi", "sv", "en", "ru", "", None]),
        "customer_ref": st.sampled_from(
            [
                "a",
                None,
                "131052-308T",
                "x131052-308Ty",
                "131052-308U",
                "131052308T",
                "131052308U",
                "131052%2D308t",
                "0401311234",
                "１３１０５２－３０８Ｔ",
                "ä 131052 - 308T",
                "131052/308Ty",
                "50 % of ä",
                "=1+1",
            ]
        ),
    }
    names = st.sets(st.sampled_from(sorted(optional)), max_size=5)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries(
            {"customer_type": optional["customer_type"]} | {name: optional[name] for name in chosen}
        )
    )


@given(rows=st.lists(odd_rows(), min_size=1, max_size=12))
def test_a_row_is_refused_where_and_only_where_the_contract_refuses_it(forms, rows):
    known = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert forms.scorer.score(batch_of(rows)).to_pylist() == [forms.by_row(row) for row in known]


CELLS = {
    "count": st.sampled_from(
        ["3", "0", "3.0", "1e1", "-0", "03", "3 ", "+3", "NaN", "nan", "１", "1_0", "999999"]
    ),
    "yes_no": st.sampled_from(["true", "false", "TRUE", "1", "yes", " true"]),
    "choice": st.sampled_from(["allowed", "objected", "chat", "rehabilitation", "allowed "]),
    "choices": st.sampled_from(
        [
            "-",
            "",
            "rehabilitation",
            "family_leave;rehabilitation",
            "rehabilitation;rehabilitation",
            "-;-",
            ";",
        ]
    ),
    "life_events": st.sampled_from(
        ["-", "KE1:0", "KE4.2:3;KE1:0;KE4:3", "KE1", "KE1:", "KE1:025", "KE1:3:4", ":"]
    ),
}


def textual_rows():
    optional = {name: st.just("") | CELLS[signal.kind] for name, signal in SIGNALS.items()}
    kinds = st.sampled_from(["person", "employer", "Person", ""])
    names = st.sets(st.sampled_from(sorted(optional)), max_size=5)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({"customer_type": kinds} | {n: optional[n] for n in chosen})
    )


@given(rows=st.lists(textual_rows(), min_size=1, max_size=12), encoded=st.booleans())
def test_cells_of_text_are_read_as_one_row_of_text_is(forms, rows, encoded):
    kind = pa.dictionary(pa.int32(), pa.string()) if encoded else pa.string()
    names = sorted({name for row in rows for name in row})
    batch = pa.RecordBatch.from_pydict(
        {name: pa.array([row.get(name) or None for row in rows], kind) for name in names}
    )
    expected = [forms.by_row(row_of_text({n: cell for n, cell in row.items() if cell})) for row in rows]
    assert forms.scorer.score(batch, textual=True).to_pylist() == expected


def test_a_number_may_come_as_any_type_that_holds_it(scorer, recommender):
    given = [3, None, 12, 301]
    expected = [
        answer({"customer_type": "person", "applications_12m": value}, recommender) for value in given
    ]
    for kind in (pa.int8, pa.uint16, pa.int32, pa.uint64, pa.float32, pa.float64):
        values = pa.array([3, None, 12, 301 if kind is not pa.int8 else 101], kind())
        batch = pa.RecordBatch.from_pydict({"customer_type": ["person"] * 4, "applications_12m": values})
        assert scorer.score(batch).to_pylist()[:3] == expected[:3]
        if kind is not pa.int8:
            assert scorer.score(batch).to_pylist() == expected


def test_not_a_number_is_unknown_in_a_typed_column_and_refused_in_text(scorer):
    typed = pa.RecordBatch.from_pydict({"customer_type": ["person"], "applications_12m": [math.nan]})
    text = pa.RecordBatch.from_pydict({"customer_type": ["person"], "applications_12m": ["NaN"]})
    assert scorer.score(typed).column(REFUSED).to_pylist() == [None]
    [[fault]] = scorer.score(text, textual=True).column(REFUSED).to_pylist()
    assert (fault["column"], fault["code"]) == ("applications_12m", "wrong_type")


def test_a_slice_of_a_batch_gives_the_same_answers_as_the_whole(scorer):
    [batch] = population(3000, 5).to_batches()
    whole = scorer.score(batch).to_pylist()
    assert [
        row for start in range(0, 3000, 777) for row in scorer.score(batch[start : start + 777]).to_pylist()
    ] == whole


def test_a_language_that_the_bundle_lacks_is_refused_with_those_that_it_has(recommender):
    with pytest.raises(ValueError, match=r"has no language ru\. Ask in one of fi, sv, en"):
        Scorer(recommender, ScoringRequest(AT, language="ru"))


def test_more_benefits_than_a_key_kept_beside_for_are_refused_and_not_mixed_up():
    [term, *_] = VOCABULARY.duties["person"].values()
    many = {f"benefit_{at}": term for at in range(60)}
    vocabulary = replace(VOCABULARY, duties={**VOCABULARY.duties, "person": many})
    with pytest.raises(OverflowError, match="no room for 60 benefits"):
        StatutoryColumns(read_catalogue({"items": []}, vocabulary), AT.date(), valid_days=30)


def agrees(scorer, recommender, customers, seed):
    for batch in population(customers, seed).to_batches(max_chunksize=10_000):
        rows = batch.select([n for n in batch.schema.names if n in SIGNALS or n.startswith("customer")])
        got = scorer.score(batch).to_pylist()
        for row, told in zip(rows.to_pylist(), got, strict=True):
            assert told == answer(row, recommender)


def test_2_000_simulated_customers_agree_with_the_recommender_in_every_field(scorer, recommender):
    agrees(scorer, recommender, 2_000, 23)


@pytest.mark.slow
def test_100_000_simulated_customers_agree_with_the_recommender_in_every_field(scorer, recommender):
    agrees(scorer, recommender, 100_000, 24)
