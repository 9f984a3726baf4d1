"""Labelled customers from a file: what a training asks of them, what it does without, and what it refuses in one sentence."""

import json

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from models.decision.scorecard import FEATURE_SIGNAL, FEATURES, read_scorecard
from training.cli.train import main
from training.files import write_table
from training.learning.dataset import TrainingDataError, matrix, read_dataset, split, unknown_signals
from training.learning.evaluate import baselines
from training.learning.gates import CONFIG
from training.learning.pipeline import check_compiled, compile_scorecard, fit
from training.learning.signatures import unsigned
from training.simulation.population import population

THRESHOLDS = {"abstain_below": 0.5, "confident_from": 0.8, "minimum_known": 2}


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def customers():
    return population(3_000, seed=11, with_employers=False)


def test_no_customer_is_in_two_parts(customers):
    doubled = pa.concat_tables([customers, customers])
    parts = split(read_dataset(doubled, "doubled"), 5, "doubled")
    groups = [set(part.group.tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labelled_customers_from_a_file_train_in_one_command(tmp_path, ending):
    path = tmp_path / f"labelled.{ending}"
    assert run("population", path, "--customers", 2_500, "--with-labels").exit_code == 0
    result = run("--data", path, "--out", tmp_path / "model")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["data"]["source"] == path.name
    assert "simulated" not in (tmp_path / "model" / "MODEL_CARD.md").read_text().split("## Figures")[0]
    read_scorecard(json.loads((tmp_path / "model" / "scorecard.json").read_text()))


SIGNALS = tuple(dict.fromkeys(FEATURE_SIGNAL.values()))


@pytest.mark.parametrize(
    "lacking",
    [
        *(
            pytest.param((name,), id=name, marks=[pytest.mark.slow] if at else [])
            for at, name in enumerate(SIGNALS)
        ),
        pytest.param(SIGNALS[2:], id="all but two"),
        pytest.param(("life_events", "active_benefits", "chat_contacts_90d"), id="every list and a count"),
    ],
)
def test_labelled_customers_may_lack_any_signal_and_the_model_takes_no_account_of_it(customers, lacking):
    parts = split(read_dataset(customers.slice(0, 1_500).drop_columns(list(lacking)), "file"), 5, "file")
    assert unknown_signals(parts.train) == [name for name in SIGNALS if name in lacking]
    beside = baselines(parts.train, parts.test, 5)
    assert all(np.isfinite(found).all() for found in beside.values())
    pipeline = fit(parts.train)
    document = compile_scorecard(pipeline, THRESHOLDS, parts.train.segments)
    assert check_compiled(document, pipeline, parts.test.X) <= 1e-4
    scorecard = read_scorecard(document)
    at = [place for place, name in enumerate(FEATURES) if FEATURE_SIGNAL[name] in lacking]
    for row in parts.test.X[:20].tolist():
        unknown = tuple(None if np.isnan(value) else int(value) for value in row)
        known = tuple(3 if place in at else value for place, value in enumerate(unknown))
        assert scorecard.probabilities(known) == scorecard.probabilities(unknown)


@pytest.mark.parametrize("known", [1, 39, 40])
def test_a_signal_that_few_labelled_customers_have_stops_no_training(customers, known):
    at = customers.column_names.index("chat_contacts_90d")
    few = [1] * known + [None] * (customers.num_rows - known)
    table = customers.set_column(at, "chat_contacts_90d", pa.array(few, pa.int64()))
    parts = split(read_dataset(table, "file"), 5, "file")
    pipeline = fit(parts.train)
    assert baselines(parts.train, parts.test, 5)
    document = compile_scorecard(pipeline, THRESHOLDS, parts.train.segments)
    assert check_compiled(document, pipeline, parts.test.X) <= 1e-4


def test_a_training_says_which_signals_its_customers_lacked_in_its_output_and_in_the_card(
    tmp_path, customers, monkeypatch
):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path / "bundles"))
    path, out = tmp_path / "labelled.parquet", tmp_path / "model"
    write_table(customers.drop_columns(["chat_contacts_90d", "life_events"]), path)
    config = CONFIG.read_text().replace("bootstrap = 200", "bootstrap = 5")
    (tmp_path / "config.toml").write_text(config)
    result = run("--data", path, "--out", out, "--config", tmp_path / "config.toml")
    assert result.exit_code == 0, result.output
    told = (
        "labelled.parquet lacks chat_contacts_90d, life_events: they are unknown for every customer to fit on, so the model takes"
        " no account of them."
    )
    assert told in result.output
    assert told in (out / "MODEL_CARD.md").read_text()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["unknown_signals"] == ["chat_contacts_90d", "life_events"]
    left = len(unsigned(manifest))
    assert left
    assert (
        f"{left} of them not signed: not to be promoted; `arki-train sign {out}` prints them\n"
        in result.output
    )
    assert (
        f"is not promoted: {left} failed gate"
        in run("promote", manifest["version"], "--artifacts", out).output
    )


