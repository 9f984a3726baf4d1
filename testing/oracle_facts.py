"""The oracle's facts and rules: what is looked up in the decision table, and the first rule that applies.

models/rulebook/README.md names the facts and their values; the bounds of *digital* and *friction* stand in the comments of
models/decision/facts.py alone. May not import models, service or training.
"""

from __future__ import annotations

from typing import Any, Final

from testing.documents import Document, Documents
from testing.oracle_model import Named

Facts = dict[str, str]
UNKNOWN: Final = "unknown"


def is_neutral(signals: dict[str, Any]) -> bool:
    """Whether the customer objected or is a minor: then language needs alone choose (hard rule 4)."""
    return signals.get("personalisation") == "objected" or signals.get("minor") is True


def lookups(
    customer_type: str, signals: dict[str, Any], named: Named | None, documents: Documents
) -> list[Facts]:
    """The facts to look up, in order: one for each thing that a customer stated, at least one."""
    if customer_type == "employer":
        return _employer_lookups(signals, documents)
    facts = {
        "personalisation": "allowed",
        "segment": UNKNOWN,
        "confidence": UNKNOWN,
        "life_event": UNKNOWN,
        "open_matter": UNKNOWN,
        "digital": UNKNOWN,
        "friction": UNKNOWN,
        "strong_identification": UNKNOWN,
        "acts_through_mandate": UNKNOWN,
        "interpreter_needed": _yes_no(signals.get("interpreter_needed")),
        "easy_language": _yes_no(signals.get("easy_language")),
    }
    if is_neutral(signals):
        return [facts | {"personalisation": "minor" if signals.get("minor") is True else "objected"}]
    facts["open_matter"] = signals.get("open_matter", UNKNOWN)
    for need in ("strong_identification", "acts_through_mandate"):
        facts[need] = _yes_no(signals.get(need))
    if named is not None:
        facts["segment"], facts["confidence"] = named.segment, "high" if named.confident else "moderate"
        facts["digital"], facts["friction"] = _digital(signals), _friction(signals)
    if "life_events" not in signals:
        return [facts]
    found = [facts | {"life_event": event} for event in _events(signals["life_events"], documents)]
    if not found or facts["open_matter"] != UNKNOWN:
        found.append(facts | {"life_event": "none"})
    return found


def choose(customer_type: str, facts: Facts, day: str, documents: Documents) -> Document:
    """The first rule that holds on the day and whose every condition the facts meet."""
    return next(
        rule
        for rule in documents.rules[customer_type]
        if rule["from"] <= day <= rule["until"]
        and all(facts[fact] in values for fact, values in rule["when"].items())
    )


def forbids(customer_type: str, facts: Facts, channel: str, kind: str, documents: Documents) -> bool:
    """Whether a guarantee about such a customer does not let this channel, or this kind of content, be first."""
    return any(
        guarantee["for"] == customer_type
        and all(facts[fact] in values for fact, values in guarantee["every"].items())
        and (
            channel not in guarantee["must"].get("channel", [channel])
            or kind not in guarantee["must"].get("content", [kind])
        )
        for guarantee in documents.guarantees
    )


def is_in(group: str, facts: Facts, documents: Documents) -> bool:
    """Whether a customer with these facts is in a group; whoever may not be personalised is in none."""
    return facts["personalisation"] == "allowed" and _meets(documents.groups[group]["when"], facts, documents)


def _meets(condition: Document, facts: Facts, documents: Documents) -> bool:
    """Whether every part of a condition holds (head of models/vocabulary/groups.yaml)."""
    for name, value in condition.items():
        parts = value if isinstance(value, list) else [value]
        if name == "all":
            holds = all(_meets(part, facts, documents) for part in parts)
        elif name == "any":
            holds = any(_meets(part, facts, documents) for part in parts)
        elif name == "not":
            holds = not _meets(value, facts, documents)
        elif name == "group":
            holds = all(_meets(documents.groups[part]["when"], facts, documents) for part in parts)
        else:
            holds = facts[name] in parts
        if not holds:
            return False
    return True


