"""`recommend` alone, µs: `python recommend_alone.py customers.json`, with the tree to be timed on PYTHONPATH.

Uses what every revision has: `read_signals`, `BundleStore` and `recommend`.
"""

import json
import os
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

try:
    from models.contract.signals import read_signals
    from models.decision.bundle import BundleStore
except ImportError:  # a tree from before there were rooms
    from models.bundle import BundleStore
    from models.signals import read_signals

AT = datetime.fromisoformat("2026-11-18T12:00:00+02:00")
TIMES = 15


def main():
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["signals"]
    customers = [read_signals("person", signals) for signals in given]
    recommender = BundleStore(Path(os.environ["BENCH_BUNDLES"])).recommender()
    took = []
    for _ in range(TIMES):
        began = time.process_time_ns()
        for _ in range(10):
            for customer in customers:
                recommender.recommend([customer], at=AT)
        took.append((time.process_time_ns() - began) / 10 / len(customers) / 1000)
    print(statistics.median(took))


main()
