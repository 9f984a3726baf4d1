"""Bytes of requests and cells of CSV answers; knows HTTP and no domain.

Hides how hostile JSON is told from plain.
"""

__all__ = ["body", "csv_cells"]
