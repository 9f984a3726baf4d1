"""Simulated customers in the signal contract: what channels would observe of the latent life courses, and what not.

`population` returns one Arrow table, the form in which labelled data from elsewhere also arrives. Signals are noisy,
overdispersed evidence of the course; most customers lack some, some lack nearly all. Barred attributes stand in
``audit_*`` columns, never among signals. Only `training` may import this.

References
----------
Figures of the courses and their sources: `training.simulation.parameters`; coefficients here are assumptions unless they say not.
The label: ``LABELLING.md``.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.columns.text_blocks import arrow_type
from models.contract.signals import EMPLOYER_SIGNALS, PERSON_SIGNALS
from training.files import EVENTS_TYPE, LIST_TYPE
from training.progress import progress
from training.segments import SIMULATED
from training.simulation import parameters as p
from training.simulation.conduct import contact_rates, needs_help, online_shares
from training.simulation.employers import employers
from training.simulation.labels import label
from training.simulation.life_course import MONTHS, simulate
from training.simulation.persons import NEVER, Bools, Floats, Ints, Month, Persons

BROKEN_RUN: Final = 0.06  # assumption: runs of support that records show as shorter than they were
EMPLOYER_SHARE: Final = 0.02  # assumption: employers among the customers of a mixed file
SEEN_BY_MATTERS: Final = 0.35  # assumption: log odds of a wider view, per log of matters
AUDIT_COLUMNS: Final = ("audit_age_band", "audit_sex", "audit_language")

# What a channel knows. Signals come from sources; a source is known or missing as a whole.
SOURCES: Final = {
    "benefits": ("months_on_income_support", "benefits_started_6m", "benefits_ended_6m", "active_benefits"),
    "assistance": ("social_assistance_months_12m",),
    "applications": (
        "applications_12m",
        "applications_online_12m",
        "attachment_requests_12m",
        "reconsiderations_12m",
    ),
    "online": ("omakela_logins_90d", "chat_contacts_90d"),
    "contacts": ("phone_contacts_90d", "service_point_visits_90d", "repeat_contacts_30d"),
    "partners": ("partner_contacts_12m",),
    "events": ("life_events",),
}
VIEWS: Final = {
    # assumption: view -> (share of customers, chance that a source is missing, chance that a known one lacks a signal)
    "register": (0.35, 0.06, 0.04),
    "partial": (0.35, 0.40, 0.12),
    "narrow": (0.25, 0.80, 0.25),
    "unknown": (0.05, 0.995, 0.50),
}


CHUNK_PERSONS: Final = (
    25_000  # seeded apart, so that neither memory nor the number of processes shows in the result
)


BLOCK_CUSTOMERS: Final = 1_000_000
"""Customers of a file that are held in memory at once."""


def population_blocks(n_customers: int, seed: int, *, processes: int = 1) -> Iterator[pa.Table]:
    """Customers by the block, for files larger than memory; up to `BLOCK_CUSTOMERS` they are those of `population`."""
    for block in range(-(-n_customers // BLOCK_CUSTOMERS)):
        left = n_customers - block * BLOCK_CUSTOMERS
        yield population(min(left, BLOCK_CUSTOMERS), seed, processes=processes, block=block)


def population(
    n_customers: int, seed: int, *, with_employers: bool = True, processes: int = 1, block: int = 0
) -> pa.Table:
    """Simulate customers and what is known of them.

    Parameters
    ----------
    n_customers : int
        Rows of the table; `EMPLOYER_SHARE` of them are employers if `with_employers`.
    seed : int
        The same seed gives the same bytes, by however many processes.
    processes : int
        How many to work in.
    block : int
        Which block of `BLOCK_CUSTOMERS` of a larger population these are; their keys and random streams follow on.

    Returns
    -------
    pyarrow.Table
        customer_ref, customer_type, every signal of both types (null is unknown), segment and `AUDIT_COLUMNS`.
    """
    n_employers = round(n_customers * EMPLOYER_SHARE) if with_employers else 0
    first = block * BLOCK_CUSTOMERS
    table = pa.concat_tables(_chunks(first, n_customers - n_employers, seed, processes)).combine_chunks()
    if n_employers:
        rng = np.random.default_rng([seed, 0x4152_4B49, 0, block] if block else [seed, 0x4152_4B49])
        firms = employers(n_employers, rng)
        if block:
            keys = pa.array([f"E{first + at:07d}" for at in range(n_employers)])
            firms = firms.set_column(firms.schema.get_field_index("customer_ref"), "customer_ref", keys)
        table = pa.concat_tables([table, firms], promote_options="default")
        table = table.take(rng.permutation(n_customers))
    return _with_every_signal(table, employers_too=bool(n_employers))


def _with_every_signal(table: pa.Table, *, employers_too: bool) -> pa.Table:
    """The table with the signals that nobody simulates, unknown of everybody."""
    for signal in (*PERSON_SIGNALS, *(EMPLOYER_SIGNALS if employers_too else ())):
        if signal.name not in table.column_names:
            table = table.append_column(signal.name, pa.nulls(table.num_rows, arrow_type(signal)))
    return table


def _chunks(start: int, n_persons: int, seed: int, processes: int) -> Iterator[pa.Table]:
    firsts = range(start, start + n_persons, CHUNK_PERSONS)
    jobs = [(first, min(CHUNK_PERSONS, start + n_persons - first), seed) for first in firsts]
    with progress("Simulating customers", n_persons) as advance:
        if processes == 1 or len(jobs) == 1:
            for job in jobs:
                yield _chunk(job)
                advance(job[1])
            return
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for job, table in zip(jobs, pool.imap(_chunk, jobs), strict=True):
                yield table
                advance(job[1])


def _chunk(job: tuple[int, int, int]) -> pa.Table:
    """Persons from number `first` on, from a random stream of their own."""
    first, n, seed = job
    rng = np.random.default_rng([seed, 0x4152_4B49, first // CHUNK_PERSONS])
    people = simulate(n, rng)
    segment = label(people, rng)
    columns: dict[str, Any] = {"customer_ref": pa.array([f"P{first + at:07d}" for at in range(n)])}
    columns["customer_type"] = pa.array(["person"] * n)
    columns |= observe(people, rng)
    columns["segment"] = pa.array(np.array(SIMULATED)[segment])
    columns["audit_age_band"] = pa.array(np.array(p.AGE_BANDS)[people.band()])
    columns["audit_sex"] = pa.array(np.where(people.sex == 1, "woman", "man"))
    columns["audit_language"] = pa.array(np.array(p.LANGUAGES)[people.language])
    return pa.table(columns)


def observe(persons: Persons, rng: np.random.Generator) -> dict[str, pa.Array]:
    """The signals of each person as channels would know them; name -> array of n_persons, null is unknown."""
    counts = _counts(persons, rng)
    known = _known(persons, rng)
    columns: dict[str, pa.Array] = {
        name: pa.array(np.minimum(values, _MAXIMA[name]).astype(np.int64), mask=~known[name])
        for name, values in counts.items()
    }
    columns["life_events"] = _life_events(persons, known["life_events"], rng)
    columns["active_benefits"] = _active_benefits(persons, known["active_benefits"])
    columns |= _stated(persons, counts, rng)
    return columns


_MAXIMA: Final = {signal.name: signal.maximum for signal in PERSON_SIGNALS}


def _overdispersed(mean: NDArray[np.floating[Any]], shape: float, rng: np.random.Generator) -> Ints:
    """Negative binomial counts: Poisson with a gamma rate of the given shape; smaller is more uneven."""
    return rng.poisson(mean * rng.gamma(shape, 1 / shape, mean.shape[0]))


def _counts(persons: Persons, rng: np.random.Generator) -> dict[str, Ints]:
    """Counts driven by matters, strain and capability; every coefficient here is an assumption unless it says not."""
    n = persons.state.shape[0]
    strain = np.clip(persons.strain, -3, 3.5)
    habit = rng.lognormal(-0.125, 0.5, n)  # how readily a person gets in touch, by any way; its mean is 1
    help_ = needs_help(persons)
    matters = persons.matters_12m * rng.gamma(4.0, 1 / 4.0, (n, 1))
    by_kind = rng.poisson(matters)
    applications = by_kind.sum(axis=1)
    online = rng.binomial(by_kind, online_shares(persons, p.LAST_MONTH[0])).sum(axis=1)
    hard = persons.difficulty_12m + 0.06 * (persons.supported_months_12m - 6)
    # A decision that comes late breaks the run of months on record, though the need went on.
    broken = (rng.random(n) < BROKEN_RUN) & (persons.support_months > 1)
    months = np.where(broken, rng.integers(0, 4, n), persons.support_months)
    last = Month.of(MONTHS - 1, MONTHS, p.LAST_MONTH)
    contacts = contact_rates(persons, persons.contacts_3m, last, 3)
    return {
        "months_on_income_support": months.astype(np.int64),
        "benefits_started_6m": persons.started_6m.astype(np.int64),
        "benefits_ended_6m": persons.ended_6m.astype(np.int64),
        "social_assistance_months_12m": persons.assistance_months_12m.astype(np.int64),
        "applications_12m": applications,
        "applications_online_12m": online,
        # 80 % of social assistance granted, missing documents 17 % of refusals (2017): requests are far commoner
        "attachment_requests_12m": _overdispersed(0.16 * _asked_of(by_kind) * help_, 1.5, rng),
        "reconsiderations_12m": _overdispersed(0.03 * persons.contacts_12m * np.exp(0.4 * strain), 1.0, rng),
        **{
            name: _overdispersed(habit * rate, p.CONTACT_SHAPES[name], rng) for name, rate in contacts.items()
        },
        "repeat_contacts_30d": _overdispersed(
            habit * (0.004 + 0.26 * persons.contacts_1m) * help_**1.2, 0.8, rng
        ),
        "partner_contacts_12m": _overdispersed(0.03 * np.exp(1.15 * np.clip(hard, -3, 3)), 0.6, rng),
    }


def _asked_of(by_kind: Ints) -> Floats:
    """Applications that may lack a document; a claim of a small refund or a monthly notice hardly."""
    return np.asarray(by_kind @ p.CONTACT_WEIGHT)


def _known(persons: Persons, rng: np.random.Generator) -> dict[str, Bools]:
    """Which signals are known of whom: sources are missing together, by how much the customer's channel sees.

    The fewer a customer's matters, the less is known: who does not deal with Kela leaves no trace. So what is missing is
    itself weak evidence of the segment, as it would be in earnest.
    """
    n = persons.state.shape[0]
    views: Floats = np.array(list(VIEWS.values()))
    seen_more: Floats = np.exp(SEEN_BY_MATTERS * (np.log1p(persons.contacts_12m) - 0.7))
    odds: Floats = views[:, 0] * np.column_stack([seen_more, np.ones(n), 1 / seen_more, 1 / seen_more])
    passed = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
    drawn = np.asarray(rng.random(n))
    view = (drawn[:, None] > passed[:, :-1]).sum(axis=1)
    known: dict[str, Bools] = {}
    for names in SOURCES.values():
        source_known = rng.random(n) >= views[view, 1]
        for name in names:
            known[name] = source_known & (rng.random(n) >= views[view, 2])
    return known


_RECORDED: Final = np.array([p.EVENT_RECORDED[code] for code in p.LIFE_EVENTS])
_CHILD_CODES: Final = tuple(zip(("KE1", "KE4"), p.CODES["children"], (0.01, 0.6), strict=True))


def _life_events(persons: Persons, known: Bools, rng: np.random.Generator) -> pa.Array:
    """At most five of the last 24 months' events, the recent ones first; empty where nothing is recorded."""
    n = known.shape[0]
    ago = MONTHS - 1 - persons.event_month.astype(np.int64)
    recorded = (persons.event_month != NEVER) & (ago <= p.WINDOW_MONTHS)
    recorded &= rng.random(ago.shape) < _RECORDED
    recorded &= known[:, None]
    order = np.argsort(np.where(recorded, ago, 1_000), axis=1, kind="stable")[:, :5]
    chosen = np.take_along_axis(recorded, order, axis=1)
    codes = np.array(p.LIFE_EVENTS, dtype="U6")[order[chosen]]
    for plain, child, share in _CHILD_CODES:
        codes[(codes == plain) & (rng.random(codes.shape[0]) < share)] = child
    months = np.take_along_axis(ago, order, axis=1)[chosen]
    values = pa.StructArray.from_arrays(
        [pa.array(codes), pa.array(months)], fields=[EVENTS_TYPE.value_type.field(at) for at in range(2)]
    )
    return _lists(values, chosen.sum(axis=1), known, n)


