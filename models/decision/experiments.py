"""Experiments inside the rules: the variants of a rule's content, and which of them a customer is drawn into.

*Control* is the rule's own content. A draw is a keyed hash of the experiment's id and an opaque key that the client
chose: it is sticky, it is computed anew each time, and it is kept nowhere. Who gives no key is drawn into nothing.

References
----------
Sticky assignment by salted hash, and logged propensities: Kohavi, Tang, Xu, *Trustworthy Online Controlled
Experiments* (2020), chapters 13 and 21.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

BUCKETS: Final = 10_000
CONTROL: Final = "control"
_PERCENT: Final = BUCKETS // 100
_SALT: Final = b"arki.assignment"

Draw = Callable[[str], int]
"""From an experiment's id to a customer's bucket in it, 0 to 9,999."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Kinds of content, in order, and the share (percent) of the customers in the experiment who are offered them."""

    id: str
    share: int
    content: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a rule tries beside its own content. Shares are whole percents and make 100 with `control_share`."""

    id: str
    control_share: int
    variants: tuple[Variant, ...]


class Assignment(NamedTuple):
    """The variant that a customer was drawn into, by which rule, and with which probability (propensity)."""

    rule: str
    experiment: str
    variant: str
    propensity: float

    @property
    def arm(self) -> str:
        """The variant under a name that no other experiment has; what outcomes are counted by."""
        return f"{self.experiment}/{self.variant}"


def arm_of(arms: tuple[Variant, ...], bucket: int) -> Variant:
    """The arm that a bucket belongs to: control has the first buckets, then each variant in the order written."""
    end = 0
    for arm in arms:
        end += arm.share * _PERCENT
        if bucket < end:
            return arm
    raise ValueError("the shares of an experiment make less than 100")


def bucket_of(arms: tuple[Variant, ...], variant: str) -> int:
    """The first bucket of an arm, the inverse of `arm_of`. Raises `ValueError` where there is no such arm."""
    start = 0
    for arm in arms:
        if arm.id == variant:
            return start
        start += arm.share * _PERCENT
    raise ValueError(f"the experiment has no arm {variant}")


class Assigner:
    """Draws customers under a secret; whoever lacks it cannot tell who is drawn into what.

    Parameters
    ----------
    secret : str
        One secret, or several separated by commas, of which the last draws: a new one put in front moves nobody, and only
        when the old one leaves is everyone drawn anew.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.rpartition(",")[2].strip().encode(), _SALT, "sha256")

    def draw(self, assignment_key: str | None) -> Draw | None:
        """The draws of the customer with a key; None without one."""
        if assignment_key is None:
            return None
        key = assignment_key.encode()
        return lambda experiment: self._bucket(experiment, key)

    def _bucket(self, experiment: str, key: bytes) -> int:
        salt = hmac.digest(self._key, experiment.encode(), "sha256")
        return int.from_bytes(hmac.digest(salt, key, "sha256")[:8], "big") % BUCKETS
