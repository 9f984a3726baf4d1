"""The recipes of docs/how-to are true: their patches apply, what they add is served without training, and few files change."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

from testing import recipes, worktree

pytestmark = pytest.mark.xdist_group("recipes")  # one copy for all
SERVED_AND_SCORED = """
import csv, json, os, sys
from pathlib import Path

from models.cli.bundle import main as arki_bundle
from service.app import create_app
from service.settings import Settings
from training.scoring.command import main as arki_score

scratch = Path(sys.argv[1])
arki_bundle(["build", "--activate"], standalone_mode=False)
settings = Settings(
    bundles=Path(os.environ["ARKI_BUNDLES"]), dev_key="a key for tests", secret="s" * 40
)
client = create_app(settings).test_client()
client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
answers = []
for signals in json.loads(sys.argv[2]):
    response = client.post(
        "/v1/recommendations",
        json={"customer_type": "person", "language": "fi", "signals": signals, "as_of": "2026-11-21"},
    )
    assert response.status_code == 200, response.text
    answers.append(response.json)
customers = scratch / "customers.csv"
customers.write_text(
    "customer_ref,customer_type,sign_language_needed\\n1,person,true\\n2,person,\\n3,person,false\\n"
)
arki_score([str(customers), str(scratch / "answers.csv"), "--as-of", "2026-11-21"], standalone_mode=False)
with (scratch / "answers.csv").open() as file:
    rows = list(csv.DictReader(file))
openapi = client.get("/openapi.json").json
print(json.dumps({"answers": answers, "rows": rows, "openapi": openapi}))
"""
ASKED = [
    {"sign_language_needed": True},
    {},
    {"sign_language_needed": False},
]
IN_WORDS = """
import json, os, sys

from service.app import create_app
from service.settings import Settings

settings = Settings(bundles=__import__("pathlib").Path(os.environ["ARKI_BUNDLES"]), dev_key="a key for tests", secret="s" * 40)
client = create_app(settings).test_client()
client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
asked = {"customer_type": "person", "as_of": "2026-11-21"}
wished = client.post("/v1/recommendations", json=asked | {"signals": {"preferred_channel": "jodel"}}).json
spoken = client.post("/v1/recommendations", json=asked | {"language": "ru", "signals": {"interpreter_needed": True}}).json
listed = client.get("/v1/content?language=ru").json
channels = client.get("/v1/channels").json
print(json.dumps({"wished": wished, "spoken": spoken, "listed": listed, "channels": channels}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the tree to which all recipes were applied."""
    folder = tmp_path_factory.mktemp("recipes") / "arki"
    worktree.copy(ROOT, folder, without=("docs/", "benchmarks/"))
    for recipe in recipes.MOST_FILES:
        apply(recipe, folder)
    return folder


@pytest.fixture(scope="module")
def served(copy, tmp_path_factory):
    """What the copy answers, in the API and in a scored file, from a bundle of its own with the shipped model."""
    done = run(copy, "-c", SERVED_AND_SCORED, str(tmp_path_factory.mktemp("scratch")), json.dumps(ASKED))
    return json.loads(done.stdout.splitlines()[-1])


def apply(recipe, folder):
    subprocess.run(
        ["git", "apply", "-C1", "-"],
        input=recipes.patch(recipe),
        cwd=folder,
        text=True,
        check=True,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )


def run(folder, *command):
    """Python in the copy; its own modules come first."""
    environ = os.environ | {"PYTHONPATH": str(folder), "ARKI_BUNDLES": str(folder / "bundles")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done


@pytest.mark.parametrize(("recipe", "most"), recipes.MOST_FILES.items(), ids=recipes.MOST_FILES)
def test_a_recipe_touches_few_files(recipe, most):
    assert 0 < len(recipes.files(recipe)) <= most


@pytest.mark.parametrize("page", ["docs/README.md", "CONTRIBUTING.md"])
@pytest.mark.parametrize("recipe", recipes.MOST_FILES)
def test_a_recipe_is_found(recipe, page):
    assert f"how-to/{recipe}.md" in (ROOT / page).read_text(encoding="utf-8")


def test_a_new_signal_is_accepted_and_documented(served):
    signals = served["openapi"]["components"]["schemas"]["PersonSignals"]["properties"]
    assert signals["sign_language_needed"]["type"] == ["boolean", "null"]
    assert len(served["answers"]) == len(ASKED)


@pytest.fixture(scope="module")
def in_words(copy, served):
    """What the copy answers about what the recipes add to the vocabulary."""
    return json.loads(run(copy, "-c", IN_WORDS).stdout.splitlines()[-1])


def test_a_new_channel_is_accepted_and_offered(in_words, served):
    assert in_words["wished"]["items"][0]["channel"] == "jodel"
    preferred = served["openapi"]["components"]["schemas"]["PersonSignals"]["properties"]["preferred_channel"]
    assert "jodel" in preferred["enum"]


def test_a_new_kind_of_content_is_carried_and_documented(in_words, served):
    web_page = next(channel for channel in in_words["channels"]["channels"] if channel["id"] == "web_page")
    assert "infographic" in web_page["carries"]
    assert "infographic" in json.dumps(served["openapi"]["components"]["schemas"]["Item"])


def test_a_new_language_is_answered_in(in_words):
    assert in_words["spoken"]["notice"] != ""
    languages = {item["content"]["language"] for item in in_words["spoken"]["items"]}
    assert languages <= {"ru", "en", "fi", "sv"}
    assert [item["id"] for item in in_words["listed"]["items"]] == ["page-in-russian"]


def test_a_new_fact_decides(served):
    rules = [answer["items"][0]["reason"]["rule"] for answer in served["answers"]]
    assert rules[0] == "sign-language"
    assert rules[1] == rules[2] != "sign-language"


def test_a_file_is_scored_as_the_api_answers(served):
    for answer, row in zip(served["answers"], served["rows"], strict=True):
        first = answer["items"][0]
        assert (row["item_1_rule"], row["item_1_channel"]) == (first["reason"]["rule"], first["channel"])
        assert row["item_1_content_id"] == first["content"]["id"]


def test_a_new_answer_field_is_sent_and_documented(served):
    schema = served["openapi"]["components"]["schemas"]["Recommendation"]
    assert schema["properties"]["situations"]["type"] == "integer"
    assert [answer["situations"] for answer in served["answers"]] == [1, 1, 1]


def test_nothing_was_trained(served):
    manifest = json.loads((ROOT / "models" / "artifacts" / "manifest.json").read_text(encoding="utf-8"))
    assert {answer["versions"]["model"] for answer in served["answers"]} == {manifest["version"]}


@pytest.fixture(scope="module")
def generated(copy):
    """The copy with the document of its API made anew, as the recipes say."""
    (copy / "openapi.json").write_text(run(copy, "-m", "service.api.openapi").stdout, encoding="utf-8")
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(
    "tests",
    [
        "tests/test_fact_declarations.py",
        "tests/test_facts.py",
        "tests/test_signals.py",
        "tests/test_openapi.py",
        "tests/test_population.py",
        "tests/test_hard_rules.py",
        "tests/test_wording_and_promises.py",
    ],
)
def test_the_tests_pass_with_all_recipes_applied(generated, tests):
    run(generated, "-m", "pytest", "-q", "-m", "not slow", tests)
