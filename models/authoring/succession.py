"""What became of the codes of a vocabulary since the bundle before: those added, those removed, and the version that says so.

Clients hold codes. Adding one is a minor version of the contract, removing one a major version; a code that answers name is
removed only once no answer that named it can still be shown or reported on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from models.authoring.findings import Authored, phrase
from models.contract.vocabulary import Vocabulary

FIRST: Final = (1, 0)
FILE: Final = "version.yaml"
_IN_ANSWERS: Final = ("channel", "content_type", "language", "segment")
_FILES: Final[Mapping[str, str]] = {
    "segment": "segments.yaml",
    "group": "groups.yaml",
    "channel": "channels.yaml",
    "benefit": "benefits.yaml",
    "claim_kind": "benefits.yaml",
    "life_event": "life_events.yaml",
    "content_type": "content_types.yaml",
    "language": "languages.yaml",
    "topic": "topics.yaml",
}


class HeldCode(NamedTuple):
    """A code and what it is one of."""

    kind: str
    code: str


def codes_of(vocabulary: Vocabulary) -> set[HeldCode]:
    """Every code that a client may hold."""
    person, employer = vocabulary.duties.values()
    parts: dict[str, Any] = {
        "segment": vocabulary.segments,
        "group": vocabulary.groups,
        "channel": vocabulary.channels,
        "benefit": person,
        "claim_kind": employer,
        "life_event": vocabulary.event_codes,
        "content_type": vocabulary.content_types,
        "language": vocabulary.languages,
        "topic": vocabulary.topics,
    }
    return {HeldCode(kind, code) for kind, codes in parts.items() for code in codes}


def read_version(written: object) -> tuple[int, int] | None:
    """A version written as "2.1"; None where it is none."""
    parts = str(written).split(".") if isinstance(written, str) else []
    if len(parts) != len(FIRST) or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def find_unsucceeded_codes(authored: Authored, old: Vocabulary, *, today: date) -> None:
    """Findings where the vocabulary of a draft breaks what the one before promised.

    Parameters
    ----------
    authored : Authored
        The draft.
    old : Vocabulary
        Of the bundle in use.
    today : date
    """
    if authored.lacks_vocabulary:
        return
    removed = sorted(codes_of(old) - codes_of(authored.terms))
    added = codes_of(authored.terms) - codes_of(old)
    for code in removed:
        if code.kind in _IN_ANSWERS and not _is_free(authored, old, code, today):
            at = (_FILES[code.kind], 1)
            authored.find(
                f"{code.kind} {code.code}", "code_removed", at=at, what=phrase(code.kind), value=code.code
            )
    before, now = (
        read_version(old.version) or FIRST,
        read_version(authored.vocabulary.get("version")) or FIRST,
    )
    wanted = (before[0] + 1, 0) if removed else (before[0], before[1] + 1) if added else before
    if now < wanted:
        listed = ", ".join(code.code for code in (removed or sorted(added)))
        authored.find(
            FILE,
            "version_behind",
            at=(FILE, 1),
            what=phrase("codes_removed" if removed else "codes_added"),
            values=listed,
            version=".".join(map(str, wanted)),
        )


def _is_free(authored: Authored, old: Vocabulary, code: HeldCode, today: date) -> bool:
    """Whether no answer that may still be shown or reported on names a code."""
    if code.kind != "channel":
        return False
    days = timedelta(days=authored.rulebook.get("answer_valid_days") or 0)
    return code.code in old.retired and old.retired[code.code] + days <= today
