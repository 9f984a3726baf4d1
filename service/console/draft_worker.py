"""What a child process does for the console: check a draft and weigh it, or write the table as a spreadsheet.

`python -m service.console.draft_worker FOLDER LOG`, started by `jobs`, never imported by a serving process: numpy, ruamel.yaml and
openpyxl are loaded here. Time and memory are bounded before anything that was sent is opened. What goes wrong is told as
a result, and written to the descriptor LOG with its place in the code; what was sent is never written there.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from models.contract.codes import CUSTOMER_TYPES
from models.contract.environment import bundles_folder
from models.contract.signals import InvalidSignalsError
from service.console.draft_files import (
    Base,
    UnreadableDraftError,
    base_in_use,
    item_files,
    place_files,
    place_of,
)
from service.console.job_files import JOB, RESULT, JobFileError, read_job_file, write_job_file
from service.observability.logs import JsonFormatter, LogStream, error_place

if TYPE_CHECKING:
    from models.authoring.diff import CellChange
    from models.authoring.findings import Authored, Finding
    from models.contract.codes import CustomerType
    from models.decision.bundle import Bundle
    from models.decision.decision_table import Rule
    from models.decision.recommender import Recommender

T = TypeVar("T")

LONGEST_WAIT_S: Final = 150
LONGEST_WORK_S: Final = 120
MOST_MEMORY: Final = (
    512 << 20
)  # of address space; checking the shipped table takes 152 MiB, 76 of them resident
LARGEST_FILE: Final = 6 << 20  # `jobs` reckons with as much for a whole job
MOST_PERIODS_S: Final = 40  # of counting; what is left of the work must fit into the rest of LONGEST_WORK_S
MOST_FINDINGS: Final = 200
MOST_CHANGES: Final = 100
_log: Final = logging.getLogger("arki.console.work")


def main() -> None:
    """Do the job of a folder and leave `result.json` in it."""
    folder = Path(sys.argv[1])
    _log_to(int(sys.argv[2]))
    job = read_job_file(folder / "job.json", JOB)
    with (folder.parent / ".turn").open("w") as turn:
        signal.alarm(LONGEST_WAIT_S)
        fcntl.flock(turn, fcntl.LOCK_EX)
        _bound()
        try:
            write_job_file(folder / "result.json", RESULT, _done(folder, job))
        except JobFileError as error:  # a fault of ours, which the page must tell and the log must place
            _log.error("the job %s failed: %s", job["kind"], error)
            failure = {"failure": "unexpected", "said": type(error).__name__}
            write_job_file(folder / "result.json", RESULT, failure)


def _log_to(descriptor: int) -> None:
    """Write this module's records to the service's log; standard error stays closed, since libraries quote cells there."""
    handler = logging.StreamHandler(LogStream(descriptor))
    handler.setFormatter(JsonFormatter())
    _log.addHandler(handler)
    _log.propagate = False


def _bound() -> None:
    """From here on so much time and memory; beyond, the process ends."""
    signal.alarm(LONGEST_WORK_S)
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_WORK_S, LONGEST_WORK_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
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
    except UnreadableDraftError as error:
        finding = (
            {"code": error.finding.code, "names": _plain(error.finding.names)} if error.finding else None
        )
        return {"failure": error.code, "said": error.said, "finding": finding}
    except MemoryError as error:
        _log_failure(f"the job {job['kind']}", error)
        return {"failure": "memory"}
    except Exception as error:  # noqa: BLE001  (whatever is sent, the page must say that it failed)
        _log_failure(f"the job {job['kind']}", error)
        return {"failure": "unexpected", "said": type(error).__name__}
    finally:
        shutil.rmtree(folder / "draft", ignore_errors=True)
        shutil.rmtree(folder / "sent", ignore_errors=True)


def _log_failure(what: str, error: BaseException, level: int = logging.ERROR) -> None:
    _log.log(level, "%s failed: %s", what, error_place(error))


def export(folder: Path, _asked: Mapping[str, object], begin: Callable[[str], None]) -> dict[str, object]:
    """Write the rules of the bundle in use as an .xlsx."""
    from models.authoring import spreadsheet  # noqa: PLC0415

    begin("writing")
    base = base_in_use(bundles_folder())
    base.lay(folder / "draft")
    rules = spreadsheet.export(folder / "draft" / "rulebook", folder / "rules.xlsx")
    return {
        "rules": rules,
        "files": ["rules.xlsx"],
        "base": base.digest[:16],
        "base_in_use": base.is_in_use,
    }


def check(folder: Path, asked: Mapping[str, Any], begin: Callable[[str], None]) -> dict[str, Any]:
    """Check a draft whole, and weigh it against what is served. The findings stay where weighing fails."""
    from models.authoring import analysis, loader  # noqa: PLC0415  (heavy)

    begin("reading")
    base = base_in_use(bundles_folder())
    placed, cells = place_files(folder / "sent", folder / "draft", asked["names"], base)
    authored = loader.read_authored(folder / "draft" / "rulebook", folder / "draft" / "content")
    begin("checking")
    analysis.analyse(authored)
    result: dict[str, Any] = {
        "placed": placed,
        "base": base.digest[:16],
        "base_in_use": base.is_in_use,
        "rules": {kind: len(authored.rulebook.get(kind, ())) for kind in CUSTOMER_TYPES},
        "guarantees": sum(len(authored.rulebook.get(part, ())) for part in ("guarantees", "promises")),
        "items": len(authored.catalogue.get("items", ())),
        "cells": authored.cells,
        "files": _reviewed(folder, placed),
    }
    if authored.cells:  # what cannot even be read whole cannot be compared either
        # What `jobs` shows where this child is killed.
        stopped = result | _findings(authored, cells) | {"unweighed": "stopped"}
        write_job_file(folder / "checked.json", RESULT, stopped)
        result |= _compared(folder, authored, base, placed, begin)
    return result | _findings(authored, cells)


def _findings(authored: Authored, cells: Mapping[str, str]) -> dict[str, object]:
    return {
        "errors": len(authored.errors),
        "warnings": len(authored.findings) - len(authored.errors),
        "findings": [_finding(finding, cells) for finding in authored.findings[:MOST_FINDINGS]],
    }


def _compared(
    folder: Path,
    authored: Authored,
    base: Base,
    placed: list[str],
    begin: Callable[[str], None],
) -> dict[str, object]:
    """What was edited, and what that changes for people; where that fails, why, for the findings stay."""
    compared: dict[str, object] = {}
    try:
        compared |= _edited(folder, authored, base, placed)
        compared |= _weighed(folder, authored.parts() | {"sources": {}}, begin)
    except UnreadableDraftError as error:
        compared["unweighed"] = error.code
    except MemoryError as error:
        _log_failure("weighing a draft", error)
        compared["unweighed"] = "memory"
    except Exception as error:  # noqa: BLE001  (the findings are shown whatever fails here)
        unsound = bool(authored.errors)  # then the draft itself may be why
        _log_failure("weighing a draft", error, logging.WARNING if unsound else logging.ERROR)
        compared["unweighed"] = "errors" if unsound else "unexpected"
    return compared


def _edited(folder: Path, authored: Authored, base: Base, placed: list[str]) -> dict[str, object]:
    """Everything that a draft changes, what demands less of a promise first; such a promise is a warning of its own."""
    from models.authoring.edits import edits, find_weakened  # noqa: PLC0415
    from models.authoring.succession import find_unsucceeded_codes  # noqa: PLC0415
    from models.decision import bundle  # noqa: PLC0415

    served = bundle.load(bundles_folder(), base.digest).parts
    if base.is_in_use:  # a bundle made before vocabularies were data has no codes to keep
        find_unsucceeded_codes(authored, bundle.vocabulary_of(served), today=datetime.now(UTC).date())
    weak = find_weakened(authored, served["rulebook.json"])
    draft_edits = edits(served, authored.parts(), files=item_files(base, folder / "draft", placed))
    listed = [
        asdict(edit) | {"fields": [field._asdict() for field in edit.fields], "weaker": edit.id in weak}
        for edit in draft_edits
    ]
    listed.sort(key=lambda edit: not edit["weaker"])
    texts = {name: authored.sources.get(name) for name in placed}
    return {"edits": listed, "same_bytes": all(base.texts.get(name) == text for name, text in texts.items())}


def _reviewed(folder: Path, placed: list[str]) -> list[str]:
    """The files to download: what was sent, a spreadsheet's edits brought into `rules.yaml`."""
    for name in placed:
        shutil.copy(place_of(folder / "draft", name), folder / name)
    return placed


