"""The same decision on columns: files and record batches of customers in, codes of facts, predictions and rules out.

Hides formats, Arrow types and cells of text. Each module is the column form of its namesake in `contract` or `decision`.
"""

__all__ = [
    "campaigns",
    "cells",
    "decision_table",
    "facts",
    "files",
    "group_counts",
    "groups",
    "local_paths",
    "partitions",
    "paths",
    "rows",
    "scorecard",
    "signals",
    "statutory",
    "text_blocks",
]
