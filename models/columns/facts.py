"""Facts of many customers at once: record batches in, numpy codes of facts and predictions out.

Each fact that `models.decision.facts` declares has its column form here, registered under the same name; a fact that is a
stated signal gets it from its declaration. Where the two do not name the same facts, this module cannot be imported. What a
vocabulary adds (groups, stated segments) comes from its conditions, by `models.columns.groups`. Property tests hold the
forms equal. A code is a value's position in its fact. Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from models.columns.groups import ConditionColumns
from models.columns.scorecard import ColumnScorecard, Predicted
from models.columns.signals import MISSING, Codes, Flags, SignalColumns, events_in_order
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER, PERSON, UNKNOWN, CustomerType
from models.contract.signals import PERSON_SIGNALS
from models.contract.vocabulary import EMPTY, Vocabulary
from models.decision.fact_forms import YES_NO, Fact
from models.decision.fact_set import FactSet
from models.decision.facts import (
    ASSISTED_FROM,
    CONFIDENCE,
    MISSING_DOCUMENTS_FROM,
    REPEAT_CONTACTS_FROM,
    SEGMENT,
    SIZE_CLASSES,
    declared_facts,
)
from models.decision.scorecard import FEATURES

_OF_SEGMENT: Final = frozenset([SEGMENT, CONFIDENCE])
_PERSONS, _EMPLOYERS = (CUSTOMER_TYPES.index(kind) for kind in (PERSON, EMPLOYER))


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

    facts: FactSet
    customer_type: CustomerType
    columns: SignalColumns
    rows: slice | NDArray[np.int64]
    predicted: Predicted | None
    parents: Codes
    neutral: Flags

    @property
    def vocabulary(self) -> Vocabulary:
        """The codes that signals may name."""
        return self.facts.vocabulary

    def values(self, name: str) -> tuple[str, ...]:
        """The values of a fact, in the order of its codes."""
        return self.facts.fact(self.customer_type, name).values

    def unknown(self, name: str) -> np.int32:
        """The code of a fact that is not known."""
        return np.int32(self.values(name).index(UNKNOWN))

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
    conditions : ConditionColumns
        What the vocabulary adds to the facts of a lookup.
    rows : ndarray of shape (n_customers,)
        Where they stand in the batch.
    facts : mapping of str to ndarray of shape (n_customers,)
        Codes of the facts that are the same in all lookups of a customer, but for what `conditions` add.
    beside : mapping of str to ndarray of shape (n_customers,)
        Codes of what is known beside a segment alone, as if one were named; empty where nothing asks for them.
    varying : str
        The fact that differs between lookups.
    first : ndarray of shape (n_customers,)
        Its code in the first lookup.
    further : ndarray of shape (n_customers_with_more, n_lookups)
        The same in the further lookups of the customers `has_further`; `MISSING` after a customer's last.
    neutral : ndarray of shape (n_customers,)
        Who objected or is a minor.
    segment, probability : ndarray of shape (n_customers,)
        The segment of the answer, as a position in `groups.segments_of` (`MISSING` where there is none), and the model's
        probability, which tells nothing of a segment that is not inferred.
    """

    customer_type: CustomerType
    conditions: ConditionColumns
    rows: NDArray[np.int64]
    facts: Mapping[str, Codes]
    beside: Mapping[str, Codes]
    varying: str
    first: Codes
    has_further: NDArray[np.int64]
    further: Codes
    neutral: Flags
    segment: Codes
    probability: NDArray[np.float64]

    def lookup(self, codes: Codes, at: NDArray[np.int64] | slice = slice(None)) -> dict[str, Codes]:
        """Every fact of some customers in one of their lookups.

        Parameters
        ----------
        codes : ndarray of shape (n_asked,)
            Code of the varying fact.
        at : ndarray of shape (n_asked,) or slice
            The customers asked about.
        """
        facts = {name: values[at] for name, values in self.facts.items()} | {self.varying: codes}
        if not self.conditions:
            return facts
        beside = {name: values[at] for name, values in self.beside.items()}
        return self.conditions.applied(facts, ~self.neutral[at], beside)


def fact_columns(
    columns: SignalColumns,
    card: ColumnScorecard,
    facts: FactSet,
    wanted: Flags | None = None,
    *,
    loose: bool = False,
    whole: bool = False,
) -> list[FactColumns]:
    """Facts and predictions, persons and employers apart; of the rows asked for, or all.

    With `loose`, those of persons come for every row, meaningless where it is no person asked for; that saves a copy. With
    `whole`, what is known beside a segment alone comes also where no segment is named, in `FactColumns.beside`.
    """
    kinds = (
        columns.customer_type
        if wanted is None
        else np.where(wanted, columns.customer_type, np.int32(MISSING))
    )
    parts = []
    persons = np.flatnonzero(kinds == _PERSONS)
    if len(persons):
        every = _persons(columns, card, facts, whole=whole)
        parts.append(every if loose or len(persons) == columns.rows else _of(every, persons))
    employers = np.flatnonzero(kinds == _EMPLOYERS)
    if len(employers):
        parts.append(_employers(columns, facts, employers))
    return parts


