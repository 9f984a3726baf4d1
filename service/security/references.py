"""The recommendation reference: a signed, compact token that makes an answer accountable without storing it.

It holds ids and versions alone: which bundle and decision code, which items by which rule in which channel, and what was
asked: when, for which moment, in which language, how many items, which were shown before and which can be shown (as
digests), which variant of an experiment was drawn. With the customer's signals, which it does not hold, the answer can be made again (`service.api.replay`).
No signal, no segment, nothing personal; whoever holds it may read it, and only the service can make one.

`<key id>.<payload>.<signature>`, URL-safe. The payload is a JSON list that begins with the number of its format. Format 1
did not say what was asked; such references still count outcomes. The key id says which of the service's secrets signed, so that a reference made elsewhere is told from one that was changed.
Which of two keys of that secret signed says whether outcomes may be counted by rule and content, or, where the customer
objected or is a minor, as totals only: a bit that nobody without the secret can read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson
from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode

from models.contract.codes import Language
from models.decision.experiments import Assignment
from models.decision.query import EVERYTHING, Showable
from models.decision.recommendation import Item, Recommendation

FORMAT: Final = 2
LONGEST_REFERENCE: Final = 4096  # ten items and ten statutory ones of the longest ids take 2,500
DEFAULT_DAYS: Final = 30
CERTAIN: Final = 1_000_000
_PURPOSES: Final = ("arki.recommendation", "arki.recommendation.totals")


class BadReferenceError(ValueError):
    """A reference that counts nothing here; `code` says why: tampered, foreign or expired."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ReferencedItem(NamedTuple):
    """One item of an answer by its ids; where an experiment chose it, the variant and its chance in millionths."""

    content: str
    rule: str
    channel: str
    variant: str = ""
    propensity: int = CERTAIN


@dataclass(frozen=True, slots=True)
class Reference:
    """What a recommendation reference says.

    Attributes
    ----------
    nonce : str
        Tells two answers of one second apart.
    as_of : datetime
        The moment answered for; `issued` is when.
    limit : int or None
        At most so many items were asked for; None in format 1, which cannot be replayed.
    shown : str
        `shown_digest` of the content ids that the request listed.
    drawn : str
        The arm of an experiment that the customer was drawn into, whether or not an item came of it; or empty.
    code : str
        The decision code, as `models.decision.decision_code` names it.
    showable : str
        `showable_digest` of the channels and kinds of content that the request listed.
    key_id : str
        Which secret signed.
    totals_only : bool
        Whether outcomes may be counted as totals alone, because the customer objected or is a minor.
    """

    nonce: str
    bundle: str
    issued: datetime
    language: Language
    degraded: bool
    items: tuple[ReferencedItem, ...]
    statutory: tuple[str, ...]
    key_id: str
    totals_only: bool
    as_of: datetime
    limit: int | None = None
    shown: str = ""
    drawn: str = ""
    code: str = ""
    showable: str = ""


class _Keys(NamedTuple):
    """What one secret gives: a signer for each purpose, and the key of marks."""

    signers: tuple[Signer, Signer]
    marks: bytes


class References:
    """Makes and reads references.

    Parameters
    ----------
    secret : str
        One secret, or several separated by commas: the first signs, all are believed. So a new one goes in front, and
        the old one leaves once its last reference has expired.
    days : int
        How long a reference counts.
    """

    def __init__(self, secret: str, *, days: int = DEFAULT_DAYS) -> None:
        keys = [_keys(part.strip().encode()) for part in secret.split(",")]
        # Reversed, so that of two secrets with one id the first, which signs, is the one that is found.
        self._keys = dict(reversed(keys))
        self._key_id, (self._signers, _) = keys[0]
        self.lifetime = timedelta(days=days)

    def issue(self, recommendation: Recommendation, *, at: datetime, totals_only: bool = False) -> str:
        """The reference of an answer given at a moment; `totals_only` for one who objected, or a minor."""
        payload = [
            FORMAT,
            secrets.token_urlsafe(9),
            recommendation.versions.bundle,
            int(at.timestamp()),
            recommendation.language,
            int(recommendation.degraded),
            _grouped(recommendation.items, recommendation.experiment),
            [item.content.id for item in recommendation.statutory],
            int(recommendation.as_of.timestamp()) - int(at.timestamp()),
            recommendation.limit,
            shown_digest(recommendation.shown),
            recommendation.drawn.arm if recommendation.drawn else "",
            recommendation.versions.code,
        ]
        # References travel in addresses, so one says nothing of lists that were not given.
        if recommendation.showable != EVERYTHING:
            payload.append(showable_digest(recommendation.showable))
        signed = f"{self._key_id}.".encode() + base64_encode(orjson.dumps(payload))
        return self._signers[totals_only].sign(signed).decode("ascii")

    def read(self, token: str, *, now: datetime) -> Reference:
        """What a reference says. Raises `BadReferenceError` unless this service signed it as it stands, not too long ago."""
        reference = self.verified(token)
        if now - reference.issued > self.lifetime:
            raise BadReferenceError(
                "expired_reference",
                f"has expired: outcomes count for {self.lifetime.days} days after the answer.",
            )
        return reference

    def verified(self, token: str) -> Reference:
        """What a reference of any age says. Raises `BadReferenceError` unless this service signed it as it stands."""
        key_id, _, rest = token.partition(".")
        keys = self._keys.get(key_id)
        if keys is None:
            raise BadReferenceError(
                "foreign_reference",
                "was not made by this service, or under a secret it no longer has. Send it as the answer gave it.",
            )
        totals_only = next((at for at, signer in enumerate(keys.signers) if _holds(signer, token)), None)
        if totals_only is None:
            raise BadReferenceError(
                "tampered_reference", "was changed on the way. Send it as the answer gave it."
            )
        payload = orjson.loads(base64_decode(rest.partition(".")[0]))
        return _read(payload, key_id, totals_only=bool(totals_only))

    def mark(self, reference: Reference, item: str, event: str) -> bytes:
        """16 bytes that are the same for one event of one item of one answer, and that link to nothing without the secret."""
        said = f"{reference.nonce} {item} {event}".encode()
        return hmac.digest(self._keys[reference.key_id].marks, said, "sha256")[:16]


