"""Small faults written into Python source, to see whether tests notice: which there are, and a sample that a seed fixes.

A mutation changes one place of a module: a comparison, a bound, a condition, an operand, an element, a statement, a result.
Docstrings, annotations, imports, decorators and the messages of exceptions are left alone: they are no behaviour.

References
----------
Operators: Offutt et al., *An experimental determination of sufficient mutant operators* (1996). Deletions: Deng, Offutt,
Li, *Empirical evaluation of the statement deletion mutation operator* (2013).
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Final, NamedTuple

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_ORDERED: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_TWINS: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "bisect_right": "bisect_left",
}
_OPTIONS: Final = {"key", "default", "reverse", "start"}
"""Keyword arguments that may be left out."""
_UNWATCHED: Final = {"strict", "repr", "compare", "maxsize"}
"""Keyword arguments whose values no answer depends on."""
_NOTHING: Final = {
    "bool": "False",
    "str": "''",
    "int": "0",
    "float": "0.0",
    "list": "[]",
    "dict": "{}",
    "tuple": "()",
}
"""What a function returns in place of its result, by its annotation."""
_CONTEXT: Final = 40  # characters shown on either side of a change


class _Edit(NamedTuple):
    """Another value for a field of a node, and the statement that it leaves out, if it does."""

    node: ast.AST
    field: str
    value: Any
    left_out: ast.stmt | None = None


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault: where it is, and the code before and after.

    `occurrence` tells equal changes of one function apart, in the order of the text.
    """

    module: str
    line: int
    within: str
    before: str
    after: str
    occurrence: int
    _edit: _Edit = field(repr=False, compare=False)
    _tree: ast.Module = field(repr=False, compare=False)

    @property
    def name(self) -> tuple[str, str, str, str, int]:
        """What identifies it wherever the lines of the module move."""
        return (self.module, self.within, self.before, self.after, self.occurrence)

    @property
    def source(self) -> str:
        """The whole module with it."""
        return _with(self._edit, lambda: ast.unparse(self._tree))


def sample(module: str, source: str, *, number: int, seed: int, drawn_as: str = "") -> list[Mutation]:
    """So many mutations of a module, or all there are, drawn by a seed; in the order of the text.

    Parameters
    ----------
    module : str
        The path that names it.
    source : str
    number : int
        How many at most.
    seed : int
        Fixes the draw. Each mutation's place in it is a hash of what it is, so that an edit of the module moves few others.
    drawn_as : str
        What stands for the module in that hash: the path that it had first, so that a move draws no other mutations.
    """
    tree = ast.parse(source)
    seen: Counter[tuple[str, str, str]] = Counter()
    drawn = []
    texts: dict[ast.AST, str] = {}
    for parents, edit in _edits(tree):
        line, before, after = _told(edit, parents, texts)
        if before == after:
            continue
        around = (*parents, edit.node) if edit.left_out else parents
        within = ".".join(node.name for node in around if isinstance(node, ast.FunctionDef | ast.ClassDef))
        seen[within, before, after] += 1
        name = (within, before, after, seen[within, before, after])
        drawn.append(
            (hashlib.sha256(repr((seed, drawn_as or module, *name)).encode()).hexdigest(), line, name, edit)
        )
    chosen = sorted(sorted(drawn, key=lambda each: each[0])[:number], key=lambda each: each[1:3])
    return [Mutation(module, line, *name, edit, tree) for _, line, name, edit in chosen]


def _told(edit: _Edit, parents: tuple[ast.AST, ...], texts: dict[ast.AST, str]) -> tuple[int, str, str]:
    """The line of an edit, and the text before and after; `texts` keeps those before."""
    if edit.left_out:
        return edit.left_out.lineno, _cut(_text(edit.left_out)), "pass"
    around = (edit.node, *reversed(parents))
    line: int = next(node.lineno for node in around if hasattr(node, "lineno"))
    shown = next(node for node in around if _tells(node))
    if shown not in texts:
        texts[shown] = _text(shown)
    return line, *_short(texts[shown], _with(edit, lambda: _text(shown)))


