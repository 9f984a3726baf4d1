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
LANGUAGES: Final = ("fi", "sv", "en")
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
    topics, texts, scorecard : dict
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
    channels: Document
    texts: Document
    scorecard: Document
    signals: dict[str, dict[str, Document]]


def read_documents(models: Path = ROOT / "models", contract: Path = ROOT / "openapi.json") -> Documents:
    """Everything, from the folders as shipped."""
    content, table = models / "content", _yaml(models / "rulebook" / "rules.yaml")
    guarantees = _yaml(models / "rulebook" / "guarantees.yaml")["guarantees"]
    schemas = json.loads(contract.read_text(encoding="utf-8"))["components"]["schemas"]
    return Documents(
        rules={
            kind: [_rule(rule, table["human_channel"][kind]) for rule in table[kind]]
            for kind in CUSTOMER_TYPES
        },
        guarantees=[each | {"every": _conditions(each["every"])} for each in guarantees],
        answer_valid_days=int(table["answer_valid_days"]),
        items=[
            item
            for name in ("catalogue.yaml", "nudges.yaml", "pages.yaml")
            for item in _yaml(content / name)["items"]
        ],
        topics=_yaml(content / "topics.yaml"),
        channels=_yaml(content / "channels.yaml"),
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
    return {fact: values if isinstance(values, list) else [values] for fact, values in when.items()}
