"""From a checked request to the answer on the wire; where a failure becomes the neutral answer marked degraded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from models.contract.signals import FaultLimit
from models.decision.experiments import Assigner
from models.decision.facts import may_personalise
from models.decision.recommendation import Recommendation
from models.decision.recommender import Recommender
from service.api.compiled import dumper
from service.api.explanations import EXPLANATION
from service.api.problems import InvalidRequestError, problem_of
from service.api.requests import limit_of_request, read_customer, read_customers, ref_of
from service.api.schemas import Answer, Ask, RecommendationSchema
from service.http.body import Document
from service.observability.logs import error_place
from service.observability.metrics import DEGRADED
from service.security.references import References

_log: Final = logging.getLogger("arki")
wire: Final = dumper(RecommendationSchema())
"""An `Answer` as the API sends it."""
_explained: Final = dumper(EXPLANATION)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answers:
    """Makes the answers to one HTTP request, all from one bundle.

    Attributes
    ----------
    now : datetime
        The aware moment of the request; stands in where the request names none.
    shows_segment : bool
        Whether the key may read segments.
    recommendations : list of (Recommendation, bool)
        Filled with each recommendation and whether personalisation was allowed, to be counted.
    """

    recommender: Recommender
    references: References
    now: datetime
    shows_segment: bool
    request_id: str
    recommendations: list[tuple[Recommendation, bool]]
    assigner: Assigner

    def recommendation(self, ask: Ask) -> dict[str, object]:
        """The answer to one customer."""
        recommendation, allowed = self._recommend(ask), may_personalise(ask.signals)
        self.recommendations.append((recommendation, allowed))
        return self._dump(recommendation, totals_only=not allowed)

    def batch(self, document: Document) -> dict[str, object]:
        """An answer or a problem for each customer, in order."""
        customers, limit = read_customers(document), limit_of_request()
        results = [self._result(document, customer, index, limit) for index, customer in enumerate(customers)]
        return {"results": results}

    def explanation(self, ask: Ask) -> dict[str, object]:
        """How the answer to one customer came about."""
        at, draw, explain = (
            ask.as_of or self.now,
            self.assigner.draw(ask.assignment_key),
            self.recommender.explain,
        )
        explained = self._guarded(
            lambda: explain(
                ask.signals, at=at, language=ask.language, limit=ask.limit, shown=ask.shown, draw=draw
            ),
            lambda: explain(ask.signals, at=at, language=ask.language, limit=ask.limit, degraded=True),
        )
        shown = self._dump(explained.recommendation, totals_only=not may_personalise(ask.signals))
        return {"recommendation": shown, **_explained(explained)}

    def _result(
        self, document: Document, customer: object, index: int, limit: FaultLimit
    ) -> dict[str, object]:
        try:
            ask = read_customer(document, customer, index, limit)
        except InvalidRequestError as error:
            problem, ref = problem_of(error), ref_of(customer)
            named = {} if ref is None else {"ref": ref}
            return {"index": index, **named, "status": problem["status"], "problem": problem}
        ref_given = {} if ask.ref is None else {"ref": ask.ref}
        return {"index": index, **ref_given, "status": 200, "recommendation": self.recommendation(ask)}

    def _recommend(self, ask: Ask) -> Recommendation:
        at, draw, ours = ask.as_of or self.now, self.assigner.draw(ask.assignment_key), self.recommender
        return self._guarded(
            lambda: ours.recommend(
                [ask.signals], at=at, language=ask.language, limit=ask.limit, shown=ask.shown, draw=draw
            )[0],
            lambda: ours.degraded(ask.signals, at=at, language=ask.language, limit=ask.limit),
        )

    def _guarded(self, work: Callable[[], T], neutral: Callable[[], T]) -> T:
        """What `work` gives, or the neutral answer where it fails."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001  (whatever fails, a customer gets a full neutral answer)
            _log.error("request %s answered degraded: %s", self.request_id, error_place(error))
            DEGRADED.inc()
            return neutral()

    def _dump(self, recommendation: Recommendation, *, totals_only: bool) -> dict[str, object]:
        reference = self.references.issue(recommendation, at=self.now, totals_only=totals_only)
        segment = recommendation.segment if self.shows_segment else None
        return wire(Answer(reference, recommendation, segment))
