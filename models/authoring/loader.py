"""Reads what the content team wrote: YAML with line numbers in, compiled documents and findings out.

Used where a bundle is made or a rulebook checked, never where one is served. Everything a person may get wrong here is
a `Finding` in their words, with file, line and remedy; nothing raises on bad content.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from models.authoring import yaml_source
from models.authoring.campaign_checks import compile_campaign
from models.authoring.conditions import allowed_values
from models.authoring.content_checks import check_channels, check_content, check_kinds
from models.authoring.experiment_checks import compile_experiment, find_repeated_experiments
from models.authoring.fields import is_day
from models.authoring.findings import (
    Authored,
    find_segments,
    in_all_languages,
    list_at,
    mapping_at,
    one_of,
    phrase,
)
from models.authoring.succession import FILE as VERSION_FILE
from models.authoring.succession import read_version
from models.authoring.vocabulary_checks import FILES, compile_vocabulary, make_facts
from models.contract.codes import CUSTOMER_TYPES, EVERYONE, CustomerType
from models.contract.signals import read_count
from models.decision.decision_table import STATED_TOPIC

MODELS: Final = Path(__file__).parent.parent
RULEBOOK: Final = MODELS / "rulebook"
CONTENT: Final = MODELS / "content"
VOCABULARY: Final = MODELS / "vocabulary"
RULEBOOK_FILES: Final = ("rules.yaml", "guarantees.yaml", "examples.yaml")
CAMPAIGNS: Final = "campaigns.yaml"
"""A rulebook may do without it."""
ITEM_FILES: Final = ("catalogue.yaml", "nudges.yaml", "pages.yaml")
CONTENT_FILES: Final = (*ITEM_FILES, "texts.yaml")
VOCABULARY_FILES: Final = (*FILES, "channels.yaml", VERSION_FILE)
PROMISES: Final = (
    "a_human_channel",
    "the_neutral_answer",
    "statutory_content",
    "audiences",
    "wording",
)
"""What holds whatever the rules say, each checked in `promises`; `guarantees.yaml` must list them all."""
RULE_FIELDS: Final = ("id", "when", "then", "because", "owner", "source", "valid", "experiment")
LONGEST_VALID_DAYS: Final = 366
LONGEST_ID: Final = 64
_ID: Final = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{LONGEST_ID - 1}}}")
OUTCOMES: Final = ("channel", "content", "topic", "human_channel")


class Folders(NamedTuple):
    """Where the three parts of what the content team writes lie."""

    rulebook: Path
    content: Path
    vocabulary: Path


def read_authored(
    rulebook: Path = RULEBOOK, content: Path = CONTENT, vocabulary: Path | None = None
) -> Authored:
    """Read the folders of the content team and check everything that needs no grid; `analysis` does the rest.

    A vocabulary that is not named is what lies beside the content, else the shipped one.
    """
    return read_rules(read_content(content, vocabulary), rulebook)


def find_folders(rulebook: Path | None, content: Path | None = None) -> Folders:
    """The folders of the rules, and of the content and the vocabulary that go with them.

    `rulebook` may also hold all, as `rulebook/`, `content/` and `vocabulary/`. Content that is not named is what lies beside
    the rules, else the shipped catalogue; the vocabulary is what lies beside the content, else the shipped one.
    """
    if rulebook is None:
        content = content or CONTENT
        return Folders(RULEBOOK, content, vocabulary_beside(content))
    within = rulebook / "rulebook"
    rules = within if (within / "rules.yaml").exists() else rulebook
    beside = rules.resolve().parent / "content"
    if content is None:
        content = beside if (beside / "catalogue.yaml").exists() else CONTENT
    # Rules whose folder has a vocabulary of its own beside it are meant to go with it, whatever the content.
    own = rules.resolve().parent / "vocabulary"
    return Folders(rules, content, own if (own / "segments.yaml").exists() else vocabulary_beside(content))


def vocabulary_beside(content: Path) -> Path:
    """The vocabulary that goes with a folder of content: the one beside it, else the shipped one."""
    beside = content.resolve().parent / "vocabulary"
    return beside if (beside / "segments.yaml").exists() else VOCABULARY


def is_id(name: str) -> bool:
    """Whether a name may be an id: ids stand in answers, references and logs."""
    return _ID.fullmatch(name) is not None


def read_content(folder: Path, vocabulary: Path | None = None) -> Authored:
    """Read the vocabulary, texts and items, and check each by itself."""
    authored = _read_words(vocabulary or vocabulary_beside(folder))
    compile_content(authored, {name: yaml_source.load(folder / name, authored) for name in CONTENT_FILES})
    return authored


def facts_beside(rulebook: Path) -> Authored:
    """The vocabulary that goes with a folder of rules, read and checked by itself."""
    return _read_words(find_folders(rulebook).vocabulary)


def _read_words(folder: Path) -> Authored:
    authored = Authored()
    compile_words(authored, {name: yaml_source.load(folder / name, authored) for name in VOCABULARY_FILES})
    return authored


def compile_words(authored: Authored, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the files of the vocabulary as `yaml_source.load` gives them, and make the facts that follow from it."""
    entries = files["channels.yaml"].get("channels")
    for name in entries if isinstance(entries, Mapping) else ():
        authored.places[f"channel {name}"] = ("channels.yaml", yaml_source.line_of(entries, name))
    compile_vocabulary(authored, files)
    version = files[VERSION_FILE].get("version")
    authored.vocabulary["version"] = str(version)
    if read_version(version) is None and VERSION_FILE not in authored.unread:
        authored.find(VERSION_FILE, "no_version", at=(VERSION_FILE, 1))
    authored.channels = yaml_source.plain(files["channels.yaml"])
    if authored.codes("languages") and authored.codes("content_types"):
        check_channels(authored)
    else:
        authored.channels = {}
    if not authored.lacks_vocabulary:
        make_facts(authored)


