"""What README.md, the pages under docs and the fixtures show is what the code does."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import KEY, ROOT

from drills import server as drilled
from models.cli import bundle as arki_bundle
from service.api import command as service_commands
from service.outcomes import command as outcome_commands
from service.security.keys import keys
from service.server.dev import welcome

SPEC = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
refresh = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(refresh)
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in refresh.pages()}
README = TEXTS["README.md"]
ALL = "\n".join(TEXTS.values())
COMMANDS = TEXTS["docs/reference/commands.md"]
OPERATE = TEXTS["docs/how-to/operate.md"]
SETTINGS = TEXTS["docs/reference/settings.md"]
BLOCKS = [(name, block) for name, text in TEXTS.items() for block in refresh.blocks(text)]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
HEXADECIMAL = re.compile(r"(?<![\w-])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{4,64}(?![\w…-])")
KEY_ID = re.compile(r"Key [0-9a-f]{12} expires|arki_[0-9a-f]{12}_…")
"""A key made while a page was: shown as output, and gone."""
INSTALLS = {"dev", "test", "train", "score"}
"""Targets of make that install the development environment."""


def known_digests(store):
    """The digest of the shipped bundle and of its parts, as answers name them."""
    return set(store.recommender().versions)


def without_figures(answer):
    """The answer less versions and the model's own figures, which change with each training."""
    segment = answer["segment"] and {k: answer["segment"][k] for k in ("id", "known")}
    return {k: v for k, v in answer.items() if k not in {"versions", "recommendation_id"}} | {
        "segment": segment
    }


def test_each_request_of_the_fixtures_gives_its_response(app):
    answers = refresh.responses(app.test_client(), KEY)
    assert len(answers) >= 6
    for name, answer in answers.items():
        shown = json.loads((refresh.RESPONSES / name).read_text(encoding="utf-8"))
        assert without_figures(answer) == without_figures(shown), name


@pytest.mark.parametrize(
    "block",
    [block for _, block in BLOCKS],
    ids=[f"{name}: {block.splitlines()[0]}" for name, block in BLOCKS],
)
def test_every_page_shows_the_real_output(block, bundles, tmp_path):
    again = refresh.refreshed(block, refresh.run_here(bundles, tmp_path))
    assert refresh.masked(again) == refresh.masked(block)


def test_every_marker_has_its_block():
    assert len(BLOCKS) >= 11
    markers = re.findall(r"(?m)^<!-- (?!table: )\w+: ", ALL)  # tables are of benchmarks/write_up.py
    assert len(BLOCKS) == len(markers)


def test_every_digest_in_the_pages_is_of_what_is_shipped(store):
    revisions = re.compile(
        r"benchmarks\.since [0-9a-f]+|own worker, [0-9a-f]+"
    )  # what was measured, not served
    shown = revisions.sub("", KEY_ID.sub("", ALL)).replace(refresh.REFERENCE, "")
    assert set(HEXADECIMAL.findall(shown)) - known_digests(store) == set(), "make golden, or write <digest>"


@pytest.mark.parametrize(
    "stale",
    ["bundle 53a62ceb947d43e9 is current", "`arki-bundle activate 53a6`", "revoke 1a3648210218 --keys"],
)
def test_a_stale_digest_or_key_id_is_noticed(store, stale):
    assert set(HEXADECIMAL.findall(stale)) - known_digests(store)


def test_the_readme_shows_what_make_run_prints():
    said = welcome("http://127.0.0.1:8080", {"ARKI_DEV_KEY": "dev-<random>"})
    block = README.partition("$ make run\n")[2].partition("```")[0]
    shown = [line for line in block.splitlines()[2:] if line and not line.startswith("curl ")]
    assert shown == [line for line in said.splitlines() if line and not line.startswith("curl ")]
    [curl] = [line for line in block.splitlines() if line.startswith("curl ")]
    assert curl.removesuffix("…") in said


def commands_of(text):
    """Names of Arki's commands that blocks of a text would run."""
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return {
        name for block in fenced for name in re.findall(r"(?m)^(?:\$ )?(?:.* )?(arki-[a-z]+)(?= )", block)
    }


def test_every_command_of_the_pages_is_where_they_say(root):
    assert "Commands that begin with `arki-` are in `.venv/bin`" in COMMANDS
    scripts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    named = commands_of(ALL) | set(re.findall(r"`(arki-[a-z]+)[ `]", ALL))
    assert named == scripts.keys()
    for name in named:
        assert Path(sys.executable).with_name(name).exists(), name
        done = subprocess.run(
            [Path(sys.executable).with_name(name), "--help"], capture_output=True, check=False
        )
        assert done.returncode == 0, name


