"""The recommendation reference: a signed, compact token that makes an answer accountable without storing it.

It holds ids and versions alone: which bundle, which items by which rule in which channel, when and in which language.
No signal, no segment, nothing personal; whoever holds it may read it, and only the service can make one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from models.experiments import Assignment
from models.recommender import Recommendation

_SALT: Final = "arki.recommendation"


class BadReferenceError(ValueError):
    """A reference this service did not make, or that was changed on the way."""


class ReferencedItem(NamedTuple):
    """One item of an answer by its ids."""

    content: str
    rule: str
    channel: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What a recommendation reference says. `nonce` tells two answers of one second apart."""

    nonce: str
    bundle: str
    issued: datetime
    language: str
    degraded: bool
    items: tuple[ReferencedItem, ...]
    statutory: tuple[str, ...]
    experiment: Assignment | None = None


class References:
    """Makes and reads references under one secret."""

    def __init__(self, secret: str) -> None:
        key = hmac.digest(secret.encode(), _SALT.encode(), "sha256")  # derived once, not once per answer
        self._serializer = URLSafeSerializer(
            key, salt=_SALT, signer_kwargs={"key_derivation": "none", "digest_method": hashlib.sha256}
        )

    def issue(self, recommendation: Recommendation, *, at: datetime) -> str:
        """The reference of an answer given at a moment."""
        payload = [
            secrets.token_urlsafe(9),
            recommendation.versions.bundle,
            int(at.timestamp()),
            recommendation.language,
            int(recommendation.degraded),
            [[item.content.id, item.reason.rule, item.channel] for item in recommendation.items],
            [item.content.id for item in recommendation.statutory],
            recommendation.experiment,
        ]
        token = self._serializer.dumps(payload)
        return token.decode() if isinstance(token, bytes) else token

    def read(self, token: str) -> Reference:
        """What a reference says. Raises `BadReferenceError` unless this service signed it as it stands."""
        try:
            payload: list[Any] = self._serializer.loads(token)
        except BadData:
            raise BadReferenceError("The recommendation_id was not made by this service.") from None
        nonce, bundle, issued, language, degraded, items, statutory, experiment = payload
        return Reference(
            nonce=nonce,
            bundle=bundle,
            issued=datetime.fromtimestamp(issued, UTC),
            language=language,
            degraded=bool(degraded),
            items=tuple(ReferencedItem(*item) for item in items),
            statutory=tuple(statutory),
            experiment=None if experiment is None else Assignment(*experiment),
        )
