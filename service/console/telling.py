"""Findings of a child process, told again in the reader's language from their codes and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.findings import Finding, Phrase
from models.messages import TeamLanguage
from service.console.words import language


def finding_sentence(finding: Mapping[str, Any]) -> tuple[str, str]:
    """What was found, and what to do."""
    spoken: TeamLanguage = language()
    made = Finding("error", "", 0, "", finding["code"], _names(finding["names"]))
    return made.message_in(spoken), made.remedy_in(spoken)


def _names(names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: Phrase(value["phrase"], _names(value["names"])) if isinstance(value, Mapping) else value
        for name, value in names.items()
    }
