"""The command `arki-train`: trains, compares, signs, promotes, and tells outcomes beside drafts.

Hides how options are read.
"""

__all__: list[str] = []
