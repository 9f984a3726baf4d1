"""The pages for reading: overview, mapping and its rules, content, model, outcomes; sign-in and what is open to anyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response, redirect, request, url_for

from models.contract.codes import (
    CHANNELS,
    CONTENT_TYPES,
    CUSTOMER_TYPES,
    LANGUAGES,
    LIFE_EVENTS,
    UNKNOWN,
    CustomerType,
)
from models.contract.segments import PERSON_SEGMENTS, Segment
from models.decision.facts import FACTS
from service.api import listings
from service.api.operations import service
from service.api.problems import NotFoundError
from service.api.request_context import request_context
from service.console import auth, matrix, model_figures, summaries
from service.console.base import best_language, bundle, go, names, refusal, show, today
from service.console.labels import language
from service.security.access import ForbiddenError, UnauthenticatedError

_RULE_FILTERS: Final = ("q", "customer_type", "channel", "content", "owner", "segment", "life_event")
_CONTENT_FILTERS: Final = ("q", "type", "topic", "in", "status")
OUTCOMES_SCOPE: Final = "outcomes:read"
OUTCOME_DIMENSIONS: Final = ("rule", "content", "channel", "segment")
_COMMONEST: Final = (
    "commonest_share",
    "commonest_channel",
    "commonest_content_types",
    "commonest_rule",
    "commonest_titles",
)
_GROUP_ATTRIBUTES: Final = ("age_band", "sex", "language")


def start() -> Response:
    """Go on in the language that the browser asks for."""
    return redirect(url_for("console.overview", language=best_language()), 303)  # type: ignore[return-value]


def sign_in() -> Response:
    """Let in who has a key."""
    if request.method == "GET":
        return show("sign_in", first_token=auth.first_token(), problem=None)
    try:
        auth.sign_in(service(), request.form.get("key", ""))
    except (UnauthenticatedError, ForbiddenError) as error:
        return show("sign_in", 403, first_token=auth.first_token(), problem=refusal(error))
    return go("overview")


def sign_out() -> Response:
    """End the session."""
    auth.sign_out()
    return go("sign_in")


def accessibility() -> Response:
    """Say how accessible the console is, and where to tell of what is not."""
    return show("accessibility", contact=service().settings.contact)


def overview() -> Response:
    """Segments, versions, what changed last, findings, content that ends."""
    served = bundle()
    return show(
        "overview",
        names=names(),
        segments=listings.segments(served),
        shares=summaries.shares(served),
        versions=served.recommender.versions,
        problem=service().store.problem,
        activations=summaries.activations(service().settings.bundles),
        warnings=served.parts["check.json"]["warnings"],
        cells=served.parts["check.json"]["cells"],
        rules={kind: len(served.recommender.rulebook.tables[kind].rules) for kind in ("person", "employer")},
        ending=summaries.ending(served, today()),
        expired=summaries.expired(served, today()),
    )


def mapping() -> Response:
    """Who gets what: the matrix, and the rules to search."""
    served, kind = bundle(), _customer_type()
    filters = matrix.chosen_filters(kind, request.args)
    query = {name: request.args.get(name, "") for name in (*_RULE_FILTERS, "page")}
    return show(
        "mapping",
        names=names(),
        kind=kind,
        filters=filters,
        filter_facts=[fact for fact in FACTS[kind] if fact.name in matrix.FILTERS[kind]],
        matrix=matrix.matrix(served, kind, filters, service().clock(), language()),
        fits=matrix.first_lookups().model == served.recommender.versions.model,
        query=query,
        kept={name: value for name, value in {**query, **filters, "type": kind}.items() if value},
        found=matrix.find_rules(served, query, today()),
        owners=matrix.owners(served),
        channels=[channel for channel in CHANNELS if channel in served.recommender.channels],
        content_types=CONTENT_TYPES,
        segments=(*map(str, PERSON_SEGMENTS), UNKNOWN),
        life_events=LIFE_EVENTS,
    )


def mapping_csv() -> Response:
    """Who gets what, as a table for a spreadsheet; no cell can be taken for a formula.

    After the columns of `/v1/mapping`, what such customers of the simulated population get most often.
    """
    served, at = bundle(), service().clock()
    tables = served.recommender.rulebook.tables
    commonest = {kind: matrix.commonest(tables[kind].on(today())) for kind in CUSTOMER_TYPES}
    rows = listings.mapping_rows(served, {}, at=at)
    for row in rows:
        kind, group = row["customer_type"], (row["segment"], row["fact"], row["value"])
        row.update(_commonest_cells(kind, commonest[kind].get(group)))
    response = Response(listings.mapping_csv(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="arki-mapping.csv"'
    return response


def rule(rule: str) -> Response:
    """One rule: conditions, outcome, reason in three languages, owner, examples."""
    listed = matrix.one_rule(bundle(), rule, today())
    if listed is None:
        raise NotFoundError
    texts = bundle().recommender.texts
    return show(
        "rule",
        names=names(),
        listed=listed,
        rule=listed.rule,
        examples=matrix.examples_of(bundle(), listed),
        items_by_topic=matrix.items_by_topic(bundle(), listed, service().clock(), language()),
        segments=texts["segments"],
    )


def content() -> Response:
    """The catalogue, what ends, and where it has holes."""
    served = bundle()
    query = {name: request.args.get(name, "") for name in (*_CONTENT_FILTERS, "page")}
    items, total, shown_page, pages = summaries.find_items(served, query, today())
    covered = summaries.coverage(served, today())
    holes = request.args.get("holes") == "1"
    return show(
        "content",
        names=names(),
        query=query,
        kept={name: value for name, value in query.items() if value},
        items=items,
        total=total,
        shown_page=shown_page,
        pages=pages,
        coverage=[row for row in covered if row.has_hole] if holes else covered,
        holes=holes,
        hole_topics=sum(row.has_hole for row in covered),
        groups=(*map(str, PERSON_SEGMENTS), UNKNOWN, Segment.EMPLOYER.value),
        topics=served.recommender.catalogue.topics["topics"],
        content_types=CONTENT_TYPES,
        languages_of_content=LANGUAGES,
        ending=summaries.ending(served, today()),
        expired=summaries.expired(served, today()),
        day_now=today(),
    )


def model() -> Response:
    """The model's card in figures, its plots, differences between groups, drift."""
    figures = model_figures.figures(bundle())
    attribute = request.args.get("by", "age_band")
    attribute = attribute if attribute in _GROUP_ATTRIBUTES else "age_band"
    groups = [row for row in figures["groups"] if row["attribute"] == attribute]
    return show(
        "model",
        names=names(),
        shown_groups=groups,
        attribute=attribute,
        attributes=_GROUP_ATTRIBUTES,
        segments=PERSON_SEGMENTS,
        **figures,
    )


