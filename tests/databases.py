"""Databases for tests: made once per test process, and clean at the start of each test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import psycopg
from sqlalchemy import create_engine, event, make_url
from sqlalchemy.pool import ConnectionPoolEntry

from db import models
from db.base import Base
from db.engine import Database, connect
from engine.drivers.postgres import PostgresDriver

KEPT = "kept by tests"
MOST_KEPT = 4
"""Connections of a process: PostgreSQL has a hundred for all, and each test process many."""
POSTGRES = os.environ.get("STOREGRAPH_TEST_POSTGRES_URL")
TABLES = [table.name for table in Base.metadata.sorted_tables]
assert models.__all__  # the tables are known once the row classes are


def new_sqlite(folder: Path) -> Path:
    """A file with all tables and no rows."""
    path = folder / "template.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        # Copies are in this mode then. Two first connections that both change it: one is refused.
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    engine.dispose()
    return path


def copied(template: Path, folder: Path) -> str:
    """The address of a copy of a file, in place of the copy that was there before."""
    path = folder / "test.db"
    for each in folder.glob(f"{path.name}*"):
        each.unlink()
    shutil.copyfile(template, path)
    return f"sqlite+aiosqlite:///{path}"


@cache
def engines(url: str) -> Database:
    """The engines of all tests on one database: they know its dialect, and statements by heart.

    On SQLite connections are each test's own, as the files are.
    """
    return connect(url, durable=False)


@contextmanager
def new_postgres(*, tables: bool, like: str | None = None) -> Iterator[str]:
    """The address (``postgresql://``) of a database that is gone afterwards.

    With all ``tables``, or as the database at the address ``like``, which nobody may be using.
    """
    assert POSTGRES is not None
    name = f"storegraph_test_{uuid4().hex[:12]}"
    template = f' TEMPLATE "{like.rpartition("/")[2]}"' if like else ""
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"{template}'.encode())
    url = f"{POSTGRES.rsplit('/', 1)[0]}/{name}"
    if tables:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        Base.metadata.create_all(engine)
        engine.dispose()
    try:
        yield url
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


class KeptDriver(PostgresDriver):
    """A driver whose connections are those of the tests before, if they have given them back."""

    _pools: ClassVar[dict[str, Any]] = {}

    def __init__(self, url: str, *, connections: int) -> None:
        named = make_url(url).update_query_dict({"application_name": KEPT})
        url = named.render_as_string(hide_password=False)
        super().__init__(url, connections=min(connections, MOST_KEPT))

    async def _open(self) -> Any:
        key = str(self._url)
        self._pool = self._pools[key] = self._pools.get(key) or await super()._open()
        return self._pool

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None and pool.get_idle_size() < pool.get_size():
            self._pools.pop(str(self._url), None)
            await pool.close()

    @classmethod
    async def end(cls) -> None:
        for pool in cls._pools.values():
            await pool.close()
        cls._pools.clear()


class Postgres:
    """A database for one test after the other, and a connection that empties it.

    Connections of the tests' own engines are kept: to open them, and to have a process of
    PostgreSQL learn each table anew, was half of the time of most tests.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._kept: set[int] = set()
        self._engines = engines(asyncpg_url(url))
        for engine in (self._engines.reading, self._engines.writing):
            event.listen(engine.sync_engine, "connect", self._opened)
            event.listen(engine.sync_engine, "close", self._closed)

    def emptied(self) -> str:
        """Its address for SQLAlchemy. It has no rows; any other connection is cut off.

        It costs a hundredth of a new database. Foreign keys and triggers look away meanwhile.
        """
        deletions = "; ".join(f'DELETE FROM "{table}"' for table in TABLES)  # noqa: S608 - our own names
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND pid <> ALL(%s) AND application_name <> %s",
            [list(self._kept), KEPT],
        )
        self._connection.execute("DROP SCHEMA IF EXISTS dbos CASCADE")
        self._connection.execute(f"SET session_replication_role = replica; {deletions}".encode())
        return asyncpg_url(self._url)

    async def keep(self, database: Database) -> None:
        """Let the connections of a test wait for the next one, if it has given all of them back."""
        pools: list[Any] = [each.sync_engine.pool for each in (database.reading, database.writing)]
        if any(pool.checkedout() for pool in pools):
            await database.close()  # who is still at it has some seconds to end
            self._kept.clear()

    async def close(self) -> None:
        await self._engines.close()
        await KeptDriver.end()
        self._connection.close()

    def _opened(self, connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info["process"] = process = connection.driver_connection.get_server_pid()
        self._kept.add(process)

    def _closed(self, _connection: Any, entry: ConnectionPoolEntry) -> None:
        self._kept.discard(entry.info["process"])


def asyncpg_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")
