"""Recommendations for a record batch: the one function that every engine calls, RecordBatch in, RecordBatch out.

Signals -> facts and prediction -> offers -> the recommender's own items, asked for once per distinct combination. What
comes out equals `Recommender.recommend` in every field it holds; a row that the API would refuse comes out with its
faults in the column ``refused`` and nothing else. An answer depends on its row alone, never on its neighbours.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns.decision_table import RuleColumns
from models.columns.facts import FactColumns, fact_columns
from models.columns.group_counts import GroupCounts
from models.columns.groups import segments_of
from models.columns.rows import KEY, TYPE, read_row, row_of_text
from models.columns.scorecard import ColumnScorecard
from models.columns.signals import MISSING, Codes, Flags, SignalColumns, positions
from models.columns.statutory import StatutoryColumns
from models.contract.codes import CUSTOMER_TYPES, EMPLOYER
from models.contract.identity_codes import COLUMN_HINT, SHORTEST, holds_identity_code
from models.contract.signals import DECLARED, InvalidSignalsError
from models.decision.recommender import Recommender
from training.scoring.answer_columns import AnswerColumns, dictionary
from training.scoring.request import VERSIONS, ScoringRequest

REFUSED: Final = "refused"
FAULTS: Final = pa.list_(
    pa.struct([("column", pa.string()), ("code", pa.string()), ("message", pa.string())])
)


class Scored(NamedTuple):
    """A scored batch: its answers, and per row whether it is refused, its segment (`MISSING` for none) and neutrality.

    A segment is a position in `Scorer.segments`.
    """

    batch: pa.RecordBatch
    refused: Flags
    segment: Codes
    neutral: Flags
    columns: SignalColumns
    parts: list[FactColumns]


class Scorer:
    """A bundle made ready for columns, with what was asked. Holds what it has worked out, so keep one per process.

    Attributes
    ----------
    segments : tuple of str
        Every segment that an answer may have, those that the model infers first.

    Raises
    ------
    ValueError
        If the bundle lacks the language that is asked for.
    """

    def __init__(self, recommender: Recommender, request: ScoringRequest) -> None:
        self.recommender, self.request = recommender, request
        self.segments = segments_of(recommender.vocabulary)
        self._spoken = tuple(recommender.vocabulary.languages)
        spoken = request.language or recommender.vocabulary.default_language
        if spoken not in self._spoken:
            raise ValueError(f"the bundle has no language {spoken}. Ask in one of {', '.join(self._spoken)}.")
        self._default_language = self._spoken.index(spoken)
        day = request.at.date()
        self._card = ColumnScorecard(recommender.scorecard)
        self.rules = {kind: RuleColumns(recommender, kind, day) for kind in CUSTOMER_TYPES}
        self._statutory = StatutoryColumns(
            recommender.catalogue, day, valid_days=recommender.rulebook.answer_valid_days
        )
        self._answers = AnswerColumns(recommender, self.rules, request)
        self._groups = {kind: GroupCounts(recommender.facts, kind) for kind in CUSTOMER_TYPES}

    def score(
        self, batch: pa.RecordBatch, *, textual: bool = False, closed: frozenset[str] = frozenset()
    ) -> pa.Array:
        """The record batch of `scored` alone."""
        return self.scored(batch, textual=textual, closed=closed).batch

    def scored(
        self, batch: pa.RecordBatch, *, textual: bool = False, closed: frozenset[str] = frozenset()
    ) -> Scored:
        """A row of `ScoringRequest.columns` and ``refused`` for each row, in order.

        Parameters
        ----------
        batch : pyarrow.RecordBatch
            ``customer_type``, and any signals; other columns are not looked at.
        textual : bool
            Whether cells are text as in a CSV file.
        closed : set of str
            Channels without room, which are passed over where no guarantee needs them.
        """
        columns = SignalColumns(batch, self.recommender.contract, textual=textual)
        language = self._languages(batch)
        refused = columns.refused() | (language < 0) | self._identity_codes(batch)
        answers = _RowAnswers(columns.rows)
        parts = fact_columns(columns, self._card, self.recommender.facts, ~refused, loose=True)
        spoken = np.maximum(language, 0)
        for part in parts:
            self._fill(answers, part, columns, spoken, closed)
        masked = refused if refused.any() else None
        if masked is not None:
            answers.forget(masked)
        table = self._assembled(batch, columns, answers, language, masked, textual=textual)
        return Scored(table, refused, answers.segment, answers.neutral, columns, parts)

    def groups(self, scored: Scored) -> dict[str, int]:
        """How many customers of a scored batch are in each group of the vocabulary."""
        counted = dict.fromkeys(self.recommender.vocabulary.groups, 0)
        for part in scored.parts if counted else ():
            is_of_type = scored.columns.customer_type == CUSTOMER_TYPES.index(part.customer_type)
            counted |= self._groups[part.customer_type].of(part, (is_of_type & ~scored.refused)[part.rows])
        return counted

    def _fill(
        self,
        answers: _RowAnswers,
        part: FactColumns,
        columns: SignalColumns,
        language: Codes,
        closed: frozenset[str],
    ) -> None:
        """Put what is found of one part of a batch where its rows stand."""
        kind = part.customer_type
        rows = slice(None) if len(part.rows) == columns.rows else part.rows
        answers.answer[rows] = self._answers.numbers(part, columns, language[rows], closed)
        answers.statutory[rows] = self._statutory.keys(columns, kind, rows, language[rows])
        answers.neutral[rows] = part.neutral
        answers.segment[rows], answers.probability[rows] = part.segment, part.probability
        if kind == EMPLOYER:
            answers.personalised[rows] = ~part.neutral & _tells_something(columns)[rows]
        else:
            answers.personalised[rows] = part.segment >= 0

    def _languages(self, batch: pa.RecordBatch) -> Codes:
        """Position of each row's language, the default where it says none."""
        default = self._default_language
        if self.request.language_column not in batch.schema.names:
            return np.full(batch.num_rows, default, np.int32)
        column = batch.column(self.request.language_column)
        codes = positions(column, ("", *self._spoken)) - 1
        codes = np.where(codes == -1, np.int32(default), codes)
        if column.null_count:
            nothing = column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
            codes = np.where(nothing, np.int32(default), codes)
        return np.asarray(codes, np.int32)

    def _identity_codes(self, batch: pa.RecordBatch) -> Flags:
        """Rows whose key holds an identity code."""
        none = np.zeros(batch.num_rows, bool)
        if KEY not in batch.schema.names:
            return none
        key = batch.column(KEY)
        if not (pa.types.is_string(key.type) or pa.types.is_large_string(key.type)):
            return none if pa.types.is_primitive(key.type) else _each(key.cast(pa.string()))
        if (pc.max(pc.binary_length(key)).as_py() or 0) < SHORTEST:
            return none
        alike = pc.fill_null(pc.match_substring_regex(key, COLUMN_HINT), False)
        for row in np.flatnonzero(alike.to_numpy(zero_copy_only=False)).tolist():
            none[row] = holds_identity_code(key[row].as_py())
        return none

    def _assembled(
        self,
        batch: pa.RecordBatch,
        columns: SignalColumns,
        answers: _RowAnswers,
        language: Codes,
        refused: Flags | None,
        *,
        textual: bool,
    ) -> pa.Array:
        kinds = columns.customer_type
        if refused is not None:
            kinds, language = (np.where(refused, np.int32(MISSING), codes) for codes in (kinds, language))
        key = batch.column(KEY) if KEY in batch.schema.names else pa.nulls(batch.num_rows, pa.string())
        values = {
            KEY: key,
            TYPE: dictionary(kinds, CUSTOMER_TYPES),
            "language": dictionary(language, self._spoken),
            "personalised": pa.array(answers.personalised, mask=refused),
            **self._answers.columns(answers.answer, self._statutory.days(answers.statutory)),
            "statutory": self._statutory.column(answers.statutory, refused),
        }
        if self.request.with_segment:
            values["segment"] = dictionary(answers.segment, self.segments)
            inferred = len(self.recommender.vocabulary.inferred)
            unlikely = (answers.segment < 0) | (answers.segment >= inferred)
            values["segment_probability"] = pa.array(answers.probability, mask=unlikely)
        same = np.zeros(columns.rows, np.int32) if refused is None else np.where(refused, MISSING, 0)
        values |= {name: dictionary(same, (getattr(self.recommender.versions, name),)) for name in VERSIONS}
        arrays = [values[name] for name in self.request.columns]
        faults = self._faults(batch, refused, textual=textual)
        return pa.RecordBatch.from_arrays([*arrays, faults], [*self.request.columns, REFUSED])

    def _faults(self, batch: pa.RecordBatch, refused: Flags | None, *, textual: bool) -> pa.Array:
        """For each row its faults, told by the row form; null where it is scored."""
        if refused is None:
            return pa.nulls(batch.num_rows, FAULTS)
        rows = np.flatnonzero(refused)
        faults: list[list[dict[str, str]] | None] = [None] * batch.num_rows
        for at, row in zip(rows.tolist(), batch.take(pa.array(rows)).to_pylist(), strict=True):
            try:
                read_row(
                    row_of_text(row) if textual else row,
                    self.recommender.contract,
                    self.request.language,
                    self.request.language_column,
                )
            except InvalidSignalsError as error:
                faults[at] = fault_rows(error)
            else:
                raise AssertionError(f"columns and rows disagree about row {at} of a batch; please report it")
        return pa.array(faults, FAULTS)


