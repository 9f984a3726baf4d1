"""The one form of the team's YAML: a document with its comments, and the text it is written as.

`read` makes a document that can be edited, `write` its text. Entries keep their order and comments stay with their entries.
The author chooses between block and flow style; all else follows from the values and from `WIDTH`. ruamel.yaml reads the text,
this module writes it (DECISIONS 75).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from models.authoring import yaml_source
from models.authoring.yaml_events import ODD, is_text
from models.authoring.yaml_source import RefusedError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import CollectionNode, Node, ScalarNode

WIDTH: Final = 120
_OWN_LINE: Final = re.compile(r"^[ \t]*(#[^\n]*)?$", re.MULTILINE)
_COMMENT: Final = re.compile(r"#[^\n]*")
# Readers of YAML 1.1 take `12:00` for a number, and old ones stumble over a colon in braces: both are quoted.
_NOT_BARE: Final = re.compile(r"^(?![\w/(<])[\0-\x7f]|^[0-9][0-9_:.]*$|\s$|:(?:\s|$)|\s#")
_NOT_IN_FLOW: Final = re.compile(r"[,\[\]{}:]")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


@dataclass(slots=True)
class Scalar:
    """A text, or (`is_bare`) a number, a truth value, a day or null as it was written."""

    text: str
    is_bare: bool = False


@dataclass(slots=True)
class Collection:
    """A mapping or a list. One of flow style is written in one line where it fits. `below`: the comments after its entries."""

    is_list: bool = False
    is_flow: bool = False
    entries: list[Entry] = field(default_factory=list)
    below: list[str] = field(default_factory=list)

    def entry(self, key: str) -> Entry | None:
        """The entry of a key, or None."""
        return next((entry for entry in self.entries if entry.key and entry.key.text == key), None)


@dataclass(slots=True)
class Entry:
    """A key with its value, or an item of a list. `above`: comments and blank lines (""); `beside`: a comment on its line."""

    value: Scalar | Collection
    key: Scalar | None = None
    above: list[str] = field(default_factory=list)
    beside: str = ""


def formatted(text: str) -> str:
    """A text of YAML in the canonical form, with line ends as it has them. Raises as `read` does."""
    written = write(read(text))
    return written.replace("\n", "\r\n") if "\r\n" in text else written


def read(text: str) -> Collection:
    """A text of YAML as a document.

    Raises
    ------
    RefusedError
        If it holds what no honest file does, or what the canonical form cannot keep.
    ruamel.yaml.error.YAMLError
        If it cannot be read.
    """
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415  (never imported by the serving process)

    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values = yaml_source.plain(yaml_source.loads(text))
    if not isinstance(values, dict):
        raise RefusedError("not_formatted", 1)
    try:
        document, comments = _Reading(text).document()
        written = write(document)  # read again: a value or a comment that would get lost must not go to disk
        again = yaml_source.plain(yaml_source.loads(written))
        lost = repr(again) != repr(values) or sorted(_Reading(written).document()[1]) != sorted(comments)
    except RefusedError:
        raise
    except (YAMLError, ValueError) as error:  # what one reader of YAML takes and another does not
        raise RefusedError("not_formatted", 1) from error
    if lost:
        raise RefusedError("not_formatted", 1)
    return document


def write(document: Collection) -> str:
    """The canonical text of a document."""
    return "\n".join(_lines(document, 0)).strip("\n") + "\n"


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path = path.resolve()  # a link stays one
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(text.encode())
    aside.chmod(path.stat().st_mode)
    aside.replace(path)


def _lines(collection: Collection, indent: int) -> Iterator[str]:
    """The lines of a collection in block style."""
    pad = " " * indent
    for entry in collection.entries:
        yield from (pad + line if line else "" for line in entry.above)
        if entry.key is None and isinstance(entry.value, Collection) and not _fits(entry.value, indent + 2):
            first, *others = (line[indent + 2 :] and line for line in _lines(entry.value, indent + 2))
            lines = [first, *others]
            # The comments before an item's first key stand above the dash.
            at = next(at for at, line in enumerate(lines) if line and line[indent + 2] != "#")
            yield from (pad + line for line in [entry.beside, *(line.strip() for line in lines[:at])] if line)
            yield f"{pad}- {lines[at][indent + 2 :]}"
            yield from lines[at + 1 :]
        else:
            head, *rest = _entry_lines(entry, indent)
            yield f"{head}  {entry.beside}" if entry.beside else head
            yield from rest
    yield from (pad + line if line else "" for line in collection.below)


def _entry_lines(entry: Entry, indent: int) -> Iterator[str]:
    head = " " * indent + ("-" if entry.key is None else f"{_word(entry.key)}:")
    value = entry.value
    if isinstance(value, Scalar):
        yield from _scalar_lines(value, head, indent + 2)
    elif _fits(value, len(head) + 1):
        yield f"{head} {_flow(value)}"
        yield from (" " * (indent + 2) + line if line else "" for line in value.below)
    else:
        yield head
        yield from _lines(value, indent + 2)


def _fits(collection: Collection, column: int) -> bool:
    """Whether a collection is written in one line."""
    return not collection.entries or (collection.is_flow and column + len(_flow(collection)) <= WIDTH)


def _flow(collection: Collection) -> str:
    parts = [
        f"{_word(entry.key, in_flow=True)}: {_flow_value(entry.value)}"
        if entry.key
        else _flow_value(entry.value)
        for entry in collection.entries
    ]
    return ("[{}]" if collection.is_list else "{{{}}}").format(", ".join(parts))


def _flow_value(value: Scalar | Collection) -> str:
    return _flow(value) if isinstance(value, Collection) else _word(value, in_flow=True)


def _scalar_lines(scalar: Scalar, head: str, indent: int) -> Iterator[str]:
    """A value behind its key or dash; a text that is too long is folded, one of several lines keeps its lines."""
    text, word = scalar.text, _word(scalar)
    words = text.split(" ")
    if scalar.is_bare or ODD.search(text):
        yield f"{head} {word}"
    elif "\n" in text and not re.search(r"^\s| \n| \Z|\n\n\Z", text):
        yield f"{head} |" if text.endswith("\n") else f"{head} |-"
        yield from (" " * indent + line if line else "" for line in text.splitlines())
    elif len(head) + 1 + len(word) > WIDTH and "\n" not in text and all(words) and len(words) > 1:
        yield f"{head} >-"
        line = " " * indent + words[0]
        for one in words[1:]:
            if len(line) + 1 + len(one) > WIDTH:
                yield line
                line = " " * indent + one
            else:
                line += f" {one}"
        yield line
    else:
        yield f"{head} {word}"


def _word(scalar: Scalar, *, in_flow: bool = False) -> str:
    """A value in one line: as it is where nothing in it could be taken for anything else, else in double quotes."""
    text = scalar.text
    if scalar.is_bare:
        return text
    is_odd = "\n" in text or ODD.search(text) or _NOT_BARE.search(text) or not is_text(text)
    if not is_odd and not (in_flow and _NOT_IN_FLOW.search(text)):
        return text
    return '"' + "".join(_ESCAPES.get(sign) or _escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    if not ODD.match(sign):
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """Where a collection stands in the text."""

    collection: Collection
    column: int
    end: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an entry stands in the text, with the collections around it, the innermost last."""

    at: int
    column: int
    entry: Entry
    around: list[_Span]


