"""Checks the experiments that the content team wrote inside rules; `authoring` compiles rules with it.

What needs the grid, such as that a guarantee holds in every variant, `analysis` checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.authoring.content_checks import check_kinds
from models.authoring.findings import Authored, find_segments, list_at, mapping_at, one_of, phrase
from models.contract.codes import CUSTOMER_TYPES
from models.decision.experiments import CONTROL

LONGEST_ID: Final = 40  # ids travel in every reference of the experiment
WHOLE: Final = 100  # percent
_ID: Final = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{LONGEST_ID - 1}}}")


def compile_experiment(authored: Authored, rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's experiment as plain data, with a finding for each fault in it."""
    name, then = rule["id"], rule["then"]
    experiment = mapping_at(authored, name, "experiment", rule["experiment"])
    for key in experiment:
        one_of(authored, name, "field", key, ("id", "control_share", "variants"))
    _check_id(authored, name, experiment.get("id"))
    variants = [
        _compile_variant(authored, name, variant, then.get("channel"))
        for variant in _variants(authored, name, experiment.get("variants"))
    ]
    _check_shares(authored, name, experiment.get("control_share"), variants)
    _check_contents(authored, name, then["content"], variants)
    if "allowed" not in rule["when"].get("personalisation", ("allowed",)):
        authored.find(name, "experiment_for_nobody")
    return {
        "id": experiment.get("id"),
        "control_share": experiment.get("control_share"),
        "variants": variants,
    }


def find_repeated_experiments(authored: Authored) -> None:
    """Two rules with one experiment, or a campaign of its name, would share its customers unseen."""
    rule_of: dict[str, str] = {each["id"]: each["id"] for each in authored.rulebook["campaigns"]}
    for kind in CUSTOMER_TYPES:
        for rule in authored.rulebook[kind]:
            name = rule.get("experiment", {}).get("id")
            if name in rule_of:
                authored.find(rule["id"], "experiment_taken", value=name, other=rule_of[name])
            elif name:
                rule_of[name] = rule["id"]


def _variants(authored: Authored, subject: str, variants: object) -> Iterator[Mapping[str, Any]]:
    if variants is not None and not isinstance(variants, list):
        authored.find(subject, "wrong_shape", key="variants", shape=phrase("a_list"))
    elif not variants:
        authored.find(subject, "no_variants")
    else:
        for variant in variants:
            if isinstance(variant, Mapping):
                yield variant
            else:
                authored.find(subject, "wrong_shape", key="variants", shape=phrase("a_mapping"))


def _compile_variant(
    authored: Authored, subject: str, variant: Mapping[str, Any], channel: object
) -> dict[str, Any]:
    for key in variant:
        one_of(authored, subject, "field", key, ("id", "share", "content"))
    name = variant.get("id")
    _check_id(authored, subject, name)
    content = list_at(authored, subject, "content", variant.get("content"))
    if not content:
        authored.find(subject, "variant_empty", value=name)
    check_kinds(authored, subject, content, channel)
    return {"id": name, "share": variant.get("share"), "content": content}


def _check_id(authored: Authored, subject: str, name: object) -> None:
    if isinstance(name, str) and _ID.fullmatch(name):
        find_segments(authored, subject, name)
    else:
        authored.find(subject, "experiment_id", limit=LONGEST_ID)


def _check_shares(
    authored: Authored, subject: str, control_share: object, variants: list[dict[str, Any]]
) -> None:
    shares = {CONTROL: control_share} | {str(variant["id"]): variant["share"] for variant in variants}
    total = 0
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, int) or not 1 <= share < WHOLE:
            authored.find(subject, "no_share", value=name)
            return
        total += share
    if variants and len(shares) == len(variants) + 1 and total != WHOLE:
        authored.find(subject, "shares", total=total)


def _check_contents(authored: Authored, subject: str, own: list[str], variants: list[dict[str, Any]]) -> None:
    """No two arms have one id or one content."""
    contents = {CONTROL: own}
    for variant in variants:
        name, content = str(variant["id"]), variant["content"]
        if name in contents:
            authored.find(subject, "variant_taken", value=name)
            continue
        same = next((other for other, offered in contents.items() if content and offered == content), None)
        if same is not None:
            authored.find(subject, "variant_same", value=name, other=same)
        contents[name] = content
