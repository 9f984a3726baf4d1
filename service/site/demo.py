"""The front end's module `/clients/arki.js`, and `/demo`, a page that shows it at work with invented customers.

The page asks for a key, which stays in the tab. That is for trying out; in production the site's own back end holds it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
from flask import Response, render_template, request
from flask_babel import force_locale
from flask_babel import gettext as translated

from models.contract.vocabulary import LanguageTerm
from service.api.operations import bundle_of_request, service
from service.api.problems import NotFoundError
from service.api.requests import interface_language
from service.site.pages import OpenPage, language_of_page

DEMO_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MODULE_KEPT_S: Final = 3600  # an hour: a front end has a repaired module the same day
_HERE: Final = Path(__file__).parent
_CLIENTS: Final = next(
    folder for folder in (_HERE.parent / "clients", _HERE.parent.parent / "clients") if folder.is_dir()
)  # in the wheel, in the source tree
_MODULE: Final = (_CLIENTS / "arki.js").read_bytes()
PERSONAS: Final[list[dict[str, Any]]] = orjson.loads((_HERE.parent / "personas.json").read_bytes())
"""`fixtures/personas.yaml` as JSON: the serving process reads no YAML."""
_SHOWN: Final = ("id", "customer_type", "language", "signals")


def client_module() -> Response:
    """Give the client and custom element for a front end."""
    response = Response(_MODULE, content_type="text/javascript; charset=utf-8")
    response.cache_control.public = True
    response.cache_control.max_age = MODULE_KEPT_S
    response.add_etag()
    response.make_conditional(request)
    return response


def demo_page() -> Response:
    """Show recommendations in a page like those of an e-service."""
    if not service().settings.demo:
        raise NotFoundError("The demonstration is off; ARKI_DEMO=on shows it.")
    recommender = bundle_of_request().recommender
    language, vocabulary = language_of_page(recommender), recommender.vocabulary
    spoken = interface_language(language, vocabulary)
    with force_locale(spoken):
        page = render_template(
            "demo.html",
            spoken=spoken,
            language=language,
            languages=[(code, _own_name(term)) for code, term in vocabulary.languages.items()],
            personas=[
                {name: persona[name] for name in _SHOWN} | {"story": translated(persona["story"])}
                for persona in PERSONAS
            ],
        )
    response = Response(page, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = DEMO_CSP
    return response


def _own_name(term: LanguageTerm) -> str:
    """What a language calls itself, or what the first of its fallbacks calls it."""
    name = term.name.get(term.spoken(term.name) or "", term.code)
    return name[:1].upper() + name[1:]


DEMO: Final = (OpenPage("/clients/arki.js", client_module), OpenPage("/demo", demo_page))
"""Beside `service.site.pages.PAGES`."""
