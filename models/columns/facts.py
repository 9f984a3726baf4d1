"""Facts of many customers at once: record batches in, numpy codes of facts and predictions out.

The column form of `facts` and `scorecard`: the same tables and thresholds, held equal to the row form by property tests. A
code is a value's position in its fact; a cell is its facts' codes in one number. Never imported by the serving process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.columns.files import CustomerFileError
from models.columns.scorecard import ColumnScorecard
from models.columns.signals import MISSING, Codes, Flags, SignalColumns
from models.columns.text_blocks import CustomerBatch
from models.contract.codes import CLAIM_KINDS, CUSTOMER_TYPES, LIFE_EVENTS, UNKNOWN, CustomerType
from models.contract.signals import CONTRACT
from models.decision.facts import (
    ASSISTED_FROM,
    FACTS,
    MISSING_DOCUMENTS_FROM,
    REPEAT_CONTACTS_FROM,
    SIZE_CLASSES,
    VARYING,
    Facts,
)
from models.decision.scorecard import FEATURES, Scorecard

if TYPE_CHECKING:
    import pyarrow as pa

PERSON, EMPLOYER = (CUSTOMER_TYPES.index(kind) for kind in ("person", "employer"))
_RUNNING: Final[Mapping[CustomerType, str]] = {"person": "active_benefits", "employer": "claim_kinds"}
AUDIT: Final = "audit_"
_UNKNOWN: Final = {
    kind: {fact.name: fact.values.index(UNKNOWN) for fact in FACTS[kind] if UNKNOWN in fact.values}
    for kind in CUSTOMER_TYPES
}
_NO_EVENT: Final = len(LIFE_EVENTS)


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


@dataclass(frozen=True, slots=True)
class Cells:
    """Customers of one type as cells.

    Attributes
    ----------
    cells : ndarray of shape (n_customers, n_lookups), int64
        The cell of each lookup, in order; `MISSING` after a customer's last.
    segment : ndarray of shape (n_customers,)
        Position in the fact `segment`; for employers all 0.
    preferred : ndarray of shape (n_customers,)
        Position of the preferred channel in its signal's values; `MISSING` where none may be used.
    matter : ndarray of shape (n_customers,)
        Position of the open matter in its signal's values; `MISSING` where there is none.
    identifies : ndarray of shape (n_customers,)
        Whether the customer identifies strongly, also of those who objected: 1 yes, 0 no, `MISSING` unknown.
    benefits : ndarray of shape (n_customers,)
        One bit for each active benefit, or of an employer for each kind of claim.
    audit : mapping of str to list
        Column to its values, one per customer.
    """

    customer_type: CustomerType
    cells: NDArray[np.int64]
    segment: Codes
    preferred: Codes
    matter: Codes
    identifies: Codes
    benefits: NDArray[np.int64]
    audit: Mapping[str, pa.Array]


def cells_of(read: CustomerBatch, scorecard: Scorecard) -> list[Cells]:
    """The customers of one batch as cells, persons and employers apart.

    Raises
    ------
    CustomerFileError
        If a row breaks the signal contract.
    """
    batch = read.batch
    columns = SignalColumns(batch, textual=read.textual)
    refused = np.flatnonzero(columns.refused())
    if len(refused):
        raise CustomerFileError(
            f"row {read.numbers[refused[0]]} cannot be read: it breaks the signal contract."
            " `arki-score --dry-run` tells how many do."
        )
    audit = {name: batch.column(name) for name in batch.schema.names if name.startswith(AUDIT)}
    cells = []
    for part in fact_columns(columns, ColumnScorecard(scorecard)):
        kind = part.customer_type
        preferred = columns.number("person", "preferred_channel")[part.rows]
        identifies = columns.number("person", "strong_identification")
        cells.append(
            Cells(
                kind,
                _cells(part),
                part.facts["segment"] if kind == "person" else np.zeros(len(part.rows), np.int32),
                np.where(part.neutral | (kind == "employer"), np.int32(MISSING), preferred),
                columns.number(kind, "open_matter")[part.rows],
                identifies[part.rows],
                columns.choices(kind, _RUNNING[kind]).bits[part.rows],
                {name: values.take(part.rows) for name, values in audit.items()},
            )
        )
    return cells


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


def facts_of(customer_type: CustomerType, cell: int) -> Facts:
    """The facts of a cell."""
    values = {}
    for fact in reversed(FACTS[customer_type]):
        cell, code = divmod(cell, len(fact.values))
        values[fact.name] = fact.values[code]
    return {fact.name: values[fact.name] for fact in FACTS[customer_type]}


def codes_of(customer_type: CustomerType, cells: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The codes of each fact in an array of cells."""
    codes = {}
    for fact in reversed(FACTS[customer_type]):
        cells, codes[fact.name] = cells // len(fact.values), cells % len(fact.values)
    return codes


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
    def number(name: str) -> Codes:
        return columns.number("person", name)

    minor, objected = number("minor") == 1, number("personalisation") == 1
    neutral = minor | objected
    months, parents = _events_in_order(columns)
    predicted = card.predict(*_features(columns, months))
    named = (predicted.segment >= 0) & ~neutral
    unknown = _UNKNOWN["person"]
    matter = number("open_matter")
    facts = {
        "personalisation": np.where(minor, 2, objected),
        "segment": np.where(named, predicted.segment, unknown["segment"]),
        "confidence": np.where(named, ~predicted.confident, unknown["confidence"]),
        "digital": np.where(named, _person_digital(columns), unknown["digital"]),
        "friction": np.where(named, _person_friction(columns), unknown["friction"]),
        "open_matter": np.where(neutral | (matter < 0), unknown["open_matter"], matter),
        "interpreter_needed": _yes_no(number("interpreter_needed")),
        "easy_language": _yes_no(number("easy_language")),
    }
    for name in ("strong_identification", "acts_through_mandate"):
        facts[name] = np.where(neutral, unknown[name], _yes_no(number(name)))
    first, has_further, further = _person_lookups(columns.events.lengths, parents, matter >= 0, neutral)
    rows = np.arange(columns.rows)
    segment = np.where(named, predicted.segment, np.int32(MISSING))
    return FactColumns(
        "person", rows, facts, first, has_further, further, neutral, segment, predicted.probability
    )


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


