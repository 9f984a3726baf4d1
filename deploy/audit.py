"""`make audit`: locks and their hashes, bill of materials, licences, bandit, secrets, advisories. Asks no network.

Each check gives findings, or says that it could not be made; `deploy/audit.toml` holds what is accepted, with its reason.
Exit code 0: nothing found; 1: findings; 2: the audit itself could not be made.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from advisories import AdvisoriesError, advisories_about, newest, read_records
from packaging.utils import canonicalize_name
from sbom import bill
from secret_scan import is_whole, secrets_of_history, secrets_of_tree

ROOT: Final = Path(__file__).parent.parent
LOCKS: Final = ("serve", "run", "dev", "spark", "bench")
INSTALLED_BY: Final = "dev"
NOT_LOCKED: Final = frozenset({"arki", "pip", "setuptools"})  # ourselves, and what venv brings
LOOKED_AT: Final = ("models", "service", "training", "testing", "deploy", "docs", "drills", "benchmarks")
_PINNED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==([^\s;]+)(?: ; (.+))?")
_HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_SPDX: Final = re.compile(r"\s+(?:AND|OR)\s+|[()]")


class Row(NamedTuple):
    """One check as it is told: what was looked at, and its findings; None where it was not made."""

    name: str
    looked_at: str
    findings: list[str] | None


class Pin(NamedTuple):
    """One requirement of a lock."""

    version: str
    marker: str
    hashes: frozenset[str]


def main() -> int:
    """Make every check and print them; the exit code."""
    accepted = tomllib.loads((ROOT / "deploy" / "audit.toml").read_text(encoding="utf-8"))
    texts = {name: (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8") for name in LOCKS}
    try:
        rows = [
            locks_row(texts),
            installed_row(texts[INSTALLED_BY], _installed()),
            sbom_row(
                texts["serve"], json.loads((ROOT / "deploy" / "sbom.cdx.json").read_text(encoding="utf-8"))
            ),
            licences_row(texts[INSTALLED_BY], _said_licences(), accepted),
            bandit_row(_run_bandit(), accepted.get("bandit", [])),
            _secrets_row(accepted.get("secrets", [])),
            _advisories_row(sys.argv[1:], texts, accepted.get("advisories", [])),
        ]
    except (AdvisoriesError, OSError, subprocess.CalledProcessError) as error:
        print(f"The audit could not be made: {error}", file=sys.stderr)
        return 2
    for row in rows:
        state = (
            "not checked" if row.findings is None else f"{len(row.findings)} found" if row.findings else "ok"
        )
        print(f"{row.name:<11} {state:<12} {row.looked_at}")
        for finding in row.findings or ():
            print(f"    {finding}")
    return int(any(row.findings for row in rows))


def locks_row(texts: Mapping[str, str]) -> Row:
    """Whether every line of every lock is a version with hashes, and one version has the same hashes everywhere."""
    findings: list[str] = []
    known: dict[tuple[str, str], tuple[str, frozenset[str]]] = {}
    count = 0
    for name, text in texts.items():
        for pin in pins(text):
            if isinstance(pin, str):
                findings.append(f"{name}.lock: {pin}")
                continue
            package, found = pin
            count += 1
            where, hashes = known.setdefault((package, found.version), (name, found.hashes))
            if not found.hashes:
                findings.append(f"{name}.lock: {package} has no hash")
            elif hashes != found.hashes:
                findings.append(
                    f"{name}.lock: {package} {found.version} has other hashes than in {where}.lock"
                )
    return Row(
        "locks", f"{count} pins of {len(texts)} locks: each a version with SHA-256, alike in all", findings
    )


def installed_row(lock: str, installed: Mapping[str, str]) -> Row:
    """Whether what is installed here is what the lock says."""
    locked = versions(lock)
    found = []
    for name, version in sorted(installed.items()):
        if name not in NOT_LOCKED and version not in locked.get(name, ()):
            said = " or ".join(sorted(locked[name])) if name in locked else "none"
            found.append(f"{name} {version} is installed; the lock says {said}")
    return Row("installed", f"{len(installed)} packages against {INSTALLED_BY}.lock", found)


def sbom_row(lock: str, document: Mapping[str, Any]) -> Row:
    """Whether the bill of materials is that of the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    same = document == bill(lock, project["name"], project["version"])
    return Row(
        "sbom",
        "deploy/sbom.cdx.json against serve.lock",
        [] if same else ["is not that of the lock: run make sbom"],
    )


def licences_row(lock: str, said: Mapping[str, str], accepted: Mapping[str, Any]) -> Row:
    """Whether each locked package has a licence that is accepted."""
    by_package, allowed = accepted.get("licences_by_package", {}), accepted.get("licences", {})
    findings = []
    for name in sorted(versions(lock)):
        if name in by_package:
            continue
        licence = said.get(name)
        if not licence:
            findings.append(
                f"{name}: no licence is named"
                if name in said
                else f"{name}: not installed here, so its licence is unread"
            )
        elif not (named := [part for part in _SPDX.split(licence) if part]) or not set(named) <= set(allowed):
            findings.append(f"{name}: {licence} is not accepted")
    findings += [
        f"audit.toml: {name} is not locked any more" for name in by_package if name not in versions(lock)
    ]
    return Row(
        "licences",
        f"{len(versions(lock))} packages of {INSTALLED_BY}.lock; those of spark.lock and bench.lock alone are not read",
        findings,
    )