def _with(edit: _Edit, text: Callable[[], str]) -> str:
    """A text of the tree with an edit, which is undone."""
    unedited = getattr(edit.node, edit.field)
    setattr(edit.node, edit.field, edit.value)
    try:
        return text()
    finally:
        setattr(edit.node, edit.field, unedited)


def _text(node: ast.AST) -> str:
    """A node in one line."""
    if isinstance(node, ast.If | ast.While):
        node = ast.If(node.test, node.body[:1], [])
    return " ".join(ast.unparse(node).split())


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _CONTEXT else text[: 2 * _CONTEXT] + "…"


def _short(before: str, after: str) -> tuple[str, str]:
    """Two texts cut to where they differ."""
    ahead = max(_alike(before, after) - _CONTEXT, 0)
    behind = max(_alike(before[ahead:][::-1], after[ahead:][::-1]) - _CONTEXT, 0)
    start, end = "…" if ahead else "", "…" if behind else ""
    one, other = (f"{start}{text[ahead : len(text) - behind]}{end}" for text in (before, after))
    return one, other


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    differ = (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def _tells(node: ast.AST) -> bool:
    """Whether the text of a node shows what changes in it."""
    return isinstance(node, ast.stmt | ast.comprehension | ast.arguments | ast.expr) and not isinstance(
        node, ast.Name | ast.Constant | ast.Attribute | ast.Slice
    )


def _edits(tree: ast.Module) -> Iterator[tuple[tuple[ast.AST, ...], _Edit]]:
    for parents, node in _walk(tree, ()):
        for edit in (*_edits_of(node), *_negated(node), *_left_out(node)):
            yield parents, edit
        if isinstance(node, ast.Return) and node.value is not None:
            yield parents, _Edit(node, "value", _nothing(parents))


def _walk(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[tuple[tuple[ast.AST, ...], ast.AST]]:
    """Every node that is behaviour, with those around it, outermost first."""
    if _is_no_behaviour(node, parents):
        return
    yield parents, node
    skipped = {"annotation", "returns", "decorator_list", "exc"}
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if name not in skipped and isinstance(child, ast.AST):
                yield from _walk(child, (*parents, node))


def _is_no_behaviour(node: ast.AST, parents: tuple[ast.AST, ...]) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Expr(value=ast.Constant()):
            return True
        case ast.keyword(arg=name):
            return name in _UNWATCHED
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):  # a list of names to export, or another name of a type
            return len(parents) == 1 and not name.isupper()
    return False


@singledispatch
def _edits_of(_: ast.AST) -> Iterator[_Edit]:
    """What may be changed of a node itself, by its kind."""
    yield from ()


@_edits_of.register
def _(node: ast.Constant) -> Iterator[_Edit]:
    if isinstance(node.value, bool):
        yield _Edit(node, "value", not node.value)
    elif isinstance(node.value, int | float):
        yield _Edit(node, "value", node.value + 1)
        yield _Edit(node, "value", node.value - 1)


@_edits_of.register
def _(node: ast.Compare) -> Iterator[_Edit]:
    for at, compared in enumerate(node.ops):
        yield _Edit(node, "ops", [*node.ops[:at], _COMPARED[type(compared)](), *node.ops[at + 1 :]])


@_edits_of.register
def _(node: ast.BoolOp) -> Iterator[_Edit]:
    yield _Edit(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for at in range(len(node.values)):
        yield _Edit(node, "values", [*node.values[:at], *node.values[at + 1 :]])


@_edits_of.register
def _(node: ast.BinOp) -> Iterator[_Edit]:
    empty = [
        _Edit(node, name, nothing)
        for name, operand in (("left", node.left), ("right", node.right))
        if (nothing := _empty(operand)) is not None
    ]
    yield from empty or _computed(node)


@_edits_of.register
def _(node: ast.AugAssign) -> Iterator[_Edit]:
    yield from _computed(node)


@_edits_of.register
def _(node: ast.Call) -> Iterator[_Edit]:
    if isinstance(node.func, ast.Name) and node.func.id in _TWINS:
        yield _Edit(node.func, "id", _TWINS[node.func.id])
    for option in node.keywords:
        if option.arg in _OPTIONS:
            yield _Edit(node, "keywords", [each for each in node.keywords if each is not option])
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        if isinstance(node.args[0], ast.Constant):
            yield _Edit(node, "args", [ast.Constant("absent"), *node.args[1:]])
        if len(node.args) > 1:
            yield _Edit(node, "args", node.args[:1])


@_edits_of.register
def _(node: ast.Dict) -> Iterator[_Edit]:
    for at in range(len(node.values) - 1):
        one, other = node.values[at : at + 2]
        yield _Edit(node, "values", [*node.values[:at], other, one, *node.values[at + 2 :]])


@_edits_of.register(ast.Tuple)
@_edits_of.register(ast.List)
@_edits_of.register(ast.Set)
def _(node: ast.Tuple | ast.List | ast.Set) -> Iterator[_Edit]:
    are_places = isinstance(node, ast.Tuple) and not all(
        isinstance(each, ast.Constant | ast.Starred) for each in node.elts
    )  # of which each has a meaning, so that none can be missing
    is_target = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    if len(node.elts) > 1 and not is_target and (not are_places or _is_spread(node)):
        for at in range(len(node.elts)):
            yield _Edit(node, "elts", [*node.elts[:at], *node.elts[at + 1 :]])


@_edits_of.register
def _(node: ast.Slice) -> Iterator[_Edit]:
    for name in ("lower", "upper"):
        if getattr(node, name) is not None:
            yield _Edit(node, name, None)


@_edits_of.register
def _(node: ast.comprehension) -> Iterator[_Edit]:
    for at, test in enumerate(node.ifs):
        yield _Edit(node, "ifs", [*node.ifs[:at], *node.ifs[at + 1 :]])
        yield _Edit(node, "ifs", [*node.ifs[:at], _not(test), *node.ifs[at + 1 :]])


def _computed(node: ast.BinOp | ast.AugAssign) -> Iterator[_Edit]:
    if type(node.op) in _COMPUTED:
        yield _Edit(node, "op", _COMPUTED[type(node.op)]())


def _negated(node: ast.AST) -> Iterator[_Edit]:
    """Conditions the other way round, but for single comparisons, whose operator is changed."""
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        test = node.test
        if not isinstance(test, ast.Compare) or len(test.ops) > 1 or isinstance(test.ops[0], _ORDERED):
            yield _Edit(node, "test", _not(test))


def _left_out(node: ast.AST) -> Iterator[_Edit]:
    """Statements that can be missing without a name being undefined."""
    for name in ("body", "orelse"):
        body = getattr(node, name, None)
        statements = body if isinstance(body, list) else []
        for at, statement in enumerate(statements):
            if _may_be_missing(statement):
                yield _Edit(node, name, [*statements[:at], ast.Pass(), *statements[at + 1 :]], statement)


def _may_be_missing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()):
            return True
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            return True
        case ast.AugAssign() | ast.Continue() | ast.Break() | ast.Raise():
            return True
        case ast.If(test=test):
            return not statement.orelse and not (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING")
    return False


def _not(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _empty(operand: ast.expr) -> ast.expr | None:
    """Nothing of an operand's kind, for one that is written out; None for any other."""
    match operand:
        case ast.List() | ast.ListComp():
            return ast.List([], ast.Load())
        case ast.Tuple():
            return ast.Tuple([], ast.Load())
        case ast.Dict() | ast.DictComp():
            return ast.Dict([], [])
        case ast.JoinedStr() | ast.Constant(value=str()):
            return ast.Constant("")
    return None


def _is_spread(node: ast.Tuple | ast.List | ast.Set) -> bool:
    return any(isinstance(each, ast.Starred) for each in node.elts)


def _nothing(parents: tuple[ast.AST, ...]) -> ast.expr:
    """What the innermost function returns in place of its result: the empty value of its annotation, else None."""
    function = next((node for node in reversed(parents) if isinstance(node, ast.FunctionDef)), None)
    annotated = ast.unparse(function.returns) if function is not None and function.returns else ""
    return ast.parse(_NOTHING.get(annotated.partition("[")[0], "None"), mode="eval").body
