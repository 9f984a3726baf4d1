"""Labelled customers as X and y: the same table whether simulated or brought from elsewhere, checked before use.

Columns become X of shape (n_samples, n_features) in the order of `models.decision.scorecard.FEATURES`, NaN where unknown, by the
same definitions as `models.decision.scorecard.features`. Only `training` may import this.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.contract.codes import BARRED, CUSTOMER_TYPES, PERSON
from models.contract.signals import DECLARED, PERSON_SIGNALS
from models.decision.scorecard import COUNT_FEATURES, FEATURE_SIGNAL, FEATURES
from training.authored import contract
from training.files import EVENTS_TYPE, LIST_TYPE, SIGNAL_COLUMNS
from training.learning.leakage import TrainingDataError, check_leakage, named_rows
from training.segments import inferred_segments

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEGMENT_COLUMN: Final = "segment"
AUDIT_PREFIX: Final = "audit_"
FEWEST_ROWS: Final = 300
FEWEST_PER_SEGMENT: Final = 30
FEWEST_KNOWN: Final = 100
FEWEST_IN_PART: Final = 2


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled persons.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features in the order of `FEATURES`; NaN is unknown.
    y : ndarray of shape (n_samples,)
        Indices into `segments`.
    weight : ndarray of shape (n_samples,)
    group : ndarray of shape (n_samples,)
        Customers as whole numbers; rows of one customer never part.
    known : ndarray of shape (n_samples,)
        How many model signals are known, as `models.decision.scorecard.known_signals` counts them.
    digest : str
        sha256 of X, y, weight and group.
    table : pyarrow.Table
        The rows themselves, with ``audit_*`` columns where there are any; no part of the model reads them.
    segments : tuple of str
        What the labels may name, in the order of every row of probabilities.
    """

    X: Floats
    y: Ints
    weight: Floats
    group: Ints
    known: Ints
    digest: str
    table: pa.Table
    segments: tuple[str, ...]

    def take(self, rows: NDArray[Any]) -> Dataset:
        """The dataset of some rows (indices or mask); the digest stays that of the whole."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Dataset(
            self.X[rows], self.y[rows], self.weight[rows], self.group[rows], self.known[rows], self.digest,
            self.table.take(pa.array(chosen)), self.segments,
        )  # fmt: skip

    def audit(self) -> dict[str, NDArray[np.str_]]:
        """Group of each customer by audit attribute, its prefix left out; an empty text is unknown."""
        return {
            name.removeprefix(AUDIT_PREFIX): np.array(
                ["" if value is None else str(value) for value in self.table[name].to_pylist()]
            )
            for name in self.table.column_names
            if name.startswith(AUDIT_PREFIX)
        }


@dataclass(frozen=True, slots=True)
class Split:
    """Parts of a dataset that share no customer: fitted on, chosen and calibrated on, measured on."""

    train: Dataset
    validation: Dataset
    test: Dataset


def read_dataset(table: pa.Table, source: str, segments: tuple[str, ...] | None = None) -> Dataset:
    """Check a labelled table and turn it into X and y.

    Employers, minors and persons who objected are left out: the model never serves them.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of the signal contract, `segment`, optional weight, customer_ref, customer_type and ``audit_*``.
    source : str
        What to call the data in messages.
    segments : tuple of str, optional
        What the labels may name; `inferred_segments` where it is left out.

    Raises
    ------
    TrainingDataError
        If the segment column is missing, a label or value is not allowed, a column is foreign or barred, a segment has too
        few rows, a customer would be in two parts of the split, or a signal tells an audit attribute.
    """
    segments = segments or inferred_segments()
    _check_columns(table, source, segments)
    table = _numbered(table)
    _check_who(table, source)
    table = _served_persons(table)
    labels = np.array(table[SEGMENT_COLUMN].to_pylist(), dtype=object)
    wrong = np.flatnonzero(~np.isin(labels.astype(str), segments))
    if wrong.size:
        raise TrainingDataError(
            f"{source}: {named_rows(table, wrong)} hold a segment that is none of {', '.join(segments)}"
            " (employers are known, not learnt). Correct these labels, leave the rows out, or name with --segments all that"
            " the labels may name."
        )
    _check_values(table, source)
    y = np.array([segments.index(label) for label in labels], dtype=np.int64)
    _check_enough(y, source, segments)
    features = matrix(table)
    _check_enough_known(features, source)
    weight = _weights(table, source)
    group = _groups(table, source)
    digest = hashlib.sha256()
    for part in (features, y, weight, group):
        digest.update(np.ascontiguousarray(part).tobytes())
    check_leakage(table, features, group, source)
    return Dataset(features, y, weight, group, _known_signals(table), digest.hexdigest(), table, segments)


def persons_to_segment(table: pa.Table, source: str) -> tuple[Floats, Ints]:
    """X and the number of known signals of the persons in a table whom the model would segment; no labels are needed.

    Raises
    ------
    TrainingDataError
        If a value is not allowed.
    """
    table = _numbered(table)
    _check_who(table, source)
    table = _served_persons(table)
    _check_values(table, source)
    return matrix(table), _known_signals(table)


def matrix(table: pa.Table) -> Floats:
    """X of shape (n_rows, n_features) in the order of `FEATURES`; NaN where a signal is null or its column missing."""
    features = np.full((table.num_rows, len(FEATURES)), np.nan)
    for at, name in enumerate(COUNT_FEATURES):
        features[:, at] = _column(table, name, features[:, at])
    if "life_events" in table.column_names:
        events = table["life_events"].cast(EVENTS_TYPE).combine_chunks()
        features[:, FEATURES.index("life_event_count")] = _lengths(events)
        features[:, FEATURES.index("months_since_life_event")] = _latest(events)
    if "active_benefits" in table.column_names:
        benefits = table["active_benefits"].cast(LIST_TYPE).combine_chunks()
        features[:, FEATURES.index("active_benefit_count")] = _lengths(benefits)
    return features


def unknown_signals(data: Dataset) -> list[str]:
    """Signals that the model could use and that are unknown of every customer of a dataset."""
    used = {FEATURE_SIGNAL[FEATURES[at]] for at in known_features(data)}
    return [name for name in dict.fromkeys(FEATURE_SIGNAL.values()) if name not in used]


def known_features(data: Dataset, fewest: int = 1) -> Ints:
    """Positions in `FEATURES` of those known of at least `fewest` customers; shape (n_known,)."""
    return np.flatnonzero(np.count_nonzero(~np.isnan(data.X), axis=0) >= fewest)


def split(data: Dataset, seed: int, source: str) -> Split:
    """Part customers 60 / 20 / 20; all rows of one customer go to one part.

    Raises
    ------
    TrainingDataError
        If a part holds too few customers of a segment to fit or to measure on.
    """
    parts = Split(*_parts(data, seed, [0.6, 0.2, 0.2]))
    for part, what in (
        (parts.train, "fit on"),
        (parts.validation, "calibrate on"),
        (parts.test, "measure on"),
    ):
        counts = np.bincount(part.y, minlength=len(data.segments))
        if counts.min() < FEWEST_IN_PART:
            raise TrainingDataError(
                f"{source}: of {data.segments[int(counts.argmin())]} {int(counts.min())} rows are left to {what} when customers"
                f" are parted in three, and at least {FEWEST_IN_PART} are needed; all rows of one customer_ref stay together."
                " Label more different customers."
            )
    return parts


def split_two(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Part customers 80 / 20 into those fitted on and those chosen on, where the test customers come from elsewhere."""
    one, other = _parts(data, seed, [0.8, 0.2])
    return one, other


