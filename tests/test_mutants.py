"""`make mutants` finds tests that notice nothing: the faults it makes, what it says of them, and a few of the core."""

import ast
import os
import subprocess
import sys
from textwrap import dedent

import pytest
from conftest import ROOT

from testing import mutants
from testing.mutations import sample

TINY = '''
"""A module."""

FROM: int = 3  # a bound


def digital(logins: int, helped: "int | None" = None) -> str:
    """How a customer deals with Kela; more than 0 is a fault."""
    if not logins:
        raise ValueError(f"{logins} is less than {FROM}")
    kinds = ["a", "b"]
    return "assisted" if helped is not None and helped >= FROM else kinds[0]
'''


def changes(source, **wanted):
    return {
        (mutation.before, mutation.after)
        for mutation in sample("tiny.py", dedent(source), number=10_000, seed=1)
        if wanted.get("within") in {None, mutation.within}
    }


@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        ("FOUND = a < b", "a < b", "a <= b"),
        ("FOUND = a >= b", "a >= b", "a > b"),
        ("FOUND = a is None", "a is None", "a is not None"),
        ("FOUND = a not in b", "a not in b", "a in b"),
        ("FOUND = a and b", "a and b", "a or b"),
        ("FOUND = a and b", "a and b", "a"),
        ("FROM = 3", "FROM = 3", "FROM = 4"),
        ("FROM = 3", "FROM = 3", "FROM = 2"),
        ("def f(wide=True): ...", "wide=True", "wide=False"),
        ("def f():\n  if a: g()", "if a: g()", "if not a: g()"),
        ("def f():\n  if a: g()", "if a: g()", "pass"),
        ("def f():\n  if a: g()", "g()", "pass"),
        ("def f():\n  a['b'] = 1", "a['b'] = 1", "pass"),
        ("def f() -> list[int]:\n  return a", "return a", "return []"),
        ("def f() -> A | None:\n  return a", "return a", "return None"),
        ("def f():\n  return a + b * c", "b * c", "b // c"),
        ("def f():\n  return g(a[0])", "a[0]", "a[-1]"),
        ("def f():\n  return min(a, key=b)", "return min(a, key=b)", "return max(a, key=b)"),
        ("def f():\n  return min(a, key=b)", "min(a, key=b)", "min(a)"),
        ("def f():\n  return a.get('minor')", "a.get('minor')", "a.get('absent')"),
        ("def f():\n  return {'x': a, 'y': b}", "{'x': a, 'y': b}", "{'x': b, 'y': a}"),
        ("def f():\n  return g({1, 2})", "{1, 2}", "{1}"),
        ("def f():\n  return g([*a, b])", "[*a, b]", "[*a]"),
        ("def f():\n  return a[:n]", "a[:n]", "a[:]"),
        ("def f():\n  return [x for x in a if x]", "for x in a if x", "for x in a"),
    ],
)
def test_each_kind_of_fault_is_made(source, before, after):
    assert (before, after) in changes(source)


def test_what_is_no_behaviour_is_left_alone():
    text = " ".join(before for before, _ in changes(TINY))
    assert "module" not in text
    assert "fault" not in text
    assert "None = None" not in text
    assert "less than" not in text.replace("raise ValueError(f'{logins} is less than {FROM}')", "")


def test_every_fault_is_another_module_that_compiles():
    made = sample("tiny.py", TINY, number=10_000, seed=1)
    whole = ast.unparse(ast.parse(TINY))
    assert len({mutation.source for mutation in made} - {whole}) == len(made) > 15
    for mutation in made:
        compile(mutation.source, "tiny.py", "exec")


def test_a_seed_fixes_the_sample_and_an_edit_elsewhere_keeps_it():
    first = sample("tiny.py", TINY, number=8, seed=1)
    assert [m.name for m in first] == [m.name for m in sample("tiny.py", TINY, number=8, seed=1)]
    assert {m.name for m in first} != {m.name for m in sample("tiny.py", TINY, number=8, seed=2)}
    edited = sample("tiny.py", "\n\nBEFORE = frozenset()\n" + TINY, number=8, seed=1)
    assert [m.name for m in edited] == [m.name for m in first]
    assert [m.line for m in edited] == [m.line + 3 for m in first]


@pytest.fixture(scope="module")
def made():
    """The sample, by module."""
    return mutants.read_plan().mutations()


def test_the_sample_has_400_of_them_and_30_of_each_module_at_least(made):
    assert sum(map(len, made.values())) == 400
    assert min(map(len, made.values())) >= 30


