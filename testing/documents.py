"""The raw files of the content team, the scorecard and the published contract, as plain data.

Read anew from the files, by a reader of YAML that takes every word as text, so that nothing of Arki's own reading is
believed. May not import models, service or training.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parent.parent
CUSTOMER_TYPES: Final = ("person", "employer")
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Documents:
    """What one answer follows from.

    Attributes
    ----------
    rules : dict
        Customer type -> its rules in order; each `when` a dict of fact -> list of values, `then` with its defaults filled in.
    guarantees : list of dict
    answer_valid_days : int
    items : list of dict
        Catalogue, nudges and pages in one list.
    topics : dict
        The tree, where each type of customer starts, and under `event_topics`, `benefit_topics` and `claim_topics` the topic of
        each code.
    languages, groups, life_events : dict
        Code -> what the file says of it.
    campaigns : list of dict
    texts, scorecard : dict
        As the files hold them.
    channels : dict
        As the file holds it, with the days on which hours differ.
    signals : dict
        Customer type -> signal -> its schema in ``openapi.json``.
    """

    rules: dict[str, list[Document]]
    guarantees: list[Document]
    answer_valid_days: int
    items: list[Document]
    topics: Document
    languages: Document
    groups: Document
    life_events: Document
    campaigns: list[Document]
    channels: Document
    texts: Document
    scorecard: Document
    signals: dict[str, dict[str, Document]]

    def chain(self, language: str) -> list[str]:
        """A language and those that are tried after it."""
        return [language, *self.languages[language]["fallback"]]

    def text(self, texts: Document, language: str) -> str:
        """A text in a language, else in the first that is tried after it."""
        return str(next(texts[each] for each in self.chain(language) if each in texts))


def read_documents(models: Path = ROOT / "models", contract: Path = ROOT / "openapi.json") -> Documents:
    """Everything, from the folders as shipped."""
    content, words = models / "content", models / "vocabulary"
    table = _yaml(models / "rulebook" / "rules.yaml")
    guarantees = _yaml(models / "rulebook" / "guarantees.yaml")["guarantees"]
    schemas = json.loads(contract.read_text(encoding="utf-8"))["components"]["schemas"]
    return Documents(
        rules={
            kind: [_rule(rule, table["human_channel"][kind]) for rule in table[kind]]
            for kind in CUSTOMER_TYPES
        },
        guarantees=[
            each | {part: _conditions(each[part]) for part in ("every", "must")} for each in guarantees
        ],
        answer_valid_days=int(table["answer_valid_days"]),
        items=[
            item
            for name in ("catalogue.yaml", "nudges.yaml", "pages.yaml")
            for item in _yaml(content / name)["items"]
        ],
        topics=_yaml(words / "topics.yaml") | _leading_to_topics(words),
        languages=_yaml(words / "languages.yaml")["languages"],
        groups=_yaml(words / "groups.yaml")["groups"],
        life_events=_yaml(words / "life_events.yaml")["life_events"],
        campaigns=_yaml(models / "rulebook" / "campaigns.yaml")["campaigns"],
        channels=_yaml(words / "channels.yaml"),
        texts=_yaml(content / "texts.yaml"),
        scorecard=json.loads((models / "artifacts" / "scorecard.json").read_text(encoding="utf-8")),
        signals={
            "person": schemas["PersonSignals"]["properties"],
            "employer": schemas["EmployerSignals"]["properties"],
        },
    )


def contradictions(contract: Path = ROOT / "openapi.json") -> dict[str, list[tuple[str, str]]]:
    """Customer type -> pairs of signals of which the first cannot be more than the second, as the contract says in words."""
    schemas = json.loads(contract.read_text(encoding="utf-8"))["components"]["schemas"]
    return {
        kind: re.findall(r"(\w+) cannot be more than (\w+)\.", schemas[name]["description"])
        for kind, name in (("person", "PersonSignals"), ("employer", "EmployerSignals"))
    }


def _leading_to_topics(words: Path) -> Document:
    """The topic of each life event, benefit and kind of claim."""
    events, benefits = _yaml(words / "life_events.yaml"), _yaml(words / "benefits.yaml")
    parts = {"event_topics": events["life_events"], "benefit_topics": benefits["benefits"]}
    parts["claim_topics"] = benefits["claim_kinds"]
    return {name: {code: term["topic"] for code, term in terms.items()} for name, terms in parts.items()}


def _yaml(path: Path) -> Document:
    found: Document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)  # noqa: S506  (builds texts alone)
    return found


def _rule(rule: Document, human_channel: str) -> Document:
    then = {"topic": "stated", "human_channel": human_channel} | rule["then"]
    content = then["content"] if isinstance(then["content"], list) else [then["content"]]
    valid = rule.get("valid", {})
    return rule | {
        "when": _conditions(rule.get("when", {})),
        "then": then | {"content": content},
        "from": valid.get("from", ""),
        "until": valid.get("until", "9999"),
    }


def _conditions(when: Document) -> dict[str, list[str]]:
    return {fact: _values(values) for fact, values in when.items()}


def _values(values: Any) -> list[str]:  # noqa: ANN401  (as YAML has it)
    """Allowed values; under `not` those that are not."""
    if isinstance(values, dict):
        return Barring(_values(values["not"]))
    return values if isinstance(values, list) else [values]


class Barring(list[str]):
    """The values that a condition bars; every other one is in it."""

    def __contains__(self, value: object) -> bool:
        return not super().__contains__(value)
