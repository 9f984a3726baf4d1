"""What an edit of the rulebook would do to people: how many customers of a population get another answer, and which.

A population is counted, never stored: each chunk becomes fact cells, each cell is decided once under both rulebooks, and
only the sums are kept. The example customers are invented for the cells that change most, not taken from the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from models.codes import CHANNELS, CONTENT_TYPES, CustomerType
from models.columns import Cells, cells_of, codes_of, facts_of
from models.comparison import Edition
from models.customer_files import BATCH_ROWS, CustomerFileError, chunks, columns_of, read_chunk
from models.example_customers import Inventor
from models.facts import FACTS, Facts
from models.impact_report import (
    LOOKED_AT,
    NO_RULE,
    ExampleCell,
    Group,
    Impact,
    Load,
    Move,
    example_cells,
    mean_cost,
)
from models.offers import kinds_offered
from models.rulebook import Rule, Table
from models.scorecard import Scorecard
from models.signal_columns import MISSING
from models.signals import CONTRACT
from models.text_blocks import CustomerBatch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

THREADS: Final = 2
_PREFERRED: Final = CONTRACT["person"]["preferred_channel"].values
_ALLOWED: Final = 0  # of the fact `personalisation`, in both tables


def impact(
    old: Edition,
    new: Edition,
    population: Path,
    *,
    day: date,
    scorecard: Scorecard,
    inventor: Inventor,
) -> Impact:
    """Count what changes for the customers of a file between two rulebooks on a day.

    Raises
    ------
    CustomerFileError
        If the file cannot be read as a population.
    """
    sums = _Sums()
    judges = {kind: _Judge(kind, old, new, day) for kind in FACTS}
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: list[Any] = []

        def judged(batch: CustomerBatch) -> list[_Judged]:
            return [judges[cells.customer_type].judge(cells) for cells in cells_of(batch, scorecard)]

        for batch in read_population(population):
            waiting.append(pool.submit(judged, batch))
            if len(waiting) > THREADS:
                sums.add(waiting.pop(0).result())
        for future in waiting:
            sums.add(future.result())
    return sums.told(old, new, judges, inventor)


def read_population(path: Path) -> Iterator[CustomerBatch]:
    """The batches of a customer file, audit columns among them.

    Raises
    ------
    CustomerFileError
        If it cannot be read, has no column ``customer_type``, or holds a row that is none.
    """
    names = columns_of(path)
    if names and "customer_type" not in names:
        raise CustomerFileError(f"{path.name} has no column customer_type. Add it: person or employer.")
    for chunk in chunks(path, BATCH_ROWS):
        for batch in read_chunk(chunk):
            if batch.unreadable:
                raise CustomerFileError(
                    f"{path.name} cannot be read: row {batch.unreadable[0].row} {batch.unreadable[0].message}"
                )
            yield batch


class _Judged(NamedTuple):
    """What one chunk adds to the sums."""

    customers: int
    changed: int
    channels: Counter[tuple[int, int]]
    contents: Counter[tuple[int, int]]
    segments: Counter[str]
    groups: Counter[tuple[str, str, int]]
    cells: Counter[tuple[CustomerType, int]]
    offered: tuple[Counter[int], Counter[int]]


class _Side:
    """One edition's table on a day, ready to decide columns of cells."""

    def __init__(self, edition: Edition, table: Table, answers: dict[Any, int]) -> None:
        import numpy as np  # noqa: PLC0415  (never imported by the serving process)

        self.edition, self.table = edition, table
        self.guarantees = [g for g in edition.rulebook.guarantees if g.customer_type == table.customer_type]
        rows = len(table.rules)
        self.channel = np.array([CHANNELS.index(rule.channel) for rule in table.rules] + [MISSING])
        self.answer = np.full((2, rows + 1, len(CHANNELS)), MISSING)  # in no experiment, and drawn
        self.first_kind = np.full((rows + 1, len(CHANNELS)), MISSING)
        self.keeps = np.zeros((len(self.guarantees), rows + 1, len(CHANNELS)), dtype=bool)
        for at, rule in enumerate(table.rules):
            for place, name in enumerate(CHANNELS):
                if name not in edition.channels:
                    continue
                kinds = kinds_offered(rule, edition.channels[name])
                for drawn in (False, True):
                    answer = _answer(rule, name, kinds, drawn=drawn)
                    self.answer[int(drawn), at, place] = answers.setdefault(answer, len(answers))
                self.first_kind[at, place] = CONTENT_TYPES.index(kinds[0])
                self.keeps[:, at, place] = [g.kept_by(name, kinds) for g in self.guarantees]

    def rule_of(self, codes: Mapping[str, Codes]) -> Codes:
        """The deciding rule's position of each cell; the number of rules where none decides."""
        import numpy as np  # noqa: PLC0415

        found = np.full(len(next(iter(codes.values()))), len(self.table.rules))
        for at in range(len(self.table.rules) - 1, -1, -1):
            found[self._match(self.table.rules[at].when, codes)] = at
        return found

    def permitted(self, codes: Mapping[str, Codes], rule: Codes) -> NDArray[np.bool_]:
        """Whether each channel keeps every guarantee of customers of each cell, who are decided by these rules."""
        import numpy as np  # noqa: PLC0415

        there = np.array([name in self.edition.channels for name in CHANNELS])
        allowed = np.tile(there, (len(rule), 1))
        for guarantee, keeps in zip(self.guarantees, self.keeps, strict=True):
            concerned = self._match(guarantee.every, codes)
            allowed[concerned] &= keeps[rule[concerned]]
        return allowed

    def _match(self, when: Mapping[str, tuple[str, ...]], codes: Mapping[str, Codes]) -> NDArray[np.bool_]:
        import numpy as np  # noqa: PLC0415

        values = {fact.name: fact.values for fact in FACTS[self.table.customer_type]}
        matches = np.ones(len(next(iter(codes.values()))), dtype=bool)
        for name, allowed in when.items():
            matches &= np.array([value in allowed for value in values[name]])[codes[name]]
        return matches


