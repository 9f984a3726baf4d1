"""Customers asked about in every way that a hard rule must hold in, and rules that all try something."""

from dataclasses import replace
from datetime import datetime

from models.decision.decision_table import Table
from models.decision.experiments import Experiment, Variant
from models.decision.recommender import OfferCache
from testing.customers import questions
from testing.oracle import Asked
from testing.oracle_days import HELSINKI
from testing.shipped import FACT_SET

SEED = 20261128
LIMITS = range(1, 11)
NAMED = (
    (
        "person",
        {
            "open_matter": "student_aid",
            "active_benefits": ["conscripts_allowance", "social_assistance", "parental_allowance"],
            "life_events": [{"event": "KE8", "months_ago": 1}, {"event": "KE4", "months_ago": 3}],
            "strong_identification": True,
            "omakela_logins_90d": 9,
            "benefits_started_6m": 1,
        },
    ),
    (
        "person",
        {
            "active_benefits": [
                "child_home_care_allowance",
                "pensioner_housing_allowance",
                "national_pension",
            ],
            "easy_language": True,
            "omakela_logins_90d": 0,
            "phone_contacts_90d": 5,
        },
    ),
    (
        "employer",
        {
            "employees": 30,
            "open_matter": "rehabilitation",
            "claim_kinds": ["family_leave"],
            "late_claims_12m": 2,
        },
    ),
    ("employer", {}),
)
"""Persons to whom several statutory items are owed, other ones in each language, and employers."""


def asked_of(documents, number):
    """Customers in every variant and language, with every limit: those named, of whom the first has every wish, and others.

    What was shown before is named with every other limit.
    """
    every = [wish for wish in documents.signals["person"]["preferred_channel"]["enum"] if wish]
    noon = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
    customers = [
        *(Asked(kind, signals, noon) for kind, signals in NAMED),
        *questions(documents, SEED, number),
    ]
    return [
        replace(asked, signals=signals, language=language, limit=limit, shown=asked.shown[: 5 * (limit % 2)])
        for at, asked in enumerate(customers)
        for signals in variants(asked, [every[at % len(every)]] if at else every)
        for language in documents.languages
        for limit in LIMITS
    ]


def variants(asked, wishes):
    """A customer as is, as an objector, as a minor, and with each wish for a channel."""
    yield asked.signals
    wish = {"preferred_channel": wishes[0]} if asked.customer_type == "person" else {}
    yield asked.signals | wish | {"personalisation": "objected"}
    if asked.customer_type == "person":
        yield asked.signals | wish | {"minor": True}
        may = {name: each for name, each in asked.signals.items() if name not in {"minor", "personalisation"}}
        yield from (may | {"preferred_channel": wish} for wish in wishes)


def turned_everywhere(recommender, control_share):
    """The recommender where every rule tries its kinds of content the other way round on all but a share."""
    turned_share = 100 - control_share
    tables = {
        kind: Table(
            kind,
            tuple(
                replace(
                    rule,
                    experiment=Experiment(
                        f"of-{rule.id}", control_share, (Variant("turned", turned_share, rule.content[::-1]),)
                    ),
                )
                for rule in table.rules
            ),
            FACT_SET,
        )
        for kind, table in recommender.rulebook.tables.items()
    }
    return replace(recommender, rulebook=replace(recommender.rulebook, tables=tables), cache=OfferCache())


def trying_everywhere(recommender, documents):
    """The recommender and the documents where every rule tries its kinds of content the other way round on most."""
    rules = {
        kind: [
            rule
            | {
                "experiment": {
                    "id": f"of-{rule['id']}",
                    "control_share": "30",
                    "variants": [{"id": "turned", "share": "70", "content": rule["then"]["content"][::-1]}],
                }
            }
            for rule in documents.rules[kind]
        ]
        for kind in documents.rules
    }
    return turned_everywhere(recommender, 30), replace(documents, rules=rules)
