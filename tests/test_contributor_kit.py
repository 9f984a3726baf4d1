"""What a contributor is given is there, and names the commands, tools and words that there are."""

import re
import tomllib

import pytest
import yaml
from conftest import ROOT

from testing import worktree

FILES = (
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "DECISIONS.md",
    "LICENSE",
    ".editorconfig",
    ".pre-commit-config.yaml",
    ".github/workflows/ci.yml",
    "docs/glossary.md",
    "docs/reference/versioning.md",
)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
COMMANDS = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def programs(text):
    """What a command installs with apt-get."""
    [listed] = re.findall(r"apt-get install((?: +-\S+| +[a-z][a-z0-9-]*)+)", text)
    return {word for word in listed.split() if not word.startswith("-")}


def recipe_of(target):
    """The commands of a target of make."""
    return re.search(rf"(?m)^{target}:.*\n((?:\t.*\n)+)", MAKEFILE)[1]


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_there(name):
    assert (ROOT / name).stat().st_size > 0


def test_the_workflow_calls_the_targets_of_the_desk_and_no_other():
    called = [command.removeprefix("make ") for command in COMMANDS if command.startswith("make ")]
    assert called == re.findall(r"(?m)^make ([a-z-]+)$", CI) == ["test", "test-full"]
    for target in called:
        assert re.search(rf"(?m)^{target}:", MAKEFILE), target
    others = [command.split()[0] for command in COMMANDS if not command.startswith("make ")]
    assert others == ["apt-get", "git"]


def test_the_workflow_installs_the_programs_that_ci_run_does():
    assert programs(CI) >= {"redis-server", "nginx-light", "chromium"}
    assert programs(next(command for command in COMMANDS if command.startswith("apt-get"))) >= programs(CI)


def test_the_workflow_may_read_alone_and_keeps_no_credentials():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for job in WORKFLOW["jobs"].values():
        assert "permissions" not in job
        [checkout] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert checkout["with"]["persist-credentials"] is False


def test_the_hooks_are_local_and_those_of_make_lint():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    [repository] = config["repos"]
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    entries = [hook["entry"].replace(" --force-exclude", "") for hook in repository["hooks"]]
    linted = recipe_of("lint").strip().removeprefix("@").replace("$(BIN)", ".venv/bin").split(" && ")
    assert entries == [
        command.replace("check .", "check").replace("--check .", "--check") for command in linted
    ]


def test_coverage_has_a_floor_that_contributors_are_told():
    floor = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"][
        "report"
    ]["fail_under"]
    assert floor >= 85
    told = re.search(
        r"floor of `make coverage` is (\d+) %", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    )
    assert int(told[1]) == floor
    assert '-m "not slow"' in recipe_of("coverage")


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_target_named_exists(name):
    named = set(
        re.findall(
            r"\bmake ([a-z-]+)\b",
            " ".join(re.findall(r"`[^`]+`|```.*?```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)),
        )
    )
    assert named
    assert {target for target in named if not re.search(rf"(?m)^{target}:", MAKEFILE)} == set()


def test_every_word_of_the_glossary_stands_where_it_says():
    listed = [line for line in GLOSSARY.splitlines() if re.match(r"\| [a-z]", line)]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in listed[1:]]
    assert len(rows) >= 30
    for term, meaning, _, code in rows:
        assert meaning, term
        name, target = re.search(r"\[`([^`]+)`\]\(\.\./([^)]+)\)", code).groups()
        path = ROOT / target
        assert path.exists(), term
        if name.isidentifier():
            assert re.search(rf"(?m)^(?:class|def) {name}\b|^{name}\b", path.read_text(encoding="utf-8")), (
                term
            )
        else:
            assert target.endswith(name), term


def test_the_glossary_has_every_segment_and_its_finnish_name():
    from testing.shipped import VOCABULARY

    for code, term in VOCABULARY.segments.items():
        assert f"`{code}`" in GLOSSARY
        assert term.name["fi"].lower() in GLOSSARY.lower()


NAMED = re.compile(
    r"(?<!`)`((?:models|service|training|testing|drills|benchmarks|tests|docs|deploy|clients|fixtures|requirements)[./][\w./-]+)`"
)
HISTORY = ("CHANGELOG.md", "DECISIONS.md", "models/artifacts/")
"""Texts of their day: what changed, what was decided, and the papers made with the shipped model."""


def exists(name):
    """Whether a path, a module, or a name that stands in a module is in the tree."""
    if "/" in name:
        return (ROOT / name).exists()
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        module = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
        if module.exists():
            return length == len(parts) or bool(
                re.search(rf"\b{parts[length]}\b", module.read_text(encoding="utf-8"))
            )
        if place.is_dir():
            return length == len(parts)
    return False


def test_texts_name_no_module_and_no_file_that_is_gone():
    suffixes = (".md", ".py", ".toml", ".yaml")
    files = [
        path for path in worktree.files(ROOT) if path.endswith(suffixes) and not path.startswith(HISTORY)
    ]
    gone = [
        (path, name)
        for path in files
        for name in NAMED.findall((ROOT / path).read_text(encoding="utf-8"))
        if not exists(name)
    ]
    assert gone == []
