"""Whether the tests notice faults: `python -m testing.mutants` writes small ones into the core modules, one at a time.

`mutants.toml` names the modules and, for each, the fast tests that ought to notice. A sample of mutations, fixed by a seed, is
tried on copies of the tree in a temporary folder. A mutation that no test notices survives; `survivors.toml` gives the reason
of each that may. The exit status is 1 if a survivor has no reason, if one is marked as breaking a hard rule, or if too few are
killed.

Each run of tests is a fork of one process that has imported the libraries. The project itself is imported anew in every fork, so
that a mutation of what a module computes at import counts as well.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from testing import worktree
from testing.mutations import Mutation, sample

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("models", "service", "training", "drills", "testing")
_MOST_MEMORY: Final = 8 << 30
_NOT_TESTED: Final = 99  # an exit status that pytest does not use


class Module(NamedTuple):
    """A module of the core, and the tests that ought to notice what breaks in it."""

    path: str
    tests: tuple[str, ...]
    drawn_as: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `mutants.toml` says: the sample and what must come of it, and which libraries each fork finds imported."""

    number: int
    seed: int
    least_killed: float
    libraries: tuple[str, ...]
    modules: tuple[Module, ...]

    def mutations(self, root: Path = ROOT) -> dict[Module, list[Mutation]]:
        """The sample, in equal parts of each module."""
        part, more = divmod(self.number, len(self.modules))
        return {
            module: sample(
                module.path,
                (root / module.path).read_text(encoding="utf-8"),
                number=part + (at < more),
                seed=self.seed,
                drawn_as=module.drawn_as,
            )
            for at, module in enumerate(self.modules)
        }


class Verdict(NamedTuple):
    """What came of the tests: whether any failed, which one, and what they cost (seconds of CPU)."""

    killed: bool
    by: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a mutation may survive; `hard_rule` is set while it breaks one, which must not last."""

    reason: str
    hard_rule: int | None


@dataclass(slots=True)
class Report:
    """What came of all."""

    verdicts: dict[Mutation, Verdict]
    reasons: Mapping[tuple[Any, ...], Reason]
    least_killed: float

    @property
    def survivors(self) -> list[Mutation]:
        """Those that no test noticed, in order."""
        return [mutation for mutation, verdict in self.verdicts.items() if not verdict.killed]

    @property
    def faults(self) -> list[str]:
        """What makes the run fail, in words."""
        faults = []
        for mutation in self.survivors:
            reason = self.reasons.get(mutation.name)
            if reason is None:
                faults.append(
                    f"{mutation.module}:{mutation.line} survives without a reason in survivors.toml"
                )
            elif reason.hard_rule is not None:
                faults.append(
                    f"{mutation.module}:{mutation.line} survives and breaks hard rule {reason.hard_rule}"
                )
        killed = len(self.verdicts) - len(self.survivors)
        if killed < self.least_killed * len(self.verdicts):
            faults.append(f"{killed} of {len(self.verdicts)} are killed, fewer than {self.least_killed:.0%}")
        return faults

    def lines(self) -> Iterator[str]:
        """The table, each survivor with its reason, and what makes the run fail."""
        yield f"{'module':<28}{'mutants':>8}{'killed':>8}{'survived':>9}{'CPU s':>8}"
        rows: dict[str, list[Verdict]] = {}
        for mutation, verdict in self.verdicts.items():
            rows.setdefault(mutation.module, []).append(verdict)
        for name, verdicts in [*rows.items(), ("together", [*self.verdicts.values()])]:
            killed = sum(verdict.killed for verdict in verdicts)
            cpu_s = sum(verdict.cpu_s for verdict in verdicts)
            yield f"{name:<28}{len(verdicts):>8}{killed:>8}{len(verdicts) - killed:>9}{cpu_s:>8.0f}"
        for mutation in self.survivors:
            reason = self.reasons.get(mutation.name)
            yield ""
            yield f"{mutation.module}:{mutation.line} {mutation.within}"
            yield f"    {mutation.before}  →  {mutation.after}" + f"  ({mutation.occurrence})" * (
                mutation.occurrence > 1
            )
            yield f"    {reason.reason if reason else 'NO REASON GIVEN'}"
        yield from (f"\n{fault}" for fault in self.faults)


def read_plan(path: Path = ROOT / "testing" / "mutants.toml") -> Plan:
    """The plan in a file."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return Plan(
        document["number"],
        document["seed"],
        document["least_killed"],
        tuple(document["libraries"]),
        tuple(
            Module(entry["path"], tuple(entry["tests"]), entry.get("drawn_as", ""))
            for entry in document["module"]
        ),
    )


