"""Facts of many customers at once: record batches in, numpy codes of facts and predictions out.

Each fact that `models.decision.facts` declares has its column form here, registered under the same name; a fact that is a
stated signal gets it from its declaration. Where the two do not name the same facts, this module cannot be imported. Property
tests hold the forms equal. A code is a value's position in its fact. Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.columns.scorecard import ColumnScorecard, Predicted
from models.columns.signals import MISSING, Codes, Flags, SignalColumns
from models.contract.codes import CLAIM_KINDS, CUSTOMER_TYPES, LIFE_EVENTS, UNKNOWN, CustomerType
from models.contract.signals import CONTRACT
from models.decision.fact_forms import YES_NO, Fact
from models.decision.facts import (
    ASSISTED_FROM,
    FACTS,
    MISSING_DOCUMENTS_FROM,
    REPEAT_CONTACTS_FROM,
    SIZE_CLASSES,
    VARYING,
)
from models.decision.scorecard import FEATURES

PERSON, EMPLOYER = (CUSTOMER_TYPES.index(kind) for kind in ("person", "employer"))
_UNKNOWN: Final = {
    kind: {fact.name: fact.values.index(UNKNOWN) for fact in FACTS[kind] if UNKNOWN in fact.values}
    for kind in CUSTOMER_TYPES
}
_NO_EVENT: Final = len(LIFE_EVENTS)


class FactFormError(ImportError):
    """A fact is declared without a column form, or has one without being declared. The message says what to do."""


class Lookups(NamedTuple):
    """The varying fact: its code in the first lookup, who has more, and the codes of those; `MISSING` after the last."""

    first: Codes
    has_further: NDArray[np.int64]
    further: Codes


@dataclass(frozen=True, slots=True)
class Customers:
    """What column forms are made from: the signals of customers of one type, and for persons the model's answers.

    Attributes
    ----------
    rows : slice or ndarray
        Where the customers stand in the batch.
    neutral : ndarray of shape (n_customers,)
        Who objected or is a minor; all False while `personalisation` itself is worked out.
    parents : ndarray of shape (n_customers, n_most_events)
        Parent codes of life events, the most recent first.
    """

    customer_type: CustomerType
    columns: SignalColumns
    rows: slice | NDArray[np.int64]
    predicted: Predicted | None
    parents: Codes
    neutral: Flags

    def number(self, name: str) -> Codes:
        """The code of a signal that is no list."""
        return self.columns.number(self.customer_type, name)[self.rows]


Form = Callable[[Customers], Codes]
"""The column form of a fact: the code of its value for each customer, wherever it is known."""
_FORMS: dict[tuple[CustomerType, str], Form] = {}
_LOOKUPS: Final[dict[tuple[CustomerType, str], Callable[[Customers], Lookups]]] = {}


def column_form(customer_type: CustomerType, name: str) -> Callable[[Form], Form]:
    """Register the column form of a fact. Whom the fact is not known of is left to its declaration."""

    def register(form: Form) -> Form:
        _FORMS[customer_type, name] = form
        return form

    return register


def lookups_form(
    customer_type: CustomerType, name: str
) -> Callable[[Callable[[Customers], Lookups]], Callable[[Customers], Lookups]]:
    """Register the column form of the fact that differs between a customer's lookups."""

    def register(form: Callable[[Customers], Lookups]) -> Callable[[Customers], Lookups]:
        _LOOKUPS[customer_type, name] = form
        return form

    return register


def check_forms(
    declared: Mapping[CustomerType, tuple[Fact, ...]], registered: Collection[tuple[CustomerType, str]]
) -> None:
    """Raise `FactFormError` unless each declared fact has a column form and each form a fact."""
    names = {(kind, fact.name) for kind, facts in declared.items() for fact in facts}
    for kind, name in sorted(names.symmetric_difference(registered)):
        if (kind, name) in names:
            raise FactFormError(
                f"the fact {name} of customer type {kind} has no column form. Register one in models/columns/facts.py with"
                f' @column_form("{kind}", "{name}").'
            )
        raise FactFormError(
            f"models/columns/facts.py has a column form of {name} for customer type {kind}, which is no fact. Declare it in"
            " models/decision/facts.py, or remove the form."
        )