def _active_benefits(persons: Persons, known: Bools) -> pa.Array:
    held = persons.benefits & known[:, None]
    held[np.cumsum(held, axis=1) > 12] = False
    values = pa.array(np.array(p.BENEFITS)[np.nonzero(held)[1]])
    return _lists(values, held.sum(axis=1), known, held.shape[0])


def _lists(values: pa.Array, lengths: NDArray[np.int64], known: Bools, n: int) -> pa.Array:
    offsets = np.zeros(n + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    kind = EVENTS_TYPE if pa.types.is_struct(values.type) else LIST_TYPE
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=kind, mask=pa.array(~known))


def _stated(persons: Persons, counts: dict[str, Ints], rng: np.random.Generator) -> dict[str, pa.Array]:
    """What customers have stated, for the rules alone; every share is an assumption."""
    n = persons.state.shape[0]
    band, capability = persons.band(), persons.capability

    def yes_no(chance: Floats, known: float) -> pa.Array:
        return pa.array(rng.random(n) < chance, mask=rng.random(n) >= known)

    strong = 1 / (1 + np.exp(-(3.2 + 1.4 * capability)))
    foreign = persons.language == p.LANGUAGES.index("other")
    online = counts["omakela_logins_90d"] > 0
    by_self, by_person = p.CODES["channels"][:3], p.CODES["channels"][3:]
    channel = np.where(
        rng.random(n) < 1 / (1 + np.exp(-1.2 - 1.5 * capability - 0.8 * online)),
        rng.choice(by_self, n, p=[0.7, 0.2, 0.1]),
        rng.choice(by_person, n, p=[0.5, 0.3, 0.2]),
    )
    minor = persons.age_months < 18 * 12
    minor_known = minor | (rng.random(n) < 0.5)
    return {
        "open_matter": _open_matters(persons, rng),
        "strong_identification": yes_no(strong, 0.7),
        "acts_through_mandate": yes_no(np.where(band >= 7, 0.10, 0.012), 0.6),
        "interpreter_needed": yes_no(np.where(foreign, np.clip(0.30 - 0.15 * capability, 0, 1), 0.0), 0.6),
        "easy_language": yes_no(np.clip(0.04 - 0.04 * capability, 0.002, 0.3), 0.5),
        "preferred_channel": pa.array(channel, mask=rng.random(n) >= 0.15),
        "minor": pa.array(minor, mask=~minor_known),
        "personalisation": pa.array(
            np.where(rng.random(n) < 0.03, "objected", "allowed"), mask=rng.random(n) >= 0.5
        ),
    }


def _open_matters(persons: Persons, rng: np.random.Generator) -> pa.Array:
    """A benefit that a matter is open on now: one being paid, drawn evenly, the likelier the more matters there are."""
    n = persons.state.shape[0]
    weights = persons.benefits * rng.random(persons.benefits.shape)
    is_open = (rng.random(n) < 1 - np.exp(-0.7 * persons.contacts_1m)) & persons.benefits.any(axis=1)
    return pa.array(np.array(p.BENEFITS)[weights.argmax(axis=1)], mask=~is_open)
