"""The grid of facts, and which row of a table decides each of its cells: exactly, whatever its size.

Values that no row tells apart are one class, so most grids shrink to a small part of themselves. What is left is painted
in numpy from the last row to the first; a grid too large to hold is cut into boxes instead, by exact subtraction. Both
answer the same questions, and nothing is ever sampled. Used where rulebooks are checked and compared.

References
----------
Rules as boxes, gaps and overlaps found geometrically: Calvanese et al., *Semantics and Analysis of DMN Decision Tables*
(BPM 2016), whose sweep over sides is here a subtraction box by box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Protocol

from models.contract.codes import UNKNOWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Conditions = Mapping[str, tuple[str, ...]]
"""Allowed values of each fact named; a box of cells."""
Cell = dict[str, str]
Box = tuple[int, ...]
"""A box of the compressed grid: per fact a bit mask of its classes of values."""

MOST_RUNS: Final = 64
GAP: Final = -1
"""In place of a row where none decides."""
LARGEST_GRID: Final = 20_000_000
"""Cells (after compression) above which boxes are used instead of an array; 40 MB."""
LARGEST_PIECES: Final = 2_000_000
"""Boxes above which a table is refused as too tangled to be proven; a real one has thousands."""


class TooLargeError(ValueError):
    """A table that cannot be checked exactly. Fewer or simpler rules; it is never checked in part.

    `fact` is the one of which conditions tell the most values apart, `values` how many; empty and 0 where that is not known.
    """

    def __init__(self, problem: str, fact: str = "", values: int = 0) -> None:
        super().__init__(problem)
        self.fact, self.values = fact, values


class Decided(Protocol):
    """Which row decides each cell of a grid. A row is its position in the table, or `GAP`."""

    cells: int

    def rows(self) -> set[int]:
        """The rows that decide any cell; `GAP` among them if some cell has none."""

    def count(self, row: int) -> int:
        """How many cells a row decides."""

    def values(self, row: int, name: str) -> set[str]:
        """Values of a fact in the cells that a row decides."""

    def examples(self, row: int, within: Conditions, telling: Sequence[str] = ()) -> Iterator[Cell]:
        """Cells that a row decides inside a box: one for each combination of the facts in `telling`."""

    def beneath(self, row: int) -> set[int]:
        """The rows that would decide a row's cells were it not there."""


def decide(
    blocks: Sequence[Conditions],
    rows: Sequence[Conditions],
    *,
    also: Sequence[Conditions] = (),
    largest: int = LARGEST_GRID,
) -> Decided:
    """Which row decides each cell of some blocks: the first whose conditions hold.

    Parameters
    ----------
    blocks : sequence of Conditions
        Disjoint boxes that name every fact; together they are the grid.
    rows : sequence of Conditions
    also : sequence of Conditions
        Further boxes that `examples` will be asked about.
    largest : int
        Cells, after compression, above which boxes are used instead of an array.

    Raises
    ------
    TooLargeError
        If even boxes are too many.
    """
    space = _Space(blocks, (*rows, *also))
    boxes = [space.box(row) for row in rows]
    starts = [space.box(block) for block in blocks]
    if sum(math.prod(mask.bit_count() for mask in start) for start in starts) <= largest:
        return Painted(space, starts, boxes)
    try:
        return Pieces(space, starts, boxes)
    except TooLargeError as error:
        raise TooLargeError(str(error), *space.finest()) from None


def decide_boxes(blocks: Sequence[Conditions], rows: Sequence[Conditions]) -> Pieces:
    """The same as boxes whatever the size, where the boxes themselves are wanted. Raises `TooLargeError`."""
    space = _Space(blocks, rows)
    return Pieces(space, [space.box(block) for block in blocks], [space.box(row) for row in rows])


