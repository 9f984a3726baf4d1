"""Rooms and their doors: which modules others may import, and what a serving process loads."""

import ast
import importlib
import subprocess
import sys
from collections import defaultdict

import pytest
from conftest import ROOT

from testing import survey

PACKAGES = ("models", "service", "training")
OTHERS = ("drills", "benchmarks", "testing", "docs", "deploy")
ROOMS = {
    f"{package}.{folder.parent.name}"
    for package in PACKAGES
    for folder in (ROOT / package).glob("*/__init__.py")
    if "__all__" in folder.read_text(encoding="utf-8")
}
LOADED = ROOT / "tests" / "loaded_when_serving.txt"


def room_of(module):
    """The room that a module is in, if it is in one."""
    name = ".".join(module.split(".")[:2])
    return name if name in ROOMS else None


def users():
    """Each use of a room's module from outside the room: the module and the file."""
    for folder in (*PACKAGES, *OTHERS):
        for path in sorted((ROOT / folder).rglob("*.py")):
            here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name in survey.imported_names(ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
                if room_of(name) not in {None, here}:
                    yield ".".join(name.split(".")[:3]), path.relative_to(ROOT)


def doors():
    return {f"{room}.{name}" for room in ROOMS for name in importlib.import_module(room).__all__}


def test_there_are_rooms():
    assert {"models.contract", "models.decision", "models.columns", "models.authoring", "models.cli"} <= ROOMS


def test_nobody_imports_past_a_door():
    past = defaultdict(set)
    for module, path in users():
        if module not in doors():
            past[module].add(str(path))
    assert not past


def test_a_door_is_no_wider_than_it_is_used():
    assert doors() <= {module for module, _ in users()}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_door_is_in_order_and_says_what_the_room_hides(room):
    door = importlib.import_module(room)
    assert sorted(door.__all__) == list(door.__all__)
    assert "ides " in door.__doc__


def test_the_picture_of_the_architecture_is_made_from_the_imports():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = page.partition("```mermaid\n")[2].partition("```")[0]
    assert shown == survey.picture(survey.modules()), "python -m testing.survey --picture"
    assert all(f"`{room}`" in page for room in ROOMS)


def test_no_room_imports_one_above_it_and_no_modules_go_in_circles():
    every = survey.modules()
    assert survey.arrows_back(every) == []
    assert survey.circle(every) == []
    assert survey.duplicate_classes(every) == {}
    assert survey.banned_names(every).total() == 0


def test_what_a_serving_process_loads_is_listed(bundles):
    """Whoever adds a module to the list sees that each worker pays for it."""
    code = (
        "import sys; from service.wsgi import app; c = app.test_client();"
        "assert c.get('/readyz').status_code == 200;"
        "ours = {n for n in sys.modules if n.partition('.')[0] in {'models', 'service', 'training'}};"
        "print(*sorted(ours), sep='\\n')"
    )
    environ = {"ARKI_BUNDLES": str(bundles), "ARKI_DEV_KEY": "k", "PATH": ""}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ, cwd=ROOT
    )
    listed = LOADED.read_text(encoding="utf-8").split()
    assert shown.stdout.split() == listed
