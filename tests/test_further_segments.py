"""A model infers what its labels name, two segments or many, and what training says of one segment it says by name."""

import json
import math

import numpy as np
import orjson
import pyarrow as pa
import pytest
from click.testing import CliRunner

from models.columns.facts import fact_columns
from models.columns.scorecard import ColumnScorecard
from models.columns.signals import MISSING, SignalColumns
from models.decision import bundle
from models.decision.bundle import ARTIFACTS, BundleError
from models.decision.facts import may_personalise
from models.decision.scorecard import (
    FEATURES,
    SCALE,
    features,
    known_signals,
    read_scorecard,
)
from testing.shipped import FACT_SET, SEGMENTS
from training.cli.train import main
from training.files import write_table
from training.learning import bootstrap, curves, gates, groups
from training.learning.dataset import TrainingDataError, read_dataset, split
from training.learning.evaluate import baselines
from training.learning.gates import CONFIG, read_config
from training.learning.offers import signals
from training.learning.pipeline import (
    RISING,
    calibrate,
    check_compiled,
    compile_scorecard,
    find_pairs,
    fit,
)
from training.learning.run import TrainingRequest, train
from training.segments import ROLES, SIMULATED, SUPPORTED, inferred_segments, not_judged
from training.simulation.population import population

DOCUMENT = orjson.loads((ARTIFACTS / "scorecard.json").read_bytes())
FOUR = ("steady", "recovering", "supported", "changing")
TWO = ("calm", "stirred")
THRESHOLDS = {"abstain_below": 0.5, "confident_from": 0.8, "minimum_known": 2}
pytestmark = pytest.mark.xdist_group("further segments")  # its small training is made once


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def relabelled(table, label):
    """The table with the label that `label` makes of each row's own one and of the benefits that have ended."""
    ended = table["benefits_ended_6m"].to_pylist()
    labels = [label(old, bool(n)) for old, n in zip(table["segment"].to_pylist(), ended, strict=True)]
    return table.set_column(table.column_names.index("segment"), "segment", pa.array(labels))


def with_recovering(old, ended):
    return "recovering" if ended and old == "steady" else old


def in_two(old, _):
    return "calm" if old == "steady" else "stirred"


@pytest.fixture(scope="module")
def customers():
    return population(2_500, seed=11, with_employers=False)


@pytest.fixture(scope="module")
def parts(customers):
    return split(read_dataset(relabelled(customers, with_recovering), "file", FOUR), 5, "file")


@pytest.fixture(scope="module")
def pipeline(parts):
    fitted = fit(parts.train, ((0, 4),))
    calibrate(fitted, parts.validation)
    return fitted


@pytest.fixture(scope="module")
def document(pipeline):
    return json.loads(json.dumps(compile_scorecard(pipeline, THRESHOLDS, FOUR)))


@pytest.fixture(scope="module")
def card(document):
    return read_scorecard(document, segments=("supported", "changing", "steady", "recovering"))


@pytest.fixture(scope="module")
def people(parts):
    return signals(parts.test.table)


def by_columns(card, persons):
    """Segment, probability and confidence of each person, as the column form gives them."""
    values = [[MISSING if value is None else value for value in features(each)] for each in persons]
    x = dict(zip(FEATURES, np.array(values, np.int32).T, strict=True))
    known = np.array([known_signals(each) for each in persons], np.int32)
    predicted = ColumnScorecard(card).predict(x, known)
    segments = [
        None if at == MISSING else predicted.segments[at] for at in np.asarray(predicted.segment).tolist()
    ]
    return list(zip(segments, predicted.probability.tolist(), predicted.confident.tolist(), strict=True))


def by_rows(card, persons):
    predictions = [card.predict(each) for each in persons]
    return [(each.segment, each.probability, each.confident) for each in predictions]


def test_a_fourth_segment_that_labels_name_is_compiled_and_proven_equal_to_the_estimator(
    parts, pipeline, document
):
    assert document["segments"] == list(FOUR)
    assert check_compiled(document, pipeline, parts.test.X) <= 1e-4


