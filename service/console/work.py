"""What a child process does for the console: check a draft and weigh it, or write the table as a spreadsheet.

`python -m service.console.work FOLDER`, started by `jobs`, never imported by a serving process: numpy, ruamel.yaml and
openpyxl are loaded here. Time and memory are bounded before anything that was sent is opened; what goes wrong is told as
a result, and a child that is stopped leaves none.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from service.console.drafted import DraftError, place_files

LONGEST_WAIT_S: Final = 150
LONGEST_WORK_S: Final = 120
MOST_MEMORY: Final = (
    512 << 20
)  # of address space; checking the shipped table takes 152 MiB, 76 of them resident
MOST_FINDINGS: Final = 200
MOST_CHANGES: Final = 100


def main() -> None:
    """Do the job of a folder and leave `result.json` in it."""
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_bytes())
    with (folder.parent / ".turn").open("w") as turn:
        signal.alarm(LONGEST_WAIT_S)
        fcntl.flock(turn, fcntl.LOCK_EX)
        _bound()
        result = _done(folder, job)
        aside = folder / ".result.json"
        aside.write_text(json.dumps(result, ensure_ascii=False, default=str), encoding="utf-8")
        aside.replace(folder / "result.json")


def _bound() -> None:
    """From here on so much time and memory; beyond, the process ends."""
    signal.alarm(LONGEST_WORK_S)
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_WORK_S, LONGEST_WORK_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))
    os.nice(5)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(
            "1000"
        )  # where memory runs out, the kernel ends this, not a worker


def _done(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    def begin(stage: str) -> None:
        (folder / "stage").write_text(stage)

    kinds: dict[str, Callable[..., dict[str, Any]]] = {"check": check, "export": export}
    try:
        return kinds[job["kind"]](folder, job["asked"], begin)
    except DraftError as error:
        return {"failure": error.code, "said": error.said}
    except MemoryError:
        return {"failure": "memory"}
    except Exception as error:  # noqa: BLE001  (whatever is sent, the page must say that it failed)
        return {"failure": "unexpected", "said": type(error).__name__}
    finally:
        shutil.rmtree(folder / "draft", ignore_errors=True)
        shutil.rmtree(folder / "sent", ignore_errors=True)


def export(folder: Path, _asked: Mapping[str, Any], begin: Callable[[str], None]) -> dict[str, Any]:
    """Write the authored rules as an .xlsx."""
    from models import authoring, spreadsheet  # noqa: PLC0415

    begin("writing")
    rules = spreadsheet.export(authoring.RULEBOOK, folder / "rules.xlsx")
    return {"rules": rules, "files": ["rules.xlsx"]}


def check(folder: Path, asked: Mapping[str, Any], begin: Callable[[str], None]) -> dict[str, Any]:
    """Check a draft whole, and weigh it against what is served."""
    from models import analysis, authoring, bundle  # noqa: PLC0415

    begin("reading")
    placed = place_files(folder / "sent", folder / "draft", asked["names"])
    authored = authoring.read_authored(folder / "draft" / "rulebook", folder / "draft" / "content")
    begin("checking")
    analysis.analyse(authored)
    found: dict[str, Any] = {
        "placed": placed,
        "rules": {kind: len(authored.rulebook.get(kind, ())) for kind in ("person", "employer")},
        "guarantees": len(authored.rulebook["guarantees"]) + len(authored.rulebook["promises"]),
        "items": len(authored.catalogue["items"]),
        "cells": authored.cells,
        "errors": len(authored.errors),
        "warnings": len(authored.findings) - len(authored.errors),
        "findings": [_finding(finding) for finding in authored.findings[:MOST_FINDINGS]],
        "files": _reviewed(folder, placed),
    }
    if authored.cells:  # what cannot even be read whole cannot be weighed either
        try:
            found |= _weighed(folder, authored.parts(), begin)
        except (LookupError, bundle.BundleError) as error:
            found["unweighed"] = type(error).__name__
    return found


def _reviewed(folder: Path, placed: list[str]) -> list[str]:
    """The files to download: what was sent, a spreadsheet's edits brought into `rules.yaml`."""
    for name in placed:
        part = "rulebook" if (folder / "draft" / "rulebook" / name).exists() else "content"
        shutil.copy(folder / "draft" / part / name, folder / name)
    return placed


def _finding(finding: Any) -> dict[str, Any]:  # noqa: ANN401  (a Finding)
    return {
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.line,
        "subject": finding.subject,
        "code": finding.code,
        "names": _plain(finding.names),
        "example": dict(finding.example),
        "customer": finding.customer,
    }


def _plain(names: Mapping[str, Any]) -> dict[str, Any]:
    """Names to fill a message with, phrases kept as such."""
    return {
        name: {"phrase": value.code, "names": _plain(value.names)} if hasattr(value, "code") else str(value)
        for name, value in names.items()
    }


