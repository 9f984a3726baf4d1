"""What the pages of the console know of their request besides `service.api.request_context`: language, session, cookies.

Made when an address is read, before anything is checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from flask import g


class Session(NamedTuple):
    """Who is in: the key's id (None is the development key), since when, the last request that counted, its own name."""

    key_id: str | None
    since: int
    seen: int
    name: str


@dataclass(slots=True)
class PageContext:
    """One page: its language, who is in, and the cookies that its answer sets.

    A cookie that is None is left as it is, and one that is empty is deleted.
    """

    language: str
    session: Session | None = None
    session_cookie: str | None = None
    form_cookie: str | None = None


def open_page(context: PageContext) -> None:
    """Make this the context of the current page."""
    g.page_context = context


def page_context() -> PageContext:
    """The context of the current page."""
    context: PageContext = g.page_context
    return context


def language_or(default: str) -> str:
    """The language of the current page; the default where a request is for no page of the console."""
    return page_context().language if "page_context" in g else default
