"""The grid answers as asking every cell would, by array and by boxes alike, and fast enough to be asked at every save."""

import itertools
import random

import pytest

from models.authoring import grid
from models.authoring.analysis import changes_nothing, idle_values
from models.authoring.grid import GAP, Painted, Pieces, TooLargeError, decide

SMALL = {"colour": ("red", "green", "blue", "unknown"), "size": ("s", "m", "unknown"), "warm": ("yes", "no")}


def random_rows(rng, axes, rows, most_named):
    found = []
    for _ in range(rows):
        names = rng.sample(list(axes), rng.randint(0, most_named))
        found.append({n: tuple(rng.sample(axes[n], rng.randint(1, len(axes[n])))) for n in names})
    return found


def accepts(row, cell):
    return all(cell[name] in values for name, values in row.items())


def brute(axes, rows):
    """Cells by the row that decides them."""
    by_row = {}
    for values in itertools.product(*axes.values()):
        cell = dict(zip(axes, values, strict=True))
        row = next((at for at, row in enumerate(rows) if accepts(row, cell)), GAP)
        by_row.setdefault(row, []).append(cell)
    return by_row


def nothing_changes(axes, rows, outcomes, row):
    """Whether every cell's outcome is the same with a row as without."""
    cells = brute(axes, rows).get(row, [])
    rest = [other for other in range(len(rows)) if other != row]
    without = [next((o for o in rest if accepts(rows[o], cell)), None) for cell in cells]
    return bool(cells) and all(o is not None and outcomes[o] == outcomes[row] for o in without)


@pytest.mark.parametrize("seed", range(10))
def test_the_analysis_agrees_with_asking_every_cell_on_1_000_random_tables(seed):
    rng = random.Random(seed)
    for _ in range(100):
        rows = random_rows(rng, SMALL, rng.randint(0, 6), 3)
        outcomes = [rng.choice("ab") for _ in rows]
        within = random_rows(rng, SMALL, 1, 2)[0]
        asked = brute(SMALL, rows)
        for decided in (
            decide([SMALL], rows, also=[within]),
            decide([SMALL], rows, also=[within], largest=0),
        ):
            assert decided.rows() == set(asked)
            assert {row: decided.count(row) for row in asked} == {r: len(c) for r, c in asked.items()}
            for row, cells in asked.items():
                for name in SMALL:
                    assert decided.values(row, name) == {cell[name] for cell in cells}
                wanted = {cell["colour"] for cell in cells if accepts(within, cell)}
                shown = list(decided.examples(row, within, ["colour"]))
                assert all(cell in cells and accepts(within, cell) for cell in shown)
                assert {cell["colour"] for cell in shown} <= wanted
                assert bool(shown) == bool(wanted)
            for row in range(len(rows)):
                found = changes_nothing(decided, row, outcomes)
                assert bool(found) == nothing_changes(SMALL, rows, outcomes, row)
                idle = {(n, v) for n, values in idle_values(decided, row, rows[row]) for v in values}
                if row in asked:
                    assert idle == {
                        (name, value)
                        for name, values in rows[row].items()
                        for value in values
                        if value not in {cell[name] for cell in asked[row]}
                    }


def test_several_blocks_are_one_grid():
    first, second = SMALL | {"warm": ("yes",)}, SMALL | {"warm": ("no",), "size": ("s",)}
    decided = decide([first, second], [{"size": ("s",)}])
    assert (decided.cells, decided.count(0), decided.count(GAP)) == (16, 8, 8)


def axes_of(sizes):
    return {f"fact{i}": tuple(f"v{j}" for j in range(size)) for i, size in enumerate(sizes)}


def told_apart(axes, rows, rng):
    """Random rows that tell every value from every other, so that nothing can be compressed."""
    made = []
    for _ in range(rows - 1):
        names = rng.sample(list(axes), 3)
        made.append({n: tuple(rng.sample(axes[n], rng.randint(1, len(axes[n]) - 1))) for n in names})
    return [*made, {}]


@pytest.mark.timeout(300)  # half a second and one second of processor time where it was written
@pytest.mark.parametrize("rows", [40, 500])
def test_ten_million_cells_are_painted_and_analysed(rows):
    axes = axes_of([10] * 7)
    table = told_apart(axes, rows, random.Random(3))
    decided = decide([axes], table)
    assert GAP not in decided.rows()
    for at, row in enumerate(table):
        list(idle_values(decided, at, row))
        changes_nothing(decided, at, list(range(rows)))
    assert isinstance(decided, Painted)
    assert decided.cells == 10**7


def test_a_grid_too_large_to_hold_is_cut_into_boxes_and_never_sampled():
    axes = axes_of([10] * 12)
    table = told_apart(axes, 15, random.Random(5))
    decided = decide([axes], table)
    assert isinstance(decided, Pieces)
    assert sum(decided.count(row) for row in decided.rows()) == 10**12


def test_a_table_too_tangled_for_boxes_is_refused_and_not_checked_in_part(monkeypatch):
    monkeypatch.setattr(grid, "LARGEST_PIECES", 100)
    axes = axes_of([10] * 12)
    with pytest.raises(TooLargeError, match="more than 100 boxes"):
        decide([axes], told_apart(axes, 40, random.Random(3)))


def test_values_that_no_row_tells_apart_are_one_class():
    axes = axes_of([1000, 1000, 1000])
    decided = decide([axes], [{"fact0": ("v1", "v2")}, {}])
    assert isinstance(decided, Painted)
    assert decided.blocks[0].first_hit.size == 2
    assert decided.count(0) == 2_000_000
