"""The way to the rows: one door for reading, one for writing, on SQLite and PostgreSQL."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any
from weakref import WeakSet

import orjson
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import ConnectionPoolEntry

# A unit of work that waits for a lock, or holds one, for so long (ms) will not end well.
PATIENCE = {"lock_timeout": "30000", "idle_in_transaction_session_timeout": "60000"}
LAST_READS = 5.0
"""Seconds that closing waits for those who still read."""
READERS = 4
"""Connections that read a SQLite file, each in a thread: more only wait for the interpreter."""
PAGES_KEPT = 256
"""Kilobytes of a SQLite file that each connection keeps a copy of; the system has it once for all.

By its own default SQLite keeps 2 MB for each.
"""
FIRST_MODE = 60.0
"""Seconds that a new SQLite file may be kept busy by another process that makes its tables."""
# PostgreSQL writes 1e22 as 10000000000000000000000, of which Python's own reader makes an integer
# that answers cannot hold: what is to be written by orjson is read by it.
JSON_AS_ANSWERED: dict[str, Any] = {"json_deserializer": orjson.loads}


@dataclass(slots=True, eq=False)
class Database:
    """``reading`` runs single statements, ``writing`` units of work.

    Their connections come from separate pools: a unit of work never waits for a connection that
    only another waiting unit of work could give back.

    SQLite has one writer at a time. So its writing engine holds one connection, for which the
    tasks of this process queue in order, and each unit of work takes the file's write lock at its
    start: it never fails half-way because another process was faster.

    ``commits`` counts the units of work of this process that may have changed something.
    """

    url: str
    reading: AsyncEngine
    writing: AsyncEngine
    commits: int = 0

    @property
    def is_sqlite(self) -> bool:
        return self.writing.dialect.name == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        async with self.reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        """A unit of work: commits at the end, rolls back on any error."""
        sessions = async_sessionmaker(self.writing, expire_on_commit=False)
        try:
            async with sessions.begin() as session:
                yield session
        finally:
            self.commits += 1  # also where nobody can say whether the commit arrived

    async def close(self) -> None:
        """Close all connections, those in use once they have been given back (or ``LAST_READS``).

        An answer may be out before all that was read for it: what is to be an error fails alone,
        and the reads beside it end when they end.
        """
        pools: list[Any] = [each.sync_engine.pool for each in (self.reading, self.writing)]
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_READS):
                while any(pool.checkedout() for pool in pools):  # noqa: ASYNC110 - pools tell nobody
                    await asyncio.sleep(0.005)
        await self.reading.dispose()
        await self.writing.dispose()


class SqliteConnection(sqlite3.Connection):
    """Ends with ``close`` whatever was begun on it.

    Python's own would close the file no sooner than the last statement is gone that was not read to
    its end, and would hold its locks as long. What a task was at when it was cancelled may live on
    in the error's traceback, until somebody collects the garbage.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._cursors = WeakSet[sqlite3.Cursor]()

    def cursor(self, *given: Any, **named: Any) -> Any:
        made: Any = super().cursor(*given, **named)
        self._cursors.add(made)
        return made

    def close(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        super().close()


def connect(url: str, *, pool_size: int = 10, durable: bool = True) -> Database:
    """Open ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…`` (nothing is asked of it yet).

    What is committed survives a power cut. Without ``durable`` it survives the end of the process
    only, and costs no wait for the disk: for data that can be made again.
    """
    if url.startswith("sqlite"):
        reading = create_async_engine(
            url, pool_size=min(pool_size, READERS), max_overflow=0, pool_timeout=60,
            connect_args={"factory": SqliteConnection}, **JSON_AS_ANSWERED,
        )  # fmt: skip
        writing = create_async_engine(
            url, pool_size=1, max_overflow=0, pool_timeout=120,
            connect_args={"factory": SqliteConnection}, **JSON_AS_ANSWERED,
        )  # fmt: skip
        _configure_sqlite(reading, begin="BEGIN", durable=durable)
        _configure_sqlite(writing, begin="BEGIN IMMEDIATE", durable=durable)
        return Database(url, reading, writing)
    # A single statement needs no BEGIN and no ROLLBACK around it.
    reading = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, pool_timeout=60,
        isolation_level="AUTOCOMMIT", **JSON_AS_ANSWERED,
    )  # fmt: skip
    writing = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_pre_ping=True, pool_timeout=60,
        connect_args={
            "server_settings": PATIENCE | {"synchronous_commit": "on" if durable else "off"}
        },
        **JSON_AS_ANSWERED,
    )  # fmt: skip
    return Database(url, reading, writing)


def _configure_sqlite(engine: AsyncEngine, *, begin: str, durable: bool) -> None:
    def on_connect(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 60000")
        _write_ahead(connection, cursor)
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        cursor.execute(f"PRAGMA cache_size = -{PAGES_KEPT}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)


def _write_ahead(connection: Any, cursor: Any) -> None:
    """Let readers read while one writes. A file stays in this mode once it is.

    SQLite does not wait for who writes to a file that is not in it yet, as it does for all else.
    """
    last = monotonic() + FIRST_MODE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > last:
                raise
            connection.run_async(_pause)
        else:
            return


async def _pause(_connection: Any) -> None:
    await asyncio.sleep(0.01)
