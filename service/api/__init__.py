"""The REST operations, their wire shapes, and the problems that errors become.

Hides compiled schemas and how answers are made again.
"""

__all__ = [
    "fields",
    "listings",
    "openapi",
    "operations",
    "problems",
    "replay",
    "request_context",
    "requests",
    "schemas",
]
