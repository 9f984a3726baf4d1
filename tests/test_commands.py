import json
import shutil

import pytest
from click.testing import CliRunner

from models.authoring import loader
from models.cli import bundle as arki_bundle
from models.cli import rulebook as arki_rulebook
from models.decision import bundle as bundles_module


@pytest.fixture
def run(bundles, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))

    def run(group, *arguments, **given):
        return CliRunner().invoke(group, list(arguments), **given)

    return run


def test_check_is_silent_but_for_its_summary_on_the_shipped_rulebook(run):
    shown = run(arki_rulebook.main, "check")
    assert shown.exit_code == 0, shown.output
    assert "0 errors" in shown.output.splitlines()[-1]


def test_explain_shows_the_rule_path_and_the_answer(run):
    shown = run(arki_rulebook.main, "explain", "--persona", "seven-person-bakery", "--as-of", "2026-11-18")
    assert shown.exit_code == 0, shown.output
    assert "passed over firm-neutral: personalisation is allowed, not objected" in shown.output
    assert "-> first-claim: employer_service" in shown.output
    assert "a person:" in shown.output


def test_explain_reads_a_customer_from_standard_input(run):
    customer = json.dumps({"customer_type": "person", "signals": {"minor": True}})
    shown = run(arki_rulebook.main, "explain", "-", input=customer)
    assert "-> neutral: web_page" in shown.output


@pytest.mark.parametrize("day", ["2026-13-18", "2026-11-18T12:00", "31.12.2026", "0001-01-01", "today"])
@pytest.mark.parametrize(
    "asked",
    [
        ("explain", "--persona", "nea-minor"),
        ("coverage",),
        ("diff", "a", "b"),
        ("impact", "a", "b", "--population", "c.csv"),
    ],
    ids=lambda asked: asked[0],
)
def test_every_command_takes_a_date_alone_as_its_day_and_says_so_in_one_sentence(run, asked, day):
    shown = run(arki_rulebook.main, *asked, "--as-of", day)
    assert shown.exit_code == 2
    assert shown.output.splitlines()[-1] == (
        f"Error: Invalid value for '--as-of': {day} is no day of the years 2000 to 2100. Write it as 2026-05-31."
    )


def test_rules_and_content_are_named_alike_by_every_command_that_reads_both():
    options = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in (
            arki_rulebook.main.commands | {"build": arki_bundle.main.commands["build"]}
        ).items()
    }
    both = {name for name, found in options.items() if {"--rulebook", "--content"} <= found}
    assert both == {"check", "explain", "coverage", "fmt", "suggest-examples", "build"}
    assert {name for name, found in options.items() if "--rulebook" in found} - both == {"export", "import"}


@pytest.fixture
def draft(tmp_path):
    """A draft of the rules and of the content in one folder; a title is another in the content."""
    shutil.copytree(loader.RULEBOOK, tmp_path / "draft" / "rulebook")
    content = shutil.copytree(loader.CONTENT, tmp_path / "draft" / "content")
    for file in content.glob("*.yaml"):
        file.write_text(file.read_text().replace("Kun elämä muuttuu", "LUONNOS"))
    return tmp_path / "draft"


def titles(shown):
    return [line for line in shown.stdout.splitlines() if line[:2] in {"1.", "2.", "3."}]


@pytest.mark.parametrize("place", [".", "rulebook"])
def test_a_draft_is_explained_with_the_content_that_lies_beside_its_rules(run, draft, place):
    customer = json.dumps({"customer_type": "person", "signals": {}})
    shown = run(arki_rulebook.main, "explain", "-", "--rulebook", str(draft / place), input=customer)
    assert shown.exit_code == 0, shown.output
    assert f"Content: {draft / 'content'}. Name another with --content." in shown.stderr
    assert "2. web_page · web_page · LUONNOS" in titles(shown)


def test_content_that_is_named_is_the_content_that_is_used(run, draft, tmp_path):
    customer = json.dumps({"customer_type": "person", "signals": {}})
    alone = (draft / "rulebook").rename(tmp_path / "rules-alone")
    shipped = run(arki_rulebook.main, "explain", "-", "--rulebook", str(alone), input=customer)
    named = ("--rulebook", str(alone), "--content", str(draft / "content"))
    drafted = run(arki_rulebook.main, "explain", "-", *named, input=customer)
    by_content = run(arki_rulebook.main, "explain", "-", *named[2:], input=customer)
    assert f"Content: {loader.CONTENT}. Name another with --content." in shipped.stderr
    assert "2. web_page · web_page · Kun elämä muuttuu" in titles(shipped)
    assert "2. web_page · web_page · LUONNOS" in titles(drafted)
    assert titles(by_content) == titles(drafted)
    assert "Content:" not in drafted.stderr


