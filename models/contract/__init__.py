"""What may be known of a customer and said to one: closed codes, the vocabulary, signals, channels and hours. Standard library only.

Hides what stood in code before the vocabulary was data. Everything else stands on this room.
"""

__all__ = [
    "channels",
    "codes",
    "environment",
    "identity_codes",
    "intervals",
    "near_names",
    "older_vocabulary",
    "signal_kinds",
    "signals",
    "vocabulary",
]
