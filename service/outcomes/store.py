"""The one database of Arki: tables of outcomes, and engines whose settings are asserted, not assumed.

Holds no event, customer, signal, reference, time of day or text: receipts and marks live for days, counts for two
years. What was committed is on disk, or no connection is used: SQLite in WAL with `synchronous=FULL`, PostgreSQL with
`fsync` and `synchronous_commit`. Imported by `outcomes`, its reports and commands, and the migrations.

References
----------
SQLite: https://www.sqlite.org/pragma.html#pragma_synchronous; PostgreSQL 15 manual, 20.5 Write Ahead Log.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    InternalError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import QueuePool

from service.outcomes.events import OutcomesUnavailableError, WrongDatabaseError

REVISION: Final = "0002"
"""The migration this code works on; `arki-outcomes migrate` brings a database to it."""
COUNTERS: Final = (
    "shown",
    "opened",
    "completed",
    "dismissed",
    "helpful",
    "not_helpful",
    "grades",
    "grade_sum",
)
LONGEST_ID: Final = 100
BUSY_TIMEOUT_MS: Final = 5000
CONNECT_TIMEOUT_S: Final = 3
_log: Final = logging.getLogger("arki")

_NUMBER: Final = BigInteger().with_variant(
    Integer, "sqlite"
)  # SQLite's Integer has 64 bits, and is the row's own number
metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)
receipts: Final = Table(
    "receipts",
    metadata,
    Column("client", String(12), primary_key=True),
    Column("event_id", LargeBinary(16), primary_key=True),
    Column("digest", LargeBinary(16), nullable=False),
    Column("day", Date, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""That a client's event was stored, so that it is counted once. `digest` tells the same body from another."""
