"""The console's pages: each a row of `PAGES`, from which its route, the scope it needs and its lane follow.

A view is registered nowhere else; a page without a scope is open to anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Blueprint, Flask, Response, request
from flask_babel import Babel

from service.api.operations import Service
from service.api.requests import ENGLISH, INTERFACE_LANGUAGES
from service.console import auth, base
from service.console import views_edit as edit
from service.console import views_read as read
from service.console import views_replay as replay
from service.console.base import WRITE_SCOPE
from service.console.customer_form import Drafts
from service.console.draft_jobs import Jobs
from service.console.page_context import language_or
from service.security.admission import Lane
from service.settings import Settings

TRANSLATIONS: Final = Path(__file__).parent.parent / "translations"
"""What Arki says to people, in Finnish and Swedish, for these pages and those of `service.site`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page at `/console/<language>` and a rule: its methods, its view, the scope that a session's key needs, its lane.

    `scope` is None for a page that is open to anyone, `lane` one of `service.security.admission`. `in_language` is False for
    the one page whose address names no language.
    """

    rule: str
    methods: tuple[str, ...]
    view: Callable[..., Response]
    scope: str | None
    lane: Lane = "single"
    in_language: bool = True

    @property
    def endpoint(self) -> str:
        """Its name among the app's routes."""
        return f"console.{self.view.__name__}"


_GET: Final = ("GET",)
_POST: Final = ("POST",)
PAGES: Final = (
    Page("/", _GET, read.start, None, in_language=False),
    Page("/sign-in", ("GET", "POST"), read.sign_in, None),
    Page("/accessibility", _GET, read.accessibility, None),
    Page("/sign-out", _POST, read.sign_out, auth.SCOPE),
    Page("/", _GET, read.overview, auth.SCOPE),
    Page("/groups", _GET, read.groups, auth.SCOPE),
    Page("/mapping", _GET, read.mapping, auth.SCOPE),
    Page("/mapping.csv", _GET, read.mapping_csv, auth.SCOPE, "bulk"),
    Page("/rules/<rule>", _GET, read.rule, auth.SCOPE),
    Page("/content", _GET, read.content, auth.SCOPE),
    Page("/model", _GET, read.model, auth.SCOPE),
    Page("/model/<name>", _GET, read.model_file, auth.SCOPE),
    Page("/outcomes", _GET, read.outcomes, auth.SCOPE, "waiting"),
    Page("/customer", _GET, edit.customer, auth.SCOPE, "waiting"),
    Page("/customer", _POST, edit.try_customer, auth.SCOPE, "bulk"),
    Page("/drafts", _GET, edit.drafts, auth.SCOPE, "waiting"),
    Page("/drafts", _POST, edit.check_draft, WRITE_SCOPE, "waiting"),
    Page("/drafts/<job>", _GET, edit.draft, auth.SCOPE, "waiting"),
    Page("/drafts/<job>/<name>", _GET, edit.draft_file, auth.SCOPE, "waiting"),
    Page("/spreadsheet", _POST, edit.spreadsheet, WRITE_SCOPE, "waiting"),
    Page("/replay", _GET, replay.replaying, auth.SCOPE),
    Page("/replay", _POST, replay.replay_answer, auth.SCOPE, "bulk"),
    Page("/<path:rest>", _GET, read.nothing, auth.SCOPE),
)
OPEN_CONSOLE: Final = frozenset({"console.static", *(page.endpoint for page in PAGES if page.scope is None)})
"""Endpoints of the console that need no session. A test freezes the list."""
CLOSED_CONSOLE: Final = {page.endpoint: page.scope for page in PAGES if page.scope is not None}
"""Endpoints that need one, and the scope its key must have."""
LANES: Final[Mapping[str, Lane]] = {page.endpoint: page.lane for page in PAGES if page.lane != "single"}
"""Endpoints that wait or cost much, and their lane."""


def install(app: Flask, settings: Settings) -> None:
    """Register the console."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    Babel(app, default_locale=ENGLISH, locale_selector=_locale)
    drafts = settings.drafts or (settings.run / "console" if settings.run is not None else None)
    app.extensions["arki.console"] = base.Console(
        auth.make_door(settings), Jobs(drafts, settings.bundles), Drafts()
    )
    app.register_blueprint(_blueprint())


def admit(ours: Service) -> None:
    """Let a request to a closed page in, or raise what its page will say."""
    request.max_content_length = base.LARGEST_UPLOAD + (64 << 10)
    auth.admit(ours, CLOSED_CONSOLE[str(request.endpoint)])


def _blueprint() -> Blueprint:
    """The routes of all pages, and what every page passes through."""
    console = Blueprint(
        "console", __name__, url_prefix="/console", template_folder="templates", static_folder="static"
    )
    for page in PAGES:
        language = f"/<any({', '.join(INTERFACE_LANGUAGES)}):language>" if page.in_language else ""
        console.add_url_rule(
            language + page.rule,
            view_func=page.view,
            methods=page.methods,
            strict_slashes=page.in_language,  # `/console` is an address too
        )
    console.url_value_preprocessor(base.take_language)
    console.url_defaults(base.put_language)
    console.after_request(base.finish)
    console.register_error_handler(Exception, base.answer_error)
    return console


def _locale() -> str:
    """The language of the page; English writes days and numbers as in Britain."""
    language = language_or(ENGLISH)
    return "en_GB" if language == ENGLISH else language
