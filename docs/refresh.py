"""Makes anew what the pages and the fixtures show: answers to `fixtures/requests`, and the outputs in README.md and docs.

Run by `make golden` after a change that is meant; the tests hold what is shown to what the code does.
A marker stands on the line before what it makes, in README.md and in any Markdown file under docs:

- ``<!-- run: COMMAND -->``: a block of the command and what it prints;
- ``<!-- file: PATH -->``: a block of the file;
- ``<!-- part: PATH KEY … -->``: a block of these parts of a JSON file, each named by its keys (``items.0.reason``);
- ``<!-- personas: ID … [OPTION …] -->``: a table whose first column is written by hand, a row for each persona, with
  what ``arki-rulebook explain`` offers first, why, and which person can be reached.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
REQUESTS: Final = ROOT / "fixtures" / "requests"
PERSONAS: Final = ROOT / "service" / "personas.json"  # YAML is not read where pages are served
RESPONSES: Final = ROOT / "fixtures" / "responses"
_SHOWN: Final = re.compile(r"(<!-- (run|file|part): ([^\n]*?) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)
_TABLE: Final = re.compile(r"(<!-- personas: ([^\n]*?) -->\n(?:\|[^\n]*\n){2})((?:\|[^\n]*\n)+)")
_FIRST: Final = re.compile(r"^1\. (\S+) · \S+ · (.*)\n   (.*)$", re.MULTILINE)
_HUMAN: Final = re.compile(r"^a person: (.*)$", re.MULTILINE)
REFERENCE: Final = "a3f09c.WzEs…"
"""Stands in for a signed reference, which differs from answer to answer."""
_KEY: Final = re.compile(r"(arki_[0-9a-f]{12}_)[0-9a-f]+")  # a key is shown once, not published
_VARIES: Final = (
    (re.compile(r"(?<![0-9a-z])[0-9a-f]{12,64}(?![0-9a-z])"), "«digest»"),
    (re.compile(r"Key «digest» expires \d{4}-\d{2}-\d{2}"), "Key «digest» expires «day»"),
    (re.compile(r"in \d+\.\d s"), "in «time»"),
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00"), "«moment»"),
    (re.compile(r"[+-]\d+\.\d\d "), "«log-odds» "),
    (re.compile(r"probability \d\.\d\d"), "probability «p»"),
)


def pages() -> list[Path]:
    """README.md and every Markdown file under docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> list[str]:
    """Each block or table of a page that is made, with its marker."""
    return [match[0] for kind in (_SHOWN, _TABLE) for match in kind.finditer(text)]


def refreshed(text: str, run: Callable[[str], str]) -> str:
    """A text with each block and table under a marker made anew."""

    def shown(match: re.Match[str]) -> str:
        opening, kind, what, _, closing = match.groups()
        if kind == "file":
            return opening + (ROOT / what).read_text(encoding="utf-8") + closing
        if kind == "part":
            path, *keys = what.split()
            return opening + part(json.loads((ROOT / path).read_text(encoding="utf-8")), keys) + closing
        return opening + f"$ {what}\n" + run(what) + closing

    def table(match: re.Match[str]) -> str:
        opening, what, rows = match.groups()
        ids = what.partition(" --")[0].split()
        options = what[len(" ".join(ids)) :]
        said = [run(f"arki-rulebook explain --persona {name}{options}") for name in ids]
        labels = [row.split("|")[1].strip() for row in rows.splitlines()]
        return opening + "".join(_row(*pair) for pair in zip(labels, said, strict=True))

    return _TABLE.sub(table, _SHOWN.sub(shown, text))


def part(whole: Any, keys: list[str]) -> str:  # noqa: ANN401  (JSON)
    """The named parts of a JSON document, indented; what stands beside them is left out."""

    def kept(value: Any, wanted: list[list[str]]) -> Any:  # noqa: ANN401  (JSON)
        if [] in wanted:
            return value
        heads = dict.fromkeys(way[0] for way in wanted)
        inner = {head: [way[1:] for way in wanted if way[0] == head] for head in heads}
        if isinstance(value, list):
            return [kept(value[int(head)], ways) for head, ways in inner.items()]
        return {head: kept(value[head], ways) for head, ways in inner.items()}

    found = kept(whole, [key.split(".") for key in keys])
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def _row(label: str, said: str) -> str:
    """A row of the table of personas from what `arki-rulebook explain` says."""
    first, human = _FIRST.search(said), _HUMAN.search(said)
    if first is None or human is None:
        raise ValueError(f"{label}: arki-rulebook explain names no first item or no person: {said}")
    channel, title, reason = first.groups()
    return f"| {label} | `{channel}` | {title} | {reason} | {human[1]} |\n"


def masked(text: str) -> str:
    """A text without what changes from run to run or model to model: digests, keys, times, log-odds."""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text


def run_here(bundles: Path, scratch: Path) -> Callable[[str], str]:
    """A function that runs a command of a page in the project's folder and returns what it prints."""

    def run(command: str) -> str:
        environ = os.environ | {
            "ARKI_BUNDLES": str(bundles),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
        }
        aside = re.sub(r"(?<![\w/])var/", f"{scratch}/", command)
        done = subprocess.run(  # noqa: S602  (the project's own pages)
            aside, shell=True, cwd=ROOT, env=environ, capture_output=True, text=True, check=True
        )
        return _KEY.sub(r"\1…", done.stderr + done.stdout).replace(f"{scratch}/", "var/")

    return run


def responses(client: Any, key: str) -> dict[str, Any]:  # noqa: ANN401  (a Flask test client)
    """The answer to each request of the fixtures, without what differs from run to run."""
    found = {}
    for path in sorted(REQUESTS.glob("*.json")):
        sent = client.post(
            "/v1/recommendations",
            json=json.loads(path.read_text()),
            headers={"Authorization": f"Bearer {key}"},
        )
        found[path.name] = sent.get_json() | {"recommendation_id": REFERENCE}
    return found


def main() -> None:
    """Write the responses, the personas of the console, README.md and docs."""
    from models.authoring.personas import all_personas  # noqa: PLC0415  (the tests need none of these)
    from service.app import create_app  # noqa: PLC0415  (the tests hand in their own app)
    from service.settings import Settings  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        run = run_here(scratch / "bundles", scratch)
        run("arki-bundle build --activate")
        settings = Settings(
            bundles=scratch / "bundles", dev_key="shown", secret="shown" * 8, log_requests=False
        )
        app = create_app(settings, clock=lambda: datetime(2026, 11, 18, 10, tzinfo=UTC))
        RESPONSES.mkdir(exist_ok=True)
        for name, answer in responses(app.test_client(), "shown").items():
            shown = json.dumps(answer, ensure_ascii=False, indent=2)
            (RESPONSES / name).write_text(shown + "\n", encoding="utf-8")
        PERSONAS.write_text(json.dumps(all_personas(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        for page in pages():
            text = page.read_text(encoding="utf-8")
            page.write_text(refreshed(text, run), encoding="utf-8")


if __name__ == "__main__":
    main()
