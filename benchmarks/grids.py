"""Part `analysis`: how long the exact analysis of a rulebook takes, rows × facts, and that of the shipped one whole."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from models.authoring import analysis, loader
from models.authoring.grid import Conditions, Painted, TooLargeError, decide
from models.contract.codes import PERSON
from models.contract.vocabulary import Vocabulary
from models.decision import bundle
from models.decision.facts import declared_facts

ROWS = (50, 150, 500)
FACT_COUNTS = (6, 9, 12)
TWELFTH = {"made_up": ("one", "two", "three", "unknown")}


def measure(bundles: Path, *, quick: bool) -> dict[str, Any]:
    """Seconds by rows and facts; cells and the form in which they were decided beside them."""
    loaded = bundle.load(bundles, str(bundle.current(bundles)))
    shipped, vocabulary = loaded.parts["rulebook.json"][PERSON], loaded.recommender.vocabulary
    began = time.process_time()
    authored = loader.read_authored()
    analysis.analyse(authored)
    whole = time.process_time() - began
    rows, facts = (ROWS[:2], FACT_COUNTS[:2]) if quick else (ROWS, FACT_COUNTS)
    return {
        "shipped": {"seconds": round(whole, 3), "rules": len(shipped), "cells": authored.cells},
        "synthetic": [
            _decided(n_rows, _values(n_facts, vocabulary), shipped) for n_facts in facts for n_rows in rows
        ],
    }


def _decided(
    n_rows: int, values: dict[str, tuple[str, ...]], shipped: list[dict[str, Any]]
) -> dict[str, Any]:
    rules = table_like(shipped, values, n_rows)
    told: dict[str, Any] = {"rows": n_rows, "facts": len(values)}
    began = time.process_time()
    try:
        decided = decide([values], rules)
        reached = len(decided.rows())
    except TooLargeError as error:
        return told | {"refused": str(error), "seconds": round(time.process_time() - began, 3)}
    seconds = time.process_time() - began
    return told | {
        "seconds": round(seconds, 3),
        "cells": decided.cells,
        "rows_that_decide": reached,
        "as": "array" if isinstance(decided, Painted) else "boxes",
    }


def _values(n_facts: int, vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """The first facts of persons, and one more."""
    every = {fact.name: fact.values for fact in declared_facts(vocabulary)[PERSON]} | TWELFTH
    return dict(list(every.items())[:n_facts])


def table_like(
    shipped: list[dict[str, Any]], values: dict[str, tuple[str, ...]], n_rows: int, seed: int = 1
) -> list[Conditions]:
    """Rows with the shipped rules' conditions, two to four facts of each named anew, and a last row that takes all."""
    rng = random.Random(seed)  # noqa: S311  (examples, no secrets)
    made: list[Conditions] = []
    for _ in range(n_rows - 1):
        kept = {n: tuple(v) for n, v in rng.choice(shipped)["when"].items() if n in values}
        for name in rng.sample(list(values), rng.randint(2, 4)):
            kept[name] = tuple(rng.sample(values[name], rng.randint(1, 2)))
        made.append(kept)
    return [*made, {}]
