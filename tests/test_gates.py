"""Gates: each can fail, a failure that stops writes nothing, and a difference between groups is judged by its interval."""

import copy
import json

import numpy as np
import pytest
from click.testing import CliRunner

from training.cli.train import main
from training.learning import gates
from training.learning.dataset import read_dataset
from training.learning.documents import gate_kind
from training.learning.groups import Difference, GroupAnswers, differences, proxy_strength
from training.reporting.card_figures import gates_section
from training.simulation.population import population

GOOD = {
    "log_loss": 0.37,
    "ceiling_log_loss": 0.365,
    "calibration_error": 0.01,
    "macro_f1_over_rules": 0.08,
    "compiled_difference": 2e-5,
    "test_customers": 100_000,
    "median_margin_error": 0.05,
    "proxy": {
        "age_band": {"applications_12m": 0.01, "active_benefit_count": 0.02},
        "sex": {"applications_12m": 0.0},
    },
}
WOMEN = (("sex", "woman"),)


@pytest.fixture
def config():
    return gates.read_config()


def failing(found):
    return [gate.name for gate in found if not gate.passed]


def test_a_good_model_passes_each_gate(config):
    found = gates.quality_gates(GOOD, config)
    assert failing(found) == []
    gates.check(found)


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        pytest.param({"log_loss": 0.38}, "log loss by that of the ceiling", id="far below the ceiling"),
        pytest.param({"calibration_error": 0.021}, "calibration error", id="badly calibrated"),
        pytest.param(
            {"macro_f1_over_rules": -0.001},
            "macro F1 over the hand-written rules, low end",
            id="no better than rules",
        ),
        pytest.param(
            {"compiled_difference": 2e-4}, "compiled table beside estimator", id="table and estimator differ"
        ),
        pytest.param(
            {"median_margin_error": 0.11},
            "median error of the simulated population",
            id="population off its margins",
        ),
        pytest.param(
            {"proxy": {"age_band": {"active_benefit_count": 0.11}}},
            "proxy strength for age_band",
            id="proxy for age",
        ),
        pytest.param(
            {"proxy": {"sex": {"applications_12m": 0.031}}}, "proxy strength for sex", id="proxy for sex"
        ),
        pytest.param(
            {"proxy": {"language": {"applications_12m": 0.031}}},
            "proxy strength for language",
            id="proxy for language",
        ),
    ],
)
def test_each_gate_stops_a_training_that_fails_it(config, change, gate):
    found = gates.quality_gates(GOOD | change, config)
    assert failing(found) == [gate]
    with pytest.raises(gates.GatesFailedError, match=rf"1 gate failed and nothing was written: {gate}"):
        gates.check(found)


@pytest.mark.parametrize(
    ("limit", "value", "gate"),
    [
        ("log_loss_over_ceiling", 1.0, "log loss by that of the ceiling"),
        ("calibration_error", 0.001, "calibration error"),
        ("macro_f1_over_rules", 0.2, "macro F1 over the hand-written rules, low end"),
        ("compiled_difference", 1e-9, "compiled table beside estimator"),
        ("median_margin_error", 0.01, "median error of the simulated population"),
    ],
)
def test_each_limit_is_configured(config, limit, value, gate):
    changed = copy.deepcopy(config)
    changed["gates"][limit] = value
    assert failing(gates.quality_gates(GOOD, changed)) == [gate]


def test_too_few_test_customers_do_not_stop_but_must_be_signed_for(config):
    found = gates.quality_gates(GOOD | {"calibration_error": 0.05, "test_customers": 900}, config)
    gates.check(found)
    [failed] = [gate for gate in found if not gate.passed]
    assert failed.on_failure == "sign"
    assert failed.detail == "only 900 test customers"


@pytest.mark.parametrize(
    ("rate", "error", "verdict"), [(0.41, 0.01, "within"), (0.38, 0.03, "untold"), (0.30, 0.01, "beyond")]
)
def test_a_difference_is_judged_with_its_interval(config, rate, error, verdict):
    row = Difference("recall", "supported", WOMEN, 2_000, rate, 0.45, error)
    assert row.verdict(0.05, 1.96) == verdict
    assert len(gates.group_gates([row], config)) == (verdict == "beyond")


