"""Proposed examples cover every rule and each condition's edge, with few examples, and are examples that hold."""

import copy
import shutil

import pytest
from click.testing import CliRunner
from conftest import ROOT
from ruamel.yaml import YAML

from models.authoring import analysis, loader
from models.authoring.suggestions import as_yaml, needs_of, suggest
from models.cli import rulebook as arki_rulebook
from models.decision.decision_table import read_rulebook
from testing.shipped import CONTRACT

SOUND = ROOT / "fixtures" / "rulebooks" / "sound"


def read(content, folder):
    return loader.read_rules(copy.deepcopy(content), folder)


@pytest.mark.parametrize(
    "folder",
    [pytest.param(loader.RULEBOOK, marks=pytest.mark.slow, id="shipped"), pytest.param(SOUND, id="sound")],
)
def test_the_proposed_examples_cover_every_rule_and_are_examples_that_hold(content, tmp_path, folder):
    found = suggest(read(content, folder))
    proposed = YAML(typ="safe", pure=True).load(as_yaml(found))["examples"]
    assert len({example["id"] for example in proposed}) == len(proposed) == len(found.examples)
    copied = shutil.copytree(folder, tmp_path / "rulebook")
    (copied / "examples.yaml").write_text(as_yaml(found), encoding="utf-8")
    again = read(content, copied)
    analysis.analyse(again)
    assert [str(finding) for finding in again.findings] == []


def test_each_edge_that_a_customer_can_stand_on_is_covered(content):
    authored = read(content, SOUND)
    tables = read_rulebook(authored.rulebook, CONTRACT).tables
    covered = set()
    for example in suggest(authored).examples:
        covered |= needs_of(
            tables[example.customer_type].on(example.as_of or authored_first_day()), example.facts
        )
    edges = {need for need in covered if need[1]}
    assert {
        ("neutral", "personalisation"),
        ("help-by-phone", "segment"),
        ("by-post", "digital"),
        ("moving", "life_event"),
        ("moving", "segment"),
        ("firm-by-phone", "digital"),
    } <= edges


def authored_first_day():
    from datetime import date

    return date.min


@pytest.mark.slow
def test_no_example_can_be_spared_and_few_are_needed(content):
    found = suggest(read(content, loader.RULEBOOK))
    assert found.rules == 82
    assert found.edges > 150
    assert len(found.examples) <= found.at_least + 5
    assert len(found.examples) < found.rules + found.edges


def test_only_what_is_missing_is_proposed_on_request(content):
    authored = read(content, SOUND)
    assert suggest(authored, missing=True).rules == 0
    authored.examples = [one for one in authored.examples if one["id"] != "example-firm"]
    assert suggest(authored, missing=True).rules == 1
    authored.examples = authored.examples + [
        {"id": one.id, "for": one.customer_type, "facts": one.facts, "expect": {"rule": one.rule}}
        | ({"as_of": one.as_of.isoformat()} if one.as_of else {})
        for one in suggest(authored).examples
    ]
    assert suggest(authored, missing=True).examples == ()


def test_the_command_prints_yaml_to_paste(tmp_path):
    shown = CliRunner().invoke(arki_rulebook.main, ["suggest-examples", "--rulebook", str(SOUND)])
    assert shown.exit_code == 0, shown.output
    assert YAML(typ="safe", pure=True).load(shown.output)["examples"]
    assert "edges of conditions. Of the cells looked at," in shown.output.splitlines()[-1]
