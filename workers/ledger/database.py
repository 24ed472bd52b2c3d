"""The ledger's database: how it is opened, locked and asked for the time; the only place that knows the dialect."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import Any, TypeVar, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Executable,
    Float,
    Table,
    create_engine,
    event,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.functions import FunctionElement

from explainers.errors import InvalidRequest
from workers.errors import LedgerUnavailable, NotFound

BUSY_SECONDS = 30.0
PATIENT, IMPATIENT = "busy_timeout=2000", "busy_timeout=0"
COLLISIONS = 4
POOL_SECONDS = 5.0
# InternalError: a standby that takes no writes yet
OUTAGE = (OperationalError, InterfaceError, InternalError, NoConnection)
# a network that swallows everything must not hold a request for the minutes that TCP allows
PATIENCE = {
    "connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2,
}  # fmt: skip
# whoever is frozen or cut off in a transaction holds locks that all others wait for: the server ends it, and nobody waits long
BOUNDS = "set local idle_in_transaction_session_timeout = '10s'; set local lock_timeout = '20s'"
log = logging.getLogger(__name__)
T = TypeVar("T")


class now(FunctionElement[float]):  # noqa: N801  a function of SQL, written as such
    """The ledger's clock in seconds since 1970."""

    type = Float()
    inherit_cache = True


@compiles(now)
def _now(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch from clock_timestamp())::float8"


@compiles(now, "sqlite")
def _now_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


# SQLite keeps its locks in memory of the process: a child that is forked while a connection is open believes for ever
# that the lock of that moment is held, so in a process that forks, forking and using a connection exclude each other
_forking = threading.RLock()
os.register_at_fork(
    before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_forking.release
)


class Database:
    """An engine with one way to read and one way to write; open it after a fork."""

    def __init__(self, url: str, *, forks: bool = False) -> None:
        """Open a database; `forks`: this process forks while it is open, so no connection is kept between uses."""
        self.engine = _engine(url, pooled=not forks)
        self._guard: AbstractContextManager[Any] = _forking if forks else nullcontext()
        self._writer = self.engine.execution_options(immediate=True)
        sees = {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**sees)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the ledger and changes nothing; LedgerUnavailable where none answers."""
        with _answered(), self._guard, Session(self._reader) as session:
            try:
                yield session
            except DataError as e:
                # PostgreSQL holds no NUL and no number beyond its type: what is asked for cannot be there
                raise NotFound("there is nothing of this name or number") from e

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session that holds the write lock (SQLite) or a transaction, and commit at the end; refuse as `read` does."""
        with _answered(), self._writing() as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with (
            self._guard,
            closing(self._locked()) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            try:
                yield session
                session.flush()
                for work in session.info.pop("at_end", {}).values():
                    work(session)
            except DataError as e:
                raise InvalidRequest(
                    "the request holds a NUL, or a number or name that is too long to be kept"
                ) from e
            connection.commit()

    def change(self, work: Callable[[Session], T]) -> T:
        """Do something that writes; where another writes the same rows at the same instant, look again and repeat."""
        with _answered():
            for left in reversed(range(COLLISIONS)):
                try:
                    with self._writing() as session:
                        return work(session)
                except (IntegrityError, OperationalError) as e:
                    if not left or not _collided(e):
                        raise
        raise AssertionError("the last try returns or raises")

    def _locked(self) -> Connection:
        """Begin a writing transaction."""
        connection = self._writer.connect()
        try:
            connection.begin()
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(BOUNDS)
        except OperationalError:
            connection.close()
            raise
        return connection


@contextmanager
def _answered() -> Iterator[None]:
    """Say that the ledger does not answer where that is so: it is nobody's fault, and time mends it."""
    try:
        yield
    except OUTAGE as e:
        log.warning("the ledger does not answer: %s", _reason(e))
        raise LedgerUnavailable("the ledger does not answer; try again in some seconds") from e


def _reason(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}"


def _collided(error: IntegrityError | OperationalError) -> bool:
    # 40P01: PostgreSQL ended one of two transactions that waited for each other
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) == "40P01"


_NOW = select(now())


def clock(session: Session) -> float:
    """Return the ledger's time; SQLite would only ask this process for its own."""
    return time.time() if dialect(session) == "sqlite" else session.scalars(_NOW).one()


def dialect(session: Session) -> str:
    """Return the name of the session's dialect."""
    return session.get_bind().dialect.name


def exclusive(session: Session, deed: str) -> None:
    """Do this deed in one transaction at a time; SQLite has one writer anyway."""
    if dialect(session) == "postgresql":
        number = zlib.crc32(f"onnxplain {deed}".encode())
        session.execute(text("select pg_advisory_xact_lock(:number)"), {"number": number})


def at_end(session: Session, name: str, work: Callable[[Session], None]) -> None:
    """Do this as the last thing of a writing transaction: rows that all share are locked for the shortest time."""
    session.info.setdefault("at_end", {})[name] = work


def affected(session: Session, statement: Executable, given: dict[str, Any] | None = None) -> int:
    """Execute a changing statement and return how many rows it changed."""
    return int(cast(CursorResult[Any], session.execute(statement, given)).rowcount)


def pairs(session: Session, statement: Executable, asked: dict[str, Any] | None = None) -> dict[Any, Any]:
    """Return the rows of a query of two columns, the first as keys."""
    return {row[0]: row[1] for row in session.execute(statement, asked)}


def insert(dialect: str, table: type[Any]) -> sqlite.Insert:
    """Return an INSERT of a dialect, which knows ON CONFLICT."""
    at_home = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    return cast(sqlite.Insert, at_home(rows_of(table)))  # both spell ON CONFLICT alike


def rows_of(table: type[Any]) -> Table:
    """Return a table as SQL knows it, past the session's books: for rows that nobody holds as objects."""
    return cast(Table, table.__table__)


def _engine(url: str, *, pooled: bool) -> Engine:
    sqlite = make_url(url).get_backend_name() == "sqlite"
    options: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        options = {
            "pool_size": 16,
            "max_overflow": 48,
            "pool_timeout": POOL_SECONDS,
            "pool_pre_ping": not sqlite,
        }
    if not sqlite:
        # what the URL says itself goes before
        options["connect_args"] = {k: v for k, v in PATIENCE.items() if k not in make_url(url).query}
    engine = create_engine(url, **options)
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # the driver must not begin by itself: only we know whether a transaction will write
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", PATIENT):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get("immediate", False):
        connection.exec_driver_sql("BEGIN")
    elif not _begun(cast(sqlite3.Connection, connection.connection.dbapi_connection)):
        # once more, for the error as the engine tells it
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begun(connection: sqlite3.Connection) -> bool:
    """Begin to write when it is our turn; False: SQLite refuses, or others wrote all the time."""
    # SQLite's own patience looks again after up to 0.1 s, many transactions later: whoever waits would wait on
    deadline = time.monotonic() + BUSY_SECONDS
    connection.execute(f"PRAGMA {IMPATIENT}")
    try:
        while time.monotonic() < deadline:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as e:
                if e.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False
                time.sleep(random.uniform(0.0005, 0.002))
            else:
                return True
        return False
    finally:
        connection.execute(f"PRAGMA {PATIENT}")
