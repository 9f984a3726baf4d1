"""A customer typed into a form becomes signals by the contract of the API, and back into a form with its faults.

Fields are named `s.` and the signal. An empty field is unknown; a list may be said to be empty. Which codes may be chosen,
the vocabulary of the bundle says that answers. Nothing is kept: what was typed travels in a form's body and comes back in the
page alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from werkzeug.datastructures import MultiDict

from models.contract.channels import HELSINKI
from models.contract.codes import EMPLOYER, PERSON, CustomerType, Language
from models.contract.signals import DECLARED, Fault, InvalidSignalsError, Signals
from models.decision.bundle import Bundle, preview
from models.decision.decision_table import Rule
from models.decision.offers import GATES
from models.decision.recommendation import Explanation
from models.decision.recommender import Recommender
from service.console.draft_jobs import DraftJob

PERSONAS: Final = Path(__file__).parent.parent / "personas.json"
LARGEST_LIMIT: Final = 10
_PLACE: Final = re.compile(r"/signals/([a-z0-9_]+)")


class CustomerForm(NamedTuple):
    """What a form asks for: a customer of a kind, the fields as typed, and how to answer; without a language, in the first."""

    customer_type: CustomerType
    fields: Mapping[str, object]
    language: Language
    day: str
    limit: str
    draft: str


class Tried(NamedTuple):
    """An explanation with what a page needs beside it."""

    explanation: Explanation
    signals: Signals
    gates: Mapping[str, list[str]]


def blank(customer_type: CustomerType = PERSON, language: Language = "") -> CustomerForm:
    """A form in which nothing is known."""
    return CustomerForm(customer_type, {}, language, "", "3", "")


def from_persona(name: str, *, day: str, draft: str) -> CustomerForm | None:
    """A persona as a form; None if there is none."""
    persona = next((one for one in personas() if one["id"] == name), None)
    if persona is None:
        return None
    return from_customer(persona, persona.get("language", ""))._replace(day=day, draft=draft)


def from_customer(customer: Mapping[str, Any], language: Language = "") -> CustomerForm:
    """An example customer, as findings and impacts give them, as a form."""
    contract = DECLARED[customer["customer_type"]]
    fields = {
        name: contract[name].forms.typed(contract[name], value) for name, value in customer["signals"].items()
    }
    return CustomerForm(customer["customer_type"], fields, language, "", "3", "")


def from_form(form: MultiDict[str, str]) -> CustomerForm:
    """What was typed."""
    kind = customer_type_of(form.get("customer_type"))
    fields: dict[str, Any] = {}
    for signal in DECLARED[kind].values():
        fields[signal.name] = _ENTERED[signal.forms.widget](form, f"s.{signal.name}", signal.maximum)
    return CustomerForm(
        kind,
        fields,
        form.get("customer_language", ""),
        form.get("day", "").strip(),
        form.get("limit", "3").strip(),
        form.get("draft", ""),
    )


def customer_type_of(name: str | None) -> CustomerType:
    """The customer type that an address or a form names; a person where it names none."""
    return EMPLOYER if name == EMPLOYER else PERSON


def try_customer(
    recommender: Recommender, asked: CustomerForm, *, now: datetime
) -> tuple[Tried | None, list[Fault]]:
    """The explanation of a customer, or the faults of the form, each pointing at a field."""
    faults: list[Fault] = []
    at = _moment(asked.day, now, faults)
    limit = int(asked.limit) if asked.limit.isdecimal() and len(asked.limit) < 3 else 0  # noqa: PLR2004
    if not 1 <= limit <= LARGEST_LIMIT:
        faults.append(Fault("limit", "out_of_range", ""))
    try:
        signals = recommender.contract.read(asked.customer_type, _json_of(asked))
    except InvalidSignalsError as error:
        faults += [_at_field(fault) for fault in error.faults]
    if faults:
        return None, list({fault.pointer: fault for fault in faults}.values())
    language = asked.language if asked.language in recommender.vocabulary.languages else None
    explanation = recommender.explain(signals, at=at, language=language, limit=limit)
    return tried(explanation, signals), []


def tried(explanation: Explanation, signals: Signals) -> Tried:
    """An explanation with the items that are not offered, by the gate they failed; the last gate first."""
    gates: dict[str, list[str]] = {gate: [] for gate in reversed(GATES)}
    for item in explanation.why_not:
        gates[item.gate].append(item.content)
    return Tried(explanation, signals, {gate: items for gate, items in gates.items() if items})


def rules_of(recommender: Recommender) -> dict[str, Rule]:
    """Every rule by its id."""
    return {rule.id: rule for table in recommender.rulebook.tables.values() for rule in table.rules}


@cache
def personas() -> tuple[dict[str, Any], ...]:
    """The invented example customers, as `make golden` writes them from the fixtures."""
    return tuple(orjson.loads(PERSONAS.read_bytes()))


class Drafts:
    """Drafts that were checked in a child, made into recommenders here; the last few are kept."""

    def __init__(self) -> None:
        self._bundles: dict[str, Bundle] = {}

    def bundle(self, job: DraftJob) -> Bundle:
        """The draft of a job that was found sound. Raises `OSError` where it is gone."""
        if job.token not in self._bundles:
            draft = preview(orjson.loads((job.folder / "parts.json").read_bytes()))
            while len(self._bundles) > 1:
                del self._bundles[next(iter(self._bundles))]
            self._bundles[job.token] = draft
        return self._bundles[job.token]


def _json_of(asked: CustomerForm) -> dict[str, Any]:
    """The fields as JSON would give them; what is no number stays text, and the contract says so."""
    signals: dict[str, Any] = {}
    for signal in DECLARED[asked.customer_type].values():
        value = signal.forms.read_typed(asked.fields.get(signal.name))
        if value is not None:
            signals[signal.name] = value
    return signals


_ENTERED: Final[Mapping[str, Callable[[MultiDict[str, str], str, int], Any]]] = {
    "number": lambda form, name, _: form.get(name, "").strip(),
    "select": lambda form, name, _: form.get(name, "").strip(),
    "checks": lambda form, name, _: form.getlist(name),
    "events": lambda form, name, most: [
        (form.get(f"{name}.{at}", ""), form.get(f"{name}.{at}.months", "")) for at in range(most)
    ],
}
"""What was entered in each of the console's widgets."""


def _moment(day: str, now: datetime, faults: list[Fault]) -> datetime:
    """Noon of a day in Finland; now where none is given."""
    if not day:
        return now
    try:
        return datetime.combine(date.fromisoformat(day), time(12), HELSINKI)
    except ValueError:
        faults.append(Fault("day", "no_date", ""))
        return now


def _at_field(fault: Fault) -> Fault:
    match = _PLACE.match(fault.pointer)
    return fault._replace(pointer=f"s.{match[1]}" if match else "customer_type")