def _of(every: FactColumns, rows: NDArray[np.int64]) -> FactColumns:
    """Some of the customers of a batch that was evaluated whole."""
    place = np.full(len(every.rows), MISSING, np.int64)
    place[rows] = np.arange(len(rows))
    within = place[every.has_further] >= 0
    return replace(
        every,
        rows=rows,
        facts={name: codes[rows] for name, codes in every.facts.items()},
        beside={name: codes[rows] for name, codes in every.beside.items()},
        first=every.first[rows],
        has_further=place[every.has_further[within]],
        further=every.further[within],
        neutral=every.neutral[rows],
        segment=every.segment[rows],
        probability=every.probability[rows],
    )


def _persons(columns: SignalColumns, card: ColumnScorecard, facts: FactSet, *, whole: bool) -> FactColumns:
    months, parents = events_in_order(columns)
    predicted = card.predict(*_features(columns, months))
    unsure = np.zeros(columns.rows, bool)
    persons = Customers(facts, PERSON, columns, slice(None), predicted, parents, unsure)
    return _evaluated(persons, np.arange(columns.rows), whole=whole)


def _employers(columns: SignalColumns, facts: FactSet, rows: NDArray[np.int64]) -> FactColumns:
    nothing = np.full(len(rows), MISSING, np.int32)
    employers = Customers(facts, EMPLOYER, columns, rows, None, nothing, np.zeros(len(rows), bool))
    return _evaluated(employers, rows, whole=False)


def _evaluated(customers: Customers, rows: NDArray[np.int64], *, whole: bool) -> FactColumns:
    """The codes of the facts that are the same in all lookups, who is neutral, the lookups, and the segment of the answer."""
    kind, predicted = customers.customer_type, customers.predicted
    conditions = ConditionColumns(customers.facts, kind)
    facts = {"personalisation": _FORMS[kind, "personalisation"](customers)}
    beside: dict[str, Codes] = {}
    neutral = facts["personalisation"] != 0
    customers = replace(customers, neutral=neutral)
    named = neutral if predicted is None else (predicted.segment >= 0) & ~neutral
    for fact in customers.facts.of[kind]:
        if fact.name in facts or fact.looked_up or fact.is_group:
            continue
        codes, unknown = _FORMS[kind, fact.name](customers), customers.unknown(fact.name)
        if fact.known == "named":
            if (whole or conditions.stated) and fact.name not in _OF_SEGMENT:
                beside[fact.name] = np.where(neutral, unknown, codes)
            codes = np.where(named, codes, unknown)
        elif fact.known == "allowed":
            codes = np.where(neutral, unknown, codes)
        facts[fact.name] = codes
    varying = customers.facts.varying[kind]
    lookups = _LOOKUPS[kind, varying](customers)
    segment, chances = np.full(len(neutral), MISSING, np.int32), np.zeros(len(neutral))
    if predicted is not None:
        # The code of the fact is the position in `segments_of`, which begins as its values do.
        segment, chances = np.where(named, facts[SEGMENT], np.int32(MISSING)), predicted.probability
    segment = conditions.answered(segment, facts | {varying: lookups.first}, ~neutral)
    return FactColumns(kind, conditions, rows, facts, beside, varying, *lookups, neutral, segment, chances)


@column_form(PERSON, "personalisation")
def _person_personalisation(persons: Customers) -> Codes:
    return np.where(persons.number("minor") == 1, 2, persons.number("personalisation") == 1)


@column_form(EMPLOYER, "personalisation")
def _employer_personalisation(employers: Customers) -> Codes:
    return np.asarray(employers.number("personalisation") == 1, np.int32)


@column_form(PERSON, "segment")
def _segment(persons: Customers) -> Codes:
    """The model's segments as codes of the fact, which may list them in another order."""
    predicted, values = cast("Predicted", persons.predicted), persons.values(SEGMENT)
    code_of = np.array([values.index(code) for code in predicted.segments], np.int32)
    return code_of[predicted.segment]


@column_form(PERSON, "confidence")
def _confidence(persons: Customers) -> Codes:
    return (~cast("Predicted", persons.predicted).confident).astype(np.int32)


