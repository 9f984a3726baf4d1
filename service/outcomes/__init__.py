"""What came of suggestions, as counts that no person can be read from; the one database of Arki, and `arki-outcomes`.

Hides tables, transactions and migrations. `recorder` and `reports` are for those who serve, `store` for those who start.
"""

__all__ = ["events", "experiments", "recorder", "reports", "retention", "store"]
