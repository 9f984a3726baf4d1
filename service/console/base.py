"""What all pages of the console share: the language in the address, how a page is made, what is answered where something fails.

Every answer is HTML with a policy that allows no
script at all; whatever goes wrong is a page too, in the reader's language.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from flask import Response, current_app, redirect, render_template, request, url_for
from flask_babel import LazyString, format_date, format_decimal, format_number, format_percent, format_time
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from models.contract.channels import HELSINKI
from models.decision.bundle import Bundle
from service.api.operations import bundle_of_request, service
from service.api.problems import KINDS, NotFoundError
from service.api.request_context import request_context
from service.api.requests import ENGLISH, INTERFACE_LANGUAGES, preferred_language
from service.console import auth
from service.console.charts import bar, reach_of
from service.console.customer_form import Drafts
from service.console.draft_jobs import DraftsBusyError, Jobs
from service.console.labels import Names
from service.console.page_context import PageContext, language_or, open_page, page_context
from service.observability.logs import error_place
from service.security.access import ForbiddenError, UnauthenticatedError
from service.security.limits import RateLimitedError

CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
LARGEST_UPLOAD: Final = 2 * 1024 * 1024
WRITE_SCOPE: Final = "content:write"
"""What sending a draft, or asking for other long work, needs; reading needs `door.SCOPE`."""
NAVIGATION: Final = ("overview", "mapping", "customer", "drafts", "content", "model", "outcomes")
_SERVER_ERROR: Final = 500
_log: Final = logging.getLogger("arki")


@dataclass(frozen=True, slots=True)
class Console:
    """What the console's views share; one per app."""

    door: auth.Door
    jobs: Jobs
    drafts: Drafts


def shared() -> Console:
    """The console of the current app."""
    ours: Console = current_app.extensions["arki.console"]
    return ours


def today() -> date:
    """The day it is in Finland."""
    return service().clock().astimezone(HELSINKI).date()


def show(template: str, status: int = 200, **values: object) -> Response:
    """A page."""
    context, session = page_context(), page_context().session
    html = render_template(
        f"console/{template}.html",
        language=context.language,
        signed_in=session is not None,
        token=auth.form_token() if session is not None else "",
        navigation=NAVIGATION if session is not None else (),
        may_write=WRITE_SCOPE in request_context().scopes,
        here=(request.endpoint or "").removeprefix("console."),
        languages=_other_languages(),
        **FORMATS,
        **values,
    )
    return Response(html, status, content_type="text/html; charset=utf-8")


def go(endpoint: str, **values: Any) -> Response:  # noqa: ANN401  (parts of an address)
    """Send the browser to another page, which it asks for with GET."""
    return redirect(url_for(f"console.{endpoint}", **values), 303)  # type: ignore[return-value]


def names(bundle: Bundle | None = None) -> Names:
    """The names of codes in a bundle, by default that of this page."""
    return Names(bundle or bundle_of_request())


