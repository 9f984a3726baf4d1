"""The sample of the population that ships with the model, for the effect of an edit where no customer file is at hand.

Simulated customers are counted by what they ask, so that no customer is left in it; `models.authoring.population_sample` reads what is written
here. Only `training` may import this.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from models.authoring.population_files import population_of
from models.authoring.population_sample import FORMAT
from models.authoring.questions import NAMES, Population
from models.columns.text_blocks import CustomerBatch
from models.contract.codes import CUSTOMER_TYPES, CustomerType
from models.decision.fact_set import FactSet
from models.decision.scorecard import Scorecard
from training.authored import contract
from training.simulation import parameters as p
from training.simulation.employers import employers

MOST_PERSONS: Final = 100_000
EMPLOYERS: Final = 5_000
SCALED_TO: Final = {"person": p.ADULTS, "employer": p.EMPLOYING_FIRMS}
_COLUMNS: Final = ("facts", "further", "preferred", "open_matter", "strong_identification")


def population_sample(persons: pa.Table, scorecard: Scorecard, version: str, seed: int) -> bytes:
    """A gzipped JSON document, at most 1.5 MB; the same inputs give the same bytes.

    Parameters
    ----------
    persons : pyarrow.Table
        Simulated persons with ``audit_*`` columns; the first `MOST_PERSONS` are used.
    scorecard : Scorecard
        The model, which names the segments.
    version : str
        Of the model.
    seed : int
        Of the simulated employers.

    Notes
    -----
    The document::

        {"format": 2, "model": version of the scorecard,
         "person":   {"scaled_to": adults of Finland, "customers": how many were simulated,
                      "segments": {segment: share, persons alone},
                      "questions": {part of a question: column}, "owed": {part of what is owed: column},
                      "rows": {"question": [position], "owed": [position], "customers": [how many such],
                               "audit": {attribute: column}}},
         "employer": the same, scaled to the employing firms}

    A column is ``{"values": [each distinct one], "codes": [a position in them, for each entry]}``. Facts are columns of their
    own, whole also where the model names no segment. Everything is sorted, so that the order in which customers were met
    decides nothing.
    """
    tables = {
        "person": persons.slice(0, MOST_PERSONS),
        "employer": employers(EMPLOYERS, np.random.default_rng([seed, 0x454D_504C])),
    }
    facts = FactSet(contract())
    document: dict[str, Any] = {"format": FORMAT, "model": version}
    for kind in CUSTOMER_TYPES:
        batches = [
            CustomerBatch(batch, textual=False, numbers=range(batch.num_rows))
            for batch in tables[kind].combine_chunks().to_batches()
        ]
        document[kind] = _part(kind, population_of(batches, scorecard, facts, whole=True))
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _part(kind: CustomerType, counted: Population) -> dict[str, Any]:
    questions, question_at = _sorted(counted.questions)
    owed, owed_at = _sorted(counted.owed)
    names = sorted(counted.audit)
    rows = sorted(
        zip(
            (question_at[at] for at in counted.question_of.tolist()),
            (owed_at[at] for at in counted.owed_of.tolist()),
            *(_named(counted, name) for name in names),
            counted.weight.astype(int).tolist(),
            strict=True,
        )
    )
    question, owing, *audit, customers = (list(column) for column in zip(*rows, strict=True))
    return {
        "scaled_to": SCALED_TO[kind],
        "customers": sum(customers),
        "segments": _segments(counted) if kind == "person" else {},
        "questions": {
            name: _column(getattr(question, name) for question in questions) for name in _COLUMNS[1:]
        }
        | {"facts": [_column(values) for values in zip(*(each.facts for each in questions), strict=True)]},
        "owed": {name: _column(getattr(each, name) for each in owed) for name in ("open_matter", "benefits")},
        "rows": {
            "question": question,
            "owed": owing,
            "customers": customers,
            "audit": {
                name.removeprefix("audit_"): _column(groups)
                for name, groups in zip(names, audit, strict=True)
            },
        },
    }


def _sorted(entries: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """The entries in order, and where each one of before stands now."""
    order = sorted(range(len(entries)), key=entries.__getitem__)
    places = [0] * len(order)
    for place, at in enumerate(order):
        places[at] = place
    return [entries[at] for at in order], places


def _named(counted: Population, name: str) -> list[str]:
    audit = counted.audit[name]
    return [audit.groups[code] for code in audit.codes.tolist()]


def _segments(counted: Population) -> dict[str, float]:
    """The share of each segment among customers; ``unknown`` where none is named."""
    place, shares = NAMES["person"].index("segment"), dict[str, float]()
    for at, n in zip(counted.question_of.tolist(), counted.weight.tolist(), strict=True):
        segment = counted.questions[at].facts[place]
        shares[segment] = shares.get(segment, 0.0) + n
    whole = sum(shares.values())
    return {name: round(shares[name] / whole, 5) for name in sorted(shares)}


def _column(entries: Iterable[Hashable]) -> dict[str, Any]:
    listed = list(entries)
    values = sorted(set(listed), key=_key)
    places = {value: at for at, value in enumerate(values)}
    return {"values": values, "codes": [places[entry] for entry in listed]}


_key: Callable[[Any], Any] = str
