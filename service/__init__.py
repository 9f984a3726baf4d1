"""The REST API: HTTP in front of `models.recommender`, and nothing else."""
