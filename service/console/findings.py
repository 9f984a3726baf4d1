"""Findings of a child process, told again in the reader's language from their codes and names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup, escape

from models.authoring.findings import Finding, Phrase
from models.authoring.messages import TEAM_LANGUAGES
from service.api.requests import ENGLISH
from service.console.labels import language

_QUOTED: Final = re.compile("`([^`]+)`")


def sheet_sentence(finding: Mapping[str, Any]) -> Markup:
    """What is wrong with a spreadsheet; the English messages lack their subject."""
    subject = "The table " if language() == ENGLISH else ""
    return escape(subject) + finding_sentence(finding)


def finding_sentence(finding: Mapping[str, Any]) -> Markup:
    """What was found and what to do, with what stands in backticks as code."""
    spoken = next(code for code in TEAM_LANGUAGES if code == language())
    original = Finding("error", "", 0, "", finding["code"], _names(finding["names"]))
    said = str(escape(f"{original.message_in(spoken)} {original.remedy_in(spoken)}"))
    return Markup(_QUOTED.sub(r"<code>\1</code>", said))  # noqa: S704  (escaped above)


def _names(names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: Phrase(value["phrase"], _names(value["names"])) if isinstance(value, Mapping) else value
        for name, value in names.items()
    }
