"""The customers that every contestant is asked about, simulated as the training data are, and the data peers train on.

Made once under .bench/ by the project's own simulation; the peers read plain JSON and CSV and import nothing of ours.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass

from benchmarks.environments import MADE

ASKED = 64
TRAINED_ON = 20_000
SEED = 20261121
AT = "2026-11-18T12:00:00+02:00"
DATA = MADE / "data"


@dataclass(frozen=True)
class Customers:
    """What is asked: signals as Arki takes them, and the same customers' features as a model server takes them."""

    signals: list[dict]
    features: list[dict]

    def arki(self) -> tuple[bytes, ...]:
        """Bodies of single requests."""
        return tuple(
            json.dumps({"customer_type": "person", "language": "fi", "signals": one, "as_of": AT}).encode()
            for one in self.signals
        )

    def batch(self, size: int) -> bytes:
        """The body of a batch of so many."""
        many = [self.signals[at % len(self.signals)] for at in range(size)]
        customers = [
            {"customer_type": "person", "language": "fi", "signals": one, "as_of": AT} for one in many
        ]
        return json.dumps({"customers": customers}).encode()


def read_customers() -> Customers:
    """The customers, simulated if that has not been done yet."""
    if not (DATA / "customers.json").exists():
        _simulate()
    document = json.loads((DATA / "customers.json").read_text(encoding="utf-8"))
    return Customers(document["signals"], document["features"])


def _simulate() -> None:
    from models.contract.signals import DECLARED
    from models.decision.scorecard import FEATURES
    from training.learning.dataset import read_dataset
    from training.simulation.population import population

    DATA.mkdir(parents=True, exist_ok=True)
    data = read_dataset(
        population(TRAINED_ON + 5_000, SEED, with_employers=False), "the simulated population"
    )
    names = [name for name in DECLARED["person"] if name in data.table.column_names]
    with (DATA / "training.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*FEATURES, "segment"])
        for row, label in zip(data.X[:TRAINED_ON].tolist(), data.y.tolist(), strict=False):
            known = ["" if math.isnan(value) else int(value) for value in row]
            writer.writerow([*known, data.segments[label]])
    rows = data.table.slice(data.table.num_rows - ASKED).select(names).to_pylist()
    features = [
        {name: None if math.isnan(value) else int(value) for name, value in zip(FEATURES, row, strict=True)}
        for row in data.X[-ASKED:].tolist()
    ]
    signals = [{name: value for name, value in row.items() if value is not None} for row in rows]
    document = json.dumps({"signals": signals, "features": features})
    (DATA / "customers.json").write_text(document, encoding="utf-8")
