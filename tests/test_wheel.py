"""The wheel, built and installed clean: what the Dockerfile does, for where no container engine is at hand."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from drills.server import free_port

pytestmark = pytest.mark.slow
BODY = {
    "customer_type": "person",
    "signals": {"life_events": [{"event": "KE8", "months_ago": 1}], "minor": False},
}


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=root, check=True
    )
    [built] = folder.glob("*.whl")
    return built


def environment(folder, *arguments):
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check"]
    for argument in arguments:
        subprocess.run([*pip, *argument], check=True)
    return folder / "bin"


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
        "service/personas.json",
        "service/migrations/env.py",
        "service/migrations/script.py.mako",
        "service/migrations/versions/0001_outcomes.py",
        "service/static/swagger/swagger-ui-bundle.js",
        "service/console/personas.json",
        "service/console/static/console.css",
        "service/console/templates/console/layout.html",
        "service/console/translations/fi/LC_MESSAGES/messages.mo",
        "service/console/translations/sv/LC_MESSAGES/messages.mo",
    } <= names
    assert any(name.startswith("service/templates/") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "fixtures/"))]


def test_a_clean_environment_builds_the_bundle_and_another_serves_it(wheel, root, tmp_path):
    make = environment(
        tmp_path / "make",
        ["--require-hashes", "-r", root / "requirements/run.lock"],
        ["--no-deps", wheel],
    )
    serve = environment(
        tmp_path / "serve",
        ["--require-hashes", "-r", root / "requirements/serve.lock"],
        ["--no-deps", wheel],
    )
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "ARKI_BUNDLES": str(tmp_path / "bundles"),
        "ARKI_DEV_KEY": "dev",
        "PORT": str(port),
    }
    subprocess.run([make / "arki-bundle", "build", "--activate"], cwd=tmp_path, env=environ, check=True)
    shown = subprocess.run(
        [make / "arki-rulebook", "explain", "--persona", "nea-minor"],
        cwd=tmp_path,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "neutral" in shown.stdout
    command = [serve / "gunicorn", "-c", "python:service.gunicorn_config", "service.wsgi:app"]
    with subprocess.Popen(command, cwd=tmp_path, env=environ) as server:
        try:
            answer = ask(port)
        finally:
            server.send_signal(signal.SIGTERM)
    assert answer["items"][0]["reason"]["text"]
    assert server.returncode == 0


def ask(port, within_s=90):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/recommendations",
        json.dumps(BODY).encode(),
        {"Authorization": "Bearer dev", "Content-Type": "application/json"},
    )
    until = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return json.load(response)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_the_image_runs_as_nobody_in_exec_form_with_a_health_check_and_no_source_tree(root):
    lines = (root / "Dockerfile").read_text().splitlines()
    final = "\n".join(lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :])
    assert int(re.search(r"^USER (\d+)", final, re.MULTILINE)[1]) >= 10000
    assert re.search(r'^CMD \["gunicorn"', final, re.MULTILINE)
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
