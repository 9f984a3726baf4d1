"""What may be known of a customer and said to one: closed codes, signals, segments, channels and hours. Standard library only.

Hides how misspelt names are matched. Everything else stands on this room.
"""

__all__ = [
    "channels",
    "codes",
    "environment",
    "identity_codes",
    "intervals",
    "segments",
    "signal_kinds",
    "signals",
]