def _parts(data: Dataset, seed: int, shares: list[float]) -> list[Dataset]:
    customers = np.unique(data.group)
    part = np.random.default_rng([seed, 0x5350]).choice(len(shares), size=customers.shape, p=shares)
    of_row = part[np.searchsorted(customers, data.group)]
    return [data.take(of_row == at) for at in range(len(shares))]


def _column(table: pa.Table, name: str, otherwise: Floats) -> Floats:
    if name not in table.column_names:
        return otherwise
    values = pc.cast(table[name], pa.float64()).combine_chunks()
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)


def _lengths(lists: pa.Array) -> Floats:
    return np.asarray(pc.cast(pc.list_value_length(lists), pa.float64()).to_numpy(zero_copy_only=False))


def _latest(events: pa.Array) -> Floats:
    """Months since the most recent event of each row; NaN where there is none or nothing is known."""
    latest = np.full(len(events), np.inf)
    months = pc.struct_field(pc.list_flatten(events), "months_ago").to_numpy(zero_copy_only=False)
    np.minimum.at(latest, pc.list_parent_indices(events).to_numpy(), months)
    return np.where(np.isinf(latest), np.nan, latest)


def _known_signals(table: pa.Table) -> Ints:
    known = np.zeros(table.num_rows, np.int64)
    for signal in PERSON_SIGNALS:
        if signal.used_by != "rules" and signal.name in table.column_names:
            known += table[signal.name].is_valid().combine_chunks().to_numpy(zero_copy_only=False)
    return known


