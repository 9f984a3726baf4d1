"""Outcomes: what came of suggestions, kept as counts and never as anyone's file.

An event becomes a receipt (so that it is counted once), a mark (so that one answer counts once) and one more in a count.
Nothing that is kept joins two events. A count grows by five or more at a time: what a group has fewer of waits, unseen,
until there are enough. So no report, and no difference of two reports, is about fewer than five.

`Outcomes.record` returns after the commit; `Outcomes.report` reads sums. Used by `service.api.operations` and the console.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.contract.channels import HELSINKI
from models.contract.signals import Fault
from models.decision.combinations import STATUTORY, Combinations
from models.decision.decision_table import Rulebook
from service.outcomes.events import RATINGS, Dimension, Event, OutcomesUnavailableError, Report, Verdict
from service.outcomes.group_commit import GroupCommit
from service.outcomes.reports import SUMMED, Waiting, monday, read_report
from service.outcomes.store import (
    COUNTERS,
    Store,
    cells,
    marks,
    receipts,
    sums,
    weeks,
)
from service.security.references import CERTAIN, BadReferenceError, Reference, References

WINDOW: Final = timedelta(hours=72)
CLOCK_SKEW: Final = timedelta(minutes=5)
ANSWER_WITHIN_S: Final = 10.0


class _Cell(NamedTuple):
    """What an event adds to: the columns of `cells` by which they differ."""

    rule: str
    content: str
    channel: str
    language: str
    variant: str
    propensity: int


class _Candidate(NamedTuple):
    """An event ready to be written. One with a `fault` is only looked up: it may have been stored in time."""

    client: str
    event_id: bytes
    digest: bytes
    now: datetime
    cell: _Cell | None = None
    adds: tuple[tuple[bytes | None, str], ...] = ()
    until: date = date.min
    grade: int | None = None
    fault: Fault | None = None


class Outcomes:
    """Records and reports what came of suggestions.

    Parameters
    ----------
    store : Store
    references : References
        Those that sign the answers.
    smallest : int
        How many are counted at least at a time.
    """

    def __init__(self, store: Store, references: References, *, smallest: int) -> None:
        self.store, self._references, self._smallest = store, references, smallest
        self._writer: GroupCommit[_Candidate, Verdict] = GroupCommit(self._write)
        self._insert: Any = sqlite.insert if store.is_sqlite else postgresql.insert

    def record(self, events: Sequence[Event], *, client: str, now: datetime) -> list[Verdict]:
        """Store events and say what became of each, in order; all are on disk, or none is.

        Parameters
        ----------
        events : sequence of Event
        client : str
            Id of the key that sent them; an event's id counts once per client.
        now : datetime
            The aware present moment.

        Raises
        ------
        OutcomesUnavailableError
            If the database does not commit; the same events may be sent again.
        """
        seen: dict[str, Reference | BadReferenceError] = {}
        candidates = [self._candidate(event, client, now, seen) for event in events]
        sent = [candidate for candidate in candidates if isinstance(candidate, _Candidate)]
        try:
            verdicts = iter(self._writer.submit(sent, within_s=ANSWER_WITHIN_S) if sent else ())
        except TimeoutError:
            raise OutcomesUnavailableError from None
        return [
            next(verdicts) if isinstance(candidate, _Candidate) else Verdict("refused", candidate)
            for candidate in candidates
        ]

    def report(
        self,
        by: Dimension,
        *,
        rulebook: Rulebook,
        combinations: Combinations,
        now: datetime,
        first: date | None = None,
        last: date | None = None,
    ) -> Report:
        """Counts and rates by rule, content, channel, segment, language or week.

        Parameters
        ----------
        by : {"rule", "content", "channel", "segment", "language", "week"}
        rulebook : Rulebook
            Tells the segment of a rule by its conditions.
        combinations : Combinations
            What answers can name; tells how many counts may wait.
        now : datetime
        first, last : date, optional
            The weeks of these days and those between; by default the twelve weeks up to now.
        """
        waiting = Waiting(self._smallest - 1, combinations)
        return read_report(
            self.store, by, rulebook=rulebook, waiting=waiting, today=_day(now), first=first, last=last
        )

    def close(self) -> None:
        """Write what waits and close the database."""
        self._writer.close()
        self.store.close()

    def _candidate(
        self, event: Event, client: str, now: datetime, seen: dict[str, Reference | BadReferenceError]
    ) -> _Candidate | Fault:
        """The event ready to be written, or why it counts nothing; `seen` holds the references of one post."""
        said = f"{event.recommendation_id} {event.item} {event.event} {event.occurred_at.timestamp()} {event.grade}"
        candidate = _Candidate(client, event.event_id.bytes, hashlib.sha256(said.encode()).digest()[:16], now)
        reference = seen.get(event.recommendation_id)
        if reference is None:
            reference = seen[event.recommendation_id] = self._read(event.recommendation_id, now)
        if isinstance(reference, BadReferenceError):
            fault = Fault("/recommendation_id", reference.code, str(reference))
            return candidate._replace(fault=fault) if reference.code == "expired_reference" else fault
        cell = _cell(reference, event.item)
        if cell is None:
            return Fault(
                "/item", "item_not_in_answer", "is no content id of the answer that recommendation_id names."
            )
        if event.occurred_at > now + CLOCK_SKEW:
            return Fault("/occurred_at", "in_the_future", "lies in the future. Check the clock.")
        if event.occurred_at < reference.issued - CLOCK_SKEW:
            return Fault(
                "/occurred_at", "before_the_answer", "lies before the answer was given. Check the clock."
            )
        if now - event.occurred_at > WINDOW:
            hours = round(WINDOW.total_seconds() / 3600)
            message = (
                f"is more than {hours} hours ago. Send events sooner: later, a repeat could not be told."
            )
            return candidate._replace(fault=Fault("/occurred_at", "too_long_ago", message))
        return candidate._replace(
            cell=cell,
            adds=self._adds(reference, event),
            until=_day(reference.issued + self._references.lifetime),
            grade=None if reference.totals_only else event.grade,
        )

    def _read(self, token: str, now: datetime) -> Reference | BadReferenceError:
        try:
            return self._references.read(token, now=now)
        except BadReferenceError as error:
            return error

    def _adds(self, reference: Reference, event: Event) -> tuple[tuple[bytes | None, str], ...]:
        """Which counts an event adds to, each with the mark that says it did: what was opened was shown."""
        if reference.totals_only:
            return ((None, event.event),)
        kind = "rated" if event.event in RATINGS else event.event
        kinds = [("shown", "shown"), *([(kind, event.event)] if kind != "shown" else [])]
        return tuple((self._references.mark(reference, event.item, kind), counter) for kind, counter in kinds)

    def _write(self, sent: list[_Candidate]) -> list[Verdict]:
        """One transaction: receipts, then marks of what is new, then counts."""
        firsts: dict[tuple[str, bytes], _Candidate] = {}
        for one in sent:
            if one.fault is None:
                firsts.setdefault((one.client, one.event_id), one)
        with self.store.transaction() as connection:
            new = self._receive(connection, firsts)
            stored = _digests(connection, [one for one in sent if (one.client, one.event_id) not in new])
            self._count(connection, [one for key, one in firsts.items() if key in new])
        stored |= {key: firsts[key].digest for key in new}
        verdicts = []
        for one in sent:
            key = (one.client, one.event_id)
            if key in new and firsts[key] is one:
                verdicts.append(Verdict("stored"))
            else:
                verdicts.append(_repeated(one, stored.get(key)))
        return verdicts

    def _receive(
        self, connection: Connection, firsts: Mapping[tuple[str, bytes], _Candidate]
    ) -> set[tuple[str, bytes]]:
        """Keep a receipt of each event; those that are new. In order of key, so that two writers never block each other."""
        if not firsts:
            return set()
        rows = [
            {"client": one.client, "event_id": one.event_id, "digest": one.digest, "day": _day(one.now)}
            for _, one in sorted(firsts.items(), key=lambda entry: entry[0])
        ]
        insert = (
            self._insert(receipts).on_conflict_do_nothing().returning(receipts.c.client, receipts.c.event_id)
        )
        return {(client, bytes(event_id)) for client, event_id in connection.execute(insert, rows)}

    def _count(self, connection: Connection, new: Sequence[_Candidate]) -> None:
        """Add what is new to the counts of its cells."""
        until = {mark: one.until for one in new for mark, _ in one.adds if mark is not None}
        fresh: set[bytes] = set()
        if until:
            insert = self._insert(marks).on_conflict_do_nothing().returning(marks.c.mark)
            rows = [{"mark": mark, "until": day} for mark, day in sorted(until.items())]
            fresh = {bytes(mark) for (mark,) in connection.execute(insert, rows)}
        additions: dict[_Cell, Counter[str]] = {}
        for one in new:
            for mark, counter in one.adds:
                if one.cell is None or (mark is not None and mark not in fresh):
                    continue
                if mark is not None:
                    fresh.discard(mark)
                added = additions.setdefault(one.cell, Counter())
                added[counter] += 1
                if one.grade is not None and counter in RATINGS:
                    added["grades"] += 1
                    added["grade_sum"] += one.grade
        if additions:
            self._release(connection, additions, _day(max(one.now for one in new)))

    def _release(self, connection: Connection, additions: Mapping[_Cell, Counter[str]], today: date) -> None:
        """Add to what waits in each cell, and count what is enough in this week."""
        by_id = {_cell_id(cell): cell for cell in additions}
        rows = [{"id": number, "day": today, **by_id[number]._asdict()} for number in sorted(by_id)]
        connection.execute(self._insert(cells).on_conflict_do_nothing(), rows)
        locked = select(cells).where(cells.c.id.in_(by_id)).order_by(cells.c.id).with_for_update()
        waiting, counted = [], []
        locked_rows = connection.execute(locked).mappings().all()
        if len(locked_rows) < len(by_id):
            raise OutcomesUnavailableError  # a purge took a cell just now; sent again, it is made anew
        for row in locked_rows:
            added = additions[by_id[row["id"]]]
            now = {name: row[name] + added[name] for name in COUNTERS}
            full = {name: now[_ENOUGH_OF.get(name, name)] >= self._smallest for name in COUNTERS}
            still_waiting = {name: 0 if full[name] else now[name] for name in COUNTERS}
            waiting.append({"the_id": row["id"], "day": today, **still_waiting})
            if any(full.values()):
                released = {name: now[name] if full[name] else 0 for name in COUNTERS}
                counted.append({"week": monday(today), "cell": row["id"], **released})
        values: dict[str, Any] = {name: bindparam(name) for name in ("day", *COUNTERS)}
        connection.execute(update(cells).where(cells.c.id == bindparam("the_id")).values(values), waiting)
        if counted:
            self._add(connection, weeks, counted)
            self._add(connection, sums, _summed(counted, by_id))

    def _add(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Add to the counts of rows, which are made where they are not."""
        insert, key = self._insert(table), table.primary_key.columns.keys()
        more = {name: table.c[name] + insert.excluded[name] for name in COUNTERS}
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_=more), rows)


