"""Scarce personal service given out in one stated order; who does not fit gets the next best content, marked so.

The order: first whom a guarantee binds to such a channel, then by need, then by waiting, then by a seeded hash of the key.
Each in turn gets the channel their answer names while it has room, else the answer of the next rule of the table that
applies, has room and breaks no guarantee. A guarantee outranks room: whom it binds is served also beyond it. Need and
waiting are what was stated or observed, never the inferred segment; who objected is ordered by stated language needs alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.columns.facts import FactColumns
from models.columns.rows import KEY
from models.contract.vocabulary import EMPTY
from models.decision.facts import declared_facts
from training.scoring import answer_files
from training.scoring.answer_columns import dictionary
from training.scoring.scorer import REFUSED

if TYPE_CHECKING:
    from training.scoring.chunk_store import ChunkStore
    from training.scoring.job import ScoredBatch, ScoringJob
    from training.scoring.scorer import Scored, Scorer
    from training.scoring.tallies import Tally

COLUMN: Final = "capacity"
MARKS: Final = ("given", "next_best", "over_room")
MOST_CHANNELS: Final = 4
ORDER: Final = "bound by a guarantee, then need, then waiting, then SHA-256 of seed and key; largest need and waiting first"
NEEDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    kind: tuple((fact.name, value) for fact in facts for value in fact.scarce)
    for kind, facts in declared_facts(EMPTY).items()
}
"""A need is how many of these facts hold; assumption: each weighs the same."""
WAITING: Final = "repeat_contacts_30d"
"""Contacts on a matter already raised: the nearest sign of waiting that the contract has."""


class Wishes:
    """The customers of a chunk whose answer names a channel with limited room, and what they would get without it.

    Channels are positions among those limited; any other is -1.
    """

    def __init__(self, order: pa.Table, others: pa.Table) -> None:
        self.order, self.others = order, others


def closed_sets(channels: Sequence[str]) -> list[frozenset[str]]:
    """Every set of channels that may be full, the empty one first."""
    sizes = range(len(channels) + 1)
    return [frozenset(each) for each in chain.from_iterable(combinations(channels, size) for size in sizes)]


def wishes(
    scorer: Scorer, batch: ScoredBatch, limits: Sequence[tuple[str, int]], seed: int, offset: int
) -> Wishes:
    """What a batch asks of limited channels; rows are numbered from `offset` among those scored."""
    scored = batch.scored
    assert scored is not None  # noqa: S101  (a batch without answers has no wishes)
    channels = [name for name, _ in limits]
    sets = closed_sets(channels)
    first = _limited(scored.batch.column("item_1_channel"), channels)
    rows = np.flatnonzero(first >= 0)
    # Rows of the chunk's answers, which hold no refused customers.
    place = np.cumsum(~scored.refused) - 1 + offset
    need, waiting = _needs(scored.parts, len(scored.refused)), _waiting(scored)
    asking = batch.batch.take(pa.array(rows))
    numbers = np.asarray(batch.numbers)[rows]
    others, wants = [], [first[rows]]
    for closed in sets[1:]:
        # Every set of full channels is scored now, while the customers are at hand: room is given out when all chunks are done.
        again = scorer.score(asking, textual=batch.textual, closed=closed)
        wants.append(_limited(again.column("item_1_channel"), channels))
        answers = again.drop_columns([REFUSED])
        others.append(
            pa.Table.from_batches([answers])
            .append_column("_set", pa.array([sets.index(closed)] * len(rows), pa.int32()))
            .append_column("_row", pa.array(place[rows]))
        )
    order = pa.table(
        {
            "row": place[rows],
            "need": need[rows],
            "waiting": waiting[rows],
            "tie": pa.array(_ties(asking, numbers, seed), pa.binary(16)),
            **{f"wants_{at}": codes for at, codes in enumerate(wants)},
        }
    )
    return Wishes(order, pa.concat_tables(others))


def write_wishes(batches: Sequence[Wishes], path: Path) -> None:
    """Write the wishes of a chunk: two tables, one after the other, in one file."""
    with pa.OSFile(str(path), "wb") as file:
        for table in (_whole([w.order for w in batches]), _whole([w.others for w in batches])):
            with pa.ipc.new_stream(
                file, table.schema, options=pa.ipc.IpcWriteOptions(unify_dictionaries=False)
            ) as stream:
                stream.write_table(table)


def read_wishes(path: Path) -> Wishes:
    """Read the wishes of a chunk."""
    with pa.OSFile(str(path), "rb") as file:
        return Wishes(*(pa.ipc.open_stream(file).read_all() for _ in range(2)))


@dataclass(frozen=True, slots=True)
class Allocation:
    """Who got what, in the order of the wishes: which channels were full for it, its mark, and whether its channel changed."""

    closed: NDArray[np.int64]
    marks: NDArray[np.int64]
    changed: NDArray[np.bool_]
    audit: Mapping[str, Mapping[str, object]]


def allocate(orders: pa.Table, limits: Sequence[tuple[str, int]]) -> Allocation:
    """Serve each in turn while there is room.

    Parameters
    ----------
    orders : pyarrow.Table
        need, waiting, tie, and for each set of full channels the channel of the answer (`wants_0`, ...) as a position in
        `limits`, -1 for any other.
    limits : sequence of (channel, room)

    Notes
    -----
    A channel, once full, stays full. So the customers in order fall into a few runs, in each of which the same channels
    are full, and each run is served at once.
    """
    channels = [name for name, _ in limits]
    sets = closed_sets(channels)
    wants = np.column_stack([orders[f"wants_{at}"].to_numpy() for at in range(len(sets))])
    # The last set holds every limited channel. Who is offered one even then has no other answer that applies and keeps the
    # guarantees.
    bound = wants[:, -1] >= 0
    turn = _in_order(orders, bound)
    room = {code: left for code, (_, left) in enumerate(limits)}
    closed, marks = np.zeros(len(turn), np.int64), np.zeros(len(turn), np.int64)
    full: frozenset[str] = frozenset()
    at = 0
    while at < len(turn):
        now = sets.index(full)
        wanted = wants[turn[at:], now]
        # The run ends before the first customer who finds no room. A channel that is full is not asked again: only those bound to
        # it still name it, and they are served beyond its room.
        stops = {c: _after(wanted == c, room[c]) for c in room if channels[c] not in full}
        stop = min([*stops.values(), len(wanted)])
        served = turn[at : at + stop]
        closed[served] = now
        for code in stops:
            room[code] -= int(np.count_nonzero(wanted[:stop] == code))
        at += stop
        # The customer at `stop` was not served: the channel they name is full from now on, and they come first in the next run.
        full |= {channels[code] for code, where in stops.items() if where == stop}
    got = wants[np.arange(len(turn)), closed]
    over = np.array(
        [c >= 0 and channels[c] in sets[s] for c, s in zip(got.tolist(), closed.tolist(), strict=True)], bool
    )
    marks[:] = np.where(over, 2, np.where(got == wants[:, 0], 0, 1))
    audit = _audit(orders, limits, wants[:, 0], got, marks)
    return Allocation(closed, marks, got != wants[:, 0], audit)


def give(job: ScoringJob, store: ChunkStore, chunks: int, tally: Tally) -> Mapping[str, Any]:
    """Give the room out over all chunks, write each chunk's answers anew, and correct the counts."""
    by_chunk = [
        read_wishes(store.path(at, "wishes")) if store.path(at, "wishes").exists() else None
        for at in range(chunks)
    ]
    orders = [wish.order for wish in by_chunk if wish is not None]
    allocation = allocate(pa.concat_tables(orders), job.limits) if orders else None
    start = 0
    for number, wish in enumerate(by_chunk):
        table = answer_files.read_part(store.path(number, "part"))
        marks = np.full(table.num_rows, -1, np.int64)
        if wish is not None and allocation is not None:
            mine = slice(start, start + wish.order.num_rows)
            start = mine.stop
            rows = wish.order["row"].to_numpy()
            marks[rows] = allocation.marks[mine]
            table = _moved(table, wish, allocation.closed[mine], allocation.changed[mine], tally)
        table = table.append_column(COLUMN, dictionary(marks, MARKS))
        for at, mark in enumerate(MARKS):
            tally.groups[COLUMN][mark] += int(np.count_nonzero(marks == at))
        answer_files.write_part(
            table.select([*job.columns, COLUMN]),
            store.path(number, "given"),
            job.given_format,
            metadata=job.metadata,
            header=job.header,
        )
    tally.groups[COLUMN] = +tally.groups[COLUMN]
    return {"order": ORDER, "seed": job.seed, "channels": {} if allocation is None else allocation.audit}