def model_file(name: str) -> Response:
    """A file of the model's artifact: a plot, the card, the calibration report, the register entry."""
    file = model_figures.artifact_file(bundle(), name) if name in model_figures.FILES else None
    if file is None:
        raise NotFoundError
    response = Response(file, content_type=model_figures.FILES[name])
    if not name.endswith(".png"):
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def outcomes() -> Response:
    """What was shown, opened and helpful, for keys that may read it; empty until outcomes are reported."""
    readable = OUTCOMES_SCOPE in request_context().scopes
    return show("outcomes", names=names(), readable=readable, reports=_reports() if readable else ())


def nothing(rest: str) -> Response:  # noqa: ARG001  (whatever it is, there is nothing)
    """There is nothing at any other address."""
    raise NotFoundError


def _commonest_cells(kind: CustomerType, commonest: matrix.Commonest | None) -> dict[str, Any]:
    """Cells of the file about what customers of a row get most often; empty where the population has none."""
    if commonest is None:
        return dict.fromkeys(_COMMONEST, "")
    rule = commonest.rule
    items = matrix.offered_to(bundle(), kind, rule, commonest.facts, service().clock(), language())
    titles = " | ".join(item.content.title for item in items)
    cells = (f"{commonest.share:.4f}", rule.channel, rule.content, rule.id, titles)
    return dict(zip(_COMMONEST, cells, strict=True))


def _reports() -> Sequence[Any]:
    """A report by each dimension, where outcomes are kept."""
    recorder = getattr(service(), "outcomes", None)
    if recorder is None:
        return ()
    recommender, now = bundle().recommender, service().clock()
    combinations = recommender.combinations()
    return [
        recorder.report(by, rulebook=recommender.rulebook, combinations=combinations, now=now)
        for by in OUTCOME_DIMENSIONS
    ]


def _customer_type() -> CustomerType:
    return "employer" if request.args.get("type") == "employer" else "person"
