import json

import pytest
from click.testing import CliRunner

from models import bundle as bundles_module
from models import commands


@pytest.fixture
def run(bundles, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))

    def run(group, *arguments, **given):
        return CliRunner().invoke(group, list(arguments), **given)

    return run


def test_check_is_silent_but_for_its_summary_on_the_shipped_rulebook(run):
    shown = run(commands.rulebook, "check")
    assert shown.exit_code == 0, shown.output
    assert "0 errors" in shown.output.splitlines()[-1]


def test_explain_shows_the_rule_path_and_the_answer(run):
    shown = run(commands.rulebook, "explain", "--persona", "seven-person-bakery", "--as-of", "2026-11-18")
    assert shown.exit_code == 0, shown.output
    assert "passed over firm-neutral: personalisation is allowed, not objected" in shown.output
    assert "-> first-claim: employer_service" in shown.output
    assert "a person:" in shown.output


def test_explain_reads_a_customer_from_standard_input(run):
    customer = json.dumps({"customer_type": "person", "signals": {"minor": True}})
    shown = run(commands.rulebook, "explain", "-", input=customer)
    assert "-> neutral: web_page" in shown.output


@pytest.mark.parametrize(
    ("customer", "words"),
    [
        ('{"customer_type": "person", "signals": {"sex": "f"}}', "/signals/sex: is never used by Arki"),
        ('{"signals": {}}', "customer_type"),
        ("not json", "JSON"),
    ],
)
def test_explain_says_what_is_wrong_with_a_customer(run, customer, words):
    shown = run(commands.rulebook, "explain", "-", input=customer)
    assert shown.exit_code == 2
    assert words in shown.output


def test_bundles_are_built_listed_activated_and_rolled_back(tmp_path, monkeypatch, authored):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path))
    first = bundles_module.build(tmp_path, authored.parts() | {"texts.json": authored.texts | {"edition": 1}})
    bundles_module.activate(tmp_path, first)
    built = CliRunner().invoke(commands.bundle, ["build"])
    assert built.exit_code == 0, built.output
    digest = built.output.split()[1]
    assert CliRunner().invoke(commands.bundle, ["activate", digest]).exit_code == 0
    listed = CliRunner().invoke(commands.bundle, ["list"]).output
    assert f"* {digest}" in listed
    assert (
        CliRunner().invoke(commands.bundle, ["rollback"]).output == f"bundle {first[:16]} is current again\n"
    )
    assert CliRunner().invoke(commands.bundle, ["rollback"]).exit_code == 2
    assert "0 bundles start with zz" in CliRunner().invoke(commands.bundle, ["activate", "zz"]).output


def test_a_rulebook_with_an_error_makes_no_bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path))
    (tmp_path / "empty").mkdir()
    shown = CliRunner().invoke(commands.bundle, ["build", "--rulebook", str(tmp_path / "empty")])
    assert shown.exit_code == 2
    assert "No bundle was made." in shown.output
    assert bundles_module.available(tmp_path) == []


def test_coverage_counts_arkis_own_example_pages_in_the_catalogue_and_in_answers(run, root):
    table = run(commands.rulebook, "coverage", "--as-of", "2026-11-21").output.splitlines()
    assert table[-1].startswith("| of these, Arki's own example pages | ")
    totals = [int(cell.strip(" *")) for cell in table[-2].split("|")[2:5]]
    own = [int(cell) for cell in table[-1].split("|")[2:5]]
    assert all(0 < ours < total for ours, total in zip(own, totals, strict=True))
    answers = root / "fixtures" / "golden" / "answers.csv"
    counted = run(commands.rulebook, "coverage", "--answers", str(answers))
    assert counted.exit_code == 0, counted.output
    assert " items in 35 answers: " in counted.output


def test_coverage_of_a_file_that_is_no_answers_says_what_to_name(run, tmp_path):
    file = tmp_path / "answers.csv"
    file.write_text("a,b\n1,2\n")
    shown = run(commands.rulebook, "coverage", "--answers", str(file))
    assert (shown.exit_code, shown.output) == (2, f"{file} has no items. Name a CSV that arki-score wrote.\n")
    file.write_text("item_1_content_id,item_1_content_language\nnowhere,fi\n")
    shown = run(commands.rulebook, "coverage", "--answers", str(file))
    assert (
        shown.output
        == f"{file} names nowhere, which the catalogue does not have. Score the customers again.\n"
    )
