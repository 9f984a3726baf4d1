"""The version of the code that decides, as a digest of the constants and lists an answer hangs on besides its bundle.

Thresholds of facts, the contract of signals, the facts and their values, and what bounds an answer live in code. Two
releases that differ in any of them may answer one customer differently from one bundle, so each answer names the digest
beside its bundle, and a replay compares it. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from models.contract import channels, codes, vocabulary
from models.contract.signals import DECLARED
from models.decision import catalogue, decision_table, experiments, facts, recommender
from models.decision.scorecard import FEATURE_CONTRACT, FEATURES, PLACES

EDITION: Final = 2
"""Raised by whoever changes how an answer is made without changing any of `constants`; golden answers then change too."""
DIGITS: Final = 12


def constants() -> dict[str, Any]:
    """Everything of the code that decides and can be written down, by name, as JSON can hold it."""
    return {
        "edition": EDITION,
        "thresholds": {
            "missing_documents_from": facts.MISSING_DOCUMENTS_FROM,
            "repeat_contacts_from": facts.REPEAT_CONTACTS_FROM,
            "assisted_from": facts.ASSISTED_FROM,
            "size_classes": facts.SIZE_CLASSES,
        },
        "facts": {
            kind: {fact.name: fact.values for fact in declared}
            for kind, declared in facts.declared_facts(vocabulary.EMPTY).items()
        },
        "signals": {
            kind: [
                [signal.name, signal.kind, signal.used_by, signal.maximum, signal.values, signal.codes]
                for signal in DECLARED[kind].values()
            ]
            for kind in codes.CUSTOMER_TYPES
        },
        "model": {"contract": FEATURE_CONTRACT, "features": FEATURES, "places": PLACES},
        "usual_priority": catalogue.USUAL_PRIORITY,
        "stated_topic": decision_table.STATED_TOPIC,
        "timezone": str(channels.HELSINKI),
        "experiment_buckets": experiments.BUCKETS,
        "answer": {"reasons_shown": recommender.REASONS_SHOWN, "most_shown": catalogue.MOST_SHOWN},
    }


def digest(values: dict[str, Any]) -> str:
    """The first 12 digits of the SHA-256 of some constants."""
    written = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()[:DIGITS]


DECISION_CODE: Final = digest(constants())
"""Which code decided, in the versions of each answer."""
