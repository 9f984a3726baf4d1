"""Batch scoring: plans, engines, chunks that survive a crash, capacity, answers in files; `arki-score`.

Hides how a run is cut and resumed. `scorer` is the one function from record batch to record batch.
"""

__all__ = [
    "answer_files",
    "request",
    "scorer",
]
