"""The commands `arki-rulebook` and `arki-bundle`: thin doors to `authoring` and `decision`.

Hides how options are read. Others take `missing_extras`, to name what a command lacks, and the group of `arki-rulebook`.
"""

__all__ = ["missing_extras", "rulebook"]