def test_every_test_that_is_named_exists():
    named = {test for module in mutants.read_plan().modules for test in module.tests}
    for path in {test.partition("::")[0] for test in named}:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        there = {f"{path}::{node.name}" for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert {test for test in named if test.startswith(f"{path}::")} <= there


def test_every_reason_is_of_a_mutation_in_the_sample(made):
    names = {mutation.name for mutations in made.values() for mutation in mutations}
    reasons = mutants.read_reasons()
    assert reasons.keys() <= names
    assert all(reason.hard_rule is None for reason in reasons.values())


PROJECT = {
    "core.py": """
        FROM = 3
        def size(n):
            total = 0
            while n > 0:
                n -= 1
                total += 1
            return "many" if total >= FROM else "few"
    """,
    "tests/test_core.py": """
        from core import size
        def test_five_are_many():
            assert size(5) == "many"
        def test_none_is_few():
            assert size(0) == "few"
    """,
    "pytest.ini": """
        [pytest]
        pythonpath = .
        addopts = --import-mode=importlib
    """,
}


TRIED = [
    ("return 'many' if total >= FROM else 'few'", "return None"),
    ("n -= 1", "pass"),
    ("total >= FROM", "total > FROM"),
    ("FROM = 3", "FROM = 4"),
]
PROGRAM = """
    import sys
    from pathlib import Path
    from testing import mutants
    root, folder = map(Path, sys.argv[1:])
    module = mutants.Module("core.py", ("tests/test_core.py",))
    plan = mutants.Plan(100, 1, 0.85, ("pytest", "hypothesis"), (module,))
    wanted = [each for each in plan.mutations(root)[module] if (each.before, each.after) in TRIED]
    reasons = {
        ("core.py", "", "FROM = 3", "FROM = 4", 1): mutants.Reason("nobody comes three times", None),
        ("core.py", "size", "total >= FROM", "total > FROM", 1): mutants.Reason("to be mended", 6),
    }
    report = mutants.run(plan, {module: wanted}, reasons, folder=folder, root=root, spare_s=1)
    print("\\n".join(report.lines()))
"""


def test_a_run_tells_what_survives_and_why_and_leaves_the_tree_as_it_is(tmp_path):
    root, folder = tmp_path / "project", tmp_path / "trees"
    for name, text in PROJECT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text))
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    program = dedent(PROGRAM).replace("TRIED", repr(TRIED))
    command = [sys.executable, "-c", program, str(root), str(folder)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    table, *survivors = ran.stdout.split("\n\n")
    assert table.splitlines()[-1].split()[:4] == ["together", "4", "2", "2"]
    assert "killed by time" in ran.stderr
    assert survivors[0].splitlines()[1:] == ["    FROM = 3  →  FROM = 4", "    nobody comes three times"]
    assert survivors[2:] == [
        "core.py:8 survives and breaks hard rule 6",
        "2 of 4 are killed, fewer than 85%\n",
    ]
    assert (root / "core.py").read_text() == dedent(PROJECT["core.py"])


def test_a_survivor_without_a_reason_fails_the_run():
    [mutation] = sample("core.py", dedent(PROJECT["core.py"]), number=1, seed=1)
    report = mutants.Report({mutation: mutants.Verdict(killed=False, by="", cpu_s=1.0)}, {}, 0.0)
    assert report.faults == [f"core.py:{mutation.line} survives without a reason in survivors.toml"]


KNOWN = [
    ("(10, 'micro')", "(11, 'micro')"),
    ("ASSISTED_FROM: Final = 3", "ASSISTED_FROM: Final = 4"),
    ("employees < below", "employees <= below"),
    ("if 'life_events' not in values: return (UNKNOWN,)", "pass"),
    (
        "parents = sorted([(event.months_ago, places[event.event]…",
        "parents = list([(event.months_ago, places[event.event]…",
    ),
    ("values.get('minor') is True", "values.get('minor') is not True"),
]
CORE = """
    import sys
    from pathlib import Path
    from testing import mutants
    from testing.mutations import sample
    tests = ("--noconftest", *("tests/test_facts.py::" + name for name in NAMES))
    module = mutants.Module("models/decision/facts.py", tests)
    plan = mutants.Plan(6, 1, 1.0, ("pytest", "hypothesis", "anyio.pytest_plugin"), (module,))
    source = (mutants.ROOT / module.path).read_text(encoding="utf-8")
    made = sample(module.path, source, number=10_000, seed=1)
    wanted = [each for each in made if (each.before, each.after) in KNOWN]
    report = mutants.run(plan, {module: wanted}, {}, folder=Path(sys.argv[1]))
    print("\\n".join(report.lines()))
"""


def test_six_faults_in_the_core_are_noticed_by_its_tests(tmp_path):
    names = [
        "test_size_classes_follow_the_staff_count",
        "test_digital_readiness_is_seen_from_use",
        "test_events_of_one_month_tie_by_code_order_not_by_text",
        "test_no_events_is_not_the_same_as_events_unknown",
    ]
    program = dedent(CORE).replace("NAMES", repr(names)).replace("KNOWN", repr(KNOWN))
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert ran.stdout.splitlines()[-1].split()[:4] == ["together", "6", "6", "0"]
