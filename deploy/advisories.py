"""Which locked packages known advisories are about, by a file of OSV records; asks nobody. `deploy/audit.py` calls it.

References
----------
OSV schema 1.7 (ossf.github.io/osv-schema): a version is affected if `versions` lists it or it lies in a range of type
ECOSYSTEM.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


class Advisory(NamedTuple):
    """One advisory about one locked package."""

    id: str
    package: str
    version: str
    summary: str
    aliases: tuple[str, ...]


class AdvisoriesError(ValueError):
    """The file is none of the forms that are read."""


def read_records(file: Path) -> list[dict[str, Any]]:
    """OSV records: a zip of JSON files (as osv.dev exports PyPI), one record, a list, ``{"vulns": […]}``, or JSON lines.

    Raises
    ------
    AdvisoriesError
        If the file is none of these, or holds no record.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as packed:
                texts = [packed.read(name) for name in packed.namelist() if name.endswith(".json")]
                records = [json.loads(text) for text in texts]
        else:
            records = _records(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AdvisoriesError(f"{file} cannot be read: {error}") from None
    if not records or not all(isinstance(record, dict) and "id" in record for record in records):
        raise AdvisoriesError(
            f"{file} holds no OSV records. Take the export of PyPI from osv.dev (all.zip), or records of it."
        )
    return records


def advisories_about(
    records: Iterable[Mapping[str, Any]], locked: Mapping[str, Collection[str]]
) -> Iterator[Advisory]:
    """The advisories in force about packages of these versions, by canonical name."""
    for record in records:
        affecting = () if record.get("withdrawn") else record.get("affected", ())
        told = set[tuple[str, str]]()
        for affected in affecting:
            package = affected.get("package", {})
            name = canonicalize_name(str(package.get("name", "")))
            if package.get("ecosystem") != "PyPI" or name not in locked:
                continue
            said = str(record.get("summary") or record.get("details", ""))[:100]
            for version in sorted(locked[name]):
                if (name, version) not in told and _is_affected(affected, version):
                    told.add((name, version))
                    yield Advisory(record["id"], name, version, said, tuple(record.get("aliases", ())))


def newest(records: Iterable[Mapping[str, Any]]) -> str:
    """The day on which a record was last modified, which tells how old the file is."""
    return max((str(record.get("modified", ""))[:10] for record in records), default="") or "an unknown day"


def _records(text: str) -> list[Any]:
    try:
        given = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(given, dict):
        return list(given["vulns"]) if "vulns" in given else [given]
    return list(given) if isinstance(given, list) else []


def _is_affected(affected: Mapping[str, Any], version: str) -> bool:
    if version in affected.get("versions", ()):
        return True
    ranges = [part for part in affected.get("ranges", ()) if part.get("type") == "ECOSYSTEM"]
    return any(_is_within(part.get("events", ()), Version(version)) for part in ranges)


def _is_within(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """Whether the events of a range, in the order of their versions, leave a version affected."""
    within = False
    for event in sorted(events, key=lambda event: _version(next(iter(event.values())))):
        ((kind, said),) = event.items()
        at = _version(said)
        if kind == "introduced":
            within = within or at <= version
        elif (kind == "fixed" and at <= version) or (kind == "last_affected" and at < version):
            within = False
    return within


def _version(said: str) -> Version:
    """A version of an advisory; one that is no version counts as 0, so that nothing is overlooked for it."""
    try:
        return Version(said)
    except InvalidVersion:
        return Version("0")