def test_a_fourth_segment_is_named_alike_by_rows_and_by_columns(card, people):
    answers = by_rows(card, people)
    assert {segment for segment, _, _ in answers} == {None, *FOUR}
    assert by_columns(card, people) == answers
    for person in people[:100]:
        predicted = card.predict(person)
        assert len(predicted.probabilities) == len(FOUR)
        assert math.isclose(sum(predicted.probabilities), 1, abs_tol=1e-12)
        likeliest = FOUR[predicted.probabilities.index(max(predicted.probabilities))]
        assert predicted.segment in {None, likeliest}


def test_contributions_to_each_of_four_segments_are_the_score_itself(card, people):
    for person in people[:50]:
        log_odds = [math.log(p) for p in card.probabilities(features(person))]
        for at, segment in enumerate(FOUR):
            start = (4 * card.intercept[at] - sum(card.intercept)) / (3 * SCALE)
            total = start + sum(each.log_odds for each in card.contributions(person, segment))
            others = sum(log_odds) - log_odds[at]
            assert math.isclose(total, log_odds[at] - others / 3, abs_tol=1e-6)


def test_a_fourth_segment_has_reasons_that_speak_for_it_from_what_is_known(card, people):
    recovering = [person for person in people if card.predict(person).segment == "recovering"]
    assert recovering
    for person in recovering:
        reasons = card.reasons(person, card.predict(person))
        assert reasons
        assert all(each.log_odds > 0 and person.values.keys() >= {*each.signals} for each in reasons)
        assert set(reasons) <= set(card.contributions(person, "recovering"))
    named = {reason.signals for person in recovering for reason in card.reasons(person, card.predict(person))}
    assert any("benefits_ended_6m" in names for names in named)


def in_another_order(document, order):
    """The same model with its segments in another order."""
    moved = [document["segments"].index(segment) for segment in order]
    tables = [
        table | {"rows": [[row[at] for at in moved] for row in table["rows"]]} for table in document["tables"]
    ]
    intercept = [document["intercept"][at] for at in moved]
    return document | {"segments": [*order], "intercept": intercept, "tables": tables}


def test_the_order_of_a_models_segments_may_be_another_than_that_of_the_fact(customers):
    card = read_scorecard(in_another_order(DOCUMENT, ("supported", "steady", "changing")), segments=SEGMENTS)
    table = customers.drop_columns(["segment", "audit_age_band", "audit_sex", "audit_language"])
    [batch] = table.slice(0, 500).combine_chunks().to_batches()
    [columns] = fact_columns(SignalColumns(batch, FACT_SET.contract), ColumnScorecard(card), FACT_SET)
    values = FACT_SET.fact("person", "segment").values
    of_rows = [
        FACT_SET.lookups(person, card.predict(person) if may_personalise(person) else None)[0]["segment"]
        for person in signals(table.slice(0, 500))
    ]
    assert [values[code] for code in columns.facts["segment"].tolist()] == of_rows
    assert {*SEGMENTS} <= {*of_rows}


def test_supported_is_held_to_its_order_wherever_it_stands_among_the_segments(document):
    tables = {tuple(table["features"]): table for table in document["tables"]}
    at = FOUR.index("supported")
    for name in RISING:
        rows = np.array(tables[(name,)]["rows"][:-1])
        assert (np.diff(rows[:, [at]] - rows, axis=0) >= 0).all(), name


def test_the_order_of_the_segments_changes_no_prediction(customers, parts, pipeline):
    other = ("supported", "changing", "recovering", "steady")
    moved = split(read_dataset(relabelled(customers, with_recovering), "file", other), 5, "file")
    again = fit(moved.train, ((0, 4),))
    calibrate(again, moved.validation)
    places = [other.index(segment) for segment in FOUR]
    np.testing.assert_allclose(
        again.predict_proba(parts.test.X)[:, places], pipeline.predict_proba(parts.test.X), atol=1e-4
    )


@pytest.fixture(scope="module")
def two(customers):
    return split(read_dataset(relabelled(customers, in_two), "file", TWO), 5, "file")


