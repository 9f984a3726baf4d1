"""Pages that are open to anyone: health, the document of the API, example pages, the demonstration.

Hides the personas of the demonstration.
"""

__all__ = ["demo", "pages"]