def test_every_subcommand_and_target_of_the_pages_exists():
    groups = {
        "arki-rulebook": service_commands.main,
        "arki-bundle": arki_bundle.main,
        "arki-keys": keys,
        "arki-outcomes": outcome_commands.outcomes,
    }
    fenced = "\n".join(re.findall(r"```\w*\n(.*?)```", ALL, re.DOTALL))
    quoted = "\n".join(re.findall(r"`([^`\n]+)`", ALL))
    named = re.findall(r"(arki-(?:rulebook|bundle|keys|outcomes)) ([a-z-]+)", f"{fenced}\n{quoted}")
    assert len(named) > 15
    for command, subcommand in named:
        assert subcommand in groups[command].commands, f"{command} {subcommand}"
    targets = re.findall(r"(?m)^(?:\$ )?make ([a-z-]+)", f"{fenced}\n{quoted}")
    assert len(targets) > 5
    for target in targets:
        assert re.search(rf"(?m)^{target}:", MAKEFILE), target


def test_the_targets_that_install_what_scoring_needs_do_so():
    sentence = re.search(r"need libraries for data, which (.*?) install", COMMANDS, re.DOTALL)[1]
    named = set(re.findall(r"make (\w+)", sentence))
    assert named == INSTALLS
    for target in named:
        assert re.search(rf"(?m)^{target}: .*\$\(VENV\)/dev\.stamp", MAKEFILE), target


def test_the_image_is_run_with_settings_and_folders_that_it_has(root):
    run = re.search(r"docker build -t arki \.\ndocker run (.*?)```", OPERATE, re.DOTALL)[1]
    dockerfile = (root / "Dockerfile").read_text(encoding="utf-8")
    assert "EXPOSE 8080" in dockerfile
    assert "-p 127.0.0.1:8080:8080" in run
    given = dict(re.findall(r"-e (\w+)=(\S+)", run))
    assert f":{given['ARKI_KEYS']}:ro" in run
    for name in given:
        assert f"`{name}`" in SETTINGS.partition("| setting |")[2], name


def test_the_wheel_of_the_pages_is_the_one_that_is_built(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wheels = set(re.findall(r"arki-[\w.]+-py3-none-any\.whl", ALL))
    assert wheels == {f"arki-{project['version']}-py3-none-any.whl"}
    for lock in re.findall(r"requirements/\w+\.lock", ALL):
        assert (root / lock).is_file()


def test_nobody_is_told_to_install_a_strangers_package(root):
    asked = re.compile(r"pip3? install[^\n]*?[ '\"`]arki(?![\w.-])|[Ii]nstall arki\[")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    for name in listed.stdout.split("\0"):
        if name != "tests/test_readme.py" and name.endswith(
            (".py", ".md", ".toml", ".yaml", ".html", ".po", "Makefile", "Dockerfile", ".js", ".ts")
        ):
            text = (root / name).read_text(encoding="utf-8")
            assert asked.search(text) is None, name
    assert "Arki is not on PyPI" in README
    assert asked.search("needs `pip install arki[tracing]`")


def test_the_readme_says_how_much_of_the_catalogue_is_arkis_own():
    first_screen = README.partition("## Start")[0]
    assert "[more than half of its items](docs/reference/coverage.md) in Finnish" in first_screen
    assert "more than nine in ten of those that are offered" in " ".join(first_screen.split())
    coverage = TEXTS["docs/reference/coverage.md"]
    row = re.search(r"\| \*\*all items\*\* (.*)\n\| of these, Arki's own example pages (.*)", coverage)
    totals, own = (list(map(int, re.findall(r"\d+", row[at]))) for at in (1, 2))
    assert own[0] > totals[0] / 2, "mend the first screen"
    [share] = re.findall(r"items in 2,000 answers: [\d,]+ \((\d+)%\) lead", ALL)
    assert int(share) > 90, "mend the first screen"


def test_the_pages_show_every_command():
    shown = " ".join(block for _, block in BLOCKS)
    for command in (
        "arki-rulebook check",
        "arki-rulebook explain",
        "arki-score",
        "arki-bundle",
        "arki-keys create",
    ):
        assert command in shown


def test_the_readme_says_whose_arki_is():
    assert re.search(r"independent.*not Kela's own", README.partition("## ")[0], re.DOTALL)


def test_the_curl_of_the_readme_gets_the_answer_that_it_shows(bundles, tmp_path):
    block = README.partition("## Ask")[2].partition("```sh\n")[2].partition("```")[0]
    command = shlex.split(block.replace("\\\n", "").replace("<key>", drilled.KEY))
    with drilled.serving(tmp_path, bundles, workers=1) as service:
        at = next(place for place, word in enumerate(command) if word.startswith("http://127.0.0.1:8080/"))
        command[at] = command[at].replace(":8080/", f":{service.port}/")
        assert (command[0], command[-2:]) == ("curl", ["-d", "@fixtures/requests/job-lost.json"])
        path = command[at].partition(f":{service.port}")[2]
        status, _, body = service.ask(path, json.loads((ROOT / command[-1][1:]).read_text(encoding="utf-8")))
        if shutil.which("curl"):
            said = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
            assert without_figures(json.loads(said)) == without_figures(json.loads(body))
    assert status == 200
    [part] = [block for name, block in BLOCKS if name == "README.md" and block.startswith("<!-- part: ")]
    keys = part.partition(" -->")[0].split()[3:]
    assert json.loads(refresh.part(json.loads(body), keys)) == json.loads(
        part.split("```")[1].removeprefix("json")
    )