@dataclass(frozen=True, slots=True)
class FactColumns:
    """Customers of one type as codes of facts.

    Attributes
    ----------
    rows : ndarray of shape (n_customers,)
        Where they stand in the batch.
    facts : mapping of str to ndarray of shape (n_customers,)
        Codes of the facts that are the same in all lookups of a customer.
    first : ndarray of shape (n_customers,)
        Code of the varying fact in the first lookup.
    further : ndarray of shape (n_customers_with_more, n_lookups)
        The same in the further lookups of the customers `has_further`; `MISSING` after a customer's last.
    neutral : ndarray of shape (n_customers,)
        Who objected or is a minor.
    segment, probability : ndarray of shape (n_customers,)
        The segment named, as a position (`MISSING` where none is), and its probability.
    """

    customer_type: CustomerType
    rows: NDArray[np.int64]
    facts: Mapping[str, Codes]
    first: Codes
    has_further: NDArray[np.int64]
    further: Codes
    neutral: Flags
    segment: Codes
    probability: NDArray[np.float64]


def fact_columns(
    columns: SignalColumns, card: ColumnScorecard, wanted: Flags | None = None, *, loose: bool = False
) -> list[FactColumns]:
    """Facts and predictions, persons and employers apart; of the rows asked for, or all.

    With `loose`, those of persons come for every row, meaningless where it is no person asked for; that saves a copy.
    """
    kinds = (
        columns.customer_type
        if wanted is None
        else np.where(wanted, columns.customer_type, np.int32(MISSING))
    )
    parts = []
    persons = np.flatnonzero(kinds == PERSON)
    if len(persons):
        every = _persons(columns, card)
        parts.append(every if loose or len(persons) == columns.rows else _of(every, persons))
    employers = np.flatnonzero(kinds == EMPLOYER)
    if len(employers):
        parts.append(_employers(columns, employers))
    return parts


def _of(every: FactColumns, rows: NDArray[np.int64]) -> FactColumns:
    """Some of the customers of a batch that was evaluated whole."""
    place = np.full(len(every.rows), MISSING, np.int64)
    place[rows] = np.arange(len(rows))
    within = place[every.has_further] >= 0
    return FactColumns(
        every.customer_type,
        rows,
        {name: codes[rows] for name, codes in every.facts.items()},
        every.first[rows],
        place[every.has_further[within]],
        every.further[within],
        every.neutral[rows],
        every.segment[rows],
        every.probability[rows],
    )


def _persons(columns: SignalColumns, card: ColumnScorecard) -> FactColumns:
    months, parents = _events_in_order(columns)
    predicted = card.predict(*_features(columns, months))
    unsure = np.zeros(columns.rows, bool)
    persons = Customers("person", columns, slice(None), predicted, parents, unsure)
    facts, neutral, lookups = _evaluated(persons)
    named = (predicted.segment >= 0) & ~neutral
    segment = np.where(named, predicted.segment, np.int32(MISSING))
    rows = np.arange(columns.rows)
    return FactColumns("person", rows, facts, *lookups, neutral, segment, predicted.probability)


def _employers(columns: SignalColumns, rows: NDArray[np.int64]) -> FactColumns:
    nothing, no_chance = np.full(len(rows), MISSING, np.int32), np.zeros(len(rows))
    employers = Customers("employer", columns, rows, None, nothing, np.zeros(len(rows), bool))
    facts, neutral, lookups = _evaluated(employers)
    return FactColumns("employer", rows, facts, *lookups, neutral, nothing, no_chance)


def _evaluated(customers: Customers) -> tuple[dict[str, Codes], Flags, Lookups]:
    """The codes of the facts that are the same in all lookups, who is neutral, and the lookups."""
    kind = customers.customer_type
    facts = {"personalisation": _FORMS[kind, "personalisation"](customers)}
    neutral = facts["personalisation"] != 0
    customers = replace(customers, neutral=neutral)
    named = neutral if customers.predicted is None else (customers.predicted.segment >= 0) & ~neutral
    for fact in FACTS[kind]:
        if fact.name in facts or fact.looked_up:
            continue
        codes, unknown = _FORMS[kind, fact.name](customers), _UNKNOWN[kind][fact.name]
        if fact.known == "named":
            codes = np.where(named, codes, unknown)
        elif fact.known == "allowed":
            codes = np.where(neutral, unknown, codes)
        facts[fact.name] = codes
    return facts, neutral, _LOOKUPS[kind, VARYING[kind]](customers)


