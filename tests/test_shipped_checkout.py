"""A checkout works wherever it lies: `make setup` and some tests in a clone that only its owner may enter, with a space in its path."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A clone of what is committed, in which `make setup` was run."""
    private = tmp_path_factory.mktemp("private") / "with space"
    private.mkdir(mode=0o700)
    subprocess.run(["git", "clone", "-q", ROOT, private / "arki"], check=True)
    ran(private / "arki", "make", "setup", f"PYTHON={os.path.realpath(sys.executable)}")
    return private / "arki"


def ran(checkout, *command):
    """What a command says in the checkout, without settings of this test run."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("ARKI_", "MAKE", "PYTEST"))
    }
    shown = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return shown.stdout


def test_its_commands_work(checkout):
    assert "0 errors, 0 warnings." in ran(checkout, checkout / ".venv/bin/arki-rulebook", "check")
    assert ran(checkout, checkout / ".venv/bin/arki-bundle", "list").startswith("* ")


def test_its_service_starts_and_is_locked_down(checkout):
    told = ran(checkout, sys.executable, "-m", "pytest", "-q", "tests/test_drills.py", "-k", "locked")
    assert "failed" not in told