def test_labels_without_supported_are_fitted_without_an_order_and_any_signal_may_join_a_pair(two):
    pipeline = fit(two.train)
    calibrate(pipeline, two.validation)
    document = compile_scorecard(pipeline, THRESHOLDS, TWO)
    assert check_compiled(document, pipeline, two.test.X) <= 1e-4
    assert pipeline.named_steps["log_odds"].rising == ()
    paired = {FEATURES[at] for pair in find_pairs(pipeline, two.train, 200) for at in pair}
    assert paired >= set(RISING)


def test_figures_about_a_segment_that_the_labels_lack_are_left_out_and_said_to_be(two):
    probabilities = baselines(two.train, two.test, 5)
    assert [*probabilities] == ["majority class", "boosting (ceiling, never served)"]
    figures = bootstrap.intervals(two.test, probabilities, precision=0.7, resamples=2, seed=1)
    for each in figures.values():
        assert {"recall_calm", "precision_stirred"} <= each.keys()
        assert not {"supported_recall", "macro_f1_over_rules"} & each.keys()
    assert not_judged(TWO) == [
        "The recall of supported is not told, and signs of trouble are put in no order: the labels name no supported.",
        (
            "No gate compares macro F1 with the hand-written rules: they name steady, changing, supported, and the labels name no"
            " steady, changing, supported."
        ),
    ]
    assert not_judged(("changing", "young", "supported")) == [
        (
            "No gate compares macro F1 with the hand-written rules: they name steady, changing, supported, and the labels name no"
            " steady."
        ),
    ]
    assert not_judged(FOUR) == not_judged(inferred_segments()) == []


def test_the_gate_beside_the_hand_written_rules_is_left_out_where_they_name_what_the_labels_do_not():
    figures = {
        "log_loss": 0.37,
        "ceiling_log_loss": 0.365,
        "calibration_error": 0.01,
        "macro_f1_over_rules": None,
        "compiled_difference": 2e-5,
        "test_customers": 100_000,
        "median_margin_error": None,
        "proxy": {},
    }
    judged = [gate.name for gate in gates.quality_gates(figures, read_config())]
    assert judged == [
        "log loss by that of the ceiling",
        "calibration error",
        "compiled table beside estimator",
    ]


def test_stability_and_differences_leave_out_what_nobody_can_tell(two):
    nobody = groups.GroupAnswers(two.test.y, None)
    differences = groups.differences(two.test, nobody, {"smallest_group": 20, "smallest_cell": 5})
    assert {each.metric for each in differences} == {"recall", "precision", "abstention"}
    assert {each.segment for each in differences} == {*TWO}
    served = fit(two.train).predict_proba(two.test.X)
    stable = curves.stability(two, (), served, 3, lambda _: None)
    assert "moved" not in stable
    assert {"recall_calm", "recall_stirred"} <= stable["figures"].keys()


def test_the_simulation_labels_what_the_shipped_model_infers():
    assert {*SIMULATED} == {*inferred_segments()} == {*ROLES.values()}
    assert SUPPORTED in SIMULATED


def test_the_simulation_trains_no_model_of_segments_that_it_does_not_label():
    with pytest.raises(
        TrainingDataError,
        match=r"the simulated population: labels steady, changing, supported, and the model is to infer calm, stirred\. Bring labels"
        r" of these with --data\.",
    ):
        train(TrainingRequest(None, 2_000, 1, read_config(), segments=TWO))


@pytest.fixture(scope="module")
def labelled(customers, tmp_path_factory):
    path = tmp_path_factory.mktemp("labelled") / "labelled.parquet"
    write_table(relabelled(customers, with_recovering), path)
    return path


def trained_on(labelled, segments):
    """What the command says, and the folder of the model."""
    config, out = labelled.with_name("config.toml"), labelled.with_name("model")
    config.write_text(CONFIG.read_text().replace("bootstrap = 200", "bootstrap = 5"))
    ran = run("--data", labelled, "--segments", ", ".join(segments), "--out", out, "--config", config)
    assert ran.exit_code == 0, ran.output
    return ran.output, out


@pytest.fixture(scope="module")
def trained(labelled):
    return trained_on(labelled, FOUR)


UNKNOWN_TO_RULES = (
    "Who is offered personal service is not measured: the shipped rules know no segment recovering."
)