def _moved(
    table: pa.Table, wish: Wishes, closed: NDArray[np.int64], changed: NDArray[np.bool_], tally: Tally
) -> pa.Table:
    """The answers of a chunk with those whose channel changed given what they get instead."""
    rows = wish.order["row"].to_numpy()
    moving = set(zip(rows[changed].tolist(), closed[changed].tolist(), strict=True))
    pairs = zip(wish.others["_row"].to_pylist(), wish.others["_set"].to_pylist(), strict=True)
    taken = [at for at, pair in enumerate(pairs) if pair in moving]
    others = wish.others.take(pa.array(taken, pa.int64())).select(table.schema.names)
    source = np.arange(table.num_rows)
    where = wish.others["_row"].to_numpy()[taken]
    # One take over the old answers and the new ones behind them puts each row in its place without touching the others.
    source[where] = table.num_rows + np.arange(len(taken))
    _recount(tally, table.take(pa.array(where)), others)
    both = _whole([table, others.replace_schema_metadata(table.schema.metadata)])
    return both.take(pa.array(source)).combine_chunks()


def _recount(tally: Tally, before: pa.Table, after: pa.Table) -> None:
    for name in ("channel", "content_type", "rule"):
        for table, sign in ((before, -1), (after, 1)):
            counts = pc.value_counts(table[f"item_1_{name}"].cast(pa.string())).to_pylist()
            for each in counts:
                tally.groups[name][each["values"]] += sign * each["counts"]
        tally.groups[name] = +tally.groups[name]