def _features(columns: SignalColumns, months: Codes) -> tuple[dict[str, Codes], Codes]:
    """The model's input, and how many of its signals are known."""
    lengths = columns.events.lengths
    derived = {
        "life_event_count": lengths,
        "months_since_life_event": np.where(lengths > 0, months, np.int32(MISSING)),
        "active_benefit_count": columns.choices(PERSON, "active_benefits").lengths,
    }
    x = {name: derived[name] if name in derived else columns.number(PERSON, name) for name in FEATURES}
    known = np.zeros(columns.rows, np.int8)
    for signal in PERSON_SIGNALS:
        if signal.used_by == "rules":
            continue
        code = {"life_events": "life_event_count", "active_benefits": "active_benefit_count"}.get(signal.name)
        known += x[code or signal.name] >= 0
    return x, known.astype(np.int32)


@lookups_form(PERSON, "life_event")
def _person_lookups(persons: Customers) -> Lookups:
    """The life events, the most recent first; after them, of an open matter, none."""
    lengths, parents, neutral = persons.columns.events.lengths, persons.parents, persons.neutral
    has_matter = persons.number("open_matter") >= 0
    unknown, no_event = persons.unknown("life_event"), np.int32(len(persons.vocabulary.life_events))
    has_event = (lengths > 0) & ~neutral
    first = np.where(has_event, parents[:, 0], np.where((lengths == 0) & ~neutral, no_event, unknown))
    more = has_event & has_matter
    if parents.shape[1] > 1:
        more |= has_event & (parents[:, 1] >= 0)
    rows = np.flatnonzero(more)
    further = np.full((len(rows), parents.shape[1]), MISSING, np.int32)
    further[:, :-1] = parents[rows, 1:]
    matters = np.flatnonzero(has_matter[rows])
    further[matters, (further[matters] >= 0).sum(axis=1)] = no_event
    return Lookups(first.astype(np.int32), rows, further)


@lookups_form(EMPLOYER, "open_matter")
def _employer_lookups(employers: Customers) -> Lookups:
    """The open matter first, then the kinds of claim made, in the order of the code list."""
    bits = employers.columns.choices(EMPLOYER, "claim_kinds").bits[employers.rows]
    matter = employers.number("open_matter")
    kinds = np.arange(len(employers.vocabulary.duties[EMPLOYER]), dtype=np.int32)
    claimed = (bits[:, None] >> kinds & 1).astype(bool) & (kinds != matter[:, None])
    lookups = np.column_stack([matter, np.where(claimed, kinds, np.int32(MISSING))])
    lookups = np.take_along_axis(lookups, np.argsort(lookups == MISSING, axis=1, kind="stable"), axis=1)
    lookups[employers.neutral] = MISSING
    unknown = employers.unknown("open_matter")
    first = np.where(lookups[:, 0] == MISSING, unknown, lookups[:, 0]).astype(np.int32)
    has_further = np.flatnonzero(lookups[:, 1] >= 0)
    return Lookups(first, has_further, lookups[has_further, 1:])


@column_form(PERSON, "digital")
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


@column_form(PERSON, "friction")
def _person_friction(persons: Customers) -> Codes:
    requests, repeats = persons.number("attachment_requests_12m"), persons.number("repeat_contacts_30d")
    smooth = np.where((requests < 0) | (repeats < 0), 3, 2)
    return np.where(
        requests >= MISSING_DOCUMENTS_FROM, 0, np.where(repeats >= REPEAT_CONTACTS_FROM, 1, smooth)
    )


@column_form(EMPLOYER, "employer_size")
def _employer_size(employers: Customers) -> Codes:
    staff = employers.number("employees")
    size = np.searchsorted([below for below, _ in SIZE_CLASSES], staff, side="right")
    return np.where(staff < 0, employers.unknown("employer_size"), size)


@column_form(EMPLOYER, "digital")
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


@column_form(EMPLOYER, "friction")
def _employer_friction(employers: Customers) -> Codes:
    late, returned = employers.number("late_claims_12m"), employers.number("claims_returned_12m")
    return np.select([late > 0, returned > 0, (late < 0) | (returned < 0)], [0, 1, 3], 2)


def _as_stated(fact: Fact) -> Form:
    """The column form of a fact that is a stated signal: yes, no, unknown as 0, 1, 2; a choice as its position."""

    def form(customers: Customers) -> Codes:
        code, unknown = customers.number(fact.signal), customers.unknown(fact.name)
        return np.asarray(np.where(code < 0, unknown, 1 - code if fact.values == YES_NO else code))

    return form


_DECLARED: Final = declared_facts(EMPTY)
_FORMS |= {
    (kind, fact.name): _as_stated(fact)
    for kind, facts in _DECLARED.items()
    for fact in facts
    if fact.signal and not fact.looked_up
}
check_forms(_DECLARED, {*_FORMS, *_LOOKUPS})