class _Judge:
    """Decides the cells of one customer type under both rulebooks."""

    def __init__(self, kind: CustomerType, old: Edition, new: Edition, day: date) -> None:
        answers: dict[Any, int] = {}
        self.kind = kind
        self.old, self.new = (
            _Side(edition, edition.rulebook.tables[kind].on(day), answers) for edition in (old, new)
        )

    def judge(self, chunk: Cells) -> _Judged:
        """What one chunk of customers adds to the sums."""
        import numpy as np  # noqa: PLC0415

        present = chunk.cells != MISSING
        unique, inverse = np.unique(chunk.cells[present], return_inverse=True)
        place = np.full(chunk.cells.shape, MISSING)
        place[present] = inverse
        codes = codes_of(self.kind, unique)
        preferred = np.array([CHANNELS.index(name) for name in _PREFERRED] + [MISSING])[chunk.preferred]
        channels, answers, kinds = zip(
            *(self._given(side, codes, place, preferred) for side in (self.old, self.new)), strict=True
        )
        moved = (answers[0] != answers[1]) & present
        changed = moved.any(axis=1)
        first_moved = chunk.cells[changed, moved[changed].argmax(axis=1)]
        human = [
            self._human(side, channel[:, 0])
            for side, channel in zip((self.old, self.new), channels, strict=True)
        ]
        return _Judged(
            customers=len(changed),
            changed=int(changed.sum()),
            channels=_pairs(channels[0][changed, 0], channels[1][changed, 0]),
            contents=_pairs(kinds[0][changed, 0], kinds[1][changed, 0]),
            segments=self._by_segment(chunk.segment[changed]),
            groups=_by_group(chunk.audit, changed, human),
            cells=Counter(
                {(self.kind, int(cell)): int(n) for cell, n in zip(*_counted(first_moved), strict=True)}
            ),
            offered=tuple(
                Counter(dict(zip(*map(np.ndarray.tolist, _counted(c[:, 0])), strict=True))) for c in channels
            ),  # type: ignore[arg-type]
        )

    def _given(
        self, side: _Side, codes: Mapping[str, Codes], place: Codes, preferred: Codes
    ) -> tuple[Codes, Codes, Codes]:
        """Channel, answer and first kind of content of each lookup, the preferred channel where it may win."""
        import numpy as np  # noqa: PLC0415

        rule = side.rule_of(codes)
        wished = np.broadcast_to(preferred[:, None], place.shape)
        may = (wished != MISSING) & (place != MISSING)
        if may.any():
            may[may] = side.permitted(codes, rule)[place[may], wished[may]]
        row = rule[place]
        channel = np.where(may, wished, side.channel[row])
        drawn: Any = 0
        if any(rule.experiment for rule in side.table.rules):
            drawn = (codes["personalisation"] == _ALLOWED)[place].astype(np.int64)
        return channel, side.answer[drawn, row, channel], side.first_kind[row, channel]

    def _human(self, side: _Side, channel: Codes) -> NDArray[np.bool_]:
        import numpy as np  # noqa: PLC0415

        human = [
            side.edition.channels[name].human if name in side.edition.channels else False for name in CHANNELS
        ]
        return np.array([*human, False])[channel]

    def _by_segment(self, segment: Codes) -> Counter[str]:
        import numpy as np  # noqa: PLC0415

        if self.kind == "employer":
            return Counter({"employer": len(segment)})
        values = next(fact.values for fact in FACTS["person"] if fact.name == "segment")
        counts = np.bincount(segment, minlength=len(values)).tolist()
        return Counter(dict(zip(values, counts, strict=True)))