def _finding(finding: Finding, cells: Mapping[str, str]) -> dict[str, object]:
    return {
        "cell": cells.get(finding.subject, "") if finding.file == "rules.yaml" else "",
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


def _weighed(folder: Path, parts: dict[str, object], begin: Callable[[str], None]) -> dict[str, object]:
    """What a draft changes, sound or not: cells, rules, personas, worked examples and people."""
    from models.authoring.analysis import read_model  # noqa: PLC0415
    from models.authoring.diff import difference, edition_of  # noqa: PLC0415
    from models.authoring.example_customers import Inventor  # noqa: PLC0415
    from models.authoring.impact import impact  # noqa: PLC0415
    from models.authoring.periods import periods_to_come  # noqa: PLC0415
    from models.authoring.population_sample import read_sample  # noqa: PLC0415
    from models.decision import bundle  # noqa: PLC0415

    bundles = bundles_folder()
    current = bundle.current(bundles)
    if current is None:
        raise UnreadableDraftError("no_bundle")
    served = bundle.load(bundles, current)
    draft = bundle.preview(parts)
    (folder / "parts.json").write_text(json.dumps(parts, ensure_ascii=False), encoding="utf-8")
    today, inventor = datetime.now(UTC).date(), Inventor(read_model(), draft.recommender.facts)
    begin("comparing")
    old, new = edition_of(current, served.parts), edition_of("draft", parts)
    changed = difference(old, new, day=today, inventor=inventor)
    begin("weighing")
    weighed = impact(
        served.recommender,
        draft.recommender,
        read_sample().population,
        periods=_in_time(periods_to_come(served.recommender, draft.recommender, day=today)),
        inventor=inventor,
        capacities=new.capacities,
    )
    begin("trying")
    return {
        "draft": draft.recommender.versions.rulebook,
        "changed_cells": changed.changed,
        "all_cells": changed.cells,
        "changes": [_change(change) for change in changed.changes[:MOST_CHANGES]],
        "impact": asdict(weighed) | {"ever_changed": weighed.ever_changed, "until": weighed.until},
        "personas": _personas(served.recommender, draft.recommender),
        "examples": _examples(served, draft.recommender, today),
        "tryable": True,
    }


def _in_time(periods: list[T]) -> Iterator[T]:
    """The first period, and as many of the others as there is time for; the page says up to which day it was counted."""
    start = time.monotonic()
    for at, days in enumerate(periods):
        if at == 0 or time.monotonic() - start < MOST_PERIODS_S:
            yield days


def _change(change: CellChange) -> dict[str, object]:
    from models.authoring.example_customers import telling  # noqa: PLC0415

    def shown(rule: Rule | None) -> dict[str, object] | None:
        if rule is None:
            return None
        return {
            "id": rule.id,
            "channel": rule.channel,
            "content": list(rule.content),
            "topic": rule.topic,
            "human_channel": rule.human_channel,
        }

    return {
        "customer_type": change.customer_type,
        "old": shown(change.old),
        "new": shown(change.new),
        "cells": change.cells,
        "example": telling(change.example),
        "customer": change.customer,
    }


def _personas(old: Recommender, new: Recommender) -> list[dict[str, object]]:
    """The personas whose answer differs, with the first item before and after."""
    from models.authoring.personas import all_personas  # noqa: PLC0415

    at, flipped = datetime.now(UTC), []
    for persona in all_personas():
        was, now = (_offered(recommender, persona, at) for recommender in (old, new))
        if was != now:
            flipped.append({"id": persona["id"], "old": was[1], "new": now[1]})
    return flipped


def _offered(
    recommender: Recommender, persona: Mapping[str, Any], at: datetime
) -> tuple[str, list[dict[str, str]]]:
    """The human channel and the items that a persona is offered; nothing in a gap of an unsound draft.

    Nothing either where its signals name a code that the vocabulary lacks.
    """
    try:
        signals = recommender.contract.read(persona["customer_type"], persona["signals"])
        answer = recommender.recommend([signals], at=at)[0]
    except (InvalidSignalsError, LookupError):
        return "", []
    return answer.human_channel.id, [
        {"rule": i.reason.rule, "channel": i.channel, "content": i.content.title, "why": i.reason.text}
        for i in answer.items
    ]


def _examples(served: Bundle, draft: Recommender, day: date) -> list[dict[str, object]]:
    """The worked examples of the served table that come out otherwise in the draft."""
    from models.authoring.analysis import example_facts  # noqa: PLC0415
    from models.authoring.findings import Authored  # noqa: PLC0415

    flipped = []
    for example in served.parts["check.json"].get("examples", ()):
        facts = example_facts(Authored(facts=served.recommender.facts), example)
        if facts is None:
            continue
        on = date.fromisoformat(example["as_of"]) if "as_of" in example else day
        answers = [
            _ruled(recommender, example["for"], facts, on) for recommender in (served.recommender, draft)
        ]
        if answers[0] != answers[1]:
            flipped.append({"id": example["id"], "old": answers[0], "new": answers[1]})
    return flipped


def _ruled(
    recommender: Recommender, kind: CustomerType, facts: dict[str, str], day: date
) -> dict[str, object]:
    """The rule that decides for facts, and what it offers; empty in a gap, and where the vocabulary lacks a code."""
    known = recommender.facts
    names = {fact.name for fact in known.of[kind] if not fact.is_group}
    try:
        whole = known.completed(kind, {name: value for name, value in facts.items() if name in names})
        rule = recommender.rulebook.tables[kind].on(day).choose(whole)
    except LookupError:
        return {"rule": "–", "channel": "", "content": []}
    return {"rule": rule.id, "channel": rule.channel, "content": list(rule.content)}


if __name__ == "__main__":
    main()
