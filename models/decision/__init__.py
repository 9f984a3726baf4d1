"""What decides: signals to facts, the scorecard, the decision table, the catalogue, a recommendation; and the bundle they come in.

Hides bit masks, integer tables and caches. Imports neither numpy nor scikit-learn, since serving processes load it.
"""

__all__ = [
    "bundle",
    "campaigns",
    "catalogue",
    "combinations",
    "decision_code",
    "decision_table",
    "experiments",
    "fact_forms",
    "fact_set",
    "facts",
    "groups",
    "mapping",
    "offers",
    "query",
    "recommendation",
    "recommender",
    "scorecard",
]
