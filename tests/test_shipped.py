"""What ships, as it ships: the commands and the console in environments of requirements/run.lock and serve.lock alone.

`run` is the checkout that `make run` serves; `serve` is the wheel that the Dockerfile installs. `make test` makes both.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import time
import tomllib
from http.cookiejar import CookieJar
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener

import openpyxl
import pytest
from browsing import token_of
from conftest import ROOT
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from drills.server import free_port
from drills.table import in_ci
from models.authoring import loader

PATIENCE_S = 240
KEY = "a key for what ships"
RULES = (loader.RULEBOOK / "rules.yaml").read_text(encoding="utf-8")
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
START = {
    "run": ("python", "-m", "service.server.dev"),
    "serve": ("arki-serve",),
}
ADVICE = {
    "run": "Run `make dev` in the checkout, then the same command from .venv/bin.",
    "serve": "Install it from Arki's wheel, which is on no package index: pip install './arki-0.2.0-py3-none-any.whl[{extra}]'.",
}


class Shipped(NamedTuple):
    """An environment with Arki in it, a folder to work in, and the settings of its service and commands."""

    name: str
    bin: Path
    folder: Path
    environ: dict[str, str]


# A mark of a fixture's parameter groups nothing: each environment is one worker's, or two would install into it at once.
pytestmark = pytest.mark.parametrize(
    "shipped",
    [pytest.param(name, marks=pytest.mark.xdist_group(f"shipped-{name}")) for name in START],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module")
def shipped(request, tmp_path_factory):
    """An environment of one lock, with the bundle that its `arki-bundle` made."""
    name, home = request.param, ROOT / f".venv-{request.param}"
    if not (home / "stamp").exists():
        (pytest.fail if in_ci() else pytest.skip)(f".venv-{name} is not there; `make test` makes it")
    folder = tmp_path_factory.mktemp(name)
    if name == "serve":
        install_wheel(home, folder)
    environ = {
        "PATH": os.environ["PATH"],
        "ARKI_BUNDLES": str(folder / "bundles"),
        "ARKI_DEV_KEY": KEY,
        "ARKI_OUTCOMES_URL": f"sqlite:///{folder}/outcomes.db",
        "ARKI_RUN": str(folder / "run"),
        "PORT": str(free_port()),
    }
    made = Shipped(name, home / "bin", folder, environ)
    assert "is current" in ran(made, "arki-bundle", "build", "--activate")
    assert ran(made, "arki-outcomes", "migrate") == "The tables are those of this version.\n"
    return made


def install_wheel(home, folder):
    """Build the wheel in the environment of run.lock and install it where serve.lock is, as the Dockerfile does."""
    build = [ROOT / ".venv-run/bin/python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    pip = [
        ROOT / ".venv/bin/python",
        "-m",
        "pip",
        "--python",
        home,
        "install",
        "-q",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*pip, "--force-reinstall", wheel], check=True, capture_output=True)


def ran(shipped, command, *arguments, code=0):
    """What a command of the environment says, in a folder where no source tree is."""
    shown = subprocess.run(
        [shipped.bin / command, *arguments],
        cwd=shipped.folder,
        env=shipped.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == code, shown.stdout + shown.stderr
    return shown.stdout + shown.stderr


class Visitor:
    """A browser without scripts: cookies, forms, and pages that refresh themselves."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path):
        with self.opener.open(Request(self.address + path), timeout=60) as answer:
            return answer.read()

    def text(self, path):
        return self.get(path).decode()

    def post(self, path, form, token_from):
        """Send a form with the token of a page; the path that the answer leads to."""
        values = {"token": token_of(self.text(token_from)), **form}
        boundary, body = encode_multipart(values)
        head = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        with self.opener.open(Request(self.address + path, body, head), timeout=60) as answer:
            return answer.url.removeprefix(self.address)

    def result(self, path):
        """A page, once the work that it tells of is done."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with self.opener.open(self.address + path, timeout=60) as answer:
                if "Refresh" not in answer.headers:
                    return answer.read().decode()
            time.sleep(0.2)
        raise AssertionError("the work did not end")


@pytest.fixture(scope="module")
def visitor(shipped):
    """Somebody of the content team, signed in to the service as it is started by `make run` or by the image."""
    log = shipped.folder / "log"
    program, *arguments = START[shipped.name]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [shipped.bin / program, *arguments],
            cwd=shipped.folder,
            env=shipped.environ,
            stdout=out,
            stderr=out,
        ) as server,
    ):
        try:
            wait_until_ready(shipped, server)
            visitor = Visitor(shipped.environ["PORT"])
            sign_in = "/console/en/sign-in"
            assert visitor.post(sign_in, {"key": KEY}, sign_in) == "/console/en/"
            yield visitor
        finally:
            server.terminate()
    assert '"level":"error"' not in log.read_text()
    assert server.returncode == 0


def wait_until_ready(shipped, server):
    until = time.monotonic() + PATIENCE_S
    while len(list((shipped.folder / "run" / "ready").glob("*"))) < 2:
        waiting = server.poll() is None and time.monotonic() < until
        assert waiting, (shipped.folder / "log").read_text()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def work(visitor):
    """Three jobs of the console, begun together: the shipped rules, edited rules, and the rules as a spreadsheet."""
    at = RULES.index("- id: job-loss-guidance\n")
    edited = RULES[:at] + RULES[at:].replace("channel: web_page", "channel: callback", 1)

    def sent(rules):
        form = {"file": FileStorage(io.BytesIO(rules.encode()), "rules.yaml")}
        return visitor.post("/console/en/drafts", form, "/console/en/drafts")

    spreadsheet = visitor.post("/console/en/spreadsheet", {}, "/console/en/mapping")
    return {"unchanged": sent(RULES), "edited": sent(edited), "spreadsheet": spreadsheet}


def test_the_rules_as_they_shipped_are_checked_and_move_nobody(visitor, work):
    page = re.sub(r"\s+", " ", visitor.result(work["unchanged"]))
    assert "0 errors, 0 warnings." in page
    assert "No customer of the sample gets another answer" in page


def test_an_edit_is_weighed_in_people(visitor, work):
    page = re.sub(r"\s+", " ", visitor.result(work["edited"]))
    assert re.search(
        r"The rules come out otherwise for [1-9][\d,]* of 3,144,259 combinations of facts\.", page
    )
    assert re.search(r"[1-9][\d,]* of 4,65\d,\d{3} customers get another answer", page)


def test_the_rules_are_fetched_as_a_spreadsheet(visitor, work):
    assert re.search(r"[1-9]\d+ rules were written\.", visitor.result(work["spreadsheet"]))
    book = openpyxl.load_workbook(io.BytesIO(visitor.get(f"{work['spreadsheet']}/rules.xlsx")))
    assert "changing" in book.sheetnames


def test_every_page_of_the_console_opens_in_each_language(shipped, visitor, work):
    visitor.result(work["edited"])
    arguments = {
        "console.rule": ["job-loss-guidance"],
        "console.model_file": ["MODEL_CARD.md"],
        "console.static": ["console.css"],
        "console.draft": [work["edited"].rsplit("/", 1)[1]],
        "console.draft_file": [work["edited"].rsplit("/", 1)[1], "change-note.md"],
    }
    listed = (
        "import json; from service.wsgi import app;"
        "print(json.dumps([(r.endpoint, r.rule) for r in app.url_map.iter_rules() if 'GET' in r.methods]))"
    )
    pages = [
        (name, rule)
        for name, rule in json.loads(ran(shipped, "python", "-c", listed))
        if name.startswith("console.")
    ]
    assert len(pages) >= 15
    for endpoint, rule in pages:
        if endpoint == "console.nothing":
            continue  # the page of what is not there
        path = rule
        for argument in arguments.get(endpoint, ()):
            path = re.sub("<(?!any)[^>]*>", argument, path, count=1)
        for language in ("fi", "sv", "en"):
            address = re.sub("<any[^>]*>", language, path)
            try:
                assert visitor.get(address)
            except HTTPError as error:
                pytest.fail(f"{address}: {error.code}")


def test_every_command_does_its_work(shipped):
    told = {
        ("arki-bundle", "list"): "* ",
        ("arki-rulebook", "check"): "0 errors, 0 warnings.",
        ("arki-rulebook", "explain", "--persona", "nea-minor"): "-> neutral",
        ("arki-rulebook", "export", "rules.xlsx"): " rules -> rules.xlsx",
        ("arki-rulebook", "import", "rules.xlsx", "--dry-run"): "0 changes; nothing was written.",
        (
            "arki-keys",
            "create",
            "--scope",
            "recommend",
            "--days",
            "30",
            "--keys",
            "keys.json",
        ): "is shown only now",
        ("arki-keys", "list", "--keys", "keys.json"): "live",
        ("arki-outcomes", "purge"): "deleted: ",
        ("arki-outcomes", "export", "counts.jsonl"): "",
        ("arki-outcomes", "lifts"): "No experiment has counts",
    }
    for command, words in told.items():
        assert words in ran(shipped, *command), command


def test_the_workers_are_replaced_while_the_console_stays_open(shipped, visitor):
    assert ran(shipped, "arki-reload") == "2 workers replaced.\n"
    assert "sign-out" in visitor.text("/console/en/")


@pytest.mark.parametrize(
    ("command", "extra", "module"),
    [
        ("arki-score in.csv out.csv", "score", "pyarrow"),
        ("arki-score in.csv out.csv --engine dask", "cluster", "distributed"),
        ("arki-score in.csv out.csv --engine spark", "spark", "pyspark"),
        ("arki-train", "train", "pyarrow"),
        ("arki-train population people.csv", "train", "pyarrow"),
        ("arki-rulebook impact current current --population in.csv", "score", "pyarrow"),
    ],
    ids=lambda value: value.replace(" ", "-") if "arki" in value else "",
)
def test_a_command_whose_extra_is_missing_says_how_to_install_it(shipped, command, extra, module):
    (shipped.folder / "in.csv").write_text("customer_ref,customer_type\na,person\n")
    name = re.match(r"arki-score|arki-train population|arki-train|arki-rulebook impact", command)[0]
    advice = ADVICE[shipped.name].format(extra=extra)
    if extra == "spark" and shipped.name == "run":
        advice = "Run `make spark` in the checkout, then the same command from .venv-spark/bin."
    assert ran(shipped, *command.split(), code=2) == (
        f"Error: {name} needs the extra `{extra}`, which is not installed here: there is no module {module}. {advice}\n"
    )
    assert not (shipped.folder / "out.csv").exists()


@pytest.mark.parametrize("command", SCRIPTS)
def test_a_command_explains_itself_whatever_is_installed(shipped, command):
    assert "Usage:" in ran(shipped, command, "--help")


def test_each_subcommand_explains_itself_whatever_is_installed(shipped):
    code = """
import importlib, sys
from click.testing import CliRunner
for target in sys.argv[1:]:
    module, _, name = target.partition(":")
    command = getattr(importlib.import_module(module), name)
    for subcommand in getattr(command, "commands", {}):
        shown = CliRunner().invoke(command, [subcommand, "--help"])
        print(target, subcommand, "explained" if "Usage:" in shown.output else shown.exception)
"""
    told = ran(shipped, "python", "-c", code, *SCRIPTS.values()).splitlines()
    assert len(told) >= 20
    assert [line for line in told if not line.endswith(" explained")] == []