class _Space:
    """The facts and their classes of values: two values are of one class if no box tells them apart."""

    def __init__(self, blocks: Sequence[Conditions], boxes: Sequence[Conditions]) -> None:
        self.names = tuple(blocks[0])
        self.classes: list[list[list[str]]] = []
        for name in self.names:
            values = dict.fromkeys(value for block in blocks for value in block[name])
            naming = [frozenset(box[name]) for box in (*blocks, *boxes) if name in box]
            by_signature: dict[tuple[bool, ...], list[str]] = {}
            for value in sorted(values, key=lambda value: value != UNKNOWN):  # unknown first: short examples
                by_signature.setdefault(tuple(value in named for named in naming), []).append(value)
            self.classes.append(list(by_signature.values()))
        self.full = tuple((1 << len(classes)) - 1 for classes in self.classes)
        self.cells = sum(math.prod(len(block[name]) for name in self.names) for block in blocks)

    def box(self, conditions: Conditions) -> Box:
        return tuple(
            sum(1 << i for i, members in enumerate(classes) if members[0] in conditions[name])
            if name in conditions
            else full
            for name, classes, full in zip(self.names, self.classes, self.full, strict=True)
        )

    def cell(self, positions: Sequence[int]) -> Cell:
        return {
            name: classes[at][0]
            for name, classes, at in zip(self.names, self.classes, positions, strict=True)
        }

    def size(self, box: Box) -> int:
        """Cells of a box, before compression."""
        return math.prod(
            sum(len(classes[i]) for i in _bits(mask)) for mask, classes in zip(box, self.classes, strict=True)
        )

    def finest(self) -> tuple[str, int]:
        """The fact of which boxes tell the most values apart, and how many those are."""
        counts = {name: len(classes) for name, classes in zip(self.names, self.classes, strict=True)}
        fact = max(counts, key=counts.__getitem__)
        return fact, counts[fact]

    def members(self, axis: int, mask: int) -> set[str]:
        return {value for i in _bits(mask) for value in self.classes[axis][i]}


@dataclass(frozen=True, slots=True)
class _Block:
    """One painted block: the class positions along each axis, and the deciding row of each cell."""

    axes: tuple[tuple[int, ...], ...]
    first_hit: NDArray[np.int16]

    def index(self, box: Box) -> tuple[slice, ...] | tuple[NDArray[np.intp], ...] | None:
        """Index of the cells inside a box; None if there are none."""
        import numpy as np  # noqa: PLC0415  (never imported by the serving process)

        chosen = [
            [i for i, at in enumerate(axis) if mask >> at & 1]
            for axis, mask in zip(self.axes, box, strict=True)
        ]
        if not all(chosen):
            return None
        if all(positions[-1] - positions[0] + 1 == len(positions) for positions in chosen):
            return tuple(slice(positions[0], positions[-1] + 1) for positions in chosen)
        return np.ix_(*chosen)

    def paint(self, boxes: Sequence[Box], first: int) -> _Block:
        """Paint boxes from the last to the first; `first` is the row of the first of them."""
        # The first row that holds decides a cell. From the last row to the first, each simply paints over those after it, and no
        # cell has to be looked up before it is written.
        for at in range(len(boxes) - 1, -1, -1):
            runs = [
                _runs([i for i, place in enumerate(axis) if mask >> place & 1])
                for axis, mask in zip(self.axes, boxes[at], strict=True)
            ]
            # Slices are many times faster than fancy indexing, but a box that is scattered along several facts falls into as many
            # as the product of its runs, thousands at worst.
            if math.prod(map(len, runs)) <= MOST_RUNS:
                for slices in product(*runs):
                    self.first_hit[slices] = first + at
            else:
                self.first_hit[self.index(boxes[at])] = first + at
        return self


