"""Reads YAML that people wrote, with its lines kept, and refuses what no honest file holds.

A file is data and nothing more: no tags, no aliases (which could grow without bound), few levels, a small size. What is
refused is refused before it can cost anything. Used where a rulebook is checked, never where one is served.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

from models.authoring.findings import Authored, Phrase, phrase
from models.authoring.yaml_events import MOST_LEVELS, NotEverydayError, read

MAX_BYTES: Final = 1 << 20  # the largest shipped file is a sixth of it
_KEY: Final = re.compile(r'found duplicate key "(.*?)" with value', re.DOTALL)
_PROBLEMS: Final = (
    (re.compile(r"'\\t'|tab"), "bad_tab"),
    (re.compile(r"mapping values are not allowed"), "bad_colon"),
    (re.compile(r"could not find expected ':'"), "no_colon"),
    (re.compile(r"expected ',' or|node content, but found '<stream end>'"), "open_bracket"),
    (re.compile(r"unexpected end of stream|quoted scalar"), "open_quote"),
    (re.compile(r"expected <block end>|inconsistent|indentation"), "bad_indent"),
)


class RefusedError(ValueError):
    """A part of a file that no honest file holds; `code` and `names` say what, `line` where."""

    def __init__(self, code: str, line: int, **names: object) -> None:
        super().__init__(code)
        self.code, self.line, self.names = code, line, names


def load(path: Path, authored: Authored) -> Mapping[str, Any]:
    """One YAML file as a mapping with line numbers; an unreadable one is a finding and an empty mapping.

    The text read is added to `authored.sources`, the name of an unreadable file to `authored.unread`.
    """
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415  (never imported by the serving process)

    name = path.name
    authored.places[name] = (name, 1)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RefusedError("too_large", 1, limit=MAX_BYTES >> 10)  # noqa: TRY301  (told as the others are)
        text = path.read_bytes().decode()
        loaded = loads(text)
    except FileNotFoundError:
        authored.find(name, "missing_file")
    except OSError as error:
        authored.find(name, "not_opened", problem=error.strerror)
    except UnicodeDecodeError:
        authored.find(name, "not_text")
    except RefusedError as error:
        authored.find(name, error.code, at=(name, error.line), names=error.names)
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or error)
        at = (name, mark.line + 1 if mark else 1)
        key = _KEY.search(problem)
        if key:
            authored.find(name, "duplicate_key", at=at, key=key[1])
        else:
            authored.find(name, "unreadable", at=at, problem=_problem(problem, error))
    else:
        if isinstance(loaded, Mapping):
            authored.sources[name] = text
            return loaded
        authored.find(name, "not_mapping")
    authored.unread.add(name)
    return {}


def loads(text: str) -> Any:  # noqa: ANN401
    """YAML as data that keeps its lines. Raises `RefusedError` or ruamel's `YAMLError`."""
    with suppress(NotEverydayError):
        return read(text)
    return _reader().load(text)


def compose(text: str) -> Any:  # noqa: ANN401  (a ruamel node)
    """YAML as nodes that know where in the text they begin and end."""
    return _reader().compose(text)


def line_of(entries: object, at: object) -> int:
    """The line, from 1, on which an entry of a list or mapping that `loads` gave begins."""
    return int(getattr(getattr(entries, "lc", None), "data", {}).get(at, (0, 0))[0]) + 1


def plain(value: Any) -> Any:  # noqa: ANN401
    """The same data in JSON types: dates as ISO text, no line numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def word(value: object) -> str:
    """YAML 1.1 reads yes and no as true and false; the content team means the words."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def visible(text: str) -> str:
    """The text with each character that cannot be seen or printed as its code point, such as U+200B."""
    return "".join(
        character if character.isprintable() or character == "\n" else f"U+{ord(character):04X}"
        for character in text
    )


def _reader() -> Any:  # noqa: ANN401
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.composer import Composer  # noqa: PLC0415
    from ruamel.yaml.events import AliasEvent, NodeEvent  # noqa: PLC0415

    class Closed(Composer):
        """Composes plain data alone, and only so deep."""

        levels = 0

        def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401
            event = self.parser.peek_event()
            line = event.start_mark.line + 1
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
                raise RefusedError("alias", line)
            tag = getattr(event, "tag", None)
            if tag not in {None, "!"} and not (isinstance(event, NodeEvent) and _is_plain(event)):
                raise RefusedError("tag", line, value=str(tag).replace("tag:yaml.org,2002:", "!!"))
            self.levels += 1
            if self.levels > MOST_LEVELS:
                raise RefusedError("too_deep", line, limit=MOST_LEVELS)
            try:
                return super().compose_node(parent, index)
            finally:
                self.levels -= 1

    yaml = YAML(typ="rt", pure=True)
    yaml.Composer = Closed
    return yaml


def _is_plain(event: Any) -> bool:  # noqa: ANN401
    """Whether a tag was supplied by the parser itself and not written."""
    implicit = getattr(event, "implicit", False)
    return any(implicit) if isinstance(implicit, tuple) else bool(implicit)


def _problem(text: str, error: Exception) -> Phrase:
    began, ended = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    if "but got ':'" in text and began and ended and began.line == ended.line:
        return phrase("bad_colon")  # in one line a colon in a text is likelier than a bracket left open
    for pattern, code in _PROBLEMS:
        if pattern.search(text):
            return phrase(code)
    return phrase("bad_yaml", problem=" ".join(text.split())[:120])
