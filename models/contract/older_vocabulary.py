"""The vocabulary of bundles made before it was data: what stood in code then. Standard library only.

Nothing else may name these codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, PERSON


def older_document(
    topics: Mapping[str, Any], texts: Mapping[str, Any], kinds: Iterable[str]
) -> dict[str, Any]:
    """`vocabulary.json` as it would be of a bundle made before vocabularies were data, whose lists stood in code.

    Parameters
    ----------
    topics : mapping
        `topics` of its catalogue: the tree, and what leads to each topic.
    texts : mapping
        `texts.json`, which held the names of segments.
    kinds : iterable of str
        The kinds of content that its channels and items name.
    """
    tree = topics["topics"]

    def named(section: str) -> dict[str, Any]:
        return {
            code: {"topic": topic, "name": _labels(tree[topic])} for code, topic in topics[section].items()
        }

    segments = {
        code: {
            "for": PERSON if code in _OLDER_INFERRED else EMPLOYER,
            "origin": "inferred" if code in _OLDER_INFERRED else "known",
            **texts["segments"][code],
        }
        for code in (*_OLDER_INFERRED, EMPLOYER)
    }
    events = named("event_topics")
    for child in _OLDER_CHILDREN:
        parent = child.partition(".")[0]
        if parent in events:
            events[parent].setdefault("children", {})[child] = events[parent]["name"]
    return {
        "segments": segments,
        "groups": {},
        "benefits": named("benefit_topics"),
        "claim_kinds": named("claim_topics"),
        "life_events": events,
        "content_types": {
            kind: {"name": {}, "easy": kind == _OLDER_EASY} for kind in dict.fromkeys((*_OLDER_KINDS, *kinds))
        },
        "languages": dict(map(_language, _OLDER_LANGUAGES)),
        "topics": {
            code: {
                "name": _labels(labels),
                **({"parent": labels["parent"]} if "parent" in labels else {}),
            }
            for code, labels in tree.items()
        },
        "starts": dict(zip(CUSTOMER_TYPES, _OLDER_STARTS, strict=True)),
    }


def _language(code: str) -> tuple[str, dict[str, Any]]:
    fallback = [other for other in _OLDER_LANGUAGES if other != code]
    return code, {"name": {}, "national": code in _OLDER_NATIONAL, "complete": True, "fallback": fallback}


def _labels(labels: Mapping[str, Any]) -> dict[str, str]:
    return {code: text for code, text in labels.items() if code != "parent"}


_OLDER_INFERRED: Final = ("steady", "changing", "supported")
_OLDER_LANGUAGES: Final = ("fi", "sv", "en")
_OLDER_NATIONAL: Final = ("fi", "sv")
_OLDER_STARTS: Final = ("general", "employers")
_OLDER_EASY: Final = "easy_read"
_OLDER_KINDS: Final = (
    "nudge",
    "explainer_video",
    "guide",
    "web_page",
    "form",
    "calculator",
    "easy_read",
    "article",
    "appointment_offer",
    "contact_card",
)
_OLDER_CHILDREN: Final = ("KE1.1", "KE4.1", "KE4.2", "KE4.3", "KE4.4")
