"""The REST API: HTTP in front of `models.decision.recommender`, and nothing else."""