def _weighed(folder: Path, parts: dict[str, Any], begin: Callable[[str], None]) -> dict[str, Any]:
    """What a draft changes, sound or not: cells, rules, personas, worked examples and people."""
    from models import bundle  # noqa: PLC0415
    from models.analysis import read_model  # noqa: PLC0415
    from models.comparison import difference, read_edition  # noqa: PLC0415
    from models.example_customers import Inventor  # noqa: PLC0415
    from models.sample import read_sample  # noqa: PLC0415
    from models.sample_impact import sample_impact  # noqa: PLC0415

    bundles = Path(os.environ["ARKI_BUNDLES"])
    current = bundle.current(bundles)
    if current is None:
        raise DraftError("no_bundle")
    served = bundle.load(bundles, current)
    draft = bundle.preview(parts)
    compiled = folder / "draft" / "compiled"
    compiled.mkdir()
    for name in ("rulebook.json", "channels.json"):
        (compiled / name).write_text(json.dumps(parts[name]), encoding="utf-8")
    (folder / "parts.json").write_text(json.dumps(parts, ensure_ascii=False), encoding="utf-8")
    today, inventor = datetime.now(UTC).date(), Inventor(read_model())
    begin("comparing")
    old = read_edition(str(bundles / current), bundles)
    new = read_edition(str(compiled), bundles)
    changed = difference(old, new, day=today, inventor=inventor)
    begin("weighing")
    impact = sample_impact(old, new, read_sample(), day=today, inventor=inventor)
    begin("trying")
    return {
        "base": served.digest[:16],
        "draft": draft.recommender.versions.rulebook,
        "edits": edits(served.parts["rulebook.json"], parts["rulebook.json"]),
        "content_edits": edits_of(served.parts["catalogue.json"]["items"], parts["catalogue.json"]["items"]),
        "changed_cells": changed.changed,
        "all_cells": changed.cells,
        "changes": [_change(change) for change in changed.changes[:MOST_CHANGES]],
        "impact": asdict(impact),
        "personas": _personas(served.recommender, draft.recommender),
        "examples": _examples(served, draft.recommender, today),
        "tryable": True,
    }


def edits(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rules added, removed and changed, with each field that differs, before and after."""
    return [
        {"customer_type": kind, **edit}
        for kind in ("person", "employer")
        for edit in edits_of(old[kind], new[kind])
    ]


def edits_of(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What differs between two lists of entries with ids."""
    was, now = ({entry["id"]: _flat(entry) for entry in entries} for entries in (old, new))
    found: list[dict[str, Any]] = [{"id": name, "edit": "removed"} for name in was if name not in now]
    for name, fields in now.items():
        if name not in was:
            found.append({"id": name, "edit": "added"})
            continue
        differing = [
            {"field": field, "old": was[name].get(field, ""), "new": fields.get(field, "")}
            for field in dict.fromkeys((*was[name], *fields))
            if was[name].get(field) != fields.get(field)
        ]
        if differing:
            found.append({"id": name, "edit": "changed", "fields": differing})
    kept = [[name for name in names if name in was and name in now] for names in (was, now)]
    if kept[0] != kept[1]:
        moved = [name for name, before in zip(kept[1], kept[0], strict=True) if name != before]
        found.append({"id": ", ".join(moved[:10]), "edit": "moved"})
    return found


def _flat(entry: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in entry.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def _change(change: Any) -> dict[str, Any]:  # noqa: ANN401  (a Change)
    from models.example_customers import telling  # noqa: PLC0415

    def told(rule: Any) -> dict[str, Any] | None:  # noqa: ANN401
        return rule and {
            "id": rule.id,
            "channel": rule.channel,
            "content": list(rule.content),
            "topic": rule.topic,
            "human_channel": rule.human_channel,
        }

    return {
        "customer_type": change.customer_type,
        "old": told(change.old),
        "new": told(change.new),
        "cells": change.cells,
        "example": telling(change.example),
        "customer": change.customer,
    }


def _personas(old: Any, new: Any) -> list[dict[str, Any]]:  # noqa: ANN401  (Recommenders)
    """The personas whose answer differs, with the first item before and after."""
    from models.personas import all_personas  # noqa: PLC0415
    from models.signals import read_signals  # noqa: PLC0415

    at, flipped = datetime.now(UTC), []
    for persona in all_personas():
        signals = read_signals(persona["customer_type"], persona["signals"])
        answers = [made.recommend([signals], at=at)[0] for made in (old, new)]
        told = [
            [
                {
                    "rule": i.reason.rule,
                    "channel": i.channel,
                    "content": i.content.title,
                    "why": i.reason.text,
                }
                for i in answer.items
            ]
            for answer in answers
        ]
        if told[0] != told[1] or answers[0].human_channel.id != answers[1].human_channel.id:
            flipped.append({"id": persona["id"], "old": told[0], "new": told[1]})
    return flipped


def _examples(served: Any, draft: Any, day: date) -> list[dict[str, Any]]:  # noqa: ANN401
    """The worked examples of the served table that come out otherwise in the draft."""
    from models.analysis import example_facts  # noqa: PLC0415
    from models.findings import Authored  # noqa: PLC0415

    flipped = []
    for example in served.parts["check.json"].get("examples", ()):
        facts = example_facts(Authored(), example)
        if facts is None:
            continue
        on = date.fromisoformat(example["as_of"]) if "as_of" in example else day
        told = [_ruled(made, example["for"], facts, on) for made in (served.recommender, draft)]
        if told[0] != told[1]:
            flipped.append({"id": example["id"], "old": told[0], "new": told[1]})
    return flipped


def _ruled(made: Any, kind: str, facts: Mapping[str, str], day: date) -> dict[str, Any]:  # noqa: ANN401
    """The rule that decides for facts, and what it offers; empty in a gap."""
    try:
        rule = made.rulebook.tables[kind].on(day).choose(facts)
    except LookupError:
        return {"rule": "–", "channel": "", "content": []}
    return {"rule": rule.id, "channel": rule.channel, "content": list(rule.content)}


if __name__ == "__main__":
    main()
