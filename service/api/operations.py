"""The REST operations: each a row of `OPERATIONS` and a view of a few lines.

`service.app` makes routes, access checks and query checks from the rows, `service.api.openapi` the document. A view's first
line is its summary there. Anything that goes wrong is an exception, which `service.api.problems` turns into an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast

import orjson
from flask import Response, current_app, request
from marshmallow import Schema

from models.decision.bundle import Bundle
from models.decision.experiments import Assigner
from service.api import listing_schemas, listings, outcome_schemas
from service.api.answers import Answers
from service.api.explanations import ExplanationSchema
from service.api.problems import OutcomesOffError
from service.api.request_context import RequestContext, request_context
from service.api.requests import ASK, BATCH, customers_in, read_ask
from service.api.schemas import MOST_CUSTOMERS, BatchSchema, RecommendationSchema
from service.http.body import LARGEST_BATCH_BODY, LARGEST_BODY, Document, read_document
from service.observability import metrics
from service.observability.logs import RequestLog
from service.observability.tracing import Tracer
from service.outcomes.events import Event, report_csv
from service.security.access import KeyRing
from service.security.admission import AdmissionControl, Lane
from service.security.limits import RateLimitedError, RateLimits
from service.security.network import Network
from service.security.references import References
from service.settings import Settings

if TYPE_CHECKING:
    from service.outcomes.recorder import Outcomes

EXPLANATION_COST: Final = 3
"""As how many requests an explanation counts; it takes about three times the processor time of a recommendation."""


class ServedBundles(Protocol):
    """Where bundles to answer from come from: a `BundleStore`, or a fake.

    `problem` says why a newer bundle was refused.
    """

    problem: str | None

    def bundle(self) -> Bundle:
        """The bundle to answer one request from."""


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told of each request that was answered."""

    log: RequestLog | None
    tracer: Tracer | None


@dataclass(frozen=True, slots=True)
class Service:
    """What the views share; one per app, handed in by `create_app`."""

    settings: Settings
    store: ServedBundles
    keys: KeyRing
    references: References
    clock: Callable[[], datetime]
    limits: RateLimits
    network: Network
    admission: AdmissionControl
    watch: metrics.BundleWatch
    watchers: Watchers
    assigner: Assigner
    outcomes: Outcomes | None = None

    def bundle(self) -> Bundle:
        """The bundle to answer one request from."""
        bundle = self.store.bundle()
        self.watch.see(bundle, self.store.problem)
        return bundle

    def open_outcomes(self) -> Outcomes:
        """Where outcomes are kept. Raises `OutcomesOffError` if nowhere."""
        if self.outcomes is None:
            raise OutcomesOffError
        return self.outcomes


@dataclass(frozen=True, slots=True)
class Operation:
    """One route that needs a key: its scope, the schemas of what goes in and out, statuses besides those of all.

    `lane` says in which lane of `service.security.admission` its requests are, `cost` as how many requests one counts in a key's limit.
    """

    method: Literal["GET", "POST"]
    rule: str
    view: Callable[..., Response]
    scope: str
    answer: Schema | None
    body: Schema | None = None
    query: Schema = listing_schemas.NoQuerySchema()  # noqa: RUF009  (schemas hold no state between loads)
    media_types: tuple[str, ...] = ("application/json",)
    answers: tuple[int, ...] = (200,)
    problems: tuple[int, ...] = ()
    lane: Lane = "single"
    cost: int = 1


def service() -> Service:
    """The service of the current app."""
    return cast("Service", current_app.extensions["arki"])


def bundle_of_request() -> Bundle:
    """The bundle that the current request is answered from, taken once: one answer, one bundle."""
    context = request_context()
    if context.bundle is None:
        context.bundle = service().bundle()
    return context.bundle


def recommend() -> Response:
    """Recommend channel and content to one customer, with the reason."""
    answers, document = _single()
    return _json(answers.recommendation(read_ask(document, answers.recommender.contract)))


def recommend_batch() -> Response:
    """Recommend to up to 500 customers, each answered or refused on its own."""
    context = request_context()
    answers = _answers(context)
    document = read_document(context.environ, largest=LARGEST_BATCH_BODY)
    customers = customers_in(document)
    if 1 < customers <= MOST_CUSTOMERS:  # a longer list is refused at a glance
        count_request(service(), context, customers, counted=1)
    return _json(answers.batch(document))


def explain() -> Response:
    """Explain a recommendation: each signal's contribution, each rule passed over, why no other item is offered."""
    answers, document = _single()
    return _json(answers.explanation(read_ask(document, answers.recommender.contract)))


def list_segments() -> Response:
    """List the life-situation segments in Kela's words, and the further groups of customers."""
    vocabulary = bundle_of_request().recommender.vocabulary
    return _json({"segments": listings.segments(vocabulary), "groups": listings.groups(vocabulary)})


def show_segment(segment: str) -> Response:
    """Show one segment."""
    return _json(listings.segment(bundle_of_request().recommender.vocabulary, segment))


def show_mapping() -> Response:
    """Show which segment gets which channel and content, as JSON or CSV."""
    bundle, query = bundle_of_request(), request_context().query
    rows = listings.mapping_rows(bundle, query, at=service().clock())
    if query.get("format", _preferred_format()) == "csv":
        return Response(listings.mapping_csv(rows), content_type="text/csv; charset=utf-8")
    return _json({"rows": rows, "versions": listings.versions(bundle)})


def show_rulebook() -> Response:
    """Show the decision tables, what they guarantee, and the campaigns."""
    return _json(listings.rulebook(bundle_of_request()))


