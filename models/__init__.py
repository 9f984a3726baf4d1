"""What decides: the learned model and the authored rulebook, in five rooms, each standing on those before it.

`contract` says what may be known, `decision` decides, `columns` decides for many at a time, `authoring` is for those who write
rules and content, `cli` has their commands. A room's `__all__` is its door: the modules that others may import.
Knows no HTTP and no database, and imports neither numpy nor scikit-learn when imported. `decision.recommender` is the one way
from signals to an answer.
"""
