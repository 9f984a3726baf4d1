"""What the README and the fixtures show is what the code does."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import KEY, ROOT

from models.cli import bundle as arki_bundle
from service.api import command as service_commands
from service.outcomes import command as outcome_commands
from service.security.keys import keys
from service.server.dev import welcome

SPEC = importlib.util.spec_from_file_location("refresh", ROOT / "docs" / "refresh.py")
refresh = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(refresh)
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [match[0] for match in refresh._SHOWN.finditer(README)]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
HEXADECIMAL = re.compile(r"(?<![\w-])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{4,64}(?![\w…-])")
KEY_ID = re.compile(r"Key [0-9a-f]{12} expires|arki_[0-9a-f]{12}_…")
"""A key made while the README was: shown as output, and gone."""
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


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_the_readme_shows_the_real_output(block, bundles, tmp_path):
    again = refresh.refreshed(block, refresh.run_here(bundles, tmp_path))
    assert refresh.masked(again) == refresh.masked(block)


def test_every_digest_in_the_readme_is_of_what_is_shipped(store):
    shown = KEY_ID.sub("", README).replace(refresh.REFERENCE, "")
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


def test_every_command_of_the_readme_is_where_the_readme_says(root):
    assert "Commands that begin with `arki-` are in `.venv/bin`" in README
    scripts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    named = commands_of(README) | set(re.findall(r"`(arki-[a-z]+)[ `]", README))
    assert named <= scripts.keys()
    for name in named:
        assert Path(sys.executable).with_name(name).exists(), name
        done = subprocess.run(
            [Path(sys.executable).with_name(name), "--help"], capture_output=True, check=False
        )
        assert done.returncode == 0, name


def test_every_subcommand_and_target_of_the_readme_exists():
    groups = {
        "arki-rulebook": service_commands.main,
        "arki-bundle": arki_bundle.main,
        "arki-keys": keys,
        "arki-outcomes": outcome_commands.outcomes,
    }
    fenced = "\n".join(re.findall(r"```\w*\n(.*?)```", README, re.DOTALL))
    quoted = "\n".join(re.findall(r"`([^`\n]+)`", README))
    named = re.findall(r"(arki-(?:rulebook|bundle|keys|outcomes)) ([a-z-]+)", f"{fenced}\n{quoted}")
    assert len(named) > 15
    for command, subcommand in named:
        assert subcommand in groups[command].commands, f"{command} {subcommand}"
    targets = re.findall(r"(?m)^(?:\$ )?make ([a-z-]+)", f"{fenced}\n{quoted}")
    assert len(targets) > 5
    for target in targets:
        assert re.search(rf"(?m)^{target}:", MAKEFILE), target


def test_the_targets_that_install_what_scoring_needs_do_so():
    sentence = re.search(r"need libraries for data, which (.*?) install", README, re.DOTALL)[1]
    named = set(re.findall(r"make (\w+)", sentence))
    assert named == INSTALLS
    for target in named:
        assert re.search(rf"(?m)^{target}: .*\$\(VENV\)/dev\.stamp", MAKEFILE), target


def test_the_image_is_run_with_settings_and_folders_that_it_has(root):
    run = re.search(r"docker build -t arki \.\ndocker run (.*?)```", README, re.DOTALL)[1]
    dockerfile = (root / "Dockerfile").read_text(encoding="utf-8")
    assert "EXPOSE 8080" in dockerfile
    assert "-p 127.0.0.1:8080:8080" in run
    given = dict(re.findall(r"-e (\w+)=(\S+)", run))
    assert f":{given['ARKI_KEYS']}:ro" in run
    for name in given:
        assert f"`{name}`" in README.partition("| setting |")[2], name


def test_the_wheel_of_the_readme_is_the_one_that_is_built(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wheels = set(re.findall(r"arki-[\w.]+-py3-none-any\.whl", README))
    assert wheels == {f"arki-{project['version']}-py3-none-any.whl"}
    for lock in re.findall(r"requirements/\w+\.lock", README):
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
    assert "[more than half of its items](#what-there-is-to-show) in Finnish" in first_screen
    assert "more than nine in ten of those that are offered" in " ".join(first_screen.split())
    row = re.search(r"\| \*\*all items\*\* (.*)\n\| of these, Arki's own example pages (.*)", README)
    totals, own = (list(map(int, re.findall(r"\d+", row[at]))) for at in (1, 2))
    assert own[0] > totals[0] / 2, "mend the first screen"
    [share] = re.findall(r"items in 2,000 answers: [\d,]+ \((\d+)%\) lead", README)
    assert int(share) > 90, "mend the first screen"


def test_the_readme_shows_every_command():
    shown = " ".join(BLOCKS)
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


def test_every_link_of_the_readme_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