def read_reasons(path: Path = ROOT / "testing" / "survivors.toml") -> dict[tuple[Any, ...], Reason]:
    """The reasons in a file, by `Mutation.name`."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        (
            entry["module"],
            entry["within"],
            entry["before"],
            entry["after"],
            entry.get("occurrence", 1),
        ): Reason(entry["reason"], entry.get("hard_rule"))
        for entry in document.get("survivor", ())
    }


def run(
    plan: Plan,
    wanted: Mapping[Module, Sequence[Mutation]],
    reasons: Mapping[tuple[Any, ...], Reason],
    *,
    folder: Path,
    root: Path = ROOT,
    jobs: int = 2,
    spare_s: int = 10,
) -> Report:
    """Try mutations on copies of a tree, `jobs` at a time.

    Tests may take three times the CPU that they take without a mutation, and `spare_s` seconds more; then it counts as killed.

    Raises
    ------
    RuntimeError
        If the tests of a module fail without a mutation: make them pass first.
    """
    trees = [_Tree(root, folder / f"tree-{job}") for job in range(jobs)]
    for name in plan.libraries:
        import_module(name)
    tests = sorted({test.partition("::")[0] for module in wanted for test in module.tests})
    modules = [*wanted]
    _check_pass(_in_forks(trees[:1], [_Run(("--collect-only", *tests))]), ["collecting the tests"])
    for tree in trees[1:]:  # with the bytecode of the first
        tree.copy(trees[0].path)
    unmutated = _in_forks(trees, [_Run(module.tests) for module in modules])
    _check_pass(unmutated, [module.path for module in modules])
    runs = [
        _Run(module.tests, mutation, math.ceil(3 * alone.cpu_s) + spare_s)
        for module, alone in zip(modules, unmutated, strict=True)
        for mutation in wanted[module]
    ]
    mutations = [mutation for module in modules for mutation in wanted[module]]
    return Report(dict(zip(mutations, _in_forks(trees, runs), strict=True)), reasons, plan.least_killed)


class _Run(NamedTuple):
    """Tests to run, with a mutation or without; `cpu_s` is the most CPU they may take, in seconds."""

    arguments: tuple[str, ...]
    mutation: Mutation | None = None
    cpu_s: int = 600


@dataclass(slots=True)
class _Tree:
    """A copy of the tracked tree, and the fork that works in it, if one does."""

    root: Path
    path: Path
    run: _Run | None = None
    began: float = field(default=0.0)

    def __post_init__(self) -> None:
        worktree.copy(self.root, self.path)

    def copy(self, other: Path) -> None:
        """Become the same as another tree."""
        shutil.copytree(other, self.path, dirs_exist_ok=True)

    def start(self, run: _Run) -> int:
        """Write the mutation and run the tests in a fork, whose process id is returned."""
        self.run, self.began = run, time.monotonic()
        if run.mutation:
            (self.path / run.mutation.module).write_text(run.mutation.source, encoding="utf-8")
        child = os.fork()
        if child == 0:
            try:
                os._exit(_run_tests(self.path, run))
            except BaseException as error:  # noqa: BLE001  (a fork must never return into its parent's work)
                sys.stderr.write(f"{error!r}\n")
                os._exit(1)
        return child

    def finish(self, status: int, cpu_s: float) -> Verdict:
        """The verdict of a fork that has ended, with the mutation undone."""
        if self.run and self.run.mutation:
            module = self.run.mutation.module
            shutil.copy2(self.root / module, self.path / module)
        if os.waitstatus_to_exitcode(status) == _NOT_TESTED:
            raise RuntimeError(
                f"{self.run and self.run.mutation}: the tests ran on another module than the mutated one"
            )
        by = "time" if os.WIFSIGNALED(status) else ""
        lines = _log(self.path).read_text(encoding="utf-8", errors="replace").splitlines()
        by = by or next(
            (line for line in lines if line.startswith(("FAILED ", "ERROR "))), "".join(lines[-1:])
        )
        return Verdict(status != 0, by, cpu_s)


def _in_forks(trees: Sequence[_Tree], runs: Sequence[_Run]) -> list[Verdict]:
    """Run all, one at a time in each tree; the verdicts in the order of the runs."""
    waiting, working = list(enumerate(runs))[::-1], dict[int, tuple[int, _Tree]]()
    idle, verdicts = list(trees), dict[int, Verdict]()
    while waiting or working:
        while waiting and idle:
            at, run = waiting.pop()
            tree = idle.pop()
            working[tree.start(run)] = (at, tree)
        for child, (at, tree) in list(working.items()):
            ended, status, used = os.wait4(child, os.WNOHANG)
            if not ended and time.monotonic() - tree.began > 10 * runs[at].cpu_s:  # it waits for something
                os.killpg(child, 9)
            if ended:
                with suppress(ProcessLookupError):
                    os.killpg(child, 9)  # what its tests started and left behind
                verdicts[at] = tree.finish(status, used.ru_utime + used.ru_stime)
                _tell(runs[at], verdicts[at], done=len(verdicts), of=len(runs))
                idle.append(working.pop(child)[1])
        time.sleep(0.02)
    return [verdicts[at] for at in range(len(runs))]


def _tell(run: _Run, verdict: Verdict, *, done: int, of: int) -> None:
    what = f"killed by {verdict.by}" if verdict.killed else "survives"
    where = f"{run.mutation.module}:{run.mutation.line}" if run.mutation else "no mutation,"
    click.echo(f"{done}/{of} {where} {what} ({verdict.cpu_s:.1f} s)", err=True)


def _check_pass(verdicts: Iterable[Verdict], names: Sequence[str]) -> None:
    for name, verdict in zip(names, verdicts, strict=True):
        if verdict.killed:
            raise RuntimeError(f"{name}: tests fail without any mutation: {verdict.by}")


def _log(tree: Path) -> Path:
    return tree.with_suffix(".log")


def _run_tests(tree: Path, run: _Run) -> int:
    """Run tests in this fork, and return pytest's exit status."""
    import resource  # noqa: PLC0415

    import pytest  # noqa: PLC0415

    os.setsid()
    os.chdir(tree)
    log = os.open(_log(tree), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    resource.setrlimit(resource.RLIMIT_CPU, (run.cpu_s, run.cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    sys.path[:] = [str(tree), *(path for path in sys.path if Path(path or ".").resolve() != ROOT)]
    sys.dont_write_bytecode = (
        run.mutation is not None
    )  # two mutations of one second and size look alike to Python
    os.environ |= {
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ARKI_BUNDLES": str(tree / "bundles"),
    }
    imported = "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"
    options = ["-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-W", imported]
    status = int(pytest.main([*options, *run.arguments], plugins=[_Repeatable()]))
    if status == 0 and run.mutation:
        loaded = sys.modules.get(run.mutation.module.removesuffix(".py").replace("/", "."))
        if loaded is None or not str(loaded.__file__).startswith(str(tree)):
            return _NOT_TESTED
    return status


class _Repeatable:
    """Hypothesis draws the same examples every time, and stops at the first that fails."""

    @staticmethod
    def pytest_configure() -> None:
        import hypothesis  # noqa: PLC0415

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        settings = hypothesis.settings(derandomize=True, database=None, phases=phases)
        hypothesis.settings.register_profile("mutants", settings)
        hypothesis.settings.load_profile("mutants")


@click.command()
@click.argument("only", nargs=-1)
@click.option("--jobs", default=2, show_default=True, help="How many run at a time.")
@click.option("--listed", is_flag=True, help="Print the sample and try nothing.")
def main(only: tuple[str, ...], jobs: int, *, listed: bool) -> None:
    """Try the sample of mutations on the modules of the plan, or on those whose paths contain one of ONLY."""
    plan = read_plan()
    wanted = {
        module: mutations
        for module, mutations in plan.mutations().items()
        if not only or any(name in module.path for name in only)
    }
    if listed:
        for mutation in (mutation for mutations in wanted.values() for mutation in mutations):
            click.echo(
                f"{mutation.module}:{mutation.line} {mutation.within}: {mutation.before}  →  {mutation.after}"
            )
        return
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        report = run(plan, wanted, read_reasons(), jobs=jobs, folder=Path(folder))
    click.echo("\n".join(report.lines()))
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