def _whole(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables as one, words of each column under one dictionary of the first one's index type."""
    table = pa.concat_tables(
        [
            t.set_column(t.schema.get_field_index("statutory"), "statutory", t["statutory"].cast(pa.string()))
            if "statutory" in t.schema.names
            else t
            for t in tables
        ]
    ).combine_chunks()
    if "statutory" in table.schema.names:
        at = table.schema.get_field_index("statutory")
        table = table.set_column(at, "statutory", table["statutory"].dictionary_encode())
    return table


def _limited(column: pa.Array, channels: Sequence[str]) -> NDArray[np.int64]:
    """Of a dictionary column of channels the positions among some of them; -1 for others and null."""
    indices = pc.fill_null(column.indices.cast(pa.int64()), len(column.dictionary))
    places = [channels.index(name) if name in channels else -1 for name in column.dictionary.to_pylist()]
    codes: NDArray[np.int64] = np.array([*places, -1], np.int64)[indices.to_numpy(zero_copy_only=False)]
    return codes


def _needs(parts: Sequence[FactColumns], rows: int) -> NDArray[np.int64]:
    needs = np.zeros(rows, np.int64)
    declared = declared_facts(EMPTY)
    for part in parts:
        values = {fact.name: fact.values for fact in declared[part.customer_type]}
        facts = part.lookup(part.first)
        for name, value in NEEDS[part.customer_type]:
            needs[part.rows] += facts[name] == values[name].index(value)
    return needs


def _waiting(scored: Scored) -> NDArray[np.int64]:
    waits = np.maximum(scored.columns.number("person", WAITING), 0).astype(np.int64)
    return np.where(scored.neutral, 0, waits)


def _ties(asking: pa.RecordBatch, numbers: NDArray[np.int64], seed: int) -> list[bytes]:
    keys = asking.column(KEY).to_pylist() if KEY in asking.schema.names else [None] * len(numbers)
    named = (
        f"row {number}" if key is None else str(key)
        for key, number in zip(keys, numbers.tolist(), strict=True)
    )
    return [hashlib.sha256(f"{seed} {name}".encode()).digest()[:16] for name in named]


def _in_order(orders: pa.Table, bound: NDArray[np.bool_]) -> NDArray[np.int64]:
    ties = np.frombuffer(b"".join(orders["tie"].to_pylist()), dtype=">u8").reshape(-1, 2)
    need, waiting = orders["need"].to_numpy(), orders["waiting"].to_numpy()
    # `lexsort` takes the most important key last.
    return np.lexsort((ties[:, 1], ties[:, 0], -waiting, -need, ~bound))


def _after(wanted: NDArray[np.bool_], room: int) -> int:
    """Where the first one stands for whom there is no room; past the end if there is room for all."""
    places = np.flatnonzero(wanted)
    return int(places[room]) if len(places) > room else len(wanted) + 1


def _audit(
    orders: pa.Table,
    limits: Sequence[tuple[str, int]],
    wanted: NDArray[np.int64],
    got: NDArray[np.int64],
    marks: NDArray[np.int64],
) -> Mapping[str, Mapping[str, object]]:
    """For the audit: room, wishes, who got it, and the need and waiting of the last one who did."""
    need, waiting = orders["need"].to_numpy(), orders["waiting"].to_numpy()
    by_channel: dict[str, Mapping[str, object]] = {}
    for code, (name, room) in enumerate(limits):
        here = got == code
        regular = here & (marks < 2)
        last = min(zip(need[regular].tolist(), waiting[regular].tolist(), strict=True), default=None)
        by_channel[name] = {
            "room": room,
            "wanted": int(np.count_nonzero(wanted == code)),
            "given": int(np.count_nonzero(here)),
            "beyond_room": int(np.count_nonzero(here & (marks == 2))),
            "last_given": None if last is None else {"need": last[0], "waiting": last[1]},
        }
    return by_channel
