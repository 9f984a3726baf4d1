"""What is open to anyone: health, the API's document and its reader, and Arki's own example pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson
from flask import Response, render_template, request
from flask_babel import force_locale

from models.contract.codes import Language
from models.decision.catalogue import OWN_PAGES
from models.decision.recommender import Recommender
from service.api.fields import Code, StrictSchema
from service.api.openapi import served_document
from service.api.operations import bundle_of_request, service
from service.api.problems import NotFoundError
from service.api.requests import (
    ENGLISH,
    INTERFACE_LANGUAGES,
    interface_language,
    preferred_language,
    read_query,
)
from service.security.admission import Lane

DOCS_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class OpenPage(NamedTuple):
    """A page that needs no key: its address, its view, its lane of `service.security.admission`."""

    rule: str
    view: Callable[..., Response]
    lane: Lane = "single"


class PageQuerySchema(StrictSchema):
    """Which language to show a page in."""

    language = Code("languages")


_QUERY: Final = PageQuerySchema()


def home() -> Response:
    """Say what Arki is, and where to go."""
    vocabulary = bundle_of_request().recommender.vocabulary
    languages = {*vocabulary.languages, *INTERFACE_LANGUAGES}
    asked = preferred_language(request.accept_languages, languages, ENGLISH)
    return _page("home.html", root="", spoken=interface_language(asked, vocabulary))


def docs() -> Response:
    """Read and try the API."""
    return _page("docs.html", csp=DOCS_CSP)


def openapi() -> Response:
    """The API's OpenAPI 3.1 document."""
    contract = bundle_of_request().recommender.contract
    return Response(served_document(contract), content_type="application/json")


def healthz() -> Response:
    """Say that the process answers; asks nothing else."""
    return _status(200, {"status": "ok"})


def readyz() -> Response:
    """Say which bundle is served, and what is wrong if a newer one was refused."""
    ours = service()
    versions = ours.bundle().recommender.versions._asdict()
    return _status(200, {"status": "ready", **versions, "problem": ours.store.problem})


def content_page(content: str) -> Response:
    """Show one of Arki's own example pages."""
    recommender = bundle_of_request().recommender
    language, vocabulary = language_of_page(recommender), recommender.vocabulary
    shown = example_page(recommender, content, language)
    if shown is not None:
        return _page("content.html", spoken=interface_language(shown["language"], vocabulary), **shown)
    if not _asks_for_a_page():
        raise NotFoundError("There is no example page by that id. GET /v1/content lists the items there are.")
    return _page("missing.html", status=404, spoken=interface_language(language, vocabulary))


PAGES: Final = (
    OpenPage("/", home),
    OpenPage("/docs", docs),
    OpenPage("/openapi.json", openapi),
    OpenPage("/healthz", healthz, "probe"),
    OpenPage("/readyz", readyz, "probe"),
    OpenPage("/content/<content>", content_page),
)
"""`service.app` makes their routes."""


def language_of_page(recommender: Recommender) -> Language:
    """The language that the address of a page asks for; without one, the first of the vocabulary."""
    query = read_query(_QUERY, request.args, recommender.contract)
    language: Language = query.get("language", recommender.vocabulary.default_language)
    return language


def example_page(recommender: Recommender, content: str, language: Language) -> dict[str, Any] | None:
    """What the page of an item shows; None for an item that is unknown, a draft or kept elsewhere.

    An item that does not exist in a language is shown in one it does exist in, and says so by its `lang`.
    """
    item = recommender.catalogue.items.get(content)
    if item is None or not item.approved or not item.languages:
        return None
    vocabulary = recommender.vocabulary
    shown = item.language_for(language)
    kind = vocabulary.content_types[item.type]
    text: Mapping[str, Any] = item.source["languages"][shown]
    ours = text["url"].startswith(OWN_PAGES)
    if not ours and "body" not in text:
        return None
    body = text.get("body", [])
    return {
        "language": shown,
        "kind": kind.name.get(shown) or kind.code,
        "title": text["title"],
        "paragraphs": [body] if isinstance(body, str) else body,
        "scenes": text.get("script", []),
        "captions": text.get("captions", []),
        "text_alternative": text.get("text_alternative"),
        "elsewhere": None if ours else text["url"],
        "others": [
            (other, f"?language={other}", item.languages[other].title)
            for other in vocabulary.languages
            if other in item.languages and other != shown
        ],
    }


def _asks_for_a_page() -> bool:
    """Whether the client is a browser, which prefers a page to a problem."""
    accepted = request.accept_mimetypes
    return bool(accepted["text/html"] > accepted["application/problem+json"])


def _page(
    template: str,
    *,
    spoken: Language = ENGLISH,
    csp: str = PAGE_CSP,
    status: int = 200,
    **shown: Any,  # noqa: ANN401
) -> Response:
    """A page whose own words are in a language of the interface; `language` may say that its content is in another."""
    # Addresses in a page are relative, so that it works at any ARKI_PUBLIC_URL and where another site passes it on.
    shown = {"root": "../", "spoken": spoken, "language": spoken, **shown}
    with force_locale(spoken):
        page = render_template(template, **shown)
    response = Response(page, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = csp
    return response


def _status(status: int, wire: Mapping[str, object]) -> Response:
    return Response(orjson.dumps(wire), status=status, content_type="application/json")