class Painted:
    """The grid as an array of deciding rows, one per block."""

    def __init__(self, space: _Space, starts: Sequence[Box], boxes: Sequence[Box]) -> None:
        self.space, self.boxes, self.cells = space, boxes, space.cells
        self.blocks = [self._empty(start).paint(boxes, 0) for start in starts]
        self._rows: set[int] | None = None
        self._values: dict[int, list[int]] = {}

    def rows(self) -> set[int]:
        """The rows that decide any cell; `GAP` among them if some cell has none."""
        import numpy as np  # noqa: PLC0415

        if self._rows is None:
            decides = np.zeros(len(self.boxes) + 1, dtype=bool)
            for block in self.blocks:
                # A mark per row is much cheaper than `np.unique`, which sorts the cells. GAP is -1 and so marks the last place.
                decides[block.first_hit.ravel()] = True
            self._rows = {(at if at < len(self.boxes) else GAP) for at in np.flatnonzero(decides).tolist()}
        return self._rows

    def count(self, row: int) -> int:
        """How many cells a row decides."""
        total = 0
        for block in self.blocks:
            # A cell stands for as many real cells as the product of its classes' sizes; summing one axis at a time weighs them all
            # without an array of those products.
            weighed: Any = block.first_hit == row
            for axis in range(len(block.axes) - 1, -1, -1):
                sizes = [len(self.space.classes[axis][i]) for i in block.axes[axis]]
                weighed = weighed @ sizes
            total += int(weighed)
        return total

    def values(self, row: int, name: str) -> set[str]:
        """Values of a fact in the cells that a row decides."""
        axis = self.space.names.index(name)
        if axis not in self._values:
            self._values[axis] = self._classes_by_row(axis)
        return self.space.members(axis, self._values[axis][row])

    def examples(self, row: int, within: Conditions, telling: Sequence[str] = ()) -> Iterator[Cell]:
        """Cells that a row decides inside a box: one for each combination of the facts in `telling`."""
        import numpy as np  # noqa: PLC0415

        telling_axes = [axis for axis, name in enumerate(self.space.names) if name in telling]
        rest = tuple(axis for axis in range(len(self.space.names)) if axis not in telling_axes)
        box = _cut(self._box_of(row), self.space.box(within))
        for block in self.blocks:
            index = block.index(box) if box else None
            if index is None or box is None:
                continue
            hit = block.first_hit[index] == row
            axes = [[i for i in axis if mask >> i & 1] for axis, mask in zip(block.axes, box, strict=True)]
            for at in np.argwhere(hit.any(axis=rest)).tolist():
                where = [slice(None)] * hit.ndim
                for axis, i in zip(telling_axes, at, strict=True):
                    where[axis] = slice(i, i + 1)
                part = hit[tuple(where)]
                position = [int(i) for i in np.unravel_index(int(np.argmax(part)), part.shape)]
                for axis, i in zip(telling_axes, at, strict=True):
                    position[axis] = i
                yield self.space.cell([axis[i] for axis, i in zip(axes, position, strict=True)])

    def beneath(self, row: int) -> set[int]:
        """The rows that would decide a row's cells were it not there."""
        import numpy as np  # noqa: PLC0415

        rows: set[int] = set()
        for block in self.blocks:
            index = block.index(self.boxes[row])
            if index is None:
                continue
            start = tuple(
                sum(1 << i for i in axis) & mask
                for axis, mask in zip(block.axes, self.boxes[row], strict=True)
            )
            # Only the row's own box is painted again: outside it nothing changes when the row goes.
            below = self._empty(start).paint(self.boxes[row + 1 :], row + 1)
            rows.update(np.unique(below.first_hit[block.first_hit[index] == row]).tolist())
        return rows

    def _classes_by_row(self, axis: int) -> list[int]:
        """For each row (the gap last) a bit mask of the classes of one fact in the cells that it decides."""
        import numpy as np  # noqa: PLC0415

        masks = [0] * (len(self.boxes) + 1)
        for block in self.blocks:
            for at, place in enumerate(block.axes[axis]):
                decides = np.zeros(len(masks), dtype=bool)
                decides[np.take(block.first_hit, at, axis=axis).ravel()] = True
                for row in np.flatnonzero(decides).tolist():
                    masks[row] |= 1 << place
        return masks

    def _box_of(self, row: int) -> Box:
        return self.space.full if row == GAP else self.boxes[row]

    def _empty(self, start: Box) -> _Block:
        import numpy as np  # noqa: PLC0415

        axes = tuple(tuple(_bits(mask)) for mask in start)
        return _Block(axes, np.full([len(axis) for axis in axes], GAP, dtype=np.int16))


