"""From a checked request to the answer on the wire; where a failure becomes the neutral answer marked degraded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from models.contract.signals import FaultLimit
from models.decision.experiments import Assigner
from models.decision.facts import may_personalise
from models.decision.recommendation import Recommendation
from models.decision.recommender import Recommender
from service.api.compiled import dumper
from service.api.explanations import EXPLANATION
from service.api.problems import InvalidRequestError, problem_of
from service.api.requests import limit_of_request, read_batch, read_customer, ref_of
from service.api.schemas import Answer, Ask, Batch, RecommendationSchema
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
        batch, limit = read_batch(document, self.recommender.contract), limit_of_request()
        return {
            "results": [self._result(document, batch, index, limit) for index in range(len(batch.customers))]
        }

    def explanation(self, ask: Ask) -> dict[str, object]:
        """How the answer to one customer came about."""
        explain, wishes = self.recommender.explain, self._wishes(ask)
        draw = self.assigner.draw(ask.assignment_key)
        explained = self._guarded(
            lambda: explain(ask.signals, shown=ask.shown, draw=draw, **wishes),
            lambda: explain(ask.signals, degraded=True, **wishes),
        )
        shown = self._dump(explained.recommendation, totals_only=not may_personalise(ask.signals))
        return {"recommendation": shown, **_explained(explained)}

    def _result(self, document: Document, batch: Batch, index: int, limit: FaultLimit) -> dict[str, object]:
        customer, contract = batch.customers[index], self.recommender.contract
        try:
            ask = batch.complete(read_customer(document, customer, index, contract, limit))
        except InvalidRequestError as error:
            problem, ref = problem_of(error), ref_of(customer)
            named = {} if ref is None else {"ref": ref}
            return {"index": index, **named, "status": problem["status"], "problem": problem}
        ref_given = {} if ask.ref is None else {"ref": ask.ref}
        return {"index": index, **ref_given, "status": 200, "recommendation": self.recommendation(ask)}

    def _recommend(self, ask: Ask) -> Recommendation:
        ours, wishes, draw = self.recommender, self._wishes(ask), self.assigner.draw(ask.assignment_key)
        return self._guarded(
            lambda: ours.recommend([ask.signals], shown=ask.shown, draw=draw, **wishes)[0],
            lambda: ours.degraded(ask.signals, **wishes),
        )

    def _wishes(self, ask: Ask) -> dict[str, Any]:
        """What a request wishes for that the neutral answer keeps, too."""
        at = ask.as_of or self.now
        return {"at": at, "language": ask.language, "limit": ask.limit, "showable": ask.showable}

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