def test_a_population_for_scoring_carries_no_label_and_no_audit_column(tmp_path):
    path = tmp_path / "customers.csv"
    assert run("population", path, "--customers", 200).exit_code == 0
    header, *rows = path.read_text().splitlines()
    assert "segment" not in header
    assert "audit_" not in header
    assert len(rows) == 200


def test_one_customer_under_two_references_is_refused_by_row(customers):
    rich = next(
        at
        for at, row in enumerate(matrix(customers))
        if (~np.isnan(row)).sum() >= 12 and (row > 0).sum() >= 8 and not customers["minor"][at].as_py()
        and customers["personalisation"][at].as_py() != "objected"
    )  # fmt: skip
    twin = customers.slice(rich, 1)
    twin = twin.set_column(twin.column_names.index("customer_ref"), "customer_ref", pa.array(["another"]))
    doubled = pa.concat_tables([customers, twin])
    with pytest.raises(
        TrainingDataError,
        match=rf"2 rows \(line {rich + 2}, 3002\) look like the same customers .* Give the rows of one customer one customer_ref",
    ):
        read_dataset(doubled, "file")
    same = twin.set_column(
        twin.column_names.index("customer_ref"), "customer_ref", customers.slice(rich, 1)["customer_ref"]
    )
    assert read_dataset(pa.concat_tables([customers, same]), "file")


def test_a_signal_that_carries_an_audit_attribute_is_refused(customers):
    women = np.array(customers["audit_sex"].to_pylist()) == "woman"
    at = customers.column_names.index("chat_contacts_90d")
    leaking = customers.set_column(at, "chat_contacts_90d", pa.array(np.where(women, 1, 0)))
    with pytest.raises(
        TrainingDataError,
        match=r"chat_contacts_90d tells audit_sex in \d+ rows \(line .*\): it carries the audit attribute",
    ):
        read_dataset(leaking, "file")


def relabelled(table, at, name):
    labels = table["segment"].to_pylist()
    labels[at] = name
    return table.set_column(table.column_names.index("segment"), "segment", pa.array(labels))


