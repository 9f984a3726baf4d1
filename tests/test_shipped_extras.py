"""A command whose extra is not installed names it; extras cover whatever the code imports; `make` targets hold."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from conftest import ROOT
from test_architecture import MODULES, PACKAGES, packages_imported_by

from models.cli.missing_extras import EXTRAS, extra_of, how_to_install, with_extra

BASE = {"click", "orjson", "tzdata"}  # what Arki needs without any extra


@click.group(name="arki-example")
def example():
    pass


@example.command()
@click.argument("module")
def load(module):
    """Fail as an import of a missing module does."""
    raise ModuleNotFoundError(f"No module named {module!r}", name=module)


with_extra(example, "train")


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("pyarrow.parquet", "train"),
        ("sklearn", "train"),
        ("ruamel.yaml", "rulebook"),
        ("flask_babel", "serve"),
        ("pyspark.sql", "spark"),
        ("distributed", "cluster"),
    ],
)
def test_a_missing_library_is_named_with_its_extra_that_of_the_command_first(module, extra):
    shown = CliRunner().invoke(example, ["load", module])
    assert shown.exit_code == 2
    assert shown.stderr == (
        f"Error: arki-example load needs the extra `{extra}`, which is not installed here: there is no module {module}. "
        f"{how_to_install(extra)}\n"
    )


@pytest.mark.parametrize("module", ["models.nowhere", "left_pad"])
def test_a_module_of_no_extra_is_a_fault_and_is_not_explained_away(module):
    assert isinstance(CliRunner().invoke(example, ["load", module]).exception, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("extra", "checkout", "advice"),
    [
        ("score", True, "Run `make dev` in the checkout, then the same command from .venv/bin."),
        ("spark", True, "Run `make spark` in the checkout, then the same command from .venv-spark/bin."),
        (
            *("score", False),
            "Install it from Arki's wheel, which is on no package index: pip install './arki-0.2.0-py3-none-any.whl[score]'.",
        ),
    ],
)
def test_an_extra_is_installed_from_the_checkout_or_the_wheel_and_never_by_name(extra, checkout, advice):
    assert how_to_install(extra, checkout=checkout) == advice


def test_every_library_that_the_code_imports_belongs_to_an_extra_that_can_be_named():
    libraries = {name for path in MODULES for name in packages_imported_by(path)}
    libraries -= {*sys.stdlib_module_names, *PACKAGES, *BASE, "_typeshed"}
    brought_by_others = {"werkzeug", "markupsafe", "jinja2", "scipy"}
    assert {name for name in libraries - brought_by_others if extra_of(name) not in EXTRAS} == set()


def test_the_spark_tests_start_where_pytest_timeout_is_not_installed():
    recipe = subprocess.run(
        ["make", "-n", "-o", ".venv-spark/stamp", "-o", "setup", "test-spark"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    [command] = [line for line in recipe.stdout.splitlines() if "-m pytest" in line]
    arguments = shlex.split(command)[1:]
    shown = subprocess.run(
        [sys.executable, *arguments, "-p", "no:timeout", "-p", "no:xdist"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PytestConfigWarning" not in shown.stdout + shown.stderr
    assert shown.returncode in {0, 5}, (
        shown.stdout + shown.stderr
    )  # 5: all are skipped where there is no Spark
