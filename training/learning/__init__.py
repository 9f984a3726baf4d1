"""What makes a model: labelled customers, the estimator and its compilation, evaluation, gates and signatures.

Hides the estimator's steps; `run` is a whole training.
"""

__all__ = [
    "dataset",
    "documents",
    "drift",
    "gates",
    "groups",
    "leakage",
    "offers",
    "run",
    "signatures",
]