@pytest.mark.parametrize(
    ("customer", "words"),
    [
        ('{"customer_type": "person", "signals": {"sex": "f"}}', "/signals/sex: is never used by Arki"),
        ('{"signals": {}}', "customer_type"),
        ("not json", "JSON"),
    ],
)
def test_explain_says_what_is_wrong_with_a_customer(run, customer, words):
    shown = run(arki_rulebook.main, "explain", "-", input=customer)
    assert shown.exit_code == 2
    assert words in shown.output


def test_bundles_are_built_listed_activated_and_rolled_back(tmp_path, monkeypatch, authored):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path))
    first = bundles_module.build(tmp_path, authored.parts() | {"texts.json": authored.texts | {"edition": 1}})
    bundles_module.activate(tmp_path, first)
    built = CliRunner().invoke(arki_bundle.main, ["build"])
    assert built.exit_code == 0, built.output
    digest = built.output.split()[1]
    assert CliRunner().invoke(arki_bundle.main, ["activate", digest]).exit_code == 0
    listed = CliRunner().invoke(arki_bundle.main, ["list"]).output
    assert f"* {digest}" in listed
    assert (
        CliRunner().invoke(arki_bundle.main, ["rollback"]).output == f"bundle {first[:16]} is current again\n"
    )
    assert CliRunner().invoke(arki_bundle.main, ["rollback"]).exit_code == 2
    assert "0 bundles start with zz" in CliRunner().invoke(arki_bundle.main, ["activate", "zz"]).output


def test_a_rulebook_with_an_error_makes_no_bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path))
    (tmp_path / "empty").mkdir()
    shown = CliRunner().invoke(arki_bundle.main, ["build", "--rulebook", str(tmp_path / "empty")])
    assert shown.exit_code == 2
    assert "No bundle was made." in shown.output
    assert bundles_module.available(tmp_path) == []


def test_coverage_counts_arkis_own_example_pages_in_the_catalogue_and_in_answers(run, root):
    table = run(arki_rulebook.main, "coverage", "--as-of", "2026-11-21").output.splitlines()
    assert table[-1].startswith("| of these, Arki's own example pages | ")
    totals = [int(cell.strip(" *")) for cell in table[-2].split("|")[2:5]]
    own = [int(cell) for cell in table[-1].split("|")[2:5]]
    assert all(0 < ours < total for ours, total in zip(own, totals, strict=True))
    answers = root / "fixtures" / "golden" / "answers.csv"
    counted = run(arki_rulebook.main, "coverage", "--answers", str(answers))
    assert counted.exit_code == 0, counted.output
    assert " items in 35 answers: " in counted.output


def test_coverage_of_a_file_that_is_no_answers_says_what_to_name(run, tmp_path):
    file = tmp_path / "answers.csv"
    file.write_text("a,b\n1,2\n")
    shown = run(arki_rulebook.main, "coverage", "--answers", str(file))
    assert (shown.exit_code, shown.output) == (2, f"{file} has no items. Name a CSV that arki-score wrote.\n")
    file.write_text("item_1_content_id,item_1_content_language\nnowhere,fi\n")
    shown = run(arki_rulebook.main, "coverage", "--answers", str(file))
    assert (
        shown.output
        == f"{file} names nowhere, which the catalogue does not have. Score the customers again.\n"
    )


def test_explain_takes_a_kept_bundle_a_moment_a_limit_and_what_was_shown(run, bundles):
    digest = bundles_module.available(bundles)[0]
    asked = (
        "explain",
        "--persona",
        "seven-person-bakery",
        "--bundle",
        digest[:12],
        "--at",
        "2026-11-18T12:00",
    )
    whole = run(arki_rulebook.main, *asked, "--limit", "1").output
    assert "1. employer_service" in whole
    assert "2. employer_service" not in whole
    first = run(arki_rulebook.main, *asked).output
    title = next(line for line in first.splitlines() if line.startswith("1. ")).rpartition(" · ")[2]
    catalogue = bundles_module.load(bundles, digest).recommender.catalogue
    shown = next(
        item.id for item in catalogue.items.values() if title in [t.title for t in item.languages.values()]
    )
    assert f"· {title}" not in run(arki_rulebook.main, *asked, "--shown", shown).output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--at", "2026-11-18"),
            "2026-11-18 is no moment of the years 2000 to 2100. Write it as 2026-05-31T12:00.",
        ),
        (("--at", "2026-11-18T12:00", "--as-of", "2026-11-18"), "--at and --as-of both name the moment."),
        (
            ("--bundle", "0", "--rulebook", "."),
            "--bundle and --rulebook or --content both name what to explain by.",
        ),
        (("--bundle", "zz"), "0 bundles start with zz; `arki-bundle list` shows them."),
    ],
    ids=["a day", "two moments", "two rulebooks", "no such bundle"],
)
def test_explain_says_in_a_sentence_what_cannot_be_asked_of_it(run, options, said):
    shown = run(arki_rulebook.main, "explain", "--persona", "nea-minor", *options)
    assert shown.exit_code == 2
    assert said in shown.output
