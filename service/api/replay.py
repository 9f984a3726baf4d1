"""Makes an answer again from its reference and the customer's request: the same bytes, or a statement of what is missing.

The reference names the bundle, the decision code and what was asked; the customer's signals come from whoever keeps them,
since Arki does not. `arki-rulebook replay` and the console's page both call `replay`. Nothing is stored here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from models.contract.signals import Signals
from models.decision import bundle as bundles
from models.decision.bundle import Bundle
from models.decision.decision_table import Rulebook
from models.decision.experiments import Draw, bucket_of
from models.decision.facts import may_personalise
from models.decision.recommendation import Explanation
from service.api.answers import wire
from service.api.requests import read_plain
from service.api.schemas import Answer, Ask
from service.http.body import Document
from service.security.references import (
    Reference,
    ReferencedItem,
    references_of,
    showable_digest,
    shown_digest,
)

SENTENCES: Final[Mapping[str, str]] = {
    "old_format": "The reference was made before references said what was asked. Its items can be read, the answer cannot be made again.",
    "no_bundle": "The bundle {bundle} is not in {folder}. Bring its folder back from a backup or another machine, and try again.",
    "bad_bundle": "The bundle {bundle} cannot be used: {problem}.",
    "other_code": "The answer was made by the decision code {code}; this installation has {ours}. Replay it with the release that has {code}.",
    "other_shown": "The request listed other content as shown before. Give the same content ids under `shown`.",
    "other_showable": "The request listed other channels or kinds of content that can be shown. Give the same `channels` and `content_types`; those of a batch stand beside its customers.",
    "other_answer": "These signals do not give that answer: it offered {was}; they give {now}. The signals are not the ones it was made from.",
    "other_permission": "Whether personalisation was allowed differs: the signals are not the ones the answer was made from.",
}
"""What stands in the way of a replay, by its code."""


class ReplayError(Exception):
    """An answer that cannot be made again; `code` is a key of `SENTENCES`, `names` fill its sentence."""

    def __init__(self, code: str, /, **names: str) -> None:
        super().__init__(SENTENCES[code].format(**names))
        self.code, self.names = code, names


@dataclass(frozen=True, slots=True)
class Replayed:
    """An answer made again: as the API sent it, and how it came about."""

    body: bytes
    explanation: Explanation
    signals: Signals
    bundle: Bundle


def replay(
    reference: Reference,
    token: str,
    request: bytes,
    *,
    folder: Path,
    public_url: str = "",
    shows_segment: bool = False,
) -> Replayed:
    """The answer that a reference names, made again.

    Parameters
    ----------
    reference : Reference
        What `token` says. Its moment, language and limit count, whatever the request says.
    request : bytes
        The customer's request as JSON, as it was sent to the API, alone or in a batch; its signals and the content shown
        before count. The vocabulary of the bundle that answered says what it may name.
    folder : Path
        Where bundles are kept (`ARKI_BUNDLES`).
    public_url : str
        Where browsers reached the service (`ARKI_PUBLIC_URL`); part of the addresses, and of no reference.
    shows_segment : bool
        Whether the key that asked had the scope `segments:read`.

    Raises
    ------
    ReplayError
        If something is missing, or the request does not give that answer.
    MalformedBodyError
        If the request is not JSON that every parser reads alike.
    InvalidRequestError
        If the API would have refused it.
    """
    document = Document(request)
    bundle = _bundle(reference, folder, public_url)
    ask = read_plain(document, bundle.recommender.contract)
    _check_request(reference, ask)
    explanation = bundle.recommender.explain(
        ask.signals,
        at=reference.as_of,
        language=reference.language,
        limit=reference.limit or 1,
        shown=ask.shown,
        draw=_draw(bundle.recommender.rulebook, reference.drawn),
        showable=ask.showable,
        degraded=reference.degraded,
    )
    answer = explanation.recommendation
    was = (reference.items, reference.statutory)
    now = (references_of(answer), tuple(item.content.id for item in answer.statutory))
    if was != now:
        raise ReplayError("other_answer", was=_ids(*was), now=_ids(*now))
    segment = answer.segment if shows_segment else None
    body = orjson.dumps(wire(Answer(token, answer, segment)))
    return Replayed(body, explanation, ask.signals, bundle)


def _bundle(reference: Reference, folder: Path, public_url: str) -> Bundle:
    """The bundle that a reference names, verified, where the decision code is the one that answered."""
    if reference.limit is None:
        raise ReplayError("old_format")
    digest = next((name for name in bundles.available(folder) if name.startswith(reference.bundle)), None)
    if digest is None:
        raise ReplayError("no_bundle", bundle=reference.bundle, folder=str(folder))
    try:
        bundle = bundles.load(folder, digest, public_url=public_url)
    except bundles.BundleError as error:
        raise ReplayError("bad_bundle", bundle=reference.bundle, problem=str(error)) from None
    ours = bundle.recommender.versions.code
    if ours != reference.code:
        raise ReplayError("other_code", code=reference.code, ours=ours)
    return bundle


def _check_request(reference: Reference, ask: Ask) -> None:
    """Raises `ReplayError` where a reference says otherwise of what was asked."""
    if reference.shown != ("" if reference.degraded else shown_digest(ask.shown)):
        raise ReplayError("other_shown")
    if reference.showable != showable_digest(ask.showable):
        raise ReplayError("other_showable")
    if reference.totals_only == may_personalise(ask.signals):
        raise ReplayError("other_permission")


def _ids(items: Iterable[ReferencedItem], statutory: Iterable[str]) -> str:
    return ", ".join([*(item.content for item in items), *statutory]) or "nothing"


def _draw(rulebook: Rulebook, drawn: str) -> Draw | None:
    """A draw that falls into the arm of a reference, of whichever rule has that experiment, or whichever campaign."""
    experiment, _, variant = drawn.partition("/")
    rules = (rule for table in rulebook.tables.values() for rule in table.rules)
    drawing = {rule.experiment.id: rule.arms() for rule in rules if rule.experiment}
    drawing |= {campaign.id: campaign.arms() for campaign in rulebook.campaigns.all}
    if experiment not in drawing:
        return None
    bucket = bucket_of(drawing[experiment], variant)
    return lambda _experiment: bucket
