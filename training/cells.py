"""The population in cells, for the console and for the impact of an edit: how many customers have which facts.

`population_cells` writes, `read_cells` reads. Only `training` may import this; the console reads the file.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from models.codes import CustomerType
from models.facts import FACTS, lookups, may_personalise
from models.recommender import Recommender
from models.signals import Signals
from training import parameters as p
from training.employers import employers
from training.offers import CHUNK, signals

FORMAT: Final = 1
MOST_PERSONS: Final = 100_000
EMPLOYERS: Final = 5_000
AUDIT: Final = ("age_band", "sex", "language")


def population_cells(persons: pa.Table, made: Recommender, seed: int) -> bytes:
    """A gzipped JSON document, at most 3 MB; the same inputs give the same bytes.

    Parameters
    ----------
    persons : pyarrow.Table
        Simulated persons with ``audit_*`` columns; the first `MOST_PERSONS` are used.
    made : Recommender
        Whose scorecard names the segments.
    seed : int
        Of the simulated employers.

    Notes
    -----
    The document::

        {"format": 1, "model": version of the scorecard,
         "scaled_to": {"person": adults of Finland, "employer": employing firms},
         "person":   {"facts": {fact: [its values]}, "audit": {attribute: [its values]},
                      "columns": {fact or attribute: [an index into its values, one per cell]},
                      "weight": [customers per cell]},
         "employer": the same, with no audit attributes}

    A cell is the facts of a customer's *first* lookup (`models.facts.lookups`) with an audit group; its weight says how many
    customers of Finland it stands for. Weights are rounded to 0.1 customer; cells are sorted.
    """
    document = {
        "format": FORMAT,
        "model": made.versions.model,
        "scaled_to": {"person": p.ADULTS, "employer": p.EMPLOYING_FIRMS},
        "person": _person_cells(persons.slice(0, MOST_PERSONS), made),
        "employer": _employer_cells(seed),
    }
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def read_cells(path: Path) -> dict[str, Any]:
    """The document of a file that `population_cells` wrote."""
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return document


def _person_cells(table: pa.Table, made: Recommender) -> dict[str, Any]:
    audit = {name: table[f"audit_{name}"].to_pylist() for name in AUDIT}
    values = {name: sorted(set(column)) for name, column in audit.items()}
    counts: Counter[tuple[int, ...]] = Counter()
    for start in range(0, table.num_rows, CHUNK):
        for at, customer in enumerate(signals(table.slice(start, CHUNK)), start):
            prediction = made.scorecard.predict(customer) if may_personalise(customer) else None
            group = tuple(values[name].index(audit[name][at]) for name in AUDIT)
            counts[_facts("person", lookups(customer, prediction)[0]) + group] += 1
    return _document("person", counts, values, p.ADULTS)


def _employer_cells(seed: int) -> dict[str, Any]:
    table = employers(EMPLOYERS, np.random.default_rng([seed, 0x454D_504C]))
    made: list[Signals] = signals(table, "employer")
    counts = Counter(_facts("employer", lookups(each, None)[0]) for each in made)
    return _document("employer", counts, {}, p.EMPLOYING_FIRMS)


def _facts(kind: CustomerType, facts: dict[str, str]) -> tuple[int, ...]:
    return tuple(fact.values.index(facts[fact.name]) for fact in FACTS[kind])


def _document(
    kind: CustomerType, counts: Counter[tuple[int, ...]], audit: dict[str, list[str]], scaled_to: int
) -> dict[str, Any]:
    cells = sorted(counts)
    names = [*(fact.name for fact in FACTS[kind]), *audit]
    scale = scaled_to / sum(counts.values())
    return {
        "facts": {fact.name: list(fact.values) for fact in FACTS[kind]},
        "audit": audit,
        "columns": {name: [cell[at] for cell in cells] for at, name in enumerate(names)},
        "weight": [round(counts[cell] * scale, 1) for cell in cells],
    }
