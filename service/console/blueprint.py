"""Puts the console into the app: its routes, its languages, and what its views share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Flask, g, request
from flask_babel import Babel

from service.api.operations import Service
from service.console import auth, base, views_edit, views_read, views_replay
from service.console.customer_form import Drafts
from service.console.draft_jobs import Jobs
from service.settings import Settings

TRANSLATIONS: Final = Path(__file__).parent / "translations"
OPEN_CONSOLE: Final = frozenset(base.OPEN)
"""Endpoints of the console that need no session."""
CLOSED_CONSOLE: Final = dict(base.CLOSED)
"""Endpoints that need one, and the scope its key must have."""
LANES: Final = dict(base.LANES)
"""Endpoints that wait or cost much, and their lane of `service.security.admission`."""
_VIEWS: Final = (views_read, views_replay, views_edit)  # imported for the routes they declare


def install(app: Flask, settings: Settings) -> None:
    """Register the console."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    Babel(app, default_locale="en", locale_selector=_locale)
    drafts = settings.drafts or (settings.run / "console" if settings.run is not None else None)
    app.extensions["arki.console"] = base.Console(
        auth.make_door(settings), Jobs(drafts, settings.bundles), Drafts()
    )
    app.register_blueprint(base.console)


def _locale() -> str:
    """The language of the page; English writes days and numbers as in Britain."""
    language = str(g.get("language", "en"))
    return "en_GB" if language == "en" else language


def admit(ours: Service) -> None:
    """Let a request to a closed page in, or raise what its page will say."""
    request.max_content_length = base.LARGEST_UPLOAD + (64 << 10)
    auth.admit(ours, CLOSED_CONSOLE[str(request.endpoint)])