def list_content() -> Response:
    """List the content catalogue, a page at a time."""
    return _json(listings.content(bundle_of_request(), request_context().query))


def list_channels() -> Response:
    """List the channels, and whether each is open now."""
    return _json(listings.channels(bundle_of_request(), at=service().clock()))


def show_model() -> Response:
    """Show the model as served: its manifest and its scorecard."""
    return _json(listings.model(bundle_of_request()))


def record_outcomes() -> Response:
    """Store what came of suggestions: one event, or up to 100, each stored or refused on its own."""
    outcomes = service().open_outcomes()
    document = read_document(request.environ, largest=outcome_schemas.LARGEST_EVENTS_BODY)
    events, listed = outcome_schemas.read_events(document)
    sound = [event for event in events if isinstance(event, Event)]
    verdicts = outcomes.record(sound, client=request_context().key_id or "", now=service().clock())
    metrics.count_outcomes(verdict.result for verdict in verdicts)
    wire = outcome_schemas.results(events, verdicts, listed=listed)
    created = not listed and verdicts[0].result == "stored"
    return _json(wire, status=201 if created else 200)


def report_outcomes() -> Response:
    """Report what came of suggestions over whole weeks, by one dimension, as JSON or CSV."""
    recommender, query = bundle_of_request().recommender, request_context().query
    report = (
        service()
        .open_outcomes()
        .report(
            query["by"],
            rulebook=recommender.rulebook,
            combinations=recommender.combinations(),
            now=service().clock(),
            first=query.get("from_"),
            last=query.get("to"),
        )
    )
    if query.get("format", _preferred_format()) == "csv":
        return Response(report_csv(report), content_type="text/csv; charset=utf-8")
    return _json(outcome_schemas.report_json(report))


def show_metrics() -> Response:
    """Show what was counted, for Prometheus."""
    service().bundle()
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


_RECOMMENDATION: Final = RecommendationSchema()
_MAPPING_MEDIA: Final = ("application/json", "text/csv")
OPERATIONS: Final = (
    Operation("POST", "/v1/recommendations", recommend, "recommend", _RECOMMENDATION, ASK),
    Operation(
        "POST", "/v1/recommendations/batch", recommend_batch, "recommend", BatchSchema(), BATCH, lane="bulk"
    ),
    Operation(
        "POST",
        "/v1/explanations",
        explain,
        "segments:read",
        ExplanationSchema(),
        ASK,
        lane="bulk",
        cost=EXPLANATION_COST,
    ),
    Operation("GET", "/v1/segments", list_segments, "content:read", listing_schemas.SegmentsSchema()),
    Operation("GET", "/v1/segments/<segment>", show_segment, "content:read", listing_schemas.SegmentSchema()),
    Operation(
        "GET",
        "/v1/mapping",
        show_mapping,
        "content:read",
        listing_schemas.MappingSchema(),
        query=listing_schemas.MappingQuerySchema(),
        media_types=_MAPPING_MEDIA,
        lane="bulk",
    ),
    Operation("GET", "/v1/rulebook", show_rulebook, "content:read", listing_schemas.RulebookSchema()),
    Operation(
        "GET",
        "/v1/content",
        list_content,
        "content:read",
        listing_schemas.ContentListSchema(),
        query=listing_schemas.ContentQuerySchema(),
    ),
    Operation("GET", "/v1/channels", list_channels, "content:read", listing_schemas.ChannelsSchema()),
    Operation("GET", "/v1/model", show_model, "content:read", listing_schemas.ModelSchema()),
    Operation(
        "POST",
        "/v1/outcomes",
        record_outcomes,
        "outcomes:write",
        outcome_schemas.OutcomesAnswerSchema(),
        outcome_schemas.EVENTS_BODY,
        answers=(200, 201),
        problems=(404,),
        lane="waiting",
    ),
    Operation(
        "GET",
        "/v1/outcomes/report",
        report_outcomes,
        "outcomes:read",
        outcome_schemas.ReportSchema(),
        query=outcome_schemas.ReportQuerySchema(),
        media_types=_MAPPING_MEDIA,
        problems=(404,),
        lane="waiting",
    ),
    Operation("GET", "/metrics", show_metrics, "operate", None, media_types=("text/plain",), lane="probe"),
)
BY_ENDPOINT: Final[Mapping[str, Operation]] = {operation.view.__name__: operation for operation in OPERATIONS}


def count_request(ours: Service, context: RequestContext, cost: int, *, counted: int = 0) -> None:
    """Count a request against its key, as so many of which some are counted already. Raises `RateLimitedError`."""
    try:
        context.count = ours.limits.admit(
            context.key_id, cost=cost, counted=counted, divisible=cost == 1 or counted > 0
        )
    except RateLimitedError:
        metrics.LIMITED.inc()
        raise


def _single() -> tuple[Answers, Document]:
    """What answers a request about one customer, of a bundle taken before the body is read, and the body."""
    context = request_context()
    return _answers(context), read_document(context.environ, largest=LARGEST_BODY)


def _answers(context: RequestContext) -> Answers:
    ours = service()
    bundle = context.bundle = context.bundle or ours.bundle()
    return Answers(
        bundle.recommender,
        ours.references,
        ours.clock(),
        "segments:read" in context.scopes,
        context.request_id,
        context.recommendations,
        ours.assigner,
    )


def _preferred_format() -> str:
    accepted = request.accept_mimetypes
    return "csv" if accepted and accepted.best_match(_MAPPING_MEDIA) == "text/csv" else "json"


def _json(wire: Mapping[str, Any], *, status: int = 200) -> Response:
    return Response(orjson.dumps(wire), status, content_type="application/json")
