"""Checks the campaigns that the content team wrote; `loader` compiles them after the rules.

What needs the days of items and channels is checked here too: whether anybody can ever be shown a campaign's item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.authoring.fields import Fields, is_day, is_whole, shaped
from models.authoring.findings import Authored, find_segments, in_all_languages, mapping_at, one_of, phrase
from models.contract.codes import CUSTOMER_TYPES, EVERYONE

MOST_LEFT_OUT: Final = 90  # percent
FIELDS: Final[Fields] = {
    "id": "text",
    "group": "list",
    "item": "text",
    "valid": "mapping",
    "control_share": "any",
    "because": "mapping",
    "owner": "text",
    "source": "text",
}


def compile_campaign(authored: Authored, written: Mapping[str, Any]) -> dict[str, Any] | None:
    """One campaign as plain data; None, with findings, where it has a fault."""
    name, before = written["id"], len(authored.errors)
    find_segments(authored, name, name)
    campaign = shaped(authored, name, written, FIELDS, required=tuple(FIELDS))
    in_all_languages(authored, name, "reason", campaign.get("because"))
    _check_groups(authored, name, campaign.get("group", []))
    _check_item(authored, name, campaign)
    share = campaign.get("control_share")
    if not is_whole(share) or not 0 <= share <= MOST_LEFT_OUT:
        authored.find(name, "campaign_share", most=MOST_LEFT_OUT)
    valid = mapping_at(authored, name, "valid", campaign.pop("valid", None))
    for key in ("from", "until"):
        if not is_day(valid.get(key)):
            authored.find(name, "no_date", key=key)
    for key in valid:
        one_of(authored, name, "field", key, ("from", "until"))
    if len(authored.errors) > before:
        return None
    if valid["until"] < valid["from"]:
        authored.find(name, "valid_reversed", start=valid["from"], until=valid["until"])
        return None
    campaign |= {"valid_from": valid["from"], "valid_until": valid["until"]}
    _find_unshown(authored, name, campaign)
    return campaign


def _check_groups(authored: Authored, name: str, groups: list[str]) -> None:
    """Every group exists, and all are of one type of customer."""
    known = authored.vocabulary["groups"]
    kinds = {known[code]["for"] for code in groups if one_of(authored, name, "group", code, known)}
    if len(kinds) > 1:
        authored.find(name, "campaign_kinds")
    if not groups:
        authored.find(name, "no_field", key="group")


def _check_item(authored: Authored, name: str, campaign: Mapping[str, Any]) -> None:
    """The item exists, is approved and for such customers, and nothing that the law attaches to a benefit."""
    items = {item["id"]: item for item in authored.catalogue["items"]}
    if "item" not in campaign or not one_of(authored, name, "item", campaign["item"], items):
        return
    item = items[campaign["item"]]
    if item.get("status") != "approved" or item.get("class") == "statutory":
        authored.find(name, "campaign_item", value=item["id"])
    kinds = {
        term["for"]
        for code, term in authored.vocabulary["groups"].items()
        if code in campaign.get("group", ())
    }
    if item.get("audience") != EVERYONE and kinds - {item.get("audience")}:
        authored.find(name, "wrong_audience", value=item["id"], audience=phrase(next(iter(kinds))))


def _find_unshown(authored: Authored, name: str, campaign: Mapping[str, Any]) -> None:
    """A warning where the item ends before the campaign, or no channel of such customers carries such an item."""
    item = next(item for item in authored.catalogue["items"] if item["id"] == campaign["item"])
    if (
        item.get("valid_until", "9999") < campaign["valid_until"]
        or item.get("valid_from", "") > campaign["valid_from"]
    ):
        authored.find(name, "campaign_days", warning=True, value=item["id"])
    channels = authored.channels["channels"]
    carrying = [
        channel
        for channel, term in channels.items()
        if item["type"] in term["carries"] and channel in item.get("channel", channels)
    ]
    offered = {rule["then"]["channel"] for kind in CUSTOMER_TYPES for rule in authored.rulebook[kind]}
    if not offered & set(carrying):
        authored.find(name, "campaign_nowhere", warning=True, value=item["id"])