@column_form("person", "personalisation")
def _person_personalisation(persons: Customers) -> Codes:
    return np.where(persons.number("minor") == 1, 2, persons.number("personalisation") == 1)


@column_form("employer", "personalisation")
def _employer_personalisation(employers: Customers) -> Codes:
    return np.asarray(employers.number("personalisation") == 1, np.int32)


@column_form("person", "segment")
def _segment(persons: Customers) -> Codes:
    return persons.predicted.segment  # type: ignore[union-attr]  # persons are predicted


@column_form("person", "confidence")
def _confidence(persons: Customers) -> Codes:
    sure: Flags = persons.predicted.confident  # type: ignore[union-attr]  # the same
    return (~sure).astype(np.int32)


def _features(columns: SignalColumns, months: Codes) -> tuple[dict[str, Codes], Codes]:
    """The model's input, and how many of its signals are known."""
    lengths = columns.events.lengths
    derived = {
        "life_event_count": lengths,
        "months_since_life_event": np.where(lengths > 0, months, np.int32(MISSING)),
        "active_benefit_count": columns.choices("person", "active_benefits").lengths,
    }
    x = {name: derived[name] if name in derived else columns.number("person", name) for name in FEATURES}
    known = np.zeros(columns.rows, np.int8)
    for signal in CONTRACT["person"].values():
        if signal.used_by == "rules":
            continue
        code = {"life_events": "life_event_count", "active_benefits": "active_benefit_count"}.get(signal.name)
        known += x[code or signal.name] >= 0
    return x, known.astype(np.int32)


def _events_in_order(columns: SignalColumns) -> tuple[Codes, Codes]:
    """Months since the most recent event, and the distinct parent codes most recent first, `MISSING` after the last.

    Parents have the shape (n_customers, n_most_events) and stand for those with one event or more.
    """
    lengths, starts, months, parents = columns.events
    rows = np.flatnonzero(lengths > 0)
    most = int(lengths.max(initial=0))
    since = np.full(columns.rows, MISSING, np.int32)
    order = np.full((columns.rows, max(most, 1)), MISSING, np.int32)
    if not len(rows):
        return since, order
    # Months and code in one number, so that one sort puts events by recency and, within a month, by the order of the code list.
    keys = months * len(LIFE_EVENTS) + parents
    first = keys[starts[rows]]
    since[rows], order[rows, 0] = first // len(LIFE_EVENTS), first % len(LIFE_EVENTS)
    several = rows[lengths[rows] > 1]
    if len(several):
        within = np.arange(most) < lengths[several][:, None]
        at = np.minimum(starts[several][:, None] + np.arange(most), len(keys) - 1)
        grid = np.sort(np.where(within, keys[at], np.iinfo(np.int32).max), axis=1)
        since[several] = grid[:, 0] // len(LIFE_EVENTS)
        codes = np.where(within, grid % len(LIFE_EVENTS), np.int32(MISSING))
        # The same event twice counts where it is most recent; the holes that repetitions leave are closed after that.
        for late in range(1, most):
            repeated = (codes[:, late : late + 1] == codes[:, :late]).any(axis=1)
            codes[repeated, late] = MISSING
        packed = np.argsort(codes == MISSING, axis=1, kind="stable")
        order[several] = np.take_along_axis(codes, packed, axis=1)
    return since, order


@lookups_form("person", "life_event")
def _person_lookups(persons: Customers) -> Lookups:
    """The life events, the most recent first; after them, of an open matter, none."""
    lengths, parents, neutral = persons.columns.events.lengths, persons.parents, persons.neutral
    has_matter = persons.number("open_matter") >= 0
    unknown = _UNKNOWN["person"]["life_event"]
    has_event = (lengths > 0) & ~neutral
    first = np.where(has_event, parents[:, 0], np.where((lengths == 0) & ~neutral, _NO_EVENT, unknown))
    more = has_event & has_matter
    if parents.shape[1] > 1:
        more |= has_event & (parents[:, 1] >= 0)
    rows = np.flatnonzero(more)
    further = np.full((len(rows), parents.shape[1]), MISSING, np.int32)
    further[:, :-1] = parents[rows, 1:]
    matters = np.flatnonzero(has_matter[rows])
    further[matters, (further[matters] >= 0).sum(axis=1)] = _NO_EVENT
    return Lookups(first.astype(np.int32), rows, further)


