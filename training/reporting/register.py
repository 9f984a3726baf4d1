"""``algorithm-register.json``: the entry of a public register of algorithms, filled from a model's manifest.

Only `training` may import this.

References
----------
Field lists: the Dutch *Algoritmeregister-Publicatiestandaard* 0.3.1 (MinBZK, required fields) and the UK *Algorithmic
Transparency Recording Standard* 3 (tiers 1 and 2).
"""

from __future__ import annotations

from typing import Final

from models.contract.codes import BARRED
from training.learning.documents import Manifest
from training.segments import SIMULATED, SUPPORTED

_NOT_DEPLOYED: Final = (
    "To be filled by the organisation that deploys it; Arki is an independent open project."
)
_GOAL: Final = (
    "To suggest to a customer, in a channel the customer already uses, the content and the channel that fit the customer's"
    " situation; {inferred} are inferred for that alone."
)
_IMPACT: Final = (
    "Which content is shown first and which channel is named first. No channel is closed, no benefit is decided, withheld or"
    " put in order by it, and everyone is told how to reach a person."
)
_RISKS: Final = (
    "Wrong inference shows less fitting content; groups may be served differently (measured, see gates); a segment could be"
    " read as a judgement of a person or be put to another use, which purpose, licence and design forbid."
)
_HUMAN: Final = (
    "The content team owns the rules that turn a segment into an offer and sees each effect of an edit; every answer carries"
    " a channel where a person serves; a model is promoted by a person, who signs each group difference above the limit."
)
_OBJECTION: Final = "The signal `personalisation: objected` (GDPR 21) gives the neutral answer at once; the service is full without it."
_LAWFUL: Final = "Open question for the controller: GDPR 6(1)(e) with a basis in law for this use of register data (Kela Act 2 a §)."


def register(manifest: Manifest) -> dict[str, object]:
    """Both entries. Fields that only a deployment can know say so; nothing is invented.

    Parameters
    ----------
    manifest : dict
        As `training.learning.run` makes it.
    """
    facts = _facts(manifest)
    return {
        "model": manifest["version"],
        "dutch_publication_standard": _dutch(facts),
        "uk_atrs": _british(facts),
    }


def _facts(manifest: Manifest) -> dict[str, str]:
    figures, data = manifest["metrics"]["scorecard"], manifest["data"]
    failed = [gate for gate in manifest["gates"] if not gate["passed"]]
    segments = [*figures["segments"]]
    order = f", in which signs of trouble may only raise the odds of {SUPPORTED}" * (SUPPORTED in segments)
    published = "Kela's published life situations, " * (set(segments) == set(SIMULATED))
    inferred = f"{published}{', '.join(segments[:-1])} and {segments[-1]},"
    return {
        "goal": _GOAL.format(inferred=inferred),
        "performance": (
            f"Log loss {figures['log_loss']}, macro F1 {figures['macro_f1']}, calibration error {figures['calibration_error']}"
            f" on {data['test']:,} test customers; labels: {manifest['labels']}."
        ),
        "training_data": (
            f"{data['customers']:,} customers from {data['source']} (sha256 {data['sha256'][:16]}), labels {manifest['labels']}."
        ),
        "fairness": (
            f"{len(manifest['gates'])} gates, {len(failed)} of them failed and to be signed for, over recall, precision,"
            " abstention and personal service within the same true segment by age, sex, language and their pairs."
        ),
        "method": (
            f"Additive scorecard: multinomial logistic regression on binned signals{order};"
            f" {len(manifest['pairs'])} declared pairs of signals; frozen, version {manifest['version']}."
        ),
        "barred": "Never used: " + ", ".join(sorted(BARRED)) + ".",
    }


def _dutch(facts: dict[str, str]) -> dict[str, str]:
    return {
        "name": "Arki segment model",
        "description_short": "Infers a life situation from coarse signals, to choose content and channel.",
        "organization": _NOT_DEPLOYED,
        "department": _NOT_DEPLOYED,
        "contact_email": _NOT_DEPLOYED,
        "area": "Finland",
        "domain": "Social security: customer service and communication",
        "status": "In development; not deployed",
        "decision_making_process": "None. It suggests content and channel; rules that people own make the offer.",
        "goal": facts["goal"],
        "impact": _IMPACT,
        "risks": f"{_RISKS} {facts['fairness']}",
        "risk_category": (
            "Not high-risk by purpose (AI Act Annex III 5(a): it evaluates no eligibility); to be assessed by the deployer."
        ),
        "proportionality": (
            f"Coarse counts only, most of them optional; unknown stays unknown; nothing is stored. {facts['barred']}"
        ),
        "lawful_basis": _LAWFUL,
        "training_data": facts["training_data"],
        "source_data": "Signals that the asking channel already holds of the customer; the contract is models/contract/signals.py.",
        "connected_data_sources": "None.",
        "algorithm_type": facts["method"],
        "description": f"{facts['method']} {facts['performance']}",
        "monitoring": "arki-train drift compares signals and segment mix with the training; outcome events are counted.",
        "type": "Self-learnt once, frozen in use",
        "human_intervention": _HUMAN,
        "objection_procedure": _OBJECTION,
        "standard_version": "0.3.1",
    }


def _british(facts: dict[str, str]) -> dict[str, object]:
    return {
        "standard_version": "ATRS 3",
        "tier_1": {
            "name": "Arki segment model",
            "description": "A scorecard that infers a customer's life situation from coarse signals.",
            "website_url": _NOT_DEPLOYED,
            "contact_email": _NOT_DEPLOYED,
            "summary": f"{facts['goal']} {_IMPACT}",
        },
        "tier_2": {
            "owner": {
                "organisation_or_department": _NOT_DEPLOYED,
                "team": _NOT_DEPLOYED,
                "senior_responsible_owner": _NOT_DEPLOYED,
                "third_party_involvement": "None.",
            },
            "rationale": {
                "scope": facts["goal"],
                "benefit": "Customers find what fits their situation sooner; those in hard situations are offered a person.",
                "alternatives_considered": (
                    "No segment (the neutral answer), hand-written rules and boosted trees; all are measured beside it in the"
                    " model card. Rules are worse, trees hardly better and cannot be read."
                ),
            },
            "decision_process": {
                "process_integration": "Its answer is one fact of a decision table that the content team owns.",
                "provided_information": "The segment named or none, its probability, and what each signal added.",
                "frequency_and_scale": _NOT_DEPLOYED,
                "human_decisions": _HUMAN,
                "required_training": "Reading the model card and the rulebook's README.",
                "appeals_and_review": _OBJECTION,
            },
            "tool": {
                "system_architecture": "A table of whole numbers, added up in the serving process; no network, no storage.",
                "phase": "Development",
                "maintenance": "Retrained and judged by the same gates whenever benefits, services or drift call for it.",
                "model_performance": facts["performance"],
                "model_type": facts["method"],
            },
            "data": {
                "training_data": facts["training_data"],
                "source_data": "The signal contract, models/contract/signals.py.",
                "personal_data": facts["barred"],
                "storage": "No signals are stored on the serving path.",
            },
            "risks_and_impact_assessments": {
                "impact_assessments": "Data-protection and equality impact assessments belong to the deployer.",
                "risks": f"{_RISKS} {facts['fairness']}",
                "mitigations": f"{_HUMAN} {_OBJECTION}",
            },
        },
    }