def references_of(recommendation: Recommendation) -> tuple[ReferencedItem, ...]:
    """The items of an answer as its reference says them."""
    return _ungrouped(_grouped(recommendation.items, recommendation.experiment))


def shown_digest(shown: Iterable[str]) -> str:
    """Eleven characters that are the same for the same content ids in any order; empty for none."""
    ids = sorted(set(shown))
    return _digest("\n".join(ids).encode()) if ids else ""


def showable_digest(showable: Showable) -> str:
    """Eleven characters that are the same for the same lists; empty where everything can be shown."""
    return "" if showable == EVERYTHING else _digest(orjson.dumps([*showable]))


def _digest(listed: bytes) -> str:
    return base64_encode(hashlib.sha256(listed).digest()[:8]).decode("ascii")


def _grouped(items: Iterable[Item], experiment: Assignment | None) -> list[list[Any]]:
    """Items as [rule, channel, content ids]; where an experiment chose them, its arm and the chance before the ids.

    What neighbouring items share is written once.
    """
    groups: list[list[Any]] = []
    rule = channel = None
    for item in items:
        # References travel in addresses and forms, so neighbours that share rule and channel say them once.
        if item.reason.rule == rule and item.channel == channel:
            groups[-1][-1].append(item.content.id)
            continue
        rule, channel = item.reason.rule, item.channel
        drawn = experiment is not None and experiment.rule == rule
        chance = [experiment.arm, round(experiment.propensity * CERTAIN)] if experiment and drawn else []
        groups.append([rule, channel, *chance, [item.content.id]])
    return groups


def _ungrouped(groups: list[list[Any]]) -> tuple[ReferencedItem, ...]:
    return tuple(
        ReferencedItem(content, rule, channel, *chance)
        for rule, channel, *chance, contents in groups
        for content in contents
    )


def _read(payload: list[Any], key_id: str, *, totals_only: bool) -> Reference:
    _, nonce, bundle, issued, language, degraded, groups, statutory, *asked = payload
    after, *rest = asked or (0,)
    return Reference(
        nonce=nonce,
        bundle=bundle,
        issued=datetime.fromtimestamp(issued, UTC),
        language=language,
        degraded=bool(degraded),
        items=_ungrouped(groups),
        statutory=tuple(statutory),
        key_id=key_id,
        totals_only=totals_only,
        as_of=datetime.fromtimestamp(issued + after, UTC),
        **dict(zip(("limit", "shown", "drawn", "code", "showable"), rest, strict=False)),
    )


def _holds(signer: Signer, token: str) -> bool:
    return token.isascii() and signer.validate(token)


def _keys(secret: bytes) -> tuple[str, _Keys]:
    """The id of a secret and its keys, derived once, not once per answer."""
    key_id = hmac.digest(secret, b"arki.key-id", "sha256").hex()[:6]
    signers = [
        Signer(
            hmac.digest(secret, purpose.encode(), "sha256"),
            salt=purpose,
            key_derivation="none",
            digest_method=hashlib.sha256,
        )
        for purpose in _PURPOSES
    ]
    return key_id, _Keys((signers[0], signers[1]), hmac.digest(secret, b"arki.marks", "sha256"))