def test_one_command_trains_a_model_of_the_segments_that_it_is_given(trained):
    output, out = trained
    assert UNKNOWN_TO_RULES in output
    manifest, evaluation, scorecard = (
        json.loads((out / name).read_text())
        for name in ("manifest.json", "evaluation.json", "scorecard.json")
    )
    assert scorecard["segments"] == [*manifest["metrics"]["scorecard"]["segments"]] == list(FOUR)
    assert manifest["not_judged"] == [UNKNOWN_TO_RULES]
    assert [*evaluation["reference"]["segments"]] == [*FOUR, "unknown"]
    assert [*evaluation["calibration_curve"]] == list(FOUR)
    assert np.array(evaluation["confusion"]).shape == (4, 5)
    assert evaluation["personal_service"] is None
    assert any(gate["name"].startswith("macro F1 over") for gate in manifest["gates"])
    card = (out / "MODEL_CARD.md").read_text()
    assert (
        "one of four life situations: *steady* (tasainen arki), *recovering*, *supported* (tuettava arki), *changing*"
        in card
    )
    assert f"- **Not judged.** {UNKNOWN_TO_RULES}" in card
    assert "| | steady | recovering | supported | changing |" in card
    assert "Order that sense demands" in card
    register = json.loads((out / "algorithm-register.json").read_text())
    goal = register["dutch_publication_standard"]["goal"]
    assert "situation; steady, recovering, supported and changing, are inferred for that alone." in goal


def test_one_command_trains_a_model_of_two_segments_and_says_what_it_cannot_judge(customers, tmp_path):
    path = tmp_path / "labelled.parquet"
    write_table(relabelled(customers, in_two), path)
    output, out = trained_on(path, TWO)
    manifest = json.loads((out / "manifest.json").read_text())
    card = (out / "MODEL_CARD.md").read_text()
    assert manifest["not_judged"][:2] == not_judged(TWO)
    for sentence in manifest["not_judged"]:
        assert sentence in output
        assert f"- **Not judged.** {sentence}" in card
    assert not any("hand-written" in gate["name"] for gate in manifest["gates"])
    absent = (
        "*recall of supported*",
        "*supported* moves",
        "Order that sense demands",
        "personal service offered",
    )
    assert not [words for words in absent if words in card]
    assert read_scorecard(json.loads((out / "scorecard.json").read_text())).segments == TWO


def test_a_model_of_a_segment_that_the_vocabulary_lacks_makes_no_bundle(trained, authored):
    with pytest.raises(BundleError, match="the model infers recovering, which the vocabulary does not name"):
        bundle.preview(authored.parts(), artifacts=trained[1])


def test_models_of_other_segments_are_compared_in_those_that_both_infer(trained):
    ran = run("compare", ARTIFACTS, trained[1])
    assert ran.exit_code == 0, ran.output
    assert "inferred by one of them alone: recovering" in ran.output
    assert "recall recovering" in ran.output
    assert "-> recovering:" in ran.output


def test_drift_of_the_segment_mix_counts_a_fourth_segment(trained, labelled):
    ran = run("drift", "--reference", trained[1], "--current", labelled)
    assert ran.exit_code in {0, 3}, ran.output
    assert "segment mix" in ran.output


def test_a_label_beyond_the_segments_is_refused_with_the_option_that_would_take_it(labelled, tmp_path):
    ran = run("--data", labelled, "--out", tmp_path / "model")
    assert ran.exit_code == 1
    assert "hold a segment that is none of steady, changing, supported" in ran.output
    assert "name with --segments all that the labels may name" in ran.output.replace("\n", " ")


@pytest.mark.parametrize(
    "text", ["steady", "steady,steady", "steady,Changing", "steady,unknown", "steady,employer", "steady,", ""]
)
def test_segments_that_no_model_can_name_are_refused(labelled, text):
    ran = run("--data", labelled, "--segments", text)
    assert ran.exit_code == 2
    assert "two distinct codes or more" in ran.output.replace("\n", " ")


def test_segments_are_named_of_a_file_of_labels_alone():
    ran = run("--segments", ",".join(FOUR))
    assert ran.exit_code == 2
    assert "--segments says what the labels of --data may name; give both." in ran.output
