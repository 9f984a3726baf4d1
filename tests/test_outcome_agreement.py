"""Outcomes told beside segments, and never trained on."""

import json

import pytest
from click.testing import CliRunner

from models.authoring import loader
from models.decision.decision_table import read_rulebook
from testing.shipped import CONTRACT
from training.cli.train import main
from training.off_policy.agreement import agreement
from training.off_policy.outcome_log import Counted


@pytest.fixture(scope="module")
def rulebook(authored):
    return read_rulebook(authored.rulebook, CONTRACT)


def counted(rule, shown, opened, helpful, not_helpful):
    return Counted(rule, "", 1.0, shown, opened, 0, 0, helpful, not_helpful)


LOG = [
    counted("job-loss-guidance", 1000, 400, 90, 10),  # names the segment changing
    counted("stated-event", 1000, 300, 50, 50),  # names none: the model abstained
    counted("first-claim", 500, 100, 30, 30),
    counted("statutory", 5000, 1000, 0, 0),
    counted("gone-since", 50, 10, 3, 1),
]


def test_outcomes_are_told_by_the_segment_that_rules_name(rulebook):
    rows = {row.segment: row for row in agreement(LOG, rulebook)}
    assert set(rows) == {"changing", "employer", "no segment", "rules not in this rulebook"}
    changing = rows["changing"]
    assert (changing.shown, changing.rated) == (1000, 100)
    assert changing.opened.estimate == 0.4
    assert (round(changing.helpful.low, 4), round(changing.helpful.high, 4)) == (0.8256, 0.9448)
    assert changing.gain.estimate == pytest.approx(0.4)
    assert changing.is_better is True


def test_what_a_campaign_brought_about_tells_of_no_segment(rulebook):
    campaign = rulebook.campaigns.all[0].id
    assert agreement([*LOG, counted(campaign, 900, 90, 9, 1)], rulebook) == agreement(LOG, rulebook)


def test_a_segment_whose_rules_help_no_more_often_than_neutral_ones_is_named(rulebook):
    rows = {row.segment: row for row in agreement(LOG, rulebook)}
    assert rows["employer"].gain.low < 0 < rows["employer"].gain.high
    assert rows["employer"].is_better is False
    assert rows["no segment"].is_better is None


def test_a_share_of_fewer_than_five_is_not_told(rulebook):
    retired = next(row for row in agreement(LOG, rulebook) if row.segment == "rules not in this rulebook")
    assert retired.helpful is None
    assert retired.is_better is None
    assert retired.opened is not None


def test_every_shipped_rule_belongs_to_a_segment_or_names_none(rulebook):
    rules = [rule.id for table in rulebook.tables.values() for rule in table.rules]
    rows = agreement([counted(rule, 10, 5, 3, 3) for rule in rules], rulebook)
    assert sum(row.shown for row in rows) == 10 * len(rules)
    assert {"steady", "changing", "supported", "employer", "no segment"} <= {row.segment for row in rows}


def exported(path, log):
    path.write_text(
        "\n".join(json.dumps({name: getattr(row, name) for name in Counted.__slots__}) for row in log)
    )
    return path


@pytest.mark.slow
def test_training_with_outcomes_tells_of_them_and_writes_the_same_bytes(tmp_path):
    log = exported(tmp_path / "outcomes.jsonl", LOG)
    told = {}
    for name, more in {"without": [], "with": ["--outcomes", str(log)]}.items():
        arguments = ["--quick", "--customers", "2000", "--out", str(tmp_path / name), *more]
        told[name] = CliRunner().invoke(main, arguments)
        assert told[name].exit_code == 0, told[name].output
    files = sorted(path.name for path in (tmp_path / "without").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "with").iterdir())
    for name in files:
        assert (tmp_path / "without" / name).read_bytes() == (tmp_path / "with" / name).read_bytes(), name
    assert "outcomes by the segment" not in told["without"].output
    assert "changing: more often helpful than rules that name no segment (+0.400 (" in told["with"].output
    assert "employer: no better than rules that name no segment" in told["with"].output


def test_a_file_that_is_no_export_stops_the_command_before_it_trains(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    path.write_text("rule\n")
    found = CliRunner().invoke(main, ["--outcomes", str(path), "--out", str(tmp_path / "model")])
    assert found.exit_code == 1
    assert "outcomes.jsonl:1 is no line of an export of outcomes" in found.output
    assert not (tmp_path / "model").exists()


def test_nothing_that_trains_reads_outcomes():
    import ast

    training = loader.MODELS.parent / "training"
    for name in ("run", "pipeline", "dataset", "calibration", "evaluate", "artifacts", "population"):
        [path] = training.glob(f"*/{name}.py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not [module for module in imported if module and "outcome" in module], name