marks: Final = Table(
    "marks",
    metadata,
    Column("mark", LargeBinary(16), primary_key=True),
    Column("until", Date, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""That one kind of event came for one item of one answer, under a keyed hash, so that a second one counts nothing."""
cells: Final = Table(
    "cells",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=False),
    Column("rule", String(LONGEST_ID), nullable=False),
    Column("content", String(LONGEST_ID), nullable=False),
    Column("channel", String(LONGEST_ID), nullable=False),
    Column("language", String(3).with_variant(String(2), "sqlite"), nullable=False),
    Column("variant", String(LONGEST_ID), nullable=False),
    Column("propensity", Integer, nullable=False),
    Column("day", Date, nullable=False, index=True),
    *(Column(name, Integer, nullable=False, server_default="0") for name in COUNTERS),
)
"""What can be counted, and what of it waits until there is enough to count. All ids are empty for totals alone."""
weeks: Final = Table(
    "weeks",
    metadata,
    Column("week", Date, primary_key=True),
    Column("cell", _NUMBER, ForeignKey("cells.id"), primary_key=True, autoincrement=False),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTERS),
    sqlite_with_rowid=False,
)
"""The counts, by the Monday of the week in which they were full: what is exported."""
sums: Final = Table(
    "sums",
    metadata,
    Column("dimension", String(8), primary_key=True),
    Column("week", Date, primary_key=True),
    Column("value", String(LONGEST_ID), primary_key=True),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTERS),
    sqlite_with_rowid=False,
)
"""The same counts summed by one id of their cells: what is reported, without a look at the cells."""
version: Final = Table("alembic_version", MetaData(), Column("version_num", String(32)))


class Store:
    """Connections to the database at a URL.

    Parameters
    ----------
    url : str
        `sqlite:///…` or `postgresql+psycopg://…`.
    migrated : bool
        False for the command that migrates: any version of the tables will do.
    """

    def __init__(self, url: str, *, migrated: bool = True) -> None:
        try:
            self.engine = _engine(url)
        except (NoSuchModuleError, ImportError):
            raise WrongDatabaseError(
                "ARKI_OUTCOMES_URL names a database that no driver here can reach."
            ) from None
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        event.listen(self.engine, "connect", _sqlite_settings if self.is_sqlite else _postgres_settings)
        self._checked = not migrated

    def check(self) -> None:
        """Connect once, so that wrong settings stop a start. Raises `WrongDatabaseError`; a database away is logged."""
        try:
            with self.transaction():
                pass
        except OutcomesUnavailableError:
            _log.warning("The database of outcomes cannot be reached. Until it can, outcomes get 503.")

    @contextmanager
    def transaction(self, *, reads: bool = False) -> Iterator[Connection]:
        """A transaction, committed at the end; one that only `reads` waits for no writer.

        Raises
        ------
        OutcomesUnavailableError
            Where the database fails.
        """
        try:
            with (
                self._turn(waits=self.is_sqlite and not reads),
                self.engine.connect() as connection,
                connection.execution_options(reads=reads).begin(),
            ):
                if not self._checked:
                    _check_revision(connection)
                    self._checked = True
                yield connection
        except (OperationalError, InterfaceError, InternalError, NoConnectionError) as error:
            reason = type(getattr(error, "orig", None) or error).__name__
            _log.warning("the database of outcomes failed: %s", reason)  # its message may quote what was sent
            raise OutcomesUnavailableError from None

    @contextmanager
    def _turn(self, *, waits: bool) -> Iterator[None]:
        """One writer after another, in order of coming: by SQLite's own waiting one process can starve another."""
        file = self.engine.url.database
        if not waits or not file or file == ":memory:":
            yield
            return
        try:
            place = Path(f"{file}.turn").open("ab")  # noqa: SIM115  (closed below; only opening it may fail)
        except OSError:
            raise OutcomesUnavailableError from None
        with place:
            # Waiters for a file lock are served in order; SQLite's busy handler polls, and who polls least often waits longest.
            fcntl.flock(place, fcntl.LOCK_EX)
            yield

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        if not file.parent.is_dir():
            raise WrongDatabaseError(
                f"ARKI_OUTCOMES_URL names a file in {file.parent}, which is no folder. Make it."
            )
        engine = create_engine(
            url,
            poolclass=QueuePool,
            connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
            pool_size=4,
            max_overflow=4,
        )
        event.listen(engine, "begin", _begin)
        return engine
    return create_engine(
        url,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "arki"},
        # A database that was restarted closed its connections; asking before use costs one round trip and spares a failed request.
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=4,
        pool_timeout=CONNECT_TIMEOUT_S,
    )


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reads", False)
    # IMMEDIATE takes the write lock now. A transaction that reads first and writes later may find that it cannot, and no waiting helps it.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _sqlite_settings(connection: Any, _record: object) -> None:  # noqa: ANN401  (a DBAPI connection)
    """Set and assert what makes a commit durable; transactions begin where SQLAlchemy says, not where sqlite3 guesses."""
    connection.isolation_level = None
    # In WAL readers and the writer do not wait for one another; FULL has each commit on disk before it is acknowledged.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=4000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        (setting,) = connection.execute(f"PRAGMA {pragma}").fetchone()
        if setting != wanted:
            raise WrongDatabaseError(
                f"SQLite has {pragma} {setting} and not {wanted}. Put the file of outcomes on a local disk."
            )


def _postgres_settings(connection: Any, _record: object) -> None:  # noqa: ANN401  (a DBAPI connection)
    """Assert what makes a commit durable; nothing is set behind the back of whoever runs the database."""
    with connection.cursor() as cursor:
        for name, allowed in (
            ("fsync", {"on"}),
            ("full_page_writes", {"on"}),
            ("synchronous_commit", {"on", "remote_apply"}),
            ("server_encoding", {"UTF8"}),
        ):
            setting = cursor.execute(f"SHOW {name}").fetchone()[0]
            if setting not in allowed:
                raise WrongDatabaseError(f"PostgreSQL has {name} {setting}. Set it to {min(allowed)}.")
    connection.commit()


def _check_revision(connection: Connection) -> None:
    try:
        revisions = connection.execute(version.select()).scalars().all()
    except DBAPIError as error:
        if getattr(error, "connection_invalidated", False):
            raise
        revisions = []
    if revisions != [REVISION]:
        raise WrongDatabaseError(
            "The database of outcomes has not the tables of this version. Run: arki-outcomes migrate"
        )
