"""`python -m benchmarks.write_up RESULT.json`: the plots and the tables of docs/performance.md from one result.

A table stands between `<!-- table: NAME -->` and `<!-- /table -->`; the text around it is written by hand.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.tables import tables

TOLD = ROOT / "docs" / "performance.md"
_TABLE = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- /table -->)", re.DOTALL)
_RESULT = re.compile(r"(benchmarks/results/)[0-9-]+\.json")


def filled(text: str, result: dict[str, Any], file: str) -> str:
    """The text with every table made anew, and the result named."""
    found = tables(result)
    text = _TABLE.sub(lambda match: f"{match[1]}{found[match[2]]}\n{match[3]}", text)
    return _RESULT.sub(rf"\g<1>{file}", text)


def named_result(text: str) -> Path:
    """The result that the text is about."""
    match = _RESULT.search(text)
    if match is None:
        raise ValueError("docs/performance.md names no result")
    return ROOT / match[0]


def main() -> None:
    """Fill in and draw."""
    from benchmarks.plots import draw

    file = Path(sys.argv[1])
    result = json.loads(file.read_text(encoding="utf-8"))
    TOLD.write_text(filled(TOLD.read_text(encoding="utf-8"), result, file.name), encoding="utf-8")
    draw(result)


if __name__ == "__main__":
    main()