class Pieces:
    """The grid as disjoint boxes: for each row those it decides."""

    def __init__(self, space: _Space, starts: Sequence[Box], boxes: Sequence[Box]) -> None:
        self.space, self.boxes, self.cells = space, boxes, space.cells
        self.decided = _pieces_by_row(starts, boxes, 0)

    def rows(self) -> set[int]:
        """The rows that decide any cell; `GAP` among them if some cell has none."""
        return set(self.decided)

    def count(self, row: int) -> int:
        """How many cells a row decides."""
        return sum(map(self.space.size, self.decided.get(row, ())))

    def values(self, row: int, name: str) -> set[str]:
        """Values of a fact in the cells that a row decides."""
        axis = self.space.names.index(name)
        return self.space.members(axis, _any_of(piece[axis] for piece in self.decided.get(row, ())))

    def examples(self, row: int, within: Conditions, telling: Sequence[str] = ()) -> Iterator[Cell]:
        """Cells that a row decides inside a box: one for each combination of the facts in `telling`."""
        telling_axes = [axis for axis, name in enumerate(self.space.names) if name in telling]
        wanted = self.space.box(within)
        yielded: set[tuple[int, ...]] = set()
        for piece in self.decided.get(row, ()):
            box = _cut(piece, wanted)
            if box is None:
                continue
            first = [next(_bits(mask)) for mask in box]
            for at in product(*(tuple(_bits(box[axis])) for axis in telling_axes)):
                if at not in yielded:
                    yielded.add(at)
                    positions = dict(zip(telling_axes, at, strict=True))
                    yield self.space.cell([positions.get(axis, i) for axis, i in enumerate(first)])

    def boxes_of(self, row: int) -> list[Conditions]:
        """The disjoint boxes of cells that a row decides, every fact named."""
        return [
            {
                name: tuple(sorted(self.space.members(axis, mask)))
                for axis, (name, mask) in enumerate(zip(self.space.names, piece, strict=True))
            }
            for piece in self.decided.get(row, ())
        ]

    def beneath(self, row: int) -> set[int]:
        """The rows that would decide a row's cells were it not there."""
        return set(_pieces_by_row(self.decided.get(row, ()), self.boxes[row + 1 :], row + 1))


def _pieces_by_row(starts: Sequence[Box], boxes: Sequence[Box], first: int) -> dict[int, list[Box]]:
    """Take each row's part out of what is left, in order; what remains at the end is the gap."""
    left, decided, total = list(starts), {}, 0
    for row, box in enumerate(boxes, start=first):
        taken, remaining = [], []
        for piece in left:
            common = _cut(piece, box)
            if common is None:
                remaining.append(piece)
            else:
                taken.append(common)
                remaining.extend(_minus(piece, common))
        left = remaining
        total += len(taken)
        if total + len(left) > LARGEST_PIECES:
            raise TooLargeError(f"the table falls into more than {LARGEST_PIECES:,} boxes")
        if taken:
            decided[row] = taken
    if left:
        decided[GAP] = left
    return decided


def _cut(one: Box, other: Box) -> Box | None:
    """What two boxes share; None if nothing."""
    common = tuple(a & b for a, b in zip(one, other, strict=True))
    return common if all(common) else None


def _minus(piece: Box, common: Box) -> Iterator[Box]:
    """The rest of a piece, as disjoint boxes, when a box inside it is taken out."""
    # Each axis splits off what lies beside the box along it, narrowed to the box along the axes before: so no two parts overlap.
    for axis, (mask, taken) in enumerate(zip(piece, common, strict=True)):
        if mask != taken:
            yield (*common[:axis], mask & ~taken, *piece[axis + 1 :])


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _runs(positions: list[int]) -> list[slice]:
    """Ascending positions as the fewest slices."""
    runs: list[slice] = []
    for at in positions:
        if runs and runs[-1].stop == at:
            runs[-1] = slice(runs[-1].start, at + 1)
        else:
            runs.append(slice(at, at + 1))
    return runs


def _any_of(masks: Iterator[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