class _Sums:
    """What the chunks add up to."""

    def __init__(self) -> None:
        self.customers = self.changed = 0
        self.channels: Counter[tuple[int, int]] = Counter()
        self.contents: Counter[tuple[int, int]] = Counter()
        self.segments: Counter[str] = Counter()
        self.groups: Counter[tuple[str, str, int]] = Counter()
        self.cells: Counter[tuple[CustomerType, int]] = Counter()
        self.offered: tuple[Counter[int], Counter[int]] = (Counter(), Counter())

    def add(self, parts: list[_Judged]) -> None:
        """Add what a batch gave."""
        for judged in parts:
            self.customers += judged.customers
            self.changed += judged.changed
            for name in ("channels", "contents", "segments", "groups", "cells"):
                getattr(self, name).update(getattr(judged, name))
            for mine, more in zip(self.offered, judged.offered, strict=True):
                mine.update(more)

    def told(
        self, old: Edition, new: Edition, judges: Mapping[CustomerType, _Judge], inventor: Inventor
    ) -> Impact:
        """The sums by name, the largest first."""
        found = Impact(self.customers, self.changed)
        found.channels = _moves(self.channels, CHANNELS)
        found.contents = _moves(self.contents, CONTENT_TYPES)
        found.segments = [Move(str(name), str(name), n) for name, n in self.segments.most_common() if n]
        for at, name in enumerate(CHANNELS):
            if new.channels[name].human:
                load = Load(name, self.offered[0][at], self.offered[1][at], new.capacities.get(name))
                found.loads.append(load)
        names = sorted({(column, group) for column, group, _ in self.groups})
        found.groups = [
            Group(column, group, *(self.groups[column, group, what] for what in range(4)))
            for column, group in names
        ]
        found.cost_old, found.costed_old = mean_cost(_named(self.offered[0]), old.channels)
        found.cost_new, found.costed_new = mean_cost(_named(self.offered[1]), new.channels)
        found.examples = list(example_cells(self._largest(judges), inventor))
        return found

    def _largest(self, judges: Mapping[CustomerType, _Judge]) -> Iterator[ExampleCell]:
        for (kind, cell), n in self.cells.most_common(LOOKED_AT):
            facts = facts_of(kind, cell)
            was, now = (_rule_id(side.table, facts) for side in (judges[kind].old, judges[kind].new))
            yield ExampleCell(kind, n, was, now, facts, None)


def _answer(rule: Rule, channel: str, kinds: tuple[str, ...], *, drawn: bool) -> tuple[Any, ...]:
    """All that a customer may get in a channel; the rule's own sentence and experiment only in the rule's own channel."""
    own = channel == rule.channel
    because = tuple(sorted(rule.because.items())) if own else ()
    return (
        channel,
        kinds,
        rule.topic,
        rule.human_channel,
        because,
        rule.experiment if own and drawn else None,
    )


def _rule_id(table: Table, facts: Facts) -> str:
    try:
        return table.choose(facts).id
    except LookupError:
        return NO_RULE


def _counted(values: Codes) -> tuple[Codes, Codes]:
    import numpy as np  # noqa: PLC0415

    unique, counts = np.unique(values, return_counts=True)
    return unique, counts


def _pairs(old: Codes, new: Codes) -> Counter[tuple[int, int]]:
    import numpy as np  # noqa: PLC0415

    width = max(len(CHANNELS), len(CONTENT_TYPES)) + 1
    codes, counts = _counted((np.asarray(old) + 1) * width + new + 1)
    return Counter(
        {(c // width - 1, c % width - 1): n for c, n in zip(codes.tolist(), counts.tolist(), strict=True)}
    )


def _by_group(
    audit: Mapping[str, Any], changed: NDArray[np.bool_], human: Iterable[NDArray[np.bool_]]
) -> Counter[tuple[str, str, int]]:
    """For each audit column and group: customers, changed, offered a person first before and after."""
    import numpy as np  # noqa: PLC0415

    found: Counter[tuple[str, str, int]] = Counter()
    for column, values in audit.items():
        encoded = values.dictionary_encode()
        names = [str(name) for name in encoded.dictionary.to_pylist()]
        codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        for what, flags in enumerate((np.ones_like(changed), changed, *human)):
            counts = np.bincount(codes[flags], minlength=len(names) + 1).tolist()
            for name, n in zip(names, counts, strict=False):
                found[column, name, what] += n
    return found


def _moves(pairs: Counter[tuple[int, int]], names: tuple[str, ...]) -> list[Move]:
    def named(code: int) -> str:
        return names[code] if code >= 0 else NO_RULE

    return [Move(named(a), named(b), n) for (a, b), n in pairs.most_common()]


def _named(offered: Counter[int]) -> dict[str, int]:
    return {CHANNELS[at]: n for at, n in offered.items() if at >= 0}
