"""`recommend` alone, µs: `python recommend_alone.py customers.json`, with the tree to be timed on PYTHONPATH.

Uses what every revision has: a reader of signals, `BundleStore` and `recommend`.
"""

import json
import os
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

try:
    from models.decision.bundle import BundleStore
except ImportError:  # a tree from before there were rooms
    from models.bundle import BundleStore

AT = datetime.fromisoformat("2026-11-18T12:00:00+02:00")
TIMES = 15


def reader(recommender):
    """What reads signals: the bundle's contract, or a function of a tree whose codes stood in code."""
    if hasattr(recommender, "contract"):
        return recommender.contract.read
    try:
        from models.contract.signals import read_signals
    except ImportError:
        from models.signals import read_signals
    return read_signals


def main():
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["signals"]
    recommender = BundleStore(Path(os.environ["BENCH_BUNDLES"])).recommender()
    read = reader(recommender)
    customers = [read("person", signals) for signals in given]
    took = []
    for _ in range(TIMES):
        began = time.process_time_ns()
        for _ in range(10):
            for customer in customers:
                recommender.recommend([customer], at=AT)
        took.append((time.process_time_ns() - began) / 10 / len(customers) / 1000)
    print(statistics.median(took))


main()
