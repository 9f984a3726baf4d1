"""Promises about the code itself."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
from conftest import ROOT

from testing.survey import imported_names

PACKAGES = ("models", "service", "training")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def packages_imported_by(path):
    """The packages that a file imports, at its top or anywhere."""
    names = imported_names(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_within_its_size(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 450
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_service_and_training_never_import_each_other_and_models_neither():
    for path in MODULES:
        package = path.relative_to(ROOT).parts[0]
        others = {"models": {"service", "training"}, "service": {"training"}, "training": {"service"}}[
            package
        ]
        assert others.isdisjoint(packages_imported_by(path)), path


READ_THE_ENVIRONMENT = {
    "models/contract/environment.py": "where bundles live, for commands and services alike",
    "service/wsgi.py": "hands it to Settings when a worker starts",
    "service/server/dev.py": "hands it on to the service that it starts",
    "service/server/granian_server.py": "hands it to Settings when the server starts",
    "service/server/gunicorn_config.py": "hands it to Settings when the server starts",
    "service/server/reload.py": "finds the running service by its settings, and checks those of the next",
    "service/server/serve.py": "hands it to Settings and to the server that it becomes",
    "service/api/command.py": "a command that reads the service's settings",
    "service/outcomes/command.py": "a command that reads the service's settings",
    "service/observability/metrics.py": "prometheus_client reads PROMETHEUS_MULTIPROC_DIR when imported",
    "service/console/draft_jobs.py": "a child process gets PATH and nothing else of it",
    "training/cli/train.py": "numerical libraries take their threads from it when imported",
    "training/scoring/engine_spark.py": "Spark finds Python and Java by it",
}
KNOW_SETTINGS = {
    "models/contract/environment.py": "ARKI_BUNDLES",
    "service/settings.py": "every setting of the service, with its default",
    "service/run_folder.py": "a secret where none is set, and what the server tells its workers",
    "service/server/dev.py": "settings of `make dev`",
    "service/server/serve.py": "the threads of the server, for its workers",
    "service/security/keys.py": "click reads the default of --keys",
    "service/api/command.py": "replay asks for the secret by name before anything else",
}


def test_one_module_of_each_package_reads_settings_and_the_others_are_listed_with_their_reason():
    reading, knowing = set(), set()
    for path in MODULES:
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv"):
                    reading.add(name)
                case ast.ImportFrom(module="os"):
                    reading.add(name)
                case ast.Constant(value=str(text)) if re.fullmatch("ARKI_[A-Z_]+", text):
                    knowing.add(name)
    assert reading == set(READ_THE_ENVIRONMENT)
    assert knowing == set(KNOW_SETTINGS)


def test_nothing_that_serves_can_unpickle():
    unpicklers = {"pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] != "training":
            assert unpicklers.isdisjoint(packages_imported_by(path)), path


def test_nothing_evaluates_text():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, path


def test_the_serving_process_imports_no_heavy_library(bundles):
    code = (
        "import sys, os; from service.wsgi import app; c = app.test_client();"
        "assert c.get('/readyz').status_code == 200;"
        "assert c.get('/console/fi/sign-in').status_code == 200;"
        "print(sorted({'numpy', 'sklearn', 'pandas', 'pyarrow', 'joblib', 'ruamel.yaml', 'scipy', 'openpyxl', 'matplotlib'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"ARKI_BUNDLES": str(bundles), "ARKI_DEV_KEY": "k", "PATH": ""},
        cwd=ROOT,
    )
    assert shown.stdout.strip() == "[]", shown.stderr


def test_no_registry_host_and_no_path_of_a_machine_is_committed():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for name in listed:
        path = ROOT / name
        if (
            not path.is_file()
            or path.suffix in {".gz", ".joblib", ".js", ".png", ".mo"}
            or name == "tests/test_architecture.py"
        ):
            continue
        text = path.read_text(encoding="utf-8")
        for word in ("/work/", "/root/", "pypi." + "org", "files.python" + "hosted"):
            assert word not in text, f"{name} names {word}"


def test_every_command_answers_help_at_once_because_it_imports_little():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for target in scripts.values():
        module = target.partition(":")[0]
        code = (
            f"import sys, {module};"
            "print(sorted({'numpy', 'sklearn', 'pandas', 'pyarrow', 'flask', 'rich', 'ruamel.yaml', 'openpyxl'} & set(sys.modules)))"
        )
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert shown.stdout.strip() == "[]", module