def _person_lookups(
    lengths: Codes, parents: Codes, has_matter: Flags, neutral: Flags
) -> tuple[Codes, NDArray[np.int64], Codes]:
    """Codes of the fact life_event: in the first lookup, and in further ones, the open matter alone the last."""
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
    return first.astype(np.int32), rows, further


def _yes_no(code: Codes) -> Codes:
    """Yes, no, unknown as 0, 1, 2, from 1, 0, `MISSING`."""
    return np.where(code < 0, np.int32(2), 1 - code)


def _person_digital(columns: SignalColumns) -> Codes:
    logins, online, helped, visits, chat, applied = (
        columns.number("person", name)
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


def _person_friction(columns: SignalColumns) -> Codes:
    requests = columns.number("person", "attachment_requests_12m")
    repeats = columns.number("person", "repeat_contacts_30d")
    smooth = np.where((requests < 0) | (repeats < 0), 3, 2)
    return np.where(
        requests >= MISSING_DOCUMENTS_FROM, 0, np.where(repeats >= REPEAT_CONTACTS_FROM, 1, smooth)
    )


def _employers(columns: SignalColumns, rows: NDArray[np.int64]) -> FactColumns:
    def number(name: str) -> Codes:
        return columns.number("employer", name)[rows]

    neutral = number("personalisation") == 1
    unknown = _UNKNOWN["employer"]
    staff, late, returned = number("employees"), number("late_claims_12m"), number("claims_returned_12m")
    size = np.searchsorted([below for below, _ in SIZE_CLASSES], staff, side="right")
    facts = {
        "employer_size": np.where(staff < 0, unknown["employer_size"], size),
        "first_claim": _yes_no(number("first_claim")),
        "digital": _employer_digital(number),
        "friction": np.select([late > 0, returned > 0, (late < 0) | (returned < 0)], [0, 1, 3], 2),
    }
    facts = {name: np.where(neutral, unknown[name], codes) for name, codes in facts.items()}
    facts["personalisation"] = neutral.astype(np.int32)
    lookups = _employer_lookups(columns.choices("employer", "claim_kinds").bits[rows], number("open_matter"))
    lookups[neutral] = MISSING
    first = np.where(lookups[:, 0] == MISSING, unknown["open_matter"], lookups[:, 0]).astype(np.int32)
    has_further = np.flatnonzero(lookups[:, 1] >= 0)
    nothing, no_chance = np.full(len(rows), MISSING, np.int32), np.zeros(len(rows))
    return FactColumns(
        "employer", rows, facts, first, has_further, lookups[has_further, 1:], neutral, nothing, no_chance
    )


def _employer_lookups(bits: NDArray[np.int64], matter: Codes) -> Codes:
    """The open matter first, then the kinds of claim made, in the order of the code list."""
    kinds = np.arange(len(CLAIM_KINDS), dtype=np.int32)
    claimed = (bits[:, None] >> kinds & 1).astype(bool) & (kinds != matter[:, None])
    lookups = np.column_stack([matter, np.where(claimed, kinds, np.int32(MISSING))])
    return np.take_along_axis(lookups, np.argsort(lookups == MISSING, axis=1, kind="stable"), axis=1)


def _employer_digital(number: Callable[[str], Codes]) -> Codes:
    service, register, online, claims, phone = (
        number(name)
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


def _cells(part: FactColumns) -> NDArray[np.int64]:
    """Cells of each lookup: the facts' codes in one number, with the varying fact's code of each."""
    varying = VARYING[part.customer_type]
    base, stride, stride_of_varying = np.zeros(len(part.rows), np.int64), 1, 0
    for fact in reversed(FACTS[part.customer_type]):
        if fact.name == varying:
            stride_of_varying = stride
        else:
            base += part.facts[fact.name] * stride
        stride *= len(fact.values)
    lookups = np.full((len(part.rows), 1 + part.further.shape[1]), MISSING, np.int64)
    lookups[:, 0] = part.first
    lookups[part.has_further, 1:] = part.further
    return np.where(lookups == MISSING, MISSING, base[:, None] + lookups * stride_of_varying)