def take_language(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take the language out of an address, so that no view has it as an argument."""
    open_page(PageContext((values or {}).pop("language", None) or best_language()))


def put_language(endpoint: str, values: dict[str, Any]) -> None:
    """Put the language of this page into the addresses of others."""
    if endpoint not in {"console.static", "console.start"}:
        values.setdefault("language", language_or(INTERFACE_LANGUAGES[0]))


def finish(response: Response) -> Response:
    """Put the policy and the cookies on an answer."""
    response.headers["Content-Security-Policy"] = CSP
    return auth.put_cookies(response)


def best_language() -> str:
    """The language that the browser asks for; Finnish where it asks for none of ours."""
    return preferred_language(request.accept_languages, INTERFACE_LANGUAGES, INTERFACE_LANGUAGES[0])


def _other_languages() -> list[tuple[str, str]]:
    """The same page in each language; a form's answer leads to the empty form, since signals travel in no address."""
    values = dict(request.view_args or {})
    query = request.args.to_dict() if request.method == "GET" else {}
    forms = {
        "console.try_customer": "console.customer",
        "console.check_draft": "console.drafts",
        "console.replay_answer": "console.replaying",
    }
    here = request.endpoint or "console.overview"
    endpoint = forms.get(here, here)
    return [
        (code, url_for(endpoint, **{**query, **values, "language": code})) for code in INTERFACE_LANGUAGES
    ]


def _day(value: date | str | None) -> str:
    """A day as the language writes it."""
    if value is None or value in {date.min, date.max}:
        return "–"
    return str(format_date(date.fromisoformat(value) if isinstance(value, str) else value, "medium"))


def _moment(value: datetime | str) -> str:
    """A moment in Finland, to the minute."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = at.astimezone(HELSINKI).replace(tzinfo=None)
    return f"{_day(local.date())} {format_time(local, 'short', rebase=False)}"


def _percent(value: float, digits: int = 1) -> str:
    space = "" if page_context().language == ENGLISH else "\N{NO-BREAK SPACE}"
    return str(format_percent(value, "#,##0" + ("." + "0" * digits if digits else "") + space + "%"))


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{format_decimal(value, '#,##0.00')}".replace("-", "−")


FORMATS: Final[Mapping[str, object]] = {
    "number": format_number,
    "decimal": lambda value, digits=2: format_decimal(value, "#,##0." + "0" * digits),
    "percent": _percent,
    "signed": _signed,
    "day": _day,
    "moment": _moment,
    "bar": bar,
    "reach_of": reach_of,
}


_SAID: Final[Mapping[type[Exception], tuple[int, LazyString, LazyString]]] = {
    auth.StaleFormError: (
        403,
        _l("The form is out of date"),
        _l("Open the page again and send the form anew."),
    ),
    NotFoundError: (404, _l("Not found"), _l("There is nothing at this address any more.")),
    RequestEntityTooLarge: (413, _l("The file is too large"), _l("Send at most 2 MB at a time.")),
    ForbiddenError: (
        403,
        _l("This key may not do that"),
        _l("Ask whoever runs the service for a key with the scope %(scope)s.", scope=WRITE_SCOPE),
    ),
    DraftsBusyError: (503, _l("Much is being worked on"), _l("Try again in a minute.")),
    RateLimitedError: (429, _l("Too many attempts"), _l("Try again in a minute.")),
}


def answer_error(error: Exception) -> Response:
    """A page for whatever went wrong; what was sent is not repeated."""
    if isinstance(error, auth.SignInNeededError):
        page_context().session_cookie = ""
        return go("sign_in")
    status, title, advice = _SAID.get(type(error)) or _of_kind(error)
    if status == _SERVER_ERROR:
        request_id = request_context().request_id
        _log.error("request %s failed: %s", request_id, error_place(error))
        advice = _("Tell whoever runs the service this id: %(id)s.", id=request_id)
    response = show("error", status, title=title, advice=advice)
    if status in {429, 503}:
        response.headers["Retry-After"] = str(getattr(error, "retry_after_s", 60))
    return response


def _of_kind(error: Exception) -> tuple[int, LazyString, LazyString | str]:
    """What is said of an error that the console does not know itself."""
    if type(error) in KINDS:
        return int(KINDS[type(error)].status), _l("This cannot be done now"), _l("Try again in a minute.")
    if isinstance(error, HTTPException) and error.code != _SERVER_ERROR:
        return error.code or 400, _l("This cannot be done here"), _l("Begin from the overview.")
    return _SERVER_ERROR, _l("Something went wrong"), ""


def refusal(error: Exception) -> LazyString:
    """Why a key was refused at sign-in, in the reader's language; the key is not repeated."""
    if isinstance(error, ForbiddenError):
        return _l("This key does not open the console. Ask for a key with the scope content:read.")
    if isinstance(error, UnauthenticatedError) and "expired" in str(error):
        return _l("The key has expired. Ask for a new one.")
    return _l("The key is not known here. Check that all of it was copied.")