@lookups_form("employer", "open_matter")
def _employer_lookups(employers: Customers) -> Lookups:
    """The open matter first, then the kinds of claim made, in the order of the code list."""
    bits = employers.columns.choices("employer", "claim_kinds").bits[employers.rows]
    matter = employers.number("open_matter")
    kinds = np.arange(len(CLAIM_KINDS), dtype=np.int32)
    claimed = (bits[:, None] >> kinds & 1).astype(bool) & (kinds != matter[:, None])
    lookups = np.column_stack([matter, np.where(claimed, kinds, np.int32(MISSING))])
    lookups = np.take_along_axis(lookups, np.argsort(lookups == MISSING, axis=1, kind="stable"), axis=1)
    lookups[employers.neutral] = MISSING
    unknown = _UNKNOWN["employer"]["open_matter"]
    first = np.where(lookups[:, 0] == MISSING, unknown, lookups[:, 0]).astype(np.int32)
    has_further = np.flatnonzero(lookups[:, 1] >= 0)
    return Lookups(first, has_further, lookups[has_further, 1:])


@column_form("person", "digital")
def _person_digital(persons: Customers) -> Codes:
    logins, online, helped, visits, chat, applied = (
        persons.number(name)
        for name in (
            "omakela_logins_90d",
            "applications_online_12m",
            "phone_contacts_90d",
            "service_point_visits_90d",
            "chat_contacts_90d",
            "applications_12m",
        )
    )
    helped = np.maximum(helped, 0) + np.maximum(visits, 0)
    uses_online = (logins > 0) | (online > 0) | (chat > 0)
    offline = ((online == 0) & (applied > 0)) | ((logins == 0) & (helped > 0))
    return np.where(uses_online, helped >= ASSISTED_FROM, np.where(offline, 2, 3))


@column_form("person", "friction")
def _person_friction(persons: Customers) -> Codes:
    requests, repeats = persons.number("attachment_requests_12m"), persons.number("repeat_contacts_30d")
    smooth = np.where((requests < 0) | (repeats < 0), 3, 2)
    return np.where(
        requests >= MISSING_DOCUMENTS_FROM, 0, np.where(repeats >= REPEAT_CONTACTS_FROM, 1, smooth)
    )


@column_form("employer", "employer_size")
def _employer_size(employers: Customers) -> Codes:
    staff = employers.number("employees")
    size = np.searchsorted([below for below, _ in SIZE_CLASSES], staff, side="right")
    return np.where(staff < 0, _UNKNOWN["employer"]["employer_size"], size)


@column_form("employer", "digital")
def _employer_digital(employers: Customers) -> Codes:
    service, register, online, claims, phone = (
        employers.number(name)
        for name in (
            "uses_employer_service",
            "uses_incomes_register",
            "claims_online_12m",
            "claims_12m",
            "phone_contacts_90d",
        )
    )
    uses_online = (service > 0) | (register > 0) | (online > 0)
    offline = ((online == 0) & (claims > 0)) | ((service == 0) & (register == 0))
    return np.where(uses_online, phone >= ASSISTED_FROM, np.where(offline, 2, 3))


@column_form("employer", "friction")
def _employer_friction(employers: Customers) -> Codes:
    late, returned = employers.number("late_claims_12m"), employers.number("claims_returned_12m")
    return np.select([late > 0, returned > 0, (late < 0) | (returned < 0)], [0, 1, 3], 2)


def _as_stated(fact: Fact) -> Form:
    """The column form of a fact that is a stated signal: yes, no, unknown as 0, 1, 2; a choice as its position."""
    unknown = np.int32(fact.values.index(UNKNOWN))

    def form(customers: Customers) -> Codes:
        code = customers.number(fact.signal)
        return np.asarray(np.where(code < 0, unknown, 1 - code if fact.values == YES_NO else code))

    return form


_FORMS |= {
    (kind, fact.name): _as_stated(fact)
    for kind, facts in FACTS.items()
    for fact in facts
    if fact.signal and not fact.looked_up
}
check_forms(FACTS, {*_FORMS, *_LOOKUPS})
