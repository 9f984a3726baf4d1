"""The benchmark runs and tells its figures in whole; what they are is for `make bench`, not for a test."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict

import pytest

from benchmarks import goals, rule_engines, steps, tables, write_up
from benchmarks.growth import with_items, with_rules
from models.decision.catalogue import read_catalogue
from models.decision.decision_table import read_rulebook

PLACES = ("figure", "bound", "holds", "name", "why", "distance")


@pytest.mark.slow
def test_the_quick_benchmark_writes_every_part(root, tmp_path, bundles):
    out = tmp_path / "result.json"
    environ = os.environ | {"ARKI_BUNDLES": str(bundles), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks", "--quick", "--out", str(out)]
    ran = subprocess.run(
        command, cwd=root, env=environ, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    result = json.loads(out.read_text(encoding="utf-8"))
    assert set(result["parts"]) == {"steps", "core", "growth", "analysis", "http", "batch"}
    assert {row["server"] for row in result["parts"]["http"]["rows"]} == {"hello", "arki"}
    assert not any(row["failed"] for row in result["parts"]["http"]["rows"])
    assert result["machine"].keys() == {"cores", "cpu", "memory_gib", "system", "python"}
    assert all(goal.keys() >= set(PLACES) for goal in result["goals"])
    assert "| goal | figure | bound |" in ran.stdout
    assert str(root) not in out.read_text(encoding="utf-8")


def test_a_result_that_is_kept_names_no_machine_or_path(root):
    for file in (root / "benchmarks" / "results").glob("*.json"):
        text = file.read_text(encoding="utf-8")
        assert not [folder for folder in ("work", "tmp", "home", "root") if f"/{folder}/" in text]
        assert json.loads(text)


def test_the_tables_of_the_docs_are_those_of_the_result_they_name():
    told = write_up.TOLD.read_text(encoding="utf-8")
    file = write_up.named_result(told)
    result = json.loads(file.read_text(encoding="utf-8"))
    assert write_up.filled(told, result, file.name) == told
    assert not result["quick"]


@pytest.mark.parametrize(("figure", "told"), [(16, "holds"), (12, "misses by 20%: slow"), (None, "slow")])
def test_a_goal_that_is_missed_says_by_how_much_and_why(figure, told):
    (row,) = tables._goals([asdict(goals._at_least("g", figure, 15, why="slow"))]).splitlines()[2:]
    assert row.endswith(f"| {told} |")


@pytest.mark.slow
def test_the_steps_of_a_request_are_counted_by_whose_they_are(bundles):
    found = steps.measure(bundles, quick=True)
    assert found["hello"].keys() >= {"flask", "werkzeug", "gunicorn"}
    assert found["full"].keys() >= {"models", "service", *found["hello"]} - {"benchmarks"}
    assert sum(found["full"].values()) > sum(found["hello"].values()) > 1000


def test_filling_in_tables_leaves_the_text_around_them():
    text = (
        "a\n<!-- table: goals -->\n<!-- /table -->\nb\n<!-- table: conditions -->\nold\n<!-- /table -->\nc\n"
    )
    machine = {"cores": 2, "cpu": "x", "memory_gib": 1, "system": "Linux", "python": "3.11"}
    result = {
        "parts": {},
        "goals": [],
        "machine": machine,
        "versions": {},
        "taken_at": "2026-11-21",
        "seconds": 1,
    }
    once = write_up.filled(text, result | {"load_average_before": 0}, "2026-11-21.json")
    assert [line for line in once.splitlines() if line in {"a", "b", "c", "old"}] == ["a", "b", "c"]
    assert write_up.filled(once, result | {"load_average_before": 0}, "2026-11-21.json") == once


def test_the_plots_of_the_docs_are_there_and_small():
    told = write_up.TOLD.read_text(encoding="utf-8")
    plots = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", told)
    assert plots
    assert all(0 < (write_up.TOLD.parent / plot).stat().st_size < 100_000 for plot in plots)


def test_the_table_given_to_other_engines_has_every_rule_once(recommender, at):
    table = recommender.rulebook.tables["person"].on(at.date())
    nodes = rule_engines.decision_model(table)["nodes"]
    rows = next(node["content"] for node in nodes if node["type"] == "decisionTableNode")["rules"]
    assert [row["_id"] for row in rows] == [rule.id for rule in table.rules]
    assert all(rule_engines.json.loads(row["out-rule"]) == row["_id"] for row in rows)


@pytest.mark.parametrize("size", [10, 1000])
def test_a_grown_rulebook_answers_every_customer(store, at, size):
    shipped = store.recommender()
    parts = with_rules(store.bundle().parts, size, shipped.facts)
    table = read_rulebook(parts["rulebook.json"], shipped.contract).tables["person"].on(at.date())
    assert len(table.rules) == size
    assert all(table.choose(facts) for facts in rule_engines.cells(table, 300))


@pytest.mark.parametrize("size", [100, 2000])
def test_a_grown_catalogue_has_so_many_items(store, size):
    parts = with_items(store.bundle().parts, size, set())
    assert len(read_catalogue(parts["catalogue.json"], store.recommender().vocabulary).items) == size
