"""The way to the rows: one door for reading, one for writing, on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

# A unit of work that waits for a lock, or holds one, for so long (ms) will not end well.
PATIENCE = {"lock_timeout": "30000", "idle_in_transaction_session_timeout": "60000"}
LAST_READS = 5.0
"""Seconds that closing waits for those who still read."""
READERS = 4
"""Connections that read a SQLite file, each in a thread: more only wait for the interpreter."""
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


def connect(url: str, *, pool_size: int = 10, durable: bool = True) -> Database:
    """Open ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…`` (nothing is asked of it yet).

    What is committed survives a power cut. Without ``durable`` it survives the end of the process
    only, and costs no wait for the disk: for data that can be made again.
    """
    if url.startswith("sqlite"):
        from db import sqlite  # noqa: PLC0415 - PostgreSQL does not need its driver

        # Without an isolation level the driver begins no transactions by itself.
        given = {"async_creator_fn": sqlite.connector(durable=durable), "isolation_level": None}
        reading = create_async_engine(
            url, pool_size=min(pool_size, READERS), max_overflow=0, pool_timeout=60,
            connect_args=given, **JSON_AS_ANSWERED,
        )  # fmt: skip
        writing = create_async_engine(
            url, pool_size=1, max_overflow=0, pool_timeout=120,
            connect_args=given, **JSON_AS_ANSWERED,
        )  # fmt: skip
        _begin_sqlite(reading, "BEGIN")
        _begin_sqlite(writing, "BEGIN IMMEDIATE")
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


def _begin_sqlite(engine: AsyncEngine, begin: str) -> None:
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "begin", on_begin)