def fault_rows(error: InvalidSignalsError) -> list[dict[str, str]]:
    """A row's faults as they are written, by column: column, code and message, never a value."""
    faults = [
        {
            "column": fault.pointer.removeprefix("/signals").strip("/").partition("/")[0],
            "code": fault.code,
            "message": fault.message,
        }
        for fault in error.faults
    ]
    return sorted(faults, key=lambda fault: fault["column"])


def _tells_something(columns: SignalColumns) -> Flags:
    """Employers of whom any signal is known."""
    known = np.zeros(columns.rows, bool)
    for name in DECLARED[EMPLOYER]:
        if name != "personalisation":
            known |= columns.state(EMPLOYER, name) >= 0
    return known


def _each(column: pa.Array) -> Flags:
    return np.array([text is not None and holds_identity_code(text) for text in column.to_pylist()], bool)


class _RowAnswers:
    """What was found for each row of a batch: an answer's number, statutory key, whether personalised, the segment."""

    def __init__(self, rows: int) -> None:
        self.answer = np.full(rows, MISSING, np.int64)
        self.statutory = np.zeros(rows, np.int64)
        self.personalised = np.zeros(rows, bool)
        self.neutral = np.zeros(rows, bool)
        self.segment = np.full(rows, MISSING, np.int32)
        self.probability = np.zeros(rows)

    def forget(self, refused: Flags) -> None:
        """Leave nothing found of the rows that are refused."""
        self.answer[refused], self.segment[refused] = MISSING, MISSING
        self.statutory[refused], self.personalised[refused], self.neutral[refused] = 0, False, False