class _Reading:
    """Makes a document of nodes, which know the values, and of the text between them, which holds the comments."""

    def __init__(self, text: str) -> None:
        self._root = yaml_source.compose(text)
        self._signs = list(text)
        """The text, in which each scalar, and each flow collection without comments, becomes a run of x."""
        for scalar in _scalars(self._root):
            start, end = scalar.start_mark.index, scalar.end_mark.index
            if scalar.style in {"|", ">"}:
                # The line of the sign may end in a comment, and blank lines may follow the text.
                end = start + len(text[start:end].rstrip())
                start = (text.find("\n", start) + 1) or len(text)
            if start < end:
                self._signs[start:end] = "x" * (end - start)
        self._indicators = _COMMENT.sub(lambda comment: " " * len(comment[0]), "".join(self._signs))
        self._places: list[_Place] = []

    def document(self) -> tuple[Collection, list[str]]:
        """The document and its comments."""
        document = self._collection(self._root, [])
        self._places.sort(key=_position)
        return document, self._attach(document)

    def _collection(self, node: CollectionNode, around: list[_Span]) -> Collection:
        start, end = node.start_mark.index, node.end_mark.index
        is_flow = bool(node.flow_style)
        has_comment = is_flow and bool(node.value) and "#" in self._signs[start:end]
        # In one line there is no room for a comment.
        collection = Collection(
            is_list=type(node).__name__ == "SequenceNode", is_flow=is_flow and not has_comment
        )
        span = _Span(collection, -1 if is_flow else node.start_mark.column, end)
        for pair in node.value:
            key, value = pair if isinstance(pair, tuple) else (None, pair)
            if key is not None and isinstance(key.value, list):
                raise RefusedError("not_formatted", key.start_mark.line + 1)
            at = (key or value).start_mark.index
            if key is None and not is_flow:
                at = self._indicators.rindex("-", 0, at)
            entry = Entry(Scalar(""), key and _scalar(key))
            collection.entries.append(entry)
            if not collection.is_flow:
                column = at - self._indicators.rfind("\n", 0, at) - 1
                self._places.append(_Place(at, column, entry, [*around, span]))
            entry.value = (
                self._collection(value, [*around, span]) if isinstance(value.value, list) else _scalar(value)
            )
        if collection.is_flow:
            self._signs[start:end] = "x" * (end - start)
        return collection

    def _attach(self, document: Collection) -> list[str]:
        """Give each comment and each blank line to an entry or to the end of a collection; all comments."""
        signs = "".join(self._signs)
        own_lines = {line.end(): line for line in _OWN_LINE.finditer(signs)}
        comments = [comment for comment in _COMMENT.finditer(signs) if comment.end() not in own_lines]
        previous: _Place | None = None
        places = [*self._places]
        blank: list[str] = []
        for comment in sorted([*own_lines.values(), *comments], key=_start):
            while places and places[0].at < comment.start():
                previous = places.pop(0)
                previous.entry.above += blank
                blank = []
            words = comment[0].strip()
            if not words:
                blank = [""]
            elif comment.end() not in own_lines and previous is not None:
                previous.entry.above += [previous.entry.beside] if previous.entry.beside else []
                previous.entry.beside = words
            else:
                column = len(comment[0]) - len(comment[0].lstrip())
                lines = _lines_for(comment.end(), column, previous, places[0] if places else None)
                (document.below if lines is None else lines).extend([*blank, words])
                blank = []
        if places:
            places[0].entry.above += blank
        return [comment[0].strip() for comment in _COMMENT.finditer(signs)]


def _lines_for(at: int, column: int, previous: _Place | None, following: _Place | None) -> list[str] | None:
    """Where a comment of its own line belongs: above the next entry, or below a collection that ends before that."""
    lasting = following.around if following else []
    is_deeper = following is None or column > following.column
    ended = [
        span
        for span in (previous.around if previous else [])
        if span not in lasting and (at < span.end if span.column < 0 else is_deeper and column >= span.column)
    ]
    if ended:
        return ended[-1].collection.below
    return following.entry.above if following else None


def _scalars(node: Node) -> Iterator[ScalarNode]:
    if not isinstance(node.value, list):
        yield cast("ScalarNode", node)
        return
    for pair in node.value:
        for inner in pair if isinstance(pair, tuple) else (pair,):
            yield from _scalars(inner)


def _scalar(node: ScalarNode) -> Scalar:
    if node.style or str(node.tag) == "tag:yaml.org,2002:str":
        return Scalar(node.value.replace("\a", ""))  # ruamel marks where a folded text was broken
    return Scalar("null" if str(node.tag) == "tag:yaml.org,2002:null" else node.value, is_bare=True)


def _position(place: _Place) -> int:
    return place.at


def _start(match: re.Match[str]) -> int:
    return match.start()
