"""The recipes of docs/how-to: the change that each one holds as patches, and the files that such a change touches.

A patch stands in a block fenced as ``diff``, with the paths in its headers. Tests apply them to a copy; the survey counts files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

HOW_TO: Final = Path(__file__).resolve().parent.parent / "docs" / "how-to"
MOST_FILES: Final = {
    "add-a-signal": 4,
    "add-a-fact": 4,
    "add-an-answer-field": 5,
    "add-a-channel": 1,
    "add-a-content-type": 2,
    "add-a-language": 2,
}
"""How many files a recipe may touch, those apart that `APART` names."""
APART: Final = re.compile(
    r"tests/|testing/|fixtures/|CHANGELOG\.md$|openapi\.json$|models/artifacts/population"
    r"|service/console/labels\.py$|service/translations/"
)
"""Words, what is generated, tests and the changelog."""
_BLOCK: Final = re.compile(r"^```diff\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CHANGED: Final = re.compile(r"^\+\+\+ b/(\S+)$", re.MULTILINE)


def patch(recipe: str) -> str:
    """The whole change of a recipe, as `git apply` takes it."""
    return "".join(_BLOCK.findall((HOW_TO / f"{recipe}.md").read_text(encoding="utf-8")))


def files(recipe: str) -> list[str]:
    """The files that a recipe touches, those apart that `APART` names."""
    return [name for name in dict.fromkeys(_CHANGED.findall(patch(recipe))) if not APART.match(name)]