_ENOUGH_OF: Final = {"grade_sum": "grades"}
_TOTALS: Final = _Cell("", "", "", "", "", CERTAIN)


def _cell(reference: Reference, item: str) -> _Cell | None:
    """Where an item of an answer is counted; None if the answer has no such item."""
    offered = next((one for one in reference.items if one.content == item), None)
    if offered is None and item not in reference.statutory:
        return None
    if reference.totals_only:
        return _TOTALS
    if offered is None:
        rule, channel = STATUTORY
        return _Cell(rule, item, channel, reference.language, "", CERTAIN)
    return _Cell(offered.rule, item, offered.channel, reference.language, offered.variant, offered.propensity)


def _cell_id(cell: _Cell) -> int:
    """A number made of what a cell is, so that no writer has to look it up; 63 bits, of which thousands are used."""
    digest = hashlib.sha256("\0".join(map(str, cell)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _summed(counted: Iterable[Mapping[str, Any]], by_id: Mapping[int, _Cell]) -> list[dict[str, Any]]:
    """What was counted in each cell as rows of `sums`, in order of their key."""
    totals: dict[tuple[str, date, str], Counter[str]] = {}
    for row in counted:
        for dimension in SUMMED:
            key = (dimension, row["week"], getattr(by_id[row["cell"]], dimension))
            totals.setdefault(key, Counter()).update({name: row[name] for name in COUNTERS})
    return [
        {"dimension": dimension, "week": week, "value": value, **{name: added[name] for name in COUNTERS}}
        for (dimension, week, value), added in sorted(totals.items())
    ]


def _digests(connection: Connection, asked: Iterable[_Candidate]) -> dict[tuple[str, bytes], bytes]:
    """The digest of what was stored under each key, for those asked about that are there."""
    by_client: dict[str, list[bytes]] = {}
    for one in asked:
        by_client.setdefault(one.client, []).append(one.event_id)
    digests = {}
    for client, event_ids in by_client.items():
        query = select(receipts.c.event_id, receipts.c.digest).where(
            receipts.c.client == client, receipts.c.event_id.in_(event_ids)
        )
        for event_id, digest in connection.execute(query):
            digests[client, bytes(event_id)] = bytes(digest)
    return digests


def _repeated(one: _Candidate, stored: bytes | None) -> Verdict:
    """What to say of an event that was not stored now, given the digest of what was stored under its id."""
    if stored == one.digest:
        return Verdict("already_stored")
    if stored is None:
        return Verdict("refused", one.fault)
    message = "was used for another event. Give each event an id of its own."
    return Verdict("refused", Fault("/event_id", "event_id_reused", message))


def _day(at: datetime) -> date:
    return at.astimezone(HELSINKI).date()
