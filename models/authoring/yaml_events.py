"""Reads everyday YAML quickly: from the events of libyaml, twenty times faster than a parser in Python.

The result is what ruamel.yaml's loader gives, without its comments. Whatever is not everyday (an error, a tag, an anchor, a
directive, a key twice) is left to that loader, so that there is one voice for refusals. Never imported by a serving process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NoReturn

MOST_LEVELS: Final = 20  # the deepest shipped file has 8
ODD: Final = re.compile(r"[^\n -~\u00a1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Tabs, and line breaks and spaces of Unicode, which the two parsers take otherwise."""
_TEXT: Final = "tag:yaml.org,2002:str"
_CONSTRUCTED: Final = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "timestamp")
)


class NotEverydayError(ValueError):
    """The text is not everyday YAML; the whole loader can say what it is."""


class Lines:
    """Where the entries of a list or mapping begin: by position or key, a tuple of line and column, from 0."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data: dict[Any, tuple[int, int]] = {}


class LinedDict(dict[Any, Any]):
    """A mapping that keeps its lines."""

    __slots__ = ("lc",)

    def __init__(self) -> None:
        super().__init__()
        self.lc = Lines()


class LinedList(list[Any]):
    """A list that keeps its lines."""

    __slots__ = ("lc",)

    def __init__(self) -> None:
        super().__init__()
        self.lc = Lines()


def read(text: str) -> LinedDict:
    """The mapping that one document is. Raises `NotEverydayError`."""
    if ODD.search(text):
        _leave()
    try:
        import yaml  # noqa: PLC0415  (of the extra rulebook)
        from yaml.cyaml import CParser  # noqa: PLC0415  (where PyYAML was built without libyaml, there is none)
    except ImportError:
        raise NotEverydayError from None
    try:
        return _Reading(iter(CParser(text).get_event, None)).document()
    except (yaml.YAMLError, UnicodeEncodeError):
        raise NotEverydayError from None


class _Reading:
    """Builds data from events, without recursion deeper than `MOST_LEVELS`."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events

    def document(self) -> LinedDict:
        root: LinedDict | None = None
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                first = next(self._events)
                if (
                    root is not None
                    or event.version
                    or event.tags
                    or type(first).__name__ != "MappingStartEvent"
                ):
                    _leave()
                root = self._node(first, 1)
            elif kind == "DocumentEndEvent" and event.explicit:
                _leave()
        if root is None:
            _leave()
        return root

    def _node(self, event: Any, level: int) -> Any:  # noqa: ANN401
        kind = type(event).__name__
        if kind == "AliasEvent" or event.anchor or level > MOST_LEVELS:
            _leave()
        if kind == "ScalarEvent":
            return _scalar(event)
        if event.tag is not None:
            _leave()
        return self._mapping(level) if kind == "MappingStartEvent" else self._sequence(level)

    def _mapping(self, level: int) -> LinedDict:
        mapping = LinedDict()
        for event in self._events:
            if type(event).__name__ == "MappingEndEvent":
                break
            if type(event).__name__ != "ScalarEvent" or event.anchor:
                _leave()
            key = _scalar(event)
            if key in mapping or key == "<<":
                _leave()
            mark = event.start_mark
            mapping.lc.data[key] = (mark.line, mark.column)
            mapping[key] = self._node(next(self._events), level + 1)
        return mapping

    def _sequence(self, level: int) -> LinedList:
        sequence = LinedList()
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            mark = event.start_mark
            sequence.lc.data[len(sequence)] = (mark.line, mark.column)
            sequence.append(self._node(event, level + 1))
        return sequence


def _scalar(event: Any) -> Any:  # noqa: ANN401  (what YAML 1.2 says a scalar is)
    if event.tag is not None:
        _leave()
    return _plain(event.value) if event.implicit[0] else event.value


def is_text(value: str) -> bool:
    """Whether an unquoted scalar stands for the text it is, and for no number, day, truth value or null."""
    return _tag(value) == _TEXT


@lru_cache(maxsize=4096)
def _tag(value: str) -> str:
    from ruamel.yaml.nodes import ScalarNode  # noqa: PLC0415

    resolver, _ = _ruamel()
    return str(resolver.resolve(ScalarNode, value, (True, False)))


@lru_cache(maxsize=4096)
def _plain(value: str) -> Any:  # noqa: ANN401
    """What an unquoted scalar stands for."""
    from ruamel.yaml.nodes import ScalarNode  # noqa: PLC0415

    _, constructor = _ruamel()
    tag = _tag(value)
    if tag == _TEXT:
        return value
    if tag not in _CONSTRUCTED:
        _leave()
    scalar = constructor.construct_object(ScalarNode(tag, value))
    if isinstance(scalar, datetime):
        _leave()
    return scalar


@lru_cache(maxsize=1)
def _ruamel() -> tuple[Any, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415

    yaml = YAML(typ="safe", pure=True)
    return yaml.resolver, yaml.constructor


def _leave() -> NoReturn:
    raise NotEverydayError
