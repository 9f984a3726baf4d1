"""Makes anew what the README and the fixtures show: answers to `fixtures/requests`, and the outputs in README.md.

Run by `make golden` after a change that is meant; the tests hold what is shown to what the code does.
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
PERSONAS: Final = ROOT / "service" / "console" / "personas.json"  # YAML is not read where pages are served
RESPONSES: Final = ROOT / "fixtures" / "responses"
_SHOWN: Final = re.compile(r"(<!-- (run|file): ([^\n]*?) -->\n```\w*\n)(.*?)(```\n)", re.DOTALL)
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


def refreshed(text: str, run: Callable[[str], str]) -> str:
    """A text with each block under `<!-- run: … -->` or `<!-- file: … -->` made anew."""

    def shown(match: re.Match[str]) -> str:
        opening, kind, what, _, closing = match.groups()
        if kind == "file":
            return opening + (ROOT / what).read_text(encoding="utf-8") + closing
        return opening + f"$ {what}\n" + run(what) + closing

    return _SHOWN.sub(shown, text)


def masked(text: str) -> str:
    """A text without what changes from run to run or model to model: digests, keys, times, log-odds."""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text


def run_here(bundles: Path, scratch: Path) -> Callable[[str], str]:
    """A function that runs a README command in the project's folder and returns what it prints."""

    def run(command: str) -> str:
        environ = os.environ | {
            "ARKI_BUNDLES": str(bundles),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "100",
        }
        aside = re.sub(r"(?<![\w/])var/", f"{scratch}/", command)
        done = subprocess.run(  # noqa: S602  (the project's own README)
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
    """Write the responses, the personas of the console and README.md."""
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
        readme = ROOT / "README.md"
        readme.write_text(refreshed(readme.read_text(encoding="utf-8"), run), encoding="utf-8")


if __name__ == "__main__":
    main()
