"""What is told of a model: the card, its plots, the register entry, and the files that an artifact is made of.

Hides how pages are worded.
"""

__all__ = [
    "artifacts",
    "card_figures",
    "model_card",
]
