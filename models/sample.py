"""The sample population that ships with the model: cells of facts with weights.

Simulated, and summed up so far that no customer is left in it: each cell holds the facts of a first lookup and an audit
group, and says for how many customers of Finland it stands. Read in plain Python, so that pages can show shares too.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from models.bundle import ARTIFACTS
from models.codes import CUSTOMER_TYPES, CustomerType
from models.facts import Facts

SAMPLE: Final = ARTIFACTS / "population.json.gz"


class SampleCell(NamedTuple):
    """Customers alike in facts and audit group; `weight` is how many of Finland they stand for."""

    facts: Facts
    audit: Mapping[str, str]
    weight: float


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample: the version of the model that named its segments, and its cells by customer type."""

    model: str
    cells: Mapping[CustomerType, tuple[SampleCell, ...]]


def read_sample(path: Path = SAMPLE) -> Sample:
    """The sample of a file that `arki-train` wrote."""
    document = orjson.loads(gzip.decompress(path.read_bytes()))
    return Sample(document["model"], {kind: tuple(_cells(document[kind])) for kind in CUSTOMER_TYPES})


@dataclass(frozen=True, slots=True)
class FirstLookups:
    """Customers by all facts of their first lookup: the facts' names, and each combination of values with its weight."""

    model: str
    names: Mapping[CustomerType, tuple[str, ...]]
    weights: Mapping[CustomerType, Mapping[tuple[str, ...], float]]


def read_first_lookups(path: Path = SAMPLE) -> FirstLookups:
    """The sample by facts alone, audit groups added up; a third of its cells, for pages that weigh facts."""
    document = orjson.loads(gzip.decompress(path.read_bytes()))
    names, weights = {}, {}
    for kind in CUSTOMER_TYPES:
        part = document[kind]
        names[kind] = tuple(part["facts"])
        sums: dict[tuple[int, ...], float] = {}
        for weight, *codes in zip(
            part["weight"], *(part["columns"][name] for name in names[kind]), strict=True
        ):
            key = tuple(codes)
            sums[key] = sums.get(key, 0.0) + weight
        values = list(part["facts"].values())
        weights[kind] = {
            tuple(values[at][code] for at, code in enumerate(key)): weight for key, weight in sums.items()
        }
    return FirstLookups(document["model"], names, weights)


def segment_shares(path: Path = SAMPLE) -> tuple[str, dict[str, float]]:
    """The version of the model, and the share of each segment among persons; `unknown` where none is named."""
    document = orjson.loads(gzip.decompress(path.read_bytes()))
    persons, names = document["person"], document["person"]["facts"]["segment"]
    totals = [0.0] * len(names)
    for code, weight in zip(persons["columns"]["segment"], persons["weight"], strict=True):
        totals[code] += weight
    return document["model"], {name: n / sum(totals) for name, n in zip(names, totals, strict=True)}


def _cells(part: Mapping[str, Any]) -> Iterator[SampleCell]:
    names, audit = list(part["facts"]), list(part["audit"])
    values = {**part["facts"], **part["audit"]}
    columns = [[values[name][code] for code in part["columns"][name]] for name in (*names, *audit)]
    for weight, *row in zip(part["weight"], *columns, strict=True):
        yield SampleCell(
            dict(zip(names, row, strict=False)),
            dict(zip(audit, row[len(names) :], strict=True)),
            weight,
        )