def with_column(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def emptied(table):
    nothing = pa.nulls(table.num_rows, pa.int64())
    return pa.table({name: table[name] if name == "segment" else nothing for name in table.column_names})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(
            lambda t: t.drop_columns(["segment"]),
            r"file: has no column named segment\. Add one with steady, changing, supported in each row\.",
            id="no labels",
        ),
        pytest.param(
            lambda t: t.slice(0, 100), r"too few rows to train on \(.*Label more customers\.", id="few rows"
        ),
        pytest.param(
            lambda t: t.append_column("kotikunta", pa.array(["x"] * t.num_rows)),
            r"column kotikunta is barred .* name it audit_kotikunta",
            id="barred",
        ),
        pytest.param(
            lambda t: t.append_column("mood", pa.array(["x"] * t.num_rows)),
            r"column mood is no signal, label, weight or audit_ column\. Remove or rename it\.",
            id="foreign",
        ),
        pytest.param(
            lambda t: t.append_column("weight", pa.array([0.0] * t.num_rows)),
            r"weight must be a number above 0 in every row",
            id="weight",
        ),
        pytest.param(
            lambda t: t.append_column("weight", pa.array(["much"] * t.num_rows)),
            r"file: weight must be a number above 0 in every row\. Correct or drop the column\.",
            id="weight in words",
        ),
        pytest.param(
            lambda t: with_column(t, "personalisation", ["kieltänyt"] * t.num_rows),
            r"file: 3000 rows \(line 2, 3, 4, 5, 6 and 2995 more\) hold a personalisation that is none of allowed, objected\. Correct"
            r" these cells, or leave them empty if unknown\.",
            id="an objection misspelt",
        ),
        pytest.param(
            lambda t: with_column(t, "customer_type", [1] * t.num_rows),
            r"hold a customer_type that is none of person, employer\.",
            id="customer types as numbers",
        ),
        pytest.param(
            lambda t: with_column(t, "customer_ref", [["a"]] * t.num_rows),
            r"file: customer_ref must hold a text or a number for each customer\. Correct or drop the column\.",
            id="references as lists",
        ),
        pytest.param(
            lambda t: t.select(["segment", "phone_contacts_90d", "open_matter"]),
            r"file: of the signals that the model may use only phone_contacts_90d is known of at least 100 customers, and it names a"
            r" segment only where two are known\. Add columns of the signal contract, or fill those there are\.",
            id="one signal",
        ),
        pytest.param(
            lambda t: emptied(t.select(["segment", "phone_contacts_90d", "chat_contacts_90d"])),
            r"file: of the signals that the model may use none is known of at least 100 customers",
            id="signals that are empty",
        ),
    ],
)
def test_data_that_must_not_be_trained_on_is_refused_with_a_remedy(customers, spoil, message):
    with pytest.raises(TrainingDataError, match=message):
        read_dataset(spoil(customers), "file")


def test_a_segment_whose_rows_are_of_one_customer_is_refused_with_a_remedy(customers):
    labels = customers["segment"].to_pylist()
    names = ["one" if label == "supported" else str(row) for row, label in enumerate(labels)]
    at = customers.column_names.index("customer_ref")
    data = read_dataset(customers.set_column(at, "customer_ref", pa.array(names)), "file")
    with pytest.raises(
        TrainingDataError,
        match=r"file: of supported 0 rows are left to (fit|calibrate|measure) on when customers are parted in three, and at least 2"
        r" are needed; all rows of one customer_ref stay together\. Label more different customers\.",
    ):
        split(data, 5, "file")


@pytest.mark.parametrize("found", ["tuettava", None, "employer"])
def test_an_unknown_label_is_refused_by_row(customers, found):
    served = next(
        at
        for at, row in enumerate(customers.to_pylist())
        if not row["minor"] and row["personalisation"] != "objected"
    )
    with pytest.raises(
        TrainingDataError, match=rf"1 row \(line {served + 2}\) hold a segment that is none of"
    ):
        read_dataset(relabelled(customers, served, found), "file")


def test_a_value_out_of_range_is_refused_by_row(customers):
    at = customers.column_names.index("applications_12m")
    values = customers["applications_12m"].to_pylist()
    served = [
        i for i, row in enumerate(customers.to_pylist()) if not row["minor"] and not row["personalisation"]
    ]
    for row in served[:7]:
        values[row] = 301
    with pytest.raises(TrainingDataError, match=r"7 rows \(line .* and 2 more\) hold a applications_12m"):
        read_dataset(customers.set_column(at, "applications_12m", pa.array(values)), "file")


def test_a_bad_file_ends_the_command_with_one_sentence(tmp_path):
    path = tmp_path / "labelled.csv"
    path.write_text("applications_12m\n1\n")
    result = run("--data", path, "--out", tmp_path / "model")
    assert result.exit_code == 1
    assert "has no column named segment" in result.output
    assert not (tmp_path / "model").exists()


def test_options_of_the_simulation_are_refused_with_a_file(tmp_path):
    path = tmp_path / "labelled.csv"
    path.write_text("segment\nsteady\n")
    assert run("--data", path, "--quick").exit_code == 2
