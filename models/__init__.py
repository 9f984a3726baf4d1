"""What decides: the learned model and the authored rulebook.

Knows no HTTP and no database, and imports neither numpy nor scikit-learn when imported. `recommender` is the one door.
"""
