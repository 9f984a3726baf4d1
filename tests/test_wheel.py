"""What the wheel carries, and how the Dockerfile runs it; `test_shipped` installs the wheel and works with it."""

import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=root, check=True
    )
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_carries_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "models/artifacts/scorecard.json",
        "models/artifacts/manifest.json",
        "models/rulebook/rules.yaml",
        "models/content/catalogue.yaml",
        "models/fixtures/personas.yaml",
        "service/clients/arki.js",
        "service/clients/arki.d.ts",
        "service/outcomes/migrations/env.py",
        "service/outcomes/migrations/script.py.mako",
        "service/outcomes/migrations/versions/0001_outcomes.py",
        "service/outcomes/migrations/versions/0002_languages.py",
        "service/static/swagger/swagger-ui-bundle.js",
        "service/personas.json",
        "service/console/static/console.css",
        "service/console/templates/console/layout.html",
        "service/translations/fi/LC_MESSAGES/messages.mo",
        "service/translations/sv/LC_MESSAGES/messages.mo",
    } <= names
    assert any(name.startswith("service/templates/") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "fixtures/"))]


def test_no_other_package_has_the_names_of_ours():
    """They are common names: docs/how-to/operate.md asks for an environment of Arki's own."""
    owners = metadata.packages_distributions()
    assert {owner for name in ("models", "service", "training") for owner in owners.get(name, ())} <= {"arki"}
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    assert "`models`, `service` and `training`" in page


def test_the_image_runs_as_nobody_in_exec_form_with_a_health_check_and_no_source_tree(root):
    lines = (root / "Dockerfile").read_text().splitlines()
    final = "\n".join(lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :])
    assert int(re.search(r"^USER (\d+)", final, re.MULTILINE)[1]) >= 10000
    assert re.search(r'^CMD \["arki-serve"\]', final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert not re.search(r"^COPY (?!--from)", final, re.MULTILINE)
    assert "latest" not in "".join(lines)


def test_everything_the_dockerfile_copies_exists(root):
    ignored = Path(root / ".dockerignore").read_text()
    for line in (root / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (root / source).exists(), source
                assert f"!{source.partition('/')[0]}" in ignored, source
