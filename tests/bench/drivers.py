"""The bare drivers of both databases, asked in one way: SQL and arguments in, tuples out.

Statements are written for PostgreSQL: ``$1`` is the first argument, and a column is compared with
a list by ``= ANY($1)``.
"""

import re
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any, Protocol

import asyncpg
import orjson

from tests.bench import wire
from tests.bench.statements import ON_SQLITE

POOL = 10  # connections, as many as the gateway reads with


class Connection(Protocol):
    """``rows`` runs one statement; ``instant`` writes a moment in a row as answers do."""

    @property
    def rows(self) -> Callable[..., Awaitable[Sequence[Any]]]: ...

    @property
    def instant(self) -> Callable[[Any], str]: ...


class Driver(Protocol):
    """``connection`` lends one for as long as a request needs it."""

    def connection(self) -> AbstractAsyncContextManager[Connection]: ...


@asynccontextmanager
async def driver(url: str) -> AsyncGenerator[Driver]:
    """The driver for a database's address in SQLAlchemy's form."""
    if url.startswith("sqlite"):
        yield Sqlite(url.partition(":///")[2])
        return
    address = url.replace("+asyncpg", "")
    async with asyncpg.create_pool(address, min_size=POOL, max_size=POOL, reset=_nothing) as pool:
        yield Postgres(pool)


async def _nothing(_connection: Any) -> None:
    """Reads leave nothing behind on a connection that a round trip had to clear away."""


class Postgres:
    """A pool of asyncpg's, whose connections prepare each statement once."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        async with self._pool.acquire() as connection:
            yield _Postgres(connection)


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self.rows, self.instant = connection.fetch, wire.instant


class Sqlite:
    """One connection, called in the event loop itself.

    Most statements take less time than it takes to hand them to a thread and back, and threads
    would mostly wait for one another: to fetch rows holds the interpreter's lock.
    """

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        yield self

    async def rows(self, sql: str, *arguments: Any) -> Sequence[Any]:
        given = [orjson.dumps(one).decode() if isinstance(one, list) else one for one in arguments]
        return self._connection.execute(_translated(sql), given).fetchall()

    @staticmethod
    def instant(moment: str) -> str:
        return f"{moment[:10]}T{moment[11:]}Z"


@cache
def _translated(sql: str) -> str:
    sql = ON_SQLITE.get(sql, sql)
    sql = re.sub(r"= ANY\(\$(\d)\)", r"IN (SELECT value FROM json_each(?\1))", sql)
    return sql.replace("$", "?")
