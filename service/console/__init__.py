"""The content team's console: pages for people who do not program, made on the server, without scripts.

Hides sessions, drafts in child processes, and every page.
"""

__all__ = ["blueprint"]