def bandit_row(results: Iterable[Mapping[str, Any]], accepted: list[dict[str, Any]]) -> Row:
    """What bandit finds and the list does not accept, and what the list accepts in vain."""
    findings, used, count = [], set[int](), 0
    for result in results:
        count += 1
        name = (
            str(Path(result["filename"]).resolve().relative_to(ROOT))
            if Path(result["filename"]).is_absolute()
            else result["filename"].removeprefix("./")
        )
        fitting = [at for at, entry in enumerate(accepted) if _accepts(entry, result, name)]
        used.update(fitting)
        if not fitting:
            findings.append(f"{name}:{result['line_number']}: {result['test_id']} {result['issue_text']}")
    findings += [
        f"audit.toml: {entry['rules']} in {entry['files']} is accepted and found no more"
        for at, entry in enumerate(accepted)
        if at not in used
    ]
    findings += [
        f"audit.toml: {entry['rules']} in {entry['files']} has no reason"
        for entry in accepted
        if not entry.get("reason")
    ]
    return Row(
        "bandit",
        f"{', '.join(LOOKED_AT)}: {count} matches, each accepted with a reason in deploy/audit.toml or told here",
        findings,
    )


def pins(lock: str) -> Iterator[tuple[str, Pin] | str]:
    """Each requirement of a lock by canonical name, or a sentence on a line that is none."""
    for block in re.split(r"\n(?=\S)", lock.replace("\\\n", " ").strip()):
        line = re.sub(r"\s+", " ", block).strip()
        requirement = line.split(" --hash=")[0].strip()
        found = _PINNED.fullmatch(requirement)
        rest = _HASH.sub("", line.removeprefix(requirement)).strip()
        if found is None or rest:
            yield f"{line[:60]!r} is not a version with SHA-256 hashes"
        else:
            yield canonicalize_name(found[1]), Pin(found[2], found[3] or "", frozenset(_HASH.findall(line)))


def versions(lock: str) -> dict[str, set[str]]:
    """The versions of each package in a lock: several where they differ by Python."""
    found: dict[str, set[str]] = {}
    for pin in pins(lock):
        if not isinstance(pin, str):
            found.setdefault(pin[0], set()).add(pin[1].version)
    return found


def _installed() -> dict[str, str]:
    return {
        canonicalize_name(found.metadata["Name"]): found.version
        for found in importlib.metadata.distributions()
    }


def _said_licences() -> dict[str, str]:
    """What each installed package says of its licence, as SPDX where the list knows the words."""
    known = tomllib.loads((ROOT / "deploy" / "audit.toml").read_text(encoding="utf-8"))[
        "licences_by_classifier"
    ]
    said = {}
    for found in importlib.metadata.distributions():
        metadata = found.metadata
        classifiers = [
            part.split(" :: ")[-1]
            for part in metadata.get_all("Classifier") or ()
            if part.startswith("License ::")
        ]
        words = classifiers or [(metadata.get("License") or "").strip().split("\n")[0]]
        spoken = metadata.get("License-Expression") or " AND ".join(known.get(word, word) for word in words)
        said[canonicalize_name(metadata["Name"])] = spoken
    return said


def _accepts(entry: Mapping[str, Any], result: Mapping[str, Any], name: str) -> bool:
    return (
        result["test_id"] in entry["rules"]
        and name.startswith(tuple(entry["files"]))
        and entry.get("code", "") in result["code"]
    )


def _run_bandit() -> list[dict[str, Any]]:
    """Every match of bandit, whatever a comment in the code says of it: what is accepted stands in one list."""
    command = [
        sys.executable,
        "-m",
        "bandit",
        "-q",
        "-r",
        *LOOKED_AT,
        "-f",
        "json",
        "--ignore-nosec",
        "--exit-zero",
    ]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    document = json.loads(done.stdout)
    if document["errors"]:
        raise OSError(f"bandit could not read {document['errors']}")
    return list(document["results"])


def _secrets_row(accepted: list[dict[str, Any]]) -> Row:
    if not is_whole(ROOT):
        return Row("secrets", "needs a repository with its whole history: git fetch --unshallow", None)
    found = [*secrets_of_tree(ROOT), *secrets_of_history(ROOT)]
    known = {entry["sha256"][:16] for entry in accepted if entry.get("reason")}
    findings = [
        f"{secret.kind} at {secret.where} (SHA-256 {secret.sha256})"
        for secret in found
        if secret.sha256 not in known
    ]
    findings += [
        f"audit.toml: {digest} is accepted and found no more"
        for digest in sorted(known - {secret.sha256 for secret in found})
    ]
    return Row(
        "secrets", f"the tracked tree and every line that history added; {len(known)} accepted", findings
    )


def _advisories_row(arguments: list[str], texts: Mapping[str, str], accepted: list[dict[str, Any]]) -> Row:
    if not arguments or not arguments[0]:
        return Row("advisories", "name a file of OSV records: make audit ADVISORIES=all.zip", None)
    records = read_records(Path(arguments[0]))
    known = {entry["id"] for entry in accepted if entry.get("reason")}
    findings = [
        f"{name}.lock: {found.package} {found.version}: {found.id} {found.summary}"
        for name, text in texts.items()
        for found in advisories_about(records, versions(text))
        if not known & {found.id, *found.aliases}
    ]
    return Row(
        "advisories",
        f"{len(records):,} records, the newest of {newest(records)}, against {len(texts)} locks",
        findings,
    )


if __name__ == "__main__":
    sys.exit(main())
