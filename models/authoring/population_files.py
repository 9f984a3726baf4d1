"""A file of customers as a population of questions. Each chunk is counted as it is read; no customer is kept.

Needs pyarrow, so the serving process never imports it. `training` makes the sample that ships with the model by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from models.authoring.questions import NAMES, Audit, Owed, Population, Question
from models.columns.cells import Cells, cells_of, facts_of
from models.columns.files import BATCH_ROWS, CustomerFileError, chunks, columns_of, read_chunk
from models.columns.signals import MISSING
from models.columns.text_blocks import CustomerBatch
from models.contract.codes import CUSTOMER_TYPES, PERSON, UNKNOWN, CustomerType
from models.contract.signals import SignalContract
from models.decision.fact_set import FactSet
from models.decision.scorecard import Scorecard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

THREADS: Final = 2
_Entry = TypeVar("_Entry", bound=Hashable)
_YES_NO: Final = ("no", "yes", UNKNOWN)  # MISSING, which is -1, finds the last


def read_population(path: Path, scorecard: Scorecard, facts: FactSet, *others: FactSet) -> Population:
    """The customers of a file as a population, audit columns among them.

    Parameters
    ----------
    path : Path
    scorecard : Scorecard
        The model that names the segments.
    facts : FactSet
        Of the version whose codes the file may name.
    *others : FactSet
        Of further versions that are asked the same questions.

    Raises
    ------
    CustomerFileError
        If it cannot be read, has no column ``customer_type``, or holds a row that is none.
    """
    return population_of(read_batches(path, facts.contract), scorecard, facts, *others)


def read_batches(path: Path, contract: SignalContract) -> Iterator[CustomerBatch]:
    """The batches of a customer file. Raises `CustomerFileError` as `read_population` does."""
    names = columns_of(path)
    if names and "customer_type" not in names:
        raise CustomerFileError(f"{path.name} has no column customer_type. Add it: person or employer.")
    for chunk in chunks(path, BATCH_ROWS):
        for batch in read_chunk(chunk, contract=contract):
            if batch.unreadable:
                raise CustomerFileError(
                    f"{path.name} cannot be read: row {batch.unreadable[0].row} {batch.unreadable[0].message}"
                )
            yield batch


def population_of(
    batches: Iterable[CustomerBatch],
    scorecard: Scorecard,
    facts: FactSet,
    *others: FactSet,
    whole: bool = False,
) -> Population:
    """The customers of some batches, counted by what they ask; two chunks are evaluated at a time.

    Where any version states segments, or with `whole`, questions keep what is known beside a segment also where the model
    names none.
    """
    whole = whole or any(
        version.vocabulary.stated_segments(kind) for version in (facts, *others) for kind in CUSTOMER_TYPES
    )
    evaluated = partial(cells_of, scorecard=scorecard, facts=facts, whole=whole)
    counting = _Counting(facts)
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[list[Cells]]] = deque()
        for batch in batches:
            waiting.append(pool.submit(evaluated, batch))
            if len(waiting) > THREADS:
                counting.add(waiting.popleft().result())
        for future in waiting:
            counting.add(future.result())
    return counting.population()


class _Rows(NamedTuple):
    """Customers counted by question, statutory question and audit group; `audit` has the shape (n_columns, n_rows)."""

    question: Codes
    owed: Codes
    audit: Codes
    customers: Codes


class _Counting:
    """What was met so far, numbered in the order in which it was met."""

    def __init__(self, facts: FactSet) -> None:
        self._facts = facts
        self._questions: dict[Question, int] = {}
        self._owed: dict[Owed, int] = {}
        self._groups: dict[str, dict[str, int]] = {}
        self._rows: list[_Rows] = []

    def add(self, parts: list[Cells]) -> None:
        """Count the customers of one batch."""
        for cells in parts:
            asking, question = _distinct([*cells.cells.T, cells.preferred, cells.matter, cells.identifies])
            owing, owed = _distinct([cells.matter, cells.benefits])
            questions = _numbers(self._questions, (self._question(cells, at) for at in asking.tolist()))
            owes = _numbers(self._owed, (self._owing(cells, at) for at in owing.tolist()))
            audit = [self._group_codes(name, values) for name, values in cells.audit.items()]
            self._rows.append(_counted(questions[question], owes[owed], audit, np.ones(len(question), int)))

    def population(self) -> Population:
        """All that was counted."""
        if not self._rows:
            none = np.zeros(0, np.int64)
            return Population((), (), none, none, np.zeros(0), {})
        parts = [
            np.concatenate([np.atleast_2d(part) for part in column], axis=1)
            for column in zip(*self._rows, strict=True)
        ]
        question, owed, audit, customers = parts
        rows = _counted(question[0], owed[0], list(audit), customers[0])
        return Population(
            tuple(self._questions),
            tuple(self._owed),
            rows.question,
            rows.owed,
            rows.customers.astype(np.float64),
            {
                name: Audit(tuple(groups), codes)
                for (name, groups), codes in zip(self._groups.items(), rows.audit, strict=True)
            },
        )

    def _question(self, cells: Cells, at: int) -> Question:
        kind, signals = cells.customer_type, self._facts.contract.signals
        looked_up = [
            facts_of(kind, cell, self._facts) for cell in cells.cells[at].tolist() if cell != MISSING
        ]
        preferred = int(cells.preferred[at])
        return Question(
            kind,
            tuple(looked_up[0][name] for name in NAMES[kind]),
            tuple(facts[self._facts.varying[kind]] for facts in looked_up[1:]),
            "" if preferred == MISSING else signals[PERSON]["preferred_channel"].values[preferred],
            self._matter(kind, int(cells.matter[at])),
            _YES_NO[int(cells.identifies[at])],
        )

    def _owing(self, cells: Cells, at: int) -> Owed:
        kind, bits = cells.customer_type, int(cells.benefits[at])
        codes = self._facts.vocabulary.duties[kind]
        running = tuple(code for place, code in enumerate(codes) if bits >> place & 1)
        return Owed(kind, self._matter(kind, int(cells.matter[at])), running)

    def _matter(self, kind: CustomerType, code: int) -> str:
        return UNKNOWN if code == MISSING else self._facts.contract.signals[kind]["open_matter"].values[code]

    def _group_codes(self, name: str, values: pa.Array) -> Codes:
        """The positions of the groups of an audit column; null is a group without a name."""
        encoded = values.dictionary_encode()
        names = [str(group) for group in encoded.dictionary.to_pylist()]
        known = self._groups.setdefault(name, {})
        places = _numbers(known, (*names, *([""] if encoded.null_count else [])))
        codes: Codes = places[encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)]
        return codes


def _numbers(known: dict[_Entry, int], entries: Iterable[_Entry]) -> Codes:
    """The number of each entry; one that is new gets the next."""
    return np.array([known.setdefault(entry, len(known)) for entry in entries], np.int64)


def _distinct(columns: Sequence[NDArray[np.integer[Any]]]) -> tuple[Codes, Codes]:
    """Where each distinct row of some columns first stands, and the position of each row among the distinct ones."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        _, place = np.unique(column, return_inverse=True)
        _, code = np.unique(code * (int(place.max(initial=0)) + 1) + place, return_inverse=True)
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return first, inverse


def _counted(question: Codes, owed: Codes, audit: list[Codes], customers: Codes) -> _Rows:
    first, inverse = _distinct([question, owed, *audit])
    counts = np.bincount(inverse, weights=customers, minlength=len(first)).astype(np.int64)
    groups = np.array([codes[first] for codes in audit], np.int64).reshape(len(audit), len(first))
    return _Rows(question[first], owed[first], groups, counts)
