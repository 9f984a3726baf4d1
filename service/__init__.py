"""The REST API, the console and the open pages: HTTP in front of `models.decision.recommender`, in rooms.

`security`, `observability` and `http` know no operation; `outcomes` stands on them, `api` on all four, `site` and `console` on
`api`; `app` puts them together, `server` runs it. A room's `__all__` is its door: the modules that others may import.
"""