def _groups(table: pa.Table, source: str) -> Ints:
    if "customer_ref" not in table.column_names:
        return np.arange(table.num_rows, dtype=np.int64)
    try:
        codes = table["customer_ref"].combine_chunks().dictionary_encode().indices
    except pa.ArrowNotImplementedError as error:
        raise TrainingDataError(
            f"{source}: customer_ref must hold a text or a number for each customer. Correct or drop the column."
        ) from error
    filled = pc.fill_null(pc.cast(codes, pa.int64()), -1).to_numpy(zero_copy_only=False)
    return np.asarray(np.where(filled < 0, len(filled) + np.arange(len(filled)), filled), dtype=np.int64)


def _numbered(table: pa.Table) -> pa.Table:
    """With the row numbers of the file in ``__row``."""
    return table.append_column("__row", pa.array(np.arange(2, table.num_rows + 2)))


def _served_persons(table: pa.Table) -> pa.Table:
    """Without employers, minors and objectors."""
    keep = np.ones(table.num_rows, bool)
    for column, left_out in (("customer_type", "employer"), ("minor", True), ("personalisation", "objected")):
        if column in table.column_names:
            same = pc.fill_null(pc.equal(table[column], pa.scalar(left_out)), fill_value=False)
            keep &= ~same.combine_chunks().to_numpy(zero_copy_only=False)
    return table.filter(pa.array(keep))


def _check_columns(table: pa.Table, source: str, segments: tuple[str, ...]) -> None:
    names = table.column_names
    if SEGMENT_COLUMN not in names:
        raise TrainingDataError(
            f"{source}: has no column named segment. Add one with {', '.join(segments)} in each row."
        )
    allowed = {*SIGNAL_COLUMNS, SEGMENT_COLUMN, "weight", "customer_ref", "customer_type"}
    for name in names:
        if name in BARRED:
            raise TrainingDataError(
                f"{source}: column {name} is barred from choosing a segment. Remove it, or name it audit_{name}"
                " to measure differences between groups."
            )
        if name not in allowed and not name.startswith(AUDIT_PREFIX):
            raise TrainingDataError(
                f"{source}: column {name} is no signal, label, weight or audit_ column. Remove or rename it."
            )
    if not set(names) & {signal.name for signal in PERSON_SIGNALS if signal.used_by != "rules"}:
        raise TrainingDataError(
            f"{source}: has no signal that the model may use. Add columns of the signal contract."
        )


def _check_who(table: pa.Table, source: str) -> None:
    """What says whether a row may be trained on must be readable: an objection misspelt is an objection unseen."""
    choices = {
        "customer_type": CUSTOMER_TYPES,
        "personalisation": DECLARED[PERSON]["personalisation"].values,
    }
    for name, allowed in choices.items():
        values = table[name].to_pylist() if name in table.column_names else []
        wrong = [at for at, value in enumerate(values) if value is not None and value not in allowed]
        if wrong:
            raise TrainingDataError(
                f"{source}: {named_rows(table, np.array(wrong))} hold a {name} that is none of {', '.join(allowed)}. Correct"
                " these cells, or leave them empty if unknown."
            )