def campaign_for(
    customer_type: str, looked_up: list[Facts], day: str, documents: Documents
) -> Document | None:
    """The first campaign that runs for a customer: of a group of theirs, and of nobody in a hard life event."""
    hard = {code for code, event in documents.life_events.items() if event.get("hard") == "true"}
    if any(facts.get("life_event") in hard for facts in looked_up):
        return None
    for campaign in documents.campaigns:
        groups = campaign["group"] if isinstance(campaign["group"], list) else [campaign["group"]]
        if (
            documents.groups[groups[0]]["for"] == customer_type
            and campaign["valid"]["from"] <= day <= campaign["valid"]["until"]
            and any(is_in(group, facts, documents) for group in groups for facts in looked_up)
        ):
            return campaign
    return None


def _events(events: list[dict[str, Any]], documents: Documents) -> list[str]:
    """Distinct events, the most recent first, ties in the order of the code list; KE4.2 counts as KE4."""
    order = documents.signals["person"]["life_events"]["items"]["properties"]["event"]["enum"]
    dated = sorted((event["months_ago"], order.index(event["event"].split(".")[0])) for event in events)
    return list(dict.fromkeys(order[at] for _, at in dated))


def _digital(signals: dict[str, Any]) -> str:
    """Seen online: by oneself, or assisted from 3 contacts in person; seen elsewhere alone: offline; not seen: unknown."""
    in_person = signals.get("phone_contacts_90d", 0) + signals.get("service_point_visits_90d", 0)
    online = ("omakela_logins_90d", "applications_online_12m", "chat_contacts_90d")
    if any(signals.get(name, 0) > 0 for name in online):
        return "assisted" if in_person >= 3 else "self_service"
    on_paper = signals.get("applications_online_12m") == 0 and signals.get("applications_12m", 0) > 0
    without_logging_in = signals.get("omakela_logins_90d") == 0 and in_person > 0
    return "offline" if on_paper or without_logging_in else UNKNOWN


def _friction(signals: dict[str, Any]) -> str:
    """Documents asked for from twice on, else contacts on one matter from three on; none where both are known and fewer."""
    requests, repeats = signals.get("attachment_requests_12m"), signals.get("repeat_contacts_30d")
    if requests is not None and requests >= 2:
        return "missing_documents"
    if repeats is not None and repeats >= 3:
        return "repeat_contacts"
    return UNKNOWN if requests is None or repeats is None else "none"


def _employer_lookups(signals: dict[str, Any], documents: Documents) -> list[Facts]:
    facts = dict.fromkeys(("employer_size", "first_claim", "open_matter", "digital", "friction"), UNKNOWN)
    if is_neutral(signals):
        return [facts | {"personalisation": "objected"}]
    facts |= {
        "personalisation": "allowed",
        "employer_size": _size(signals.get("employees")),
        "first_claim": _yes_no(signals.get("first_claim")),
        "digital": _employer_digital(signals),
        "friction": _employer_friction(signals),
    }
    stated = [signals["open_matter"]] if "open_matter" in signals else []
    kinds = documents.signals["employer"]["claim_kinds"]["items"]["enum"]
    stated += [kind for kind in kinds if kind in signals.get("claim_kinds", [])]
    return [facts | {"open_matter": kind} for kind in dict.fromkeys(stated or [UNKNOWN])]


def _size(employees: int | None) -> str:
    if employees is None:
        return UNKNOWN
    return (
        "micro" if employees < 10 else "small" if employees < 50 else "medium" if employees < 250 else "large"
    )


def _employer_digital(signals: dict[str, Any]) -> str:
    service, register = signals.get("uses_employer_service"), signals.get("uses_incomes_register")
    if service or register or signals.get("claims_online_12m", 0) > 0:
        return "assisted" if signals.get("phone_contacts_90d", 0) >= 3 else "self_service"
    on_paper = signals.get("claims_online_12m") == 0 and signals.get("claims_12m", 0) > 0
    return "offline" if on_paper or (service is False and register is False) else UNKNOWN


def _employer_friction(signals: dict[str, Any]) -> str:
    """Late claims before returned ones; none where both are known and neither is."""
    counts = {
        "late_claims": signals.get("late_claims_12m"),
        "returned_claims": signals.get("claims_returned_12m"),
    }
    stuck = [where for where, number in counts.items() if number]
    return stuck[0] if stuck else UNKNOWN if None in counts.values() else "none"


def _yes_no(value: bool | None) -> str:  # noqa: FBT001  (three-valued: yes, no, unknown)
    return UNKNOWN if value is None else "yes" if value else "no"
