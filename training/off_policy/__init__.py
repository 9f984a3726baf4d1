"""What a draft would have come to, and how outcomes agree with segments, from the counts that `arki-outcomes export` writes.

Hides the estimator.
"""

__all__ = [
    "agreement",
    "estimate",
    "outcome_log",
]