def _check_values(table: pa.Table, source: str) -> None:
    """Ranges and cross-field checks of the model's signals, as `SignalContract.read` makes them for a request."""
    for name in COUNT_FEATURES:
        if name in table.column_names:
            values, maximum = _column(table, name, np.empty(0)), DECLARED[PERSON][name].maximum
            wrong = np.flatnonzero(
                ~np.isnan(values) & ((values < 0) | (values > maximum) | (values != np.floor(values)))
            )
            if wrong.size:
                raise TrainingDataError(
                    f"{source}: {named_rows(table, wrong)} hold a {name} that is no whole number from 0 to {maximum}."
                    " Correct these cells, or leave them empty if unknown."
                )
    for name in ("life_events", "active_benefits"):
        _check_list(table, name, source)
    part, whole = "applications_online_12m", "applications_12m"
    if {part, whole} <= set(table.column_names):
        empty = np.empty(0)
        wrong = np.flatnonzero(_column(table, part, empty) > _column(table, whole, empty))
        if wrong.size:
            raise TrainingDataError(
                f"{source}: {named_rows(table, wrong)} hold more {part} than {whole}. Correct these rows."
            )


def _check_list(table: pa.Table, name: str, source: str) -> None:
    if name not in table.column_names:
        return
    signal = contract().signals[PERSON][name]
    lists = table[name].combine_chunks()
    items = pc.list_flatten(lists)
    codes = pc.struct_field(items, "event") if name == "life_events" else items
    bad = ~np.asarray(pc.is_in(codes, pa.array(signal.values)).to_numpy(zero_copy_only=False), dtype=bool)
    if name == "life_events":
        months = pc.cast(pc.struct_field(items, "months_ago"), pa.float64()).to_numpy(zero_copy_only=False)
        bad |= ~((months >= 0) & (months <= 24))
    too_many = np.flatnonzero(np.nan_to_num(_lengths(lists)) > signal.maximum)
    wrong = np.union1d(np.unique(pc.list_parent_indices(lists).to_numpy()[bad]), too_many)
    if wrong.size:
        raise TrainingDataError(
            f"{source}: {named_rows(table, wrong)} hold a {name} that the signal contract does not allow (at most"
            f" {signal.maximum} known codes{', 0–24 months ago' if name == 'life_events' else ''}). Correct these rows."
        )


def _weights(table: pa.Table, source: str) -> Floats:
    try:
        weight = _column(table, "weight", np.ones(table.num_rows))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        weight = np.zeros(table.num_rows)
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        raise TrainingDataError(
            f"{source}: weight must be a number above 0 in every row. Correct or drop the column."
        )
    return weight


def _check_enough_known(features: Floats, source: str) -> None:
    known = {
        FEATURE_SIGNAL[FEATURES[at]]
        for at in np.flatnonzero((~np.isnan(features)).sum(axis=0) >= FEWEST_KNOWN)
    }
    if len(known) < 2:
        those_known = f"only {known.pop()} is" if known else "none is"
        raise TrainingDataError(
            f"{source}: of the signals that the model may use {those_known} known of at least {FEWEST_KNOWN} customers, and it names a"
            " segment only where two are known. Add columns of the signal contract, or fill those there are."
        )


def _check_enough(y: Ints, source: str, segments: tuple[str, ...]) -> None:
    counts = np.bincount(y, minlength=len(segments))
    if len(y) < FEWEST_ROWS or counts.min() < FEWEST_PER_SEGMENT:
        by_segment = ", ".join(f"{segment} {count}" for segment, count in zip(segments, counts, strict=True))
        raise TrainingDataError(
            f"{source}: too few rows to train on ({len(y)} in all: {by_segment}). At least {FEWEST_ROWS} rows and"
            f" {FEWEST_PER_SEGMENT} of each segment are needed. Label more customers."
        )
