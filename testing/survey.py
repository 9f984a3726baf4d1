"""`python -m testing.survey`: what a reader of the code meets, in figures: rooms and doors, arrows back, circles, names, types, sizes.

Counts the three packages alone, by their syntax. Where a figure has a goal, it stands beside it. `--picture` prints the rooms and
their arrows instead, as the Mermaid diagram of docs/architecture.md.
"""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

from testing import recipes

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = ("models", "service", "training")
BANNED: Final = frozenset({"found", "told", "given", "made", "kept"})
"""Participles that say how a value came about and not what it is."""


@dataclass(frozen=True)
class Module:
    """A module: its name with dots, its text, and what it imports of the three packages."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    def imports(self, known: set[str]) -> set[str]:
        """Modules of the packages that it imports when it is loaded; what only annotations or functions need is left out."""
        names = set(imported_names(self.tree.body))
        return {name if name in known else name.rpartition(".")[0] for name in names} & known

    @property
    def room(self) -> str:
        """The room it is in; a module in none is a room of its own."""
        return ".".join(self.name.split(".")[:2])


def imported_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The whole name of each thing that any of some nodes imports, its module's in front."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> list[Module]:
    """Every module of the packages, without the doors."""
    return [
        Module(".".join(path.relative_to(ROOT).with_suffix("").parts), path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "__init__.py"
    ]


def layers() -> dict[str, int]:
    """How high each room stands, by the contracts of import-linter."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    height: dict[str, int] = {}
    for contract in contracts["contracts"]:
        for package in set(contract.get("containers", ())) & set(PACKAGES):
            for at, layer in enumerate(reversed(contract["layers"])):
                height |= {f"{package}.{room.strip()}": at for room in layer.split("|")}
    return height


def arrows_back(every: list[Module]) -> list[tuple[str, str]]:
    """Imports from a room to one that stands above it or beside it in the same package."""
    known, height = {module.name for module in every}, layers()
    return [
        (module.name, name)
        for module in every
        for name in sorted(module.imports(known))
        for other in [".".join(name.split(".")[:2])]
        if other != module.room
        and other.partition(".")[0] == module.room.partition(".")[0]
        and height[other] >= height[module.room]
    ]


def circle(every: list[Module]) -> list[str]:
    """Modules that import each other in a circle; none, where the list is empty."""
    known = {module.name for module in every}
    try:
        TopologicalSorter({module.name: module.imports(known) for module in every}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def picture(every: list[Module]) -> str:
    """The rooms and which of them import which, as a Mermaid diagram; an arrow that follows from two others is left out."""
    known = {module.name for module in every}
    arrows = {
        (module.room, ".".join(name.split(".")[:2]))
        for module in every
        if (ROOT / module.room.replace(".", "/")).is_dir()
        for name in module.imports(known)
        if (ROOT / Path(*name.split(".")[:2])).is_dir()
    }
    arrows = {(one, other) for one, other in arrows if one != other}
    plain = {
        (one, other)
        for one, other in arrows
        if not any((one, between) in arrows and (between, other) in arrows for _, between in arrows)
    }
    lines = ["flowchart TD"]
    for package in PACKAGES:
        lines.append(f"  subgraph {package}")
        lines += [
            f"    {room}[{room.partition('.')[2]}]"
            for room in sorted({r for pair in arrows for r in pair})
            if room.startswith(package)
        ]
        lines.append("  end")
    lines += [f"  {one} --> {other}" for one, other in sorted(plain)]
    return "\n".join(lines) + "\n"


def duplicate_classes(every: list[Module]) -> dict[str, list[str]]:
    """Names that more than one class at the top of a module has."""
    homes = defaultdict(list)
    for module in every:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(module.name)
    return {name: where for name, where in homes.items() if len(where) > 1}


def banned_names(every: list[Module]) -> Counter[str]:
    """How often a variable has a name that says nothing of what it holds; fields that a document has are not variables."""
    names: Counter[str] = Counter()
    for module in every:
        fields = {
            id(node.target)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.AnnAssign) and node.value is None
        }
        names.update(
            node.id
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and node.id in BANNED
            and id(node) not in fields
        )
    return names


def functions(every: list[Module]) -> Iterator[tuple[int, str]]:
    """Lines of each function, and its name."""
    for module in every:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                yield (node.end_lineno or 0) - node.lineno + 1, f"{module.name}.{node.name}"


def comments(module: Module) -> int:
    """Comments that say something to a reader, not to a linter."""
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    return sum(
        token.type == tokenize.COMMENT and not token.string.startswith(("# noqa", "# type"))
        for token in tokens
    )


def per_100_lines(every: list[Module], count: int) -> float:
    """A count beside all lines."""
    return round(100 * count / sum(len(module.text.splitlines()) for module in every), 1)


def processor_ratios() -> tuple[str, str]:
    """CPU a request on gunicorn and on granian beside the commit before the rooms, as docs/performance.md has it."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    ratios = re.search(
        r"benchmarks\.since c527fe1.*?CPU a request ([\d.]+) on gunicorn and ([\d.]+) on granian",
        text,
        re.DOTALL,
    )
    if ratios is None:
        raise LookupError("docs/performance.md does not say what a request costs beside c527fe1")
    return ratios[1], ratios[2]


def main() -> None:
    """Print the table."""
    every = modules()
    if "--picture" in sys.argv:
        print(picture(every), end="")
        return
    rooms = defaultdict(list)
    for module in every:
        rooms[module.room].append(module)
    doors = {
        room: importlib.import_module(room).__all__
        for room in rooms
        if (ROOT / room.replace(".", "/") / "__init__.py").exists()
    }
    print("| room | modules | open to others | lines |", "|---|---:|---:|---:|", sep="\n")
    for room, door in doors.items():
        print(
            f"| {room} | {len(rooms[room])} | {len(door)} | {sum(len(m.text.splitlines()) for m in rooms[room])} |"
        )
    anys = sum(
        isinstance(node, ast.Name) and node.id == "Any" for module in every for node in ast.walk(module.tree)
    )
    named = banned_names(every)
    longest, name = max(functions(every))
    told = [
        ("arrows back", len(arrows_back(every)), "0"),
        ("circles", len(circle(every)), "0"),
        ("class names twice", len(duplicate_classes(every)), "0"),
        (f"variables named {', '.join(sorted(BANNED))}", named.total(), "0"),
        ("`Any` per 100 lines", per_100_lines(every, anys), "<= 1.2"),
        (f"longest function ({name})", longest, "<= 60"),
        ("comments per 100 lines", per_100_lines(every, sum(map(comments, every))), "3 to 6"),
        *(
            (f"files of the recipe {recipe.replace('-', ' ')}", len(recipes.files(recipe)), f"<= {most}")
            for recipe, most in recipes.MOST_FILES.items()
        ),
        ("CPU a request beside c527fe1, gunicorn and granian", " and ".join(processor_ratios()), "<= 1.10"),
    ]
    print("\n| | figure | goal |", "|---|---:|---|", sep="\n")
    for what, figure, goal in told:
        print(f"| {what} | {figure} | {goal} |")


if __name__ == "__main__":
    main()