def compile_content(authored: Authored, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the content files as `yaml_source.load` gives them, and put what was written into `authored` as plain data.

    Without a vocabulary nothing that names a code can be checked, and nothing is.
    """
    if authored.lacks_vocabulary:
        return
    authored.texts = yaml_source.plain(files["texts.yaml"])
    items: list[Any] = []
    for name in ITEM_FILES:
        for key in files[name]:
            one_of(authored, name, "field", key, ("items",))
        items += map(yaml_source.plain, _placed(files[name].get("items", []), name, authored))
    authored.catalogue = {"items": items}
    check_content(authored)


def read_rules(authored: Authored, folder: Path) -> Authored:
    """Read rules, guarantees, examples and campaigns into what was read of the content, and check each against it."""
    names = (*RULEBOOK_FILES, CAMPAIGNS) if (folder / CAMPAIGNS).exists() else RULEBOOK_FILES
    compile_rules(authored, {name: yaml_source.load(folder / name, authored) for name in names})
    return authored


def compile_rules(authored: Authored, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the files of rules as `yaml_source.load` gives them, and put what was written into `authored` as plain data."""
    if authored.lacks_vocabulary:
        return
    rules, guarantees, examples = (files[name] for name in RULEBOOK_FILES)
    campaigns = files.get(CAMPAIGNS, {})
    known = ("hit_policy", "answer_valid_days", "human_channel", *CUSTOMER_TYPES)
    for file, document, names in (
        ("rules.yaml", rules, known),
        ("guarantees.yaml", guarantees, ("guarantees", "promises")),
        ("examples.yaml", examples, ("examples",)),
        (CAMPAIGNS, campaigns, ("campaigns",)),
    ):
        for key in document:
            one_of(authored, file, "field", key, names)
    authored.rulebook = {
        "hit_policy": rules.get("hit_policy"),
        "answer_valid_days": yaml_source.plain(rules.get("answer_valid_days", 30)),
        **{kind: _placed(rules.get(kind, []), "rules.yaml", authored) for kind in CUSTOMER_TYPES},
        "guarantees": _placed(guarantees.get("guarantees", []), "guarantees.yaml", authored),
        "promises": _placed(guarantees.get("promises", []), "guarantees.yaml", authored),
        "campaigns": _placed(campaigns.get("campaigns", []), CAMPAIGNS, authored),
    }
    authored.examples = yaml_source.plain(_placed(examples.get("examples", []), "examples.yaml", authored))
    whole = authored.unread.isdisjoint({"rules.yaml", "guarantees.yaml"})
    _compile_rules(
        authored, mapping_at(authored, "rules.yaml", "human_channel", rules.get("human_channel")), whole=whole
    )
    _compile_guarantees(authored)
    _check_promises(authored, whole=whole)
    _find_overlaps(authored)
    compiled = [
        compile_campaign(authored, yaml_source.plain(each)) for each in authored.rulebook["campaigns"]
    ]
    authored.rulebook["campaigns"] = [campaign for campaign in compiled if campaign is not None]
    find_repeated_experiments(authored)


def _placed(entries: Any, file: str, authored: Authored) -> list[Any]:  # noqa: ANN401
    """Entries of a list that have an id, each with its place kept; a repeated or missing id is a finding."""
    placed = []
    if entries is not None and not isinstance(entries, list):
        authored.find(file, "wrong_shape", key=file.removesuffix(".yaml"), shape=phrase("a_list"))
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        place = (file, yaml_source.line_of(entries, at))
        name = entry.get("id") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            authored.find(f"entry {at + 1}", "no_id", at=place)
        elif not is_id(name):
            authored.find(yaml_source.visible(name), "bad_id", at=place, limit=LONGEST_ID)
        elif name in authored.places:
            authored.find(name, "id_taken", at=place)
        else:
            authored.places[name] = place
            placed.append(entry)
    return placed


def _compile_rules(authored: Authored, human_channels: Mapping[str, Any], *, whole: bool) -> None:
    """Rules to plain data with every condition a list and every default filled in."""
    if whole and authored.rulebook["hit_policy"] != "first":
        authored.find("rules.yaml", "hit_policy")
    if read_count(authored.rulebook["answer_valid_days"], LONGEST_VALID_DAYS) in {None, 0}:
        authored.find("rules.yaml", "no_days")
    for customer_type in CUSTOMER_TYPES:
        rules = []
        for entry in authored.rulebook[customer_type]:
            before = len(authored.findings)
            rule = _compile_rule(yaml_source.plain(entry), customer_type, human_channels, authored)
            if len(authored.findings) == before:
                rules.append(rule)
        authored.rulebook[customer_type] = rules


def _compile_rule(
    rule: dict[str, Any], customer_type: CustomerType, human_channels: Mapping[str, Any], authored: Authored
) -> dict[str, Any]:
    name = rule["id"]
    find_segments(authored, name, name)
    for key in rule:
        one_of(authored, name, "field", key, RULE_FIELDS)
    then = mapping_at(authored, name, "then", rule.get("then"))
    for key in then:
        one_of(authored, name, "outcome", key, OUTCOMES)
    rule["when"] = _compile_conditions(rule.get("when"), name, customer_type, authored)
    then.setdefault("topic", STATED_TOPIC)
    then.setdefault("human_channel", human_channels.get(customer_type))
    then["content"] = list_at(authored, name, "content", then.get("content"))
    rule["then"] = then
    _check_outcome(name, then, customer_type, authored)
    in_all_languages(authored, name, "reason", rule.get("because"))
    for key in ("owner", "source"):
        if not rule.get(key):
            authored.find(name, "no_field", key=key)
    rule |= _compile_validity(rule.pop("valid", None), name, authored)
    if "experiment" in rule:
        rule["experiment"] = compile_experiment(authored, rule)
    return rule


def _compile_validity(bounds: object, name: str, authored: Authored) -> dict[str, str]:
    """`valid: {from, until}` as `valid_from` and `valid_until`; both days count."""
    valid = mapping_at(authored, name, "valid", bounds)
    for key, value in valid.items():
        if one_of(authored, name, "field", key, ("from", "until")) and not is_day(value):
            authored.find(name, "no_date", key=key)
            return {}
    if "from" in valid and "until" in valid and valid["until"] < valid["from"]:
        authored.find(name, "valid_reversed", start=valid["from"], until=valid["until"])
    return {f"valid_{key}": value for key, value in valid.items()}


def _check_outcome(
    name: str, then: Mapping[str, Any], customer_type: CustomerType, authored: Authored
) -> None:
    """Channels exist and serve such customers, a person answers where one must, each kind fits its channel."""
    known: Mapping[str, Any] = authored.channels["channels"]
    for what in ("channel", "human_channel"):
        if then.get(what) is None:
            authored.find(name, "no_outcome", key=what)
            continue
        if not one_of(authored, name, "channel", then.get(what), known):
            continue
        channel = mapping_at(authored, "channels.yaml", then[what], known[then[what]])
        if channel.get("audience") not in {customer_type, EVERYONE}:
            authored.find(name, "wrong_audience", value=then[what], audience=phrase(customer_type))
        if what == "human_channel" and not channel.get("human"):
            authored.find(name, "no_person", value=then[what])
    if not then["content"]:
        authored.find(name, "no_outcome", key="content")
    check_kinds(authored, name, then["content"], then.get("channel"))
    if then["topic"] != STATED_TOPIC:
        one_of(authored, name, "topic", then["topic"], authored.codes("topics"))


def _compile_guarantees(authored: Authored) -> None:
    guarantees = []
    for entry in map(yaml_source.plain, authored.rulebook["guarantees"]):
        before, name = len(authored.findings), entry["id"]
        for key in entry:
            one_of(authored, name, "field", key, ("id", "for", "every", "must", "says"))
        if one_of(authored, name, "customer_type", entry.get("for"), CUSTOMER_TYPES):
            entry["every"] = _compile_conditions(
                entry.get("every"), name, entry["for"], authored, may_bar=True
            )
        entry["must"] = must = mapping_at(authored, name, "must", entry.get("must"))
        checks = {"channel": authored.codes("channels"), "content": authored.codes("content_types")}
        for key, values in must.items():
            if one_of(authored, name, "promise", key, checks):
                must[key] = allowed_values(authored, name, key, values, checks[key], what=phrase(key))
        if not any(must.values()):
            authored.find(name, "no_must")
        if not entry.get("says"):
            authored.find(name, "no_says")
        if len(authored.findings) == before:
            guarantees.append(entry)
    authored.rulebook["guarantees"] = guarantees


def _check_promises(authored: Authored, *, whole: bool) -> None:
    """Each promise names a check that exists and says what it promises; none may be left out."""
    promises = []
    for entry in map(yaml_source.plain, authored.rulebook["promises"]):
        before, name = len(authored.findings), entry["id"]
        for key in entry:
            one_of(authored, name, "field", key, ("id", "check", "says"))
        one_of(authored, name, "check", entry.get("check"), PROMISES)
        if not entry.get("says"):
            authored.find(name, "no_says")
        if len(authored.findings) == before:
            promises.append(entry)
    named = {str(entry.get("check")) for entry in authored.rulebook["promises"]}
    for check in PROMISES:
        if whole and check not in named and not (named - set(PROMISES)):
            authored.find("guarantees.yaml", "no_promise", value=check)
    authored.rulebook["promises"] = promises


def _find_overlaps(authored: Authored) -> None:
    """Two dated rules with the same conditions must not hold on one day: the upper would win unseen."""
    for customer_type in CUSTOMER_TYPES:
        dated = [
            rule for rule in authored.rulebook[customer_type] if "valid_from" in rule or "valid_until" in rule
        ]
        for at, rule in enumerate(dated):
            for other in dated[:at]:
                first = max(rule.get("valid_from", ""), other.get("valid_from", ""))
                last = min(rule.get("valid_until", "9999"), other.get("valid_until", "9999"))
                if _same_conditions(rule, other) and first <= last:
                    day = first or date.fromisoformat(last).isoformat()
                    authored.find(rule["id"], "valid_overlap", other=other["id"], day=day)


def _same_conditions(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return {name: set(values) for name, values in one["when"].items()} == {
        name: set(values) for name, values in other["when"].items()
    }


def _compile_conditions(
    when: object, subject: str, customer_type: CustomerType, authored: Authored, *, may_bar: bool = False
) -> dict[str, list[str]]:
    """Conditions as lists of allowed values; YAML's yes/no read as text. In a spreadsheet a rule can bar no value."""
    facts = {fact.name: fact.values for fact in authored.facts.of[customer_type]}
    return {
        name: allowed_values(authored, subject, name, allowed, facts[name], may_bar=may_bar)
        for name, allowed in mapping_at(authored, subject, "when", when).items()
        if one_of(authored, subject, "fact", name, facts)
    }
