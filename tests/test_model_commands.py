"""Two models beside each other, a model beside today's customers, a model put in use."""

import hashlib
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

from models.decision import bundle
from training.cli.train import main
from training.files import write_table
from training.learning.drift import SEGMENT_MIX, stability_index
from training.reporting.artifacts import ARTIFACTS
from training.simulation.population import population


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def customers():
    return population(4_000, seed=23)


@pytest.fixture
def version():
    return json.loads((ARTIFACTS / "manifest.json").read_text())["version"]


def spoilt(tmp_path, change):
    """The shipped model with its manifest changed, its digests true."""
    folder = tmp_path / "model"
    shutil.copytree(ARTIFACTS, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_model_compared_with_itself_gives_the_same_answers(version):
    result = run("compare", ARTIFACTS, ARTIFACTS)
    assert result.exit_code == 0, result.output
    assert "measured on the same customers: yes" in result.output
    assert (
        "same answer for 100.0% of 5,000 simulated customers; a probability differs by 0.000" in result.output
    )
    assert result.output.count(version) >= 4


def test_models_of_other_data_are_told_not_to_be_comparable(tmp_path):
    other = spoilt(tmp_path, lambda manifest: manifest["data"].update(test_sha256="0" * 64))
    assert "no, figures are not comparable one by one" in run("compare", ARTIFACTS, other).output


def test_a_changed_file_is_refused(tmp_path):
    other = spoilt(tmp_path, lambda manifest: None)
    (other / "MODEL_CARD.md").write_text("better")
    result = run("compare", ARTIFACTS, other)
    assert result.exit_code == 1
    assert "MODEL_CARD.md: is not the file that manifest.json names" in result.output


def test_a_model_of_another_contract_is_told_in_one_sentence(tmp_path):
    other = spoilt(tmp_path, lambda manifest: None)
    scorecard = json.loads((other / "scorecard.json").read_text())
    text = json.dumps(scorecard | {"feature_contract": "0" * 64})
    (other / "scorecard.json").write_text(text)
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["files"]["scorecard.json"] = hashlib.sha256(text.encode()).hexdigest()
    (other / "manifest.json").write_text(json.dumps(manifest))
    for folders in ((ARTIFACTS, other), (other, ARTIFACTS)):
        result = run("compare", *folders)
        assert result.exit_code == 2
        assert result.output == (
            f"Error: {other} holds a model that this version of Arki cannot compare, since it cannot ask it: "
            "the scorecard was trained for another feature contract; train again.\n"
        )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_customers_like_those_of_the_training_have_not_drifted(tmp_path, customers, ending):
    path = tmp_path / f"today.{ending}"
    write_table(customers.drop_columns(["segment"]), path)
    result = run("drift", "--current", path)
    assert result.exit_code == 0, result.output
    assert "ALARM" not in result.output
    assert SEGMENT_MIX in result.output


def test_a_moved_signal_is_an_alarm_by_name_and_exit_code(tmp_path, customers):
    at = customers.column_names.index("phone_contacts_90d")
    calls = np.random.default_rng(1).poisson(4, customers.num_rows)
    moved = customers.set_column(at, "phone_contacts_90d", pa.array(calls))
    write_table(moved, tmp_path / "today.parquet")
    result = run("drift", "--reference", ARTIFACTS, "--current", tmp_path / "today.parquet")
    assert result.exit_code == 3
    assert result.output.splitlines()[0].startswith("phone_contacts_90d")
    assert result.output.splitlines()[0].endswith("ALARM")


def test_too_few_customers_are_not_judged(tmp_path, customers):
    write_table(customers.slice(0, 200), tmp_path / "today.parquet")
    result = run("drift", "--current", tmp_path / "today.parquet")
    assert result.exit_code == 1
    assert "fewer than 1,000; chance alone would move the index" in result.output


def test_the_stability_index_is_zero_for_the_same_shares_and_grows_with_the_difference():
    same = np.array([0.5, 0.3, 0.2])
    assert stability_index(same, same) == 0
    near, far = (
        stability_index(np.array([0.45, 0.33, 0.22]), same),
        stability_index(np.array([0.1, 0.3, 0.6]), same),
    )
    assert 0 < near < 0.1 < far


def test_promotion_makes_a_bundle_and_puts_it_in_use(tmp_path, monkeypatch, version):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path))
    result = run("promote", version[:6])
    assert result.exit_code == 0, result.output
    now = bundle.current(tmp_path)
    assert f"model {version} is in use: bundle {now[:16]} is current" in result.output
    assert bundle.load(tmp_path, now).recommender.versions.model == version
    assert bundle.history(tmp_path)[-1]["action"] == "promote"


def test_a_model_with_an_unsigned_failure_is_not_promoted(tmp_path, monkeypatch, version):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path / "bundles"))
    gate = {
        "name": "recall of supported, sex: woman", "figure": -0.2, "limit": 0.05, "passed": False, "on_failure": "sign",
    }  # fmt: skip
    other = spoilt(tmp_path, lambda manifest: manifest["gates"].append(gate))
    result = run("promote", version, "--artifacts", other)
    assert result.exit_code == 1
    assert "1 failed gate is not signed for (recall of supported, sex: woman)" in result.output
    assert not (tmp_path / "bundles").exists()


def test_a_version_that_is_not_there_is_told_what_is(monkeypatch, tmp_path, version):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path))
    result = run("promote", "zzz")
    assert result.exit_code == 1
    assert f"0 models are named zzz; there is {version}." in result.output