def test_a_gate_says_whether_it_is_about_quality_or_a_difference_between_groups(config):
    quality = [gate.document() for gate in gates.quality_gates(GOOD | {"test_customers": 100}, config)]
    row = Difference("recall", "supported", WOMEN, 2_000, 0.30, 0.45, 0.01)
    [difference] = [gate.document() for gate in gates.group_gates([row], config)]
    assert {gate["kind"] for gate in quality} == {"quality"}
    assert difference["kind"] == "difference"
    section = gates_section([*quality, difference])
    assert all(f"| {gate['name']} |" in section for gate in quality)
    assert "beyond their limit, interval and all: 1." in section


def test_gates_of_earlier_models_are_told_apart_by_their_group(config):
    row = Difference("recall", "supported", WOMEN, 2_000, 0.30, 0.45, 0.01)
    for gate in (*gates.quality_gates(GOOD, config), *gates.group_gates([row], config)):
        document = gate.document()
        assert gate_kind({name: value for name, value in document.items() if name != "kind"}) == gate.kind


def test_groups_and_cells_that_are_too_small_are_not_judged():
    people = read_dataset(population(4_000, seed=3, with_employers=False), "the simulation")
    answers = GroupAnswers(people.y, np.zeros(len(people.y), bool))
    limits = {"smallest_group": 500, "smallest_cell": 100}
    found = differences(people, answers, limits)
    assert found
    assert {each.attribute for each in found} >= {"sex", "age_band", "language × sex"}
    assert all(each.customers >= 100 for each in found)
    assert not differences(people, answers, limits | {"smallest_group": 1_000_000})


def test_unequal_answers_are_found_within_the_true_segment():
    people = read_dataset(population(4_000, seed=3, with_employers=False), "the simulation")
    women = people.audit()["sex"] == "woman"
    found = differences(people, GroupAnswers(people.y, women), {"smallest_group": 500, "smallest_cell": 100})
    [row] = [
        each for each in found
        if (each.metric, each.segment, each.attribute, each.group) == ("personal_service", "steady", "sex", "woman")
    ]  # fmt: skip
    assert (row.rate, row.others) == (1.0, 0.0)
    recall = [each for each in found if each.metric == "recall"]
    assert all(each.difference == 0 for each in recall)


def test_a_signal_that_is_the_attribute_is_the_strongest_proxy():
    people = read_dataset(population(4_000, seed=3, with_employers=False), "the simulation")
    edges = {name: [1, 3, 6] for name in gates_features()}
    before = proxy_strength(people, edges)["sex"]
    people.X[:, 0] = np.where(people.audit()["sex"] == "woman", 5, 0)
    after = proxy_strength(people, edges)["sex"]
    assert max(before.values()) < 0.1
    assert after[gates_features()[0]] > 0.99


def gates_features():
    from models.decision.scorecard import FEATURES

    return FEATURES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gates = 3 = 4", "cannot be read"),
        ("[gates]\ncalibration_error = 0.1\n", r"section \[gates\] lacks compiled_difference"),
        (
            gates.CONFIG.read_text()
            + '\n[[signed]]\nmetric = "*"\nsegment = "changing"\ngroup = "*age_band*"\n',
            (
                r"\[\[signed\]\] does not belong here: a signature holds for the data it was given for\. Take the entries out; after"
                r" a training, `arki-train sign FOLDER` prints what is to be signed for\."
            ),
        ),
    ],
)
def test_a_faulty_configuration_is_refused_with_a_remedy(tmp_path, text, message):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(gates.ConfigError, match=message):
        gates.read_config(path)


def test_a_training_that_fails_a_gate_writes_nothing_and_ends_with_one_sentence(tmp_path):
    text = gates.CONFIG.read_text().replace("calibration_error = 0.02", "calibration_error = 0.00001")
    (tmp_path / "config.toml").write_text(
        text.replace("fewest_test_customers = 5000", "fewest_test_customers = 10")
    )
    labelled = tmp_path / "labelled.parquet"
    runner = CliRunner()
    assert (
        runner.invoke(main, ["population", str(labelled), "--customers", "2500", "--with-labels"]).exit_code
        == 0
    )
    result = runner.invoke(
        main,
        [
            "--data",
            str(labelled),
            "--config",
            str(tmp_path / "config.toml"),
            "--out",
            str(tmp_path / "model"),
        ],
    )
    assert result.exit_code == 1
    assert "failed and nothing was written" in result.output
    assert "calibration error is" in result.output
    assert not (tmp_path / "model").exists()


def test_the_shipped_model_passes_every_gate_that_stops(root):
    manifest = json.loads((root / "models/artifacts/manifest.json").read_text())
    stopping = [gate for gate in manifest["gates"] if gate["on_failure"] == "stop"]
    assert len(stopping) >= 8
    assert all(gate["passed"] for gate in stopping)
