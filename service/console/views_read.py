"""The pages for reading: overview, mapping and its rules, content, model, outcomes; sign-in and what is open to anyone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Response, redirect, request, url_for

from models.contract.codes import CUSTOMER_TYPES, PERSON, CustomerType
from models.decision.facts import SEGMENT
from service.api import listings
from service.api.operations import bundle_of_request, service
from service.api.problems import NotFoundError
from service.api.request_context import request_context
from service.console import auth, matrix, model_figures, summaries
from service.console.base import best_language, go, names, refusal, show, today
from service.console.customer_form import customer_type_of
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
    served = bundle_of_request()
    return show(
        "overview",
        names=names(),
        segments=tuple(served.recommender.vocabulary.segments.values()),
        shares=summaries.shares(served),
        versions=served.recommender.versions,
        problem=service().store.problem,
        activations=summaries.activations(service().settings.bundles),
        warnings=served.parts["check.json"]["warnings"],
        cells=served.parts["check.json"]["cells"],
        rules={kind: len(served.recommender.rulebook.tables[kind].rules) for kind in CUSTOMER_TYPES},
        ending=summaries.ending(served, today()),
        expired=summaries.expired(served, today()),
    )


def mapping() -> Response:
    """Who gets what: the matrix, and the rules to search."""
    served, kind = bundle_of_request(), customer_type_of(request.args.get("type"))
    facts, words, named = served.recommender.facts, served.recommender.vocabulary, names()
    filters = matrix.chosen_filters(facts, kind, request.args)
    group = matrix.chosen_group(facts, kind, request.args)
    shown = matrix.matrix(served, kind, filters, service().clock(), named.language_of_answers(), group)
    query = {name: request.args.get(name, "") for name in (*_RULE_FILTERS, "page")}
    return show(
        "mapping",
        names=named,
        kind=kind,
        filters=filters,
        filter_facts=matrix.filter_facts(facts, kind),
        groups=matrix.groups_for(facts, kind),
        group=group,
        matrix=shown,
        fits=matrix.first_lookups().model == served.recommender.versions.model,
        query=query,
        kept={
            name: value for name, value in {**query, **filters, "group": group, "type": kind}.items() if value
        },
        found=matrix.find_rules(served, query, today()),
        owners=matrix.owners(served),
        channels=words.channels,
        content_types=words.content_types,
        segments=facts.fact(PERSON, SEGMENT).values,
        life_events=words.life_events,
    )


def groups() -> Response:
    """The segments and further groups: who is in each, where it comes from, and which overlap."""
    served = bundle_of_request()
    words = served.recommender.vocabulary
    return show(
        "groups",
        names=names(),
        segments=tuple(words.segments.values()),
        terms=words.groups,
        groups=summaries.groups(served),
        campaigns=served.recommender.rulebook.campaigns.all,
        items=served.recommender.catalogue.items,
        day_now=today(),
    )


def mapping_csv() -> Response:
    """Who gets what, as a table for a spreadsheet; no cell can be taken for a formula.

    After the columns of `/v1/mapping`, what such customers of the simulated population get most often.
    """
    served, at = bundle_of_request(), service().clock()
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
    if any(campaign.id == rule for campaign in bundle_of_request().recommender.rulebook.campaigns.all):
        return redirect(url_for("console.groups", _anchor=rule))  # type: ignore[return-value]
    listed = matrix.one_rule(bundle_of_request(), rule, today())
    if listed is None:
        raise NotFoundError
    served = bundle_of_request()
    return show(
        "rule",
        names=names(),
        listed=listed,
        rule=listed.rule,
        examples=matrix.examples_of(served, listed),
        items_by_topic=matrix.items_by_topic(
            served, listed, service().clock(), names().language_of_answers()
        ),
        languages_of_answers=served.recommender.vocabulary.complete_languages,
    )


def content() -> Response:
    """The catalogue, what ends, and where it has holes."""
    served = bundle_of_request()
    query = {name: request.args.get(name, "") for name in (*_CONTENT_FILTERS, "page")}
    items, total, shown_page, pages = summaries.find_items(served, query, today())
    covered, words = summaries.coverage(served, today()), served.recommender.vocabulary
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
        groups=[segment for _, segment in summaries.mapped_segments(served.recommender.rulebook)],
        topics=words.topics,
        content_types=words.content_types,
        languages_of_content=words.languages,
        languages_of_coverage=words.complete_languages,
        ending=summaries.ending(served, today()),
        expired=summaries.expired(served, today()),
        day_now=today(),
    )


def model() -> Response:
    """The model's card in figures, its plots, differences between groups, drift."""
    figures = model_figures.figures(bundle_of_request())
    attribute = request.args.get("by", "age_band")
    attribute = attribute if attribute in _GROUP_ATTRIBUTES else "age_band"
    groups = [row for row in figures["groups"] if row["attribute"] == attribute]
    return show(
        "model",
        names=names(),
        shown_groups=groups,
        attribute=attribute,
        attributes=_GROUP_ATTRIBUTES,
        segments=bundle_of_request().recommender.vocabulary.inferred,
        **figures,
    )


def model_file(name: str) -> Response:
    """A file of the model's artifact: a plot, the card, the calibration report, the register entry."""
    file = model_figures.artifact_file(bundle_of_request(), name) if name in model_figures.FILES else None
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
    items = matrix.offered_to(
        bundle_of_request(), kind, rule, commonest.facts, service().clock(), names().language_of_answers()
    )
    titles = " | ".join(item.content.title for item in items)
    cells = (f"{commonest.share:.4f}", rule.channel, rule.content, rule.id, titles)
    return dict(zip(_COMMONEST, cells, strict=True))


def _reports() -> Sequence[Any]:
    """A report by each dimension, where outcomes are kept."""
    recorder = getattr(service(), "outcomes", None)
    if recorder is None:
        return ()
    recommender, now = bundle_of_request().recommender, service().clock()
    combinations = recommender.combinations()
    return [
        recorder.report(by, rulebook=recommender.rulebook, combinations=combinations, now=now)
        for by in OUTCOME_DIMENSIONS
    ]
