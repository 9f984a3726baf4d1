"""The version of the code that decides, as a digest of the constants and lists an answer hangs on besides its bundle.

Thresholds of facts, the contract of signals, the facts and their values, and what bounds an answer live in code. Two
releases that differ in any of them may answer one customer differently from one bundle, so each answer names the digest
beside its bundle, and a replay compares it. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from models.contract import channels, codes
from models.contract.signals import CONTRACT
from models.decision import catalogue, decision_table, experiments, facts, offers, recommender
from models.decision.scorecard import FEATURE_CONTRACT, FEATURES, PLACES

EDITION: Final = 1
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
            kind: {fact.name: fact.values for fact in facts.FACTS[kind]} for kind in codes.CUSTOMER_TYPES
        },
        "signals": {
            kind: [
                [signal.name, signal.kind, signal.used_by, signal.maximum, signal.values]
                for signal in CONTRACT[kind].values()
            ]
            for kind in codes.CUSTOMER_TYPES
        },
        "model": {"contract": FEATURE_CONTRACT, "features": FEATURES, "places": PLACES},
        "languages": {language: catalogue.FALLBACK[language] for language in codes.LANGUAGES},
        "content": {"types": codes.CONTENT_TYPES, "general": catalogue.GENERAL, "easy": offers.EASY_READ},
        "channels": codes.CHANNELS,
        "life_events": codes.LIFE_EVENT_CODES,
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
